//! How often one session may bring claims challenges: each of them passes by the cache, so a consumer that loops
//! would drive Entra ID into refusing the user altogether (AADSTS50196).

use std::future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use moka::ops::compute::Op;

use crate::cache::CacheKey;

/// Exchanges with claims per session and window. Calls with the same claims side by side count as one.
const MAX_PER_WINDOW: u32 = 10;
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Bounds the memory only; whoever is forgotten early may ask more often.
const KEEP_FOR: Duration = Duration::from_secs(120);
const MAX_SESSIONS: u64 = 10_000;

/// Counts challenges by session.
#[derive(Debug)]
pub(crate) struct Challenges(Cache<CacheKey, Window>);

#[derive(Clone, Copy, Debug)]
struct Window {
    since: Timestamp,
    count: u32,
}

impl Challenges {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_SESSIONS).time_to_live(KEEP_FOR).build())
    }

    /// Counts one challenge of the session.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(crate) async fn admit(&self, session: CacheKey, now: Timestamp) -> Result<(), Duration> {
        let mut wait = None;
        self.0
            .entry(session)
            .and_compute_with(|entry| {
                let fresh = entry.map(|entry| *entry.value()).filter(|window| window.holds_at(now));
                let window = fresh.unwrap_or(Window { since: now, count: 0 });
                if window.count >= MAX_PER_WINDOW {
                    wait = Some(WINDOW - now.duration_since(window.since));
                    return future::ready(Op::Nop);
                }
                future::ready(Op::Put(Window { count: window.count + 1, ..window }))
            })
            .await;
        match wait {
            None => Ok(()),
            Some(wait) => Err(Duration::try_from(wait).unwrap_or_default()),
        }
    }
}

impl Window {
    fn holds_at(self, now: Timestamp) -> bool {
        (SignedDuration::ZERO..WINDOW).contains(&now.duration_since(self.since))
    }
}
