//! The tenant's signing keys: where they come from (`metadata`), how long they are believed (`cache`), and how many
//! fetches a sender of unknown key ids can cause (`budget`).

pub use budget::{UNKNOWN_KEY_FETCHES, UNKNOWN_KEY_PAUSE};
pub use cache::{FAILED_FETCH_PAUSE, KEY_MAX_AGE, REFRESH_INTERVAL};

pub(crate) use cache::{KeyCache, KeyError};
pub(crate) use metadata::{ALGORITHM, MetadataSource, SigningKey, Snapshot};

mod budget;
mod cache;
mod metadata;

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    /// What the documentation promises of keys that are withdrawn, or cannot be had.
    #[test]
    fn keys_are_refreshed_hourly_and_believed_for_a_day() {
        assert_eq!((REFRESH_INTERVAL.as_secs(), KEY_MAX_AGE), (3600, SignedDuration::from_hours(24)));
    }

    /// A fetch is two documents. Whoever raises one of the terms raises what SECURITY.md promises.
    #[test]
    fn the_longest_fetch_fits_into_the_bound() {
        let longest = UNKNOWN_KEY_PAUSE + SignedDuration::try_from(metadata::FETCH_DEADLINE * 2).unwrap();
        assert!(longest <= SignedDuration::from_secs(30), "{longest}");
    }
}
