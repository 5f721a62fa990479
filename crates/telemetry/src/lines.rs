//! A log line: time, level, target, what happened, the fields of the event itself, and the trace and span that it belongs to.
//!
//! The fields of the spans around it are left out: the trace has them, and formatting them for each line is most of what a line
//! would cost. Where nothing is traced, there is no trace to name.

use std::fmt;
use std::sync::{Arc, OnceLock};

use opentelemetry::trace::SpanContext;
use serde_json::{Map, Value};
use tracing::dispatcher::WeakDispatch;
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::propagation::traced_span;
use crate::settings::LogFormat;

/// The form of a line.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    form: LogFormat,
    subscriber: Subscribed,
}

impl Lines {
    /// Lines that name the span of the subscriber that `subscriber` will be a layer of.
    pub(crate) const fn new(form: LogFormat, subscriber: Subscribed) -> Self {
        Self { form, subscriber }
    }
}

/// A layer that knows which subscriber it belongs to: while a line is written, the process's own cannot be asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscribed(Arc<OnceLock<WeakDispatch>>);

impl Subscribed {
    fn span(&self) -> Option<SpanContext> {
        traced_span(&self.0.get()?.upgrade()?)
    }
}

impl<S: Subscriber> Layer<S> for Subscribed {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        let _the_same = self.0.set(subscriber.downgrade());
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let span = self.subscriber.span();
        match self.form {
            LogFormat::Text => text(&mut out, event, span)?,
            LogFormat::Json => write!(out, "{}", json(event, span))?,
        }
        writeln!(out)
    }
}

/// Formats no field: of spans none is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoFields;

impl<'writer> FormatFields<'writer> for NoFields {
    fn format_fields<R: RecordFields>(&self, _: Writer<'writer>, _: R) -> fmt::Result {
        Ok(())
    }
}

fn text(out: &mut Writer<'_>, event: &Event<'_>, span: Option<SpanContext>) -> fmt::Result {
    let metadata = event.metadata();
    SystemTime.format_time(out)?;
    let (level, target) = (metadata.level(), metadata.target());
    if out.has_ansi_escapes() {
        write!(out, " {}{level:>5}\u{1b}[0m \u{1b}[2m{target}:\u{1b}[0m ", colour(*level))?;
    } else {
        write!(out, " {level:>5} {target}: ")?;
    }
    DefaultFields::new().format_fields(out.by_ref(), event)?;
    match span {
        Some(span) => write!(out, " trace_id={} span_id={}", span.trace_id(), span.span_id()),
        None => Ok(()),
    }
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        _ => "\u{1b}[34m",
    }
}

fn json(event: &Event<'_>, span: Option<SpanContext>) -> Value {
    let mut line = Map::new();
    let mut time = String::new();
    // Writing to a text does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    line.insert("timestamp".to_owned(), time.into());
    line.insert("level".to_owned(), event.metadata().level().as_str().into());
    line.insert("target".to_owned(), event.metadata().target().into());
    event.record(&mut Members(&mut line));
    if let Some(span) = span {
        line.insert("trace_id".to_owned(), span.trace_id().to_string().into());
        line.insert("span_id".to_owned(), span.span_id().to_string().into());
    }
    line.into()
}

/// Fields as members of a JSON object.
struct Members<'a>(&'a mut Map<String, Value>);

impl Members<'_> {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Members<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::level_filters::LevelFilter;
    use tracing::{debug_span, info, info_span, warn};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::init::{log_layer, trace_layer};

    /// What is written of one line inside a span whose field is a secret.
    fn written(form: LogFormat) -> String {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let subscriber = subscriber(&lines, form, LevelFilter::INFO);
        tracing::subscriber::with_default(subscriber, || {
            info_span!(target: "gateway", "a", enduser = "s3cret").in_scope(|| {
                info!(target: "gateway::mcp", tool = "cost_by_service", requests = 2, "tool called");
            });
        });
        String::from_utf8(lines.lock().unwrap().clone()).unwrap()
    }

    /// The subscriber that writes into `lines`, of the log what `log` lets through.
    fn subscriber(lines: &Arc<Mutex<Vec<u8>>>, form: LogFormat, log: LevelFilter) -> impl Subscriber + use<> {
        let provider = SdkTracerProvider::builder().build();
        let traces = trace_layer(&provider, "test", crate::filter::traced());
        let writer = Written(Arc::clone(lines));
        let log = log_layer(form, false, move || writer.clone()).with_filter(log);
        tracing_subscriber::registry().with(traces).with(log)
    }

    #[derive(Clone)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_names_its_trace_and_holds_nothing_of_the_spans_around_it() {
        let text = written(LogFormat::Text);
        for words in
            ["INFO gateway::mcp: tool called tool=\"cost_by_service\" requests=2", " trace_id=", " span_id="]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        let line: Value = serde_json::from_str(&written(LogFormat::Json)).unwrap();
        assert_eq!(
            (&line["message"], &line["level"], &line["requests"]),
            (&"tool called".into(), &"INFO".into(), &2.into())
        );
        assert_eq!(line["trace_id"].as_str().map(str::len), Some(32), "{line}");
        assert_eq!(line["span_id"].as_str().map(str::len), Some(16), "{line}");
        assert!(!text.contains("s3cret") && !line.to_string().contains("s3cret"));
    }

    #[test]
    fn a_line_names_the_trace_also_where_the_log_does_not_see_the_span_or_the_trace_not_the_innermost() {
        for log in [LevelFilter::WARN, LevelFilter::DEBUG] {
            let lines = Arc::new(Mutex::new(Vec::new()));
            let trace = tracing::subscriber::with_default(subscriber(&lines, LogFormat::Json, log), || {
                let _traced = info_span!(target: "gateway", "traced").entered();
                let _only_logged = debug_span!(target: "gateway", "only logged").entered();
                warn!(target: "gateway", "at the time");
                crate::trace_id()
            });
            let line: Value = serde_json::from_slice(&lines.lock().unwrap()).unwrap();
            assert_eq!(line["trace_id"].as_str(), trace.as_deref(), "{log}");
            assert_eq!(trace.map(|id| id.len()), Some(32), "{log}");
        }
    }
}
