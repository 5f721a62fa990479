//! A user-assigned managed identity as the credential: its token for Entra ID's token exchange is the client assertion.
//!
//! The token is renewed in the background, at half of what is left of it, by one request at a time. A call that finds
//! none waits for the request under way, but not out a failure: it is told when the next try takes place.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use identity::ClientId;
use identity::clock::SharedClock;
use identity::outbound::OutboundError;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::time;

use super::{IdentityEndpoint, Proof, Unavailable};
use crate::throttle::jittered;
use source::{Failure, Source, Token};

mod source;

/// How often it is looked whether the token needs renewal.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a call waits for the request under way.
const WAIT: Duration = Duration::from_secs(5);
/// The shortest pause between two renewals: the metadata service gives out the same token again until it is old.
const RENEW_AFTER_AT_LEAST: SignedDuration = SignedDuration::from_secs(30);
/// A token is renewed at the latest when this much is left of it.
const RENEW_WITH_LEFT: SignedDuration = SignedDuration::from_mins(5);
/// The longest pause after a failure. Tries have no end, for a service must recover by itself; their rate has.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// The pause where the metadata service is being updated. Microsoft promises it back within 70 seconds.
const UPDATE_PAUSE: Duration = Duration::from_secs(10);

/// The identity's token, and how to get the next one.
pub(super) struct ManagedIdentity {
    client_id: ClientId,
    source: Source,
    state: Mutex<State>,
    /// Counts the requests that have ended.
    ended: watch::Sender<u64>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    failures: u32,
    last_failure: Option<Failure>,
    next: Option<Timestamp>,
}

impl ManagedIdentity {
    /// No token yet; asks nobody.
    ///
    /// # Errors
    /// If the client for the metadata service cannot be built.
    pub(super) fn new(
        client_id: ClientId,
        endpoint: IdentityEndpoint,
        audience: String,
    ) -> Result<Self, OutboundError> {
        let source = Source::new(client_id, endpoint, audience)?;
        let (ended, wake) = (watch::Sender::new(0), Notify::new());
        Ok(Self { client_id, source, state: Mutex::default(), ended, wake })
    }

    /// Renews the token as it ages. Never returns.
    pub(super) async fn keep(&self, clock: &SharedClock) {
        loop {
            if self.with(|state| state.is_due(clock.now())) {
                let result = self.source.token(clock.now()).await;
                self.settle(result, clock.now());
                self.ended.send_modify(|ended| *ended += 1);
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// The identity's token.
    ///
    /// # Errors
    /// If there is none, and none comes within five seconds.
    pub(super) async fn prove(&self, clock: &SharedClock) -> Result<Proof, Unavailable> {
        let mut ended = self.ended.subscribe();
        let answer = async {
            loop {
                ended.mark_unchanged();
                if let Some(result) = self.with(|state| state.answer(clock.now())) {
                    return result;
                }
                self.wake.notify_one();
                if ended.changed().await.is_err() {
                    return Err(Unavailable::ForNow { retry_after: None });
                }
            }
        };
        time::timeout(WAIT, answer).await.unwrap_or(Err(Unavailable::ForNow { retry_after: None }))
    }

    /// Whether there is a token that has not expired.
    pub(super) fn has_token(&self, now: Timestamp) -> bool {
        self.with(|state| state.token.as_ref().is_some_and(|token| now < token.expires_at))
    }

    fn settle(&self, result: Result<Token, Failure>, now: Timestamp) {
        match result {
            Ok(token) => {
                tracing::debug!(expires_at = %token.expires_at, "token of the managed identity renewed");
                if self.with(|state| state.renewed(token, now)) {
                    tracing::info!(client_id = %self.client_id, "the managed identity gives tokens");
                }
            }
            Err(failure) => {
                if self.with(|state| state.failed(&failure, now)) {
                    tracing::error!(
                        error = %failure,
                        client_id = %self.client_id,
                        hint = failure.hint(),
                        "no token of the managed identity: it is tried again at least every minute"
                    );
                }
            }
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn is_due(&self, now: Timestamp) -> bool {
        let Some(next) = self.next else { return true };
        let failing = self.last_failure.is_some();
        let expired = !failing && self.token.as_ref().is_some_and(|token| now >= token.expires_at);
        // Further ahead than it was ever set to means that the clock was set back.
        let set_back = failing && next.duration_since(now).unsigned_abs() > MAX_PAUSE && next > now;
        expired || set_back || now >= next
    }

    /// What a call is answered; nothing if it should wait for the request under way.
    fn answer(&self, now: Timestamp) -> Option<Result<Proof, Unavailable>> {
        if let Some(token) = self.token.as_ref().filter(|token| now < token.expires_at) {
            return Some(Ok(Proof { jwt: token.jwt.clone(), own: token.own.clone() }));
        }
        match &self.last_failure {
            None => None,
            Some(Failure::Refused { .. }) => Some(Err(Unavailable::Misconfigured)),
            Some(_) => {
                let left = self.next.map(|next| next.duration_since(now));
                let retry_after = left.and_then(|left| Duration::try_from(left).ok());
                Some(Err(Unavailable::ForNow { retry_after }))
            }
        }
    }

    /// Takes over a token; whether it ends a time of failures, or is the first.
    fn renewed(&mut self, token: Token, now: Timestamp) -> bool {
        let ends_failures = self.last_failure.take().is_some() || self.token.is_none();
        self.failures = 0;
        let left = token.expires_at.duration_since(now);
        let pause =
            (left / 2).max(RENEW_AFTER_AT_LEAST).min((left - RENEW_WITH_LEFT).max(RENEW_AFTER_AT_LEAST));
        self.next = Some(now.saturating_add(pause).unwrap_or(now));
        self.token = Some(Arc::new(token));
        ends_failures
    }

    /// Remembers a failure and when to try again; whether it is another one than before.
    fn failed(&mut self, failure: &Failure, now: Timestamp) -> bool {
        let is_new = self.last_failure.as_ref() != Some(failure);
        let pause = match failure {
            Failure::Updating => UPDATE_PAUSE,
            Failure::Refused { .. } => MAX_PAUSE,
            Failure::Busy { retry_after: Some(wait) } => (*wait).min(MAX_PAUSE),
            Failure::Busy { retry_after: None } | Failure::Unreachable | Failure::Unusable => {
                // 1, 2, 4 … seconds and up to half as much again, so that many pods of a node do not come as one.
                let base = Duration::from_secs(1) * 2_u32.pow(self.failures.min(6));
                (base + jittered(base / 2)).min(MAX_PAUSE)
            }
        };
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(failure.clone());
        let pause = SignedDuration::try_from(pause).unwrap_or(RENEW_AFTER_AT_LEAST);
        self.next = Some(now.saturating_add(pause).unwrap_or(now));
        is_new
    }
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentity").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    fn token(minutes: i64) -> Token {
        Token::new("a.b.c", at(minutes))
    }

    fn at(minutes: i64) -> Timestamp {
        NOW + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn a_token_is_renewed_at_half_of_what_is_left_and_never_used_past_its_end() {
        let mut state = State::default();
        assert!(state.is_due(NOW) && state.answer(NOW).is_none());
        assert!(state.renewed(token(24 * 60), NOW));
        assert!(!state.is_due(at(12 * 60 - 1)) && state.is_due(at(12 * 60)));
        // The metadata service gave the same token again: half of what is left now.
        assert!(!state.renewed(token(24 * 60), at(12 * 60)));
        assert!(!state.is_due(at(18 * 60 - 1)) && state.is_due(at(18 * 60)));
        assert!(state.answer(at(24 * 60 - 1)).unwrap().is_ok());
        assert!(state.answer(at(24 * 60)).is_none(), "waits for the next");
        assert!(state.is_due(at(24 * 60)));
    }

    #[test]
    fn a_short_token_is_renewed_with_five_minutes_left_and_not_all_the_time() {
        let mut state = State::default();
        state.renewed(token(8), NOW);
        assert_eq!(state.next, Some(at(3)));
        state.renewed(token(1), NOW);
        assert_eq!(state.next, Some(NOW + RENEW_AFTER_AT_LEAST));
    }

    #[test]
    fn a_failure_is_answered_at_once_with_the_time_of_the_next_try() {
        let mut state = State::default();
        assert!(state.failed(&Failure::Updating, NOW));
        assert!(!state.failed(&Failure::Updating, NOW));
        let Some(Err(Unavailable::ForNow { retry_after })) = state.answer(NOW) else { panic!("no answer") };
        assert_eq!(retry_after, Some(UPDATE_PAUSE));
        assert!(!state.is_due(NOW + SignedDuration::from_secs(9)));
        assert!(state.is_due(NOW + SignedDuration::from_secs(10)));

        let refused = Failure::Refused { status: 400, message: "Identity not found".to_owned() };
        assert!(state.failed(&refused, NOW));
        assert!(matches!(state.answer(NOW), Some(Err(Unavailable::Misconfigured))));
    }

    #[test]
    fn pauses_grow_to_a_minute_and_no_further() {
        let mut state = State::default();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            state.failed(&Failure::Unreachable, NOW);
            pauses.push(state.next.unwrap().duration_since(NOW).as_secs_f64());
        }
        for (pause, base) in pauses.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]) {
            assert!((base..=base * 1.5).contains(pause), "{pauses:?}");
        }
    }

    #[test]
    fn while_a_token_lives_a_failed_renewal_harms_nobody() {
        let mut state = State::default();
        state.renewed(token(60), NOW);
        state.failed(&Failure::Busy { retry_after: Some(Duration::from_secs(7)) }, at(30));
        assert!(state.answer(at(59)).unwrap().is_ok());
        assert!(!state.is_due(at(30) + SignedDuration::from_secs(6)));
        assert!(state.is_due(at(30) + SignedDuration::from_secs(7)));
        assert!(state.renewed(token(120), at(31)), "the end of a time of failures is told");
    }
}
