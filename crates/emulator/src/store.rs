//! Where keys and certificates live between runs: one PEM file each, readable by their owner alone.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// A directory of PEM files, or nothing at all.
#[derive(Debug)]
pub(crate) struct Store {
    dir: Option<PathBuf>,
}

impl Store {
    /// Opens (and creates) the directory; `None` keeps nothing.
    pub(crate) fn open(dir: Option<&Path>) -> io::Result<Self> {
        if let Some(dir) = dir {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        Ok(Self { dir: dir.map(Path::to_owned) })
    }

    /// The kept text of `name`, if there is one.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<String>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps `text` as `name` unless something is kept already; returns what is kept now. Emulators that start at the
    /// same time with the same directory end up with the same keys.
    pub(crate) fn keep(&self, name: &str, text: String) -> io::Result<String> {
        let Some(path) = self.path(name) else { return Ok(text) };
        let temporary = write_beside(&path, &text)?;
        let linked = fs::hard_link(&temporary, &path);
        fs::remove_file(&temporary)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read_to_string(path),
            other => other.map(|()| text),
        }
    }

    /// Keeps `text` as `name`, mode 0600; replaced in one step, so that a reader never sees half a key.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let Some(path) = self.path(name) else { return Ok(()) };
        write_private(&path, text)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(name))
    }
}

/// Writes a file only its owner can read, in one step.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    fs::rename(write_beside(path, text)?, path)
}

/// Writes a private file of a name nobody else uses, in the directory of `path`.
fn write_beside(path: &Path, text: &str) -> io::Result<PathBuf> {
    let temporary = path.with_extension(format!("{}.tmp", Uuid::new_v4()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(temporary)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::Store;

    #[test]
    fn the_first_to_keep_wins_and_files_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Some(dir.path())).unwrap();
        assert_eq!(store.keep("key.pem", "first".into()).unwrap(), "first");
        assert_eq!(store.keep("key.pem", "second".into()).unwrap(), "first");
        store.write("key.pem", "third").unwrap();
        assert_eq!(store.read("key.pem").unwrap().as_deref(), Some("third"));
        let mode = std::fs::metadata(dir.path().join("key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
