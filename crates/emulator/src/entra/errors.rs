//! Entra's error bodies: AADSTS codes, trace and correlation ids, suberror and claims.
//!
//! Shapes: Microsoft's reference-error-codes page and live captures; where they differ the capture wins.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

/// An answer of the token endpoint that is not a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntraError {
    pub(crate) status: StatusCode,
    /// The OAuth error.
    pub(crate) error: &'static str,
    /// The AADSTS number.
    pub(crate) code: u32,
    pub(crate) message: String,
    pub(crate) suberror: Option<&'static str>,
    /// What the client must send next: JSON, which the body carries as a string.
    pub(crate) claims: Option<Value>,
    pub(crate) retry_after: Option<u32>,
}

impl EntraError {
    /// Status 400, or 401 for `invalid_client`.
    pub(crate) fn new(error: &'static str, code: u32, message: impl Into<String>) -> Self {
        let status = match error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, error, code, message: message.into(), suberror: None, claims: None, retry_after: None }
    }

    pub(crate) fn invalid_grant(code: u32, message: impl Into<String>) -> Self {
        Self::new("invalid_grant", code, message)
    }

    pub(crate) fn invalid_client(code: u32, message: impl Into<String>) -> Self {
        Self::new("invalid_client", code, message)
    }

    pub(crate) fn invalid_request(code: u32, message: impl Into<String>) -> Self {
        Self::new("invalid_request", code, message)
    }

    /// A form parameter that is not there.
    pub(crate) fn missing(parameter: &str) -> Self {
        let message = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::invalid_request(900_144, message)
    }

    pub(crate) fn with_suberror(self, suberror: &'static str) -> Self {
        Self { suberror: Some(suberror), ..self }
    }

    pub(crate) fn with_claims(self, claims: Option<Value>) -> Self {
        Self { claims, ..self }
    }

    /// `AADSTS50076: …`, ids and time included, separated by single spaces as live answers are.
    pub(crate) fn description(&self, at: Timestamp, trace: Uuid, correlation: &str) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {}",
            self.code,
            self.message,
            stamp(at)
        )
    }

    /// The HTTP answer. `correlation` is the caller's `client-request-id`, if it sent one; `odd` words it as no document
    /// does.
    pub(crate) fn into_answer(self, at: Timestamp, correlation: Option<String>, odd: bool) -> Response {
        let trace = Uuid::new_v4();
        let correlation = correlation.unwrap_or_else(|| Uuid::new_v4().to_string());
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(at, trace, &correlation),
            "error_codes": [self.code],
            "timestamp": stamp(at),
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        if let Some(suberror) = self.suberror {
            body["suberror"] = suberror.into();
        }
        if let Some(claims) = &self.claims {
            body["claims"] = claims.to_string().into();
        }
        if odd {
            body["suberror"] = self.suberror.into();
            body["error_codes"] = json!([self.code.to_string()]);
            body["claims"] = self.claims.into();
        }
        let mut response = (self.status, no_store(), Json(body)).into_response();
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&correlation) {
            headers.insert(HeaderName::from_static("client-request-id"), value);
        }
        if let Ok(value) = HeaderValue::from_str(&trace.to_string()) {
            headers.insert(HeaderName::from_static("x-ms-request-id"), value);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Headers of every answer of the token endpoint (RFC 6749 section 5.1).
pub(crate) fn no_store() -> [(HeaderName, &'static str); 2] {
    [(CACHE_CONTROL, "no-store, no-cache"), (PRAGMA, "no-cache")]
}

/// `2026-11-22 10:00:00Z`: a space, no T.
fn stamp(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::EntraError;
    use uuid::Uuid;

    #[test]
    fn a_description_is_worded_as_live() {
        let error = EntraError::invalid_grant(50173, "The provided grant has expired.");
        let text = error.description("2026-11-22T10:00:00Z".parse().unwrap(), Uuid::nil(), "c");
        assert_eq!(
            text,
            "AADSTS50173: The provided grant has expired. Trace ID: 00000000-0000-0000-0000-000000000000 \
             Correlation ID: c Timestamp: 2026-11-22 10:00:00Z"
        );
    }
}
