//! What Entra ID thinks of the credential: whether the broker may call itself ready.
//!
//! A verdict never keeps a call from being tried. It is about the credential alone: what is wrong with one user's
//! token, consent or policy does not come here.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// When a refused credential is tried again without anybody calling.
const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(15);

/// What Entra ID thinks of the credential.
#[derive(Debug)]
pub(crate) struct Verdict(Mutex<State>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not asked yet.
    Unproven,
    /// Asked, and never yet answered: nothing is known against the credential, nor for it.
    Unanswered {
        ask_at: Timestamp,
    },
    Accepted,
    /// Refused once by an Entra ID that had accepted it: its servers do not learn of a change all at once, so this
    /// alone is not believed.
    Doubted {
        ask_at: Timestamp,
    },
    Refused {
        ask_at: Timestamp,
    },
}

impl Verdict {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State::Unproven))
    }

    /// Whether the broker may call itself ready.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.get(), State::Unanswered { .. } | State::Accepted | State::Doubted { .. })
    }

    /// Entra ID answered something that it says to clients it knows only.
    pub(crate) fn accepted(&self) {
        let before = self.change(|_| State::Accepted);
        if matches!(before, State::Refused { .. }) {
            tracing::info!("Entra ID accepts the broker's credential again");
        }
    }

    /// Entra ID refused the credential itself.
    pub(crate) fn refused(&self, now: Timestamp) {
        let ask_at = now.saturating_add(ASK_AGAIN_AFTER).unwrap_or(now);
        self.change(|state| match state {
            State::Accepted => State::Doubted { ask_at },
            State::Unproven | State::Unanswered { .. } | State::Doubted { .. } | State::Refused { .. } => {
                State::Refused { ask_at }
            }
        });
    }

    /// Entra ID was asked and did not answer. A broker that starts during an outage is ready: it can serve from a
    /// cache, and nothing speaks against its credential. It is asked about until there is an answer.
    pub(crate) fn unanswered(&self, now: Timestamp) {
        let ask_at = now.saturating_add(ASK_AGAIN_AFTER).unwrap_or(now);
        self.change(|state| match state {
            State::Unproven | State::Unanswered { .. } => State::Unanswered { ask_at },
            State::Accepted => State::Accepted,
            State::Doubted { .. } => State::Doubted { ask_at },
            State::Refused { .. } => State::Refused { ask_at },
        });
    }

    /// The credential was replaced: whatever was thought of the old one, the new one is asked about at once.
    pub(crate) fn replaced(&self, now: Timestamp) {
        self.change(|state| match state {
            State::Refused { .. } => State::Refused { ask_at: now },
            State::Unproven => State::Unproven,
            State::Unanswered { .. } => State::Unanswered { ask_at: now },
            State::Accepted | State::Doubted { .. } => State::Doubted { ask_at: now },
        });
    }

    /// Whether Entra ID should be asked now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        match self.get() {
            State::Unproven => true,
            State::Accepted => false,
            // Further ahead than it was ever set to means that the clock was set back.
            State::Unanswered { ask_at } | State::Doubted { ask_at } | State::Refused { ask_at } => {
                now >= ask_at || ask_at.duration_since(now) > ASK_AGAIN_AFTER
            }
        }
    }

    fn get(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, next: impl FnOnce(State) -> State) -> State {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *state;
        *state = next(before);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    #[test]
    fn at_the_start_entra_is_asked_and_its_word_counts() {
        let verdict = Verdict::new();
        assert!(!verdict.is_good() && verdict.is_due(NOW));
        verdict.accepted();
        assert!(verdict.is_good() && !verdict.is_due(NOW));

        let verdict = Verdict::new();
        verdict.refused(NOW);
        assert!(!verdict.is_good() && !verdict.is_due(NOW));
        assert!(verdict.is_due(NOW + ASK_AGAIN_AFTER));
        verdict.accepted();
        assert!(verdict.is_good());
    }

    #[test]
    fn one_refusal_is_not_believed_but_asked_about() {
        let verdict = Verdict::new();
        verdict.accepted();
        verdict.refused(NOW);
        assert!(verdict.is_good() && !verdict.is_due(NOW) && verdict.is_due(NOW + ASK_AGAIN_AFTER));
        verdict.refused(NOW);
        assert!(!verdict.is_good());
    }

    #[test]
    fn silence_proves_nothing_and_changes_nothing_but_the_start() {
        let verdict = Verdict::new();
        verdict.unanswered(NOW);
        assert!(verdict.is_good() && !verdict.is_due(NOW));
        verdict.refused(NOW);
        verdict.refused(NOW);
        verdict.unanswered(NOW);
        assert!(!verdict.is_good());
    }

    #[test]
    fn after_silence_at_the_start_it_is_asked_until_there_is_an_answer() {
        let verdict = Verdict::new();
        let (mut now, refused) = (NOW, Verdict::new());
        for _ in 0..3 {
            verdict.unanswered(now);
            refused.unanswered(now);
            assert!(verdict.is_good() && !verdict.is_due(now));
            now += ASK_AGAIN_AFTER;
            assert!(verdict.is_due(now));
        }
        verdict.accepted();
        assert!(verdict.is_good() && !verdict.is_due(now + ASK_AGAIN_AFTER));
        // Never accepted before, so there is nothing to doubt.
        refused.refused(now);
        assert!(!refused.is_good());
    }

    #[test]
    fn a_replaced_credential_is_asked_about_at_once() {
        let verdict = Verdict::new();
        verdict.refused(NOW);
        verdict.replaced(NOW);
        assert!(!verdict.is_good() && verdict.is_due(NOW));
        verdict.accepted();
        verdict.replaced(NOW);
        assert!(verdict.is_good() && verdict.is_due(NOW));
    }

    #[test]
    fn a_clock_set_back_holds_nothing_up() {
        let verdict = Verdict::new();
        verdict.refused(NOW);
        assert!(verdict.is_due(NOW - SignedDuration::from_hours(1)));
    }
}
