//! The directory: one of its own for each process, private, locked while the process lives, and empty after it.
//!
//! Everything in it is reached through its descriptor, so whoever may write beside it moves nothing in its way. A process that
//! was killed leaves what it had; the lock does not outlive it, and so the next one knows what is nobody's and deletes it. Other
//! processes may share the directory above.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

use super::id::hex;
use super::random;

/// What the directory of a process is called, before what is its own.
const OURS: &str = "exports-";
const NAME_BYTES: usize = 16;
/// How often a name is made anew where it is taken, or its directory was taken for a leftover.
const TRIES: usize = 8;
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The directory of this process. It goes when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    above: OwnedFd,
    name: String,
    /// Locked for as long as it is open.
    dir: File,
}

/// Why there is no place for exports.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The directory cannot be used.
    #[error(
        "exports cannot be kept in `{}`: it must be a directory that this user may write to; {}",
        path.display(),
        where_to(*is_given)
    )]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// Whether it was set.
        is_given: bool,
        /// Why.
        source: io::Error,
    },
    /// Somebody else made the directory, or others may look into it.
    #[error(
        "exports cannot be kept in `{}`: it is another user's, or open to others; remove it, or set GATEWAY_EXPORT_DIR",
        path.display()
    )]
    NotPrivate {
        /// The directory.
        path: PathBuf,
    },
    /// There is no key without it.
    #[error("the system has no randomness")]
    NoRandomness,
}

fn where_to(is_given: bool) -> &'static str {
    if is_given {
        "correct GATEWAY_EXPORT_DIR, or mount a volume there"
    } else {
        "set GATEWAY_EXPORT_DIR, or mount a volume there"
    }
}

impl Place {
    /// Makes the directory of this process in the one that was given, or in a private one under the system's temporary
    /// directory, and deletes what killed processes left beside it.
    pub(super) fn open(given: Option<&Path>) -> Result<Self, PlaceError> {
        let Some(path) = given else { return private_at(&private()) };
        // The one that an operator names may be a link.
        let above = fs::canonicalize(path).and_then(|path| directory(&path));
        let place = above.and_then(Self::within);
        place.map_err(|source| PlaceError::Unusable { path: path.to_owned(), is_given: true, source })
    }

    fn within(above: OwnedFd) -> io::Result<Self> {
        sweep(&above)?;
        for _ in 0..TRIES {
            let name = format!("{OURS}{}", new_name()?);
            if let Some(dir) = own(&above, &name)? {
                return Ok(Self { above, name, dir });
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// A new file, this user's alone, of a name that says nothing.
    pub(super) fn create(&self) -> io::Result<(String, File)> {
        let name = new_name()?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.dir, &*name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok((name, File::from(file)))
    }

    /// Deletes a file, if it is still there.
    pub(super) fn delete(&self, name: &str) {
        match unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => tracing::error!(%error, "the file of an export that is over cannot be deleted"),
        }
    }

    /// Deletes all that is in it, and it.
    pub(super) fn clear(&self) {
        if let Err(error) = remove(&self.above, &self.name, &self.dir) {
            tracing::error!(%error, "the directory of this process's exports cannot be deleted");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Where exports are kept unless it is said: a name for each user, so that nobody waits for another's to go.
fn private() -> PathBuf {
    let user = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("mcp-cost-server-{user}"))
}

/// A place in a directory that must be this user's alone, and is made if it is not there: it stands among those of everybody.
pub(super) fn private_at(path: &Path) -> Result<Place, PlaceError> {
    let unusable = |source| PlaceError::Unusable { path: path.to_owned(), is_given: false, source };
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(error)),
        _ => {}
    }
    let above = directory(path).map_err(unusable)?;
    if !fstat(&above).is_ok_and(|stat| is_private(&stat)) {
        return Err(PlaceError::NotPrivate { path: path.to_owned() });
    }
    Place::within(above).map_err(unusable)
}

fn new_name() -> io::Result<String> {
    let name = random::<NAME_BYTES>().ok_or_else(|| io::Error::other("the system has no randomness"))?;
    Ok(hex(&name))
}

/// A directory itself, and nothing that a link leads to.
fn directory(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, DIRECTORY, Mode::empty())?)
}

fn is_private(stat: &Stat) -> bool {
    let others = Mode::RWXG | Mode::RWXO;
    is_own(stat) && !Mode::from_raw_mode(stat.st_mode).intersects(others)
}

fn is_own(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
        && stat.st_uid == rustix::process::geteuid().as_raw()
}

/// Makes a directory and locks it; `None` where somebody was faster, or took it for a leftover before it was locked.
fn own(above: &OwnedFd, name: &str) -> io::Result<Option<File>> {
    match mkdirat(above, name, Mode::RWXU) {
        Err(Errno::EXIST) => return Ok(None),
        made => made?,
    }
    let dir = match openat(above, name, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        opened => File::from(opened?),
    };
    if dir.try_lock().is_err() {
        return Ok(None);
    }
    let is_there = statat(above, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|there| {
        fstat(&dir).is_ok_and(|here| (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino))
    });
    Ok(is_there.then_some(dir))
}

/// Deletes the directories of processes that are no more.
fn sweep(above: &OwnedFd) -> io::Result<()> {
    for name in names(above)? {
        let is_ours = name.strip_prefix(OURS).is_some_and(|own| own.len() == 2 * NAME_BYTES);
        if !is_ours {
            continue;
        }
        // Gone, another's, or alive: not for this process to delete.
        let Ok(dir) = openat(above, &*name, DIRECTORY, Mode::empty()).map(File::from) else { continue };
        if !fstat(&dir).is_ok_and(|stat| is_own(&stat)) || dir.try_lock().is_err() {
            continue;
        }
        match remove(above, &name, &dir) {
            Ok(()) => tracing::info!("deleted the exports of a process that was killed"),
            Err(error) => {
                tracing::error!(%error, "the exports of a process that was killed cannot be deleted");
            }
        }
    }
    Ok(())
}

fn remove(above: &OwnedFd, name: &str, dir: &File) -> io::Result<()> {
    for file in names(dir).or_else(gone)? {
        let deleted = unlinkat(dir, &*file, AtFlags::empty());
        deleted.map_err(io::Error::from).or_else(gone)?;
    }
    unlinkat(above, name, AtFlags::REMOVEDIR).map_err(io::Error::from).or_else(gone)
}

/// What is gone is as it should be.
fn gone<T: Default>(error: io::Error) -> io::Result<T> {
    if error.kind() == io::ErrorKind::NotFound { Ok(T::default()) } else { Err(error) }
}

/// The names in a directory. Ours are ASCII, others are nobody's business here.
fn names(dir: impl std::os::fd::AsFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        if let Ok(name) = entry?.file_name().to_str().map(str::to_owned)
            && !matches!(&*name, "." | "..")
        {
            names.push(name);
        }
    }
    Ok(names)
}
