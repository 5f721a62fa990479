//! What the audit says of a run is what its callers saw, no more and no less; and nobody is let through without a record.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use audit::verify::{Finding, verify};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use e2e::processes::{Ports, Processes, Setup};
use e2e::{Answer, Caller, Stack};
use emulator::DEV_SUBSCRIPTION;
use serde_json::{Value, json};

/// Records by who, what and how it ended.
pub(crate) type Ledger = BTreeMap<[String; 3], usize>;

fn add(ledger: &mut Ledger, entry: [&str; 3]) {
    *ledger.entry(entry.map(str::to_owned)).or_default() += 1;
}

pub(crate) fn records(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn of_kind<'a>(records: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    records.iter().filter(move |record| record["kind"] == kind)
}

/// Who, which tool or resource, and the code of each record of a kind.
pub(crate) fn ledger(records: &[Value], kind: &str) -> Ledger {
    let mut ledger = Ledger::new();
    for record in of_kind(records, kind) {
        let what = record.get("tool").or(record.get("resource")).map_or("", |it| it.as_str().unwrap());
        let text = |member: &str| record[member].as_str().unwrap_or_default();
        add(&mut ledger, [text("oid"), what, text("code")]);
    }
    ledger
}

/// What a caller was told: `ok`, or the code.
pub(crate) fn seen(answer: &Answer) -> &str {
    match answer.status {
        200 if answer.is_tool_error() => answer.data()["code"].as_str().unwrap(),
        200 => "ok",
        _ => answer.code(),
    }
}

pub(crate) fn oid(token: &str) -> String {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["oid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_of_both_services_says_what_callers_saw() {
    let folder = tempfile::tempdir().unwrap();
    let [gateway, broker] = ["gateway", "broker"].map(|name| folder.path().join(name));
    let flag = |path: &Path| format!("--audit=file:{}", path.display());
    let stack = Stack::builder().gateway(&[&flag(&gateway)]).broker(&[&flag(&broker)]);
    let mut stack = stack.start().await;
    let calls = [
        ("alice", "list_subscriptions", json!({})),
        ("alice", "cost_by_service", json!({"subscription": DEV_SUBSCRIPTION})),
        ("alice", "cost_by_service", json!({"subscription": "Contoso Dev", "from": "nonsense"})),
        ("bob", "list_subscriptions", json!({})),
        ("bob", "cost_by_service", json!({"subscription": "10000000-0000-0000-0000-00000000dead"})),
        ("bob", "cost_export", json!({"subscription": "Contoso Dev"})),
        ("carol", "list_subscriptions", json!({})),
        ("dave", "list_subscriptions", json!({})),
    ];
    let mut running = tokio::task::JoinSet::new();
    for (person, tool, arguments) in calls.iter().cycle().take(6 * calls.len()).cloned() {
        let (caller, token) = (stack.caller.clone(), stack.token(person));
        running.spawn(async move { (oid(&token), tool, caller.call(&token, tool, arguments).await) });
    }
    let (mut through, mut refused) = (Ledger::new(), Ledger::new());
    while let Some(done) = running.join_next().await {
        let (oid, tool, answer) = done.unwrap();
        let is_refused = answer.code().starts_with("missing_scope");
        add(if is_refused { &mut refused } else { &mut through }, [&oid, tool, seen(&answer)]);
    }
    for _ in 0..5 {
        stack.caller.call("not-a-token", "list_subscriptions", json!({})).await;
        stack.caller.request(None, "tools/call", json!({"name": "list_subscriptions"})).await;
    }
    for (field, value) in
        [("host", "evil.example"), ("origin", "https://evil.example"), ("host", "evil.example")]
    {
        let request = stack.caller.prepared("tools/list", json!({})).header(field, value);
        assert_eq!(request.send().await.unwrap().status(), 403, "{field}");
    }
    stack.begin_gateway_shutdown();
    stack.gateway_stopped().await;
    stack.stop_broker().await;

    let of_gateway = records(&gateway);
    assert_eq!(ledger(&of_gateway, "outcome"), through);
    assert_eq!(ledger(&of_gateway, "refusal"), refused);
    assert!(through.keys().any(|[.., code]| code == "claims_challenge") && refused.len() == 1);
    each_decision_has_its_outcome(&of_gateway);
    assert_eq!(
        summed(&of_gateway),
        [
            ("host_not_allowed", 2),
            ("invalid_token:malformed", 5),
            ("missing_bearer", 5),
            ("origin_not_allowed", 1)
        ]
        .map(|(code, count)| (code.to_owned(), count))
        .into()
    );
    let named = of_kind(&of_gateway, "decision").filter(|it| it["subscription"] == DEV_SUBSCRIPTION).count();
    assert_eq!(named, 6, "a subscription that is asked for by name is not named");
    assert!(
        of_kind(&of_gateway, "outcome")
            .any(|it| it["rows"].as_u64() > Some(0) && it["bytes"].as_u64() > Some(0))
    );
    for outcome in of_kind(&of_gateway, "outcome") {
        let ids = outcome["requests"].as_array().map_or(0, Vec::len);
        // Whoever was refused before did not come as far as Azure.
        let before = ["claims_challenge", "invalid_arguments", "audit_unavailable"];
        let asked = !before.iter().any(|code| outcome["code"] == *code);
        // What was answered before is not asked again.
        let kept = outcome["tool"] == "cost_by_service"
            && outcome["code"] == "ok"
            && of_kind(&of_gateway, "outcome").any(|it| {
                it["requests"].is_array()
                    && ["oid", "tool", "code"].iter().all(|member| it[*member] == outcome[*member])
            });
        assert!(ids > 0 || !asked || kept, "Azure's ids of what it was asked: {outcome}");
        assert!(ids == 0 || asked, "{outcome}");
    }
    let traces: BTreeSet<_> =
        of_kind(&of_gateway, "decision").map(|it| it["trace"].as_str().unwrap()).collect();
    assert_eq!(traces.len(), through.values().sum::<usize>(), "each call has a trace of its own");

    let of_broker = records(&broker);
    each_decision_has_its_outcome(&of_broker);
    let exchanges = ledger(&of_broker, "outcome");
    let of_dave: Vec<_> = exchanges.keys().filter(|[.., code]| code == "claims_challenge").collect();
    assert_eq!(of_dave.len(), 1, "{exchanges:?}");
    let of_exchanges = of_kind(&of_broker, "decision").map(|it| it["trace"].as_str().unwrap());
    assert!(of_exchanges.collect::<BTreeSet<_>>().is_subset(&traces), "the exchange is in the call's trace");
    assert!(of_kind(&of_broker, "decision").all(|it| it["consumer"] == "local" && it["resource"] == "arm"));
    for path in [gateway, broker] {
        assert_eq!(findings(&path), [], "{}", path.display());
    }
}

/// What was refused of nobody who is known, by its cause.
fn summed(records: &[Value]) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for summary in of_kind(records, "summary") {
        let code = summary["code"].as_str().unwrap().to_owned();
        *counted.entry(code).or_default() += summary["count"].as_u64().unwrap();
    }
    counted
}

/// What the check of the records finds in a file.
pub(crate) fn findings(path: &Path) -> Vec<Finding> {
    let file = (path.display().to_string(), Cursor::new(std::fs::read(path).unwrap()));
    verify([file], &[], None).unwrap().findings
}

pub(crate) fn each_decision_has_its_outcome(records: &[Value]) {
    let calls = |kind| of_kind(records, kind).map(|it| it["call"].as_u64().unwrap()).collect::<Vec<_>>();
    let (decisions, mut outcomes) = (calls("decision"), calls("outcome"));
    outcomes.sort_unstable();
    let mut sorted = decisions.clone();
    sorted.sort_unstable();
    assert!(decisions.len() > 5);
    assert_eq!(sorted, outcomes);
}

/// A pipe for records. As long as the file is held, it can be written to.
fn pipe(folder: &Path) -> (String, File) {
    let path = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let reader = File::options().read(true).write(true).open(&path).unwrap();
    (format!("--audit=file:{}", path.display()), reader)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_can_be_recorded_nothing_is_done_and_nobody_is_sent_there() {
    let folder = tempfile::tempdir().unwrap();
    let (flag, reader) = pipe(folder.path());
    let stack = Stack::builder().gateway(&[&flag]).start().await;
    drop(reader);
    let token = stack.token("alice");
    for _ in 0..3 {
        let answer = stack.caller.call(&token, "list_subscriptions", json!({})).await;
        assert_eq!((answer.status, answer.code()), (503, "audit_unavailable"), "{}", answer.text);
        assert_eq!(answer.headers["retry-after"], "5");
    }
    let (status, checks) = stack.gateway_admin("readyz").await;
    assert_eq!(status, 503, "{checks}");
    assert!(checks.contains("audit"), "{checks}");
    let counts = stack.emulator.counts();
    assert_eq!((counts.exchanges, counts.arm_requests), (0, 0));
    // What needs no record is still answered.
    assert_eq!(stack.caller.request(Some(&token), "tools/list", json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_calls_may_go_on_they_do_though_nothing_can_be_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (flag, reader) = pipe(folder.path());
    let stack = Stack::builder().gateway(&[&flag, "--audit-when-full=continue"]).start().await;
    drop(reader);
    let answer = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(stack.gateway_admin("readyz").await.0, 200);
    assert!(stack.metrics().await.0.lines().any(|line| line == "audit_up 0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_cannot_record_exchanges_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (flag, reader) = pipe(folder.path());
    let stack = Stack::builder().broker(&[&flag]).start().await;
    drop(reader);
    let answer = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!((answer.status, answer.code()), (503, "audit_unavailable"), "{}", answer.text);
    assert_eq!(stack.emulator.counts().exchanges, 0);
    assert_eq!(stack.broker_admin("readyz").await.0, 503);
}

/// Everybody's calls reach Azure in their own name, so that what Azure saw of each can be held against the records.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_killed_has_let_nobody_through_without_a_record() {
    crate::leaks::build_services();
    let folder = tempfile::tempdir().unwrap();
    let settings = [("AUDIT", "stdout"), ("GATEWAY_CALLS_PER_MINUTE", "0")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let setup = Setup { people: 8, settings, ..Setup::default() };
    let mut stack = Processes::start_as(folder.path(), Ports::free().unwrap(), &setup).await.unwrap();
    let people = stack.control().people().await.unwrap();
    let mut running = tokio::task::JoinSet::new();
    for person in people.iter().filter(|person| person["name"].as_str().unwrap().starts_with("person-")) {
        let name = person["name"].as_str().unwrap().to_owned();
        let token = stack.control().token(&name, json!({})).await.unwrap();
        let caller = Caller::new(stack.public_url());
        running.spawn(async move {
            loop {
                let request =
                    caller.prepared("tools/call", json!({"name": "list_subscriptions", "arguments": {}}));
                if request.bearer_auth(&token).send().await.is_err() {
                    return;
                }
            }
        });
    }
    while stack.control().counts().await.unwrap().arm_requests < 60 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stack.kill("gateway").unwrap();
    while running.join_next().await.is_some() {}

    let of = |service: &str| -> Vec<Value> {
        let log = std::fs::read_to_string(folder.path().join(format!("{service}.log"))).unwrap();
        let lines = log.lines().filter(|line| line.starts_with(r#"{"v":1,"#));
        lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    let (records, of_broker) = (of("gateway"), of("token-broker"));
    let counts = stack.control().counts().await.unwrap();
    let mut asked = 0;
    for person in &people {
        let name = person["name"].as_str().unwrap();
        let reached = counts.arm_by_person.get(name).copied().unwrap_or_default();
        let decided = |records: &[Value]| {
            of_kind(records, "decision").filter(|it| it["oid"] == person["oid"]).count() as u64
        };
        let (exchanged, decided) = (decided(&of_broker), decided(&records));
        assert!(reached <= decided, "{name}: {reached} calls reached Azure, {decided} were recorded");
        assert!(
            exchanged <= decided,
            "{name}: {exchanged} calls reached the broker, {decided} were recorded"
        );
        asked += reached;
    }
    assert!(asked >= 60, "{asked}");
}
