//! Installs the process-wide subscriber: logs to stderr; traces, metrics and checkpoints to a collector if there is one.

use std::error::Error;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::{Config, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::delivery::{BoundedQueue, Counted, Deliveries};
use crate::filter::{log_filter, traced};
use crate::lines::{Lines, NoFields, Subscribed};
use crate::metrics::{Metrics, MetricsError};
use crate::otlp::{Collector, Unusable};
use crate::sampling::OwnRatio;
use crate::settings::{LogFormat, Signal, TelemetryArgs};
use crate::{names, resource};

/// How long a stopping process waits for the last of its telemetry to leave.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// Whose word the trace context of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Somebody outside: they may name the trace, and our own settings say what is recorded.
    Strangers,
    /// Services of ours: what they record is recorded here too, so that traces are whole.
    Ours,
}

/// Installs logging and, if an OTLP endpoint is set, the export of traces, metrics and the audit's checkpoints; its TLS
/// trusts the authorities of `extra_ca` besides the system's. Call once, inside the tokio runtime: the exporters'
/// connections live on it.
///
/// Hold the [`Guard`] until the very end of `main`, on the error path too.
///
/// # Errors
/// The filter does not parse, a subscriber is installed already, or telemetry would give something away. Any other setting
/// of an export that cannot be used is a warning: the service does not depend on them.
pub fn init(
    service_name: &'static str,
    callers: Callers,
    args: &TelemetryArgs,
    extra_ca: Option<&Path>,
) -> Result<Guard, InitError> {
    let filter =
        log_filter(&args.log).map_err(|source| InitError::Filter { filter: args.log.clone(), source })?;
    let Exporters { spans, metrics, logs, unusable } = Exporters::of(args, extra_ca)?;
    let resource = resource::of(args.service_name.as_deref(), service_name);
    let deliveries = Arc::new(Deliveries::default());
    let traces = spans.map(|exporter| {
        let queue = BoundedQueue::new(exporter, Arc::clone(&deliveries));
        tracer_provider(queue, callers, resource.clone())
    });
    let checkpoints = logs.map(|exporter| {
        let exporter = Counted::new(exporter, Signal::Logs, &deliveries);
        SdkLoggerProvider::builder().with_resource(resource.clone()).with_batch_exporter(exporter).build()
    });
    let metrics = metrics.map(|exporter| Counted::new(exporter, Signal::Metrics, &deliveries));
    let metrics = Metrics::sent(resource, metrics)?;
    deliveries.observe(&metrics.meter("telemetry"));

    tracing_subscriber::registry()
        .with(traces.as_ref().map(|provider| trace_layer(provider, service_name, traced())))
        .with(checkpoints.as_ref().map(checkpoint_layer))
        .with(log_layer(args.log_format, io::stderr().is_terminal(), io::stderr).with_filter(filter))
        .try_init()
        .map_err(|_already| InitError::AlreadyInstalled)?;
    for (signal, unusable) in unusable {
        tracing::warn!(
            error = &unusable as &dyn Error,
            signal = signal.name(),
            "nothing of it is exported: the service goes on without"
        );
    }
    Ok(Guard { traces, checkpoints, metrics, deliveries })
}

/// Sends what is still buffered when dropped, for at most five seconds.
#[derive(Debug)]
#[must_use = "telemetry is flushed when this is dropped: hold it until the end of main"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    checkpoints: Option<SdkLoggerProvider>,
    metrics: Metrics,
    deliveries: Arc<Deliveries>,
}

impl Guard {
    /// The metrics of this process, which the service counts into.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Ends a signal, and says if that failed.
    fn end(signal: Signal, end: impl FnOnce() -> OTelSdkResult) {
        if let Err(error) = end() {
            tracing::warn!(%error, signal = signal.name(), "the last of it could not be exported");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // All at the same time: a collector that hangs keeps the process no longer than one of them does.
        thread::scope(|scope| {
            if let Some(traces) = self.traces.take() {
                let end = move || traces.shutdown_with_timeout(FLUSH_DEADLINE);
                scope.spawn(move || Self::end(Signal::Traces, end));
            }
            if let Some(checkpoints) = self.checkpoints.take() {
                let end = move || checkpoints.shutdown_with_timeout(FLUSH_DEADLINE);
                scope.spawn(move || Self::end(Signal::Logs, end));
            }
            // It waits as long by itself.
            Self::end(Signal::Metrics, || self.metrics.shutdown());
        });
        self.deliveries.say_what_is_lost();
    }
}

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// `RUST_LOG` is not a filter.
    #[error("the log filter {filter:?} does not parse")]
    Filter {
        /// The text that was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// To export as the settings say would give away what they hold.
    #[error(transparent)]
    Leak(#[from] Unusable),
    /// The metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// `init` was called twice in one process.
    #[error("a tracing subscriber is installed already")]
    AlreadyInstalled,
}

/// The layer that turns `tracing` spans into OpenTelemetry ones.
///
/// It has its own filter. A service's is of our own spans: the exporter's HTTP/2 stack must never be traced, or each export
/// would cause the next, and what other libraries put into spans is the callers' text.
pub(crate) fn trace_layer(
    provider: &SdkTracerProvider,
    service_name: &'static str,
    traced: Targets,
) -> impl Layer<Registry> + Send + Sync + use<> {
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(service_name))
        .with_threads(false)
        .with_location(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_filter(traced.and(filter_fn(is_told)))
}

/// A span, or what went wrong within one. Any other line of the log stays there: it names its trace, and as an event it would be
/// half of what a span costs.
fn is_told(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() || *metadata.level() <= LevelFilter::WARN
}

/// The layer that writes the log.
pub(crate) fn log_layer<S, W>(form: LogFormat, with_colours: bool, writer: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let subscriber = Subscribed::default();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(with_colours && form == LogFormat::Text)
        .fmt_fields(NoFields)
        .event_format(Lines::new(form, subscriber.clone()));
    subscriber.and_then(lines)
}

/// The layer that hands the audit's checkpoints to the collector: of the log nothing else leaves this way.
fn checkpoint_layer<S>(provider: &SdkLoggerProvider) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let checkpoints = Targets::new().with_target(names::AUDIT_CHECKPOINT, LevelFilter::INFO);
    OpenTelemetryTracingBridge::new(provider).with_filter(checkpoints)
}

/// What exports each signal, if somebody wants it and it can be had; else why not.
struct Exporters {
    spans: Option<SpanExporter>,
    metrics: Option<MetricExporter>,
    logs: Option<LogExporter>,
    unusable: Vec<(Signal, Unusable)>,
}

impl Exporters {
    fn of(args: &TelemetryArgs, extra_ca: Option<&Path>) -> Result<Self, Unusable> {
        let mut unusable = Vec::new();
        Ok(Self {
            spans: exporter(args, Signal::Traces, extra_ca, Collector::spans, &mut unusable)?,
            metrics: exporter(args, Signal::Metrics, extra_ca, Collector::metrics, &mut unusable)?,
            logs: exporter(args, Signal::Logs, extra_ca, Collector::logs, &mut unusable)?,
            unusable,
        })
    }
}

/// What exports a signal. What cannot be used is put aside, unless to go on without would leak.
fn exporter<E>(
    args: &TelemetryArgs,
    signal: Signal,
    extra_ca: Option<&Path>,
    made: impl Fn(&Collector) -> Result<E, Unusable>,
    unusable: &mut Vec<(Signal, Unusable)>,
) -> Result<Option<E>, Unusable> {
    let collector = Collector::of(args, signal, extra_ca);
    match collector.and_then(|collector| collector.as_ref().map(made).transpose()) {
        Ok(exporter) => Ok(exporter),
        Err(error) if error.would_leak() => Err(error),
        Err(error) => {
            unusable.push((signal, error));
            Ok(None)
        }
    }
}

fn tracer_provider(queue: BoundedQueue, callers: Callers, resource: Resource) -> SdkTracerProvider {
    let provider = SdkTracerProvider::builder().with_resource(resource).with_span_processor(queue);
    match callers {
        // As OTEL_TRACES_SAMPLER has it.
        Callers::Ours => provider.build(),
        Callers::Strangers => provider.with_sampler(OwnRatio::of(Config::default().sampler)).build(),
    }
}
