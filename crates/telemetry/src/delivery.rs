//! What becomes of the telemetry that is sent: counted, to the span.
//!
//! The SDK's queue drops what does not fit, and its exporters what could not be sent, and neither tells how much. So there is
//! a bound of ours in front of that queue, no larger than it, and a count behind it. Nothing here waits for anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::metrics::Meter;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT, Span,
    SpanData, SpanExporter, SpanProcessor,
};

use crate::names;
use crate::settings::Signal;

/// The counts of a process.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    /// Spans in the queue.
    queued: AtomicUsize,
    exported: AtomicU64,
    /// Spans that found no place in the queue.
    no_room: AtomicU64,
    /// Spans of exports that failed.
    failed: AtomicU64,
    exports: [Exports; Signal::ALL.len()],
    said_that_spans_are_dropped: AtomicBool,
}

#[derive(Debug, Default)]
struct Exports {
    failed: AtomicU64,
    is_failing: AtomicBool,
}

impl Deliveries {
    /// Shows the counts.
    pub(crate) fn observe(self: &Arc<Self>, meter: &Meter) {
        let counts = Arc::clone(self);
        meter
            .u64_observable_counter(names::TELEMETRY_SPANS_EXPORTED)
            .with_description("Spans that the collector took")
            .with_callback(move |counter| counter.observe(counts.exported.load(Ordering::Relaxed), &[]))
            .build();
        let counts = Arc::clone(self);
        meter
            .u64_observable_counter(names::TELEMETRY_SPANS_DROPPED)
            .with_description("Spans that the collector did not get")
            .with_callback(move |counter| {
                for (cause, count) in [("full", &counts.no_room), ("failed", &counts.failed)] {
                    counter.observe(count.load(Ordering::Relaxed), &[KeyValue::new(names::CAUSE, cause)]);
                }
            })
            .build();
        let counts = Arc::clone(self);
        meter
            .u64_observable_counter(names::TELEMETRY_EXPORTS_FAILED)
            .with_description("Exports to the collector that failed")
            .with_callback(move |counter| {
                for signal in Signal::ALL {
                    let failed = counts.exports[signal as usize].failed.load(Ordering::Relaxed);
                    counter.observe(failed, &[KeyValue::new(names::SIGNAL, signal.name())]);
                }
            })
            .build();
    }

    /// Says at the end what did not arrive.
    pub(crate) fn say_what_is_lost(&self) {
        let [no_room, failed] = [&self.no_room, &self.failed].map(|count| count.load(Ordering::Relaxed));
        let unsent = self.queued.load(Ordering::Relaxed);
        if no_room + failed > 0 || unsent > 0 {
            tracing::warn!(no_room, failed, unsent, "spans did not reach the collector");
        }
    }

    /// Takes a place in a queue of `most`, if there is one.
    fn enqueue(&self, most: usize) -> bool {
        let next = |queued| (queued < most).then_some(queued + 1);
        let has_place = self.queued.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next).is_ok();
        if !has_place {
            self.no_room.fetch_add(1, Ordering::Relaxed);
        }
        has_place
    }

    fn ended(&self, signal: Signal, result: &OTelSdkResult) {
        let exports = &self.exports[signal as usize];
        let was_failing = exports.is_failing.swap(result.is_err(), Ordering::Relaxed);
        let signal = signal.name();
        match result {
            Ok(()) if was_failing => tracing::info!(signal, "the collector is reached again"),
            Ok(()) => {}
            Err(error) => {
                exports.failed.fetch_add(1, Ordering::Relaxed);
                if !was_failing {
                    tracing::warn!(signal, %error, "the collector is not reached: what is not sent is counted");
                }
            }
        }
        // Not where a span is dropped: that is within the subscriber.
        if self.no_room.load(Ordering::Relaxed) > 0
            && !self.said_that_spans_are_dropped.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                "the collector is slower than spans come: those without a place are dropped, and counted"
            );
        }
    }
}

/// The SDK's queue of spans with a bound in front: what it has no place for is counted, and does not get there.
#[derive(Debug)]
pub(crate) struct BoundedQueue {
    queue: BatchSpanProcessor,
    most: usize,
    deliveries: Arc<Deliveries>,
}

impl BoundedQueue {
    /// A queue as long as `OTEL_BSP_MAX_QUEUE_SIZE` says. Its thread begins now.
    pub(crate) fn new<E: SpanExporter + 'static>(exporter: E, deliveries: Arc<Deliveries>) -> Self {
        let said = std::env::var_os(OTEL_BSP_MAX_QUEUE_SIZE);
        let said = said.and_then(|text| text.to_str()?.parse().ok());
        Self::of(said.unwrap_or(OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT), exporter, deliveries)
    }

    fn of<E: SpanExporter + 'static>(most: usize, exporter: E, deliveries: Arc<Deliveries>) -> Self {
        let exporter = Counted::new(exporter, Signal::Traces, &deliveries);
        let config = BatchConfigBuilder::default().with_max_queue_size(most).build();
        let queue = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        Self { queue, most, deliveries }
    }
}

impl SpanProcessor for BoundedQueue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.queue.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.deliveries.enqueue(self.most) {
            self.queue.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.queue.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.queue.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.queue.set_resource(resource);
    }
}

/// An exporter whose exports are counted.
#[derive(Debug)]
pub(crate) struct Counted<E> {
    exporter: E,
    signal: Signal,
    deliveries: Arc<Deliveries>,
}

impl<E> Counted<E> {
    pub(crate) fn new(exporter: E, signal: Signal, deliveries: &Arc<Deliveries>) -> Self {
        Self { exporter, signal, deliveries: Arc::clone(deliveries) }
    }

    fn ended(&self, result: OTelSdkResult) -> OTelSdkResult {
        self.deliveries.ended(self.signal, &result);
        result
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        // They have left the queue: only now may others have their places, or the queue could be full behind the bound.
        self.deliveries.queued.fetch_sub(spans, Ordering::AcqRel);
        let result = self.exporter.export(batch).await;
        let count = if result.is_ok() { &self.deliveries.exported } else { &self.deliveries.failed };
        count.fetch_add(spans as u64, Ordering::Relaxed);
        self.ended(result)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Counted<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        self.ended(result)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

impl<E: LogExporter> LogExporter for Counted<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        self.ended(result)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests;
