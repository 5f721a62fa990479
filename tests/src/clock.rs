//! The machine's clock, set forward: hours pass without waiting, and tokens minted now are still of now.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use identity::clock::{Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};

/// A clock that runs, ahead of the machine's by what it was advanced. Clones share the time.
#[derive(Clone, Debug, Default)]
pub struct ShiftedClock(Arc<AtomicI64>);

impl ShiftedClock {
    /// Sets the clock forward.
    pub fn advance(&self, step: SignedDuration) {
        self.0.fetch_add(step.as_secs(), Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.0.load(Ordering::SeqCst));
        SystemClock.now() + ahead
    }
}
