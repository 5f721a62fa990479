//! The exchange itself: proves the assertion, looks into the cache, asks Entra ID once. Knows no gRPC.

use std::sync::Arc;
use std::time::Duration;

use audit::{Audit, Unavailable};
use identity::clock::SharedClock;
use identity::{BearerToken, ObjectId, Principal, TenantId, ValidationError, Validator};
use jiff::Timestamp;
use tokio::time;
use tracing::Span;

use crate::audited;
use crate::cache::{CacheKey, Caches, Place, Purged, Sequence, UserKey};
use crate::consumers::Admission;
use crate::entra::{ClaimsRequest, Entra};
use crate::error::{ExchangeError, Kind};
use crate::flights::{Flights, NoResult};
use crate::metrics::{Metrics, Observation};
use crate::outcome::{DownstreamToken, Outcome, Source};
use crate::resource::{Resource, Resources};
use work::{Job, Work};

mod work;

/// Exchanges under way at the same time, over all users.
const MAX_FLIGHTS: usize = 4096;
/// How long a call waits at most: for the keys that prove the assertion, and for one piece of work.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(19);
const _: () = assert!(work::DEADLINE.as_secs() < ANSWER_WITHIN.as_secs(), "work tells why it failed");
/// A request for an exchange, as it came: nothing of it is believed.
pub struct ExchangeCommand {
    /// The calling service, by its name in the consumers file: a metric label.
    pub consumer: Arc<str>,
    /// The user's access token for this API.
    pub assertion: String,
    /// The downstream resource's name.
    pub resource: String,
    /// A downstream claims challenge as JSON, or nothing.
    pub claims: String,
}

/// A token for the user who stands in the assertion.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The token.
    pub token: DownstreamToken,
    /// Where it came from.
    pub source: Source,
}

/// A place, and the last purge of its user: whoever comes after a purge does not wait for an exchange of before.
type FlightKey = (CacheKey, Option<Sequence>);

/// Exchanges tokens. One per service; shared by all calls.
#[derive(Clone)]
pub struct Exchanger {
    validator: Validator,
    resources: Arc<Resources>,
    work: Work,
    flights: Arc<Flights<FlightKey, (Outcome, Source)>>,
    clock: SharedClock,
    metrics: Metrics,
    audit: Audit,
}

impl Exchanger {
    pub(crate) fn new(
        validator: Validator,
        resources: Resources,
        entra: Arc<Entra>,
        caches: Caches,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Self {
        let flights = Arc::new(Flights::new(MAX_FLIGHTS));
        let work = Work::new(caches, entra, Arc::clone(&clock), metrics.clone());
        let audit = Audit::off();
        Self { validator, resources: Arc::new(resources), work, flights, clock, metrics, audit }
    }

    /// The same, and each exchange is recorded there.
    #[must_use]
    pub(crate) fn audited(self, audit: Audit) -> Self {
        Self { audit, ..self }
    }

    /// Exchanges the assertion for the same user's token for a resource.
    ///
    /// In this order: form; every pin of the assertion; a user must be in it; cache; Entra ID. So nothing is
    /// answered from the cache, and Entra ID is not asked, for an assertion that was not proved just now.
    ///
    /// # Errors
    /// [`ExchangeError`], by what the caller can do about it.
    pub async fn exchange(&self, command: ExchangeCommand) -> Result<Granted, ExchangeError> {
        self.exchange_for(command, None).await
    }

    /// The same for a consumer: the work it waits for, if it has started that, counts as its call until the work ends. So
    /// nobody has more under way by going away. A refresh in the background is nobody's call.
    pub(crate) async fn exchange_for(
        &self,
        command: ExchangeCommand,
        admission: Option<Admission>,
    ) -> Result<Granted, ExchangeError> {
        let admission = admission.map(Arc::new);
        let mut observation = self.metrics.start(&command.consumer);
        let result =
            time::timeout(ANSWER_WITHIN, self.observed(command, admission.clone(), &mut observation)).await;
        let result = result.unwrap_or_else(|_| Err(ExchangeError::unavailable()));
        observation.end(&result);
        if let Some(cache) = observation.cache() {
            Span::current().record("cache", cache);
        }
        result
    }

    /// Pieces of work under way for which callers may wait: exchanges, refreshes in the background included, and looks
    /// at the shared cache. At most 4096.
    pub fn flights(&self) -> usize {
        self.flights.len()
    }

    /// Drops every token of a user, here and on every other replica. Tells from when on that holds.
    ///
    /// # Errors
    /// [`Kind::PurgeIncomplete`] if the other replicas cannot be told; here it holds.
    pub async fn purge(&self, tenant: TenantId, oid: ObjectId) -> Result<Timestamp, ExchangeError> {
        let (user, now) = (UserKey::new(tenant, oid), self.clock.now());
        self.work.caches.local.purge(user, now);
        let purged = match &self.work.caches.shared {
            None => Purged::By(now),
            Some(shared) => shared.purge(&user).await,
        };
        let result = match purged {
            Purged::By(at) => Ok(at),
            Purged::Incomplete => {
                // What Redis did not take it still holds. Meanwhile somebody may have found that there.
                self.work.caches.local.purge(user, self.clock.now());
                Err(Kind::PurgeIncomplete.into())
            }
        };
        self.metrics.purged(&result);
        // Whose they were is in the audit.
        tracing::info!(complete = result.is_ok(), "tokens of a user purged");
        result
    }

    async fn observed(
        &self,
        command: ExchangeCommand,
        admission: Option<Arc<Admission>>,
        observation: &mut Observation,
    ) -> Result<Granted, ExchangeError> {
        let consumer = Arc::clone(&command.consumer);
        let proved = self.prove(command).await;
        let Proved { principal, assertion, resource, claims } =
            proved.inspect_err(|error| audited::refused(&self.audit, error, &consumer))?;
        let recorded = self.audit.decide(audited::exchange(&principal, &consumer, &resource.name)).await;
        let recorded = recorded.map_err(|Unavailable| Kind::AuditUnavailable)?;

        let plain = Place::new(&principal, &resource.scope, &assertion.digest());
        let job = Job {
            place: claims.as_ref().map_or(plain, |claims| plain.with_claims(&claims.digest())),
            plain,
            assertion,
            assertion_expires_at: principal.expires_at(),
            resource,
            claims,
            admission,
        };
        let (outcome, source) = self.outcome(job).await;
        recorded.end(audited::exchanged(&outcome, source));
        observation.answered_from(source);
        outcome.map(|token| Granted { token, source })
    }

    /// Who asks for what, if all of it holds.
    async fn prove(&self, command: ExchangeCommand) -> Result<Proved, ExchangeError> {
        if command.assertion.is_empty() {
            return Err(Kind::InvalidRequest("`assertion` is missing").into());
        }
        let resource = self.resources.find(&command.resource).ok_or(Kind::UnknownResource)?.clone();
        Span::current().record("resource", &*resource.name);
        let claims = ClaimsRequest::parse(&command.claims)?;
        let assertion = BearerToken::parse(command.assertion).map_err(|e| refused(&e.into()))?;
        let principal = self.validator.validate(&assertion).await.map_err(|e| refused(&e))?;
        if principal.is_app_only() {
            return Err(Kind::AppOnlyToken.into());
        }
        Ok(Proved { principal, assertion, resource, claims })
    }

    /// What is held, or what one piece of work gets for all who wait for it.
    async fn outcome(&self, mut job: Job) -> (Outcome, Source) {
        let (local, now) = (&self.work.caches.local, self.clock.now());
        let flight = (job.place.key, local.last_purge(&job.place.user));
        let work = self.work.clone();
        let Some(hit) = local.get(&job.place, now).await else {
            let outcome = self.flights.join(flight, || work.first(job)).await;
            return outcome.unwrap_or_else(|none| (Err(failed(none)), Source::Entra));
        };
        if hit.is_due(now) {
            job.admission = None;
            self.flights.start(flight, || work.refresh(job));
        }
        (hit.outcome, Source::Local)
    }
}

/// An exchange that may be made.
struct Proved {
    principal: Principal,
    assertion: BearerToken,
    resource: Resource,
    claims: Option<ClaimsRequest>,
}

fn failed(none: NoResult) -> ExchangeError {
    match none {
        NoResult::TooMany => Kind::Overloaded.into(),
        NoResult::Panicked => ExchangeError::unavailable(),
    }
}

fn refused(error: &ValidationError) -> ExchangeError {
    match error {
        ValidationError::Invalid(invalid) => {
            let text = invalid.to_string();
            Kind::InvalidToken { reason: invalid.reason().as_str(), text: text.into() }.into()
        }
        _ => ExchangeError::unavailable(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_under_way_is_no_outage_of_entra_id() {
        assert_eq!(*failed(NoResult::TooMany).kind(), Kind::Overloaded);
        assert_eq!(failed(NoResult::Panicked), ExchangeError::unavailable());
    }
}
