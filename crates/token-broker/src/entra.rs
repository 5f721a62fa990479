//! Entra ID's token endpoint: the On-Behalf-Of request and what comes back.
//!
//! The request is Microsoft's, "Microsoft identity platform and OAuth 2.0 On-Behalf-Of flow", on top of RFC 7523.
//! This module must not know who calls the broker, nor what is cached.

mod aadsts;
mod answer;
mod claims;

use std::{sync::Arc, time::Duration};

use identity::{BearerToken, ClientId, clock::SharedClock, outbound::read_bounded};
use jiff::Timestamp;
use opentelemetry::KeyValue;
use reqwest::{Client, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use telemetry::names;
use tokio::{sync::Semaphore, time};
use tracing::{Instrument as _, Span, field};
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    client_assertion::ClientAssertions,
    error::{ExchangeError, Kind},
    metrics::Metrics,
    resource::Resource,
};

pub(crate) use claims::ClaimsRequest;

/// How long one exchange may take, retry and wait for a free slot included.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long one attempt may take.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(8);
/// At most one retry, and only where Entra ID cannot have counted the first attempt or failed by itself.
const ATTEMPTS: u32 = 2;
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// A token response takes about 5 KiB; tokens of users in many groups reach 20 KiB.
const MAX_ANSWER_BYTES: usize = 128 * 1024;
/// Requests to Entra ID at the same time, over all users.
const MAX_CONCURRENT: usize = 128;

/// The client of one tenant's token endpoint, acting as one application.
#[derive(Debug)]
pub(crate) struct Entra {
    http: Client,
    token_endpoint: Url,
    client_id: ClientId,
    assertions: ClientAssertions,
    capabilities: Vec<String>,
    clock: SharedClock,
    metrics: Metrics,
    slots: Semaphore,
}

/// A downstream token. Its holder must not look inside: the downstream API alone may parse it.
#[derive(Clone, Debug)]
pub struct DownstreamToken {
    /// The access token.
    pub access_token: Arc<SecretString>,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl Entra {
    pub(crate) fn new(
        http: Client,
        token_endpoint: Url,
        client_id: ClientId,
        assertions: ClientAssertions,
        capabilities: Vec<String>,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Self {
        let slots = Semaphore::new(MAX_CONCURRENT);
        Self { http, token_endpoint, client_id, assertions, capabilities, clock, metrics, slots }
    }

    /// Whether the credential is valid now.
    pub(crate) fn has_valid_credential(&self) -> bool {
        self.assertions.credential().is_valid_at(self.clock.now())
    }

    /// Exchanges a user's token for the same user's token for `resource`.
    ///
    /// # Errors
    /// [`ExchangeError`], classified by what the caller can do about it.
    pub(crate) async fn on_behalf_of(
        &self,
        assertion: &BearerToken,
        resource: &Resource,
        claims: Option<&ClaimsRequest>,
    ) -> Result<DownstreamToken, ExchangeError> {
        let correlation_id = Uuid::new_v4();
        let span = tracing::info_span!(
            names::SPAN_BROKER_ENTRA_TOKEN,
            otel.kind = "client",
            server.address = self.token_endpoint.host_str(),
            correlation_id = %correlation_id,
            resource = resource.name,
            aadsts = field::Empty,
            error.type = field::Empty,
            otel.status_code = field::Empty,
        );
        let exchange = self.exchange(assertion, resource, claims, correlation_id);
        let result = async {
            time::timeout(DEADLINE, exchange).await.unwrap_or_else(|_| Err(ExchangeError::unavailable()))
        }
        .instrument(span.clone())
        .await;
        if let Err(error) = &result {
            record(&span, error);
        }
        result
    }

    async fn exchange(
        &self,
        assertion: &BearerToken,
        resource: &Resource,
        claims: Option<&ClaimsRequest>,
        correlation_id: Uuid,
    ) -> Result<DownstreamToken, ExchangeError> {
        let Ok(_slot) = self.slots.acquire().await else {
            return Err(ExchangeError::unavailable());
        };
        let now = self.clock.now();
        let client_assertion = self.assertions.get(now).map_err(|error| {
            tracing::error!(%error, "no client assertion could be signed");
            ExchangeError::from(Kind::BrokerMisconfigured)
        })?;
        let claims = claims::merged(claims, &self.capabilities);
        let form = self.form(assertion, resource, claims.as_deref(), &client_assertion);
        let answer = self.send(&form, correlation_id).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer, resource));
        }
        answer::token(&answer.body, now).inspect_err(|_| {
            tracing::error!(%correlation_id, "Entra ID's answer holds no usable token");
        })
    }

    fn form(
        &self,
        assertion: &BearerToken,
        resource: &Resource,
        claims: Option<&str>,
        client_assertion: &SecretString,
    ) -> Zeroizing<String> {
        let client_id = self.client_id.to_string();
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("client_id", &client_id),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", client_assertion.expose_secret()),
            ("assertion", assertion.expose()),
            ("requested_token_use", "on_behalf_of"),
            ("scope", &resource.scope),
        ];
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        if let Some(claims) = claims {
            form.append_pair("claims", claims);
        }
        Zeroizing::new(form.finish())
    }

    /// Sends the form, twice at most.
    async fn send(&self, form: &str, correlation_id: Uuid) -> Result<Answer, ExchangeError> {
        let mut attempt = 1;
        loop {
            let started = time::Instant::now();
            let result = time::timeout(ATTEMPT_DEADLINE, self.attempt(form, correlation_id))
                .await
                .unwrap_or(Err(AttemptFailed::NoAnswer));
            self.metrics.entra_answered(started.elapsed(), outcome(&result));
            let again = attempt < ATTEMPTS && result_allows_retry(&result);
            match result {
                _ if again => {
                    attempt += 1;
                    time::sleep(RETRY_PAUSE).await;
                }
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    tracing::warn!(%error, %correlation_id, "Entra ID did not answer");
                    return Err(ExchangeError::unavailable());
                }
            }
        }
    }

    async fn attempt(&self, form: &str, correlation_id: Uuid) -> Result<Answer, AttemptFailed> {
        let response = self
            .http
            .post(self.token_endpoint.clone())
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
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = read_bounded(response, MAX_ANSWER_BYTES).await.map_err(|_| AttemptFailed::BrokenOff)?;
        Ok(Answer { status, retry_after, body: Zeroizing::new(body) })
    }

    fn refused(&self, answer: &Answer, resource: &Resource) -> ExchangeError {
        let refusal = answer::Refusal::parse(&answer.body);
        let error = aadsts::classify(answer.status, answer.retry_after, &refusal, resource);
        if *error.kind() == Kind::BrokerMisconfigured {
            tracing::error!(
                aadsts = refusal.number(),
                oauth_error = refusal.error(),
                entra_message = %refusal.message(),
                correlation_id = refusal.correlation_id(),
                trace_id = refusal.trace_id(),
                client_id = %self.client_id,
                certificate_thumbprint = self.assertions.credential().thumbprint(),
                scope = %resource.scope,
                hint = aadsts::hint(refusal.number()),
                "Entra ID refuses this broker itself: every exchange of this kind fails until an operator acts"
            );
        }
        if let Kind::IdentityProviderUnavailable { retry_after } = error.kind() {
            tracing::warn!(
                status = answer.status.as_u16(),
                aadsts = refusal.number(),
                ?retry_after,
                "Entra ID cannot answer"
            );
        }
        error.with_evidence(refusal.evidence())
    }
}

/// What an attempt brought back.
struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum AttemptFailed {
    #[error("no connection")]
    NotConnected,
    #[error("no answer in time")]
    NoAnswer,
    #[error("the answer broke off or is too long")]
    BrokenOff,
}

fn result_allows_retry(result: &Result<Answer, AttemptFailed>) -> bool {
    match result {
        // Entra ID says when to come back, or is asked to do the same work while it is overloaded: not now.
        Ok(answer) => answer.status.is_server_error() && answer.retry_after.is_none(),
        Err(error) => *error == AttemptFailed::NotConnected,
    }
}

fn outcome(result: &Result<Answer, AttemptFailed>) -> KeyValue {
    let ok = result.as_ref().is_ok_and(|answer| answer.status.is_success());
    KeyValue::new(names::OUTCOME, if ok { names::OUTCOME_OK } else { names::OUTCOME_ERROR })
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3); Entra ID does not use the date form.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get("retry-after")?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

fn record(span: &Span, error: &ExchangeError) {
    span.record("error.type", error.code());
    span.record("otel.status_code", "ERROR");
    if let Some(number) = error.evidence().and_then(|evidence| evidence.aadsts) {
        span.record("aadsts", number);
    }
}
