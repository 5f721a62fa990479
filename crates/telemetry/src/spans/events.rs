//! What went wrong within a span, as an event of it.

use std::error::Error;
use std::fmt;

use opentelemetry::time::now;
use opentelemetry::trace::Event;
use opentelemetry::{KeyValue, StringValue};
use tracing::field::{Field, Visit};

use super::fields::{Fields, list};

const MESSAGE: &str = "exception.message";
const STACKTRACE: &str = "exception.stacktrace";

/// The event that a line of the log is, and what it says of its span.
pub(super) fn event(line: &tracing::Event<'_>, span: &mut Fields) -> Event {
    let metadata = line.metadata();
    let attributes =
        vec![KeyValue::new("level", metadata.level().as_str()), KeyValue::new("target", metadata.target())];
    let mut seen = Seen { event: Event::new("", now(), attributes, 0), span };
    line.record(&mut seen);
    let mut event = seen.event;
    if event.name.is_empty() {
        event.name = metadata.name().into();
    }
    event
}

struct Seen<'a> {
    event: Event,
    span: &'a mut Fields,
}

impl Visit for Seen<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.event.name = text.into(),
            name => self.event.attributes.push(KeyValue::new(name, text)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    /// By the conventions for exceptions. What stands for the stack is the chain of causes.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let text = value.to_string();
        let mut chain: Vec<StringValue> = Vec::new();
        let mut cause = value.source();
        while let Some(error) = cause {
            chain.push(error.to_string().into());
            cause = error.source();
        }
        let exception = [KeyValue::new(MESSAGE, text.clone()), list(STACKTRACE, chain.clone())];
        self.span.lists.extend(exception.clone());
        self.event.attributes.extend(exception);
        self.event.attributes.push(KeyValue::new(field.name(), text));
        self.event.attributes.push(list(format!("{}.chain", field.name()), chain));
    }
}
