//! What was proved already: a token need not be verified again while it lives and its keys stand.
//!
//! An entry is the SHA-256 of a token and the [`Principal`] in it; the token itself is not kept, nor is a refusal. The
//! entries are a part of the key set they were proved with. The set that takes its place begins with none, so what a
//! key had vouched for goes when the key is withdrawn, replaced, or limited to another issuer.
//!
//! This module must not know any rule: what may change in the life of a token is asked by `validate`.

use std::fmt;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::principal::Principal;

/// How much memory the entries of one key set may take: room for about 26,000 ordinary tokens.
pub(crate) const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// What an entry takes beside its value: key, counters, hash table, queue nodes, what the allocator loses. Measured: the
/// resident memory of 200,000 entries (1.26 KiB each) less [`Principal::footprint`].
const ENTRY_OVERHEAD: usize = 780;

/// Principals by the digest of their token. Whoever was asked for least recently makes room.
pub(crate) struct ProvedTokens(Cache<[u8; 32], Principal>);

impl ProvedTokens {
    /// An empty set that takes at most `bytes` of memory.
    pub(crate) fn bounded(bytes: u64) -> Self {
        let cache = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_, principal: &Principal| {
                u32::try_from(principal.footprint() + ENTRY_OVERHEAD).unwrap_or(u32::MAX)
            })
            // Tokens are used much while they live and then no more: how often one was used says nothing.
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self(cache)
    }

    /// Who is in the token of this digest, if it was proved.
    pub(crate) fn get(&self, token_digest: &[u8; 32]) -> Option<Principal> {
        self.0.get(token_digest)
    }

    /// Keeps who is in the token of this digest.
    pub(crate) fn keep(&self, token_digest: [u8; 32], principal: Principal) {
        self.0.insert(token_digest, principal);
    }
}

impl Default for ProvedTokens {
    fn default() -> Self {
        Self::bounded(MAX_BYTES)
    }
}

impl fmt::Debug for ProvedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvedTokens").field("entries", &self.0.entry_count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::claims::Claims;

    fn principal(roles: usize) -> Principal {
        let roles: Vec<_> = (0..roles).map(|n| format!("Role.{n}")).collect();
        let claims = json!({
            "iss": "i", "aud": "a", "tid": "aaaabbbb-0000-cccc-1111-dddd2222eeee", "nbf": 0, "exp": 3600,
            "oid": "a11ce000-0000-4000-8000-000000000001", "azp": "22223333-cccc-4444-dddd-5555eeee6666",
            "roles": roles,
        });
        let claims = Claims::read(claims.as_object().unwrap()).unwrap();
        let (oid, client) = (claims.oid.unwrap(), claims.client.unwrap());
        Principal::new(claims, oid, client, false)
    }

    fn digest(n: u16) -> [u8; 32] {
        let mut digest = [0; 32];
        digest[..2].copy_from_slice(&n.to_be_bytes());
        digest
    }

    #[test]
    fn memory_is_bounded_and_the_longest_unused_goes_first() {
        let principal = principal(0);
        let weight = u64::try_from(principal.footprint() + ENTRY_OVERHEAD).unwrap();
        let proved = ProvedTokens::bounded(10 * weight);
        for n in 0..1000 {
            proved.keep(digest(n), principal.clone());
            assert!(n < 5 || proved.get(&digest(5)).is_some() || n == 5, "what is used stays");
            proved.0.run_pending_tasks();
        }
        assert_eq!(proved.0.weighted_size(), 10 * weight);
        assert!(proved.get(&digest(999)).is_some() && proved.get(&digest(5)).is_some());
        assert!(proved.get(&digest(0)).is_none());
    }

    #[test]
    fn all_room_is_32_mib() {
        assert_eq!(ProvedTokens::default().0.policy().max_capacity(), Some(33_554_432));
    }

    #[test]
    fn a_token_with_many_roles_weighs_what_it_takes() {
        // Measured: a text's pointer, length and capacity, and what the allocator rounds up to.
        assert_eq!(principal(10).footprint() - principal(9).footprint(), "Role.9".len() + 48);
        let proved = ProvedTokens::bounded(2000);
        proved.keep(digest(1), principal(200));
        proved.0.run_pending_tasks();
        assert!(proved.get(&digest(1)).is_none(), "one that is larger than all room is not kept");
    }

    #[test]
    fn debug_shows_nobody() {
        let proved = ProvedTokens::default();
        proved.keep(digest(1), principal(0));
        proved.0.run_pending_tasks();
        assert_eq!(format!("{proved:?}"), "ProvedTokens { entries: 1, .. }");
    }
}
