//! ARM's own limit of reads: a bucket for each caller and subscription, which fills up again by and by.
//!
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A tenth of a bucket comes back each second: 25 of 250.
const SECONDS_TO_FILL: i64 = 10;
const MOST_BUCKETS: usize = 50_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// In tenths of a request.
    left: i64,
    at: i64,
}

/// The buckets in use.
#[derive(Debug, Default)]
pub(super) struct Reads {
    buckets: Mutex<HashMap<(String, String), Bucket>>,
}

impl Reads {
    /// Takes a read from a bucket of `size`; how many are left, or how many seconds until there is one.
    pub(super) fn take(&self, of: (String, String), size: u32, now: i64) -> Result<i64, u64> {
        let size = i64::from(size);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_BUCKETS {
            buckets.clear();
        }
        let full = size * SECONDS_TO_FILL;
        let bucket = buckets.entry(of).or_insert(Bucket { left: full, at: now });
        bucket.left = full.min(bucket.left + (now - bucket.at).max(0) * size);
        bucket.at = now;
        if bucket.left < SECONDS_TO_FILL {
            return Err((SECONDS_TO_FILL - bucket.left).unsigned_abs().div_ceil(size.max(1).unsigned_abs()));
        }
        bucket.left -= SECONDS_TO_FILL;
        Ok(bucket.left / SECONDS_TO_FILL)
    }
}

#[cfg(test)]
mod tests {
    use super::Reads;

    #[test]
    fn a_bucket_empties_and_fills() {
        let reads = Reads::default();
        let take = |now| reads.take(("a".to_owned(), String::new()), 10, now);
        let emptied: Vec<_> = (0..11).map(|_| take(0)).collect();
        assert_eq!((emptied[0], emptied[9], emptied[10]), (Ok(9), Ok(0), Err(1)));
        assert_eq!((take(1), take(1)), (Ok(0), Err(1)));
        assert_eq!(take(60), Ok(9));
    }
}
