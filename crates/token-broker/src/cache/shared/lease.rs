//! Whose turn it is to get an outcome, as it stands in Redis, and for how long that is believed.
//!
//! ```text
//! owner 16 | prolonged at 8 | tag 32
//! ```
//!
//! The tag covers the place too. Whoever has a lease prolongs it every second, and each time it is another one. So who
//! waits for a lease that stays the same, or that no broker made, waits for no longer than a lease lasts, whatever its
//! life in Redis: then it takes the turn.

use tokio::time::Instant;

use super::seal::{SealingKeys, TAG_BYTES};
use super::{LEASE, new_random};
use crate::cache::Place;

/// Who has a lease.
pub(super) type Owner = [u8; 16];

/// A lease that a broker made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) owner: Owner,
    /// Grows each time it is prolonged: about the milliseconds of the Unix time.
    pub(super) prolonged_at: i64,
}

impl Lease {
    /// One that nobody has yet.
    pub(super) fn new(now: i64) -> Option<Self> {
        Some(Self { owner: new_random()?, prolonged_at: now })
    }

    /// The same, prolonged.
    pub(super) fn prolonged(self, now: i64) -> Self {
        Self { prolonged_at: now.max(self.prolonged_at.saturating_add(1)), ..self }
    }

    pub(super) fn write(&self, keys: &SealingKeys, place: &Place) -> Vec<u8> {
        let prolonged_at = self.prolonged_at.to_be_bytes();
        let tag = keys.tag(&[b"lease", place.key.as_bytes(), &self.owner, &prolonged_at]);
        [&self.owner[..], &prolonged_at, &tag].concat()
    }

    /// Reads the lease on `place`; `None` if no broker made it.
    pub(super) fn read(keys: &SealingKeys, place: &Place, bytes: &[u8]) -> Option<Self> {
        let (said, tag) = bytes.split_last_chunk::<TAG_BYTES>()?;
        let (owner, prolonged_at) = said.split_first_chunk::<16>()?;
        let prolonged_at: &[u8; 8] = prolonged_at.try_into().ok()?;
        keys.is_tagged(&[b"lease", place.key.as_bytes(), owner, prolonged_at], tag)
            .then(|| Self { owner: *owner, prolonged_at: i64::from_be_bytes(*prolonged_at) })
    }
}

/// The wait for what another replica is getting.
#[derive(Debug)]
pub(crate) struct Wait {
    /// When there was last a sign of somebody at work.
    since: Instant,
    latest: Option<i64>,
}

impl Wait {
    pub(crate) fn begin() -> Self {
        Self { since: Instant::now(), latest: None }
    }

    /// Takes note of the lease that stands in the way. Whether it has stood there for too long.
    pub(super) fn sees(&mut self, lease: Option<Lease>, now: Instant) -> bool {
        // One from before is one that was played again.
        if let Some(Lease { prolonged_at, .. }) = lease
            && self.latest.is_none_or(|latest| prolonged_at > latest)
        {
            (self.since, self.latest) = (now, Some(prolonged_at));
        }
        now.duration_since(self.since) > LEASE
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cache::UserKey;
    use crate::cache::key::CacheKey;
    use crate::testing::cache_keys;

    fn place(name: &str) -> Place {
        Place { key: CacheKey::of(&[name.as_bytes()]), user: UserKey::from_bytes([1; 32]) }
    }

    #[test]
    fn a_lease_is_of_one_place_and_only_brokers_make_it() {
        let keys = SealingKeys::parse(cache_keys("k1", 1).as_bytes()).unwrap();
        let later = SealingKeys::parse(cache_keys("k2", 2).as_bytes()).unwrap();
        let lease = Lease::new(7).unwrap();
        let bytes = lease.write(&keys, &place("x"));
        assert_eq!(Lease::read(&later, &place("x"), &bytes), Some(lease));
        assert_eq!(Lease::read(&keys, &place("y"), &bytes), None);
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(Lease::read(&keys, &place("x"), &changed), None, "byte {index}");
            assert_eq!(Lease::read(&keys, &place("x"), &bytes[..index]), None, "cut at {index}");
        }
        let twice = [lease.prolonged(5), lease.prolonged(5).prolonged(9)].map(|lease| lease.prolonged_at);
        assert_eq!(twice, [8, 9], "it grows whatever the clock says");
        assert_eq!(lease.prolonged(5).owner, lease.owner);
    }

    #[test]
    fn only_a_lease_that_is_prolonged_is_waited_for() {
        let lease = |prolonged_at| Some(Lease { owner: [1; 16], prolonged_at });
        let mut wait = Wait::begin();
        let mut now = wait.since;
        for prolonged_at in 10..20 {
            now += LEASE;
            assert!(!wait.sees(lease(prolonged_at), now));
        }
        now += LEASE;
        assert!(!wait.sees(lease(19), now), "the same, and not for too long yet");
        now += Duration::from_millis(1);
        assert!(wait.sees(lease(12), now), "played again");

        let mut wait = Wait::begin();
        now = wait.since + LEASE;
        assert!(!wait.sees(None, now));
        assert!(wait.sees(None, now + Duration::from_millis(1)), "no broker's");
    }
}
