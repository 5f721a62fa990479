//! Answers of Azure that this server does not understand: the person is told to tell the operator, so the operator must find
//! the reason.

use tracing::Span;

/// Notes the reason of an error that only the operator can find out about: one line of the log and the status of the call's
/// span. The error's own words hold no link and no person.
pub(super) fn note(error: &cost::Error) {
    if !matches!(error.code(), "unexpected_response" | "untrusted_link" | "answer_incomplete") {
        return;
    }
    let azure = error.azure();
    tracing::warn!(
        code = error.code(),
        reason = %error,
        status = azure.map(|azure| azure.status),
        request_id = azure.and_then(|azure| azure.request_id.as_deref()),
        "azure answered in a way this server does not understand"
    );
    let span = Span::current();
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", error.to_string());
}
