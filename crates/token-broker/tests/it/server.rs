//! What is served: sockets, mutual TLS, health, reflection, the admin port, the end.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use identity::clock::ManualClock;
use proto::v1::ExchangeRequest;
use proto::v1::token_broker_client::TokenBrokerClient;
use telemetry::Metrics;
use telemetry::testing::Captured;
use testkit::{NOW, eventually};
use token_broker::{Listeners, serve};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::serving::served;
use crate::support::{ALICE, BOB, Broker, Entra, admin};

#[tokio::test]
async fn a_unix_socket_is_served_and_removed() {
    let entra = Entra::start().await;
    let path = entra.dir.path().join("broker.sock");
    let config = entra.config(&["--listen", &format!("unix:{}", path.display())]);
    let listeners = Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await.unwrap();
    let shutdown = CancellationToken::new();
    let task = served(config, listeners, ManualClock::at(NOW), shutdown.clone());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let channel = Endpoint::from_shared(format!("unix:{}", path.display())).unwrap().connect().await.unwrap();
    let request =
        ExchangeRequest { assertion: entra.token(ALICE), resource: "arm".into(), claims: String::new() };
    TokenBrokerClient::new(channel).exchange(request).await.unwrap();

    shutdown.cancel();
    task.await.unwrap().unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn health_and_readiness_follow_keys_and_credential() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    // The first call brings the keys, if the background has not yet.
    broker.exchange(&entra.token(ALICE)).await.unwrap();

    eventually("it serves", async || health(&broker).await == ServingStatus::Serving).await;
    assert!(broker.admin("/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(broker.admin("/healthz").await.starts_with("HTTP/1.1 200"));

    // The certificate ends on the first day of 2028.
    broker.clock.set("2028-01-01T00:00:00Z".parse().unwrap());
    eventually("it does not serve", async || health(&broker).await == ServingStatus::NotServing).await;
    let readiness = broker.admin("/readyz").await;
    assert!(
        readiness.starts_with("HTTP/1.1 503") && readiness.contains(r#""credential":"failing""#),
        "{readiness}"
    );
}

#[tokio::test]
async fn silent_connections_keep_no_probe_out() {
    let entra = Entra::start().await;
    let broker = Broker::start_with(entra.config(&["--health-listen", "127.0.0.1:0"])).await;
    let health = broker.health.clone().unwrap();
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(&health).await.unwrap());
    }
    // One more than there are places: the oldest makes room.
    assert!(admin(&health, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert_eq!(silent[0].read_u8().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let token = entra.token(ALICE);
    for _ in 0..3 {
        broker.exchange(&token).await.unwrap();
    }
    broker.exchange("forged").await.unwrap_err();
    // The credential was proved at the start: a request to Entra ID as well.
    eventually("it is ready", async || broker.admin("/readyz").await.starts_with("HTTP/1.1 200")).await;

    let text = broker.admin("/metrics").await;
    let value = |name: &str, label: &str| {
        let line = text.lines().find(|line| line.starts_with(name) && line.contains(label));
        line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value.to_owned())
    };
    assert_eq!(value("broker_cache_hits_total", "").as_deref(), Some("2"), "{text}");
    assert_eq!(value("broker_cache_misses_total", "").as_deref(), Some("1"), "{text}");
    assert_eq!(value("broker_exchanges_total", r#"outcome="ok""#).as_deref(), Some("3"), "{text}");
    assert_eq!(
        value("broker_exchanges_total", r#"error_type="invalid_token""#).as_deref(),
        Some("1"),
        "{text}"
    );
    assert_eq!(value("broker_entra_requests_total", r#"outcome="ok""#).as_deref(), Some("2"), "{text}");
    assert_eq!(value("broker_entra_duration_seconds_count", "").as_deref(), Some("2"), "{text}");
    assert_eq!(value("broker_inflight", "").as_deref(), Some("0"), "{text}");
    let days = value("broker_credential_days_left", "").unwrap();
    assert!((404.0..405.0).contains(&days.parse::<f64>().unwrap()), "{days}");
}

#[tokio::test]
async fn reflection_knows_the_service() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let requests = tokio_stream::once(request);
    let mut client = ServerReflectionClient::new(broker.channel.clone());
    let mut answers = client.server_reflection_info(requests).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"token_broker.v1.TokenBroker".to_owned()), "{names:?}");
    assert!(names.contains(&"grpc.health.v1.Health".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_callers_deadline_is_honoured_and_the_exchange_lives_on() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let token = entra.token(ALICE);
    entra.gate(false);
    let mut request = Request::new(ExchangeRequest {
        assertion: token.clone(),
        resource: "arm".into(),
        claims: String::new(),
    });
    request.set_timeout(Duration::from_millis(300));

    let status = broker.client.clone().exchange(request).await.unwrap_err();

    assert!(matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded), "{status:?}");
    entra.gate(true);
    broker.exchange(&token).await.unwrap();
    assert_eq!(entra.count(), 1);
}

#[tokio::test]
async fn stopping_finishes_the_calls_in_flight() {
    let entra = Entra::start().await;
    let mut broker = Broker::start(&entra).await;
    let token = entra.token(ALICE);
    entra.gate(false);
    let (answer, ()) = tokio::join!(broker.exchange(&token), async {
        entra.arrival().await;
        broker.shutdown.cancel();
        entra.gate(true);
    });
    answer.unwrap();
    (&mut broker.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn who_watches_health_is_told_of_the_end_and_does_not_hold_it_up() {
    let entra = Entra::start().await;
    // Far longer than this test: were the watches waited for, it would not end in time.
    let mut broker = Broker::start_with(entra.config(&["--drain-seconds=120"])).await;
    eventually("it serves", async || health(&broker).await == ServingStatus::Serving).await;
    let mut watches = Vec::new();
    for service in ["", "token_broker.v1.TokenBroker"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = HealthClient::new(broker.channel.clone()).watch(request).await.unwrap().into_inner();
        assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
        watches.push(watch);
    }
    let token = entra.token(ALICE);
    entra.gate(false);
    let (answer, ()) = tokio::join!(broker.exchange(&token), async {
        entra.arrival().await;
        broker.shutdown.cancel();
        for watch in &mut watches {
            // While the call is still in flight.
            assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
            assert!(watch.message().await.unwrap().is_none(), "that was the last word");
        }
        assert!(broker.admin("/readyz").await.contains(r#""stopping":"failing""#));
        assert!(!broker.task.is_finished());
        entra.gate(true);
    });
    answer.unwrap();
    tokio::time::timeout(Duration::from_secs(60), &mut broker.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn until_connections_are_refused_health_says_that_it_does_not_serve() {
    let entra = Entra::start().await;
    let broker = Broker::start_with(entra.config(&["--shutdown-delay-seconds=120"])).await;
    eventually("it serves", async || health(&broker).await == ServingStatus::Serving).await;
    broker.shutdown.cancel();
    eventually("it does not serve", async || health(&broker).await == ServingStatus::NotServing).await;
    assert!(broker.admin("/readyz").await.starts_with("HTTP/1.1 503"));
    // Who has not noticed yet is still answered, over a connection of before and over a new one.
    broker.exchange(&entra.token(ALICE)).await.unwrap();
    let request =
        ExchangeRequest { assertion: entra.token(BOB), resource: "arm".into(), claims: String::new() };
    let mut late = TokenBrokerClient::connect(broker.url.clone()).await.unwrap();
    late.exchange(request).await.unwrap();
    assert!(!broker.task.is_finished());
}

#[tokio::test]
async fn a_drain_that_is_overdue_ends_at_its_deadline() {
    let captured = Captured::install("warn");
    let entra = Entra::start().await;
    let mut broker = Broker::start_with(entra.config(&["--drain-seconds=1"])).await;
    let client = broker.client.clone();
    let token = entra.token(ALICE);
    entra.gate(false);
    let call = tokio::spawn(async move {
        let request = ExchangeRequest { assertion: token, resource: "arm".into(), claims: String::new() };
        client.clone().exchange(request).await
    });
    entra.arrival().await;
    let began = tokio::time::Instant::now();
    broker.shutdown.cancel();
    (&mut broker.task).await.unwrap().unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "it waited for the call");
    assert!(captured.logs().contains("still in flight at the end of the drain"), "{}", captured.logs());
    call.abort();
}

#[tokio::test]
async fn without_signing_keys_a_broker_is_not_ready() {
    let entra = Entra::start().await;
    entra.publishes(false);
    let broker = Broker::start(&entra).await;
    // Only the keys are missing.
    eventually("the credential is proved", async || {
        broker.admin("/readyz").await.contains(r#""credential":"ok""#)
    })
    .await;
    let readiness = broker.admin("/readyz").await;
    assert!(
        readiness.starts_with("HTTP/1.1 503") && readiness.contains(r#""signing_keys":"failing""#),
        "{readiness}"
    );
    assert_eq!(health(&broker).await, ServingStatus::NotServing);
    broker.exchange(&entra.token(ALICE)).await.unwrap_err();

    // They are asked for again, with nobody calling.
    entra.publishes(true);
    eventually("it serves", async || health(&broker).await == ServingStatus::Serving).await;
    assert!(broker.admin("/readyz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_credential_that_cannot_be_used_stops_the_start() {
    let entra = Entra::start().await;
    std::fs::write(entra.dir.path().join("app.pem"), entra.application.certificate.pem()).unwrap();
    let config = entra.config(&[]);
    let listeners = Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await.unwrap();
    let clock = Arc::new(ManualClock::at(NOW));
    let error =
        serve(config, listeners, clock, Metrics::new("token-broker").unwrap(), CancellationToken::new())
            .await
            .unwrap_err();
    assert!(error.to_string().contains("AZURE_CLIENT_CERTIFICATE_PATH"), "{error}");
    let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    assert!(causes.iter().any(|cause| cause.contains("no private key")), "{causes:?}");
    assert!(Path::new(entra.dir.path()).exists());
}

async fn health(broker: &Broker) -> ServingStatus {
    let request = HealthCheckRequest { service: "token_broker.v1.TokenBroker".to_owned() };
    HealthClient::new(broker.channel.clone()).check(request).await.unwrap().into_inner().status()
}
