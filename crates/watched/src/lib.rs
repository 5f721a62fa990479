//! A value that is read from files and follows them: certificates, the consumers file, the policy, keys.
//!
//! Files are looked at every two seconds and compared by content, because a Kubernetes volume swaps a symbolic link
//! (`..data`) above them, which neither a modification time nor a watch of the file itself shows. A change counts
//! once two looks in a row saw the same, so that a file half written is not believed even where it parses; and the
//! old value stays in force until the new one parses; what does not is tried again at each look, for a certificate may
//! just not have begun. Where the files hold something else than what is in force, or cannot be read any more, the log
//! and a gauge say so: what was withdrawn in them still holds. This module must not know what stands in the files.

use std::error::Error;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, fs};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use telemetry::names;
use tokio::{task, time};
use zeroize::Zeroizing;

/// How often files are looked at. A change is in force after two looks: within five seconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So many looks in a row that found no way to what is in force are not a coincidence: one falls into the midst of a swap,
/// or is the first to see a change.
const LOOKS_TO_TELL: u32 = 2;
/// The longest file that is read: credentials, chains and lists of consumers take some KiB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What stood in a file. Wiped when dropped, for it may be a secret.
pub type Content = Zeroizing<Vec<u8>>;

/// A value that follows its files.
pub struct Watched<T> {
    what: &'static str,
    paths: Vec<PathBuf>,
    parse: Box<Parse<T>>,
    value: ArcSwap<T>,
    seen: Mutex<Seen>,
}

type Parse<T> = dyn Fn(&[Content]) -> Result<T, Reason> + Send + Sync;
/// Why the content of files cannot be used.
pub type Reason = Box<dyn Error + Send + Sync>;
type Fingerprint = [u8; 32];

/// What was seen of the files: which content is in force or was refused, and which was seen for the first time.
struct Seen {
    settled: Fingerprint,
    refused: bool,
    pending: Option<Fingerprint>,
    /// Looks in a row that did not end with the files' content in force.
    astray: u32,
    /// Looks in a row that could not read the files.
    unread: u32,
}

/// What a look at the files brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
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
    pub fn load(
        what: &'static str,
        paths: Vec<PathBuf>,
        parse: impl Fn(&[Content]) -> Result<T, Reason> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, WatchError> {
        let contents = read_all(&paths)?;
        let value = parse(&contents).map_err(|reason| WatchError::Unusable { what, reason })?;
        let settled = fingerprint(&contents);
        let seen = Mutex::new(Seen { settled, refused: false, pending: None, astray: 0, unread: 0 });
        let value = ArcSwap::from_pointee(value);
        Ok(Arc::new(Self { what, paths, parse: Box::new(parse), value, seen }))
    }

    /// The value in force.
    pub fn current(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Follows the files. Never returns.
    pub async fn follow(self: Arc<Self>) {
        loop {
            time::sleep(LOOK_EVERY).await;
            let watched = Arc::clone(&self);
            // A network file system may take its time.
            let _panicked = task::spawn_blocking(move || watched.look()).await;
        }
    }

    /// Whether the files hold something else than what is in force, or cannot be read, and not just for a moment.
    pub fn is_stale(&self) -> bool {
        self.seen().astray >= LOOKS_TO_TELL
    }

    /// Shows in the metrics, by the service's own gauge of this name, whether it is stale.
    pub fn observe(self: &Arc<Self>, meter: &Meter, gauge: &'static str) {
        let watched = Arc::clone(self);
        let file = KeyValue::new(names::FILE, self.what.to_ascii_lowercase().replace(' ', "_"));
        meter
            .u64_observable_gauge(gauge)
            .with_callback(move |gauge| {
                gauge.observe(u64::from(watched.is_stale()), std::slice::from_ref(&file));
            })
            .build();
    }

    /// Looks at the files once.
    pub fn look(&self) -> Look {
        let contents = read_all(&self.paths);
        let mut seen = self.seen();
        // Before it is known: a parser that panics leaves the old value in force as well.
        seen.astray = seen.astray.saturating_add(1);
        let look = match contents {
            Ok(contents) => {
                self.was_read(&mut seen);
                self.take(&mut seen, &contents)
            }
            Err(error) => {
                self.was_not_read(&mut seen, &error);
                Look::Kept
            }
        };
        if matches!(look, Look::Same | Look::Replaced) {
            seen.astray = 0;
        }
        look
    }

    fn take(&self, seen: &mut Seen, contents: &[Content]) -> Look {
        let fingerprint = fingerprint(contents);
        let known = fingerprint == seen.settled;
        if known && !seen.refused {
            seen.pending = None;
            return Look::Same;
        }
        if !known && seen.pending.replace(fingerprint) != Some(fingerprint) {
            return Look::Pending;
        }
        let parsed = (self.parse)(contents);
        (seen.settled, seen.refused, seen.pending) = (fingerprint, parsed.is_err(), None);
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

    fn was_not_read(&self, seen: &mut Seen, error: &WatchError) {
        seen.unread = seen.unread.saturating_add(1);
        let (what, error) = (self.what, error as &dyn Error);
        if seen.unread == LOOKS_TO_TELL {
            tracing::warn!(
                what,
                error,
                "a followed file cannot be read any more: what it held stays in force, and no change of it is seen"
            );
        } else {
            // In the midst of a swap a file may be missing for a moment; and what was told is not told at each look.
            tracing::debug!(what, error, "a followed file was not read");
        }
    }

    fn was_read(&self, seen: &mut Seen) {
        if std::mem::take(&mut seen.unread) >= LOOKS_TO_TELL {
            tracing::info!(what = self.what, "the followed files can be read again");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// A file is too large to be one of those expected.
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
pub fn read(path: &Path) -> Result<Content, WatchError> {
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
mod tests;
