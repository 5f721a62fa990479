//! What callers and the writer tell each other beside the queue. Nothing here waits for the sink.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::summaries::Summaries;

/// How long a record may take to be written: a call waits so long for its decision.
pub(crate) const IN_TIME: Duration = Duration::from_millis(250);

/// Shared by the handles and the writer.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The last try to write failed.
    failing: AtomicBool,
    /// No more records come: what is there is written, then the end.
    closing: AtomicBool,
    /// Since when the writer is at the present group, if it is at one.
    writing: Mutex<Option<Instant>>,
    lost: Mutex<Option<Lost>>,
    summaries: Mutex<Summaries>,
}

/// Records for which there was no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) records: u64,
    pub(crate) since: Timestamp,
}

impl State {
    /// Whether records cannot be written at present: the last try failed, or the present one takes too long.
    pub(crate) fn is_down(&self) -> bool {
        let late = |since: Instant| since.elapsed() > IN_TIME;
        self.failing.load(Ordering::Acquire) || lock(&self.writing).is_some_and(late)
    }

    /// The writer is at a group from now on, or at none.
    pub(crate) fn set_writing(&self, writing: bool) {
        *lock(&self.writing) = writing.then(Instant::now);
    }

    /// Whether the last try failed. Tells what held before.
    pub(crate) fn set_failing(&self, failing: bool) -> bool {
        self.failing.swap(failing, Ordering::AcqRel)
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// There was no room for a record.
    pub(crate) fn lose(&self, now: Timestamp) {
        let mut lost = lock(&self.lost);
        let lost = lost.get_or_insert(Lost { records: 0, since: now });
        lost.records = lost.records.saturating_add(1);
    }

    /// What was lost since this was asked last.
    pub(crate) fn take_lost(&self) -> Option<Lost> {
        lock(&self.lost).take()
    }

    pub(crate) fn summaries(&self) -> MutexGuard<'_, Summaries> {
        lock(&self.summaries)
    }
}

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
