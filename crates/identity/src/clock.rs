//! The time, as an argument: only the edge of a service holds a [`Clock`], inner functions take `now`.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Tells the time.
pub trait Clock: Send + Sync + Debug + 'static {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// A clock as services pass it around.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one home of the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved: ageing is tested without sleeping. Clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Timestamp>>);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    /// Moves the clock by `step`, which may be negative.
    pub fn advance(&self, step: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(step).unwrap_or(*now);
    }

    /// Sets the clock to `now`.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_clock_goes_on() {
        let before = SystemClock.now();
        // Later than this was written, and earlier than nobody would run it any more.
        assert!((2025..2200).contains(&before.to_zoned(jiff::tz::TimeZone::UTC).year()));
        assert!(SystemClock.now() >= before);
    }

    #[test]
    fn a_manual_clock_goes_where_it_is_told() {
        let noon = Timestamp::from_second(1_795_348_800).unwrap();
        let clock = ManualClock::at(noon);
        let other = clock.clone();
        assert_eq!(clock.now(), noon);
        clock.advance(SignedDuration::from_secs(-60));
        assert_eq!(other.now(), noon - SignedDuration::from_secs(60), "clones share the time");
        other.set(noon);
        assert_eq!(clock.now(), noon);
    }
}
