//! What the run knows for sure: every token Entra ID handed out, every refusal, every purge, and all that went wrong.
//!
//! It is written by the pretend Entra ID and by whoever purges, never by the code under test.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};

use jiff::{SignedDuration, Timestamp};

/// A moment: its place in the order of the run, and what the clock showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) order: u64,
    pub(super) at: Timestamp,
}

/// A token as Entra ID handed it out.
#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) user: u32,
    pub(super) session: u64,
    pub(super) scope: String,
    /// The claims that were asked for, capabilities included.
    pub(super) claims: String,
    /// When the request came.
    pub(super) asked: Moment,
    pub(super) expires_at: Timestamp,
}

/// A purge that was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purge {
    pub(super) began: u64,
    pub(super) completed: u64,
    /// From then on it holds.
    pub(super) effective_at: Timestamp,
    /// The one replica it holds on, where the others could not be told.
    pub(super) only_on: Option<usize>,
}

/// A time in which Entra ID answered nobody.
struct Trouble {
    began: Timestamp,
    /// When it ended, and how many tokens had been handed out by then, by scope.
    ended: Option<(Timestamp, HashMap<String, usize>)>,
}

/// Tokens of one scope after which two replicas have surely seen that Entra ID is well again: each lets in a few calls at
/// first, and more with each that is answered.
const WELL_AGAIN: usize = 400;

/// All that is known.
#[derive(Default)]
pub(super) struct Ledger {
    order: AtomicU64,
    issues: RwLock<Vec<Issue>>,
    refusals: Mutex<HashMap<u64, Vec<(&'static str, Timestamp)>>>,
    purges: Mutex<HashMap<u32, Vec<Purge>>>,
    troubles: Mutex<Vec<Trouble>>,
    /// When tokens were handed out, by scope.
    handed_out: Mutex<HashMap<String, Vec<Timestamp>>>,
    rolls: Mutex<Vec<Timestamp>>,
}

impl Ledger {
    /// The next place in the order.
    pub(super) fn next(&self) -> u64 {
        self.order.fetch_add(1, Ordering::SeqCst)
    }

    /// Notes a token, and names it.
    pub(super) fn issue(&self, issue: Issue) -> String {
        self.handed_out.lock().unwrap().entry(issue.scope.clone()).or_default().push(issue.asked.at);
        let mut issues = self.issues.write().unwrap();
        issues.push(issue);
        name(issues.len() - 1)
    }

    /// The token of that text, if Entra ID handed it out.
    pub(super) fn find(&self, text: &str) -> Option<Issue> {
        let number: usize = text.strip_prefix("token-")?.split('-').next()?.parse().ok()?;
        (name(number) == text).then(|| self.issues.read().unwrap().get(number).cloned())?
    }

    pub(super) fn issued(&self) -> usize {
        self.issues.read().unwrap().len()
    }

    /// Notes that a session was refused.
    pub(super) fn refuse(&self, session: u64, code: &'static str, at: Timestamp) {
        self.refusals.lock().unwrap().entry(session).or_default().push((code, at));
    }

    /// Whether the session was refused like that between two times.
    pub(super) fn was_refused(&self, session: u64, code: &str, from: Timestamp, to: Timestamp) -> bool {
        let refusals = self.refusals.lock().unwrap();
        let of_session = refusals.get(&session).map_or(&[][..], Vec::as_slice);
        of_session.iter().any(|(refusal, at)| *refusal == code && (from..=to).contains(at))
    }

    pub(super) fn purge(&self, user: u32, purge: Purge) {
        self.purges.lock().unwrap().entry(user).or_default().push(purge);
    }

    /// The purges of a user.
    pub(super) fn purges(&self, user: u32) -> Vec<Purge> {
        self.purges.lock().unwrap().get(&user).cloned().unwrap_or_default()
    }

    /// Notes that Entra ID does not answer well from now on.
    pub(super) fn trouble_begins(&self, at: Timestamp) {
        self.troubles.lock().unwrap().push(Trouble { began: at, ended: None });
    }

    pub(super) fn trouble_ends(&self, at: Timestamp) {
        let count = |(scope, times): (&String, &Vec<_>)| (scope.clone(), times.len());
        let handed_out = self.handed_out.lock().unwrap().iter().map(count).collect();
        if let Some(Trouble { ended: ended @ None, .. }) = self.troubles.lock().unwrap().last_mut() {
            *ended = Some((at, handed_out));
        }
    }

    /// Whether Entra ID was in trouble at some time between two, or may have been believed to be.
    pub(super) fn was_in_trouble(&self, scope: &str, from: Timestamp, to: Timestamp) -> bool {
        let handed_out = self.handed_out.lock().unwrap();
        let times = handed_out.get(scope).map_or(&[][..], Vec::as_slice);
        self.troubles.lock().unwrap().iter().any(|trouble| {
            let over = trouble.ended.as_ref().and_then(|(ended, before)| {
                let well = times.get(before.get(scope).copied().unwrap_or_default() + WELL_AGAIN)?;
                Some((*well).max(*ended))
            });
            trouble.began <= to && over.is_none_or(|over| over >= from)
        })
    }

    /// Notes a change of the signing keys.
    pub(super) fn roll(&self, at: Timestamp) {
        self.rolls.lock().unwrap().push(at);
    }

    /// Whether the signing keys were changed in that time before `to`.
    pub(super) fn rolled_within(&self, span: SignedDuration, to: Timestamp) -> bool {
        self.rolls.lock().unwrap().iter().any(|at| to.duration_since(*at) <= span)
    }
}

/// The text of the token of a number, about as long as one of a guest.
fn name(number: usize) -> String {
    format!("token-{number}-{}", "x".repeat(300))
}
