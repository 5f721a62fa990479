//! Clients that nobody on this project wrote, run unchanged: Microsoft's MSAL, and the official MCP clients.

use std::collections::BTreeMap;
use std::process::Stdio;

use e2e::Stack;
use emulator::TokenSpec;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::process::Command;

/// Runs a script of `tests/clients` and reads the one JSON line it prints.
pub(crate) struct Client {
    command: Command,
}

impl Client {
    pub(crate) fn new(script: &str, stack: &Stack) -> Self {
        let run = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/run");
        let mut command = Command::new(run);
        command.arg(script).stdin(Stdio::null()).kill_on_drop(true);
        // Both override what a client is told about certificates.
        command.env_remove("REQUESTS_CA_BUNDLE").env_remove("CURL_CA_BUNDLE").env_remove("SSL_CERT_FILE");
        command.env("CA_FILE", stack.ca_file());
        Self { command }
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// The exit code and what was printed.
    pub(crate) async fn run(mut self) -> (i32, Value) {
        let output =
            self.command.output().await.expect("tests/clients/setup.sh installs the clients (make setup)");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let line = stdout.lines().last().unwrap_or_default();
        let value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON line: {stdout}\n{stderr}"));
        (output.status.code().unwrap_or(-1), value)
    }
}

fn msal(script: &str, stack: &Stack, assertion: &str) -> Client {
    let authority = format!("{}/{}", stack.emulator.endpoints().authority, emulator::TENANT_ID);
    Client::new(script, stack)
        .env("OBO_AUTHORITY", &authority)
        .env("OBO_CLIENT_ID", emulator::API_CLIENT_ID)
        .env("OBO_CERTIFICATE", stack.credential_file().to_str().expect("a path in UTF-8"))
        .env("OBO_ASSERTION", assertion)
}

#[tokio::test]
async fn msal_clients_complete_the_exchange() {
    let stack = Stack::start().await;
    for script in ["msal_node_obo.mjs", "msal_python_obo.py"] {
        for flags in [&[][..], &["--cp1"], &["--sha1"]] {
            let assertion = stack.token("alice");
            let before = stack.emulator.counts().exchanges;
            let (code, printed) = msal(script, &stack, &assertion).args(flags).run().await;
            assert_eq!(code, 0, "{script} {flags:?}: {printed}");
            assert_eq!(stack.emulator.counts().exchanges, before + 1, "{script} {flags:?}");
        }
    }
}

#[tokio::test]
async fn msal_clients_see_the_challenge_and_the_missing_consent() {
    let stack = Stack::start().await;
    for script in ["msal_node_obo.mjs", "msal_python_obo.py"] {
        let (code, printed) = msal(script, &stack, &stack.token("dave")).run().await;
        assert_eq!(code, 3, "{script}: {printed}");
        assert!(printed.to_string().contains("50076"), "{script}: {printed}");
        let satisfied = stack.mint(&TokenSpec::for_person("dave").after_mfa());
        let (code, printed) = msal(script, &stack, &satisfied).run().await;
        assert_eq!(code, 0, "{script}: {printed}");
    }
    stack.emulator.set_arm_consent(false);
    for script in ["msal_node_obo.mjs", "msal_python_obo.py"] {
        let (code, printed) = msal(script, &stack, &stack.token("alice")).run().await;
        assert_eq!(code, 3, "{script}: {printed}");
        assert!(printed.to_string().contains("65001"), "{script}: {printed}");
    }
}

/// Closed months, whose figures stay.
const SEPTEMBER: (Date, Date) = (date(2026, 9, 1), date(2026, 9, 12));

/// What the raw rows of a scope add up to, by currency.
fn summed(stack: &Stack, scope: &str, is_amortized: bool) -> BTreeMap<String, Decimal> {
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for row in stack.emulator.raw_rows(scope, SEPTEMBER.0..=SEPTEMBER.1, is_amortized).unwrap() {
        let cost: Decimal = row["cost"].as_str().unwrap().parse().unwrap();
        *sums.entry(row["currency"].as_str().unwrap().to_owned()).or_default() += cost;
    }
    sums
}

/// What both libraries read of a scope's budgets.
fn budgets(scope: &str, read: &Value) {
    let list = |name: &str| read[name].as_array().unwrap_or_else(|| panic!("{scope}: {read}"));
    let (newer, older) = (list("newer"), list("older"));
    let of_costs: Vec<_> = newer.iter().filter(|budget| !budget[1].is_null()).collect();
    assert_eq!(of_costs, older.iter().collect::<Vec<_>>(), "{scope}: the older one has no reservations");
    assert!(of_costs.iter().all(|budget| budget[3][1].is_string()), "{scope}: {read}");
    let watched = usize::from(scope.contains("/billingProfiles/"));
    assert_eq!(
        (list("reservations").len(), newer.len() - of_costs.len()),
        (watched, watched),
        "{scope}: {read}"
    );
    assert_eq!(read["one"][0], newer.first().cloned().unwrap_or_default(), "{scope}: {read}");
}

/// What of each benefit was used on each day, in per cent, by the rows.
fn used(stack: &Stack, scope: &str) -> BTreeMap<(String, String), f64> {
    let mut days: BTreeMap<(String, String), [f64; 2]> = BTreeMap::new();
    for row in stack.emulator.raw_rows(scope, SEPTEMBER.0..=SEPTEMBER.1, true).unwrap() {
        let text = |name: &str| row[name].as_str().unwrap();
        if text("benefitId").is_empty() {
            continue;
        }
        let cost: f64 = text("cost").parse().unwrap();
        let day = days.entry((text("benefitId").to_owned(), text("date").to_owned())).or_default();
        day[0] += if text("chargeType") == "Usage" { cost } else { 0.0 };
        day[1] += cost;
    }
    days.into_iter().map(|(key, [used, whole])| (key, 100.0 * used / whole)).collect()
}

/// Benefits, recommendations, lots and events of a billing scope.
fn assert_benefits(stack: &Stack, scope: &str, read: &Value) {
    let expected = used(stack, scope);
    let of = |name: &str| read[name].as_array().unwrap_or_else(|| panic!("{scope}: {read}"));
    let figure = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let mut found = BTreeMap::new();
    for plan in of("plans") {
        let id = plan[1].as_str().unwrap().to_lowercase();
        found.insert((id, plan[2].as_str().unwrap().to_owned()), figure(&plan[3]));
    }
    for reserved in of("reservations") {
        let id = reserved[0].as_str().unwrap();
        let known = expected.keys().find(|(path, _)| path.ends_with(id)).unwrap_or_else(|| panic!("{id}"));
        let day = reserved[1].as_str().unwrap()[..10].to_owned();
        found.insert((known.0.clone(), day), 100.0 * figure(&reserved[2]) / figure(&reserved[3]));
    }
    assert!(of("included").iter().all(|one| figure(&one[1]) > 0.0) && !of("included").is_empty(), "{read}");
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{scope}");
    for (key, percent) in found {
        assert!((percent - expected[&key]).abs() < 1e-5, "{scope} {key:?}: {percent}");
    }
    assert!(read["details"].as_u64().unwrap() >= of("reservations").len() as u64, "{read}");
    assert_eq!(of("recommendations"), json!([["SavingsPlan", "P1Y", 10, 168]]).as_array().unwrap(), "{read}");
    let statuses: Vec<_> = of("reports").iter().map(|report| &report[0]).collect();
    assert_eq!(statuses, ["Complete", "Completed"], "{read}");
    let [lot] = &of("lots")[..] else { panic!("{read}") };
    let organization = if scope.contains("billingProfiles") { Value::Null } else { json!("Primary") };
    assert_eq!(lot[1], organization, "{read}");
    assert!(figure(&lot[2]) > 0.0 && of("events").iter().any(|event| event[0] == "SettledCharges"), "{read}");
}

/// Query, dimensions, tags, budgets, subscriptions, reports and benefits, at scopes of every form and agreement.
#[tokio::test]
async fn microsofts_own_libraries_read_every_answer_about_costs() {
    const PROFILE: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD";
    let stack = Stack::builder().faults(|faults| faults.included_quantities = true).start().await;
    let subscriptions =
        [emulator::RETAIL_SUBSCRIPTION, emulator::FACTORY_SUBSCRIPTION, emulator::LAB_SUBSCRIPTION]
            .map(|id| format!("/subscriptions/{id}"));
    let group = format!("{}/resourceGroups/RG-web", subscriptions[0]);
    let enrolment = "/providers/Microsoft.Billing/billingAccounts/8611537";
    let above = ["/providers/Microsoft.Management/managementGroups/contoso", PROFILE, enrolment];
    let above = above.map(str::to_owned);
    let scopes: Vec<String> = subscriptions.into_iter().chain([group]).chain(above).collect();
    let mut args = vec!["2026-09-01", "2026-09-12"];
    args.extend(scopes.iter().map(String::as_str));
    let assertion = stack.token("frank");
    let client =
        msal("azure_sdk.py", &stack, &assertion).env("ARM_ENDPOINT", &stack.emulator.endpoints().arm);
    let (code, printed) = client.args(&args).run().await;
    assert_eq!(code, 0, "{printed}");
    assert_eq!(printed["subscriptions"].as_array().unwrap().len(), 5, "{printed}");
    for (scope, answer) in scopes.iter().zip(printed["scopes"].as_array().unwrap()) {
        for (kind, is_amortized) in [("ActualCost", false), ("AmortizedCost", true)] {
            let costs = &answer["costs"][kind]["costs"];
            let costs: BTreeMap<String, Decimal> = costs
                .as_object()
                .unwrap_or_else(|| panic!("{scope}: {answer}"))
                .iter()
                .map(|(currency, cost)| (currency.clone(), cost.as_str().unwrap().parse().unwrap()))
                .collect();
            assert_eq!(costs, summed(&stack, scope, is_amortized), "{scope} {kind}");
            assert!(answer["costs"][kind]["pages"].as_u64().unwrap() > 1, "{scope}: {answer}");
        }
        let forecast = &answer["forecast"];
        assert_eq!(forecast["columns"], json!(["Cost", "UsageDate", "CostStatus", "Currency"]), "{scope}");
        assert_eq!(forecast["status"], json!(["Forecast"]), "{scope}");
        assert!(forecast["next_link"].as_str().is_none_or(str::is_empty), "{scope}: {forecast}");
        assert!(!forecast["costs"].as_object().unwrap().is_empty(), "{scope}: {forecast}");
        assert!(answer["dimensions"]["total"].as_u64().unwrap() > 2, "{scope}: {answer}");
        assert!(answer["tags"].to_string().contains("team"), "{scope}: {answer}");
        budgets(scope, &answer["budgets"]);
        let report = &answer["report"];
        match scope {
            _ if !scope.starts_with("/subscriptions/") => assert!(report.is_null()),
            _ if scope.contains(emulator::LAB_SUBSCRIPTION) => assert_eq!(report["refused"], 422, "{report}"),
            _ => assert_eq!(report["status"], "Completed", "{scope}: {report}"),
        }
        if scope.contains("/billingAccounts/") {
            assert_benefits(&stack, scope, &answer["benefits"]);
        }
    }
    // And who may not: the library reads the refusal.
    let assertion = stack.token("bob");
    let client =
        msal("azure_sdk.py", &stack, &assertion).env("ARM_ENDPOINT", &stack.emulator.endpoints().arm);
    let (code, printed) = client.args(&args).run().await;
    assert_eq!(code, 0, "{printed}");
    assert_eq!(printed["scopes"][0]["code"], "RBACAccessDenied", "{printed}");
    assert_eq!(printed["scopes"][5]["code"], "BillingAccessDenied", "{printed}");
}

const QUESTION: &str = r#"{"subscription": "Contoso Dev", "from": "2026-10-01", "to": "2026-10-31"}"#;

#[tokio::test]
async fn official_mcp_clients_list_and_call_tools_in_both_eras() {
    let stack = Stack::start().await;
    for script in ["mcp_python.py", "mcp_ts.mjs"] {
        for mode in ["auto", "legacy"] {
            let (code, printed) = Client::new(script, &stack)
                .args(&[mode, &stack.public_url()])
                .args(&["--call", "list_subscriptions", "{}", "--call", "cost_by_service", QUESTION])
                .args(&["--call", "cost_by_service", r#"{"subscription": "nowhere"}"#])
                // Each holds what it gets against the tool's schema.
                .args(&["--call", "cost_query", r#"{"scopes": "Contoso Dev", "granularity": "daily", "group_by": "service", "measures": "usd"}"#])
                .args(&["--call", "cost_compare", r#"{"scopes": ["Contoso Dev"], "period": "2026-10"}"#])
                .args(&["--call", "cost_anomalies", r#"{"scopes": ["Contoso Dev"]}"#])
                .args(&["--call", "cost_forecast", r#"{"scopes": ["Contoso Dev"]}"#])
                .args(&["--call", "list_dimensions", r#"{"scopes": ["Contoso Dev"]}"#])
                .args(&["--call", "list_budgets", r#"{"scopes": ["Contoso Dev"], "live": true}"#])
                .args(&["--call", "cost_commitments", r#"{"scopes": "Contoso Prod", "period": "2026-10"}"#])
                .args(&["--call", "cost_export", r#"{"scope": "Contoso Dev", "period": "yesterday"}"#])
                .args(&["--call", "cost_export", r#"{"export_id": "EXPORT_ID"}"#])
                .env("MCP_TOKEN", &stack.token("alice"))
                .run()
                .await;
            assert_eq!(code, 0, "{script} {mode}: {printed}");
            assert_eq!(printed["tools"].as_array().unwrap().len(), 10, "{printed}");
            let prompts = printed["prompts"].as_array().unwrap();
            assert!(prompts.len() >= 3, "{script} {mode}: {printed}");
            for prompt in prompts {
                assert!(prompt["text"].as_str().unwrap().contains("1. "), "{script} {mode}: {prompt}");
                let scopes = prompt["scopes"].to_string();
                assert_eq!(scopes, r#"["Contoso Dev","Contoso Prod"]"#, "{script} {mode}: {prompt}");
            }
            let calls = printed["calls"].as_array().unwrap();
            let names = calls[0]["structured"]["subscriptions"].to_string();
            assert!(names.contains("Contoso Prod"), "{script} {mode}: {printed}");
            assert!(!calls[1]["structured"]["services"].as_array().unwrap().is_empty(), "{printed}");
            let members =
                ["rows", "currencies", "events", "currencies", "dimensions", "budgets", "currencies"];
            for (call, member) in (3..).zip(members) {
                let found = calls[call]["structured"][member].as_array();
                assert!(found.is_some_and(|found| !found.is_empty()), "{script} {mode}: {printed}");
            }
            // An export is begun, asked for, listed and read.
            let export = &calls[11]["structured"];
            assert_eq!(export["status"], "ready", "{script} {mode}: {printed}");
            let resources = printed["resources"].as_array().unwrap();
            let own = resources.iter().find(|one| one["uri"] == export["uri"]).unwrap();
            assert_eq!((&own["text"], &own["size"]), (&export["content"], &export["size"]), "{printed}");
            // A tool's error arrives whole, schema or no schema.
            assert_eq!(calls[2]["is_error"], true, "{script} {mode}: {printed}");
            assert_eq!(
                calls[2]["structured"]["code"], "subscription_not_found",
                "{script} {mode}: {printed}"
            );
        }
    }
}

#[tokio::test]
async fn official_mcp_clients_show_why_they_were_refused() {
    let stack = Stack::start().await;
    for script in ["mcp_python.py", "mcp_ts.mjs"] {
        for mode in ["auto", "legacy"] {
            let (code, printed) = Client::new(script, &stack)
                .args(&[mode, &stack.public_url(), "--call", "cost_export", QUESTION])
                .env("MCP_TOKEN", &stack.token("bob"))
                .run()
                .await;
            assert_eq!(code, 3, "{script} {mode}: {printed}");
            let shown = printed.to_string();
            assert!(
                shown.contains("cost.export") || shown.contains("insufficient_scope"),
                "{script} {mode}: {shown}"
            );
        }
    }
}

#[tokio::test]
async fn reflection_clients_see_what_the_broker_serves() {
    let stack = Stack::start().await;
    let target = stack.broker_url().strip_prefix("http://").unwrap();
    let (code, printed) = Client::new("grpc_reflection_list.py", &stack).args(&[target]).run().await;
    assert_eq!(code, 0, "{printed}");
    let calls = printed["token_broker.v1.TokenBroker"].to_string();
    assert!(calls.contains("\"Exchange\"") && calls.contains("\"PurgeUser\""), "{printed}");
    assert!(printed["grpc.health.v1.Health"].to_string().contains("Check"), "{printed}");
}
