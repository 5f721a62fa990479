//! Fetches OpenID Connect metadata and the key set it names, and keeps what can verify a signature.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use reqwest::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::claims::TokenVersion;
use crate::ids::TenantId;
use crate::outbound::{ReadError, read_bounded};
use crate::proved::ProvedTokens;

#[cfg(test)]
mod tests;

/// The only algorithm Entra ID signs access tokens with; the list is checked before any signature work
/// (RFC 8725 section 3.1).
pub(crate) const ALGORITHM: &str = "RS256";
/// How long one document may take; a fetch is two of them.
pub(super) const FETCH_DEADLINE: Duration = Duration::from_secs(5);
/// Entra's key sets are about 20 KiB.
const MAX_DOCUMENT_BYTES: usize = 512 * 1024;
/// Microsoft's guidance caches 10 to 1000 keys ("Signing key rollover").
const MAX_KEYS: usize = 1000;

/// Where one tenant's metadata of one token version lies.
#[derive(Clone, Debug)]
pub(crate) struct MetadataSource {
    http: Client,
    discovery: Url,
}

impl MetadataSource {
    /// The source for `version` tokens of `tenant`. Version 1.0 and 2.0 have documents of their own, with
    /// different issuers (Microsoft: "Access tokens in the Microsoft identity platform").
    pub(crate) fn new(http: Client, authority: &Url, tenant: TenantId, version: TokenVersion) -> Self {
        let path = match version {
            TokenVersion::V1 => format!("/{tenant}/.well-known/openid-configuration"),
            TokenVersion::V2 => format!("/{tenant}/v2.0/.well-known/openid-configuration"),
        };
        let mut discovery = authority.clone();
        discovery.set_path(&path);
        Self { http, discovery }
    }

    /// Fetches metadata and keys.
    ///
    /// # Errors
    /// When either document cannot be had, or holds no key that can be used.
    pub(crate) async fn fetch(&self, now: Timestamp) -> Result<Snapshot, FetchError> {
        let metadata: Metadata = self.get(&self.discovery).await?;
        if metadata.jwks_uri.origin() != self.discovery.origin() {
            return Err(FetchError::ForeignKeySet);
        }
        let set: KeySet = self.get(&metadata.jwks_uri).await?;
        if set.keys.len() > MAX_KEYS {
            return Err(FetchError::TooManyKeys);
        }
        let keys: HashMap<_, _> = set.keys.into_iter().filter_map(PublishedKey::into_signing_key).collect();
        if keys.is_empty() {
            return Err(FetchError::NoUsableKey);
        }
        Ok(Snapshot { issuer: metadata.issuer, keys, fetched_at: now, proved: ProvedTokens::default() })
    }

    async fn get<T: DeserializeOwned>(&self, url: &Url) -> Result<T, FetchError> {
        let body = async {
            let response = self.http.get(url.clone()).send().await.map_err(|_| FetchError::Unreachable)?;
            if !response.status().is_success() {
                return Err(FetchError::Status(response.status().as_u16()));
            }
            read_bounded(response, MAX_DOCUMENT_BYTES).await.map_err(|error| match error {
                ReadError::Broken(_) => FetchError::Unreachable,
                ReadError::TooLarge { .. } => FetchError::TooLarge,
            })
        };
        let body =
            tokio::time::timeout(FETCH_DEADLINE, body).await.map_err(|_| FetchError::Unreachable)??;
        serde_json::from_slice(&body).map_err(|_| FetchError::Malformed)
    }
}

/// Metadata and keys as they were at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) issuer: String,
    pub(crate) keys: HashMap<String, SigningKey>,
    pub(crate) fetched_at: Timestamp,
    /// The tokens that were proved with these keys. They go with them.
    pub(crate) proved: ProvedTokens,
}

/// A key that can verify a signature.
#[derive(Clone, Debug)]
pub(crate) struct SigningKey {
    pub(crate) key: DecodingKey,
    /// The issuer the key is limited to: a template with `{tenantid}`, or a literal.
    pub(crate) issuer: Option<String>,
}

/// Why metadata or keys could not be had. No text here goes to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the metadata names a key set on another host")]
    ForeignKeySet,
    #[error("the answer is no such document")]
    Malformed,
    #[error("the key set holds no RSA signing key")]
    NoUsableKey,
    #[error("the authority answered with status {0}")]
    Status(u16),
    #[error("the answer is longer than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    #[error("the key set holds more than {MAX_KEYS} keys")]
    TooManyKeys,
    #[error("the authority does not answer")]
    Unreachable,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublishedKey>,
}

/// One member of a JSON Web Key Set (RFC 7517). Every member is optional: a set may hold keys of other kinds.
#[derive(Deserialize)]
struct PublishedKey {
    kid: Option<String>,
    kty: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
    issuer: Option<String>,
}

impl PublishedKey {
    /// The key by its id, if it may verify an access token. Entra publishes no `alg`, so its absence is not a fault.
    fn into_signing_key(self) -> Option<(String, SigningKey)> {
        let fits = self.kty.as_deref() == Some("RSA")
            && self.usage.as_deref().is_none_or(|u| u == "sig")
            && self.alg.as_deref().is_none_or(|a| a == ALGORITHM);
        if !fits {
            return None;
        }
        let key = DecodingKey::from_rsa_components(&self.n?, &self.e?).ok()?;
        Some((self.kid?, SigningKey { key, issuer: self.issuer }))
    }
}
