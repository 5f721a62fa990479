//! What a report looks like, and what it must never do to a terminal.

use super::*;

fn report(findings: Vec<Finding>) -> Report {
    Report { tool: "gateway doctor", checked_at: "2026-11-22T10:00:00Z".parse().unwrap(), findings }
}

fn one_of_each() -> Report {
    report(vec![
        Finding::ok("policy", "the built-in policy", "3 tools"),
        Finding::missing(
            "downstream_consent",
            "mcp-cost-server may call Azure",
            "nobody consented",
            "Let an administrator consent.",
        )
        .at("https://login.microsoftonline.com/t/adminconsent"),
        Finding::unknown("broker", "http://127.0.0.1:50051", "it does not answer", ""),
    ])
}

#[test]
fn the_table_names_what_how_and_where() {
    assert_eq!(
        one_of_each().table(false),
        "\
ok       policy              the built-in policy: 3 tools
missing  downstream_consent  mcp-cost-server may call Azure
                             nobody consented
                             fix: Let an administrator consent.
                             open: https://login.microsoftonline.com/t/adminconsent
unknown  broker              http://127.0.0.1:50051
                             it does not answer

gateway doctor: 1 ok, 1 missing, 1 unknown
"
    );
}

#[test]
fn what_is_well_and_could_be_more_shows_how() {
    let fix = "Sign in again and request it.";
    let finding = Finding::new("tool", "cost_export", Outcome::Ok, "refused: missing_scope:cost.export", fix);
    let report = report(vec![finding]);
    assert_eq!(
        report.table(false),
        "\
ok       tool  cost_export: refused: missing_scope:cost.export
               fix: Sign in again and request it.

gateway doctor: 1 ok, 0 missing, 0 unknown
"
    );
    assert_eq!((report.outcome(), &report.json()["checks"][0]["fix"]), (Outcome::Ok, &json!(fix)));
}

#[test]
fn colour_adds_nothing_but_colour() {
    let coloured = one_of_each().table(true);
    for (code, word) in [("32", "ok"), ("31", "missing"), ("33", "unknown")] {
        assert!(coloured.contains(&format!("\x1b[{code}m{word}")), "{coloured}");
    }
    let stripped = ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"]
        .iter()
        .fold(coloured, |text, code| text.replace(code, ""));
    assert_eq!(stripped, one_of_each().table(false));
}

#[test]
fn the_document_holds_the_same() {
    let document = one_of_each().json();
    assert_eq!(document["version"], 1);
    assert_eq!(document["result"], "missing");
    assert_eq!(document["exit_code"], 1);
    assert_eq!(document["counts"], json!({"ok": 1, "missing": 1, "unknown": 1}));
    assert_eq!(document["checks"][1]["url"], "https://login.microsoftonline.com/t/adminconsent");
    assert_eq!(document["checks"][2]["result"], "unknown");
    assert_eq!(document["checks"][2]["url"], Value::Null);
}

#[test]
fn missing_outweighs_unknown_and_nothing_is_not_well() {
    let (ok, unknown) = (Finding::ok("a", "", ""), Finding::unknown("b", "", "", ""));
    let missing = Finding::missing("c", "", "", "");
    for (findings, code) in [
        (vec![], 2),
        (vec![ok.clone()], 0),
        (vec![ok.clone(), unknown.clone()], 2),
        (vec![missing, unknown, ok], 1),
    ] {
        assert_eq!(report(findings).outcome().exit_code(), code);
    }
}

#[test]
fn a_hostile_text_stays_on_its_line_and_off_the_terminal() {
    let hostile = "Evil\u{1b}[2J\nok       policy\u{202e}";
    let table = report(vec![Finding::unknown(hostile, hostile, hostile, hostile).at(hostile)]).table(false);
    assert!(!table.contains(['\u{1b}', '\u{202e}']), "{table}");
    assert!(table.lines().all(|line| !line.starts_with("ok")), "{table}");
}
