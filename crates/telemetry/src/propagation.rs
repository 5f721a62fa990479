//! The W3C trace context (<https://www.w3.org/TR/trace-context/>) over header maps.
//!
//! Baggage is not propagated: it would carry whatever a caller writes into our spans and on to others.

use axum::http::{HeaderMap, HeaderName};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Links `span` to the caller's, if it named one. For a caller that is nobody yet: as a parent it could choose
/// what is recorded and in whose trace it stands (W3C Trace Context, section 6.4: restart at a trust boundary).
pub(crate) fn link(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() || !headers.contains_key("traceparent") {
        return;
    }
    let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    span.add_link(caller.span().span_context().clone());
}

/// Makes the caller's span, if it named one, the parent of `span`. For callers inside the system. Call it before
/// the span is entered.
pub(crate) fn adopt(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() || !headers.contains_key("traceparent") {
        return;
    }
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    // An error says that the span is not recorded: then there is nothing to link.
    let _unrecorded = span.set_parent(parent);
}

/// The trace a span belongs to, in the form traces are looked up by.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    let context = span.context();
    let span_context = context.span().span_context().clone();
    span_context.is_valid().then(|| span_context.trace_id().to_string())
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
