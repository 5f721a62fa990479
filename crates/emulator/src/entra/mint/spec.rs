//! What kind of token is ordered, and everything that may be wrong with it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A token to order. `TokenSpec::for_person("alice")` is a good one; each method makes it worse (or just other).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSpec {
    /// Short name of the person. Default `alice`; without meaning for an app-only token.
    pub person: Option<String>,
    /// Scopes (`cost.read`). Default: all that are consented for the person and the client.
    pub scopes: Option<Vec<String>>,
    /// What kind of token.
    pub kind: TokenKind,
    /// Client application. Default: the pre-registered public client (the daemon for an app-only token).
    pub client_id: Option<String>,
    /// Authentication methods (`amr`). Default `["pwd"]`.
    pub amr: Option<Vec<String>>,
    /// Authentication contexts passed (`acrs`).
    pub acrs: Option<Vec<String>>,
    /// App roles, instead of the person's.
    pub roles: Option<Vec<String>>,
    /// The client declared that it can handle CAE: `xms_cc: ["cp1"]`.
    pub cp1: bool,
    /// Lifetime in seconds from now; negative for an expired token.
    pub lifetime_seconds: Option<i64>,
    /// `iat` and `nbf` relative to now, in seconds.
    pub not_before_offset: i64,
    /// Claims set (or replaced) last.
    pub claims: Map<String, Value>,
    /// Claims left out.
    pub without: Vec<String>,
    /// Header parameters set (or replaced) last.
    pub header: Map<String, Value>,
    /// Header parameters left out.
    pub without_header: Vec<String>,
    /// Claims that stand a second time in the JSON text, with these values.
    pub duplicate_claims: Vec<(String, Value)>,
    /// Header parameters that stand a second time.
    pub duplicate_header: Vec<(String, Value)>,
    /// A claim of this many bytes makes the token huge.
    pub padding_bytes: usize,
    /// A claim of arrays nested this deep.
    pub nesting: usize,
    /// Who signs, and how.
    pub signature: SignedBy,
    /// The payload's exact text, instead of all claims: for what is not JSON.
    pub raw_payload: Option<String>,
}

/// What kind of token is ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// A user's access token for the API in v2 format.
    #[default]
    Access,
    /// A user's access token for the API in v1 format.
    AccessV1,
    /// A user's ID token for the client.
    Id,
    /// The daemon's own access token for the API.
    AppOnly,
    /// A user's access token for Azure Resource Manager, as the exchange would give it.
    Arm,
    /// The managed identity's token for `api://AzureADTokenExchange`: a client assertion without a certificate.
    ManagedIdentity,
}

/// Who signs a token, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedBy {
    /// The key Entra signs with now.
    #[default]
    Active,
    /// The key published ahead of its use.
    Standby,
    /// The published key that is valid for personal accounts alone.
    Consumers,
    /// A key nobody published; `kid` is its own.
    Unpublished,
    /// A key nobody published, under the `kid` of the active key.
    Forged,
    /// HS256 with the active public key's PEM text as the secret.
    Hs256WithPublicKey,
    /// PS256 with the active key.
    Ps256,
    /// Nothing: `alg: none` and an empty signature.
    Nobody,
    /// The active key, over other bytes.
    Broken,
}

impl TokenSpec {
    /// The token the pre-registered client gets for this person.
    pub fn for_person(name: impl Into<String>) -> Self {
        Self { person: Some(name.into()), ..Self::default() }
    }

    /// The daemon's own token: no user in it.
    pub fn app_only() -> Self {
        Self { kind: TokenKind::AppOnly, ..Self::default() }
    }

    /// The same, of another kind.
    #[must_use]
    pub fn kind(self, kind: TokenKind) -> Self {
        Self { kind, ..self }
    }

    /// With exactly these scopes, consented or not.
    #[must_use]
    pub fn scopes(self, scopes: &[&str]) -> Self {
        Self { scopes: Some(owned(scopes)), ..self }
    }

    /// With exactly these app roles.
    #[must_use]
    pub fn roles(self, roles: &[&str]) -> Self {
        Self { roles: Some(owned(roles)), ..self }
    }

    /// After a second factor.
    #[must_use]
    pub fn after_mfa(self) -> Self {
        Self { amr: Some(owned(&["pwd", "mfa"])), ..self }
    }

    /// After this authentication context was passed.
    #[must_use]
    pub fn with_auth_context(self, id: &str) -> Self {
        Self { acrs: Some(owned(&[id])), ..self }
    }

    /// Of a client that handles CAE.
    #[must_use]
    pub fn with_cp1(self) -> Self {
        Self { cp1: true, ..self }
    }

    /// Expired an hour ago.
    #[must_use]
    pub fn expired(self) -> Self {
        Self { lifetime_seconds: Some(-3_600), not_before_offset: -7_200, ..self }
    }

    /// Valid from an hour ahead.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        Self { not_before_offset: 3_600, lifetime_seconds: Some(7_200), ..self }
    }

    /// With this lifetime from now in seconds.
    #[must_use]
    pub fn lifetime(self, seconds: i64) -> Self {
        Self { lifetime_seconds: Some(seconds), ..self }
    }

    /// For another audience.
    #[must_use]
    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// Of another tenant, claims and issuer alike. `authority` is the emulator's.
    #[must_use]
    pub fn other_tenant(self, authority: &str, tenant: &str) -> Self {
        self.claim("tid", tenant).claim("iss", format!("{authority}/{tenant}/v2.0"))
    }

    /// With a claim set or replaced.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Without a claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.without.push(name.to_owned());
        self
    }

    /// With a header parameter set or replaced (`jku`, `x5u`, `jwk`, `kid`…).
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// With a claim standing twice.
    #[must_use]
    pub fn duplicate_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.duplicate_claims.push((name.to_owned(), value.into()));
        self
    }

    /// With a header parameter standing twice.
    #[must_use]
    pub fn duplicate_header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.duplicate_header.push((name.to_owned(), value.into()));
        self
    }

    /// Signed by someone else, or otherwise.
    #[must_use]
    pub fn signed_by(self, signature: SignedBy) -> Self {
        Self { signature, ..self }
    }

    /// With this many bytes of ballast.
    #[must_use]
    pub fn huge(self, padding_bytes: usize) -> Self {
        Self { padding_bytes, ..self }
    }

    /// With arrays nested this deep.
    #[must_use]
    pub fn nested(self, nesting: usize) -> Self {
        Self { nesting, ..self }
    }
}

pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
