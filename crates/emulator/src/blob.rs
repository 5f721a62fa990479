//! Blob storage: serves the parts of cost details reports to whoever holds a signed link, and to nobody with a bearer token.
//!
//! A SAS link is the whole credential. A request that brings an `Authorization` header too has leaked an ARM token to a
//! storage account that may belong to anybody: it is refused and counted.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, StatusCode};
use uuid::Uuid;

use crate::arm::cost_details;
use crate::arm::state::State;
use crate::faults::{Answering, Endpoint};
use crate::jwt;

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
    let path = format!("/armreports/{operation}/{part}");
    if !state.links.is_signed(&path, query.as_deref().unwrap_or_default(), state.world.clock.now()) {
        let message = "Server failed to authenticate the request. Make sure the value of Authorization header is formed \
                       correctly including the signature.";
        return error(StatusCode::FORBIDDEN, "AuthenticationFailed", message);
    }
    serve(&state, &operation, &part)
}

fn serve(state: &State, operation: &str, part: &str) -> Response {
    let missing = || error(StatusCode::NOT_FOUND, "BlobNotFound", "The specified blob does not exist.");
    let at =
        part.strip_prefix("part_").and_then(|rest| rest.strip_suffix(".csv")).and_then(|at| at.parse().ok());
    let (report, order) = (state.reports().get(operation), state.benefit_reports().get(operation));
    let text = match (at, report, order) {
        (Some(at), Some(report), _) => {
            cost_details::part(&report, &state.view(), at, state.world.config.report_rows_per_blob)
        }
        (Some(0), None, Some(order)) => order.csv(state),
        _ => return missing(),
    };
    let etag = format!("\"{}\"", jwt::sha256(text.as_bytes()));
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (ETAG, etag),
        (HeaderName::from_static("x-ms-blob-type"), "BlockBlob".to_owned()),
        (HeaderName::from_static("x-ms-version"), "2020-05-31".to_owned()),
        (HeaderName::from_static("x-ms-request-id"), Uuid::new_v4().to_string()),
    ];
    (headers, text).into_response()
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let headers = [
        (CONTENT_TYPE, "application/xml".to_owned()),
        (HeaderName::from_static("x-ms-error-code"), code.to_owned()),
    ];
    (status, headers, body).into_response()
}
