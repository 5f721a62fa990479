//! What an exchange ends with, and where that came from: the words that cache, Entra ID client and service have in common.
//! Knows none of them.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;
use uuid::Uuid;

use crate::error::ExchangeError;

/// What an exchange ended with.
pub(crate) type Outcome = Result<DownstreamToken, ExchangeError>;

/// A downstream token. Its holder must not look inside: the downstream API alone may parse it.
#[derive(Clone, Debug)]
pub struct DownstreamToken {
    /// The access token.
    pub access_token: Arc<SecretString>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// From when Entra ID would have it refreshed (`refresh_in`), if it says so.
    pub refresh_at: Option<Timestamp>,
    /// By which Entra ID knows the request that brought it, where this process sent that.
    pub correlation_id: Option<Uuid>,
}

#[cfg(test)]
impl DownstreamToken {
    /// A token for tests.
    pub(crate) fn sample(text: &str, expires_at: Timestamp) -> Self {
        Self {
            access_token: Arc::new(SecretString::from(text)),
            expires_at,
            refresh_at: None,
            correlation_id: None,
        }
    }
}

/// Where an outcome came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// This process held it.
    Local,
    /// Another replica had left it for all.
    Shared,
    /// Entra ID was asked.
    Entra,
}
