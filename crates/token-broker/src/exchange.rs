//! The exchange itself: proves the assertion, looks into the cache, asks Entra ID once. Knows no gRPC.

use std::{sync::Arc, time::Duration};

use identity::{BearerToken, Principal, ValidationError, Validator, clock::SharedClock};
use jiff::SignedDuration;

use crate::{
    cache::{CacheKey, ExchangeCache, Outcome, lifetime},
    challenges::Challenges,
    entra::{ClaimsRequest, DownstreamToken, Entra},
    error::{ExchangeError, Kind},
    flights::{Flights, NoResult},
    metrics::{Metrics, Observation},
    resource::{Resource, Resources},
};

/// Exchanges under way at the same time, over all users.
const MAX_FLIGHTS: usize = 4096;
/// When to come back after that bound was met.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(1);
/// How long one claims challenge counts as answered. Calls that ran into the same challenge side by side share
/// one exchange; a downstream API that repeats it later gets another one.
const CHALLENGE_ANSWERED_FOR: SignedDuration = SignedDuration::from_secs(60);

/// A request for an exchange, as it came: nothing of it is believed.
pub struct ExchangeCommand {
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
    /// Whether it was held already.
    pub from_cache: bool,
}

/// Exchanges tokens. One per service; shared by all calls.
#[derive(Clone)]
pub struct Exchanger {
    validator: Validator,
    resources: Arc<Resources>,
    entra: Arc<Entra>,
    cache: Arc<ExchangeCache>,
    flights: Arc<Flights<CacheKey, Outcome>>,
    challenges: Arc<Challenges>,
    clock: SharedClock,
    metrics: Metrics,
}

impl Exchanger {
    pub(crate) fn new(
        validator: Validator,
        resources: Resources,
        entra: Arc<Entra>,
        cache: Arc<ExchangeCache>,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Self {
        let (flights, challenges) = (Arc::new(Flights::new(MAX_FLIGHTS)), Arc::new(Challenges::new()));
        let resources = Arc::new(resources);
        Self { validator, resources, entra, cache, flights, challenges, clock, metrics }
    }

    /// Exchanges the assertion for the same user's token for a resource.
    ///
    /// In this order: form; every pin of the assertion; a user must be in it; cache; Entra ID. So nothing is
    /// answered from the cache, and Entra ID is not asked, for an assertion that was not proved just now.
    ///
    /// # Errors
    /// [`ExchangeError`], by what the caller can do about it.
    pub async fn exchange(&self, command: ExchangeCommand) -> Result<Granted, ExchangeError> {
        let mut observation = self.metrics.start();
        let result = self.observed(command, &mut observation).await;
        observation.end(&result);
        if let Some(cache) = observation.cache() {
            tracing::Span::current().record("cache", cache);
        }
        result
    }

    async fn observed(
        &self,
        command: ExchangeCommand,
        observation: &mut Observation,
    ) -> Result<Granted, ExchangeError> {
        if command.assertion.is_empty() {
            return Err(Kind::InvalidRequest("`assertion` is missing").into());
        }
        let resource = self.resources.find(&command.resource).ok_or(Kind::UnknownResource)?;
        tracing::Span::current().record("resource", resource.name);
        let claims = ClaimsRequest::parse(&command.claims)?;
        let assertion = BearerToken::parse(command.assertion).map_err(|e| refused(&e.into()))?;
        let principal = self.validator.validate(&assertion).await.map_err(|e| refused(&e))?;
        if principal.is_app_only() {
            return Err(Kind::AppOnlyToken.into());
        }

        let plain = CacheKey::new(&principal, &resource.scope, &assertion.digest());
        let key = claims.as_ref().map_or(plain, |claims| plain.with_claims(&claims.digest()));
        if let Some(outcome) = self.cache.get(&key, self.clock.now()).await {
            observation.cache_hit();
            return outcome.map(|token| Granted { token, from_cache: true });
        }
        observation.cache_missed();
        let work = || self.work(key, plain, &principal, assertion, resource, claims);
        let outcome =
            self.flights.join(key, work).await.unwrap_or_else(|NoResult| {
                Err(ExchangeError::unavailable().with_retry_after(OVERLOAD_PAUSE))
            });
        outcome.map(|token| Granted { token, from_cache: false })
    }

    /// The one exchange for `key`. It owns all it needs, because it outlives the call that started it.
    fn work(
        &self,
        key: CacheKey,
        plain: CacheKey,
        principal: &Principal,
        assertion: BearerToken,
        resource: &Resource,
        claims: Option<ClaimsRequest>,
    ) -> impl Future<Output = Outcome> + Send + 'static {
        let (cache, entra, clock) =
            (Arc::clone(&self.cache), Arc::clone(&self.entra), Arc::clone(&self.clock));
        let challenges = Arc::clone(&self.challenges);
        let (resource, assertion_expires_at) = (resource.clone(), principal.expires_at());
        async move {
            // The last flight may have landed between the caller's look and the start of this one.
            if let Some(outcome) = cache.get(&key, clock.now()).await {
                return outcome;
            }
            if claims.is_some() {
                if let Err(wait) = challenges.admit(plain, clock.now()).await {
                    return Err(ExchangeError::unavailable().with_retry_after(wait));
                }
                cache.invalidate(plain, clock.now()).await;
            }
            let asked = cache.sequence();
            let outcome = entra.on_behalf_of(&assertion, &resource, claims.as_ref()).await;
            let now = clock.now();
            let life = lifetime(&outcome, assertion_expires_at, now);
            if claims.is_none() {
                cache.put(key, outcome.clone(), life, now, asked).await;
                return outcome;
            }
            if outcome.is_ok() {
                cache.put(plain, outcome.clone(), life, now, asked).await;
            }
            cache.put(key, outcome.clone(), life.min(CHALLENGE_ANSWERED_FOR), now, asked).await;
            outcome
        }
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
