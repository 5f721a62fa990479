//! The token endpoint as HTTP: one form sent, twice at most, and what came back, unread.

use std::time::Duration;

use identity::outbound::{read_bounded, retry_after};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use opentelemetry::KeyValue;
use reqwest::{Client, Response, StatusCode};
use telemetry::names;
use tokio::time;
use tracing::{Instrument as _, Span, field};
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::answer::{self, Refusal};
use crate::metrics::Metrics;
use crate::outcome::DownstreamToken;

/// How long one attempt may take.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(8);
/// At most one retry, and only where Entra ID cannot have counted the first attempt or failed by itself.
const ATTEMPTS: u32 = 2;
/// Where requests go, without the tenant.
const TEMPLATE: &str = "/{tenant}/oauth2/v2.0/token";
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// A token response takes about 5 KiB; tokens of users in many groups reach 20 KiB.
const MAX_ANSWER_BYTES: usize = 128 * 1024;

/// One tenant's token endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    http: Client,
    url: Url,
    metrics: Metrics,
}

/// What an attempt brought back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    /// What time it is at Entra ID (`Date`; RFC 9110, section 6.6.1), in whole seconds.
    pub(crate) date: Option<Timestamp>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// What came back, or why nothing did.
pub(crate) type Attempt = Result<Answer, AttemptFailed>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AttemptFailed {
    #[error("no connection")]
    NotConnected,
    #[error("no answer in time")]
    NoAnswer,
    #[error("the answer broke off or is too long")]
    BrokenOff,
    /// Entra ID was not asked: it had asked to be left alone.
    #[error("calls of this kind pause")]
    HeldBack { left: Duration },
}

impl AttemptFailed {
    /// A word for labels.
    const fn word(self) -> &'static str {
        match self {
            Self::NotConnected => "not_connected",
            Self::NoAnswer => "no_answer",
            Self::BrokenOff => "broken_off",
            Self::HeldBack { .. } => "held_back",
        }
    }
}

impl Answer {
    /// The token in it, if it is one.
    pub(crate) fn token(&self, now: Timestamp) -> Option<DownstreamToken> {
        answer::token(&self.body, now).ok().filter(|_| self.status == StatusCode::OK)
    }

    /// The number of the refusal in it, if it has one.
    pub(crate) fn number(&self) -> Option<u32> {
        Refusal::parse(&self.body).number()
    }
}

impl Endpoint {
    pub(super) fn new(http: Client, url: Url, metrics: Metrics) -> Self {
        Self { http, url, metrics }
    }

    /// One request, by the conventions of HTTP clients. The path names the tenant alone; the template does not.
    fn span(&self, correlation_id: Uuid, resent: u32) -> Span {
        let span = tracing::info_span!(
            names::SPAN_BROKER_ENTRA_TOKEN,
            otel.name = %format_args!("POST {TEMPLATE}"),
            otel.kind = "client",
            http.request.method = "POST",
            http.request.resend_count = field::Empty,
            http.response.status_code = field::Empty,
            url.template = TEMPLATE,
            server.address = self.url.host_str(),
            server.port = self.url.port_or_known_default(),
            %correlation_id,
            aadsts = field::Empty,
            error.type = field::Empty,
            otel.status_code = field::Empty,
        );
        if resent > 0 {
            span.record("http.request.resend_count", resent);
        }
        span
    }

    fn request_labels(&self, result: &Attempt) -> Vec<KeyValue> {
        let mut labels = vec![
            KeyValue::new(names::HTTP_REQUEST_METHOD, "POST"),
            KeyValue::new(names::URL_TEMPLATE, TEMPLATE),
            KeyValue::new(names::SERVER_ADDRESS, self.url.host_str().unwrap_or_default().to_owned()),
        ];
        labels.push(match result {
            Ok(answer) => KeyValue::new(names::HTTP_RESPONSE_STATUS_CODE, i64::from(answer.status.as_u16())),
            Err(failed) => KeyValue::new(names::ERROR_TYPE, failed.word()),
        });
        labels
    }

    /// Sends the form, twice at most.
    pub(super) async fn send(&self, form: &str, correlation_id: Uuid, now: Timestamp) -> Attempt {
        let mut attempt = 1;
        loop {
            let started = time::Instant::now();
            let span = self.span(correlation_id, attempt - 1);
            let asked = self.attempt(form, correlation_id, now).instrument(span.clone());
            let result = time::timeout(ATTEMPT_DEADLINE, asked).await.unwrap_or(Err(AttemptFailed::NoAnswer));
            note(&span, &result);
            self.metrics.entra_answered(started.elapsed(), label(&result));
            self.metrics.entra_requested(started.elapsed(), &self.request_labels(&result));
            if attempt == ATTEMPTS || !allows_retry(&result) {
                return result.inspect_err(|error| {
                    tracing::warn!(%error, %correlation_id, "Entra ID did not answer");
                });
            }
            attempt += 1;
            time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn attempt(&self, form: &str, correlation_id: Uuid, now: Timestamp) -> Attempt {
        let response = self
            .http
            .post(self.url.clone())
            .header("content-type", "application/x-www-form-urlencoded;charset=utf-8")
            .header("accept", "application/json")
            .header("client-request-id", correlation_id.to_string())
            .header("x-client-sku", "mcp-cost-server")
            .header("x-client-ver", env!("CARGO_PKG_VERSION"))
            .header("x-client-os", std::env::consts::OS)
            .header("x-ms-lib-capability", "retry-after, h429")
            .body(form.to_owned())
            .send()
            .await
            .map_err(|error| {
                if error.is_connect() { AttemptFailed::NotConnected } else { AttemptFailed::NoAnswer }
            })?;
        let (status, retry_after, date) = (response.status(), retry_after(&response, now), date(&response));
        let body = read_bounded(response, MAX_ANSWER_BYTES).await.map_err(|_| AttemptFailed::BrokenOff)?;
        Ok(Answer { status, retry_after, date, body: Zeroizing::new(body) })
    }
}

/// Notes what came: a refusal is an error of the request, with its number.
fn note(span: &Span, result: &Attempt) {
    match result {
        Ok(answer) => {
            span.record("http.response.status_code", answer.status.as_u16());
            if !answer.status.is_success() {
                span.record("aadsts", answer.number());
                span.record("error.type", field::display(answer.status.as_u16()));
                span.record("otel.status_code", "ERROR");
            }
        }
        Err(failed) => {
            span.record("error.type", failed.word());
            span.record("otel.status_code", "ERROR");
        }
    }
}

fn date(response: &Response) -> Option<Timestamp> {
    let date = response.headers().get("date")?.to_str().ok()?;
    rfc2822::parse(date).ok().map(|date| date.timestamp())
}

fn allows_retry(result: &Attempt) -> bool {
    match result {
        // Entra ID says when to come back, or is asked to do the same work while it is overloaded: not now.
        Ok(answer) => answer.status.is_server_error() && answer.retry_after.is_none(),
        Err(error) => *error == AttemptFailed::NotConnected,
    }
}

fn label(result: &Attempt) -> KeyValue {
    let ok = result.as_ref().is_ok_and(|answer| answer.status.is_success());
    KeyValue::new(names::OUTCOME, if ok { names::OUTCOME_OK } else { names::OUTCOME_ERROR })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    #[test]
    fn a_refusal_has_a_number_and_a_token_is_printable() {
        let answer = |status, body: &str| Answer {
            status,
            retry_after: None,
            date: None,
            body: Zeroizing::new(body.as_bytes().to_vec()),
        };
        let body = r#"{"error":"invalid_client","error_codes":[700027],"error_description":"x"}"#;
        assert_eq!(answer(StatusCode::UNAUTHORIZED, body).number(), Some(700_027));
        let token = |status, text: &str| {
            let body = format!(r#"{{"token_type":"Bearer","access_token":"{text}","expires_in":1}}"#);
            answer(status, &body).token(NOW)
        };
        assert!(token(StatusCode::OK, "a b").is_none());
        assert!(token(StatusCode::OK, "ab").is_some());
        assert!(token(StatusCode::CREATED, "ab").is_none());
    }
}
