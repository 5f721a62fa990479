//! A span for each request, by the semantic conventions of HTTP clients. `url.full` is left out: it holds ids, and a report's
//! link is a secret. The template says where the request went.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Span, field};
use url::Url;
use uuid::Uuid;

use super::{Client, Sent};
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

/// One request under way, for the trace and for whoever looks.
pub(super) struct Asked<'a> {
    client: &'a Client,
    place: Place<'a>,
    started: Instant,
    pub(super) span: Span,
}

impl<'a> Asked<'a> {
    /// A request that is sent now. `resent` is how often it was sent before.
    pub(super) fn now(client: &'a Client, place: Place<'a>, client_request_id: Uuid, resent: u32) -> Self {
        Self { client, place, started: Instant::now(), span: span(place, client_request_id, resent) }
    }

    /// Notes what came.
    pub(super) fn answered(&self, status: StatusCode, headers: &HeaderMap) {
        let span = &self.span;
        span.record("http.response.status_code", status.as_u16());
        if let Some(id) = service_request_id(headers) {
            span.record("azure.service.request.id", id);
            self.client.usage().has_id(id);
        }
        if status.is_client_error() || status.is_server_error() {
            span.record("error.type", field::display(status.as_u16()));
            span.record("otel.status_code", "ERROR");
        }
        self.tell(Some(status.as_u16()), None);
    }

    /// Notes why nothing came.
    pub(super) fn failed(&self, error: &Error) {
        self.span.record("error.type", error.code());
        self.span.record("otel.status_code", "ERROR");
        self.tell(None, Some(error.code()));
    }

    fn tell(&self, status: Option<u16>, error: Option<&'static str>) {
        let Place { method, url, template } = self.place;
        let server = url.host_str().unwrap_or_default();
        let took = self.started.elapsed();
        self.client.tell(&Sent { method: method.as_str(), template, server, status, error, took });
    }
}

fn span(place: Place<'_>, client_request_id: Uuid, resent: u32) -> Span {
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

/// A header of foreign origin is shown if it is an id: letters, digits and dashes.
fn service_request_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_id = !id.is_empty()
        && id.len() <= 128
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'_'));
    is_id.then_some(id)
}
