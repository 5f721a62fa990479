//! What names an entry, and whose it is.

use std::fmt;

use aws_lc_rs::digest;
use identity::{ObjectId, Principal, TenantId};

/// Where an outcome belongs: to one session of one user, for one downstream resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: CacheKey,
    pub(crate) user: UserKey,
}

impl Place {
    pub(crate) fn new(principal: &Principal, scope: &str, assertion_digest: &[u8; 32]) -> Self {
        let (tenant, oid) = (principal.tenant(), principal.oid());
        let key = CacheKey::of(&[
            tenant.as_uuid().as_bytes(),
            oid.as_uuid().as_bytes(),
            principal.client().as_uuid().as_bytes(),
            scope.as_bytes(),
            assertion_digest,
        ]);
        Self { key, user: UserKey::new(tenant, oid) }
    }

    /// The place of the same exchange with a claims request.
    pub(crate) fn with_claims(&self, claims_digest: &[u8; 32]) -> Self {
        Self { key: CacheKey::of(&[&self.key.0, claims_digest]), user: self.user }
    }
}

/// What names an entry: SHA-256 over tenant, user, client, scope and assertion.
///
/// The assertion is in it because a key of user and scope alone would serve a token minted after MFA to a session
/// that never did MFA.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        Self(sha256(parts))
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheKey(..)")
    }
}

/// A user, for purging: SHA-256 over tenant and object id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct UserKey([u8; 32]);

impl UserKey {
    pub(crate) fn new(tenant: TenantId, oid: ObjectId) -> Self {
        Self(sha256(&[tenant.as_uuid().as_bytes(), oid.as_uuid().as_bytes()]))
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserKey(..)")
    }
}

/// Writes each part after its length, so that no two lists of parts give the same bytes.
pub(super) fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, &length_prefixed(parts)).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Two users, sessions or scopes never share an entry: different parts give different bytes to hash.
        #[test]
        fn different_parts_give_different_bytes(a in parts(), b in parts()) {
            let slices = |parts: &[Vec<u8>]| length_prefixed(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(a == b, slices(&a) == slices(&b));
        }

        /// The same where only the borders between the parts differ.
        #[test]
        fn moving_a_border_changes_the_bytes(text in vec(any::<u8>(), 1..20), cut in 0_usize..20, other in 0_usize..20) {
            let (cut, other) = (cut.min(text.len()), other.min(text.len()));
            let split = |at: usize| length_prefixed(&[&text[..at], &text[at..]]);
            prop_assert_eq!(cut == other, split(cut) == split(other));
        }
    }

    /// Few distinct bytes and short parts, so that equal lists and near misses do come up.
    fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        vec(vec(0_u8..3, 0..3), 5)
    }
}
