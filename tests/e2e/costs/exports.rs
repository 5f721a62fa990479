//! Exports as people make them: begun, asked for by their id, read; and what others get of them, which is nothing.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::{Answer, Stack};
use emulator::{DEV_SUBSCRIPTION, FaultSettings, PROD_SUBSCRIPTION, ReportFaults, TokenSpec};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::final_month;
use super::raw::Rows;

/// A token with which a person may export.
pub(super) fn exporter(stack: &Stack, person: &str) -> String {
    stack.mint(&TokenSpec::for_person(person).scopes(&["cost.read", "cost.export"]))
}

/// Days of the final month, as arguments beside others.
pub(super) fn days(first: i8, last: i8, mut more: Value) -> Value {
    let day = |day: i8| final_month().with().day(day).build().unwrap().to_string();
    more["from"] = day(first).into();
    more["to"] = day(last).into();
    more
}

async fn export(stack: &Stack, token: &str, arguments: Value) -> Answer {
    stack.caller.call(token, "cost_export", arguments).await
}

/// An export that is ready: with the first answer, unless the machine is busy.
pub(super) async fn ready(stack: &Stack, token: &str, arguments: Value) -> Value {
    let answer = stack.caller.export(token, arguments).await;
    assert_eq!((answer.status, answer.data()["status"].as_str()), (200, Some("ready")), "{}", answer.text);
    answer.data().clone()
}

/// Rows and sums by currency of a file, by the names of its columns.
fn sums(content: &str, cost: &str, currency: &str) -> (usize, BTreeMap<String, Decimal>) {
    let content = content.strip_prefix('\u{feff}').expect("a byte order mark, as Azure's");
    assert!(!content.contains('\u{feff}') && !content.replace("\r\n", "").contains('\n'), "CRLF, as Azure's");
    let mut reader = csv::Reader::from_reader(content.as_bytes());
    let head = reader.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|one| one == name).unwrap_or_else(|| panic!("{name}"));
    let (cost, currency) = (column(cost), column(currency));
    let (mut rows, mut sums) = (0, BTreeMap::new());
    for row in reader.records() {
        let row = row.unwrap();
        rows += 1;
        *sums.entry(row[currency].to_owned()).or_insert(Decimal::ZERO) +=
            row[cost].parse::<Decimal>().unwrap();
    }
    (rows, sums)
}

#[tokio::test]
async fn a_small_export_comes_with_the_answer_and_holds_every_charge() {
    let stack = Stack::builder().gateway(&["--export-inline-bytes=4000000"]).start().await;
    let dev = format!("/subscriptions/{DEV_SUBSCRIPTION}");
    let enrolment = "/providers/Microsoft.Billing/billingAccounts/8611537".to_owned();
    for (person, scope, metric, cost, currency) in [
        ("alice", dev, "actual", "costInBillingCurrency", "billingCurrency"),
        ("frank", enrolment, "amortized", "CostInBillingCurrency", "BillingCurrencyCode"),
    ] {
        let token = exporter(&stack, person);
        let arguments = days(1, 3, json!({"scope": scope, "metric": metric}));
        let answer = export(&stack, &token, arguments).await;
        let data = answer.data();
        let content = data["content"].as_str().unwrap_or_else(|| panic!("{}", answer.text));
        let month = final_month();
        let raw = Rows::of(&stack, &scope, month..=month.with().day(3).build().unwrap(), metric);
        let mut expected = BTreeMap::new();
        for row in &raw.all {
            *expected.entry(row.currency.clone()).or_insert(Decimal::ZERO) += row.cost;
        }
        assert_eq!(sums(content, cost, currency), (raw.all.len(), expected), "{scope}");
        assert_eq!(data["rows"], raw.all.len());
        assert_eq!(
            (&data["size"], &data["type"]),
            (&json!(content.len()), &json!("text/csv; charset=utf-8"))
        );
        let link = &answer.document["result"]["content"][1];
        let of_link = [&link["type"], &link["uri"], &link["size"], &link["mimeType"], &link["name"]];
        assert_eq!(
            of_link,
            [&json!("resource_link"), &data["uri"], &data["size"], &data["type"], &data["name"]]
        );
        let expected = format!("/exports/{}", data["export_id"].as_str().unwrap());
        assert!(data["uri"].as_str().unwrap().ends_with(&expected), "{data}");
        let again = export(&stack, &token, json!({"export_id": data["export_id"]})).await;
        assert_eq!(again.data(), data);
    }
    assert_eq!(stack.emulator.counts().blob_authorization_leaks, 0);
}

#[tokio::test]
async fn an_export_is_asked_for_by_its_id_and_is_nobody_elses() {
    let stack = Stack::builder().emulator(|azure| azure.report_retry_after = 60).start().await;
    let alice = exporter(&stack, "alice");
    let order = || days(1, 2, json!({"subscription": "Contoso Dev"}));
    let begun = export(&stack, &alice, order()).await;
    let data = begun.data();
    assert_eq!(
        (data["status"].as_str(), data["progress"]["reports"].as_u64()),
        (Some("running"), Some(1)),
        "{}",
        begun.text
    );
    assert!(data["ready_in_seconds"].as_u64().unwrap() > 30, "{data}");
    let id = data["export_id"].as_str().unwrap();
    assert!(begun.readable().contains(&format!("{{\"export_id\": \"{id}\"}}")), "{}", begun.readable());

    let joined = export(&stack, &alice, order()).await;
    assert_eq!(joined.data()["export_id"], id, "the same question is the same export");
    let told = export(&stack, &alice, json!({"export_id": id})).await;
    assert_eq!((told.data()["status"].as_str(), &told.data()["scope"]), (Some("running"), &data["scope"]));
    let orders =
        stack.emulator.counts().arm_by_operation["Microsoft.CostManagement/generateCostDetailsReport"];
    assert_eq!(orders, 1);

    let bob = exporter(&stack, "bob");
    let (maker, secret) = id.split_once('-').unwrap();
    let digit = if secret.ends_with('0') { '1' } else { '0' };
    let guessed = format!("{maker}-{}{digit}", &secret[..secret.len() - 1]);
    let not_yours = export(&stack, &bob, json!({"export_id": id})).await;
    assert_eq!(not_yours.data()["code"], "export_not_found", "{}", not_yours.text);
    for nothing in [guessed.as_str(), "", "../../etc/passwd", &format!("{id}/../{id}")] {
        let answer = export(&stack, &bob, json!({"export_id": nothing, "scope": "x"})).await;
        let is_none = nothing.is_empty() || answer.text == not_yours.text;
        assert!(is_none && answer.is_tool_error(), "{nothing}: {}", answer.text);
    }
    let elsewhere = export(&stack, &bob, json!({"export_id": format!("ffffffff-{secret}")})).await;
    assert_eq!(elsewhere.data()["code"], "export_elsewhere", "{}", elsewhere.text);
    // The scope is judged before anything is looked up.
    let before = stack.emulator.counts().exchanges;
    for id in [id, &guessed, "nonsense"] {
        let refused = export(&stack, &stack.token("bob"), json!({"export_id": id})).await;
        assert_eq!((refused.status, refused.code()), (403, "missing_scope:cost.export"));
    }
    assert_eq!(stack.emulator.counts().exchanges, before);
}

#[tokio::test]
async fn what_fails_says_what_to_do() {
    let stack = Stack::start().await;
    let token = exporter(&stack, "alice");
    let reports = |reports: ReportFaults| FaultSettings { reports, ..FaultSettings::default() };
    for (faults, code) in [
        (reports(ReportFaults { odd_header: Some(1), ..Default::default() }), "report_damaged"),
        (reports(ReportFaults { forgotten: 9, ..Default::default() }), "report_failed"),
        (reports(ReportFaults { failed: 9, ..Default::default() }), "report_failed"),
    ] {
        stack.emulator.faults().set(faults);
        let answer = export(&stack, &token, days(1, 28, json!({"scope": PROD_SUBSCRIPTION}))).await;
        assert!(answer.is_tool_error(), "{}", answer.text);
        assert_eq!(answer.data()["code"], code, "{}", answer.text);
        assert!(answer.data()["detail"].as_str().unwrap().contains("Ask"), "{}", answer.text);
    }
    stack.emulator.faults().clear();
    let frank = exporter(&stack, "frank");
    for (scope, code, next) in [
        ("Contoso Lab", "no_report_of_offer", "cost_query"),
        ("/providers/Microsoft.Management/managementGroups/contoso", "invalid_query", "billing scope"),
    ] {
        let answer = export(&stack, &frank, days(1, 2, json!({"scope": scope}))).await;
        assert_eq!(answer.data()["code"], code, "{}", answer.text);
        assert!(answer.data()["detail"].as_str().unwrap().contains(next), "{}", answer.text);
    }
    let nothing = stack.emulator.counts().arm_requests;
    for (arguments, said) in [
        (json!({}), "'scope' is missing"),
        (json!({"scope": "x", "format": "xlsx"}), "is no format"),
        (json!({"scope": "x", "from": "soonish"}), "is not a day"),
        (json!({"scope": ["x", "y"]}), "one text"),
    ] {
        let answer = export(&stack, &token, arguments).await;
        assert!(answer.is_tool_error() && answer.readable().contains(said), "{}", answer.text);
    }
    assert_eq!(stack.emulator.counts().arm_requests, nothing);
}

#[tokio::test]
async fn a_cut_connection_a_new_link_and_a_lost_report_change_nothing() {
    let stack = Stack::start().await;
    let token = exporter(&stack, "alice");
    let order = || days(1, 28, json!({"scope": PROD_SUBSCRIPTION}));
    let whole = ready(&stack, &token, order()).await;
    for reports in [
        ReportFaults { cuts: 2, cut_after: 100_000, ..Default::default() },
        ReportFaults { expired_links: 1, ..Default::default() },
        ReportFaults { forgotten: 1, ..Default::default() },
        ReportFaults { failed: 1, ..Default::default() },
    ] {
        stack.emulator.faults().set(FaultSettings { reports: reports.clone(), ..FaultSettings::default() });
        let same = ready(&stack, &token, order()).await;
        assert_ne!(same["export_id"], whole["export_id"]);
        assert_eq!((&same["sha256"], &same["size"]), (&whole["sha256"], &whole["size"]), "{reports:?}");
        let left = stack.emulator.faults().settings().reports;
        assert_eq!((left.cuts, left.expired_links, left.forgotten, left.failed), (0, 0, 0, 0), "it struck");
    }
}

#[tokio::test]
async fn an_export_expires_and_its_file_is_noise_that_goes() {
    let folder = tempfile::tempdir().unwrap();
    let flags = [format!("--export-dir={}", folder.path().display()), "--export-ttl-seconds=60".to_owned()];
    let stack = Stack::builder().gateway(&flags.each_ref().map(String::as_str)).start().await;
    let token = exporter(&stack, "alice");
    let data = ready(&stack, &token, days(1, 28, json!({"scope": PROD_SUBSCRIPTION}))).await;
    let kept = bytes_below(folder.path());
    assert!(kept.len() as u64 > data["size"].as_u64().unwrap(), "{}", kept.len());
    let secrets = stack.emulator.issued_secrets();
    for word in ["costInBillingCurrency", "Microsoft.Compute", "subscriptions"]
        .iter()
        .copied()
        .chain(secrets.iter().map(String::as_str))
    {
        assert!(!kept.windows(word.len()).any(|part| part == word.as_bytes()), "a word of it is on the disk");
    }
    stack.advance(SignedDuration::from_secs(61));
    let over = export(&stack, &exporter(&stack, "alice"), json!({"export_id": data["export_id"]})).await;
    assert_eq!(over.data()["status"], "expired", "{}", over.text);
    assert!(over.data().get("uri").is_none() && over.readable().contains("Ask for it anew"));
}

/// Everything that stands in the files of a directory.
pub(super) fn bytes_below(folder: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { bytes_below(&path) } else { std::fs::read(path).unwrap() })
        .collect()
}

#[tokio::test]
async fn exports_are_resources_of_their_owner() {
    let stack = Stack::builder().gateway(&["--export-inline-bytes=1000000"]).start().await;
    let (alice, bob) = (exporter(&stack, "alice"), exporter(&stack, "bob"));
    let data = ready(&stack, &alice, days(1, 2, json!({"scope": DEV_SUBSCRIPTION}))).await;
    let uri = data["uri"].as_str().unwrap();
    let list = async |token: &str| {
        let listed = stack.caller.request(Some(token), "resources/list", json!({})).await;
        assert_eq!(listed.document["result"]["cacheScope"], "private", "{}", listed.text);
        listed.document["result"]["resources"].clone()
    };
    let own = list(&alice).await;
    assert_eq!(
        (own.as_array().unwrap().len(), &own[0]["uri"], &own[0]["size"]),
        (1, &data["uri"], &data["size"])
    );
    for nobody in [&bob, &stack.token("bob"), &stack.token("carol")] {
        assert_eq!(list(nobody).await, json!([]));
    }
    let read = async |token: &str, uri: &str| {
        stack.caller.request(Some(token), "resources/read", json!({"uri": uri})).await
    };
    let whole = read(&alice, uri).await;
    let contents = &whole.document["result"]["contents"][0];
    assert_eq!((&contents["uri"], &contents["text"]), (&data["uri"], &data["content"]), "{}", whole.text);
    let refused = read(&stack.token("bob"), uri).await;
    assert_eq!((refused.status, refused.code()), (403, "missing_scope:cost.export"), "{}", refused.text);
    let others = read(&bob, uri).await;
    assert_eq!(others.document["error"]["code"], -32002, "{}", others.text);
    for none in [
        "file:///etc/passwd",
        &format!("{uri}0"),
        &format!("https://evil.example/{}", data["export_id"].as_str().unwrap()),
    ] {
        assert_eq!(read(&bob, none).await.text, others.text, "{none}");
    }
}

#[tokio::test]
async fn the_file_is_fetched_by_its_owner_alone_and_goes_on_where_it_was_cut() {
    let stack = Stack::start().await;
    let (alice, bob) = (exporter(&stack, "alice"), exporter(&stack, "bob"));
    let data = ready(&stack, &alice, days(1, 28, json!({"scope": PROD_SUBSCRIPTION}))).await;
    let (uri, size) = (data["uri"].as_str().unwrap(), data["size"].as_u64().unwrap());
    assert!(data.get("content").is_none() && size > 100_000, "{size}");
    let get = |token: &str, range: &str| {
        let request = stack.caller.requesting(reqwest::Method::GET, uri).bearer_auth(token);
        let request = request.header("range", range);
        async move { request.send().await.unwrap() }
    };
    let mut got = get(&alice, "bytes=0-70000").await.bytes().await.unwrap().to_vec();
    let rest = get(&alice, "bytes=70001-").await;
    assert_eq!(rest.status(), 206);
    got.extend_from_slice(&rest.bytes().await.unwrap());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &got);
    let hex = digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert_eq!((data["sha256"].as_str().unwrap(), size), (hex.as_str(), got.len() as u64));

    let scope = format!("/subscriptions/{PROD_SUBSCRIPTION}");
    let last = final_month().with().day(28).build().unwrap();
    let raw = Rows::of(&stack, &scope, final_month()..=last, "actual");
    let (rows, _) = sums(&String::from_utf8(got).unwrap(), "costInBillingCurrency", "billingCurrency");
    assert_eq!((rows, data["rows"].as_u64().unwrap()), (raw.all.len(), rows as u64));

    assert_eq!(get(&bob, "bytes=0-").await.status(), 404, "another person's is not there");
    assert_eq!(get(&stack.token("bob"), "bytes=0-").await.status(), 403);
    let nobody = stack.caller.requesting(reqwest::Method::GET, uri).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}
