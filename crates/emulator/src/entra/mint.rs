//! Tokens to order: good ones, as the pre-registered client would get, and every hostile one a validator must refuse.

use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::hmac;
use serde_json::{Map, Value, json};

use self::spec::owned;
pub use self::spec::{SignedBy, TokenKind, TokenSpec};
use super::issue::{AccessToken, ClientAuth, Subject, header, id_token_claims};
use crate::jwt::{self, object};
use crate::tenant::conditional_access::Proof;
use crate::tenant::contoso::{
    API_CLIENT_ID, DAEMON_CLIENT_ID, FEDERATED_AUDIENCE, MANAGED_IDENTITY_ID, MANAGED_IDENTITY_LIFETIME,
    PUBLIC_CLIENT_ID, TENANT_ID,
};
use crate::tenant::directory::TokenFormat;
use crate::tenant::people::Person;
use crate::world::World;

mod spec;

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

/// Makes the token. Signing costs about a millisecond.
pub(crate) fn mint(world: &World, spec: &TokenSpec) -> Result<String, MintError> {
    let format = match spec.kind {
        TokenKind::AccessV1 | TokenKind::Arm => TokenFormat::V1,
        TokenKind::Access | TokenKind::Id | TokenKind::AppOnly | TokenKind::ManagedIdentity => {
            TokenFormat::V2
        }
    };
    let claims = claims(world, spec, format)?;
    let payload = spec.raw_payload.clone().unwrap_or_else(|| payload_text(spec, claims));
    let token = sign(world, spec, format, &payload);
    world.secrets.remember(&token);
    Ok(token)
}

fn claims(world: &World, spec: &TokenSpec, format: TokenFormat) -> Result<Map<String, Value>, MintError> {
    let name = spec.person.as_deref().unwrap_or("alice");
    let person = world.tenant.people.find(name).ok_or_else(|| MintError::UnknownPerson(name.to_owned()))?;
    let mut claims = base_claims(world, spec, &person, format)?;
    let now = world.clock.seconds();
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
    world: &World,
    spec: &TokenSpec,
    person: &Person,
    format: TokenFormat,
) -> Result<Map<String, Value>, MintError> {
    let default_client = if spec.kind == TokenKind::AppOnly { DAEMON_CLIENT_ID } else { PUBLIC_CLIENT_ID };
    let (client_id, resource_id) = match spec.kind {
        TokenKind::Arm => (API_CLIENT_ID, crate::tenant::contoso::ARM_APP_ID),
        _ => (spec.client_id.as_deref().unwrap_or(default_client), API_CLIENT_ID),
    };
    let directory = world.tenant.directory();
    let application =
        |id: &str| directory.application(id).ok_or_else(|| MintError::UnknownApplication(id.to_owned()));
    let (client, resource) = (application(client_id)?, application(resource_id)?);
    if spec.kind == TokenKind::Id {
        return Ok(id_token_claims(world, &client, person, None));
    }
    if spec.kind == TokenKind::ManagedIdentity {
        let now = world.clock.seconds();
        return Ok(object(json!({
            "aud": FEDERATED_AUDIENCE, "iss": world.issuer_v2(TENANT_ID), "exp": now + MANAGED_IDENTITY_LIFETIME, "idtyp": "app",
            "oid": MANAGED_IDENTITY_ID, "sub": MANAGED_IDENTITY_ID, "tid": TENANT_ID, "ver": "2.0",
        })));
    }
    let granted = || directory.granted(client.app_id, resource.app_id, &person.oid).into_iter().collect();
    let scopes: Vec<String> = spec.scopes.clone().unwrap_or_else(granted);
    let proof = Proof {
        methods: spec.amr.clone().unwrap_or_else(|| owned(&["pwd"])),
        contexts: spec.acrs.clone().unwrap_or_default(),
    };
    let epoch = directory.session(&person.oid).epoch;
    let held = |role: &&crate::tenant::directory::AppRole| role.held_by.contains(&client.app_id);
    let app_roles: Vec<_> = resource.roles.iter().filter(held).map(|role| role.value.as_str()).collect();
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
    Ok(token.claims(world, token.lifetime(world)))
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

fn sign(world: &World, spec: &TokenSpec, format: TokenFormat, payload: &str) -> String {
    let ring = world.keys.load();
    let key = match spec.signature {
        SignedBy::Standby => Arc::clone(&ring.standby),
        SignedBy::Consumers => Arc::clone(&ring.consumers),
        SignedBy::Unpublished | SignedBy::Forged => ring.unpublished(),
        _ => Arc::clone(&ring.active),
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
