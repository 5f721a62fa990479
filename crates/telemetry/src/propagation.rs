//! The W3C trace context (<https://www.w3.org/TR/trace-context/>) over header maps.
//!
//! Baggage is not propagated: it would carry whatever a caller writes into our spans and on to others.

use axum::http::{HeaderMap, HeaderName};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, dispatcher};

use crate::spans;

/// The header that names the caller's span, and the member of `_meta` (MCP, SEP-414).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Links `span` to the caller's, if it named one. For a caller that is nobody yet: as a parent it could choose
/// what is recorded and in whose trace it stands (W3C Trace Context, section 6.4: restart at a trust boundary).
pub(crate) fn link(span: &Span, headers: &HeaderMap) {
    let caller = headers.get(TRACEPARENT).filter(|_| !span.is_disabled());
    if let Some(caller) = caller.and_then(|value| remote(value.to_str().ok()?)) {
        spans::add_link(span, caller);
    }
}

/// The span that a `traceparent` names. One that is malformed names none. Of `tracestate` and baggage nothing is taken: they
/// would carry a stranger's words on.
pub(crate) fn remote(traceparent: &str) -> Option<SpanContext> {
    let context =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &Traceparent(traceparent));
    let span = context.span().span_context().clone();
    span.is_valid().then_some(span)
}

/// Makes the caller's span, if it named one, the parent of `span`. For callers inside the system. Call it before
/// the span is entered.
pub(crate) fn adopt(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() || !headers.contains_key(TRACEPARENT) {
        return;
    }
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    let parent = parent.span().span_context().clone();
    if parent.is_valid() {
        spans::set_parent(span, parent);
    }
}

/// The id of the trace that what is done now belongs to, where anything is traced.
pub fn trace_id() -> Option<String> {
    dispatcher::get_default(spans::entered).map(|span| span.trace_id().to_string())
}

/// A span as OpenTelemetry's context, for what takes no other: a client's library that sends the trace along.
pub fn context_of(span: &Span) -> Context {
    spans::context(span).map_or_else(Context::new, |own| Context::new().with_remote_span_context(own))
}

struct Traceparent<'a>(&'a str);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
