//! A replica's word that it lives, as it stands in Redis.
//!
//! ```text
//! version 1 | left 1 | said at 8 | knows all since 8 | of each replica it counts: id 16, last heard 8 | tag 32
//! ```
//!
//! Times are milliseconds of the Unix time. The tag covers the replica's id and all that stands before it, so nobody but
//! a broker can make one, change one, or pass it off as another replica's. What is played again is not news: a heartbeat
//! counts as heard only if it was said later than the last one.

use jiff::Timestamp;
use uuid::Uuid;

use super::seal::{SealingKeys, TAG_BYTES};

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 18;
const COUNTED_BYTES: usize = 24;

/// What a replica says of itself and of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heartbeat {
    /// Whether it was its last one: it serves nothing any more.
    pub(super) left: bool,
    pub(super) said_at: Timestamp,
    /// Since when every replica that came to Redis would be among those it counts.
    pub(super) since: Timestamp,
    /// The other replicas that may serve, and when each was last heard.
    pub(super) counted: Vec<(Uuid, Timestamp)>,
}

impl Heartbeat {
    pub(super) fn write(&self, keys: &SealingKeys, replica: Uuid) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.counted.len() * COUNTED_BYTES + TAG_BYTES);
        bytes.extend_from_slice(&[VERSION, u8::from(self.left)]);
        bytes.extend_from_slice(&self.said_at.as_millisecond().to_be_bytes());
        bytes.extend_from_slice(&self.since.as_millisecond().to_be_bytes());
        for (id, heard) in &self.counted {
            bytes.extend_from_slice(id.as_bytes());
            bytes.extend_from_slice(&heard.as_millisecond().to_be_bytes());
        }
        let tag = keys.tag(&[b"heartbeat", replica.as_bytes(), &bytes]);
        bytes.extend_from_slice(&tag);
        bytes
    }

    /// Reads the heartbeat of `replica`.
    ///
    /// # Errors
    /// [`Unheard`] says whether it is a broker's at all.
    pub(super) fn read(keys: &SealingKeys, replica: Uuid, bytes: &[u8]) -> Result<Self, Unheard> {
        let (said, tag) = bytes.split_last_chunk::<TAG_BYTES>().ok_or(Unheard::Forged)?;
        if !keys.is_tagged(&[b"heartbeat", replica.as_bytes(), said], tag) {
            return Err(Unheard::Forged);
        }
        Self::parse(said).ok_or(Unheard::OfAnotherVersion)
    }

    fn parse(said: &[u8]) -> Option<Self> {
        let ([VERSION, left, times @ ..], counted) = said.split_first_chunk::<HEAD_BYTES>()? else {
            return None;
        };
        let (said_at, since) = times.split_first_chunk::<8>()?;
        let (counted, rest) = counted.as_chunks::<COUNTED_BYTES>();
        let counted = counted.iter().map(|one| {
            let (id, heard) = one.split_first_chunk::<16>()?;
            Some((Uuid::from_bytes(*id), time(heard)?))
        });
        let counted = counted.collect::<Option<_>>()?;
        let heartbeat = Self { left: *left != 0, said_at: time(said_at)?, since: time(since)?, counted };
        rest.is_empty().then_some(heartbeat)
    }
}

/// Why a heartbeat says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unheard {
    /// No broker said it, or not as that replica.
    Forged,
    /// A broker said it, and this one does not understand it.
    OfAnotherVersion,
}

fn time(bytes: &[u8]) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::from_be_bytes(bytes.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::testing::{NOW, cache_keys};

    fn keys(id: &str, byte: u8) -> SealingKeys {
        SealingKeys::parse(cache_keys(id, byte).as_bytes()).unwrap()
    }

    #[test]
    fn a_heartbeat_is_its_replicas_and_outlasts_a_rotation() {
        let heartbeat = Heartbeat {
            left: true,
            said_at: NOW,
            since: NOW - SignedDuration::from_hours(30),
            counted: vec![(Uuid::from_u128(2), NOW), (Uuid::from_u128(3), Timestamp::UNIX_EPOCH)],
        };
        let me = Uuid::from_u128(1);
        let bytes = heartbeat.write(&keys("k1", 1), me);
        assert_eq!(Heartbeat::read(&keys("k2", 2), me, &bytes), Ok(heartbeat));
        let forged = Err(Unheard::Forged);
        assert_eq!(Heartbeat::read(&keys("k1", 1), Uuid::from_u128(2), &bytes), forged, "another replica's");
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(Heartbeat::read(&keys("k1", 1), me, &changed), forged, "byte {index}");
            assert_eq!(Heartbeat::read(&keys("k1", 1), me, &bytes[..index]), forged, "cut at {index}");
        }
    }

    #[test]
    fn what_a_broker_of_another_version_says_is_told_from_what_is_forged() {
        let keys = keys("k1", 1);
        let me = Uuid::from_u128(1);
        for body in [&[2; HEAD_BYTES][..], &[VERSION; 17], &[VERSION; 19], &[VERSION], &[]] {
            let bytes = [body, &keys.tag(&[b"heartbeat", me.as_bytes(), body])].concat();
            assert_eq!(Heartbeat::read(&keys, me, &bytes), Err(Unheard::OfAnotherVersion), "{body:?}");
        }
    }
}
