//! The names of things in Redis. Whose they are cannot be told from them.

use std::sync::Arc;

use super::seal::SealingKeys;
use crate::cache::{Place, UserKey};

/// Names under one key file. Brokers whose files differ in `names` can share a Redis and not see each other.
pub(super) struct Names {
    keys: Arc<SealingKeys>,
    prefix: String,
}

impl Names {
    pub(super) fn new(keys: Arc<SealingKeys>) -> Self {
        let prefix = format!("token-broker:{}", &keys.name(&[b"deployment"])[..8]);
        Self { keys, prefix }
    }

    /// The outcome at a place.
    pub(super) fn entry(&self, place: &Place) -> String {
        self.of_place("e", place)
    }

    /// Whose turn it is to get the outcome.
    pub(super) fn lease(&self, place: &Place) -> String {
        self.of_place("l", place)
    }

    /// What every entry of a user is bound to.
    pub(super) fn generation(&self, user: &UserKey) -> String {
        format!("{}:{{{}}}:g", self.prefix, self.user(user))
    }

    /// The log of purges.
    pub(super) fn log(&self) -> String {
        format!("{}:purges", self.prefix)
    }

    /// The replicas' heartbeats.
    pub(super) fn replicas(&self) -> String {
        format!("{}:replicas", self.prefix)
    }

    /// Who has confirmed the purge of that nonce.
    pub(super) fn confirmations(&self, nonce: &[u8]) -> String {
        format!("{}:confirmed:{}", self.prefix, self.keys.name(&[b"confirmed", nonce]))
    }

    fn of_place(&self, kind: &str, place: &Place) -> String {
        let entry = self.keys.name(&[b"entry", place.key.as_bytes()]);
        format!("{}:{{{}}}:{kind}:{entry}", self.prefix, self.user(&place.user))
    }

    fn user(&self, user: &UserKey) -> String {
        self.keys.name(&[b"user", user.as_bytes()])
    }
}
