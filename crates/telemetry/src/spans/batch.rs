//! Spans that have ended, on their way to the exporter's thread. Many are few pieces of memory: what one thread asks for and another
//! gives back costs an allocator more than all else that a span is.

use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::fields::{Attribute, Fields, Name, behind};

/// Ended spans, in their order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    spans: Vec<Ended>,
    /// Those of all spans, one span's behind the other's.
    attributes: Vec<Attribute>,
    text: String,
}

/// A span of the batch.
#[derive(Debug)]
struct Ended {
    frame: Frame,
    name: Name,
    kind: SpanKind,
    status: Status,
    /// How many of the attributes are its own.
    attributes: usize,
    lists: Vec<KeyValue>,
}

/// What of a span is no field.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(super) own: SpanContext,
    pub(super) parent: SpanId,
    pub(super) parent_is_remote: bool,
    pub(super) started: SystemTime,
    pub(super) ended: SystemTime,
    pub(super) links: SpanLinks,
    pub(super) events: SpanEvents,
}

impl Batch {
    pub(super) fn push(&mut self, frame: Frame, fields: &mut Fields) {
        let before = self.text.len();
        self.text.push_str(&fields.text);
        let attributes = fields.attributes.len();
        let moved = fields.attributes.drain(..).map(|(key, value)| (key, value.behind(before)));
        self.attributes.extend(moved);
        self.spans.push(Ended {
            frame,
            name: match &fields.name {
                Name::Said(place) => Name::Said(behind(place.clone(), before)),
                constant @ Name::Constant(_) => constant.clone(),
            },
            kind: fields.kind.clone(),
            status: std::mem::take(&mut fields.status),
            attributes,
            lists: std::mem::take(&mut fields.lists),
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Takes the spans out, in the exporter's form. The room for others stays.
    pub(crate) fn drain(&mut self, scope: &InstrumentationScope) -> impl Iterator<Item = SpanData> {
        let Self { spans, attributes, text } = self;
        let mut attributes = attributes.drain(..);
        let text = Emptied(text);
        spans.drain(..).map(move |span| {
            let own = attributes.by_ref().take(span.attributes);
            let own = own.map(|(key, value)| KeyValue::new(key, value.value(text.0)));
            span.data(own, text.0, scope)
        })
    }
}

/// A text that is empty afterwards.
struct Emptied<'a>(&'a mut String);

impl Drop for Emptied<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl Ended {
    fn data(
        self,
        attributes: impl Iterator<Item = KeyValue>,
        text: &str,
        scope: &InstrumentationScope,
    ) -> SpanData {
        let Frame { own, parent, parent_is_remote, started, ended, links, events } = self.frame;
        SpanData {
            span_context: own,
            parent_span_id: parent,
            parent_span_is_remote: parent_is_remote,
            span_kind: self.kind,
            name: match self.name {
                Name::Constant(name) => name.into(),
                Name::Said(place) => text.get(place).unwrap_or_default().to_owned().into(),
            },
            start_time: started,
            end_time: ended,
            attributes: attributes.chain(self.lists).collect(),
            dropped_attributes_count: 0,
            events,
            links,
            status: self.status,
            instrumentation_scope: scope.clone(),
        }
    }
}
