//! Getting an outcome that is not at hand: from another replica, or from Entra ID. One piece of work per place and
//! process; it owns all it needs, because it outlives the call that started it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use identity::BearerToken;
use identity::clock::SharedClock;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{self, Instant};

use crate::cache::{Asked, Caches, Claim, Found, Place, SharedCache, Terms, Ticket, Wait, terms};
use crate::challenges::Challenges;
use crate::consumers::Admission;
use crate::entra::{ClaimsRequest, Entra};
use crate::error::ExchangeError;
use crate::metrics::Metrics;
use crate::outcome::{Outcome, Source};
use crate::resource::Resource;
use crate::throttle::jittered;

/// How long one claims challenge counts as answered. Calls that ran into the same challenge side by side share
/// one exchange; a downstream API that repeats it later gets another one.
const CHALLENGE_ANSWERED_FOR: SignedDuration = SignedDuration::from_secs(60);
/// How soon to look whether another replica has got the outcome, and how seldom in the end: each look is a question to
/// Redis, from everybody who waits.
const LOOK_AFTER: Duration = Duration::from_millis(25);
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(250);
/// How long another replica is waited for at most: as long as an exchange may take. One that died is noticed sooner,
/// by the end of its lease.
const WAIT_AT_MOST: Duration = Duration::from_secs(15);
/// How long all of it may take, the wait for another replica included: whoever waits is to hear why it failed before
/// the call itself ends.
pub(super) const DEADLINE: Duration = Duration::from_secs(18);
/// When to try a refresh again that failed, or that another replica is at.
const REFRESH_PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// What the work is done with.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) caches: Caches,
    entra: Arc<Entra>,
    challenges: Arc<Challenges>,
    clock: SharedClock,
    metrics: Metrics,
    deadline: Duration,
}

/// What is to be got.
pub(super) struct Job {
    pub(super) place: Place,
    /// The place of the same exchange without claims.
    pub(super) plain: Place,
    pub(super) assertion: BearerToken,
    pub(super) assertion_expires_at: Timestamp,
    pub(super) resource: Resource,
    pub(super) claims: Option<ClaimsRequest>,
    /// Held until the work ends: it counts as a call of the consumer that started it.
    pub(super) admission: Option<Arc<Admission>>,
}

impl Work {
    pub(super) fn new(caches: Caches, entra: Arc<Entra>, clock: SharedClock, metrics: Metrics) -> Self {
        let challenges = Arc::new(Challenges::new());
        Self { caches, entra, challenges, clock, metrics, deadline: DEADLINE }
    }

    /// Gets what this process does not hold.
    pub(super) async fn first(self, job: Job) -> (Outcome, Source) {
        self.in_time(&job, self.get(&job)).await
    }

    /// Gets what this process holds, but will not for much longer.
    pub(super) async fn refresh(self, job: Job) -> (Outcome, Source) {
        self.in_time(&job, self.get_anew(&job)).await
    }

    /// Ends work that takes too long like any other outage, which is remembered for a moment.
    async fn in_time(&self, job: &Job, work: impl Future<Output = (Outcome, Source)>) -> (Outcome, Source) {
        let asked = self.caches.local.asked(self.clock.now());
        if let Ok(answer) = time::timeout(self.deadline, work).await {
            return answer;
        }
        let outcome = Err(ExchangeError::unavailable());
        self.remember(job, &outcome, asked).await;
        (outcome, Source::Entra)
    }

    async fn get(&self, job: &Job) -> (Outcome, Source) {
        // The last flight may have landed between the caller's look and the start of this one.
        if let Some(hit) = self.caches.local.get(&job.place, self.clock.now()).await {
            return (hit.outcome, Source::Local);
        }
        let asked = self.caches.local.asked(self.clock.now());
        match (&job.claims, self.caches.shared.clone()) {
            (Some(_), _) => self.challenged(job).await,
            (None, None) => self.ask_entra(job, asked, None).await,
            (None, Some(shared)) => self.share(job, asked, &shared).await,
        }
    }

    async fn get_anew(&self, job: &Job) -> (Outcome, Source) {
        let asked = self.caches.local.asked(self.clock.now());
        let ticket = match &self.caches.shared {
            None => None,
            Some(shared) => match self.turn_to_refresh(job, asked, shared).await {
                Turn::Ours(ticket) => ticket,
                Turn::Done(outcome) => return (outcome, Source::Shared),
                Turn::Theirs => {
                    // Somebody may have joined this work because what was held is gone.
                    let answer = self.share(job, asked, shared).await;
                    self.postpone_refresh(job).await;
                    return answer;
                }
            },
        };
        let (outcome, source) = self.ask_entra(job, asked, ticket).await;
        self.metrics.refreshed(&outcome);
        (outcome, source)
    }

    /// Leaves it to the first replica that comes, and waits for what it gets.
    async fn share(&self, job: &Job, asked: Asked, shared: &Arc<SharedCache>) -> (Outcome, Source) {
        let give_up = Instant::now() + WAIT_AT_MOST;
        let (mut pause, mut wait) = (LOOK_AFTER, Wait::begin());
        while Instant::now() < give_up {
            match shared.claim(&job.place, &mut wait).await {
                Claim::Found(found) => return (self.keep(job, found, asked).await, Source::Shared),
                Claim::Granted(ticket) => return self.ask_entra(job, asked, Some(ticket)).await,
                Claim::Taken => pause = look_after(pause).await,
                Claim::Down => break,
            }
        }
        self.ask_entra(job, asked, None).await
    }

    /// Whose turn it is to refresh.
    async fn turn_to_refresh(&self, job: &Job, asked: Asked, shared: &Arc<SharedCache>) -> Turn {
        let now = self.clock.now();
        match shared.claim(&job.place, &mut Wait::begin()).await {
            Claim::Found(found) if found.terms.refresh_at.is_none_or(|at| at > now) => {
                return Turn::Done(self.keep(job, found, asked).await);
            }
            Claim::Found(_) => {}
            Claim::Granted(ticket) => return Turn::Ours(Some(ticket)),
            Claim::Taken => return Turn::Theirs,
            Claim::Down => return Turn::Ours(None),
        }
        match shared.claim_anew(&job.place).await {
            Claim::Granted(ticket) => Turn::Ours(Some(ticket)),
            Claim::Down => Turn::Ours(None),
            Claim::Found(_) | Claim::Taken => Turn::Theirs,
        }
    }

    /// Asks Entra ID with claims: what was held before is worth nothing.
    async fn challenged(&self, job: &Job) -> (Outcome, Source) {
        let now = self.clock.now();
        if let Err(wait) = self.challenges.admit(job.plain.key, now).await {
            return (Err(ExchangeError::unavailable().with_retry_after(wait)), Source::Entra);
        }
        self.caches.local.invalidate(job.plain, now).await;
        let ticket = match &self.caches.shared {
            Some(shared) => shared.forget(&job.plain).await,
            None => None,
        };
        let asked = self.caches.local.asked(self.clock.now());
        let outcome = self.entra.on_behalf_of(&job.assertion, &job.resource, job.claims.as_ref()).await;
        let now = self.clock.now();
        let terms = terms(&outcome, job.assertion_expires_at, now);
        if let (Some(shared), Some(ticket)) = (&self.caches.shared, ticket) {
            // A refusal with claims says nothing of the exchange without.
            shared.finish(ticket, &outcome, terms.filter(|_| outcome.is_ok()));
        }
        let Some(terms) = terms else { return (outcome, Source::Entra) };
        if outcome.is_ok() {
            self.caches.local.put(job.plain, outcome.clone(), terms, now, asked).await;
        }
        let briefly = terms.briefly(CHALLENGE_ANSWERED_FOR, now);
        self.caches.local.put(job.place, outcome.clone(), briefly, now, asked).await;
        (outcome, Source::Entra)
    }

    /// Asks Entra ID, keeps the outcome, and leaves it for the other replicas if that is this one's turn.
    async fn ask_entra(&self, job: &Job, asked: Asked, ticket: Option<Ticket>) -> (Outcome, Source) {
        let outcome = self.entra.on_behalf_of(&job.assertion, &job.resource, None).await;
        let terms = self.remember(job, &outcome, asked).await;
        if let (Some(shared), Some(ticket)) = (&self.caches.shared, ticket) {
            shared.finish(ticket, &outcome, terms);
        }
        (outcome, Source::Entra)
    }

    /// Keeps an outcome that was asked for without claims, or an outage.
    async fn remember(&self, job: &Job, outcome: &Outcome, asked: Asked) -> Option<Terms> {
        let now = self.clock.now();
        let terms = terms(outcome, job.assertion_expires_at, now);
        match terms {
            // A token that is still good is worth more than the news of an outage.
            Some(_) if is_outage(outcome) && self.caches.local.get(&job.place, now).await.is_some() => {
                self.postpone_refresh(job).await;
            }
            Some(terms) => self.caches.local.put(job.place, outcome.clone(), terms, now, asked).await,
            None => {}
        }
        terms
    }

    /// Keeps what another replica left.
    async fn keep(&self, job: &Job, found: Found, asked: Asked) -> Outcome {
        let Found { outcome, terms } = found;
        self.caches.local.put(job.place, outcome.clone(), terms, self.clock.now(), asked).await;
        outcome
    }

    /// Leaves what is still due for a while.
    async fn postpone_refresh(&self, job: &Job) {
        let now = self.clock.now();
        if !self.caches.local.get(&job.place, now).await.is_some_and(|hit| hit.is_due(now)) {
            return;
        }
        let until = now.saturating_add(REFRESH_PAUSE).unwrap_or(now);
        self.caches.local.postpone_refresh(&job.place, until, now).await;
    }
}

/// Whose turn it is.
enum Turn {
    Ours(Option<Ticket>),
    Theirs,
    Done(Outcome),
}

fn is_outage(outcome: &Outcome) -> bool {
    outcome.as_ref().is_err_and(ExchangeError::is_outage)
}

/// Waits for about so long before the next look, and tells how long before the one after.
async fn look_after(pause: Duration) -> Duration {
    time::sleep(about(pause)).await;
    (pause * 2).min(LOOK_AT_LEAST_EVERY)
}

/// Half of it at least, and no more: replicas, and sessions, that began to wait together do not look together.
fn about(pause: Duration) -> Duration {
    pause / 2 + jittered(pause / 2)
}

#[cfg(test)]
mod tests;
