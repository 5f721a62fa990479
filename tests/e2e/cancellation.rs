//! Work ends when nobody waits for it: what Azure grants to a whole directory is not spent on callers who left.

use std::time::Duration;

use e2e::{Caller, Era, Stack};
use emulator::{EndpointFault, PROD_SUBSCRIPTION};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How long Azure takes for a page.
const PAGE: Duration = Duration::from_millis(400);
/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Azure answers slowly, one service on a page: a question takes several seconds.
async fn slow_azure(flags: &[&str]) -> Stack {
    let stack = Stack::builder().emulator(|azure| azure.max_page_rows = 1).gateway(flags).start().await;
    stack.emulator.faults().update(|faults| faults.arm = EndpointFault::slow(PAGE));
    stack
}

fn question() -> Value {
    json!({"name": "cost_by_service", "arguments": {"subscription": PROD_SUBSCRIPTION}})
}

/// Sends a call in a task of its own; aborted, it hangs up.
fn send(caller: &Caller, token: &str, call: Value) -> JoinHandle<e2e::Answer> {
    tokio::spawn(Caller::send(caller.prepared("tools/call", call).bearer_auth(token)))
}

async fn wait_until(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

async fn wait_until_azure_was_asked(stack: &Stack, times: u64) {
    wait_until("azure is asked", async || stack.emulator.counts().arm_requests >= times).await;
}

/// How many tool calls ended in this outcome.
async fn outcomes(stack: &Stack, outcome: &str) -> u64 {
    let (metrics, _) = stack.metrics().await;
    let of = format!("outcome=\"{outcome}\"");
    let count = |line: &str| {
        let counted = line.starts_with("gateway_tool_duration_seconds_count{") && line.contains(&of);
        counted.then(|| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
    };
    metrics.lines().filter_map(count).sum()
}

/// Waits until that many calls were given up, and then for longer than Azure takes for two pages: whoever goes on asking
/// has asked by then.
async fn wait_until_given_up(stack: &Stack, calls: u64) {
    wait_until("calls are given up", async || outcomes(stack, "cancelled").await >= calls).await;
    sleep(PAGE * 5 / 2).await;
    assert_eq!(outcomes(stack, "cancelled").await, calls);
    assert_eq!(outcomes(stack, "ok").await, 0);
}

#[tokio::test]
async fn azure_is_not_asked_on_for_a_caller_who_left() {
    let stack = slow_azure(&[]).await;
    let token = stack.token("alice");
    let mut left = 0;
    for caller in [stack.caller.clone(), stack.caller.over_http2()] {
        for era in [Era::Legacy, Era::Modern] {
            stack.emulator.reset_counts();
            let call = send(&caller.in_era(era), &token, question());
            wait_until_azure_was_asked(&stack, 1).await;
            call.abort();
            left += 1;
            wait_until_given_up(&stack, left).await;
            let counts = stack.emulator.counts();
            assert_eq!(counts.arm_requests, 1, "{era:?}");
            // Nor was the one under way let finish: it did not get as far as to be known as a query.
            assert!(counts.arm_by_operation.is_empty(), "{era:?}: {:?}", counts.arm_by_operation);
        }
    }
    // One line each, of a call that failed nobody.
    let logs = stack.logs();
    let lines: Vec<_> = logs.lines().filter(|line| line.contains("outcome=\"cancelled\"")).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(lines.iter().all(|line| line.contains(" INFO ") && line.len() < 1_000), "{lines:?}");
    let ours = |line: &&str| ["gateway", "cost", "proto"].iter().any(|of| line.contains(&format!(" {of}::")));
    assert_eq!(
        logs.lines().filter(|line| line.contains(" ERROR ")).filter(ours).collect::<Vec<_>>(),
        [""; 0]
    );
}

/// Equal questions of one person would be one.
fn another_question(number: u32) -> Value {
    let day = format!("2026-{:02}-{:02}", 8 + number / 25, 1 + number % 25);
    json!({"name": "cost_by_service", "arguments": {"subscription": PROD_SUBSCRIPTION, "from": day, "to": day}})
}

/// How many questions wait for their turn at Azure.
async fn waiting(stack: &Stack) -> Option<u64> {
    let (metrics, _) = stack.metrics().await;
    let line = metrics.lines().find(|line| line.starts_with("gateway_cost_queue"))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn fifty_callers_who_left_cost_no_more_requests_than_were_under_way() {
    const AT_AZURE: u64 = 6;
    let stack = slow_azure(&[]).await;
    stack.emulator.faults().update(|faults| faults.arm = EndpointFault::hanging());
    let token = stack.token("alice");
    let calls: Vec<_> = (0..50).map(|n| send(&stack.caller, &token, another_question(n))).collect();
    wait_until_azure_was_asked(&stack, AT_AZURE).await;
    wait_until("the others wait", async || waiting(&stack).await == Some(50 - AT_AZURE)).await;
    calls.iter().for_each(JoinHandle::abort);
    wait_until_given_up(&stack, 50).await;
    assert_eq!(stack.emulator.counts().arm_requests, AT_AZURE);
    assert_eq!(waiting(&stack).await, Some(0));
    // Others are served as ever.
    stack.emulator.faults().clear();
    let answer = stack.caller.call(&token, "list_subscriptions", json!({})).await;
    assert!(answer.status == 200 && !answer.is_tool_error(), "{}", answer.text);
}

#[tokio::test]
async fn azure_is_not_asked_on_for_a_caller_who_had_our_504() {
    let stack = slow_azure(&["--request-timeout-seconds=1"]).await;
    let token = stack.token("alice");
    for (era, calls) in [(Era::Legacy, 1), (Era::Modern, 2)] {
        stack.emulator.reset_counts();
        let answer = send(&stack.caller.in_era(era), &token, question()).await.unwrap();
        assert_eq!((answer.status, answer.code()), (504, "deadline_exceeded"), "{}", answer.text);
        let asked = stack.emulator.counts().arm_requests;
        assert!((1..=3).contains(&asked), "{asked} pages in a second");
        wait_until_given_up(&stack, calls).await;
        assert_eq!(stack.emulator.counts().arm_requests, asked);
    }
}

#[tokio::test]
async fn a_report_is_not_asked_for_on_behalf_of_nobody() {
    let stack = Stack::builder().emulator(|azure| azure.report_polls = 1_000).start().await;
    let export = json!({"name": "cost_export", "arguments": {"subscription": PROD_SUBSCRIPTION}});
    let call = send(&stack.caller, &stack.token("alice"), export);
    wait_until_azure_was_asked(&stack, 3).await;
    call.abort();
    wait_until("the call is given up", async || outcomes(&stack, "cancelled").await == 1).await;
    let asked = stack.emulator.counts().arm_requests;
    // Longer than two pauses between polls.
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(stack.emulator.counts().arm_requests, asked);
}

#[tokio::test]
async fn an_exchange_for_a_caller_who_left_serves_the_next_call() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    stack.emulator.faults().update(|faults| faults.token_endpoint = EndpointFault::slow(PAGE * 2));
    let call = send(&stack.caller, &token, json!({"name": "list_subscriptions", "arguments": {}}));
    let asked = async || stack.emulator.counts().token_requests.contains_key("on_behalf_of");
    wait_until("entra is asked", asked).await;
    call.abort();
    wait_until("the exchange ends", async || stack.emulator.counts().exchanges == 1).await;
    assert_eq!(outcomes(&stack, "cancelled").await, 1);
    assert_eq!(stack.emulator.counts().arm_requests, 0);
    let answer = stack.caller.call(&token, "list_subscriptions", json!({})).await;
    assert!(answer.status == 200 && !answer.is_tool_error(), "{}", answer.text);
    assert_eq!(stack.emulator.counts().exchanges, 1);
}

/// `notifications/cancelled`, which the protocol has until 2025-11-25.
async fn cancel(stack: &Stack, token: &str, id: Value) -> u16 {
    let notification = json!({
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": id, "reason": "the person pressed stop"},
    });
    let request = stack.caller.prepared("x", json!({})).body(notification.to_string());
    Caller::send(request.bearer_auth(token)).await.status
}

#[tokio::test]
async fn a_caller_ends_their_own_call_and_nobody_elses() {
    let stack = slow_azure(&[]).await;
    let (alice, bob, again) = (stack.token("alice"), stack.token("bob"), stack.token("alice"));
    let call = send(&stack.caller, &alice, question());
    wait_until_azure_was_asked(&stack, 1).await;
    // Somebody else; the same person in another session; another request; another kind of id.
    for (token, id) in [(&bob, json!(1)), (&again, json!(1)), (&alice, json!(2)), (&alice, json!("1"))] {
        assert_eq!(cancel(&stack, token, id).await, 202);
    }
    assert_eq!(outcomes(&stack, "cancelled").await, 0);
    wait_until_azure_was_asked(&stack, 3).await;
    assert!(!call.is_finished());
    assert_eq!(cancel(&stack, &alice, json!(1)).await, 202);
    let asked = stack.emulator.counts().arm_requests;
    let answer = timeout(PATIENCE, call).await.unwrap().unwrap();
    assert_eq!((answer.status, answer.code()), (200, "cancelled"), "{}", answer.text);
    assert_eq!((&answer.document["id"], answer.document["error"].is_object()), (&json!(1), true));
    wait_until_given_up(&stack, 1).await;
    assert!(stack.emulator.counts().arm_requests <= asked + 1);
}

#[tokio::test]
async fn of_two_calls_with_one_id_neither_is_ended() {
    let stack = slow_azure(&[]).await;
    let token = stack.token("alice");
    let list = json!({"name": "list_subscriptions", "arguments": {}});
    let calls = [send(&stack.caller, &token, list.clone()), send(&stack.caller, &token, list)];
    wait_until_azure_was_asked(&stack, 2).await;
    assert_eq!(cancel(&stack, &token, json!(1)).await, 202);
    for answer in join_all(calls).await {
        let answer = answer.unwrap();
        assert!(answer.status == 200 && !answer.is_tool_error(), "{}", answer.text);
    }
}
