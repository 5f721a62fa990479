//! What was exchanged already: tokens, and refusals for a short while.
//!
//! Freshness is decided here, on reading, by the service's clock. The expiry and capacity of moka underneath only
//! bound the memory: at most `capacity` entries, of about 5 KiB each with a token in it.

use std::{
    fmt, future,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use identity::Principal;
use jiff::{SignedDuration, Timestamp};
use moka::{Expiry, future::Cache, ops::compute::Op};

use crate::{
    entra::DownstreamToken,
    error::{ExchangeError, Kind},
};

/// The longest a token is served without asking Entra ID again, so that no policy lags by more.
const MAX_LIFE: SignedDuration = SignedDuration::from_mins(30);
/// A token is not served in its last minutes: whoever receives it must have time to use it.
const EXPIRY_MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// How long a refusal of this one assertion is remembered, a fault of our own included. Asking again in a loop
/// would lead to AADSTS50196; a new sign-in brings another assertion, and with it another key.
const REFUSAL_LIFE: SignedDuration = SignedDuration::from_secs(60);
/// How long an outage is remembered where Entra ID does not say.
const OUTAGE_LIFE: SignedDuration = SignedDuration::from_secs(2);
const MAX_OUTAGE_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// What names an entry: SHA-256 over tenant, user, client, scope and assertion.
///
/// The assertion is in it because a key of user and scope alone would serve a token minted after MFA to a session
/// that never did MFA.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    pub(crate) fn new(principal: &Principal, scope: &str, assertion_digest: &[u8; 32]) -> Self {
        Self::of(&[
            principal.tenant().as_uuid().as_bytes(),
            principal.oid().as_uuid().as_bytes(),
            principal.client().as_uuid().as_bytes(),
            scope.as_bytes(),
            assertion_digest,
        ])
    }

    /// The key of the same exchange with a claims request.
    pub(crate) fn with_claims(&self, claims_digest: &[u8; 32]) -> Self {
        Self::of(&[&self.0, claims_digest])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, &length_prefixed(parts)).as_ref());
        Self(bytes)
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// Writes each part after its length, so that no two lists of parts give the same bytes.
fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

/// What an exchange ended with.
pub(crate) type Outcome = Result<DownstreamToken, ExchangeError>;

/// How long an outcome may be served. A token: the least of 30 minutes, what is left of it less 5 minutes, and what
/// is left of the assertion. A refusal: by its kind; it harms nobody to remember it longer than the assertion lives.
/// Zero or less means not at all.
pub(crate) fn lifetime(outcome: &Outcome, assertion_expires_at: Timestamp, now: Timestamp) -> SignedDuration {
    let error = match outcome {
        Ok(token) => {
            let token = token.expires_at.duration_since(now) - EXPIRY_MARGIN;
            return MAX_LIFE.min(token).min(assertion_expires_at.duration_since(now));
        }
        Err(error) => error,
    };
    match error.kind() {
        Kind::IdentityProviderUnavailable { retry_after: None } => OUTAGE_LIFE,
        Kind::IdentityProviderUnavailable { retry_after: Some(wait) } => {
            SignedDuration::try_from(*wait).unwrap_or(MAX_OUTAGE_LIFE).clamp(OUTAGE_LIFE, MAX_OUTAGE_LIFE)
        }
        _ => REFUSAL_LIFE,
    }
}

/// A moment in the order of the cache's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sequence(u64);

/// Outcomes by key.
#[derive(Debug)]
pub(crate) struct ExchangeCache {
    entries: Cache<CacheKey, Entry>,
    sequence: AtomicU64,
}

#[derive(Clone, Debug)]
struct Entry {
    /// `None` marks a token that was dropped: whatever was asked for before must not take its place.
    outcome: Option<Outcome>,
    fresh_until: Timestamp,
    keep_for: Duration,
    sequence: Sequence,
}

impl ExchangeCache {
    /// An empty cache of at most `capacity` entries.
    pub(crate) fn new(capacity: u64) -> Self {
        let entries = Cache::builder().max_capacity(capacity).expire_after(KeepFor).build();
        Self { entries, sequence: AtomicU64::new(0) }
    }

    /// The outcome under `key`, if it is fresh at `now`.
    pub(crate) async fn get(&self, key: &CacheKey, now: Timestamp) -> Option<Outcome> {
        let entry = self.entries.get(key).await?;
        let left = entry.fresh_until.duration_since(now);
        if left <= SignedDuration::ZERO {
            return None;
        }
        let wait = Duration::try_from(left).unwrap_or_default();
        entry.outcome.map(|outcome| outcome.map_err(|error| error.with_retry_after(wait)))
    }

    /// The present moment, to be taken before asking Entra ID.
    pub(crate) fn sequence(&self) -> Sequence {
        Sequence(self.sequence.load(Ordering::SeqCst))
    }

    /// Keeps an outcome that was asked for at `asked`, unless the entry was changed since.
    pub(crate) async fn put(
        &self,
        key: CacheKey,
        outcome: Outcome,
        life: SignedDuration,
        now: Timestamp,
        asked: Sequence,
    ) {
        let Ok(keep_for) = Duration::try_from(life) else { return };
        let fresh_until = now.saturating_add(life).unwrap_or(now);
        let sequence = self.next();
        let entry = Entry { outcome: Some(outcome), fresh_until, keep_for, sequence };
        self.entries
            .entry(key)
            .and_compute_with(|present| {
                let overtaken = present.is_some_and(|present| present.value().sequence > asked);
                future::ready(if overtaken { Op::Nop } else { Op::Put(entry) })
            })
            .await;
    }

    /// Drops the token under `key`, and keeps out what was asked for before now.
    pub(crate) async fn invalidate(&self, key: CacheKey, now: Timestamp) {
        let keep_for = Duration::try_from(REFUSAL_LIFE).unwrap_or_default();
        let entry = Entry { outcome: None, fresh_until: now, keep_for, sequence: self.next() };
        self.entries.insert(key, entry).await;
    }

    /// About how many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.entries.entry_count()
    }

    fn next(&self) -> Sequence {
        Sequence(self.sequence.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

/// Frees the memory of an entry when it cannot be fresh any more.
struct KeepFor;

impl Expiry<CacheKey, Entry> for KeepFor {
    fn expire_after_create(&self, _: &CacheKey, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.keep_for)
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.keep_for)
    }
}

#[cfg(test)]
mod tests;
