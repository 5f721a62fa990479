//! An answer is given again to the person who had it, and only while that person may still see it.

use e2e::{Answer, Stack};
use emulator::{DEV_SUBSCRIPTION, EndpointFault};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What the right to see is proved anew after.
const RIGHTS: SignedDuration = SignedDuration::from_secs(301);

/// A stack that keeps answers, and a question about a month that is final.
async fn stack() -> (Stack, Value) {
    let stack = Stack::builder().gateway(&["--cost-cache-seconds=14400"]).start().await;
    (
        stack,
        json!({"scopes": [DEV_SUBSCRIPTION], "period": super::final_period(), "group_by": ["ServiceName"]}),
    )
}

fn queries(stack: &Stack) -> u64 {
    stack
        .emulator
        .counts()
        .arm_by_operation
        .get("Microsoft.CostManagement/query")
        .copied()
        .unwrap_or_default()
}

async fn ask(stack: &Stack, person: &str, question: &Value) -> Answer {
    stack.caller.call(&stack.token(person), "cost_query", question.clone()).await
}

#[tokio::test]
async fn a_role_that_is_taken_away_ends_what_was_cached() {
    let (stack, question) = stack().await;
    let first = ask(&stack, "bob", &question).await;
    assert!(!first.is_tool_error(), "{}", first.text);
    let asked = queries(&stack);
    let again = ask(&stack, "bob", &question).await;
    assert_eq!((queries(&stack), &again.data()["rows"]), (asked, &first.data()["rows"]));
    assert_eq!(again.data()["azure"]["cached"], true, "{}", again.text);
    stack.emulator.take_azure_role("bob", None, &format!("/subscriptions/{DEV_SUBSCRIPTION}")).unwrap();
    stack.advance(RIGHTS);
    let refused = ask(&stack, "bob", &question).await;
    assert!(refused.is_tool_error(), "{}", refused.text);
    assert_eq!(refused.data()["code"], "no_access", "{}", refused.text);
    // Nobody else lost anything.
    let other = ask(&stack, "alice", &question).await;
    assert_eq!(other.data()["rows"], first.data()["rows"]);
}

#[tokio::test]
async fn where_the_right_cannot_be_proved_nothing_comes_from_the_cache() {
    let (stack, question) = stack().await;
    let first = ask(&stack, "bob", &question).await;
    let asked = queries(&stack);
    stack.emulator.faults().update(|faults| faults.permissions = EndpointFault::outage());
    stack.advance(RIGHTS);
    let fresh = ask(&stack, "bob", &question).await;
    assert_eq!(fresh.data()["rows"], first.data()["rows"], "{}", fresh.text);
    assert_eq!(fresh.data()["azure"]["cached"], false, "{}", fresh.text);
    assert_eq!(queries(&stack), asked + 1);
}

#[tokio::test]
async fn one_persons_answer_is_never_anothers() {
    let (stack, question) = stack().await;
    for (number, person) in (1..).zip(["alice", "bob", "erin"]) {
        let answer = ask(&stack, person, &question).await;
        assert!(!answer.is_tool_error(), "{person}: {}", answer.text);
        assert_eq!(answer.data()["azure"]["cached"], false, "{person}");
        assert_eq!(queries(&stack), number, "{person}");
    }
    let carol = ask(&stack, "carol", &question).await;
    assert!(carol.is_tool_error(), "{}", carol.text);
}
