//! One sealed file, and the room that it takes.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::fault::ExportFault;
use super::id::ExportId;
use super::place::Place;
use super::seal::{CHUNK, Chunk, Seal, TAG, chunks};

/// The room of all exports, in bytes on disk.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) most: u64,
    taken: AtomicU64,
}

impl Room {
    pub(super) fn new(most: u64) -> Self {
        Self { most, taken: AtomicU64::new(0) }
    }

    /// Takes so many bytes, if there are as many.
    fn take(&self, bytes: u64) -> bool {
        let grown = |taken: u64| taken.checked_add(bytes).filter(|taken| *taken <= self.most);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// A file, the key to it, and what it takes of the room. When it is dropped, all three go.
pub(super) struct Sealed {
    file: File,
    name: String,
    seal: Seal,
    on_disk: u64,
    room: Arc<Room>,
    place: Arc<Place>,
}

impl Sealed {
    pub(super) fn create(of: ExportId, room: &Arc<Room>, place: &Arc<Place>) -> Result<Self, ExportFault> {
        let seal = Seal::new(of).ok_or(ExportFault::Unavailable)?;
        let (name, file) = place.create().map_err(|error| failed(&error))?;
        Ok(Self { file, name, seal, on_disk: 0, room: Arc::clone(room), place: Arc::clone(place) })
    }

    /// Seals a chunk where it is, and writes it behind the one before. The room is taken first.
    pub(super) fn append(&mut self, chunk: Chunk, text: &mut Vec<u8>) -> Result<(), ExportFault> {
        let more = (text.len() + TAG) as u64;
        if self.on_disk + more > self.room.most {
            return Err(ExportFault::TooLarge { most: self.room.most });
        }
        if !self.room.take(more) {
            return Err(ExportFault::NoRoom { retry_in_seconds: None });
        }
        self.on_disk += more;
        self.seal.close(chunk, text).map_err(|_| ExportFault::Unavailable)?;
        self.file.write_all(text).map_err(|error| failed(&error))
    }

    /// A chunk as it was before it was sealed, of a whole that was `size` bytes then.
    pub(super) fn read(&self, number: u64, size: u64) -> io::Result<Zeroizing<Vec<u8>>> {
        let is_last = number + 1 == chunks(size);
        let length = if is_last { size - number * CHUNK as u64 } else { CHUNK as u64 };
        // A chunk is far smaller than any memory.
        let mut text = Zeroizing::new(vec![0; usize::try_from(length).unwrap_or(CHUNK) + TAG]);
        self.file.read_exact_at(&mut text, number * (CHUNK + TAG) as u64)?;
        self.seal.open(Chunk { number, is_last }, &mut text).map_err(io::Error::other)?;
        Ok(text)
    }

    /// Deletes the file. Who reads it goes on reading, and the room is free when they are done.
    pub(super) fn delete(&self) {
        self.place.delete(&self.name);
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.delete();
        self.room.give_back(self.on_disk);
    }
}

/// Tells the operator what failed, and the caller what that means for them.
pub(super) fn failed(error: &io::Error) -> ExportFault {
    tracing::error!(%error, "the file of an export cannot be used: look at GATEWAY_EXPORT_DIR and its disk");
    error.into()
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::super::id::Maker;
    use super::*;

    #[test]
    fn a_disk_that_is_full_is_said_to_be_and_keeps_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (place, room) = (Arc::new(Place::open(Some(dir.path())).unwrap()), Arc::new(Room::new(1 << 20)));
        let of = ExportId::new(Maker::new().unwrap()).unwrap();
        let mut sealed = Sealed::create(of, &room, &place).unwrap();
        let chunk = |number| Chunk { number, is_last: false };
        assert_eq!(sealed.append(chunk(0), &mut vec![1; CHUNK]), Ok(()));
        // What a disk without room answers.
        sealed.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(sealed.append(chunk(1), &mut vec![2; CHUNK]), Err(ExportFault::DiskFull));
        drop(sealed);
        assert_eq!(room.taken(), 0);
        let files = walk(dir.path());
        assert_eq!(files, 1, "the directory of this process, and nothing in it");
    }

    /// How many files and directories there are below.
    fn walk(path: &std::path::Path) -> usize {
        let below =
            |entry: std::fs::DirEntry| if entry.path().is_dir() { 1 + walk(&entry.path()) } else { 1 };
        std::fs::read_dir(path).unwrap().map(|entry| below(entry.unwrap())).sum()
    }
}
