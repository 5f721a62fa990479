//! The gRPC face: reads the request, calls the exchange, turns the result into the contract's words. No more.

use std::time::Duration;

use proto::{
    BrokerError, Reason,
    v1::{ExchangeRequest, ExchangeResponse, TokenSource, token_broker_server::TokenBroker},
};
use secrecy::ExposeSecret as _;
use telemetry::names;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};
use tracing::{Instrument as _, field};

use crate::{
    error::{ExchangeError, Kind},
    exchange::{ExchangeCommand, Exchanger, Granted},
};

/// Calls worked on at the same time, over all consumers. A call that waits takes little; one too many is told so at
/// once.
const MAX_CALLS: usize = 8192;
/// How long a caller is asked to wait where there are too many.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(1);

/// The service `token_broker.v1.TokenBroker`.
pub(crate) struct BrokerService {
    exchanger: Exchanger,
    calls: Semaphore,
}

impl BrokerService {
    pub(crate) fn new(exchanger: Exchanger) -> Self {
        Self { exchanger, calls: Semaphore::new(MAX_CALLS) }
    }
}

#[tonic::async_trait]
impl TokenBroker for BrokerService {
    async fn exchange(
        &self,
        request: Request<ExchangeRequest>,
    ) -> Result<Response<ExchangeResponse>, Status> {
        let Ok(_call) = self.calls.try_acquire() else {
            return Err(overloaded());
        };
        let span = tracing::info_span!(
            names::SPAN_BROKER_EXCHANGE,
            otel.kind = "server",
            resource = field::Empty,
            cache = field::Empty,
            error.type = field::Empty,
            reason = field::Empty,
        );
        telemetry::grpc::adopt(&span, request.metadata());
        let ExchangeRequest { assertion, resource, claims } = request.into_inner();
        let command = ExchangeCommand { assertion, resource, claims };
        async {
            match self.exchanger.exchange(command).await {
                Ok(granted) => Ok(Response::new(response(&granted))),
                Err(error) => Err(refused(&error)),
            }
        }
        .instrument(span)
        .await
    }
}

fn response(granted: &Granted) -> ExchangeResponse {
    let token = &granted.token;
    let source = if granted.from_cache { TokenSource::Cache } else { TokenSource::Entra };
    ExchangeResponse {
        access_token: token.access_token.expose_secret().to_owned(),
        expires_at: Some(prost_types::Timestamp {
            seconds: token.expires_at.as_second(),
            nanos: token.expires_at.subsec_nanosecond(),
        }),
        source: source.into(),
    }
}

fn refused(error: &ExchangeError) -> Status {
    let reason = match error.kind() {
        Kind::InvalidToken { reason, .. } => Some(*reason),
        _ => None,
    };
    let span = tracing::Span::current();
    span.record("error.type", error.code());
    span.record("reason", reason);
    let evidence = error.evidence();
    tracing::info!(
        code = error.code(),
        reason,
        aadsts = evidence.and_then(|evidence| evidence.aadsts),
        correlation_id = evidence.and_then(|evidence| evidence.correlation_id.as_deref()),
        "exchange refused"
    );
    status(error)
}

/// Too many calls at the same time. Like an outage for the caller, who can only come back.
fn overloaded() -> Status {
    BrokerError::new(Reason::Overloaded, "too many calls at the same time; try again shortly")
        .with_retry_after(OVERLOAD_PAUSE)
        .into()
}

fn status(error: &ExchangeError) -> Status {
    let text = error.to_string();
    let refusal = |reason| BrokerError::new(reason, text.as_str());
    let mut refusal = match error.kind() {
        Kind::InvalidRequest(_) => refusal(Reason::InvalidRequest),
        Kind::UnknownResource => refusal(Reason::UnknownResource),
        Kind::InvalidToken { reason, .. } => refusal(Reason::InvalidToken).with_metadata("reason", *reason),
        Kind::AppOnlyToken => refusal(Reason::AppOnlyToken),
        Kind::BlockedByPolicy { cause } => {
            refusal(Reason::BlockedByPolicy).with_metadata("cause", cause.as_str())
        }
        Kind::ClaimsChallenge { claims } => refusal(Reason::ClaimsChallenge).with_claims(claims.as_ref()),
        Kind::ConsentRequired { permission } => {
            refusal(Reason::ConsentRequired).with_metadata("permission", *permission)
        }
        Kind::IdentityProviderUnavailable { retry_after } => {
            let refusal = refusal(Reason::IdentityProviderUnavailable);
            match retry_after {
                Some(delay) => refusal.with_retry_after(*delay),
                None => refusal,
            }
        }
        Kind::BrokerMisconfigured => refusal(Reason::BrokerMisconfigured),
    };
    if let Some(evidence) = error.evidence() {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        refusal = refusal
            .with_metadata("aadsts", evidence.aadsts.map(|number| number.to_string()).unwrap_or_default())
            .with_metadata("correlation_id", text(&evidence.correlation_id))
            .with_metadata("trace_id", text(&evidence.trace_id));
    }
    refusal.into()
}
