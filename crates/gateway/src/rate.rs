//! Limits by the minute: each person's own on tool calls, so that one runaway assistant does not use up what Azure grants to
//! all; and each address's own, where nobody is known yet.
//!
//! A leaky bucket for each (the generic cell rate algorithm: one instant per bucket, no counters to reset).
//! The limit is this instance's: with several instances behind one address a person gets as much from each.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use identity::{ObjectId, Principal, TenantId};
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use opentelemetry::metrics::Meter;
use telemetry::names;

use crate::refusal::Refusal;

/// The most that are remembered. One who is forgotten starts anew, which is to their favour.
const MOST_REMEMBERED: u64 = 100_000;
/// One whose bucket is empty again need not be remembered.
const FORGET_AFTER: Duration = Duration::from_secs(120);

/// The limits of all of one kind. Clones share them.
#[derive(Clone)]
pub(crate) struct RateLimits<K> {
    /// Time that one call stands for, or `None` where there is no limit.
    interval: Option<SignedDuration>,
    buckets: Cache<K, Arc<Mutex<Timestamp>>>,
}

impl RateLimits<(TenantId, ObjectId)> {
    /// Shows in the metrics how many people there were of late: those whose limit is remembered.
    pub(crate) fn observe(&self, meter: &Meter) {
        if self.interval.is_none() {
            return;
        }
        let buckets = self.buckets.clone();
        meter
            .u64_observable_gauge(names::GATEWAY_PEOPLE)
            .with_description("People who called within the last two minutes, about")
            .with_callback(move |gauge| {
                // Who is to be forgotten is counted until somebody looks.
                buckets.run_pending_tasks();
                gauge.observe(buckets.entry_count(), &[]);
            })
            .build();
    }

    /// Counts a call of this user.
    ///
    /// # Errors
    /// The refusal that says how long to wait.
    pub(crate) fn admit(&self, principal: &Principal, now: Timestamp) -> Result<(), Refusal> {
        let counted = self.count((principal.tenant(), principal.oid()), now);
        counted.map_err(|retry_after| Refusal::RateLimited { retry_after })
    }
}

impl<K: Eq + Hash + Send + Sync + 'static> RateLimits<K> {
    /// At most `calls_per_minute` on average, all of them at once if need be. 0 means no limit.
    pub(crate) fn new(calls_per_minute: u32) -> Self {
        let interval =
            (calls_per_minute > 0).then(|| SignedDuration::from_mins(1) / i32_of(calls_per_minute));
        let buckets = Cache::builder().max_capacity(MOST_REMEMBERED).time_to_idle(FORGET_AFTER).build();
        Self { interval, buckets }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn count(&self, who: K, now: Timestamp) -> Result<(), Duration> {
        let Some(interval) = self.interval else { return Ok(()) };
        let bucket = self.buckets.get_with(who, || Arc::new(Mutex::new(now)));
        let mut drained_at = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        // Between empty and full, also where the clock was set back.
        let level = drained_at.duration_since(now).clamp(SignedDuration::ZERO, SignedDuration::from_mins(1));
        let excess = level + interval - SignedDuration::from_mins(1);
        if excess > SignedDuration::ZERO {
            return Err(excess.unsigned_abs());
        }
        *drained_at = now.saturating_add(level + interval).unwrap_or(Timestamp::MAX);
        Ok(())
    }
}

fn i32_of(calls: u32) -> i32 {
    i32::try_from(calls).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use telemetry::Metrics;

    use super::*;

    fn user(n: u8) -> (TenantId, ObjectId) {
        let tenant = "aaaabbbb-0000-cccc-1111-dddd2222eeee".parse().unwrap();
        (tenant, format!("00000000-0000-4000-8000-0000000000{n:02x}").parse().unwrap())
    }

    #[test]
    fn a_minutes_worth_passes_at_once_and_then_one_by_one() {
        let limits = RateLimits::new(6);
        let now = Timestamp::from_second(1_795_377_600).unwrap();
        for _ in 0..6 {
            assert_eq!(limits.count(user(1), now), Ok(()));
        }
        assert_eq!(limits.count(user(1), now), Err(Duration::from_secs(10)));
        assert_eq!(limits.count(user(2), now), Ok(()), "somebody else's limit is their own");
        let later = now + SignedDuration::from_secs(10);
        assert_eq!(limits.count(user(1), later), Ok(()));
        assert!(limits.count(user(1), later).is_err());
        assert_eq!(limits.count(user(1), later + SignedDuration::from_hours(1)), Ok(()));
    }

    #[test]
    fn people_are_counted_and_not_their_calls() {
        let (metrics, now) = (Metrics::new("gateway").unwrap(), Timestamp::from_second(0).unwrap());
        let limits = RateLimits::new(6);
        limits.observe(&metrics.meter("test"));
        for n in [1, 1, 2] {
            limits.count(user(n), now).unwrap();
        }
        let text = metrics.render();
        let shown = text.lines().find(|line| line.starts_with("gateway_people")).unwrap();
        assert!(shown.ends_with(" 2"), "{shown}");
    }

    #[test]
    fn zero_is_no_limit() {
        let limits = RateLimits::new(0);
        let now = Timestamp::from_second(0).unwrap();
        assert!((0..10_000).all(|_| limits.count(user(1), now).is_ok()));
    }
}
