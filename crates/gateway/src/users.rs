//! People in traces and in the log: the same person is the same word, and the word says nothing of who it is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{self, SecureRandom as _};
use identity::Principal;
use zeroize::Zeroizing;

/// The shortest key: as long as what the hash gives.
const MIN_KEY_BYTES: usize = 32;
/// Bytes of the hash that are shown: enough that two people never look like one.
const SHOWN_BYTES: usize = 8;

/// The key that people are hashed with. Whoever has it can tell whether a word is a person that they know of.
#[derive(Clone)]
pub struct UserKey(Arc<hmac::Key>);

impl UserKey {
    /// The key in a file: the same words at every replica, and after a restart.
    ///
    /// # Errors
    /// When the file cannot be read, or holds too little to be a key.
    pub fn read(path: &Path) -> Result<Self, UserKeyError> {
        let path = path.to_owned();
        match std::fs::read(&path).map(Zeroizing::new) {
            Ok(bytes) if bytes.trim_ascii().len() < MIN_KEY_BYTES => Err(UserKeyError::Short { path }),
            Ok(bytes) => Ok(Self::new(bytes.trim_ascii())),
            Err(source) => Err(UserKeyError::Unreadable { path, source }),
        }
    }

    /// A key of this process: other words at every replica, and after a restart.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn random() -> Result<Self, UserKeyError> {
        let mut bytes = Zeroizing::new([0; MIN_KEY_BYTES]);
        rand::SystemRandom::new().fill(&mut *bytes).map_err(|_| UserKeyError::NoRandomness)?;
        Ok(Self::new(&*bytes))
    }

    fn new(bytes: &[u8]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// The word for a person, in hexadecimal.
    pub(crate) fn word_for(&self, principal: &Principal) -> String {
        let person = format!("{}/{}", principal.tenant(), principal.oid());
        let tag = hmac::sign(&self.0, person.as_bytes());
        tag.as_ref().iter().take(SHOWN_BYTES).fold(String::new(), |word, byte| word + &format!("{byte:02x}"))
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserKey")
    }
}

/// There is no key to hash people with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserKeyError {
    /// The file cannot be read.
    #[error("GATEWAY_USER_KEY_FILE `{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds too little.
    #[error("GATEWAY_USER_KEY_FILE `{}` holds less than 32 bytes: make one with `openssl rand -base64 32`", path.display())]
    Short {
        /// The file.
        path: PathBuf,
    },
    /// The system gives none.
    #[error("the system has no randomness")]
    NoRandomness,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_enough_or_refused_with_the_way_to_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "short\n").unwrap();
        assert!(UserKey::read(&file).unwrap_err().to_string().contains("openssl rand"));
        std::fs::write(&file, format!("{}\n", "k".repeat(MIN_KEY_BYTES))).unwrap();
        assert!(UserKey::read(&file).is_ok());
        assert!(
            UserKey::read(&folder.path().join("none"))
                .unwrap_err()
                .to_string()
                .contains("GATEWAY_USER_KEY_FILE")
        );
    }
}
