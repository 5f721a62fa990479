//! Installs the process-wide subscriber: logs to stderr, and traces to a collector if there is one.

use std::error::Error;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Config, SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::filter::{log_filter, traced};
use crate::lines::{Lines, NoFields};
use crate::names;
use crate::otlp::{Collector, Unusable};
use crate::sampling::OwnRatio;
use crate::settings::{LogFormat, TelemetryArgs};

/// How long a stopping process waits for its last spans to leave.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// Whose word the trace context of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Somebody outside: they may name the trace, and our own settings say what is recorded.
    Strangers,
    /// Services of ours: what they record is recorded here too, so that traces are whole.
    Ours,
}

/// Installs logging and, if an OTLP endpoint is set, tracing; its TLS trusts the authorities of `extra_ca` besides the
/// system's. Call once, inside the tokio runtime: the exporter's connections live on it.
///
/// Hold the [`Guard`] until the very end of `main`, on the error path too.
///
/// # Errors
/// The filter does not parse, a subscriber is installed already, or traces would give something away. Any other setting of
/// traces that cannot be used is a warning: the service does not depend on them.
pub fn init(
    service_name: &'static str,
    callers: Callers,
    args: &TelemetryArgs,
    extra_ca: Option<&Path>,
) -> Result<Guard, InitError> {
    let filter =
        log_filter(&args.log).map_err(|source| InitError::Filter { filter: args.log.clone(), source })?;
    let (provider, unusable) = match tracer_provider(service_name, callers, args, extra_ca) {
        Ok(provider) => (provider, None),
        Err(unusable) if unusable.would_leak() => return Err(unusable.into()),
        Err(unusable) => (None, Some(unusable)),
    };
    let traces = provider.as_ref().map(|provider| trace_layer(provider, service_name, traced()));
    let logs =
        log_layer(args.log_format, std::io::stderr().is_terminal(), std::io::stderr).with_filter(filter);

    tracing_subscriber::registry()
        .with(traces)
        .with(logs)
        .try_init()
        .map_err(|_already| InitError::AlreadyInstalled)?;
    if let Some(unusable) = unusable {
        tracing::warn!(
            error = &unusable as &dyn Error,
            "no traces are exported: the service goes on without"
        );
    }
    Ok(Guard { provider })
}

/// Sends what is still buffered when dropped, for at most five seconds.
#[derive(Debug)]
#[must_use = "traces are flushed when this is dropped: hold it until the end of main"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(provider) = self.provider.take() else {
            return;
        };
        if let Err(error) = provider.shutdown_with_timeout(FLUSH_DEADLINE) {
            tracing::warn!(%error, "the last spans could not be exported");
        }
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
    /// To send traces as the settings say would give away what they hold.
    #[error(transparent)]
    Traces(#[from] Unusable),
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
        .with_filter(traced)
}

/// The layer that writes the log.
pub(crate) fn log_layer<S, W>(form: LogFormat, with_colours: bool, writer: W) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(with_colours && form == LogFormat::Text)
        .fmt_fields(NoFields)
        .event_format(Lines(form))
}

/// What exports spans, if somebody wants them and it can be had; else why not.
fn tracer_provider(
    service_name: &'static str,
    callers: Callers,
    args: &TelemetryArgs,
    extra_ca: Option<&Path>,
) -> Result<Option<SdkTracerProvider>, Unusable> {
    let Some(collector) = Collector::of(args, extra_ca)? else { return Ok(None) };
    let name = args.service_name.clone().unwrap_or_else(|| service_name.to_owned());
    let resource = Resource::builder()
        .with_service_name(name)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_schema_url([], names::SCHEMA_URL)
        .build();
    let provider =
        SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(collector.exporter()?);
    Ok(Some(match callers {
        // As OTEL_TRACES_SAMPLER has it.
        Callers::Ours => provider.build(),
        Callers::Strangers => provider.with_sampler(OwnRatio::of(Config::default().sampler)).build(),
    }))
}
