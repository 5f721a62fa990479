//! Fifty people ask at the same moment, and Azure has units for twelve questions in ten seconds.

use std::time::{Duration, Instant};

use e2e::Stack;
use emulator::Quotas;
use futures::future::join_all;
use serde_json::{Value, json};

const PEOPLE: usize = 50;
/// What Azure documents, as the defaults are.
const DOCUMENTED: [&str; 4] = [
    "--cost-quota=12/10s,60/min,600/h",
    "--cost-scope-per-minute=4",
    "--cost-user-per-minute=20",
    "--cost-cache-seconds=14400",
];

#[tokio::test]
async fn fifty_people_wait_their_turn_and_nobody_is_refused() {
    let stack = Stack::builder().people(PEOPLE).gateway(&DOCUMENTED).start().await;
    stack.emulator.set_quotas(Quotas::DOCUMENTED);
    let started = Instant::now();
    let answers = join_all((1..=PEOPLE).map(|number| asked(&stack, number))).await;
    let slowest = answers.iter().map(|answered| answered.after).max().unwrap();
    let pending = answers.iter().filter(|answered| answered.was_pending).count();
    println!("the last of {PEOPLE} after {slowest:?}, {pending} of them through `pending`");
    assert!(slowest < Duration::from_secs(60), "{slowest:?}");
    for (number, answered) in (1..).zip(&answers) {
        let scope = format!("/subscriptions/{}", subscription(&stack, number));
        assert_eq!(answered.data["scopes"], json!([scope]), "somebody else's answer: {}", answered.data);
    }
    let counts = stack.emulator.counts();
    assert_eq!(counts.arm_by_operation["Microsoft.CostManagement/query"], PEOPLE as u64, "{counts:?}");
    assert!(started.elapsed() >= Duration::from_secs(30), "so many units are not to be had so fast");
}

/// What somebody got, and when.
struct Answered {
    data: Value,
    after: Duration,
    was_pending: bool,
}

fn subscription(stack: &Stack, number: usize) -> String {
    stack.emulator.subscriptions_of(&person(number)).unwrap().into_iter().next().unwrap()
}

fn person(number: usize) -> String {
    format!("person-{number:04}")
}

/// One fresh question; whoever is told to wait asks the same again.
async fn asked(stack: &Stack, number: usize) -> Answered {
    let started = Instant::now();
    let token = stack.token(&person(number));
    let period = super::final_period();
    let question =
        json!({"scopes": [subscription(stack, number)], "period": period, "group_by": ["ServiceName"]});
    let mut was_pending = false;
    loop {
        let answer = stack.caller.call(&token, "cost_query", question.clone()).await;
        assert!(answer.status == 200 && !answer.is_tool_error(), "{number}: {}", answer.text);
        let data = answer.data().clone();
        if data["pending"] != true {
            return Answered { data, after: started.elapsed(), was_pending };
        }
        was_pending = true;
        assert!(data["reason"].as_str().is_some_and(|reason| reason.contains("Azure")), "{data}");
        let wait = data["ready_in_seconds"].as_u64().unwrap_or_else(|| panic!("{data}"));
        tokio::time::sleep(Duration::from_secs(wait.clamp(1, 5))).await;
    }
}
