//! A collector that fails, in any way: no call does, and each span is counted as taken or lost.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use e2e::Caller;
use e2e::processes::{Ports, Processes};
use serde_json::json;
use testkit::eventually;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::call;

/// How a collector can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Refusing,
    Hanging,
    /// Slower than an export may take.
    TooSlow,
    Well,
}

/// One call of a gateway that holds all it needs: `POST /mcp`, `tools/call`, the exchange, the question and its request.
const SPANS_OF_A_CALL: u64 = 5;
const CALLS: u64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_fails_in_any_way_fails_no_call_and_every_span_is_counted() {
    crate::leaks::build_services();
    let folder = tempfile::tempdir().unwrap();
    let address = {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        held.local_addr().unwrap()
    };
    let endpoint = format!("http://{address}");
    let settings = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        // So that each way to lose spans is met in the time of a test: a queue that is soon full, and exports that soon fail.
        ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "300"),
        ("GATEWAY_CALLS_PER_MINUTE", "0"),
    ];
    let stack = Processes::start_with(folder.path(), Ports::free().unwrap(), 0, &settings).await.unwrap();
    let token = stack.control().token("alice", json!({})).await.unwrap();
    let mut ended = 0;
    // Nobody listens.
    ended += calls(&stack, &token).await;
    let [exported, dropped] = counted(&stack, ended).await;
    assert_eq!((exported, dropped), (0, ended));

    let manner = Arc::new(Mutex::new(Manner::Refusing));
    let collector = tokio::spawn(collect(address, Arc::clone(&manner)));
    for now in [Manner::Refusing, Manner::Hanging, Manner::TooSlow, Manner::Well] {
        let before = counted(&stack, ended).await;
        *manner.lock().unwrap() = now;
        ended += calls(&stack, &token).await;
        let [exported, dropped] = counted(&stack, ended).await;
        let [arrived, lost] = [exported - before[0], dropped - before[1]];
        assert_eq!(arrived > 0, now == Manner::Well, "{now:?}: {arrived} arrived, {lost} lost");
        assert_eq!(arrived + lost, CALLS * SPANS_OF_A_CALL, "{now:?}");
    }
    collector.abort();
}

/// Calls one after the other, none of which fails. How many spans they are.
async fn calls(stack: &Processes, token: &str) -> u64 {
    for number in 1..=CALLS {
        let answer = call(&stack.public_url(), token, &format!("{number:032x}")).await;
        assert_eq!((answer.status, answer.is_tool_error()), (200, false), "{}", answer.text);
    }
    CALLS * SPANS_OF_A_CALL
}

/// How many spans of the gateway's were taken, and how many were lost, once that is all of them.
async fn counted(stack: &Processes, ended: u64) -> [u64; 2] {
    let url = format!("http://127.0.0.1:{}/metrics", stack.ports.gateway_admin);
    let mut counts = [0, 0];
    eventually(&format!("{ended} spans are counted"), async || {
        let text = Caller::new("").get(&url).await.1;
        let sum = |name: &str| {
            let series = text.lines().filter(|line| line.starts_with(name));
            series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>()
        };
        counts = ["telemetry_spans_exported_total", "telemetry_spans_dropped_total"].map(sum);
        counts.iter().sum::<u64>() == ended
    })
    .await;
    counts
}

/// A collector over HTTP whose manner changes.
async fn collect(address: SocketAddr, manner: Arc<Mutex<Manner>>) {
    let answer = move || {
        let manner = *manner.lock().unwrap();
        async move {
            match manner {
                Manner::Hanging => std::future::pending().await,
                Manner::TooSlow => sleep(Duration::from_millis(600)).await,
                Manner::Refusing | Manner::Well => {}
            }
            if manner == Manner::Refusing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
        }
    };
    let listener = TcpListener::bind(address).await.unwrap();
    axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
}
