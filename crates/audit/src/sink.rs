//! Where records are written: standard output, or a file that is appended to. Blocks, so only the writer's thread is here.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::chain::{MAX_RECORD_BYTES, Sealed};
use crate::head::Head;

/// How often it is looked whether the file was moved away, as who rotates logs does.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How much of a file's end is searched for its last record.
const TAIL_BYTES: u64 = 8 * MAX_RECORD_BYTES as u64;

/// An open destination.
#[derive(Debug)]
pub(crate) struct Sink {
    file: File,
    /// Where it can be opened anew; standard output cannot.
    path: Option<PathBuf>,
    /// Whether it is a file that can be flushed to a disk, and moved away.
    regular: bool,
    looked: Instant,
}

/// What was found in a file that is appended to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The last record in it.
    pub(crate) head: Option<Head>,
    /// Its last line is half written: a process died there.
    pub(crate) torn: bool,
}

impl Sink {
    /// Standard output, which is written to without a buffer of its own: what it took is what there is.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn stdout() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let regular = file.metadata()?.is_file();
        Ok(Self { file, path: None, regular, looked: Instant::now() })
    }

    /// Opens a file, and looks for its last record.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(path: &Path) -> Result<(Self, Found), OpenError> {
        let sink = Self::append_to(path)?;
        let found = if sink.regular { find_last(path)? } else { Found::default() };
        Ok((sink, found))
    }

    /// Writes bytes, and has them on the disk when it returns, where there is one. `written` counts those that were taken,
    /// also where it fails.
    pub(crate) fn write(&mut self, mut bytes: &[u8], written: &mut usize) -> io::Result<()> {
        self.follow_the_path()?;
        while !bytes.is_empty() {
            let taken = match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            *written += taken;
            bytes = &bytes[taken..];
        }
        if self.regular { self.file.sync_data() } else { Ok(()) }
    }

    fn append_to(path: &Path) -> Result<Self, OpenError> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let regular = file.metadata()?.is_file();
        if regular {
            // Two writers would tear each other's lines. Where files cannot be locked, nobody can be kept out.
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                return Err(OpenError::InUse);
            }
        }
        Ok(Self { file, path: Some(path.to_owned()), regular, looked: Instant::now() })
    }

    /// Goes on in a new file where the present one was moved away.
    fn follow_the_path(&mut self) -> io::Result<()> {
        let Some(path) = self.path.as_deref().filter(|_| self.regular && self.looked.elapsed() >= LOOK_EVERY)
        else {
            return Ok(());
        };
        if is_at(&self.file, path)? {
            self.looked = Instant::now();
        } else {
            *self = Self::append_to(path).map_err(OpenError::into_io)?;
        }
        Ok(())
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn find_last(path: &Path) -> io::Result<Found> {
    let mut file = File::open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail)?;
    let head = tail.split(|byte| *byte == b'\n').rev().find_map(Sealed::read).map(|last| last.head());
    Ok(Found { head, torn: tail.last().is_some_and(|byte| *byte != b'\n') })
}

/// A file that cannot be appended to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another process writes to it.
    #[error("another process writes to it: each needs a file of its own")]
    InUse,
}

impl OpenError {
    fn into_io(self) -> io::Error {
        match self {
            Self::Io(error) => error,
            Self::InUse => io::Error::new(io::ErrorKind::ResourceBusy, self),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The kernel calls this one a file, takes what is written to it, and cannot bring it to a disk. So it tells who asks for that.
    const WITHOUT_A_DISK: &str = "/proc/self/comm";

    #[test]
    fn what_does_not_reach_the_disk_is_not_written() {
        let mut sink = Sink::append_to(Path::new(WITHOUT_A_DISK)).unwrap();
        assert!(sink.regular, "to the kernel it is a file as any");
        let mut written = 0;
        let outcome = sink.write(b"audit\n", &mut written);
        assert_eq!(written, 6, "all of it was taken");
        assert_eq!(outcome.map_err(|error| error.kind()), Err(io::ErrorKind::InvalidInput));
        // What is no file is not brought to a disk.
        let mut sink = Sink { regular: false, ..sink };
        assert!(sink.write(b"audit\n", &mut written).is_ok());
    }
}
