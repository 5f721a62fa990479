//! Entra ID's throttling, kept by all calls together.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use futures::future::join_all;
use jiff::SignedDuration;
use proto::{BrokerError, Reason};
use serde_json::json;

use crate::support::{ALICE, BOB, Broker, Entra};

fn throttled(entra: &Entra, status: u16, retry_after: &'static str) {
    entra.answer(move |_| {
        let value = HeaderValue::from_static(retry_after);
        let headers = HeaderMap::from_iter([("retry-after".parse().unwrap(), value)]);
        (StatusCode::from_u16(status).unwrap(), headers, json!({"error": "temporarily_unavailable"}))
    });
}

async fn wait(broker: &Broker, assertion: &str) -> Option<Duration> {
    let error = BrokerError::from_status(&broker.exchange(assertion).await.unwrap_err());
    assert_eq!(error.reason(), Some(Reason::IdentityProviderUnavailable));
    error.retry_after()
}

#[tokio::test]
async fn one_throttled_answer_holds_everybody_back_until_the_pause_ends() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let held = entra.token(ALICE);
    broker.exchange(&held).await.unwrap();

    for (status, retry_after) in [(429, "30"), (503, "30"), (429, "Sun, 22 Nov 2026 12:01:30 GMT")] {
        throttled(&entra, status, retry_after);
        let count = entra.count();
        assert_eq!(wait(&broker, &entra.token(BOB)).await, Some(Duration::from_secs(30)), "{retry_after}");
        broker.clock.advance(SignedDuration::from_secs(10));
        let others: Vec<_> = (0..50).map(|_| entra.token(BOB)).collect();
        for left in join_all(others.iter().map(|token| wait(&broker, token))).await {
            assert_eq!(left, Some(Duration::from_secs(20)));
        }
        assert_eq!(entra.count(), count + 1, "nobody else asks");
        assert!(broker.exchange(&held).await.is_ok(), "what is held already is served");
        broker.clock.advance(SignedDuration::from_secs(20));
        entra.grant();
        broker.exchange(&entra.token(BOB)).await.unwrap();
    }
    let metrics = broker.admin("/metrics").await;
    let line =
        |name: &str| metrics.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("broker_entra_throttled_total").ends_with(" 150"), "{metrics}");
    assert!(line("broker_entra_pauses_total").ends_with(" 3"), "{metrics}");
}

#[tokio::test]
async fn when_the_pause_ends_one_call_goes_first() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    throttled(&entra, 429, "5");
    wait(&broker, &entra.token(ALICE)).await;
    entra.arrival().await;
    broker.clock.advance(SignedDuration::from_secs(5));
    entra.grant();
    entra.gate(false);
    let (first, other) = (entra.token(ALICE), entra.token(BOB));
    let (probe, ()) = tokio::join!(broker.exchange(&first), async {
        entra.arrival().await;
        assert_eq!(wait(&broker, &other).await, Some(Duration::from_secs(1)));
        assert_eq!(entra.count(), 2);
        entra.gate(true);
    });
    probe.unwrap();
    let after = entra.token(BOB);
    broker.exchange(&after).await.unwrap();
}

#[tokio::test]
async fn several_faults_in_a_row_begin_a_pause_and_a_loop_of_one_user_does_not() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    entra.refuse(400, json!({"error": "invalid_grant", "error_codes": [50196]}));
    for _ in 0..5 {
        assert_eq!(wait(&broker, &entra.token(BOB)).await, Some(Duration::from_secs(60)));
    }
    assert_eq!(entra.count(), 5, "each user's loop is their own");

    entra.refuse(500, json!("<html>"));
    for _ in 0..3 {
        wait(&broker, &entra.token(ALICE)).await;
    }
    let count = entra.count();
    let left = wait(&broker, &entra.token(ALICE)).await;
    assert_eq!(left, Some(Duration::from_secs(1)), "up to a second, told as one");
    assert_eq!(entra.count(), count);
}
