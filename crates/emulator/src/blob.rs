//! Blob storage: serves the parts of cost details reports to whoever holds a signed link, and to nobody with a bearer token.
//!
//! A SAS link is the whole credential. A request that brings an `Authorization` header too has leaked an ARM token to a
//! storage account that may belong to anybody: it is refused and counted.
//!
//! <https://learn.microsoft.com/rest/api/storageservices/get-blob>

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use uuid::Uuid;

use self::content::Content;
use self::part::{Asked, Part};
use crate::arm::state::State;
use crate::faults::{Answering, Endpoint};
use crate::sas::Proof;

mod content;
mod part;

/// The blob listener.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/armreports/{operation}/{part}", get(read))
        .fallback(async || {
            error(StatusCode::NOT_FOUND, "ResourceNotFound", "The specified resource does not exist.")
        })
        .with_state(state)
}

async fn read(
    Shared(state): Shared<Arc<State>>,
    Path((operation, part)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let leaked = headers.contains_key(AUTHORIZATION);
    state.world.counters.add(|counts| {
        counts.blob_requests += 1;
        counts.blob_authorization_leaks += u64::from(leaked);
    });
    if let Some(strike) = state.world.faults.strike(Endpoint::Blob).await {
        let status = StatusCode::from_u16(strike.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        return error(status, "ServerBusy", "The server is currently unable to receive requests.");
    }
    if leaked {
        let message = "Authentication information is not given in the correct format: a signed link takes no Authorization.";
        return error(StatusCode::BAD_REQUEST, "InvalidAuthenticationInfo", message);
    }
    if let Some(answer) = state.world.faults.take_odd_answer(Answering::Blob) {
        return answer.response();
    }
    if let Some(refused) = unauthenticated(&state, &operation, &part, query.as_deref().unwrap_or_default()) {
        return refused;
    }
    serve(&state, &operation, &part, &headers)
}

/// What a link that is not signed, or no longer good, is answered.
fn unauthenticated(state: &State, operation: &str, part: &str, query: &str) -> Option<Response> {
    let now = state.world.clock.now();
    let detail = match state.links.prove(&format!("/armreports/{operation}/{part}"), query, now) {
        Proof::Good if !state.world.faults.take_report_fault(|faults| &mut faults.expired_links) => {
            return None;
        }
        Proof::Good | Proof::Expired => {
            format!("Signature not valid in the specified time frame: Expiry - Current [{now}]")
        }
        Proof::Unsigned => "Signature did not match.".to_owned(),
    };
    let message = "Server failed to authenticate the request. Make sure the value of Authorization header is formed \
                   correctly including the signature.";
    let detail = format!("<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>");
    Some(error_with(StatusCode::FORBIDDEN, "AuthenticationFailed", message, &detail))
}

fn serve(state: &Arc<State>, operation: &str, part: &str, headers: &HeaderMap) -> Response {
    let Some(asked) = Asked::read(headers) else {
        let message = "The value for one of the HTTP headers is not in the correct format.";
        return error(StatusCode::BAD_REQUEST, "InvalidHeaderValue", message);
    };
    if asked.is_of_a_part() && state.world.faults.take_report_fault(|faults| &mut faults.written_anew) {
        state.reports().write_anew(operation);
    }
    let Some(content) = Content::find(state, operation, part) else {
        return error(StatusCode::NOT_FOUND, "BlobNotFound", "The specified blob does not exist.");
    };
    let mut answer = match asked.of(&content.etag, content.size) {
        Part::Unchanged => StatusCode::NOT_MODIFIED.into_response(),
        Part::Changed => {
            let message = "The condition specified using HTTP conditional header(s) is not met.";
            return error(StatusCode::PRECONDITION_FAILED, "ConditionNotMet", message);
        }
        Part::Outside => {
            let message = "The range specified is invalid for the current size of the resource.";
            let mut refused = error(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", message);
            put(refused.headers_mut(), CONTENT_RANGE, &format!("bytes */{}", content.size));
            return refused;
        }
        Part::Bytes { first, last, is_all } => bytes(state, &content, (first, last), is_all),
    };
    let headers = answer.headers_mut();
    put(headers, CONTENT_TYPE, "application/octet-stream");
    put(headers, ACCEPT_RANGES, "bytes");
    put(headers, ETAG, &content.etag);
    put(headers, LAST_MODIFIED, &content.written.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    put(headers, HeaderName::from_static("x-ms-blob-type"), "BlockBlob");
    stamp(headers);
    answer
}

/// The bytes from the first to the last.
fn bytes(state: &State, content: &Content, (first, last): (u64, u64), is_all: bool) -> Response {
    let status = if is_all { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
    let mut answer = (status, sent(state, content, first, last)).into_response();
    put(answer.headers_mut(), CONTENT_LENGTH, &(last + 1 - first).to_string());
    if !is_all {
        put(answer.headers_mut(), CONTENT_RANGE, &format!("bytes {first}-{last}/{}", content.size));
    }
    answer
}

/// Those bytes; fewer, if the connection is to be cut.
fn sent(state: &State, content: &Content, first: u64, last: u64) -> Body {
    let faults = &state.world.faults;
    let is_cut = faults.take_report_fault(|faults| &mut faults.cuts);
    let cut_after = is_cut.then(|| faults.settings().reports.cut_after);
    content.body(first, last, cut_after)
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    error_with(status, code, message, "")
}

fn error_with(status: StatusCode, code: &str, message: &str, more: &str) -> Response {
    let body = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}\nRequestId:{}\
         </Message>{more}</Error>",
        Uuid::new_v4()
    );
    let mut response = (status, body).into_response();
    put(response.headers_mut(), CONTENT_TYPE, "application/xml");
    put(response.headers_mut(), HeaderName::from_static("x-ms-error-code"), code);
    stamp(response.headers_mut());
    response
}

/// Headers on every answer of blob storage.
fn stamp(headers: &mut HeaderMap) {
    put(headers, HeaderName::from_static("x-ms-version"), "2020-05-31");
    put(headers, HeaderName::from_static("x-ms-request-id"), &Uuid::new_v4().to_string());
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
