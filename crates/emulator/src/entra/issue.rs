//! Access and ID tokens: the claims of both formats, and their signature with the active key.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::jwt::{self, object};
use crate::keys::RsaKey;
use crate::tenant::conditional_access::Proof;
use crate::tenant::contoso::{API_CLIENT_ID, TENANT_ID};
use crate::tenant::directory::{Application, TokenFormat};
use crate::tenant::people::Person;
use crate::world::World;

/// `aio` is opaque in life. Here it carries the session's epoch, so that a token issued in the very second of a
/// revocation is known to be from before or after it.
pub(crate) const AIO_PREFIX: &str = "emulator-session-";

/// How a client proved itself; the number is the value of `azpacr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    Public = 0,
    Secret = 1,
    Certificate = 2,
}

/// Whom a token is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    User { person: &'a Person, scopes: &'a [String], proof: &'a Proof, epoch: u64 },
    App { roles: &'a [&'a str] },
}

/// An access token to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccessToken<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) client: &'a Application,
    pub(crate) auth: ClientAuth,
    pub(crate) resource: &'a Application,
    /// The resource as it was asked for: `aud` of a v1 token.
    pub(crate) asked_as: &'a str,
    /// The client can handle continuous access evaluation.
    pub(crate) cp1: bool,
    pub(crate) format: TokenFormat,
}

impl AccessToken<'_> {
    /// Lifetime in seconds: 60 to 90 minutes, or the long one for clients that handle CAE at a resource that does it.
    pub(crate) fn lifetime(&self, world: &World) -> i64 {
        if self.cp1 && self.resource.app_id != API_CLIENT_ID {
            return i64::from(world.config.cae_token_lifetime);
        }
        let chosen = world.config.access_token_lifetime.map(i64::from);
        chosen.unwrap_or_else(|| 3_600 + i64::try_from(Uuid::new_v4().as_u128() % 1_800).unwrap_or_default())
    }

    /// The claims, in the format the resource wants.
    pub(crate) fn claims(&self, world: &World, lifetime: i64) -> Map<String, Value> {
        let now = world.clock.seconds();
        let mut claims = object(json!({
            "aud": self.audience(),
            "iss": match self.format {
                TokenFormat::V1 => world.issuer_v1(TENANT_ID),
                TokenFormat::V2 => world.issuer_v2(TENANT_ID),
            },
            "iat": now, "nbf": now, "exp": now + lifetime,
            "rh": "1.AAAA", "tid": TENANT_ID, "uti": jwt::encode(Uuid::new_v4().as_bytes()),
            "ver": match self.format { TokenFormat::V1 => "1.0", TokenFormat::V2 => "2.0" },
        }));
        let (client, method) = match self.format {
            TokenFormat::V1 => ("appid", "appidacr"),
            TokenFormat::V2 => ("azp", "azpacr"),
        };
        claims.insert(client.to_owned(), self.client.app_id.into());
        claims.insert(method.to_owned(), (self.auth as u8).to_string().into());
        match self.subject {
            Subject::User { person, scopes, proof, epoch } => {
                claims.extend(self.user_claims(person, scopes, proof, epoch));
                let roles = world.tenant.directory().roles_of(person, self.resource);
                if !roles.is_empty() {
                    claims.insert("roles".to_owned(), json!(roles));
                }
            }
            Subject::App { roles } => claims.extend(self.app_claims(roles)),
        }
        if self.cp1 {
            claims.insert("xms_cc".to_owned(), json!(["cp1"]));
        }
        claims
    }

    /// A v2 token's audience is always the resource's client id; a v1 token's is what was asked for.
    fn audience(&self) -> &str {
        match self.format {
            TokenFormat::V1 => self.asked_as,
            TokenFormat::V2 => self.resource.app_id,
        }
    }

    fn user_claims(
        &self,
        person: &Person,
        scopes: &[String],
        proof: &Proof,
        epoch: u64,
    ) -> Map<String, Value> {
        let mut claims = object(json!({
            "aio": format!("{AIO_PREFIX}{epoch}"), "amr": proof.methods, "idtyp": "user", "name": person.display_name,
            "oid": person.oid, "scp": scopes.join(" "), "sub": person.pairwise_subject(self.resource.app_id),
        }));
        match self.format {
            TokenFormat::V1 => claims.extend(object(json!({
                "acr": "1", "ipaddr": "127.0.0.1", "unique_name": person.upn, "upn": person.upn,
            }))),
            TokenFormat::V2 => {
                claims.insert("preferred_username".to_owned(), person.upn.clone().into());
            }
        }
        if let Some(idp) = &person.idp {
            claims.extend(object(json!({"idp": idp, "acct": 1})));
        }
        if !proof.contexts.is_empty() {
            claims.insert("acrs".to_owned(), json!(proof.contexts));
        }
        claims
    }

    /// No `scp`; `oid` and `sub` are the service principal.
    fn app_claims(&self, roles: &[&str]) -> Map<String, Value> {
        let principal = self.client.service_principal_id();
        let mut claims = object(json!({"aio": "app", "idtyp": "app", "oid": principal, "sub": principal}));
        if !roles.is_empty() {
            claims.insert("roles".to_owned(), json!(roles));
        }
        claims
    }
}

/// The claims of an ID token for `client`.
pub(crate) fn id_token_claims(
    world: &World,
    client: &Application,
    person: &Person,
    nonce: Option<&str>,
) -> Map<String, Value> {
    let now = world.clock.seconds();
    let mut claims = object(json!({
        "aud": client.app_id, "iss": world.issuer_v2(TENANT_ID), "iat": now, "nbf": now, "exp": now + 3_600,
        "name": person.display_name, "oid": person.oid, "preferred_username": person.upn, "rh": "1.AAAA",
        "sub": person.pairwise_subject(client.app_id), "tid": TENANT_ID, "uti": jwt::encode(Uuid::new_v4().as_bytes()),
        "ver": "2.0",
    }));
    if let Some(nonce) = nonce {
        claims.insert("nonce".to_owned(), nonce.into());
    }
    claims
}

/// Signs `claims` with the active key; v1 tokens name the key by `x5t` too.
pub(crate) fn sign(world: &World, format: TokenFormat, claims: &Map<String, Value>) -> String {
    let key = &world.keys.load().active;
    let header = header(key, format);
    let message = format!("{}.{}", encode(&header), encode(claims));
    let token = format!("{message}.{}", key.sign_rs256(&message));
    world.secrets.remember(&token);
    token
}

/// The header Entra writes.
pub(crate) fn header(key: &RsaKey, format: TokenFormat) -> Map<String, Value> {
    let mut header = object(json!({"typ": "JWT", "alg": "RS256"}));
    if format == TokenFormat::V1 {
        header.insert("x5t".to_owned(), key.kid().into());
    }
    header.insert("kid".to_owned(), key.kid().into());
    header
}

fn encode(part: &Map<String, Value>) -> String {
    jwt::encode(Value::Object(part.clone()).to_string())
}
