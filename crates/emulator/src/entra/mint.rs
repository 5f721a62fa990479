//! Tokens to order: good ones, as the pre-registered client would get, and every hostile one a validator must refuse.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::conditional_access::Proof;
use super::issue::{AccessToken, ClientAuth, Subject, header, id_token_claims};
use crate::config::{API_CLIENT_ID, DAEMON_CLIENT_ID, PUBLIC_CLIENT_ID};
use crate::directory::TokenFormat;
use crate::jwt;
use crate::people::Person;
use crate::state::State;

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
    /// The payload's exact text, instead of all claims: for what is no JSON.
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

/// Why a token cannot be minted.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// No person of this name.
    #[error("there is no person called {0}")]
    UnknownPerson(String),
    /// No application of this id.
    #[error("there is no application {0}")]
    UnknownApplication(String),
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

/// Makes the token. Signing costs about a millisecond.
pub(crate) fn mint(state: &State, spec: &TokenSpec) -> Result<String, MintError> {
    let format = match spec.kind {
        TokenKind::AccessV1 | TokenKind::Arm => TokenFormat::V1,
        TokenKind::Access | TokenKind::Id | TokenKind::AppOnly => TokenFormat::V2,
    };
    let claims = claims(state, spec, format)?;
    let payload = spec.raw_payload.clone().unwrap_or_else(|| payload_text(spec, claims));
    let token = sign(state, spec, format, &payload);
    state.secrets.remember(&token);
    Ok(token)
}

fn claims(state: &State, spec: &TokenSpec, format: TokenFormat) -> Result<Map<String, Value>, MintError> {
    let name = spec.person.as_deref().unwrap_or("alice");
    let person = state.people.find(name).ok_or_else(|| MintError::UnknownPerson(name.to_owned()))?;
    let mut claims = base_claims(state, spec, &person, format)?;
    let now = state.clock.seconds();
    let begins = now + spec.not_before_offset;
    claims.insert("iat".to_owned(), begins.into());
    claims.insert("nbf".to_owned(), begins.into());
    if let Some(lifetime) = spec.lifetime_seconds {
        claims.insert("exp".to_owned(), (now + lifetime).into());
    }
    if spec.cp1 {
        claims.insert("xms_cc".to_owned(), json!(["cp1"]));
    }
    if let Some(roles) = &spec.roles {
        claims.insert("roles".to_owned(), json!(roles));
    }
    if spec.padding_bytes > 0 {
        claims.insert("padding".to_owned(), "p".repeat(spec.padding_bytes).into());
    }
    claims.extend(spec.claims.clone());
    claims.retain(|name, _| !spec.without.contains(name));
    Ok(claims)
}

fn base_claims(
    state: &State,
    spec: &TokenSpec,
    person: &Person,
    format: TokenFormat,
) -> Result<Map<String, Value>, MintError> {
    let default_client = if spec.kind == TokenKind::AppOnly { DAEMON_CLIENT_ID } else { PUBLIC_CLIENT_ID };
    let (client_id, resource_id) = match spec.kind {
        TokenKind::Arm => (API_CLIENT_ID, crate::config::ARM_APP_ID),
        _ => (spec.client_id.as_deref().unwrap_or(default_client), API_CLIENT_ID),
    };
    let directory = state.directory();
    let application =
        |id: &str| directory.application(id).ok_or_else(|| MintError::UnknownApplication(id.to_owned()));
    let (client, resource) = (application(client_id)?, application(resource_id)?);
    if spec.kind == TokenKind::Id {
        return Ok(id_token_claims(state, &client, person, None));
    }
    let granted =
        || directory.grants.granted(client.app_id, resource.app_id, &person.oid).into_iter().collect();
    let scopes: Vec<String> = spec.scopes.clone().unwrap_or_else(granted);
    let proof = Proof {
        methods: spec.amr.clone().unwrap_or_else(|| owned(&["pwd"])),
        contexts: spec.acrs.clone().unwrap_or_default(),
    };
    let epoch = directory.session(&person.oid).epoch;
    let held = |role: &&crate::directory::AppRole| role.held_by.contains(&client.app_id);
    let app_roles: Vec<_> = resource.roles.iter().filter(held).map(|role| role.value).collect();
    let token = AccessToken {
        subject: if spec.kind == TokenKind::AppOnly {
            Subject::App { roles: &app_roles }
        } else {
            Subject::User { person, scopes: &scopes, proof: &proof, epoch }
        },
        client: &client,
        auth: if client.public_client { ClientAuth::Public } else { ClientAuth::Certificate },
        resource: &resource,
        asked_as: resource.identifier_uris.first().map_or(resource.app_id, String::as_str),
        cp1: spec.cp1,
        format,
    };
    Ok(token.claims(state, token.lifetime(state)))
}

/// The payload as text, with what a JSON library would never write.
fn payload_text(spec: &TokenSpec, claims: Map<String, Value>) -> String {
    let mut text = with_duplicates(claims, &spec.duplicate_claims);
    if spec.nesting > 0 {
        text.pop();
        let _ = write!(text, r#","nested":{}{}}}"#, "[".repeat(spec.nesting), "]".repeat(spec.nesting));
    }
    text
}

fn with_duplicates(members: Map<String, Value>, duplicates: &[(String, Value)]) -> String {
    let mut text = Value::Object(members).to_string();
    for (name, value) in duplicates {
        text.pop();
        let _ = write!(text, ",{}:{value}}}", Value::from(name.as_str()));
    }
    text
}

fn sign(state: &State, spec: &TokenSpec, format: TokenFormat, payload: &str) -> String {
    let ring = state.keys.load();
    let key = match spec.signature {
        SignedBy::Standby => ring.standby.clone(),
        SignedBy::Consumers => ring.consumers.clone(),
        SignedBy::Unpublished | SignedBy::Forged => ring.unpublished(),
        _ => ring.active.clone(),
    };
    let mut header = header(&key, format);
    match spec.signature {
        SignedBy::Forged => header.insert("kid".to_owned(), ring.active.kid().into()),
        SignedBy::Hs256WithPublicKey => header.insert("alg".to_owned(), "HS256".into()),
        SignedBy::Ps256 => header.insert("alg".to_owned(), "PS256".into()),
        SignedBy::Nobody => header.insert("alg".to_owned(), "none".into()),
        _ => None,
    };
    header.extend(spec.header.clone());
    header.retain(|name, _| !spec.without_header.contains(name));
    let header = with_duplicates(header, &spec.duplicate_header);
    let message = format!("{}.{}", jwt::encode(header), jwt::encode(payload));
    let signature = match spec.signature {
        SignedBy::Nobody => String::new(),
        SignedBy::Ps256 => key.sign_ps256(&message),
        SignedBy::Broken => key.sign_rs256("other bytes"),
        SignedBy::Hs256WithPublicKey => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_pem().as_bytes());
            jwt::encode(hmac::sign(&secret, message.as_bytes()))
        }
        _ => key.sign_rs256(&message),
    };
    format!("{message}.{signature}")
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
