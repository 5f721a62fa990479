//! What was exchanged already: tokens, and refusals for a short while.
//!
//! | module | what it holds |
//! |---|---|
//! | `key` | what names an entry, and whose it is |
//! | `terms` | how long an outcome may be served, and when it is worth a refresh |
//! | `local` | this process's memory |
//! | `settings` | where Redis is, how much memory: the settings of both |
//! | `shared` | all replicas' memory, sealed, in Redis |
//!
//! This module must not know how a token is exchanged.

use std::sync::Arc;

pub(crate) use key::{CacheKey, Place, UserKey};
pub(crate) use local::{Asked, LocalCache, Sequence};
pub use settings::{CacheArgs, CacheSettings, CacheSettingsError};
#[cfg(any(test, fuzzing))]
pub(crate) use shared::SealingKeys;
pub(crate) use shared::{Claim, Found, Purged, SharedCache, Ticket, Wait};
pub use shared::{RedisUrl, RedisUrlError, SharedCacheError, SharedCacheSettings};
pub(crate) use terms::{Terms, terms};

mod key;
mod local;
mod settings;
mod shared;
mod terms;

/// Both levels: the process's own memory, and what all replicas share if that is configured.
#[derive(Clone, Debug)]
pub(crate) struct Caches {
    pub(crate) local: Arc<LocalCache>,
    pub(crate) shared: Option<Arc<SharedCache>>,
}
