//! How long keys are believed, and when they are fetched again.
//!
//! Follows Microsoft's "Signing key rollover": refresh every hour in the background; at an unknown key id fetch at
//! once, within a budget; through an outage keep the last keys that were good. Only the budget is another than
//! Microsoft's one fetch in five minutes, which a single forged id would use up. No lock is held over a fetch: callers
//! whose key is known never wait, the others share one fetch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use jiff::{SignedDuration, Timestamp};

use super::budget::Budget;
use super::metadata::{FetchError, MetadataSource, SigningKey, Snapshot};
use crate::clock::SharedClock;
use crate::principal::Principal;

/// How often keys are fetched in the background. Bounds how long a key that Entra withdrew is still believed.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How old keys may grow while the authority cannot be reached.
pub const KEY_MAX_AGE: SignedDuration = SignedDuration::from_hours(24);
/// The least time between two fetches on demand where the last one failed, or there are no keys at all.
pub const FAILED_FETCH_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// The background task's pause after a failed fetch; doubles up to [`MAX_RETRY_PAUSE`].
const MIN_RETRY_PAUSE: Duration = Duration::from_secs(1);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(60);

/// The signing keys of one tenant and token version.
#[derive(Clone)]
pub(crate) struct KeyCache(Arc<Inner>);

struct Inner {
    source: MetadataSource,
    clock: SharedClock,
    current: ArcSwapOption<Snapshot>,
    /// Held only to look and to note, never over a fetch.
    flight: Mutex<Flight>,
}

#[derive(Default)]
struct Flight {
    running: Option<Fetch>,
    /// What unknown key ids may still cause while fetches succeed.
    budget: Budget,
    /// When an unknown key id, or an empty cache, last caused a fetch.
    last_on_demand: Option<Timestamp>,
    /// Whether the last fetch, whatever caused it, brought no keys.
    last_failed: bool,
}

impl Flight {
    /// The fetch that is under way. One that has ended, even by a panic, no longer counts.
    fn under_way(&self) -> Option<Fetch> {
        self.running.clone().filter(|fetch| fetch.peek().is_none())
    }

    /// Whether the last fetch on demand lies back far enough to try again after a failure. A clock that was set back
    /// counts as rested.
    fn has_rested(&self, now: Timestamp) -> bool {
        let since = self.last_on_demand.map(|last| now.duration_since(last));
        since.is_none_or(|since| since >= FAILED_FETCH_PAUSE || since.is_negative())
    }
}

type Fetch = Shared<BoxFuture<'static, Result<(), FetchError>>>;

/// Why no key is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyError {
    /// The tenant does not publish this key.
    Unknown,
    /// The tenant's keys could not be had, now or in the last attempt: nothing can be said of a key not at hand.
    Unavailable,
}

impl KeyCache {
    pub(crate) fn new(source: MetadataSource, clock: SharedClock) -> Self {
        let flight = Mutex::default();
        Self(Arc::new(Inner { source, clock, current: ArcSwapOption::empty(), flight }))
    }

    /// The key `kid`, with the metadata it was published with.
    pub(crate) async fn key(&self, kid: &str) -> Result<(Arc<Snapshot>, SigningKey), KeyError> {
        if let Ok(found) = self.look_up(kid) {
            return Ok(found);
        }
        let failed = match self.fetch_on_demand(kid) {
            Some(fetch) => fetch.await.is_err(),
            None => self.flight().last_failed,
        };
        // A key that could not be looked for is not a key that does not exist: the caller's token may be good.
        match self.look_up(kid) {
            Err(KeyError::Unknown) if failed => Err(KeyError::Unavailable),
            outcome => outcome,
        }
    }

    /// The key `kid`, if it is at hand.
    pub(crate) fn known(&self, kid: &str) -> Option<(Arc<Snapshot>, SigningKey)> {
        self.look_up(kid).ok()
    }

    /// Whether there are keys to validate with.
    pub(crate) fn is_loaded(&self) -> bool {
        self.believed(self.0.clock.now()).is_some()
    }

    /// Who is in the token of this digest, if it was proved with the keys in use. Says nothing of its life.
    pub(crate) fn proved(&self, token_digest: &[u8; 32], now: Timestamp) -> Option<Principal> {
        self.believed(now)?.proved.get(token_digest)
    }

    /// When the oldest keys in use were fetched.
    pub(crate) fn fetched_at(&self) -> Option<Timestamp> {
        self.0.current.load().as_ref().map(|snapshot| snapshot.fetched_at)
    }

    /// Fetches now and then every [`REFRESH_INTERVAL`]; after a failure sooner. Never returns.
    pub(crate) async fn keep_fresh(&self) {
        let mut retry = MIN_RETRY_PAUSE;
        loop {
            if self.refresh().await.is_ok() {
                retry = MIN_RETRY_PAUSE;
                tokio::time::sleep(REFRESH_INTERVAL).await;
            } else {
                tokio::time::sleep(retry).await;
                retry = longer(retry);
            }
        }
    }

    /// Fetches now, or waits for the fetch that is under way.
    pub(crate) async fn refresh(&self) -> Result<(), FetchError> {
        let fetch = self.join_or_start(&mut self.flight());
        fetch.await
    }

    fn look_up(&self, kid: &str) -> Result<(Arc<Snapshot>, SigningKey), KeyError> {
        let snapshot = self.believed(self.0.clock.now()).ok_or(KeyError::Unavailable)?;
        let key = snapshot.keys.get(kid).cloned().ok_or(KeyError::Unknown)?;
        Ok((snapshot, key))
    }

    /// The keys and the metadata in use, if there are any that are not too old.
    pub(crate) fn believed(&self, now: Timestamp) -> Option<Arc<Snapshot>> {
        let snapshot = self.0.current.load_full()?;
        (now.duration_since(snapshot.fetched_at) < KEY_MAX_AGE).then_some(snapshot)
    }

    /// The fetch that an unknown key is worth: one under way, or a new one if the budget has one left.
    fn fetch_on_demand(&self, kid: &str) -> Option<Fetch> {
        let now = self.0.clock.now();
        let loaded = self.is_loaded();
        let mut flight = self.flight();
        if flight.under_way().is_none() {
            let healthy = loaded && !flight.last_failed;
            if !(if healthy { flight.budget.spend(kid, now) } else { flight.has_rested(now) }) {
                return None;
            }
            flight.last_on_demand = Some(now);
        }
        Some(self.join_or_start(&mut flight))
    }

    fn join_or_start(&self, flight: &mut Flight) -> Fetch {
        if let Some(running) = flight.under_way() {
            return running;
        }
        let cache = self.clone();
        // A task of its own: a caller that goes away does not take the others' fetch with it.
        let task = tokio::spawn(async move { cache.fetch().await });
        let fetch = async move { task.await.unwrap_or(Err(FetchError::Unreachable)) }.boxed().shared();
        flight.running = Some(fetch.clone());
        fetch
    }

    async fn fetch(&self) -> Result<(), FetchError> {
        let outcome = self.0.source.fetch(self.0.clock.now()).await;
        match &outcome {
            Ok(snapshot) => tracing::info!(keys = snapshot.keys.len(), "signing keys fetched"),
            Err(error) => {
                tracing::warn!(%error, "signing keys not fetched; the last good ones stay in force");
            }
        }
        let outcome = outcome.map(|snapshot| self.hold(snapshot));
        self.flight().last_failed = outcome.is_err();
        outcome
    }

    /// Puts these keys into use.
    pub(crate) fn hold(&self, snapshot: Snapshot) {
        self.0.current.store(Some(Arc::new(snapshot)));
    }

    fn flight(&self) -> std::sync::MutexGuard<'_, Flight> {
        // Nothing under this lock can panic half-way, so a poisoned one still holds sound data.
        self.0.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pause after one more failure.
fn longer(pause: Duration) -> Duration {
    (pause * 2).min(MAX_RETRY_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute() {
        let pauses = std::iter::successors(Some(MIN_RETRY_PAUSE), |pause| Some(longer(*pause)));
        let seconds: Vec<_> = pauses.take(8).map(|pause| pause.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
