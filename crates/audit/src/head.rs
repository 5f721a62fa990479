//! The place of a record, by which others refer to it.

use uuid::Uuid;

/// A record: its chain, its number there, and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) chain: Uuid,
    pub(crate) seq: u64,
    pub(crate) hash: String,
}
