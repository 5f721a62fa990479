//! Every span is somewhere: sent, failed, without a place, or still in the queue.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::*;
use crate::metrics::Metrics;
use crate::testing::Captured;

/// The shortest queue that holds more than a batch.
const MOST: usize = 1024;

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
    provider: SdkTracerProvider,
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
        let queue = BoundedQueue::of(MOST, held, deliveries);
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        Self { provider, metrics, called: told, end }
    }

    fn end_spans(&self, count: usize) {
        let tracer = self.provider.tracer("test");
        for _ in 0..count {
            drop(tracer.start("a.span"));
        }
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
    world.provider.force_flush().unwrap();
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
        let _counted = world.provider.force_flush();
    }
    assert_eq!(world.counts(), [7, 14, 0]);
    assert_eq!(world.count(r#"telemetry_exports_failed_total{signal="traces"}"#), 2);
    assert_eq!(world.count(r#"telemetry_exports_failed_total{signal="metrics"}"#), 0);
    let logs = captured.logs();
    assert_eq!(logs.matches("the collector is not reached").count(), 1, "{logs}");
    assert_eq!(logs.matches("the collector is reached again").count(), 1, "{logs}");
}
