//! Deadlines, further tries, and what is sent along.

use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use secrecy::ExposeSecret as _;
use token_broker_proto::client::Purge;
use token_broker_proto::{BrokerError, Reason};
use tokio::net::TcpListener;
use tonic::{Code, Status};
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{Answer, Scripted, client, config, exchange, refusal};

#[tokio::test]
async fn every_call_brings_its_answer() {
    let broker = Scripted::new(|_| Answer::Token);
    let client = client(&broker.serve().await);

    let exchanged = exchange(&client).await.unwrap();
    assert_eq!(exchanged.access_token.expose_secret(), "token for assertion");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    assert_eq!(exchanged.expires_at, time);

    let purge = Purge { tenant_id: "the tenant", user_oid: "the user" };
    assert_eq!(client.purge_user(purge).await.unwrap(), time);
    assert!(client.preflight(true).await.unwrap().checks.is_empty());
    let asked = broker.asked();
    assert!(asked[2].message.contains("refresh: true"), "{asked:?}");
    assert!(asked[1].message.contains("tenant_id: \"the tenant\", user_oid: \"the user\""), "{asked:?}");
}

#[tokio::test]
async fn the_deadline_is_sent_and_holds_though_nobody_answers() {
    let broker = Scripted::new(|_| Answer::Never);
    let deadline = Duration::from_secs(1);
    let served = client(&broker.serve().await).with_deadline(deadline);
    // Accepts and says nothing, not even in HTTP/2.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let unserved = client(&format!("http://{}", silent.local_addr().unwrap())).with_deadline(deadline);

    for client in [served, unserved] {
        let started = Instant::now();
        let error = exchange(&client).await.unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::DeadlineExceeded, None), "{error}");
        assert!((deadline..deadline * 10).contains(&started.elapsed()), "{:?}", started.elapsed());
    }
    let timeout = broker.asked()[0].timeout.clone().unwrap();
    let (number, unit) = timeout.split_at(timeout.len() - 1);
    assert_eq!(unit, "u", "{timeout}");
    assert!((1..=1_000_000).contains(&number.parse::<u32>().unwrap()), "{timeout}");
}

#[tokio::test]
async fn no_refusal_is_asked_for_twice() {
    for reason in Reason::ALL {
        let broker = Scripted::new(move |_| Answer::Refused(refusal(reason).into()));
        let error = exchange(&client(&broker.serve().await)).await.unwrap_err();
        assert_eq!(error, refusal(reason));
        assert_eq!(broker.asked().len(), 1, "{reason}");
    }
}

#[tokio::test]
async fn a_challenge_arrives_with_its_claims_of_any_size_there_is() {
    let claims = format!(r#"{{"access_token":{{"x":"{}"}}}}"#, "y".repeat(8000));
    let sent = refusal(Reason::ClaimsChallenge).with_claims(claims.as_str()).with_metadata("aadsts", "50076");
    let answer = sent.clone();
    let broker = Scripted::new(move |_| Answer::Refused(answer.clone().into()));
    let error = exchange(&client(&broker.serve().await)).await.unwrap_err();
    assert_eq!(error, sent);
    assert_eq!((error.claims(), error.metadata("aadsts")), (Some(claims.as_str()), Some("50076")));
}

#[tokio::test]
async fn who_is_turned_away_comes_back_when_told_and_not_before() {
    let wait = Duration::from_millis(200);
    let busy = refusal(Reason::Overloaded).with_retry_after(wait);
    let broker = Scripted::new(move |call| match call {
        1 => Answer::Refused(busy.clone().into()),
        _ => Answer::Token,
    });
    let started = Instant::now();
    exchange(&client(&broker.serve().await)).await.unwrap();
    assert!(started.elapsed() >= wait, "{:?}", started.elapsed());
    assert_eq!(broker.asked().len(), 2);
}

#[tokio::test]
async fn a_pause_beyond_patience_or_deadline_is_the_callers() {
    let wait = Duration::from_secs(30);
    let busy = refusal(Reason::IdentityProviderUnavailable).with_retry_after(wait);
    let answer = busy.clone();
    let broker = Scripted::new(move |_| Answer::Refused(answer.clone().into()));
    let address = broker.serve().await;
    let impatient =
        token_broker_proto::client::Client::new(config(&address).with_patience(Duration::ZERO)).unwrap();
    let patient = config(&address).with_patience(Duration::from_secs(60));
    let hurried =
        token_broker_proto::client::Client::new(patient).unwrap().with_deadline(Duration::from_secs(20));
    for client in [impatient, hurried] {
        let started = Instant::now();
        let error = exchange(&client).await.unwrap_err();
        assert_eq!((error.clone(), error.retry_after()), (busy.clone(), Some(wait)));
        assert!(started.elapsed() < wait, "{:?}", started.elapsed());
    }
    assert_eq!(broker.asked().len(), 2, "once for each client");
}

#[tokio::test]
async fn a_proxy_that_has_no_broker_is_asked_again_as_often_as_configured() {
    let broker = Scripted::new(|_| Answer::Refused(Status::unavailable("no healthy upstream")));
    let address = broker.serve().await;
    let error = exchange(&client(&address)).await.unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::Unavailable, None));
    assert_eq!(broker.asked().len(), 3);

    let once =
        token_broker_proto::client::Client::new(config(&address).with_attempts(NonZeroU32::MIN)).unwrap();
    exchange(&once).await.unwrap_err();
    assert_eq!(broker.asked().len(), 4);

    let purge = Purge { tenant_id: "", user_oid: "" };
    client(&address).purge_user(purge).await.unwrap_err();
    assert_eq!(broker.asked().len(), 7, "a purge is as safe to repeat");
}

#[tokio::test]
async fn an_error_of_somebody_else_is_final() {
    for status in [Status::internal("a bug"), Status::unimplemented("no such call"), Status::unknown("?")] {
        let code = status.code();
        let broker = Scripted::new(move |_| Answer::Refused(Status::new(code, "of the peer")));
        let error = exchange(&client(&broker.serve().await)).await.unwrap_err();
        assert_eq!((error.code(), broker.asked().len()), (code, 1));
    }
}

#[tokio::test]
async fn the_callers_trace_goes_along() {
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let broker = Scripted::new(|call| match call {
        1 => Answer::Refused(Status::unavailable("gone for a moment")),
        _ => Answer::Token,
    });
    let client = client(&broker.serve().await);

    let span = tracing::info_span!("the caller's");
    exchange(&client).instrument(span.clone()).await.unwrap();
    exchange(&client).await.unwrap();

    let context = span.context();
    let context = context.span().span_context().clone();
    let expected = format!("00-{}-{}-01", context.trace_id(), context.span_id());
    let sent: Vec<_> = broker.asked().into_iter().map(|asked| asked.traceparent).collect();
    assert_eq!(sent, [Some(expected.clone()), Some(expected), None], "each try; and nothing outside a span");
}

#[test]
fn errors_are_errors() {
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(refusal(Reason::BlockedByPolicy));
    assert!(error.downcast_ref::<BrokerError>().is_some());
}
