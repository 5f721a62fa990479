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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::cache::key::CacheKey;
    use crate::testing::cache_keys;

    fn names(key_file: &str) -> [String; 6] {
        let names = Names::new(Arc::new(SealingKeys::parse(key_file.as_bytes()).unwrap()));
        let user = UserKey::from_bytes([1; 32]);
        let place = Place { key: CacheKey::of(&[b"x"]), user };
        [
            names.entry(&place),
            names.lease(&place),
            names.generation(&user),
            names.log(),
            names.replicas(),
            names.confirmations(b"nonce"),
        ]
    }

    #[test]
    fn deployments_that_share_a_redis_share_no_name_in_it() {
        let one = cache_keys("k1", 1);
        let other = one.replacen("AAAA", "BAAA", 1);
        let all: HashSet<_> = names(&one).into_iter().chain(names(&other)).collect();
        assert_eq!(all.len(), 12, "{all:?}");
        assert_eq!(names(&one), names(&cache_keys("k2", 2)), "a rotation changes none");
    }
}
