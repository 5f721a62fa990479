use cost::{Error, SubscriptionState};
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::support::{always, client, in_turn, ok, requests, token};

fn page(names: &[&str], next_link: &str) -> Value {
    let value: Vec<Value> =
        names.iter().map(|name| json!({"subscriptionId": uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()), "displayName": name})).collect();
    json!({ "value": value, "nextLink": next_link })
}

#[tokio::test]
async fn the_specifications_example_is_read() {
    let azure = MockServer::start().await;
    let mut example: Value =
        serde_json::from_str(include_str!("../data/2022-12-01.GetSubscriptions.json")).unwrap();
    let mut body = example["responses"]["200"]["body"].take();
    // The example's own "next link" is three dots.
    body["nextLink"] = Value::Null;
    always(&azure, ok(&body)).await;

    let subscriptions = client(&azure).subscriptions(&token()).await.unwrap();
    assert_eq!(subscriptions.len(), 2);
    assert_eq!(subscriptions[0].id.to_string(), "291bba3f-e0a5-47bc-a099-3bdcb2a50a05");
    assert_eq!(subscriptions[0].display_name, "Example Subscription");
    assert_eq!(subscriptions[0].state, SubscriptionState::Enabled);
    assert_eq!(subscriptions[0].quota_id.as_deref(), Some("Internal_2014-09-01"));
    assert_eq!(subscriptions[1].tenant_id.unwrap().to_string(), "2a0ff0de-96b2-4859-bb7c-a430d07a3e0c");
}

#[tokio::test]
async fn all_pages_are_read() {
    let azure = MockServer::start().await;
    let next = format!("{}/subscriptions?api-version=2022-12-01&$skiptoken=a%2Bb", azure.uri());
    in_turn(&azure, [ok(&page(&["one", "two"], &next)), ok(&page(&["three"], ""))]).await;

    let found = client(&azure).subscriptions(&token()).await.unwrap();
    let names: Vec<_> = found.iter().map(|subscription| subscription.display_name.as_str()).collect();
    assert_eq!(names, ["one", "two", "three"]);
    let seen = requests(&azure).await;
    assert_eq!(seen[0].url.query(), Some("api-version=2022-12-01"));
    assert_eq!(seen[1].url.query(), Some("api-version=2022-12-01&$skiptoken=a%2Bb"));
    assert!(seen.iter().all(|request| request.headers["authorization"] == "Bearer eyJ-the-callers-token"));
}

#[tokio::test]
async fn a_list_without_end_is_an_error() {
    let azure = MockServer::start().await;
    always(&azure, ok(&page(&["again"], &format!("{}/subscriptions", azure.uri())))).await;
    let error = client(&azure).subscriptions(&token()).await.unwrap_err();
    assert!(matches!(error, Error::Incomplete { .. }), "{error}");
    assert_eq!(requests(&azure).await.len(), 2);
}

#[tokio::test]
async fn the_example_with_its_broken_link_is_no_reason_to_follow_it() {
    let azure = MockServer::start().await;
    always(&azure, ok(&page(&["one"], "..."))).await;
    assert_eq!(client(&azure).subscriptions(&token()).await.unwrap_err().code(), "untrusted_link");
}
