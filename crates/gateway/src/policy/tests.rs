//! Policies that can be used, and those that are refused at start with the line named.

use super::*;
use crate::mcp::tool_names;

const GOOD: &str = r#"
[tools.list_subscriptions]
scopes = ["cost.read"]
[tools.cost_by_service]
scopes = ["cost.read"]
[tools.cost_export]
scopes = ["cost.export", "cost.read"]
roles = ["Cost.Exporter"]
auth_context = "c1"
[tools.cost_query]
scopes = ["cost.read"]
[tools.cost_compare]
scopes = ["cost.read"]
[tools.list_budgets]
scopes = ["cost.read"]
[tools.cost_anomalies]
scopes = ["cost.read"]
[tools.cost_commitments]
scopes = ["cost.read"]
[tools.cost_forecast]
scopes = ["cost.read"]
[tools.list_dimensions]
scopes = ["cost.read"]
"#;

fn parse(text: &str) -> Result<Policy, PolicyError> {
    Policy::of("policy.toml", text, &tool_names())
}

#[test]
fn the_built_in_policy_covers_every_tool() {
    let policy = Policy::built_in(&tool_names()).unwrap();
    for tool in tool_names() {
        assert!(policy.rule(tool).is_some(), "{tool}");
    }
    assert_eq!(policy.base_scopes(), ["cost.read"]);
    assert_eq!(policy.rule("cost_export").unwrap().scopes, ["cost.export"]);
}

#[test]
fn every_field_is_read() {
    let policy = parse(GOOD).unwrap();
    let rule = policy.rule("cost_export").unwrap();
    assert_eq!(rule.scopes, ["cost.export", "cost.read"]);
    assert_eq!(rule.roles, ["Cost.Exporter"]);
    assert_eq!(rule.auth_context.as_deref(), Some("c1"));
}

#[test]
fn each_fault_names_the_line_and_the_fix() {
    for (from, to, expected) in [
        ("[tools.cost_export]", "[tools.cost_exprt]", "line 6: [tools.cost_exprt] names no tool"),
        (
            r#"scopes = ["cost.export", "cost.read"]"#,
            "scopes = []",
            "line 6: [tools.cost_export] has no scopes",
        ),
        (
            r#""cost.export", "#,
            r#""cost.read", "#,
            "line 6: [tools.cost_export] scopes holds `cost.read` twice",
        ),
        (r#""cost.export""#, r#""""#, "scopes holds ``"),
        (r#""cost.export""#, r#""cost.read cost.export""#, "one word"),
        (r#""cost.export""#, r#""a\"b""#, "one word"),
        (r#"["Cost.Exporter"]"#, r#"["a\nb"]"#, r"roles holds `a\nb`"),
        (r#""c1""#, r#""1""#, "c1 to c99"),
        (r#""c1""#, r#""c100""#, "c1 to c99"),
        (r#""c1""#, r#""c+1""#, "c1 to c99"),
        (r#""c1""#, r#""c01""#, "c1 to c99"),
        ("auth_context", "auth_contxt", "line 9"),
        ("scopes = [\"cost.export\", \"cost.read\"]\n", "", "line 6"),
        ("[tools.cost_export]", "[tools.cost_by_service]", "line 6"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.starts_with("policy.toml"), "{error}");
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn a_tool_without_an_entry_is_a_start_up_error() {
    let text = GOOD.replace("[tools.cost_by_service]\nscopes = [\"cost.read\"]\n", "");
    let error = parse(&text).unwrap_err().to_string();
    assert!(error.contains("the tool `cost_by_service` has no entry"), "{error}");
    assert!(parse("").is_err());
}

#[test]
fn an_inline_table_has_its_line_too() {
    let text = "[tools]\nlist_subscriptions = { scopes = [\"cost.read\"] }\ncost_export = { scopes = [] }\n";
    let error = parse(text).unwrap_err().to_string();
    assert!(error.starts_with("policy.toml, line 3: [tools.cost_export] has no scopes"), "{error}");
}
