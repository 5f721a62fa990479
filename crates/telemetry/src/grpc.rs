//! The trace context across a gRPC call, in its metadata.

use tonic::Code;
use tonic::metadata::MetadataMap;
use tracing::Span;

use crate::propagation;

/// Server: makes the caller's span, if it named one, the parent of `span`. Call it before the span is
/// entered.
pub fn adopt(span: &Span, metadata: &MetadataMap) {
    propagation::adopt(span, metadata.as_ref());
}

/// A code as the conventions write it (`rpc.status_code`): by its name of the gRPC documentation.
pub const fn status_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Whether a server that answers with this code is at fault itself. All else is the caller's.
pub const fn is_server_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
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
        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let mut metadata = MetadataMap::new();
        metadata.insert("traceparent", format!("00-{trace}-{parent}-01").parse().unwrap());

        let server = info_span!(names::SPAN_BROKER_EXCHANGE, test = "grpc");
        adopt(&server, &metadata);
        drop(server);

        let spans = captured.spans();
        let server = spans.iter().find(|span| span.attribute("test") == Some("grpc")).unwrap();
        assert_eq!((server.trace_id.as_str(), server.parent_id.as_str()), (trace, parent));
    }
}
