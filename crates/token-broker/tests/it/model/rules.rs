//! The rules each answer must obey. They are written down anew from DESIGN's "What must always hold" and share no line
//! with the code under test.

use identity::LEEWAY;
use jiff::{SignedDuration, Timestamp};
use token_broker::Source;

use super::ledger::{Issue, Ledger, Moment};

/// How far the clock moves at most while a call or an exchange is under way.
pub(super) const DRIFT: SignedDuration = SignedDuration::from_secs(60);
/// How far the second replica's clock is ahead of the first one's.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(7);
/// The longest a token is served without asking Entra ID again.
const CAP: SignedDuration = SignedDuration::from_mins(30);
/// What a token from a cache is good for, at least.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// The longest a refusal is remembered, and an answer to a claims challenge is good for.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(60);
/// The longest that a key which Entra ID has published may be unknown.
const KEY_UNKNOWN: SignedDuration = SignedDuration::from_mins(5);

/// A call, as whoever made it knows it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) user: u32,
    pub(super) session: u64,
    /// When the assertion expires.
    pub(super) expires_at: Timestamp,
    pub(super) resource: &'static str,
    pub(super) claims: String,
    pub(super) replica: usize,
    /// Whether the assertion's signature is another assertion's.
    pub(super) forged: bool,
    /// Whether the key that it is signed with was withdrawn.
    pub(super) withdrawn: bool,
    pub(super) began: Moment,
    pub(super) ended: Moment,
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Token { text: String, source: Source },
    Refused { code: &'static str, reason: Option<&'static str> },
}

/// Why an answer is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Entra ID never handed that token out.
    MadeUp,
    /// It is somebody else's.
    AnotherUsers,
    /// It was handed out for another assertion of the same user.
    AnotherSessions,
    /// It is for another downstream API.
    AnotherResources,
    /// The claims asked for are not in it.
    WithoutClaims,
    /// It was served past its life.
    Overdue,
    /// It was exchanged before a purge that held when the call began.
    Purged,
    /// The assertion proves nothing.
    Unproved,
    /// Nothing justifies this refusal.
    Refused,
}

/// The scope behind a resource's name.
fn scope(resource: &str) -> Option<&'static str> {
    match resource {
        "arm" => Some("https://management.azure.com/user_impersonation"),
        "graph" => Some("https://graph.microsoft.com/User.Read"),
        _ => None,
    }
}

/// Checks one answer.
pub(super) fn check(ledger: &Ledger, call: &Call, answer: &Answer) -> Result<(), Wrong> {
    match answer {
        Answer::Token { text, source } => {
            let issue = ledger.find(text).ok_or(Wrong::MadeUp)?;
            check_token(ledger, call, &issue, *source)
        }
        Answer::Refused { code, reason } => must(may_refuse(ledger, call, code, *reason), Wrong::Refused),
    }
}

fn check_token(ledger: &Ledger, call: &Call, issue: &Issue, source: Source) -> Result<(), Wrong> {
    must(issue.user == call.user, Wrong::AnotherUsers)?;
    must(issue.session == call.session, Wrong::AnotherSessions)?;
    must(scope(call.resource) == Some(issue.scope.as_str()), Wrong::AnotherResources)?;
    must(!call.forged && call.began.at <= call.expires_at + LEEWAY + SKEW, Wrong::Unproved)?;
    if !call.claims.is_empty() {
        // Each call asks for a value of its own, which Entra ID was asked for in the same words.
        must(issue.claims.contains(value_in(&call.claims)), Wrong::WithoutClaims)?;
        must(call.began.at <= issue.asked.at + REMEMBERED + DRIFT + SKEW, Wrong::Overdue)?;
    }
    let good_until = if source == Source::Entra {
        issue.asked.at + DRIFT
    } else {
        (issue.asked.at + CAP + DRIFT).min(issue.expires_at - MARGIN).min(call.expires_at)
    };
    must(call.began.at <= good_until + SKEW, Wrong::Overdue)?;
    let purged = ledger.purges(call.user).into_iter().any(|purge| {
        let held = purge.completed < call.began.order && purge.effective_at <= call.began.at;
        let here = purge.only_on.is_none_or(|replica| replica == call.replica);
        held && here && issue.asked.order < purge.began
    });
    must(!purged, Wrong::Purged)
}

fn may_refuse(ledger: &Ledger, call: &Call, code: &str, reason: Option<&str>) -> bool {
    let from = call.began.at - REMEMBERED - DRIFT - SKEW;
    let to = call.ended.at + SKEW;
    match (code, reason) {
        ("unknown_resource", _) => scope(call.resource).is_none(),
        ("invalid_token", Some("bad_signature")) => call.forged,
        ("invalid_token", Some("expired")) => call.expires_at <= to,
        ("invalid_token", Some("unknown_key")) => {
            call.withdrawn || ledger.rolled_within(KEY_UNKNOWN + DRIFT + SKEW, to)
        }
        ("identity_provider_unavailable", _) => {
            scope(call.resource).is_some_and(|scope| ledger.was_in_trouble(scope, from, to))
        }
        _ => ledger.was_refused(call.session, code, from, to),
    }
}

/// The value that a call's claims ask for.
fn value_in(claims: &str) -> &str {
    claims.split('"').find(|part| part.starts_with("nonce-")).unwrap_or("no value")
}

fn must(holds: bool, wrong: Wrong) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests;
