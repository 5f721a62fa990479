//! What exports there are, and whose.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::Kept;
use super::fault::ExportFault;
use super::id::ExportId;
use super::sealed::Sealed;
use crate::engine::Person;

/// All exports of this process. Clones share them. The lock is held for a look, never while a file is touched.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<Mutex<HashMap<ExportId, Entry>>>);

struct Entry {
    person: Person,
    /// `None` while it is being written.
    export: Option<Arc<Export>>,
}

/// One export that is ready.
pub(super) struct Export {
    pub(super) person: Person,
    pub(super) kept: Kept,
    pub(super) sealed: Sealed,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) ready: u64,
    pub(super) written: u64,
}

impl Shelf {
    /// A seat for an export that is going to be written, if this person has fewer than `most`.
    pub(super) fn seat(
        &self,
        person: Person,
        id: ExportId,
        most: usize,
        now: Timestamp,
    ) -> Result<Seat, ExportFault> {
        let mut all = self.all();
        let of_person = all.values().filter(|entry| entry.person == person);
        if of_person.clone().count() >= most {
            let retry_in_seconds = next_expiry(of_person, now);
            return Err(ExportFault::TooMany { most, retry_in_seconds });
        }
        // Ids are random; whoever brings one twice would write over what is there.
        if all.contains_key(&id) {
            return Err(ExportFault::Unavailable);
        }
        all.insert(id, Entry { person, export: None });
        Ok(Seat { shelf: self.clone(), person, id, is_taken: true })
    }

    /// An export that is ready, whoever asks.
    pub(super) fn get(&self, id: ExportId) -> Option<Arc<Export>> {
        self.all().get(&id)?.export.clone()
    }

    /// The exports of a person that are ready.
    pub(super) fn of(&self, person: Person) -> Vec<Arc<Export>> {
        let all = self.all();
        all.values().filter(|entry| entry.person == person).filter_map(|entry| entry.export.clone()).collect()
    }

    /// When the next export expires, in seconds.
    pub(super) fn next_expiry(&self, now: Timestamp) -> Option<u64> {
        next_expiry(self.all().values(), now)
    }

    /// Takes away what has expired.
    pub(super) fn expired(&self, now: Timestamp) -> Vec<Arc<Export>> {
        let is_over =
            |entry: &Entry| entry.export.as_ref().is_some_and(|export| export.kept.expires_at <= now);
        let mut all = self.all();
        all.extract_if(|_, entry| is_over(entry)).filter_map(|(_, entry)| entry.export).collect()
    }

    /// Takes away all that is ready.
    pub(super) fn clear(&self) -> Vec<Arc<Export>> {
        self.all().drain().filter_map(|(_, entry)| entry.export).collect()
    }

    pub(super) fn count(&self) -> Counted {
        let all = self.all();
        let ready = all.values().filter(|entry| entry.export.is_some()).count() as u64;
        Counted { ready, written: all.len() as u64 - ready }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ExportId, Entry>> {
        // Held for a few instructions that leave it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn next_expiry<'a>(entries: impl Iterator<Item = &'a Entry>, now: Timestamp) -> Option<u64> {
    let next = entries.filter_map(|entry| Some(entry.export.as_ref()?.kept.expires_at)).min()?;
    Some(u64::try_from(next.duration_since(now).as_secs()).unwrap_or(0) + 1)
}

/// A place on the shelf for an export that is being written. Dropped, it is free again.
pub(super) struct Seat {
    shelf: Shelf,
    person: Person,
    id: ExportId,
    is_taken: bool,
}

impl Seat {
    pub(super) fn id(&self) -> ExportId {
        self.id
    }

    /// Puts the export there.
    pub(super) fn keep(mut self, kept: Kept, sealed: Sealed) {
        let export = Arc::new(Export { person: self.person, kept, sealed });
        // Where the service has ended meanwhile there is no seat any more, and the export goes.
        if let Some(entry) = self.shelf.all().get_mut(&self.id) {
            entry.export = Some(export);
        }
        self.is_taken = false;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.is_taken {
            self.shelf.all().remove(&self.id);
        }
    }
}
