//! Every span is somewhere: sent, failed, without a place, or still in the queue.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::filter::traced;
use crate::init::trace_layer;
use crate::metrics::Metrics;
use crate::testing::Captured;

/// The shortest queue that holds more than a batch.
const MOST: usize = 1024;
const DEADLINE: Duration = Duration::from_secs(5);

/// An exporter that says when it was called, and goes on when it is told how that ends.
#[derive(Debug)]
struct Held {
    called: Mutex<Sender<usize>>,
    ends: Mutex<Receiver<OTelSdkResult>>,
}

impl SpanExporter for Held {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        called.send(batch.len()).unwrap();
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap_or(Ok(()))
    }
}

struct World {
    queue: Arc<SpanQueue>,
    traced: Dispatch,
    metrics: Metrics,
    called: Receiver<usize>,
    end: Sender<OTelSdkResult>,
}

impl World {
    fn new() -> Self {
        let (called, told) = channel();
        let (end, ends) = channel();
        let (deliveries, metrics) = (Arc::new(Deliveries::default()), Metrics::new("gateway").unwrap());
        deliveries.observe(&metrics.meter("telemetry"));
        let held = Held { called: Mutex::new(called), ends: Mutex::new(ends) };
        let limits = Limits { most: MOST, ..Limits::of_environment() };
        let scope = InstrumentationScope::builder("test").build();
        let resource = Resource::builder().build();
        let queue = Arc::new(SpanQueue::start(held, scope, &resource, limits, &deliveries).unwrap());
        let layer = trace_layer(Arc::<SpanQueue>::clone(&queue), false, traced());
        let traced = Dispatch::new(tracing_subscriber::registry().with(layer));
        Self { queue, traced, metrics, called: told, end }
    }

    fn end_spans(&self, count: usize) {
        tracing::dispatcher::with_default(&self.traced, || {
            for _ in 0..count {
                drop(tracing::info_span!(target: "gateway", "a.span"));
            }
        });
    }

    fn count(&self, series: &str) -> u64 {
        let text = self.metrics.render();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{series} in {text}")).parse().unwrap()
    }

    /// What was sent, what failed and what found no place.
    fn counts(&self) -> [u64; 3] {
        [
            "telemetry_spans_exported_total",
            r#"telemetry_spans_dropped_total{cause="failed"}"#,
            r#"telemetry_spans_dropped_total{cause="full"}"#,
        ]
        .map(|series| self.count(series))
    }
}

#[test]
fn a_collector_that_hangs_costs_what_has_no_place_and_that_is_counted_to_the_span() {
    let world = World::new();
    world.end_spans(512);
    // The collector has the first batch and says nothing.
    assert_eq!(world.called.recv().unwrap(), 512);
    world.end_spans(MOST);
    assert_eq!(world.counts(), [0, 0, 0], "all of them have a place");
    world.end_spans(100);
    assert_eq!(world.counts(), [0, 0, 100]);
    // It answers: what waited is sent.
    for _ in 0..3 {
        world.end.send(Ok(())).unwrap();
    }
    world.queue.flush(DEADLINE).unwrap();
    assert_eq!(world.counts(), [512 + MOST as u64, 0, 100]);
}

#[test]
fn exports_that_fail_are_counted_by_the_span_and_said_once() {
    let captured = Captured::install("info");
    let world = World::new();
    for end in [Err(OTelSdkError::AlreadyShutdown), Err(OTelSdkError::AlreadyShutdown), Ok(())] {
        world.end.send(end).unwrap();
        world.end_spans(7);
        // An error is that of the export.
        let _counted = world.queue.flush(DEADLINE);
    }
    assert_eq!(world.counts(), [7, 14, 0]);
    assert_eq!(world.count(r#"telemetry_exports_failed_total{signal="traces"}"#), 2);
    assert_eq!(world.count(r#"telemetry_exports_failed_total{signal="metrics"}"#), 0);
    let logs = captured.logs();
    assert_eq!(logs.matches("the collector is not reached").count(), 1, "{logs}");
    assert_eq!(logs.matches("the collector is reached again").count(), 1, "{logs}");
}

#[test]
fn what_waits_at_the_end_is_sent_and_nothing_after_it() {
    let world = World::new();
    world.end_spans(3);
    world.end.send(Ok(())).unwrap();
    world.queue.shutdown(DEADLINE).unwrap();
    assert_eq!(world.counts(), [3, 0, 0]);
    world.end_spans(2);
    assert_eq!(world.counts(), [3, 0, 0]);
    assert_eq!(world.called.try_iter().sum::<usize>(), 3);
}

#[test]
fn who_stops_waits_no_longer_than_they_said_for_a_collector_that_hangs() {
    let world = World::new();
    world.end_spans(1);
    let ended = world.queue.shutdown(Duration::from_millis(20));
    assert!(matches!(ended, Err(OTelSdkError::Timeout(_))), "{ended:?}");
    // Whoever hangs is let go of with the test.
    drop(world.end);
}
