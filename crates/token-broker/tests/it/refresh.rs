//! Tokens are refreshed in the background, before they end and while the assertion lives.

use axum::http::{HeaderMap, StatusCode};
use identity::clock::ManualClock;
use jiff::SignedDuration;
use proto::BrokerError;
use proto::v1::{PurgeUserRequest, TokenSource};
use serde_json::json;
use testkit::{NOW, eventually};

use crate::support::{ALICE, BOB, Broker, Entra, TENANT};

fn advance(clock: &ManualClock, minutes: i64) {
    clock.advance(SignedDuration::from_mins(minutes));
}

#[tokio::test]
async fn a_call_late_in_a_tokens_life_starts_a_refresh_and_does_not_wait_for_it() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let assertion = entra.token(ALICE);
    let first = broker.exchange(&assertion).await.unwrap().access_token;

    advance(&broker.clock, 25);
    entra.gate(false);
    for _ in 0..3 {
        let answer = broker.exchange(&assertion).await.unwrap();
        assert_eq!((answer.access_token.as_str(), answer.source()), (first.as_str(), TokenSource::Cache));
    }
    entra.gate(true);
    eventually("the refresh is in force", async || {
        broker.exchange(&assertion).await.unwrap().access_token != first
    })
    .await;
    assert_eq!(entra.count(), 2, "one refresh, however many calls");

    advance(&broker.clock, 20);
    assert_eq!(broker.exchange(&assertion).await.unwrap().source(), TokenSource::Cache);
    assert_eq!(entra.count(), 2);
}

#[tokio::test]
async fn entras_own_word_of_when_to_refresh_is_kept() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    entra.answer(|_| {
        let token = uuid::Uuid::new_v4().to_string();
        let body =
            json!({"token_type": "Bearer", "expires_in": 7200, "refresh_in": "600", "access_token": token});
        (StatusCode::OK, HeaderMap::new(), body)
    });
    let assertion = entra.token(ALICE);
    broker.exchange(&assertion).await.unwrap();
    advance(&broker.clock, 9);
    broker.exchange(&assertion).await.unwrap();
    assert_eq!(entra.count(), 1);
    advance(&broker.clock, 1);
    broker.exchange(&assertion).await.unwrap();
    eventually("the refresh came", async || entra.count() == 2).await;
}

#[tokio::test]
async fn an_outage_during_a_refresh_is_noticed_by_nobody() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let assertion = entra.token(ALICE);
    broker.exchange(&assertion).await.unwrap();
    entra.answer(|_| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "5".parse().unwrap());
        (StatusCode::SERVICE_UNAVAILABLE, headers, json!({"error": "temporarily_unavailable"}))
    });

    advance(&broker.clock, 25);
    assert!(broker.exchange(&assertion).await.is_ok());
    eventually("the refresh failed", async || entra.count() == 2).await;
    assert!(broker.exchange(&assertion).await.is_ok());

    // Tried again after a pause, not at every call.
    entra.grant();
    advance(&broker.clock, 1);
    eventually("the next refresh came", async || {
        assert!(broker.exchange(&assertion).await.is_ok());
        entra.count() == 3
    })
    .await;
}

#[tokio::test]
async fn a_refusal_at_a_refresh_ends_the_token_at_once() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let assertion = entra.token(ALICE);
    broker.exchange(&assertion).await.unwrap();
    entra.refuse(400, json!({"error": "invalid_grant", "error_codes": [50173]}));

    advance(&broker.clock, 25);
    let mut refusal = None;
    eventually("the session's end is known", async || {
        refusal = broker.exchange(&assertion).await.err();
        refusal.is_some()
    })
    .await;

    let refusal = BrokerError::from_status(&refusal.unwrap());
    assert_eq!(refusal.metadata("reason"), Some("session_revoked"));
}

#[tokio::test]
async fn where_the_assertion_ends_as_soon_nothing_is_refreshed() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let mut claims = entra.claims(ALICE);
    claims["exp"] = json!(NOW.as_second() + 1800);
    let assertion = entra.sign(&claims);
    broker.exchange(&assertion).await.unwrap();
    advance(&broker.clock, 29);
    for _ in 0..3 {
        assert_eq!(broker.exchange(&assertion).await.unwrap().source(), TokenSource::Cache);
    }
    assert_eq!(entra.count(), 1);
}

#[tokio::test]
async fn what_becomes_of_entries_is_counted() {
    let entra = Entra::start().await;
    let broker = Broker::start_with(entra.config(&["--cache-memory", "1"])).await;
    let counted = async |name: &str, label: &str| {
        let metrics = broker.admin("/metrics").await;
        metrics.lines().any(|line| line.starts_with(name) && line.contains(label))
    };
    let alice = entra.token(ALICE);
    broker.exchange(&alice).await.unwrap();
    advance(&broker.clock, 25);
    eventually("a refresh is counted", async || {
        broker.exchange(&alice).await.unwrap();
        counted("broker_cache_refreshes_total", r#"outcome="ok""#).await
    })
    .await;
    let request = PurgeUserRequest { tenant_id: TENANT.to_owned(), user_oid: ALICE.to_owned() };
    broker.client.clone().purge_user(request).await.unwrap();
    assert!(counted("broker_purges_total", r#"outcome="ok""#).await);
    // Some twenty of these are more than the memory.
    entra.answer(|_| {
        let body = json!({"token_type": "Bearer", "expires_in": 7200, "access_token": "t".repeat(40_000)});
        (StatusCode::OK, HeaderMap::new(), body)
    });
    assert!(!counted("broker_cache_evictions_total", r#"cause="size""#).await);
    eventually("an eviction is counted", async || {
        broker.exchange(&entra.token(BOB)).await.unwrap();
        counted("broker_cache_evictions_total", r#"cause="size""#).await
    })
    .await;
}
