//! Where keys and certificates live between runs: one PEM file each, readable by their owner alone.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

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

    /// Keeps `text` as `name`, mode 0600; replaced in one step, so that a reader never sees half a key.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let Some(path) = self.path(name) else { return Ok(()) };
        write_private(&path, text)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.dir.as_ref().map(|dir| dir.join(name))
    }
}

/// Writes a file only its owner can read, by way of a temporary name beside it.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
