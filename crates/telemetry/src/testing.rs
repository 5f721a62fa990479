//! What a process logged and traced, held in memory for assertions.
//!
//! For tests and the demo's harness only: it grows without bound, where [`crate::init()`] does not.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aho_corasick::AhoCorasick;
use opentelemetry_sdk::trace::{Config, InMemorySpanExporter, SdkTracerProvider};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::filter::log_filter;
use crate::init::{log_layer, trace_layer};
use crate::sampling::OwnRatio;
use crate::settings::LogFormat;

static INSTALLED: OnceLock<Captured> = OnceLock::new();

/// The logs and spans of this process since the first [`Captured::install`].
#[derive(Clone, Debug)]
pub struct Captured {
    logs: Buffer,
    spans: InMemorySpanExporter,
    provider: SdkTracerProvider,
}

impl Captured {
    /// Installs the capturing subscriber as the process's own, once; later calls return the same capture,
    /// whatever their filter. If another subscriber is installed already, the capture stays empty.
    ///
    /// # Panics
    /// `filter` is not a valid filter of `tracing`'s EnvFilter.
    #[expect(clippy::expect_used, reason = "a test's filter is a literal: a typo must fail the test")]
    pub fn install(filter: &str) -> Self {
        let filter = EnvFilter::try_new(filter).expect("the filter parses");
        INSTALLED.get_or_init(|| Self::start(filter)).clone()
    }

    /// As [`Captured::install`], with what a service logs where `RUST_LOG` is `setting`.
    ///
    /// # Panics
    /// `setting` is not a filter.
    #[expect(clippy::expect_used, reason = "a test's filter is a literal: a typo must fail the test")]
    pub fn as_a_service_logs(setting: &str) -> Self {
        let filter = log_filter(setting).expect("the filter parses");
        INSTALLED.get_or_init(|| Self::start(filter)).clone()
    }

    /// Everything logged so far, as text.
    pub fn logs(&self) -> String {
        String::from_utf8_lossy(&self.logs.lock()).into_owned()
    }

    /// The first log line or span that holds `needle`, if any does. For the test that no secret leaks:
    /// it looks at names, fields, events and links, whatever form they were recorded in.
    pub fn find(&self, needle: &str) -> Option<String> {
        self.find_any(&[needle])
    }

    /// As [`Captured::find`], for many needles in one pass.
    ///
    /// # Panics
    /// If the needles are too many to search for at once.
    #[expect(clippy::expect_used, reason = "a test whose needles do not fit must fail")]
    pub fn find_any(&self, needles: &[impl AsRef<[u8]>]) -> Option<String> {
        let needles = AhoCorasick::new(needles).expect("needles fit into an automaton");
        let logs = self.logs();
        let line = logs.lines().find(|line| needles.is_match(line)).map(str::to_owned);
        line.or_else(|| {
            let spans = self.finished();
            spans.iter().map(|span| format!("{span:?}")).find(|span| needles.is_match(span))
        })
    }

    /// Every span that has ended so far.
    pub fn spans(&self) -> Vec<FinishedSpan> {
        self.finished().into_iter().map(FinishedSpan::from).collect()
    }

    fn start(filter: EnvFilter) -> Self {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .with_sampler(OwnRatio::of(Config::default().sampler))
            .build();
        let captured = Self { logs: Buffer::default(), spans, provider };
        let logs = log_layer(LogFormat::Text, false, captured.logs.clone()).with_filter(filter);
        // The spans of tests and examples too, which stand for services of others.
        let quiet = ["h2", "hyper", "hyper_util", "reqwest", "tonic", "tower"];
        let targets = Targets::new()
            .with_default(LevelFilter::INFO)
            .with_targets(quiet.map(|target| (target, LevelFilter::OFF)));
        let traces = trace_layer(&captured.provider, "test", targets);
        let subscriber = tracing_subscriber::registry().with(traces).with(logs);
        // Somebody else's subscriber: documented above, and visible as an empty capture.
        let _taken = subscriber.try_init();
        captured
    }

    fn finished(&self) -> Vec<opentelemetry_sdk::trace::SpanData> {
        self.spans.get_finished_spans().unwrap_or_default()
    }
}

/// A span that has ended, as a collector would see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FinishedSpan {
    /// Its name: `otel.name` where the code set it, else the constant of [`crate::names`].
    pub name: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// 16 hexadecimal digits; all zero for a root.
    pub parent_id: String,
    /// `server`, `client` or `internal`.
    pub kind: String,
    /// The traces it is linked to, in hexadecimal.
    pub links: Vec<String>,
    /// Its attributes, values as text.
    pub attributes: Vec<(String, String)>,
}

impl FinishedSpan {
    /// The value of one attribute.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

impl From<opentelemetry_sdk::trace::SpanData> for FinishedSpan {
    fn from(span: opentelemetry_sdk::trace::SpanData) -> Self {
        Self {
            name: span.name.into_owned(),
            trace_id: span.span_context.trace_id().to_string(),
            span_id: span.span_context.span_id().to_string(),
            parent_id: span.parent_span_id.to_string(),
            kind: format!("{:?}", span.span_kind).to_lowercase(),
            links: span.links.iter().map(|link| link.span_context.trace_id().to_string()).collect(),
            attributes: span
                .attributes
                .into_iter()
                .map(|attribute| (attribute.key.to_string(), attribute.value.to_string()))
                .collect(),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        // A test that panicked while logging must not hide what it logged.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Buffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_and_spans_are_captured_and_searched() {
        let captured = Captured::install("info");
        tracing::info!(answer = "needle-one", "a line");
        tracing::info_span!("a.span", field = "needle-two").in_scope(|| ());

        assert!(captured.logs().contains("needle-one"));
        assert!(captured.find("needle-one").is_some());
        assert!(captured.find("needle-two").is_some());
        assert_eq!(captured.find("needle-three"), None);
    }
}
