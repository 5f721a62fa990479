//! A value that is read from files and follows them: certificates, the consumers file, keys.
//!
//! Files are looked at every two seconds and compared by content, because a Kubernetes volume swaps a symbolic link
//! (`..data`) above them, which neither a modification time nor a watch of the file itself shows. A change counts
//! once two looks in a row saw the same, so that a file half written is not believed even where it parses; and the
//! old value stays in force until the new one parses; what does not is tried again at each look, for a certificate may
//! just not have begun. This module must not know what stands in the files.

use std::{
    error::Error,
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use tokio::{task, time};
use zeroize::Zeroizing;

/// How often files are looked at. A change is in force after two looks: within five seconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The longest file that is read: credentials, chains and lists of consumers take some KiB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What stood in a file. Wiped when dropped, for it may be a secret.
pub(crate) type Content = Zeroizing<Vec<u8>>;

/// A value that follows its files.
pub(crate) struct Watched<T> {
    what: &'static str,
    paths: Vec<PathBuf>,
    parse: Box<Parse<T>>,
    value: ArcSwap<T>,
    seen: Mutex<Seen>,
}

type Parse<T> = dyn Fn(&[Content]) -> Result<T, Reason> + Send + Sync;
type Reason = Box<dyn Error + Send + Sync>;
type Fingerprint = [u8; 32];

/// What was seen of the files: which content is in force or was refused, and which was seen for the first time.
struct Seen {
    settled: Fingerprint,
    refused: bool,
    pending: Option<Fingerprint>,
}

/// What a look at the files brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing new.
    Same,
    /// Something new, to be seen once more before it counts.
    Pending,
    /// A new value is in force.
    Replaced,
    /// What stands in the files cannot be used, or they cannot be read: the old value stays in force.
    Kept,
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads and parses the files. `what` names the value in the log.
    ///
    /// # Errors
    /// [`WatchError`] if a file cannot be read or used: at the start there is no old value to keep.
    pub(crate) fn load(
        what: &'static str,
        paths: Vec<PathBuf>,
        parse: impl Fn(&[Content]) -> Result<T, Reason> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, WatchError> {
        let contents = read_all(&paths)?;
        let value = parse(&contents).map_err(|reason| WatchError::Unusable { what, reason })?;
        let seen = Mutex::new(Seen { settled: fingerprint(&contents), refused: false, pending: None });
        let value = ArcSwap::from_pointee(value);
        Ok(Arc::new(Self { what, paths, parse: Box::new(parse), value, seen }))
    }

    /// The value in force.
    pub(crate) fn current(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Follows the files. Never returns.
    pub(crate) async fn follow(self: Arc<Self>) {
        loop {
            time::sleep(LOOK_EVERY).await;
            let watched = Arc::clone(&self);
            // A network file system may take its time.
            let _panicked = task::spawn_blocking(move || watched.look()).await;
        }
    }

    /// Looks at the files once.
    pub(crate) fn look(&self) -> Look {
        let contents = match read_all(&self.paths) {
            Ok(contents) => contents,
            Err(error) => {
                // In the midst of a swap a file may be missing for a moment.
                tracing::debug!(
                    what = self.what,
                    error = &error as &dyn Error,
                    "a watched file was not read"
                );
                return Look::Kept;
            }
        };
        let fingerprint = fingerprint(&contents);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = fingerprint == seen.settled;
        if known && !seen.refused {
            seen.pending = None;
            return Look::Same;
        }
        if !known && seen.pending.replace(fingerprint) != Some(fingerprint) {
            return Look::Pending;
        }
        let parsed = (self.parse)(&contents);
        *seen = Seen { settled: fingerprint, refused: parsed.is_err(), pending: None };
        drop(seen);
        match parsed {
            Ok(value) => {
                self.value.store(Arc::new(value));
                tracing::info!(what = self.what, "reloaded from changed files");
                Look::Replaced
            }
            Err(_) if known => Look::Kept,
            Err(reason) => {
                tracing::error!(
                    what = self.what,
                    error = &*reason as &dyn Error,
                    "the changed files cannot be used: the last good value stays in force"
                );
                Look::Kept
            }
        }
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("what", &self.what)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

/// Files that cannot be used at the start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is none of those expected, by its size.
    #[error("`{}` is larger than 1 MiB", .0.display())]
    TooLarge(PathBuf),
    /// The content cannot be used.
    #[error("the {what} cannot be used")]
    Unusable {
        /// What the files hold.
        what: &'static str,
        /// Why.
        #[source]
        reason: Reason,
    },
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<Content>, WatchError> {
    paths.iter().map(|path| read(path)).collect()
}

/// Reads one file, within the bound.
///
/// # Errors
/// [`WatchError`] names the file.
pub(crate) fn read(path: &Path) -> Result<Content, WatchError> {
    let unreadable = |source| WatchError::Unreadable { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(unreadable)?;
    // Room for the whole file at once: a buffer that grows leaves copies behind that nobody wipes.
    let expected = file.metadata().map_or(0, |metadata| metadata.len().min(MAX_FILE_BYTES));
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1));
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(WatchError::TooLarge(path.to_owned()));
    }
    Ok(content)
}

fn fingerprint(contents: &[Content]) -> Fingerprint {
    let mut context = digest::Context::new(&digest::SHA256);
    for content in contents {
        context.update(&(content.len() as u64).to_be_bytes());
        context.update(content);
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn number(contents: &[Content]) -> Result<u32, Reason> {
        Ok(str::from_utf8(&contents[0])?.trim().parse()?)
    }

    fn watched(text: &str) -> (TempDir, PathBuf, Arc<Watched<u32>>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        fs::write(&path, text).unwrap();
        let watched = Watched::load("number", vec![path.clone()], number).unwrap();
        (dir, path, watched)
    }

    #[test]
    fn a_change_counts_when_it_was_seen_twice() {
        let (_dir, path, watched) = watched("1");
        assert_eq!(watched.look(), Look::Same);
        fs::write(&path, "2").unwrap();
        assert_eq!((watched.look(), *watched.current()), (Look::Pending, 1));
        assert_eq!((watched.look(), *watched.current()), (Look::Replaced, 2));
        assert_eq!(watched.look(), Look::Same);
    }

    #[test]
    fn a_file_half_written_is_not_believed_even_where_it_parses() {
        let (_dir, path, watched) = watched("1");
        fs::write(&path, "12").unwrap();
        assert_eq!(watched.look(), Look::Pending);
        fs::write(&path, "1234").unwrap();
        assert_eq!((watched.look(), *watched.current()), (Look::Pending, 1));
        assert_eq!((watched.look(), *watched.current()), (Look::Replaced, 1234));
    }

    #[test]
    fn what_cannot_be_used_leaves_the_old_value() {
        let (_dir, path, watched) = watched("1");
        for broken in ["", "x"] {
            fs::write(&path, broken).unwrap();
            assert_eq!(watched.look(), Look::Pending);
            assert_eq!((watched.look(), *watched.current()), (Look::Kept, 1));
        }
        fs::remove_file(&path).unwrap();
        assert_eq!((watched.look(), *watched.current()), (Look::Kept, 1));
        fs::write(&path, "3").unwrap();
        assert_eq!((watched.look(), watched.look(), *watched.current()), (Look::Pending, Look::Replaced, 3));
    }

    #[test]
    fn what_could_not_be_used_is_tried_again() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        fs::write(&path, "1").unwrap();
        let begun = Arc::new(AtomicBool::new(true));
        let gate = Arc::clone(&begun);
        let parse = move |contents: &[Content]| {
            if gate.load(Ordering::SeqCst) { number(contents) } else { Err("not yet".into()) }
        };
        let watched = Watched::load("number", vec![path.clone()], parse).unwrap();
        begun.store(false, Ordering::SeqCst);
        fs::write(&path, "2").unwrap();
        assert_eq!([watched.look(), watched.look(), watched.look()], [Look::Pending, Look::Kept, Look::Kept]);
        begun.store(true, Ordering::SeqCst);
        assert_eq!((watched.look(), *watched.current()), (Look::Replaced, 2));
        assert_eq!(watched.look(), Look::Same);
    }

    #[test]
    fn a_volume_of_kubernetes_is_followed_through_its_swap() {
        let dir = tempfile::tempdir().unwrap();
        let version = |name: &str, text: &str| {
            let folder = dir.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("number"), text).unwrap();
            folder
        };
        let (old, new) = (version("..2026_1", "1"), version("..2026_2", "2"));
        symlink(&old, dir.path().join("..data")).unwrap();
        symlink("..data/number", dir.path().join("number")).unwrap();
        let watched = Watched::load("number", vec![dir.path().join("number")], number).unwrap();

        symlink(&new, dir.path().join("..data_tmp")).unwrap();
        fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
        fs::remove_dir_all(&old).unwrap();

        assert_eq!((watched.look(), watched.look(), *watched.current()), (Look::Pending, Look::Replaced, 2));
    }

    #[test]
    fn at_the_start_a_fault_is_told() {
        let missing = Watched::load("number", vec![PathBuf::from("/nowhere/at/all")], number).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/at/all"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("number");
        fs::write(&path, vec![b'1'; 1024 * 1024 + 1]).unwrap();
        assert!(matches!(Watched::load("number", vec![path.clone()], number), Err(WatchError::TooLarge(_))));
        fs::write(&path, "x").unwrap();
        let unusable = Watched::load("number", vec![path], number).unwrap_err();
        assert_eq!(unusable.to_string(), "the number cannot be used");
    }
}
