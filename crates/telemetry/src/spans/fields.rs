//! What a span's fields say, in few pieces of memory: keys are constants, and all texts are one.

use std::fmt::{self, Write as _};
use std::ops::Range;

use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use tracing::field::{Field, Visit};

/// Fields as they are recorded.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) name: Name,
    pub(super) kind: SpanKind,
    pub(super) status: Status,
    pub(super) attributes: Vec<Attribute>,
    pub(super) text: String,
    /// What is neither a plain value nor often there.
    pub(super) lists: Vec<KeyValue>,
}

/// An attribute of a plain value.
pub(super) type Attribute = (&'static str, Plain);

#[derive(Clone, Debug)]
pub(super) enum Name {
    Constant(&'static str),
    Said(Place),
}

/// Where a text is among the others.
pub(super) type Place = Range<usize>;

#[derive(Clone, Debug)]
pub(super) enum Plain {
    Text(Place),
    Whole(i64),
    Real(f64),
    Truth(bool),
}

/// A field that is about the span, and no attribute of it.
enum About {
    Name,
    Kind,
    StatusCode,
    StatusDescription,
}

impl About {
    fn of(field: &Field) -> Option<Self> {
        match field.name().strip_prefix("otel.")? {
            "name" => Some(Self::Name),
            "kind" => Some(Self::Kind),
            "status_code" => Some(Self::StatusCode),
            "status_description" => Some(Self::StatusDescription),
            _ => None,
        }
    }
}

impl Fields {
    /// Of a span with this name and so many fields.
    pub(super) fn new(name: &'static str, fields: usize) -> Self {
        Self {
            name: Name::Constant(name),
            kind: SpanKind::Internal,
            status: Status::Unset,
            attributes: Vec::with_capacity(fields),
            // Most have fewer; growing once costs more than to have room for all.
            text: String::with_capacity(24 * fields),
            lists: Vec::new(),
        }
    }

    fn add(&mut self, field: &Field, value: Plain) {
        self.attributes.push((field.name(), value));
    }

    /// Takes a text that was written behind the others.
    fn written(&mut self, field: &Field, from: usize) {
        let place = from..self.text.len();
        let Some(about) = About::of(field) else { return self.add(field, Plain::Text(place)) };
        if matches!(about, About::Name) {
            self.name = Name::Said(place);
            return;
        }
        let said = self.text.split_off(from);
        match about {
            About::Name => {}
            About::Kind => self.kind = kind(&said).unwrap_or_else(|| self.kind.clone()),
            About::StatusCode => self.set_status(status(&said)),
            About::StatusDescription => self.set_status(Status::error(said)),
        }
    }

    /// An error stays one, and keeps what was said of it.
    pub(super) fn set_status(&mut self, status: Status) {
        if status > self.status {
            self.status = status;
        }
    }
}

fn kind(said: &str) -> Option<SpanKind> {
    let kinds =
        [SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer, SpanKind::Internal];
    let names = ["server", "client", "producer", "consumer", "internal"];
    let place = names.iter().position(|name| name.eq_ignore_ascii_case(said))?;
    kinds.into_iter().nth(place)
}

fn status(said: &str) -> Status {
    match said {
        said if said.eq_ignore_ascii_case("ok") => Status::Ok,
        said if said.eq_ignore_ascii_case("error") => Status::error(""),
        _ => Status::Unset,
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Plain::Real(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Plain::Whole(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.add(field, Plain::Whole(value)),
            // OpenTelemetry's whole numbers have a sign.
            Err(_) => self.record_debug(field, &value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Plain::Truth(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let from = self.text.len();
        self.text.push_str(value);
        self.written(field, from);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let from = self.text.len();
        // Writing to a text does not fail.
        let _ = write!(self.text, "{value:?}");
        self.written(field, from);
    }
}

impl Plain {
    /// The same behind so many bytes of other texts.
    pub(super) fn behind(self, bytes: usize) -> Self {
        match self {
            Self::Text(place) => Self::Text(behind(place, bytes)),
            other => other,
        }
    }

    /// The value, its text among these.
    pub(super) fn value(&self, texts: &str) -> Value {
        match self {
            Self::Text(place) => {
                Value::String(texts.get(place.clone()).unwrap_or_default().to_owned().into())
            }
            Self::Whole(value) => Value::I64(*value),
            Self::Real(value) => Value::F64(*value),
            Self::Truth(value) => Value::Bool(*value),
        }
    }
}

pub(super) const fn behind(place: Place, bytes: usize) -> Place {
    place.start + bytes..place.end + bytes
}

/// A list of texts as an attribute.
pub(super) fn list(key: impl Into<opentelemetry::Key>, texts: Vec<StringValue>) -> KeyValue {
    KeyValue::new(key, Value::Array(Array::String(texts)))
}
