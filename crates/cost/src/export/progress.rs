//! How far an export has come, for whoever looks meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The counters of one export. Read at any time.
#[derive(Debug, Default)]
pub struct ExportProgress {
    reports_done: AtomicU64,
    reports: AtomicU64,
    polls: AtomicU64,
    blobs_done: AtomicU64,
    blobs: AtomicU64,
    bytes_read: AtomicU64,
    bytes_announced: AtomicU64,
    rows: AtomicU64,
    next_poll: Mutex<Option<Instant>>,
}

/// What the counters stood at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportSnapshot {
    /// Reports of Azure's that were read to their end.
    pub reports_done: u64,
    /// Reports that the export takes.
    pub reports: u64,
    /// How often Azure was asked whether a report is ready.
    pub polls: u64,
    /// Files that were read to their end.
    pub blobs_done: u64,
    /// Files that are known of.
    pub blobs: u64,
    /// Bytes that came.
    pub bytes_read: u64,
    /// Bytes that Azure says the files have that are known of.
    pub bytes_announced: u64,
    /// Rows that were written.
    pub rows: u64,
    /// When Azure wants to be asked again, while it builds a report.
    pub ready_in: Option<Duration>,
}

impl ExportProgress {
    /// What the counters stand at.
    pub fn snapshot(&self) -> ExportSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let next_poll = *self.next_poll.lock().unwrap_or_else(PoisonError::into_inner);
        ExportSnapshot {
            reports_done: read(&self.reports_done),
            reports: read(&self.reports),
            polls: read(&self.polls),
            blobs_done: read(&self.blobs_done),
            blobs: read(&self.blobs),
            bytes_read: read(&self.bytes_read),
            bytes_announced: read(&self.bytes_announced),
            rows: read(&self.rows),
            ready_in: next_poll.map(|at| at.saturating_duration_since(Instant::now())),
        }
    }

    pub(super) fn begins(&self, reports: usize) {
        self.reports.store(reports as u64, Ordering::Relaxed);
    }

    pub(super) fn report_done(&self) {
        add(&self.reports_done, 1);
    }

    pub(super) fn polled(&self) {
        add(&self.polls, 1);
    }

    pub(super) fn has_files(&self, blobs: usize, bytes: u64) {
        add(&self.blobs, blobs as u64);
        add(&self.bytes_announced, bytes);
    }

    pub(super) fn blob_done(&self) {
        add(&self.blobs_done, 1);
    }

    pub(super) fn read(&self, bytes: usize) {
        add(&self.bytes_read, bytes as u64);
    }

    pub(super) fn row(&self) {
        add(&self.rows, 1);
    }

    pub(super) fn waits(&self, pause: Option<Duration>) {
        let at = pause.map(|pause| Instant::now() + pause);
        *self.next_poll.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
