//! A memory of every credential the emulator issued or saw, so that a test-suite can search captured logs for them.
//!
//! Off unless asked for: a long-lived emulator must not grow with every token.

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Every real credential is longer; what clients send in its place ("FAIL") may not be.
const SHORTEST: usize = 16;

/// The credentials seen so far; remembers nothing unless recording was asked for.
pub(crate) struct Secrets {
    seen: Option<Mutex<Vec<String>>>,
}

impl Secrets {
    /// A memory that records only if `recording` is set.
    pub(crate) fn new(recording: bool) -> Self {
        Self { seen: recording.then(Mutex::default) }
    }

    /// Remembers `secret`, unless it is so short that a search for it would find what is not a credential.
    pub(crate) fn remember(&self, secret: &str) {
        if let Some(seen) = &self.seen
            && secret.len() >= SHORTEST
        {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_owned());
        }
    }

    /// A copy of everything remembered, each once.
    pub(crate) fn all(&self) -> Vec<String> {
        let Some(seen) = &self.seen else { return Vec::new() };
        let mut all = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("recording", &self.seen.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn remembers_only_when_asked() {
        let off = Secrets::new(false);
        off.remember("a credential of some length");
        assert!(off.all().is_empty());

        let on = Secrets::new(true);
        for text in ["bbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "short"] {
            on.remember(text);
        }
        assert_eq!(on.all(), ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"]);
        assert!(!format!("{on:?}").contains("aaaa"));
    }
}
