//! The emulator's own time: the machine's clock plus an offset that tests move.
//!
//! The only place of this crate that asks the machine what time it is.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A clock that runs with the machine's and can be moved ahead (or back) by whole seconds.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_seconds: AtomicI64,
}

impl Clock {
    /// The present moment, offset included.
    #[expect(clippy::disallowed_methods, reason = "the one home of the machine's clock in this crate")]
    pub(crate) fn now(&self) -> Timestamp {
        let machine = Timestamp::now();
        let offset = SignedDuration::from_secs(self.offset_seconds.load(Ordering::Relaxed));
        machine.checked_add(offset).unwrap_or(machine)
    }

    /// The present moment in whole seconds since 1970, as token claims carry it.
    pub(crate) fn seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// `start`, and as long after it as the clock was moved ahead.
    pub(crate) fn moved_from(&self, start: Timestamp) -> Timestamp {
        let offset = SignedDuration::from_secs(self.offset_seconds.load(Ordering::Relaxed));
        start.checked_add(offset).unwrap_or(start)
    }

    /// Moves the clock by `seconds`; several moves add up.
    pub(crate) fn advance(&self, seconds: i64) {
        self.offset_seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}

/// The calendar day of `moment` in UTC, which is how Azure counts usage days.
pub(crate) fn utc_day(moment: Timestamp) -> Date {
    moment.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn moves_add_up() {
        let clock = Clock::default();
        let before = clock.seconds();
        clock.advance(3_600);
        clock.advance(60);
        assert!(clock.seconds() - before >= 3_660);
    }
}
