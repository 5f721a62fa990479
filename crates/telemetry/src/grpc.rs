//! The trace context across a gRPC call, in its metadata.

use tonic::metadata::MetadataMap;
use tracing::Span;

use crate::propagation;

/// Client: writes the current span's trace context into a request's metadata. Call it inside the span of
/// the outgoing call.
pub fn inject(metadata: &mut MetadataMap) {
    propagation::inject(metadata.as_mut());
}

/// Server: makes the caller's span, if it named one, the parent of `span`. Call it before the span is
/// entered.
pub fn adopt(span: &Span, metadata: &MetadataMap) {
    propagation::adopt(span, metadata.as_ref());
}

#[cfg(test)]
mod tests {
    use tracing::info_span;

    use super::*;
    use crate::names;
    use crate::testing::Captured;

    #[test]
    fn the_server_span_belongs_to_the_clients_trace() {
        let captured = Captured::install("info");
        let mut metadata = MetadataMap::new();
        info_span!(names::SPAN_GATEWAY_EXCHANGE, test = "grpc").in_scope(|| inject(&mut metadata));
        assert!(metadata.contains_key("traceparent"));

        let server = info_span!(names::SPAN_BROKER_EXCHANGE, test = "grpc");
        adopt(&server, &metadata);
        drop(server);

        let spans: Vec<_> =
            captured.spans().into_iter().filter(|span| span.attribute("test") == Some("grpc")).collect();
        let client = spans.iter().find(|span| span.name == names::SPAN_GATEWAY_EXCHANGE).unwrap();
        let server = spans.iter().find(|span| span.name == names::SPAN_BROKER_EXCHANGE).unwrap();
        assert_eq!(server.trace_id, client.trace_id);
        assert_eq!(server.parent_id, client.span_id);
    }

    #[test]
    fn nothing_is_injected_outside_a_span() {
        let mut metadata = MetadataMap::new();
        inject(&mut metadata);
        assert!(metadata.is_empty());
    }
}
