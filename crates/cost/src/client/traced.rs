//! A span for each request, by the semantic conventions of HTTP clients. `url.full` is left out: it holds ids, and a report's
//! link is a secret. The template says where the request went.

use reqwest::Method;
use reqwest::header::HeaderMap;
use tracing::field::Empty;
use tracing::{Span, field};
use url::Url;
use uuid::Uuid;

use super::Answer;
use crate::error::Error;

/// Azure's own id of a request.
const REQUEST_ID: &str = "x-ms-request-id";

/// Where a request goes: what of it may be told.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) method: &'a Method,
    pub(super) url: &'a Url,
    /// The path with its ids left out.
    pub(super) template: &'static str,
}

/// The span of one request. `resent` is how often it was sent before.
pub(super) fn request(place: Place<'_>, client_request_id: Uuid, resent: u32) -> Span {
    let Place { method, url, template } = place;
    let span = tracing::info_span!(
        "cost.request",
        otel.name = %format_args!("{method} {template}"),
        otel.kind = "client",
        http.request.method = method.as_str(),
        http.request.resend_count = Empty,
        http.response.status_code = Empty,
        url.template = template,
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        azure.client.request.id = %client_request_id,
        azure.service.request.id = Empty,
        error.type = Empty,
        otel.status_code = Empty,
    );
    if resent > 0 {
        span.record("http.request.resend_count", resent);
    }
    span
}

/// Notes what came.
pub(super) fn answered(span: &Span, answer: &Answer) {
    let status = answer.status;
    span.record("http.response.status_code", status.as_u16());
    if let Some(id) = service_request_id(&answer.headers) {
        span.record("azure.service.request.id", id);
    }
    if status.is_client_error() || status.is_server_error() {
        span.record("error.type", field::display(status.as_u16()));
        span.record("otel.status_code", "ERROR");
    }
}

/// Notes why nothing came.
pub(super) fn failed(span: &Span, error: &Error) {
    span.record("error.type", error.code());
    span.record("otel.status_code", "ERROR");
}

/// A header of foreign origin is shown if it is an id: letters, digits and dashes.
fn service_request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_id = !id.is_empty()
        && id.len() <= 128
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'_'));
    is_id.then_some(id)
}
