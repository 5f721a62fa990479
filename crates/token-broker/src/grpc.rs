//! The gRPC face: reads the request, calls the exchange, turns the result into the contract's words. No more.

use std::sync::Arc;
use std::time::Duration;

use audit::{Audit, Call, Decided, Outcome as Ended, Unavailable};
use jiff::Timestamp;
use opentelemetry::metrics::Meter;
use proto::status::metadata;
use proto::v1::token_broker_server::TokenBroker;
use proto::v1::{
    ExchangeRequest, ExchangeResponse, PreflightCheck, PreflightRequest, PreflightResponse, PreflightResult,
    PurgeUserRequest, PurgeUserResponse, TokenSource,
};
use proto::{BrokerError, Reason};
use secrecy::ExposeSecret as _;
use telemetry::names;
use telemetry::report::{Finding, Outcome, Report};
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::{Request, Response, Status};
use tracing::{Instrument as _, Span, field};

use self::calls::CallMetrics;
use crate::audited;
use crate::consumers::{Admission, Cause, ConsumerRefused, Consumers, MAX_CALLS, Peer, Right};
use crate::error::{ExchangeError, Kind};
use crate::exchange::{ExchangeCommand, Exchanger, Granted};
use crate::outcome::Source;
use crate::preflight::Preflight;

mod calls;

const TOO_MANY_CALLS: &str = "too many calls at the same time; try again shortly";
/// How long a caller is asked to wait where there are too many.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(1);

/// When to repeat a purge that not every replica has heard of.
const PURGE_PAUSE: Duration = Duration::from_secs(5);

/// When to come back to a broker that cannot record.
const AUDIT_PAUSE: Duration = Duration::from_secs(5);

/// The service `token_broker.v1.TokenBroker`.
pub(crate) struct BrokerService {
    exchanger: Exchanger,
    consumers: Arc<Consumers>,
    preflight: Arc<Preflight>,
    audit: Audit,
    calls: Semaphore,
    metrics: CallMetrics,
}

impl BrokerService {
    pub(crate) fn new(
        exchanger: Exchanger,
        consumers: Arc<Consumers>,
        preflight: Arc<Preflight>,
        audit: Audit,
        meter: &Meter,
    ) -> Self {
        let metrics = CallMetrics::new(meter);
        Self { exchanger, consumers, preflight, audit, calls: Semaphore::new(MAX_CALLS), metrics }
    }

    /// Lets a call in that may be worked on. Comes before all else, the span included: whoever is not a consumer costs the trace
    /// collector nothing.
    fn enter<T>(&self, request: &Request<T>, right: Right<'_>) -> Result<Entered<'_>, Status> {
        let peer = request.extensions().get::<Peer>();
        let admission = self.consumers.admit(peer, right).map_err(|refused| {
            self.audit.counted(refused.cause().as_str(), refused.consumer());
            not_admitted(&refused)
        })?;
        let call = self.calls.try_acquire().map_err(|_| overloaded(TOO_MANY_CALLS))?;
        let span = span(right, admission.consumer());
        telemetry::grpc::adopt(&span, request.metadata());
        Ok(Entered { admission, span, _call: call })
    }

    async fn purge(&self, tenant: &str, oid: &str, consumer: &str) -> Result<Timestamp, ExchangeError> {
        let no_guid = |what| ExchangeError::from(Kind::InvalidRequest(what));
        let tenant = tenant.parse().map_err(|_| no_guid("`tenant_id` is not a GUID"))?;
        let oid =
            oid.parse().map_err(|_| no_guid("`user_oid` is not a GUID: it is the `oid` claim, no name"))?;
        let recorded = decide(&self.audit, audited::purge(tenant, oid, consumer)).await?;
        let result = self.exchanger.purge(tenant, oid).await;
        recorded.end(audited::outcome(&result));
        result
    }
}

#[tonic::async_trait]
impl TokenBroker for BrokerService {
    async fn exchange(
        &self,
        request: Request<ExchangeRequest>,
    ) -> Result<Response<ExchangeResponse>, Status> {
        let right = Right::Resource(&request.get_ref().resource);
        let call = self.metrics.called(names::RPC_EXCHANGE);
        let Entered { admission, span, _call } =
            self.enter(&request, right).map_err(|no| call.refused(no))?;
        let ExchangeRequest { assertion, resource, claims } = request.into_inner();
        let consumer = Arc::clone(admission.consumer());
        let command = ExchangeCommand { consumer, assertion, resource, claims };
        async {
            match self.exchanger.exchange_for(command, Some(admission)).await {
                Ok(granted) => Ok(call.answered(response(&granted))),
                Err(error) => Err(call.refused(refused(&error))),
            }
        }
        .instrument(span)
        .await
    }

    async fn purge_user(
        &self,
        request: Request<PurgeUserRequest>,
    ) -> Result<Response<PurgeUserResponse>, Status> {
        let call = self.metrics.called(names::RPC_PURGE_USER);
        let entered = self.enter(&request, Right::Purge).map_err(|no| call.refused(no))?;
        let Entered { admission, span, _call } = entered;
        async {
            let PurgeUserRequest { tenant_id, user_oid } = request.into_inner();
            match self.purge(&tenant_id, &user_oid, admission.consumer()).await {
                Ok(at) => Ok(call.answered(PurgeUserResponse { effective_at: Some(timestamp(at)) })),
                Err(error) => Err(call.refused(refused(&error))),
            }
        }
        .instrument(span)
        .await
    }

    async fn preflight(
        &self,
        request: Request<PreflightRequest>,
    ) -> Result<Response<PreflightResponse>, Status> {
        let call = self.metrics.called(names::RPC_PREFLIGHT);
        let entered = self.enter(&request, Right::Known).map_err(|no| call.refused(no))?;
        let asked = audited::preflight(entered.admission.consumer());
        let recorded = decide(&self.audit, asked).await.map_err(|error| call.refused(refused(&error)))?;
        let report = self.preflight.report(request.into_inner().refresh).await;
        recorded.end(Ended::new(names::OUTCOME_OK));
        Ok(call.answered(report.map(preflight_response).unwrap_or_default()))
    }
}

/// Records that a call is let through; nothing is done for it before.
async fn decide(audit: &Audit, call: Call) -> Result<Decided, ExchangeError> {
    audit.decide(call).await.map_err(|Unavailable| Kind::AuditUnavailable.into())
}

/// A call that was let in: it counts, as its consumer's and in all, until this is dropped.
struct Entered<'a> {
    admission: Admission,
    span: Span,
    _call: SemaphorePermit<'a>,
}

/// What is learned of no user is in no trace.
fn span(right: Right<'_>, consumer: &str) -> Span {
    match right {
        Right::Resource(_) => tracing::info_span!(
            names::SPAN_BROKER_EXCHANGE,
            otel.name = names::RPC_EXCHANGE,
            otel.kind = "server",
            rpc.system.name = "grpc",
            rpc.method = names::RPC_EXCHANGE,
            rpc.status_code = field::Empty,
            %consumer,
            resource = field::Empty,
            cache = field::Empty,
            error.type = field::Empty,
            reason = field::Empty,
            otel.status_code = field::Empty,
        ),
        Right::Purge => tracing::info_span!(
            names::SPAN_BROKER_PURGE,
            otel.name = names::RPC_PURGE_USER,
            otel.kind = "server",
            rpc.system.name = "grpc",
            rpc.method = names::RPC_PURGE_USER,
            rpc.status_code = field::Empty,
            %consumer,
            error.type = field::Empty,
            reason = field::Empty,
            otel.status_code = field::Empty,
        ),
        Right::Known => Span::none(),
    }
}

fn response(granted: &Granted) -> ExchangeResponse {
    let token = &granted.token;
    let source = match granted.source {
        Source::Local | Source::Shared => TokenSource::Cache,
        Source::Entra => TokenSource::Entra,
    };
    ExchangeResponse {
        access_token: token.access_token.expose_secret().to_owned(),
        expires_at: Some(timestamp(token.expires_at)),
        source: source.into(),
    }
}

fn preflight_response(report: Report) -> PreflightResponse {
    let check = |finding: Finding| {
        let result = match finding.outcome {
            Outcome::Ok => PreflightResult::Granted,
            Outcome::Missing => PreflightResult::Missing,
            Outcome::Unknown => PreflightResult::Unknown,
        };
        PreflightCheck {
            name: finding.name,
            subject: finding.subject,
            result: result.into(),
            detail: finding.detail,
            fix: finding.fix,
            admin_consent_url: finding.url.unwrap_or_default(),
        }
    };
    PreflightResponse {
        checks: report.findings.into_iter().map(check).collect(),
        checked_at: Some(timestamp(report.checked_at)),
    }
}

fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

fn refused(error: &ExchangeError) -> Status {
    let reason = match error.kind() {
        Kind::InvalidToken { reason, .. } => Some(*reason),
        _ => None,
    };
    let span = Span::current();
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
fn overloaded(text: impl Into<String>) -> Status {
    BrokerError::new(Reason::Overloaded, text).with_retry_after(OVERLOAD_PAUSE).into()
}

/// The calling service may not: an operator must act, except where it only calls too much at once.
fn not_admitted(refused: &ConsumerRefused) -> Status {
    match refused.cause() {
        Cause::Overloaded => overloaded(refused.to_string()),
        Cause::NotAllowed(cause) => BrokerError::new(Reason::ConsumerNotAllowed, refused.to_string())
            .with_metadata(metadata::CAUSE, cause.as_str())
            .into(),
    }
}

fn status(error: &ExchangeError) -> Status {
    let refusal = BrokerError::new(error.reason(), error.to_string());
    let mut refusal = match error.kind() {
        Kind::InvalidToken { reason, .. } => refusal.with_metadata(metadata::REASON, *reason),
        Kind::BlockedByPolicy { cause } => refusal.with_metadata(metadata::CAUSE, cause.as_str()),
        Kind::ClaimsChallenge { claims } => refusal.with_claims(claims.as_ref()),
        Kind::ConsentRequired { permission } => {
            refusal.with_metadata(metadata::PERMISSION, permission.as_ref())
        }
        Kind::IdentityProviderUnavailable { retry_after: Some(delay) } => refusal.with_retry_after(*delay),
        Kind::Overloaded => refusal.with_retry_after(OVERLOAD_PAUSE),
        Kind::PurgeIncomplete => refusal.with_retry_after(PURGE_PAUSE),
        Kind::AuditUnavailable => refusal.with_retry_after(AUDIT_PAUSE),
        Kind::InvalidRequest(_)
        | Kind::UnknownResource
        | Kind::AppOnlyToken
        | Kind::IdentityProviderUnavailable { retry_after: None }
        | Kind::BrokerMisconfigured => refusal,
    };
    if let Some(evidence) = error.evidence() {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        refusal = refusal
            .with_metadata(
                metadata::AADSTS,
                evidence.aadsts.map(|number| number.to_string()).unwrap_or_default(),
            )
            .with_metadata(metadata::CORRELATION_ID, text(&evidence.correlation_id))
            .with_metadata(metadata::TRACE_ID, text(&evidence.trace_id));
    }
    refusal.into()
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn too_much_under_way_says_when_to_come_back() {
        let status = status(&Kind::Overloaded.into());
        assert_eq!(status.code(), Code::ResourceExhausted);
        let error = BrokerError::from_status(&status);
        assert_eq!((error.reason(), error.retry_after()), (Some(Reason::Overloaded), Some(OVERLOAD_PAUSE)));
    }
}
