//! Links that work once: for people whose client cannot fetch.
//!
//! Of a link its hash is kept, with the export that it is of. So nothing here opens anything, and neither would a log of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::id::ExportId;
use super::random;

/// Bytes that nobody guesses.
const SECRET_BYTES: usize = 32;
/// Links that are remembered. The next one makes those go that are over, and is not made where none is.
const MOST: usize = 10_000;

/// The links that were not used yet.
#[derive(Debug, Default)]
pub(super) struct Links(Mutex<HashMap<Hash, Link>>);

type Hash = [u8; 32];

#[derive(Clone, Copy, Debug)]
struct Link {
    of: ExportId,
    until: Timestamp,
}

impl Links {
    /// The secret of a new link.
    pub(super) fn make(&self, of: ExportId, now: Timestamp, life: Duration) -> Option<String> {
        let secret = BASE64_URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()?);
        let until = now.saturating_add(life).unwrap_or(now);
        let mut all = self.all();
        all.retain(|_, link| link.until > now);
        if all.len() >= MOST {
            return None;
        }
        all.insert(hash(&secret), Link { of, until });
        Some(secret)
    }

    /// Whether the link would work now.
    pub(super) fn works(&self, of: ExportId, secret: &str, now: Timestamp) -> bool {
        self.all().get(&hash(secret)).is_some_and(|link| link.of == of && link.until > now)
    }

    /// Uses the link up. Of two who come at once one is told that it works.
    pub(super) fn take(&self, of: ExportId, secret: &str, now: Timestamp) -> bool {
        self.works(of, secret, now) && self.all().remove(&hash(secret)).is_some()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Hash, Link>> {
        // Held for a few instructions that leave it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(secret: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}
