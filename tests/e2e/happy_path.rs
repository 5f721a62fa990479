//! The main job: a tool call reaches Azure as the caller, and shows what that caller may see.

use e2e::{Era, Stack};
use emulator::{DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};
use serde_json::{Value, json};

fn names(data: &Value) -> Vec<&str> {
    data["subscriptions"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn everybody_sees_their_own_subscriptions() {
    let stack = Stack::start().await;
    for (person, expected) in [
        ("alice", &["Contoso Dev", "Contoso Prod"][..]),
        ("bob", &["Contoso Dev"]),
        ("carol", &[]),
        ("erin", &["Contoso Dev"]),
    ] {
        for era in [Era::Legacy, Era::Modern] {
            let caller = stack.caller.in_era(era);
            let answer = caller.call(&stack.token(person), "list_subscriptions", json!({})).await;
            assert_eq!(answer.status, 200, "{person}: {}", answer.text);
            assert_eq!(names(answer.data()), expected, "{person}, {era:?}");
        }
    }
}

#[tokio::test]
async fn costs_by_service_are_exact_ranked_and_per_currency() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    let question = json!({"subscription": "Contoso Prod", "from": "2026-10-01", "to": "2026-10-31"});
    let answer = stack.caller.call(&token, "cost_by_service", question).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let data = answer.data();
    assert_eq!(data["subscription"], PROD_SUBSCRIPTION);
    assert_eq!(data["period"], json!({"from": "2026-10-01", "to": "2026-10-31"}));
    let services = data["services"].as_array().unwrap();
    assert!(services.len() > 3);
    // Prod has a marketplace charge in another currency: two totals, and each is the sum of its own services.
    let totals = data["totals"].as_array().unwrap();
    assert_eq!(totals.len(), 2, "{totals:?}");
    for total in totals {
        let sum: rust_decimal::Decimal = services
            .iter()
            .filter(|s| s["cost"]["currency"] == total["currency"])
            .map(|s| s["cost"]["amount"].as_str().unwrap().parse::<rust_decimal::Decimal>().unwrap())
            .sum();
        assert_eq!(sum, total["amount"].as_str().unwrap().parse().unwrap());
    }
    assert!(answer.readable().contains("| Service | Cost | Share |"), "{}", answer.readable());
}

#[tokio::test]
async fn the_same_question_has_the_same_answer() {
    let stack = Stack::start().await;
    let question = json!({"subscription": DEV_SUBSCRIPTION, "from": "2026-09-01", "to": "2026-09-30"});
    let first = stack.caller.call(&stack.token("alice"), "cost_by_service", question.clone()).await;
    let second = stack.caller.call(&stack.token("bob"), "cost_by_service", question).await;
    assert_eq!(first.data(), second.data());
    assert!(!first.data()["services"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn azure_decides_what_bob_may_read() {
    let stack = Stack::start().await;
    let token = stack.token("bob");
    let dev = stack.caller.call(&token, "cost_by_service", json!({"subscription": DEV_SUBSCRIPTION})).await;
    assert!(!dev.is_tool_error(), "{}", dev.text);
    let prod = stack.caller.call(&token, "cost_by_service", json!({"subscription": PROD_SUBSCRIPTION})).await;
    assert_eq!(prod.status, 200);
    assert!(prod.is_tool_error(), "{}", prod.text);
    // Azure says this with a 401, which must not become a sign-in.
    assert_eq!(prod.data()["code"], "no_access");
    assert_eq!(prod.data()["azure"]["code"], "RBACAccessDenied");
    assert!(prod.challenge().is_empty());
    let by_name = stack.caller.call(&token, "cost_by_service", json!({"subscription": "Contoso Prod"})).await;
    assert_eq!(by_name.data()["code"], "subscription_not_found");
    assert!(by_name.readable().contains("Contoso Dev"));
}

#[tokio::test]
async fn an_export_holds_the_charges_of_the_period() {
    let stack = Stack::builder().gateway(&["--export-inline-bytes=1000000"]).start().await;
    let question = json!({"subscription": "Contoso Dev", "from": "2026-10-01", "to": "2026-10-03"});
    let answer = stack.caller.call(&stack.token("alice"), "cost_export", question).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(!answer.is_tool_error(), "{}", answer.text);
    let data = answer.data();
    let csv = data["content"].as_str().unwrap();
    assert_eq!(data["size"], csv.len());
    let rows = data["rows"].as_u64().unwrap();
    assert!(rows > 0 && csv.lines().count() as u64 == rows + 1, "{rows} rows");
    assert_eq!(stack.emulator.counts().blob_authorization_leaks, 0);
}

#[tokio::test]
async fn an_export_beyond_the_limit_is_a_link() {
    let stack = Stack::builder().gateway(&["--export-inline-bytes=2000"]).start().await;
    let question = json!({"subscription": "Contoso Dev", "from": "2026-10-01", "to": "2026-10-31"});
    let answer = stack.caller.call(&stack.token("alice"), "cost_export", question).await;
    let data = answer.data();
    assert_eq!((data["status"].as_str(), data.get("content")), (Some("ready"), None), "{}", answer.text);
    assert!(answer.readable().contains(data["uri"].as_str().unwrap()), "{}", answer.text);
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    for (arguments, expected) in [
        (json!({}), "subscription"),
        (json!({"subscription": "Contoso Dev", "group": "x"}), "group"),
        (json!({"subscription": "Contoso Dev", "metric": "net"}), "net"),
        (json!({"subscription": "Contoso Dev", "from": "yesterday"}), "yesterday"),
        (json!({"subscription": "Contoso Dev", "from": "2026-02-30"}), "2026-02-30"),
        (json!({"subscription": "Contoso Dev", "from": "2026-10-09", "to": "2026-10-01"}), "2026-10-09"),
    ] {
        let answer = stack.caller.call(&token, "cost_by_service", arguments.clone()).await;
        assert!(answer.is_tool_error(), "{}", answer.text);
        assert!(answer.readable().contains(expected), "{arguments}: {}", answer.readable());
    }
    // None of these needed Azure or Entra ID.
    assert_eq!(stack.emulator.counts().exchanges, 0);
}

#[tokio::test]
async fn one_exchange_serves_many_calls() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    for _ in 0..5 {
        let answer = stack.caller.call(&token, "list_subscriptions", json!({})).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(stack.emulator.counts().exchanges, 1);
    // Another token of the same person is another assertion: nothing is shared.
    let other = stack.token("alice");
    assert_ne!(token, other);
    stack.caller.call(&other, "list_subscriptions", json!({})).await;
    assert_eq!(stack.emulator.counts().exchanges, 2);
    let (gateway, broker) = stack.metrics().await;
    assert!(gateway.contains("gateway_tool_duration"), "{gateway}");
    assert!(broker.contains("broker_cache_hits"), "{broker}");
}
