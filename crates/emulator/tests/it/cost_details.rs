//! The cost details report: ordering, polling, and blobs behind signed links.

use emulator::{Config, DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};
use serde_json::{Value, json};

use crate::harness::Stand;

fn order_path(subscription: &str) -> String {
    let provider = "providers/Microsoft.CostManagement/generateCostDetailsReport";
    format!("/subscriptions/{subscription}/{provider}?api-version=2025-03-01")
}

fn period(start: &str, end: &str) -> Value {
    json!({"metric": "ActualCost", "timePeriod": {"start": start, "end": end}})
}

/// Orders and polls until complete.
async fn report(stand: &Stand, token: &str, subscription: &str, body: &Value) -> Value {
    let accepted = stand.arm_post(token, &order_path(subscription), body).await;
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(accepted.headers()["retry-after"], "1");
    let pending = stand.arm_get(token, &location).await;
    assert_eq!(pending.status(), 202);
    assert_eq!(pending.headers()["location"].to_str().unwrap(), location);
    stand.arm_get(token, &location).await.json().await.unwrap()
}

#[tokio::test]
async fn a_report_is_complete_after_a_poll_and_has_several_blobs() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let body = period("2026-10-01", "2026-10-31");
    let done = report(&stand, &alice, PROD_SUBSCRIPTION, &body).await;
    assert_eq!(done["status"], "Completed");
    let manifest = &done["manifest"];
    assert_eq!((&manifest["dataFormat"], &manifest["requestContext"]["requestBody"]), (&"Csv".into(), &body));
    let blobs = manifest["blobs"].as_array().unwrap();
    assert!(blobs.len() > 1 && blobs.len() as u64 == manifest["blobCount"].as_u64().unwrap());

    let mut rows = 0;
    for blob in blobs {
        let response = stand.http.get(blob["blobLink"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        // Not `text()`: it would drop the byte order mark.
        let text = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
        assert_eq!(text.len() as u64, blob["byteCount"].as_u64().unwrap());
        assert!(text.starts_with("\u{feff}invoiceId,") && text.contains("costInBillingCurrency"));
        rows += text.lines().count() - 1;
    }
    assert!(rows > 31 * 20);
}

#[tokio::test]
async fn a_link_needs_its_signature_and_takes_no_token() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let done = report(&stand, &alice, DEV_SUBSCRIPTION, &period("2026-11-01", "2026-11-10")).await;
    let link = done["manifest"]["blobs"][0]["blobLink"].as_str().unwrap();

    let unsigned = link.split("&sig=").next().unwrap();
    assert_eq!(stand.http.get(unsigned).send().await.unwrap().status(), 403);
    let leaking = stand.http.get(link).bearer_auth(&alice).send().await.unwrap();
    assert_eq!(leaking.status(), 400);
    assert_eq!(stand.emulator.counts().blob_authorization_leaks, 1);
    stand.emulator.advance_clock(13 * 3_600);
    assert_eq!(stand.http.get(link).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn reports_are_for_those_who_may_see_the_scope() {
    let stand = Stand::start().await;
    let bob = stand.arm_token("bob").await;
    let refused =
        stand.arm_post(&bob, &order_path(PROD_SUBSCRIPTION), &period("2026-11-01", "2026-11-10")).await;
    assert_eq!(refused.status(), 403);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], "AuthorizationFailed");

    let alice = stand.arm_token("alice").await;
    let ordered =
        stand.arm_post(&alice, &order_path(DEV_SUBSCRIPTION), &period("2026-11-01", "2026-11-10")).await;
    let location = ordered.headers()["location"].to_str().unwrap();
    assert_eq!(stand.arm_get(&bob, location).await.status(), 404, "an operation is its owner's");
}

#[tokio::test]
async fn periods_are_checked_and_may_be_empty() {
    let stand = Stand::with(Config {
        report_polls: 0,
        today: Some(jiff::civil::date(2026, 11, 20)),
        ..Config::default()
    })
    .await;
    let alice = stand.arm_token("alice").await;
    for (start, end) in
        [("2026-09-01", "2026-11-01"), ("2026-11-10", "2026-11-01"), ("2025-01-01", "2025-01-31")]
    {
        let refused = stand.arm_post(&alice, &order_path(DEV_SUBSCRIPTION), &period(start, end)).await;
        assert_eq!(refused.status(), 400, "{start} {end}");
    }
    let future =
        stand.arm_post(&alice, &order_path(DEV_SUBSCRIPTION), &period("2026-11-21", "2026-11-30")).await;
    let location = future.headers()["location"].to_str().unwrap();
    let done: Value = stand.arm_get(&alice, location).await.json().await.unwrap();
    assert_eq!((&done["status"], &done["manifest"]["blobCount"]), (&"NoDataFound".into(), &0.into()));
}

#[tokio::test]
async fn the_manifest_has_the_members_of_the_specification() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let done = report(&stand, &alice, DEV_SUBSCRIPTION, &period("2026-11-01", "2026-11-10")).await;
    let vector = include_str!("../data/2026-06-01.GenerateCostDetailsReportBySubscriptionAndTimePeriod.json");
    let vector: Value = serde_json::from_str(vector).unwrap();
    let expected = &vector["responses"]["200"]["body"];
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&done), members(expected));
    assert_eq!(members(&done["manifest"]), members(&expected["manifest"]));
    assert_eq!(members(&done["manifest"]["blobs"][0]), members(&expected["manifest"]["blobs"][0]));
}
