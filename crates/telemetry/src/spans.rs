//! Spans of `tracing` as OpenTelemetry has them: their ids, whose children they are, whether they are recorded, and what is recorded.
//!
//! In place of `tracing-opentelemetry` and the SDK's tracer: `docs/adr/0037-spans-are-recorded-by-a-layer-of-our-own.md`. Ids are given
//! when somebody asks for them, and at the end: until then a span's parent may be named.

use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::Context as OtelContext;
use opentelemetry::time::now;
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags, TraceState,
};
use opentelemetry_sdk::trace::{
    Config, IdGenerator, RandomIdGenerator, SamplingDecision, ShouldSample, SpanEvents, SpanLimits, SpanLinks,
};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Span, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};
use tracing_subscriber::{Layer, Registry};

pub(crate) use batch::Batch;

use self::batch::Frame;
use self::fields::Fields;
use crate::sampling::OwnRatio;

mod batch;
mod events;
mod fields;

/// Takes the spans that have ended.
pub(crate) trait Sink: Send + Sync {
    /// `put` puts one into a batch.
    fn take(&self, put: &mut dyn FnMut(&mut Batch));
}

/// The layer.
pub(crate) struct Spans {
    sampler: Box<dyn ShouldSample>,
    ids: RandomIdGenerator,
    limits: SpanLimits,
    sink: Arc<dyn Sink>,
}

/// What is known of a span, while it lasts.
struct Traced {
    /// Whose child it is.
    parent: Option<SpanContext>,
    /// Its own ids, once they are given.
    own: Option<SpanContext>,
    started: SystemTime,
    fields: Fields,
    links: SpanLinks,
    events: SpanEvents,
}

impl Traced {
    /// Whether what is said of it is of use to anybody.
    fn is_recorded(&self) -> bool {
        self.own.as_ref().is_none_or(SpanContext::is_sampled)
    }
}

impl Spans {
    /// Sampled as `OTEL_TRACES_SAMPLER` has it; of strangers' callers none chooses what is recorded.
    pub(crate) fn new(sink: Arc<dyn Sink>, of_strangers: bool) -> Self {
        let Config { sampler, span_limits: limits, .. } = Config::default();
        let sampler = if of_strangers { OwnRatio::of(sampler) } else { sampler };
        Self { sampler, ids: RandomIdGenerator::default(), limits, sink }
    }

    /// The ids of a span, which it gets now if it has none. `None` where it is not traced.
    fn context<'a, R: LookupSpan<'a>>(&self, span: &SpanRef<'a, R>) -> Option<SpanContext> {
        if let Some(own) = &span.extensions().get::<Traced>()?.own {
            return Some(own.clone());
        }
        Some(self.begun(span.extensions_mut().get_mut::<Traced>()?).clone())
    }

    /// Gives a span its ids.
    fn begun<'a>(&self, traced: &'a mut Traced) -> &'a SpanContext {
        let Traced { parent, own, fields, .. } = traced;
        own.get_or_insert_with(|| {
            let trace = parent.as_ref().map_or_else(|| self.ids.new_trace_id(), SpanContext::trace_id);
            let (flags, state) = self.decided(parent.as_ref(), trace, &fields.kind);
            SpanContext::new(trace, self.ids.new_span_id(), flags, false, state)
        })
    }

    fn decided(
        &self,
        parent: Option<&SpanContext>,
        trace: opentelemetry::TraceId,
        kind: &SpanKind,
    ) -> (TraceFlags, TraceState) {
        let parent = parent.map(|parent| OtelContext::new().with_remote_span_context(parent.clone()));
        let sampled = self.sampler.should_sample(parent.as_ref(), trace, "", kind, &[], &[]);
        let is_recorded = sampled.decision == SamplingDecision::RecordAndSample;
        (TraceFlags::default().with_sampled(is_recorded), sampled.trace_state)
    }

    fn end(&self, mut traced: Traced) {
        let ended = now();
        self.begun(&mut traced);
        let Traced { parent, own, started, mut fields, links, events } = traced;
        let Some(own) = own.filter(SpanContext::is_sampled) else { return };
        let parent_is_remote = parent.as_ref().is_some_and(SpanContext::is_remote);
        let parent = parent.map_or(SpanId::INVALID, |parent| parent.span_id());
        let mut frame = Some(Frame { own, parent, parent_is_remote, started, ended, links, events });
        self.sink.take(&mut |batch| {
            if let Some(frame) = frame.take() {
                batch.push(frame, &mut fields);
            }
        });
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let around = match attributes.parent() {
            Some(parent) => context.span(parent),
            None => attributes.is_contextual().then(|| context.lookup_current()).flatten(),
        };
        let parent = around.and_then(|around| self.context(&around));
        let mut fields = Fields::new(attributes.metadata().name(), attributes.fields().len());
        attributes.record(&mut fields);
        let (links, events) = (SpanLinks::default(), SpanEvents::default());
        let traced = Traced { parent, own: None, started: now(), fields, links, events };
        span.extensions_mut().insert(traced);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(traced) = span.extensions_mut().get_mut::<Traced>().filter(|traced| traced.is_recorded())
        {
            values.record(&mut traced.fields);
        }
    }

    fn on_event(&self, line: &tracing::Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(line) else { return };
        if let Some(traced) = span.extensions_mut().get_mut::<Traced>().filter(|traced| traced.is_recorded())
        {
            traced.note(line, self.limits.max_events_per_span);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let traced = context.span(&id).and_then(|span| span.extensions_mut().remove::<Traced>());
        if let Some(traced) = traced {
            self.end(traced);
        }
    }
}

impl Traced {
    fn note(&mut self, line: &tracing::Event<'_>, most: u32) {
        if *line.metadata().level() == tracing::Level::ERROR {
            self.fields.set_status(opentelemetry::trace::Status::error(""));
        }
        let event: Event = events::event(line, &mut self.fields);
        if self.events.events.len() < most as usize {
            self.events.events.push(event);
        } else {
            self.events.dropped_count += 1;
        }
    }
}

/// The ids of a span, which has them from now on. `None` where it is not traced.
pub(crate) fn context(span: &Span) -> Option<SpanContext> {
    let found = span.with_subscriber(|(id, dispatch)| {
        let its = dispatch.downcast_ref::<Registry>()?.span(id)?;
        dispatch.downcast_ref::<Spans>()?.context(&its)
    });
    found.flatten()
}

/// Makes a span the child of another. Whether that could still be chosen.
pub(crate) fn set_parent(span: &Span, parent: SpanContext) -> bool {
    let chosen = with(span, |_, span| {
        let mut extensions = span.extensions_mut();
        let traced = extensions.get_mut::<Traced>().filter(|traced| traced.own.is_none())?;
        traced.parent = Some(parent);
        Some(())
    });
    chosen.is_some()
}

/// Links a span to another.
pub(crate) fn add_link(span: &Span, to: SpanContext) {
    with(span, |spans, span| {
        let mut extensions = span.extensions_mut();
        let links = &mut extensions.get_mut::<Traced>()?.links;
        if links.links.len() < spans.limits.max_links_per_span as usize {
            links.links.push(Link::with_context(to));
        } else {
            links.dropped_count += 1;
        }
        Some(())
    });
}

/// The innermost of the spans that are entered now which is traced.
pub(crate) fn entered(dispatch: &Dispatch) -> Option<SpanContext> {
    let spans = dispatch.downcast_ref::<Spans>()?;
    let innermost = dispatch.downcast_ref::<Registry>()?.span(dispatch.current_span().id()?)?;
    innermost.scope().find_map(|span| spans.context(&span))
}

fn with<T>(span: &Span, work: impl FnOnce(&Spans, &SpanRef<'_, Registry>) -> Option<T>) -> Option<T> {
    let found = span.with_subscriber(|(id, dispatch)| {
        let spans = dispatch.downcast_ref::<Spans>()?;
        work(spans, &dispatch.downcast_ref::<Registry>()?.span(id)?)
    });
    found.flatten()
}

#[cfg(test)]
mod tests;
