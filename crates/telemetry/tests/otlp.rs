//! The whole set-up against a collector: what is logged, what arrives, and when.

#![cfg(test)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use clap::Parser;
use http_body_util::{BodyExt, Full};
use telemetry::{Callers, TelemetryArgs, init};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_reach_the_collector_when_the_guard_is_dropped() {
    let (endpoint, received) = collector().await;
    let cli = Cli::parse_from(["x", "--otlp-endpoint", &endpoint, "--log", "error"]);

    let guard = init("gateway-under-test", Callers::Strangers, &cli.telemetry).unwrap();
    tracing::info_span!(target: "gateway", "a.span", note = "a note").in_scope(|| ());
    tracing::info_span!(target: "rmcp", "a.foreign.span", note = "of a caller").in_scope(|| ());
    assert!(received.lock().unwrap().is_empty(), "spans are batched, not sent one by one");
    tokio::task::spawn_blocking(move || drop(guard)).await.unwrap();

    let requests = received.lock().unwrap().concat();
    let got = |text: &str| requests.windows(text.len()).any(|window| window == text.as_bytes());
    for text in ["gateway-under-test", "service.version", "a.span", "a note"] {
        assert!(got(text), "{text} in what the collector got");
    }
    assert!(!got("of a caller"), "what libraries put into spans may be a caller's");
}

/// A collector that keeps what it is sent. Its address and what it received.
async fn collector() -> (String, Arc<Mutex<Vec<Bytes>>>) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&received);
    let export = move |body: Bytes| {
        sink.lock().unwrap().push(body);
        std::future::ready(accepted())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let routes = Routes::from(Router::new().route(EXPORT, post(export)));
    tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener)));
    (endpoint, received)
}

/// An empty `ExportTraceServiceResponse`: one gRPC frame of length zero, and the status as a trailer.
fn accepted() -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(std::future::ready(Some(Ok(trailers))));
    Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
}
