//! The tenant's signing keys: where they come from (`metadata`) and how long they are believed (`cache`).

mod cache;
mod metadata;

pub use cache::{FAILED_FETCH_PAUSE, KEY_MAX_AGE, REFRESH_INTERVAL, UNKNOWN_KEY_PAUSE};

pub(crate) use cache::{KeyCache, KeyError};
pub(crate) use metadata::{MetadataSource, SigningKey, Snapshot};
