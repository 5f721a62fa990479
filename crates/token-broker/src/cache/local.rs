//! This process's memory of outcomes.
//!
//! Freshness is decided here, on reading, by the service's clock. The expiry and weight of moka underneath only
//! bound the memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, future};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use moka::Expiry;
use moka::future::Cache;
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use secrecy::ExposeSecret as _;

use super::key::{CacheKey, Place, UserKey};
use super::terms::{MAX_LIFE, Terms};
use crate::outcome::{DownstreamToken, Outcome};

/// What an entry takes besides its token, or its refusal's texts: measured with a million entries, and rounded up.
const ENTRY_OVERHEAD_BYTES: usize = 640;
/// How long the mark of a dropped token stays: longer than any exchange that was under way.
const DROPPED_FOR: Duration = Duration::from_secs(60);
/// Users remembered as purged. Past it everybody's entries are dropped, which is always right.
const MAX_PURGED: usize = 2_000;
/// How long a token is served beyond the last contact with the log of purges, where there is one, or beyond the time it
/// was asked for: so a purge holds by then on a replica that cannot hear of it.
pub(crate) const FENCE: SignedDuration = SignedDuration::from_secs(30);
/// How long a replica out of contact may go on like that. Past it, and before its first contact, it serves no token from
/// memory: the others do not know of it, and may say of a purge that it holds at once.
pub(crate) const MAX_SILENCE: SignedDuration = SignedDuration::from_hours(24);
/// No log of purges: nothing to be out of contact with.
const UNFENCED: i64 = i64::MAX;

/// A moment in the order of the cache's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sequence(u64);

/// When an outcome was asked for: in the order of the cache's changes, and by the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    sequence: Sequence,
    at: Timestamp,
}

/// Outcomes by place.
pub(crate) struct LocalCache {
    entries: Cache<CacheKey, Entry>,
    sequence: AtomicU64,
    purged: ArcSwap<Purged>,
    purging: Mutex<()>,
    /// When the log of purges was last read, in milliseconds of the Unix time.
    contact: AtomicI64,
}

/// An outcome that may be served.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) outcome: Outcome,
    pub(crate) terms: Terms,
}

impl Hit {
    /// Whether it is time to refresh it in the background.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.terms.refresh_at.is_some_and(|at| at <= now)
    }
}

#[derive(Clone, Debug)]
struct Entry {
    /// `None` marks a token that was dropped: whatever was asked for before must not take its place.
    content: Option<(Outcome, Terms)>,
    user: UserKey,
    keep_for: Duration,
    /// When it was asked for, or dropped.
    asked: Asked,
}

/// Who was purged, and when.
#[derive(Clone, Debug, Default)]
struct Purged {
    users: HashMap<UserKey, (Sequence, Timestamp)>,
    /// What was asked for before is served to nobody.
    floor: Option<Sequence>,
}

impl LocalCache {
    /// An empty cache that takes at most `capacity` bytes. `evicted` is told of each entry that leaves, and why.
    pub(crate) fn new(capacity: u64, evicted: impl Fn(RemovalCause) + Send + Sync + 'static) -> Self {
        let entries = Cache::builder()
            .max_capacity(capacity)
            .weigher(|_, entry: &Entry| entry.weight())
            .expire_after(KeepFor)
            // A session is used much while it lives and then no more: how often it was used says nothing.
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |_, _, cause| evicted(cause))
            .build();
        Self {
            entries,
            sequence: AtomicU64::new(0),
            purged: ArcSwap::default(),
            purging: Mutex::new(()),
            contact: AtomicI64::new(UNFENCED),
        }
    }

    /// The outcome at `place`, if it may be served at `now`.
    pub(crate) async fn get(&self, place: &Place, now: Timestamp) -> Option<Hit> {
        let entry = self.entries.get(&place.key).await?;
        if self.was_purged_since(&entry) || self.is_fenced(&entry, now) {
            return None;
        }
        let (outcome, terms) = entry.content?;
        let left = terms.fresh_until.duration_since(now);
        // A clock that was set back must not lengthen a life.
        if left <= SignedDuration::ZERO || left > MAX_LIFE {
            return None;
        }
        let wait = Duration::try_from(left).unwrap_or_default();
        Some(Hit { outcome: outcome.map_err(|error| error.with_retry_after(wait)), terms })
    }

    /// The present moment, to be taken before anybody is asked.
    pub(crate) fn asked(&self, now: Timestamp) -> Asked {
        Asked { sequence: Sequence(self.sequence.load(Ordering::SeqCst)), at: now }
    }

    /// Keeps an outcome that was asked for at `asked`, unless its place was changed since.
    pub(crate) async fn put(
        &self,
        place: Place,
        outcome: Outcome,
        terms: Terms,
        now: Timestamp,
        asked: Asked,
    ) {
        let Ok(keep_for) = Duration::try_from(terms.fresh_until.duration_since(now)) else { return };
        let content = Some((outcome, terms));
        let entry = Entry { content, user: place.user, keep_for, asked };
        if self.was_purged_since(&entry) {
            return;
        }
        self.entries
            .entry(place.key)
            .and_compute_with(|present| {
                let overtaken =
                    present.is_some_and(|present| present.value().asked.sequence > asked.sequence);
                future::ready(if overtaken { Op::Nop } else { Op::Put(entry) })
            })
            .await;
    }

    /// Puts off the refresh of what stands at `place`.
    pub(crate) async fn postpone_refresh(&self, place: &Place, until: Timestamp, now: Timestamp) {
        self.entries
            .entry(place.key)
            .and_compute_with(|present| {
                let Some(mut entry) = present.map(moka::Entry::into_value) else {
                    return future::ready(Op::Nop);
                };
                let Some((_, terms)) = &mut entry.content else { return future::ready(Op::Nop) };
                terms.refresh_at = Some(until);
                let left = terms.fresh_until.duration_since(now);
                entry.keep_for = Duration::try_from(left).unwrap_or_default();
                future::ready(Op::Put(entry))
            })
            .await;
    }

    /// Drops the outcome at `place`, and keeps out what was asked for before now.
    pub(crate) async fn invalidate(&self, place: Place, now: Timestamp) {
        let asked = Asked { sequence: self.next(), at: now };
        let entry = Entry { content: None, user: place.user, keep_for: DROPPED_FOR, asked };
        self.entries.insert(place.key, entry).await;
    }

    /// Drops everything of one user, and keeps out what was asked for before now.
    pub(crate) fn purge(&self, user: UserKey, now: Timestamp) {
        let _one_at_a_time = self.purging.lock().unwrap_or_else(PoisonError::into_inner);
        let mut purged = Purged::clone(&self.purged.load());
        let age = |at: Timestamp| now.duration_since(at).abs();
        // Older than any entry's life: nothing is left that it could keep out.
        purged.users.retain(|_, (_, at)| age(*at) <= MAX_LIFE * 2);
        if purged.users.len() >= MAX_PURGED {
            purged = Purged { users: HashMap::new(), floor: Some(self.next()) };
        }
        purged.users.insert(user, (self.next(), now));
        self.purged.store(Arc::new(purged));
    }

    /// When a user was last purged.
    pub(crate) fn last_purge(&self, user: &UserKey) -> Option<Sequence> {
        let purged = self.purged.load();
        purged.users.get(user).map(|(sequence, _)| *sequence).max(purged.floor)
    }

    /// Whom it knows to be purged, of late.
    pub(crate) fn purged_users(&self) -> Vec<UserKey> {
        self.purged.load().users.keys().copied().collect()
    }

    /// Drops everything, and keeps out what was asked for before now.
    pub(crate) fn clear(&self) {
        let _one_at_a_time = self.purging.lock().unwrap_or_else(PoisonError::into_inner);
        let users = self.purged.load().users.clone();
        self.purged.store(Arc::new(Purged { users, floor: Some(self.next()) }));
        self.entries.invalidate_all();
    }

    /// Notes that the log of purges was read at `now`. From the first time on, contact matters.
    pub(crate) fn in_contact(&self, now: Timestamp) {
        self.contact.store(now.as_millisecond(), Ordering::Relaxed);
    }

    /// Notes that nobody counts on this replica's reading of the log: not yet, or not any more.
    pub(crate) fn out_of_contact(&self) {
        self.in_contact(Timestamp::UNIX_EPOCH);
    }

    /// About how many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.entries.entry_count()
    }

    /// About how many bytes they take.
    pub(crate) fn bytes(&self) -> u64 {
        self.entries.weighted_size()
    }

    fn was_purged_since(&self, entry: &Entry) -> bool {
        self.last_purge(&entry.user).is_some_and(|purged| entry.asked.sequence < purged)
    }

    fn is_fenced(&self, entry: &Entry, now: Timestamp) -> bool {
        let contact = self.contact.load(Ordering::Relaxed);
        if contact == UNFENCED {
            return false;
        }
        // Either way: a clock that was set back must not lengthen a life.
        let is_near = |then: i64, most: SignedDuration| {
            u128::from(now.as_millisecond().abs_diff(then)) <= most.unsigned_abs().as_millis()
        };
        // A refusal harms nobody, and to ask for it again and again might.
        let is_token = matches!(entry.content, Some((Ok(_), _)));
        if is_token && !is_near(contact, MAX_SILENCE) {
            return true;
        }
        // Not from when it was stored: an exchange may have been under way for long when a purge came.
        !is_near(contact, FENCE) && !is_near(entry.asked.at.as_millisecond(), FENCE)
    }

    fn next(&self) -> Sequence {
        Sequence(self.sequence.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

impl fmt::Debug for LocalCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache").field("entries", &self.len()).finish_non_exhaustive()
    }
}

impl Entry {
    fn weight(&self) -> u32 {
        let content = match &self.content {
            Some((Ok(DownstreamToken { access_token, .. }), _)) => access_token.expose_secret().len(),
            Some((Err(error), _)) => error.footprint(),
            None => 0,
        };
        u32::try_from(content + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
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
mod capacity;
#[cfg(test)]
mod tests;
