//! Under the limits that Azure documents: fifty people ask at the same moment, with units for twelve questions in ten seconds; and one
//! question takes more requests than its scope answers in a minute.

use std::time::{Duration, Instant};

use e2e::Stack;
use emulator::{PROD_SUBSCRIPTION, Planted, PlantedCause, Quotas};
use futures::future::join_all;
use identity::clock::{Clock as _, SystemClock};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
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

/// Two incidents in one group on one day, of two services: their resources are asked apart, and that is a fifth request.
#[tokio::test]
async fn a_fifth_request_of_a_minute_is_pending_once_and_then_whole() {
    let quick = [&DOCUMENTED[..], &["--cost-soft-deadline-seconds=5"]].concat();
    let stack = Stack::builder().gateway(&quick).start().await;
    let ended = SystemClock.now() - SignedDuration::from_hours(36);
    let day = ended.to_zoned(TimeZone::UTC).date().saturating_sub(3.days());
    let spike = |resource: &str| Planted {
        subscription: PROD_SUBSCRIPTION.to_owned(),
        resource: resource.to_owned(),
        from: day,
        to: Some(day),
        cause: PlantedCause::Traffic { percent: 900 },
    };
    stack.emulator.plant(vec![spike("pip-shop"), spike("cosmos-catalogue")]).unwrap();
    stack.emulator.set_quotas(Quotas::DOCUMENTED);
    let question = json!({"scopes": [PROD_SUBSCRIPTION]});
    let started = Instant::now();
    let ask = async || {
        let answer = stack.caller.call(&stack.token("alice"), "cost_anomalies", question.clone()).await;
        assert!(answer.status == 200 && !answer.is_tool_error(), "{}", answer.text);
        answer.data().clone()
    };
    let first = ask().await;
    assert_eq!(first["pending"], true, "{first}");
    let wait = first["ready_in_seconds"].as_u64().unwrap_or_else(|| panic!("{first}"));
    assert!((1..=60).contains(&wait), "{first}");
    // The same call gets the result, and asks for nothing twice.
    tokio::time::sleep(Duration::from_secs(wait + 1)).await;
    let mut whole = ask().await;
    while whole["pending"] == true && started.elapsed() < Duration::from_secs(90) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        whole = ask().await;
    }
    let its: Vec<_> =
        whole["events"].as_array().unwrap().iter().filter(|event| event["from"] == day.to_string()).collect();
    for resource in ["pip-shop", "cosmos-catalogue"] {
        let is_first = |event: &&&Value| {
            event["causes"][0]["keys"]["ResourceId"].as_str().is_some_and(|id| id.ends_with(resource))
        };
        assert!(its.iter().any(|event| is_first(&event)), "{resource}: {whole}");
    }
    assert_eq!((&whole["azure"]["calls"], &whole["partial"]), (&json!(5), &json!([])), "{whole}");
    let counts = stack.emulator.counts();
    assert_eq!(counts.arm_by_operation["Microsoft.CostManagement/query"], 5, "{counts:?}");
}
