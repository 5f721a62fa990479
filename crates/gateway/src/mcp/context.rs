//! What a tool works with: the caller, and Azure as that caller.

use std::future::Future;
use std::sync::Arc;

use audit::Audit;
use cost::{DetailsLimits, Usage};
use identity::clock::SharedClock;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use telemetry::http::TraceContext;
use tokio::time::Instant;

use super::answer::Failure;
use crate::broker::Broker;
use crate::caller::Caller;
use crate::metrics::Instruments;
use crate::policy::Policies;
use crate::refusal::Refusal;
use crate::users::UserKey;

/// What the service as a whole gives its tools.
pub(crate) struct Services {
    pub(crate) policies: Policies,
    pub(crate) broker: Broker,
    pub(crate) cost: cost::Client,
    pub(crate) clock: SharedClock,
    pub(crate) instruments: Instruments,
    pub(crate) audit: Audit,
    pub(crate) max_export_bytes: usize,
    /// What people are called in traces and in the log.
    pub(crate) users: UserKey,
    /// What the trace that a client names is to this server's.
    pub(crate) trace_context: TraceContext,
}

/// One tool call.
pub(super) struct ToolContext {
    caller: Caller,
    services: Arc<Services>,
    cost: cost::Client,
}

impl ToolContext {
    /// What it uses at Azure is counted in `usage`.
    pub(super) fn new(caller: Caller, services: Arc<Services>, usage: &Usage) -> Self {
        Self { cost: services.cost.counted_in(usage), caller, services }
    }

    /// Calls Azure as the caller.
    ///
    /// If Azure answers with a claims challenge (Continuous Access Evaluation), the token is exchanged once more
    /// with those claims and the call made once more; a second challenge goes to the client. Never a third try.
    pub(super) async fn azure<T, F, Fut>(&self, call: F) -> Result<T, Failure>
    where
        F: Fn(cost::Client, SecretString) -> Fut,
        Fut: Future<Output = Result<T, cost::Error>>,
    {
        let (broker, assertion) = (&self.services.broker, &self.caller.assertion);
        let run = |token| call(self.cost.clone(), token);
        let token = broker.exchange(assertion, None).await.map_err(Failure::Refused)?;
        let claims = match run(token).await {
            Err(cost::Error::ClaimsChallenge { claims, .. }) => claims,
            other => return Ok(other?),
        };
        tracing::debug!("azure challenged the token; exchanging once more with its claims");
        let renewed = broker.exchange(assertion, Some(&claims)).await;
        // Entra ID's refusal says what the person must do; Azure's claims say what the next token must hold.
        let token = renewed.map_err(|refusal| Failure::Refused(refusal.with_claims(&claims)))?;
        match run(token).await {
            Err(cost::Error::ClaimsChallenge { claims, .. }) => {
                Err(Failure::Refused(Refusal::challenged(&claims)))
            }
            other => Ok(other?),
        }
    }

    /// Today, in UTC: Azure's days are.
    pub(super) fn today(&self) -> Date {
        self.services.clock.now().to_zoned(TimeZone::UTC).date()
    }

    /// How large an export may be, and how long it may still take: less than the request may, so that the tool's
    /// own answer, which says when to ask again, comes first.
    pub(super) fn export_limits(&self) -> DetailsLimits {
        let left = self.caller.deadline.saturating_duration_since(Instant::now());
        let most_bytes = self.services.max_export_bytes as u64;
        DetailsLimits { deadline: left.mul_f32(0.9), most_bytes, ..DetailsLimits::default() }
    }
}
