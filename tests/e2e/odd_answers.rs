//! What Azure answers that nobody foresaw, through the whole stack: the person has an id, the operator has the reason under
//! the same id, and what passes by itself is tried again.

use e2e::{Answer, Stack};
use emulator::{EndpointFault, PROD_SUBSCRIPTION};
use serde_json::json;

async fn ask_while_arm_answers(stack: &Stack, status: u16, times: Option<u32>) -> Answer {
    stack.emulator.faults().update(|faults| {
        faults.arm = EndpointFault { status: Some(status), times, ..EndpointFault::default() }
    });
    let question = json!({"subscription": PROD_SUBSCRIPTION, "from": "2026-10-01", "to": "2026-10-31"});
    stack.caller.call(&stack.token("alice"), "cost_by_service", question).await
}

#[tokio::test]
async fn the_operator_finds_the_call_that_the_person_speaks_of() {
    const REASON: &str = "azure answered in a way this server does not understand";
    let stack = Stack::start().await;
    let answer = ask_while_arm_answers(&stack, 418, None).await;
    assert_eq!(answer.data()["code"], "unexpected_response", "{}", answer.text);
    let id = answer.data()["azure"]["request_id"].as_str().unwrap().to_owned();
    assert!(answer.readable().contains(&id), "{}", answer.readable());
    let logs = stack.logs();
    let lines: Vec<_> = logs.lines().filter(|line| line.contains(REASON)).collect();
    let [line] = lines[..] else { panic!("{lines:?}") };
    for words in ["WARN", "gateway.tool.call", "status=418", &id] {
        assert!(line.contains(words), "{words} not in {line}");
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    let stack = Stack::start().await;
    for status in [408, 502] {
        let answer = ask_while_arm_answers(&stack, status, Some(2)).await;
        assert!(!answer.is_tool_error(), "{status}: {}", answer.text);
    }
    let answer = ask_while_arm_answers(&stack, 504, None).await;
    assert_eq!(answer.data()["code"], "azure_timeout");
    assert!(answer.readable().contains("Ask for a shorter period"), "{}", answer.readable());
}
