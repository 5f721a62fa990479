//! What a caller writes stays out of the log and out of the answers, and counts.

use e2e::{Caller, Era, Stack};
use serde_json::json;
use telemetry::testing::Captured;

/// What a caller made up, unlike anything of ours.
const MADE_UP: &str = "zzqx";

#[tokio::test]
async fn by_default_nothing_a_caller_writes_is_logged() {
    let _logs = Captured::as_a_service_logs("");
    let stack = Stack::builder().calls_per_minute(100_000).start().await;
    let token = stack.token("alice");
    let before = stack.logs().len();
    let good = stack.caller.call(&token, "list_subscriptions", json!({})).await;
    assert_eq!(good.status, 200);
    let of_a_call = stack.logs().len() - before;
    assert!(of_a_call < 4_000, "a good call took {of_a_call} bytes of log:\n{}", &stack.logs()[before..]);

    let long = MADE_UP.repeat(50_000);
    for era in [Era::Legacy, Era::Modern] {
        let caller = stack.caller.in_era(era);
        let answers = [
            // Over HTTP fields are bounded: the name stands in the body alone.
            Caller::send(stack.caller.prepared("tools/call", json!({"name": long})).bearer_auth(&token))
                .await,
            Caller::send(stack.caller.prepared(&long, json!({})).bearer_auth(&token)).await,
            caller.call(&token, MADE_UP, json!({})).await,
            caller.request(Some(&token), MADE_UP, json!({})).await,
            // A token put into the wrong field.
            caller.request(Some(&token), "tools/call", json!({"name": token})).await,
            caller.request(Some(&token), &token, json!({})).await,
            caller.call(&token, "cost_by_service", json!({MADE_UP: token, "subscription": "x"})).await,
        ];
        for answer in &answers[..6] {
            assert!(!answer.text.contains(MADE_UP) && !answer.text.contains(&token), "{}", answer.text.len());
            assert!(answer.text.len() < 400, "{}", answer.text);
        }
    }
    let logs = stack.logs();
    assert!(!logs.contains(MADE_UP), "a caller's text was logged");
    let (ours, rest): (Vec<_>, Vec<_>) = logs.lines().partition(|line| {
        ["gateway", "token_broker", "identity", "cost", "proto"].iter().any(|own| line.contains(own))
    });
    assert!(!ours.is_empty() && rest.is_empty(), "lines of libraries: {rest:?}");
}

#[tokio::test]
async fn every_request_of_a_person_counts() {
    for (method, params) in [
        ("tools/call", json!({"name": MADE_UP})),
        (MADE_UP, json!({})),
        ("tools/list", json!({})),
        ("ping", json!({})),
    ] {
        let stack = Stack::builder().calls_per_minute(4).start().await;
        let token = stack.token("alice");
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(stack.caller.request(Some(&token), method, params.clone()).await.status);
        }
        assert_eq!(statuses, [200, 200, 200, 200, 429, 429], "{method}");
        let bob = stack.caller.request(Some(&stack.token("bob")), method, params).await;
        assert_eq!(bob.status, 200, "somebody else's limit is their own");
    }
}

#[tokio::test]
async fn a_batch_counts_as_many_requests_as_it_holds() {
    let stack = Stack::builder().calls_per_minute(4).start().await;
    let token = stack.token("alice");
    let ping = |id: u8| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let batch = |count: u8| {
        let messages: Vec<_> = (0..count).map(ping).collect();
        Caller::send(
            stack.caller.prepared("x", json!({})).body(json!(messages).to_string()).bearer_auth(&token),
        )
    };
    assert_eq!(batch(4).await.status, 200);
    assert_eq!(batch(2).await.status, 429);
}
