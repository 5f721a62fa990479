//! What a tool call is to those who watch: exactly the spans that docs/operations.md draws, with attributes of one list.

use e2e::{Answer, Era, Stack};
use emulator::ArmChallenge;
use serde_json::{Value, json};
use telemetry::names;
use telemetry::testing::{Captured, FinishedSpan};
use testkit::eventually;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A call as `person`, in the trace [`TRACE`] by what `_meta` says.
async fn call(stack: &Stack, token: &str, tool: &str, arguments: Value) -> Answer {
    let traceparent = format!("00-{TRACE}-{PARENT}-00");
    let params = json!({"name": tool, "arguments": arguments, "_meta": {"traceparent": traceparent}});
    stack.caller.in_era(Era::Modern).request(Some(token), "tools/call", params).await
}

fn question() -> Value {
    json!({"subscription": emulator::PROD_SUBSCRIPTION, "from": "2026-10-01", "to": "2026-10-31"})
}

/// Waits until the trees of the trace, each below the span that the client named, are these: a span ends after its answer was
/// sent.
async fn assert_tree(expected: &[&str]) {
    let expected = expected.join("\n");
    eventually(&format!("the tree is\n{expected}"), async || {
        drawn(&Captured::install("").spans()) == expected
    })
    .await;
}

fn drawn(spans: &[FinishedSpan]) -> String {
    let mut lines = Vec::new();
    draw(spans, PARENT, 0, &mut lines);
    lines.join("\n")
}

fn draw(spans: &[FinishedSpan], parent: &str, depth: usize, lines: &mut Vec<String>) {
    for span in spans.iter().filter(|span| span.trace_id == TRACE && span.parent_id == parent) {
        let error = span.attribute(names::ERROR_TYPE).map(|code| format!(" !{code}")).unwrap_or_default();
        lines.push(format!("{}{} {}{error}", "  ".repeat(depth), span.kind, span.name));
        draw(spans, &span.span_id, depth + 1, lines);
    }
}

const EXCHANGED: [&str; 3] = [
    "  client token_broker.v1.TokenBroker/Exchange",
    "    server token_broker.v1.TokenBroker/Exchange",
    "      client POST /{tenant}/oauth2/v2.0/token",
];
const ASKED: [&str; 2] =
    ["  internal cost.query", "    client POST /{scope}/providers/Microsoft.CostManagement/query"];

#[tokio::test]
async fn a_cold_call_is_this_tree_and_a_warm_one_asks_entra_nothing() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    call(&stack, &token, "cost_by_service", question()).await;
    let cold = [&["server tools/call cost_by_service"][..], &EXCHANGED, &ASKED].concat();
    assert_tree(&cold).await;
    call(&stack, &token, "cost_by_service", question()).await;
    let warm = [&["server tools/call cost_by_service"][..], &EXCHANGED[..2], &ASKED].concat();
    assert_tree(&[cold, warm].concat()).await;

    let spans = Captured::install("").spans();
    let tool = spans.iter().find(|span| span.name == "tools/call cost_by_service").unwrap();
    for (key, value) in [
        ("mcp.method.name", "tools/call"),
        ("mcp.protocol.version", "2026-07-28"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "cost_by_service"),
        ("jsonrpc.request.id", "1"),
        ("network.transport", "tcp"),
        ("network.protocol.name", "http"),
        ("azure.requests", "1"),
    ] {
        assert_eq!(tool.attribute(key), Some(value), "{key}: {tool:?}");
    }
    // The request as HTTP is a trace of our own, which the tool call is linked to.
    let http = spans.iter().find(|span| span.name == "POST /mcp").unwrap();
    assert_ne!(http.trace_id, TRACE);
    assert!(tool.links.contains(&http.trace_id), "{tool:?}");
    let asked = spans.iter().find(|span| span.name.ends_with("/query")).unwrap();
    for key in
        ["azure.client.request.id", "azure.service.request.id", "server.address", "http.response.status_code"]
    {
        assert!(asked.attribute(key).is_some(), "{key}: {asked:?}");
    }
    let exchanged =
        spans.iter().find(|span| span.name.starts_with("token_broker") && span.kind == "client").unwrap();
    assert_eq!(exchanged.attribute("rpc.status_code"), Some("OK"));
}

#[tokio::test]
async fn a_challenge_is_a_second_exchange_and_a_second_question() {
    let stack = Stack::start().await;
    let claims = json!({"access_token": {"xms_rp_ipaddr": {"value": "1.2.3.4"}}});
    stack.emulator.faults().update(|faults| {
        faults.arm_challenge = Some(ArmChallenge { claims, times: Some(1), ..ArmChallenge::default() });
    });
    call(&stack, &stack.token("alice"), "cost_by_service", question()).await;
    let challenged = [
        "  internal cost.query !claims_challenge",
        "    client POST /{scope}/providers/Microsoft.CostManagement/query !401",
    ];
    let tree = [&["server tools/call cost_by_service"][..], &EXCHANGED, &challenged, &EXCHANGED, &ASKED];
    assert_tree(&tree.concat()).await;
}

#[tokio::test]
async fn what_the_guard_refuses_is_no_tool_call() {
    let stack = Stack::start().await;
    let answer = call(&stack, &stack.token("bob"), "cost_export", question()).await;
    assert_eq!((answer.status, answer.code()), (403, "missing_scope:cost.export"), "{}", answer.text);
    let http = || Captured::install("").spans().into_iter().find(|span| span.name == "POST /mcp");
    eventually("the request's span ends", async || http().is_some()).await;
    let span = http().unwrap();
    assert_eq!(span.attribute(names::ERROR_TYPE), Some("missing_scope:cost.export"));
    assert_tree(&[]).await;
}

#[tokio::test]
async fn a_refusal_of_entra_is_told_at_each_hop_with_its_number() {
    let stack = Stack::start().await;
    let answer = call(&stack, &stack.token("dave"), "cost_by_service", question()).await;
    assert_eq!(answer.code(), "claims_challenge", "{}", answer.text);
    assert_tree(&[
        "server tools/call cost_by_service !claims_challenge",
        "  client token_broker.v1.TokenBroker/Exchange !claims_challenge",
        "    server token_broker.v1.TokenBroker/Exchange !claims_challenge",
        "      client POST /{tenant}/oauth2/v2.0/token !400",
    ])
    .await;
    let spans = Captured::install("").spans();
    let is_this = |span: &&FinishedSpan| span.trace_id == TRACE && span.name.starts_with("POST /{tenant}");
    let entra = spans.iter().find(is_this).unwrap();
    assert!(entra.attribute("aadsts").is_some() && entra.attribute("correlation_id").is_some(), "{entra:?}");
}

#[tokio::test]
async fn a_second_replica_that_finds_the_token_in_redis_asks_entra_nothing() {
    let stack = Stack::builder().redis().replicas(2).start().await;
    let token = stack.token("alice");
    for _ in 0..6 {
        call(&stack, &token, "cost_by_service", question()).await;
    }
    let of_entra =
        || Captured::install("").spans().iter().filter(|span| span.name.contains("/oauth2/")).count();
    let asked = stack.emulator.counts().exchanges;
    assert_eq!(asked, 1);
    // Its own credential is proved at each start; that is in no trace of a caller's.
    assert!(of_entra() >= 1);
    let in_trace = |span: &FinishedSpan| span.trace_id == TRACE && span.name.contains("/oauth2/");
    assert_eq!(Captured::install("").spans().iter().filter(|span| in_trace(span)).count(), 1);
}

#[tokio::test]
async fn the_clients_trace_can_be_a_link_and_what_is_malformed_is_nothing() {
    let stack = Stack::builder().gateway(&["--trace-context=link"]).start().await;
    let token = stack.token("alice");
    call(&stack, &token, "list_subscriptions", json!({})).await;
    let broken =
        json!({"name": "list_subscriptions", "arguments": {}, "_meta": {"traceparent": "00-zz-1-01"}});
    let answer = stack.caller.in_era(Era::Modern).request(Some(&token), "tools/call", broken).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let tools = || {
        let spans = Captured::install("").spans();
        spans.into_iter().filter(|span| span.name == "tools/call list_subscriptions").collect::<Vec<_>>()
    };
    eventually("both calls' spans end", async || tools().len() == 2).await;
    let tools = tools();
    assert!(tools.iter().all(|span| span.trace_id != TRACE), "{tools:?}");
    let links: Vec<_> = tools.iter().map(|span| span.links.clone()).collect();
    assert_eq!(links, [vec![TRACE.to_owned()], Vec::new()]);
}

#[tokio::test]
async fn a_tool_call_is_one_line_of_the_log_and_names_nobody() {
    let stack = Stack::start().await;
    let alice = stack.token("alice");
    let before = stack.logs().len();
    call(&stack, &alice, "cost_by_service", question()).await;
    call(&stack, &alice, "cost_by_service", json!({"subscription": "Nowhere"})).await;
    call(&stack, &alice, "cost_query", json!({"scopes": "Contoso Dev", "period": "2026-10"})).await;
    let logs = stack.logs();
    let ours = |line: &&str| line.contains(" INFO gateway") || line.contains(" INFO token_broker");
    let lines: Vec<_> = logs[before..].lines().filter(ours).collect();
    let [good, bad, slow] = lines[..] else { panic!("{lines:#?}") };
    for words in [
        "tool called",
        r#"tool="cost_by_service""#,
        r#"outcome="ok""#,
        "azure_requests=1",
        "query_units=1",
        "duration_ms=",
        "user=",
        "trace_id=",
    ] {
        assert!(good.contains(words), "{words}: {good}");
    }
    assert!(bad.contains(r#"outcome="error" code="subscription_not_found""#), "{bad}");
    let [requests, units] = ["azure_requests=", "query_units="].map(|name| {
        slow.split(name)
            .nth(1)
            .and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok())
            .unwrap_or_default()
    });
    assert!(requests >= 2 && units == 1, "{slow}");
    let user = |line: &str| line.split("user=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    assert_eq!(user(good), user(bad));
    let oid = stack.emulator.oid("alice").unwrap();
    assert!(!good.contains(&oid) && !bad.contains(&oid));
}
