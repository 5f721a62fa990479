//! The whole set-up against a collector: what is logged, what arrives, and when.

#![cfg(test)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rcgen::CertifiedKey;
use telemetry::{Callers, TelemetryArgs, init, names};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

mod same;

const SPANS: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// What a collector was sent: the path and the body of each request.
type Received = Arc<Mutex<Vec<(String, Bytes)>>>;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_the_collector_when_the_guard_is_dropped() {
    let (endpoint, received) = collector().await;
    let cli = Cli::parse_from(["x", "--otlp-endpoint", &endpoint, "--log", "error"]);

    let guard = init("gateway-under-test", Callers::Strangers, &cli.telemetry, None).unwrap();
    tracing::info_span!(target: "gateway", "a.span", note = "a note").in_scope(|| ());
    tracing::info_span!(target: "rmcp", "a.foreign.span", note = "of a caller").in_scope(|| ());
    assert!(received.lock().unwrap().is_empty(), "spans are batched, not sent one by one");
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();

    let requests = sent_to(&received, SPANS).concat();
    let got = |text: &str| contains(&requests, text);
    for text in ["gateway-under-test", "service.version", "service.instance.id", "a.span", "a note"] {
        assert!(got(text), "{text} in what the collector got");
    }
    assert!(!got("of a caller"), "what libraries put into spans may be a caller's");
}

/// OTLP over HTTP behind TLS, with an authority that only the file names: what is sent, and where.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_a_collector_over_http_with_an_authority_of_ours() {
    let (address, authority, received) = https_collector().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority).unwrap();
    let endpoint = format!("https://localhost:{}/base/", address.port());
    let flags = ["x", "--otlp-endpoint", &endpoint, "--otlp-protocol", "http/protobuf", "--log", "error"];

    export_a_span(&flags, Some(file.path())).await;
    assert!(contains(&sent_to(&received, "/base/v1/traces").concat(), "a.span"));
    assert!(contains(&sent_to(&received, "/base/v1/metrics").concat(), "telemetry.spans.exported"));
}

/// The same over gRPC.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_a_collector_over_grpc_with_an_authority_of_ours() {
    let (address, authority, received) = https_collector().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority).unwrap();
    let endpoint = format!("https://localhost:{}", address.port());
    let flags = ["x", "--otlp-endpoint", &endpoint, "--log", "error"];

    export_a_span(&flags, Some(file.path())).await;
    assert!(contains(&sent_to(&received, SPANS).concat(), "a.span"));
    assert!(contains(&sent_to(&received, METRICS).concat(), "telemetry.spans.exported"));
}

/// Only checkpoints: the log is for stderr, and may say what no collector is to have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_log_the_audits_checkpoints_reach_the_collector_and_nothing_else() {
    let (endpoint, received) = collector().await;
    let cli = Cli::parse_from(["x", "--otlp-endpoint", &endpoint, "--log", "off"]);
    let guard = init("gateway-under-test", Callers::Strangers, &cli.telemetry, None).unwrap();
    tracing::info!(target: names::AUDIT_CHECKPOINT, chain = "a-chain", seq = 7, "audit checkpoint");
    tracing::error!(target: "gateway", secret = "s3cret", "a line");
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();

    let requests = sent_to(&received, LOGS).concat();
    for text in ["gateway-under-test", "audit checkpoint", "a-chain"] {
        assert!(contains(&requests, text), "{text}");
    }
    assert!(!contains(&requests, "s3cret") && !contains(&requests, "a line"));
}

/// A collector that refuses all: nothing fails, and what is lost is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_refuses_costs_nothing_but_what_it_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let refused = || std::future::ready(StatusCode::SERVICE_UNAVAILABLE);
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(refused)).await });
    let flags =
        ["x", "--otlp-traces-endpoint", &endpoint, "--otlp-protocol", "http/protobuf", "--log", "off"];
    let telemetry = Cli::parse_from(flags).telemetry;
    let guard = init("gateway-under-test", Callers::Strangers, &telemetry, None).unwrap();
    // As many as are sent at once, without waiting for more.
    for _ in 0..512 {
        tracing::info_span!(target: "gateway", "a.span").in_scope(|| ());
    }
    let lines = [
        r#"telemetry_spans_dropped_total{cause="failed"} 512"#,
        r#"telemetry_spans_dropped_total{cause="full"} 0"#,
        r#"telemetry_exports_failed_total{signal="traces"} 1"#,
        "telemetry_spans_exported_total 0",
    ];
    let counted = async {
        let metrics = guard.metrics();
        while !lines.iter().all(|line| metrics.render().contains(line)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), counted).await.expect("what was refused is counted");
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();
}

/// Headers may hold keys, and an answer names no other collector.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_of_the_collector_is_not_followed() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let paths = Arc::clone(&asked);
    let answer = move |uri: Uri| {
        paths.lock().unwrap().push(uri.path().to_owned());
        std::future::ready((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let flags = ["x", "--otlp-endpoint", &endpoint, "--otlp-protocol", "http/protobuf", "--log", "error"];

    export_a_span(&flags, None).await;
    let mut asked = asked.lock().unwrap().clone();
    asked.sort();
    assert_eq!(asked, ["/v1/metrics", "/v1/traces"]);
}

/// What a platform injects must not keep a service from its work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_a_collector_that_cannot_be_used_cost_the_telemetry_and_not_the_service() {
    let flags = ["x", "--otlp-endpoint", "http://k8se-otel.k8se-apps.svc:4317", "--log", "warn"];
    drop(init("gateway-under-test", Callers::Strangers, &Cli::parse_from(flags).telemetry, None).unwrap());
}

/// A process's life with one span, at whose end what is buffered was sent.
async fn export_a_span(flags: &[&str], extra_ca: Option<&Path>) {
    let telemetry = Cli::parse_from(flags).telemetry;
    let guard = init("gateway-under-test", Callers::Strangers, &telemetry, extra_ca).unwrap();
    tracing::info_span!(target: "gateway", "a.span", note = "a note").in_scope(|| ());
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();
}

/// What came to this path.
fn sent_to(received: &Received, path: &str) -> Vec<Bytes> {
    let received = received.lock().unwrap();
    received.iter().filter(|(to, _)| to == path).map(|(_, body)| body.clone()).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A collector over TLS that keeps what it is sent: its address, its certificate, and what it received.
async fn https_collector() -> (SocketAddr, String, Received) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut tls = tls.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let received = Received::default();
    let app = taking(&received);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(app.clone()));
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                let http = auto::Builder::new(TokioExecutor::new());
                let _ended = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, cert.pem(), received)
}

/// A collector that keeps what it is sent. Its address and what it received.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let routes = Routes::from(taking(&received));
    tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener)));
    (endpoint, received)
}

fn taking(received: &Received) -> Router {
    let sink = Arc::clone(received);
    Router::new().fallback(move |uri: Uri, body: Bytes| {
        sink.lock().unwrap().push((uri.path().to_owned(), body));
        std::future::ready(accepted())
    })
}

/// An empty answer to any export: one gRPC frame of length zero, and the status as a trailer.
fn accepted() -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(std::future::ready(Some(Ok(trailers))));
    Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
}
