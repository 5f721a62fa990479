//! The W3C trace context (<https://www.w3.org/TR/trace-context/>) over header maps.
//!
//! Baggage is not propagated: it would carry whatever a caller writes into our spans and on to others.

use axum::http::{HeaderMap, HeaderName};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Dispatch, Span, dispatcher};
use tracing_opentelemetry::{OpenTelemetrySpanExt, get_otel_context};
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

/// The header that names the caller's span, and the member of `_meta` (MCP, SEP-414).
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Links `span` to the caller's, if it named one. For a caller that is nobody yet: as a parent it could choose
/// what is recorded and in whose trace it stands (W3C Trace Context, section 6.4: restart at a trust boundary).
pub(crate) fn link(span: &Span, headers: &HeaderMap) {
    let caller = headers.get(TRACEPARENT).filter(|_| !span.is_disabled());
    if let Some(caller) = caller.and_then(|value| remote(value.to_str().ok()?)) {
        span.add_link(caller);
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
    // An error says that the span is not recorded: then there is nothing to link.
    let _unrecorded = span.set_parent(parent);
}

/// The id of the trace that what is done now belongs to, where anything is traced.
pub fn trace_id() -> Option<String> {
    dispatcher::get_default(traced_span).map(|span| span.trace_id().to_string())
}

/// The innermost of the spans that are entered now which is traced. OpenTelemetry's own "current context" is not set: to set it
/// each time that a future goes on costs more than to look here for the few that ask.
pub(crate) fn traced_span(dispatch: &Dispatch) -> Option<SpanContext> {
    let entered = dispatch.current_span();
    let innermost = dispatch.downcast_ref::<Registry>()?.span(entered.id()?)?;
    innermost.scope().find_map(|span| {
        let span = get_otel_context(&span.id(), dispatch)?.span().span_context().clone();
        span.is_valid().then_some(span)
    })
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
