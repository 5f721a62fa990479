//! Checkpoints: how far a chain had come, told another way than the records. A chain alone cannot show that its end was
//! cut off, or that all of it was written anew.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use telemetry::names::AUDIT_CHECKPOINT;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::chain::hex;
use crate::head::Head;

mod read;

/// After how many records the next checkpoint is due,
const EVERY_RECORDS: u64 = 1000;
/// and after what time, if there was a record since the last one.
const EVERY: SignedDuration = SignedDuration::from_secs(60);
/// The shortest key: as long as the hash.
const LEAST_KEY_BYTES: usize = 32;
/// The longest file of a key.
const MOST_KEY_BYTES: usize = 4096;

/// How far a chain had come.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Checkpoint {
    /// The chain.
    pub chain: Uuid,
    /// The number of its last record.
    pub seq: u64,
    /// The hash of that record.
    pub head: String,
    /// When it was told.
    pub time: Timestamp,
    /// HMAC-SHA256 of `chain seq head time`, in hexadecimal, if a key was set.
    #[serde(default)]
    pub signature: Option<String>,
}

impl Checkpoint {
    fn new(head: Head, time: Timestamp, key: Option<&SigningKey>) -> Self {
        let mut checkpoint =
            Self { chain: head.chain, seq: head.seq, head: head.hash, time, signature: None };
        checkpoint.signature = key.map(|key| key.sign(&checkpoint.signed()));
        checkpoint
    }

    /// Every checkpoint in a log: JSON lines with these members, lines with `chain=… seq=… head=… time=…`, or lines of log
    /// records as a collector keeps them (OTLP as JSON).
    pub fn read_all(log: &str) -> Vec<Self> {
        log.lines().flat_map(read::line).collect()
    }

    /// Whether it was signed with this key.
    pub fn is_signed_with(&self, key: &SigningKey) -> bool {
        self.signature.as_deref().is_some_and(|signature| key.verifies(&self.signed(), signature))
    }

    fn signed(&self) -> String {
        format!("{} {} {} {}", self.chain, self.seq, self.head, self.time)
    }

    fn tell(&self) {
        let Self { chain, seq, head, time, signature } = self;
        let signature = signature.as_deref().map(tracing::field::display);
        tracing::info!(target: AUDIT_CHECKPOINT, %chain, seq, %head, %time, signature, "audit checkpoint");
    }
}

/// The checkpoints of one chain, as they fall due.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    key: Option<SigningKey>,
    told: Option<(u64, Timestamp)>,
}

impl Checkpoints {
    pub(crate) fn new(key: Option<SigningKey>) -> Self {
        Self { key, told: None }
    }

    /// Tells a checkpoint, if one is due.
    pub(crate) fn tell_if_due(&mut self, head: Option<Head>, now: Timestamp) {
        let due = match (&head, self.told) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(head), Some((seq, at))) => {
                head.seq >= seq + EVERY_RECORDS || (head.seq > seq && now.duration_since(at) >= EVERY)
            }
        };
        if due {
            self.tell(head, now);
        }
    }

    /// Tells a checkpoint now.
    pub(crate) fn tell(&mut self, head: Option<Head>, now: Timestamp) {
        let Some(head) = head else { return };
        self.told = Some((head.seq, now));
        Checkpoint::new(head, now, self.key.as_ref()).tell();
    }
}

/// The key that checkpoints are signed with.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Reads a key: the whole file, without white space at its ends.
    ///
    /// # Errors
    /// [`KeyFileError`] names the file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let content = std::fs::read(path).map(Zeroizing::new);
        let content = content.map_err(|source| KeyFileError::Unreadable { path: path.to_owned(), source })?;
        let key = content.trim_ascii();
        if !(LEAST_KEY_BYTES..=MOST_KEY_BYTES).contains(&key.len()) {
            return Err(KeyFileError::Length(path.to_owned()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    fn sign(&self, text: &str) -> String {
        hex(hmac::sign(&self.0, text.as_bytes()).as_ref())
    }

    fn verifies(&self, text: &str, signature: &str) -> bool {
        let pairs = signature.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> =
            pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
        bytes.is_some_and(|bytes| hmac::verify(&self.0, text.as_bytes(), &bytes).is_ok())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(<hidden>)")
    }
}

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key is too short, or the file is something else.
    #[error("`{}` must hold a key of 32 to 4096 bytes, for example of `openssl rand -hex 32`", .0.display())]
    Length(PathBuf),
}

#[cfg(test)]
mod tests {
    use telemetry::testing::Captured;

    use super::*;

    fn key(text: &str) -> Result<SigningKey, KeyFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, text).unwrap();
        SigningKey::read(&path)
    }

    fn head(seq: u64) -> Head {
        Head { chain: Uuid::from_u128(7), seq, hash: "ab".repeat(32) }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_signature_holds_for_every_member() {
        let (right, wrong) = (key(&"k".repeat(32)).unwrap(), key(&"l".repeat(32)).unwrap());
        let whole = Checkpoint::new(head(5), at(60), Some(&right));
        assert!(whole.is_signed_with(&right) && !whole.is_signed_with(&wrong));
        let other = |change: fn(&mut Checkpoint)| {
            let mut checkpoint = whole.clone();
            change(&mut checkpoint);
            checkpoint
        };
        for changed in [
            other(|it| it.chain = Uuid::from_u128(8)),
            other(|it| it.seq = 4),
            other(|it| it.head = "cd".repeat(32)),
            other(|it| it.time = at(61)),
            other(|it| it.signature = None),
            other(|it| it.signature = Some("ab".to_owned())),
            other(|it| it.signature = Some("äöü".to_owned())),
        ] {
            assert!(!changed.is_signed_with(&right), "{changed:?}");
        }
    }

    #[test]
    fn a_key_has_its_length_and_is_not_shown() {
        assert!(matches!(key("short"), Err(KeyFileError::Length(_))));
        assert!(matches!(key(&"x".repeat(5000)), Err(KeyFileError::Length(_))));
        assert!(matches!(SigningKey::read(Path::new("/nowhere")), Err(KeyFileError::Unreadable { .. })));
        let text = format!("{:?}", key(&"s".repeat(40)).unwrap());
        assert!(!text.contains("ssss"), "{text}");
    }

    #[test]
    fn checkpoints_fall_due_by_records_and_by_time_and_are_read_back_from_the_log() {
        let captured = Captured::install("info");
        let mut checkpoints = Checkpoints::new(Some(key(&"k".repeat(32)).unwrap()));
        checkpoints.tell_if_due(None, at(0));
        for (seq, second) in [(0, 0), (0, 600), (999, 10), (1000, 11), (1001, 70), (1001, 72), (1001, 500)] {
            checkpoints.tell_if_due(Some(head(seq)), at(second));
        }
        let read = Checkpoint::read_all(&captured.logs());
        let read: Vec<_> = read.into_iter().filter(|it| it.chain == head(0).chain).collect();
        let told: Vec<_> = read.iter().map(|it| (it.seq, it.time.as_second())).collect();
        assert_eq!(told, [(0, 0), (1000, 11), (1001, 72)]);
        assert!(read.iter().all(|it| it.is_signed_with(&key(&"k".repeat(32)).unwrap())));
        let json = r#"{"timestamp":"x","level":"INFO","message":"audit checkpoint","chain":"00000000-0000-0000-0000-000000000007","seq":3,"head":"ab","time":"1970-01-01T00:00:00Z","target":"audit::checkpoint"}"#;
        assert_eq!(Checkpoint::read_all(&format!("noise\n{json}\n{{}}\n"))[0].seq, 3);
    }
}
