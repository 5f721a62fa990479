//! The bytes of an export on their way to whoever fetches it: read as they are taken, a chunk at a time.
//!
//! A reader who is slow holds two chunks of memory. One who takes nothing for a minute is left, and one who is not through in
//! half an hour as well: what they have they keep, for a range goes on from there.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audit::{Decided, Outcome};
use axum::body::{Body, Bytes};
use futures::stream::poll_fn;
use telemetry::names;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

use super::metrics::Instruments;
use super::seal::CHUNK;
use super::shelf::Export;
use crate::engine::Person;

/// How long a chunk may wait until it is taken.
pub(super) const STALL: Duration = Duration::from_secs(60);
/// How long one answer may take, all in all.
pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 60);
/// Answers on their way at a time, of one person and of all: each holds an open file and some chunks.
const MOST_OF_ONE: usize = 4;
const MOST: usize = 128;

/// What is on its way. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes(Arc<Mutex<HashMap<Person, usize>>>);

/// One of them, until it is dropped.
pub(super) struct Lane {
    lanes: Lanes,
    person: Person,
}

impl Lanes {
    /// A lane for this person, if there is one.
    pub(super) fn enter(&self, person: Person) -> Option<Lane> {
        let mut all = self.all();
        let of_one = all.get(&person).copied().unwrap_or(0);
        if of_one >= MOST_OF_ONE || all.values().sum::<usize>() >= MOST {
            return None;
        }
        all.insert(person, of_one + 1);
        Some(Lane { lanes: self.clone(), person })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Person, usize>> {
        // Held for a few instructions that leave it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut all = self.lanes.all();
        if let Some(of_one) = all.get_mut(&self.person) {
            *of_one -= 1;
            if *of_one == 0 {
                all.remove(&self.person);
            }
        }
    }
}

/// One answer: these bytes of this export, and what is told when it is over.
pub(super) struct Sending {
    pub(super) export: Arc<Export>,
    pub(super) bytes: Range<u64>,
    pub(super) lane: Lane,
    pub(super) recorded: Decided,
    pub(super) instruments: Instruments,
}

impl Sending {
    /// The body of the answer. It is read while it is taken, and fails where it ends too early.
    pub(super) fn body(self) -> Body {
        let mut left = self.bytes.end - self.bytes.start;
        let (taken, mut chunks) = mpsc::channel::<Bytes>(1);
        tokio::spawn(self.run(taken));
        Body::from_stream(poll_fn(move |context| {
            chunks.poll_recv(context).map(|chunk| match chunk {
                Some(chunk) => {
                    left = left.saturating_sub(chunk.len() as u64);
                    Some(Ok(chunk))
                }
                None if left > 0 => {
                    left = 0;
                    Some(Err(io::Error::from(io::ErrorKind::UnexpectedEof)))
                }
                None => None,
            })
        }))
    }

    async fn run(self, to: mpsc::Sender<Bytes>) {
        let Self { export, bytes, lane, recorded, instruments } = self;
        let mut sent = 0;
        let sending = send(&export, bytes, &to, &mut sent);
        let outcome = timeout_at(Instant::now() + LONGEST, sending).await.unwrap_or(Err(End::Slow));
        let code = outcome.map_or_else(End::code, |()| names::OUTCOME_OK);
        drop(lane);
        instruments.fetched(code, sent);
        tracing::info!(outcome = code, bytes = sent, "export fetched");
        recorded.end(Outcome::new(code).bytes(Some(sent)).rows(Some(export.kept.about.rows)));
    }
}

/// Why an answer ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Whoever fetched it left.
    Left,
    /// They took too long.
    Slow,
    /// The file is not what was written.
    Damaged,
}

impl End {
    const fn code(self) -> &'static str {
        match self {
            Self::Left => names::OUTCOME_CANCELLED,
            Self::Slow => "too_slow",
            Self::Damaged => "export_store_unavailable",
        }
    }
}

async fn send(
    export: &Arc<Export>,
    bytes: Range<u64>,
    to: &mpsc::Sender<Bytes>,
    sent: &mut u64,
) -> Result<(), End> {
    let mut at = bytes.start;
    while at < bytes.end {
        let (number, within) = (at / CHUNK as u64, at % CHUNK as u64);
        let export = Arc::clone(export);
        let read = spawn_blocking(move || export.sealed.read(number, export.kept.size)).await;
        let chunk = match read {
            Ok(Ok(chunk)) => Bytes::from_owner(chunk),
            Ok(Err(error)) => {
                super::sealed::failed(&error);
                return Err(End::Damaged);
            }
            // The process ends.
            Err(_) => return Err(End::Left),
        };
        let length = (chunk.len() as u64 - within).min(bytes.end - at);
        let part = chunk.slice(in_memory(within)..in_memory(within + length));
        match timeout(STALL, to.send(part)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(End::Left),
            Err(_) => return Err(End::Slow),
        }
        at += length;
        *sent += length;
    }
    Ok(())
}

/// A place within a chunk, which is in memory.
fn in_memory(place: u64) -> usize {
    usize::try_from(place).unwrap_or(CHUNK)
}
