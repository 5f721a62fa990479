//! Which properties there are, and what kind of value each has.

use serde_json::Value;

use self::Kind::{Flag, Many, Number, One, Text, Texts};
use super::{GraphError, bad_request};

/// The kind of a property's value.
enum Kind {
    Text,
    Flag,
    Number,
    Texts,
    One(&'static [(&'static str, Self)]),
    Many(&'static [(&'static str, Self)]),
}

/// An application. Properties that Graph knows and nothing here plays are refused too: silence would be kinder than Graph.
const APPLICATION: &[(&str, Kind)] = &[
    ("displayName", Text),
    ("description", Text),
    ("notes", Text),
    ("signInAudience", Text),
    ("identifierUris", Texts),
    ("isFallbackPublicClient", Flag),
    ("tags", Texts),
    ("web", One(&[("redirectUris", Texts), ("homePageUrl", Text), ("logoutUrl", Text)])),
    ("spa", One(&[("redirectUris", Texts)])),
    ("publicClient", One(&[("redirectUris", Texts)])),
    ("api", One(API)),
    ("appRoles", Many(APP_ROLE)),
    (
        "optionalClaims",
        One(&[("accessToken", Many(CLAIM)), ("idToken", Many(CLAIM)), ("saml2Token", Many(CLAIM))]),
    ),
    (
        "requiredResourceAccess",
        Many(&[("resourceAppId", Text), ("resourceAccess", Many(&[("id", Text), ("type", Text)]))]),
    ),
    ("keyCredentials", Many(KEY)),
];

const API: &[(&str, Kind)] = &[
    ("requestedAccessTokenVersion", Number),
    ("oauth2PermissionScopes", Many(SCOPE)),
    ("preAuthorizedApplications", Many(&[("appId", Text), ("delegatedPermissionIds", Texts)])),
    ("knownClientApplications", Texts),
];

const SCOPE: &[(&str, Kind)] = &[
    ("id", Text),
    ("value", Text),
    ("type", Text),
    ("isEnabled", Flag),
    ("adminConsentDisplayName", Text),
    ("adminConsentDescription", Text),
    ("userConsentDisplayName", Text),
    ("userConsentDescription", Text),
];

const APP_ROLE: &[(&str, Kind)] = &[
    ("id", Text),
    ("value", Text),
    ("displayName", Text),
    ("description", Text),
    ("isEnabled", Flag),
    ("allowedMemberTypes", Texts),
];

const CLAIM: &[(&str, Kind)] =
    &[("name", Text), ("source", Text), ("essential", Flag), ("additionalProperties", Texts)];

const KEY: &[(&str, Kind)] = &[
    ("@odata.type", Text),
    ("customKeyIdentifier", Text),
    ("displayName", Text),
    ("endDateTime", Text),
    ("key", Text),
    ("keyId", Text),
    ("startDateTime", Text),
    ("type", Text),
    ("usage", Text),
];

const SERVICE_PRINCIPAL: &[(&str, Kind)] = &[("appId", Text), ("accountEnabled", Flag), ("tags", Texts)];

const GRANT: &[(&str, Kind)] = &[
    ("clientId", Text),
    ("consentType", Text),
    ("principalId", Text),
    ("resourceId", Text),
    ("scope", Text),
];

const ASSIGNMENT: &[(&str, Kind)] = &[("principalId", Text), ("resourceId", Text), ("appRoleId", Text)];

const FEDERATED: &[(&str, Kind)] =
    &[("name", Text), ("issuer", Text), ("subject", Text), ("audiences", Texts), ("description", Text)];

pub(super) fn application(body: &Value) -> Result<(), GraphError> {
    object(APPLICATION, body, true)
}

pub(super) fn service_principal(body: &Value) -> Result<(), GraphError> {
    object(SERVICE_PRINCIPAL, body, true)
}

pub(super) fn grant(body: &Value) -> Result<(), GraphError> {
    object(GRANT, body, true)
}

pub(super) fn federated(body: &Value) -> Result<(), GraphError> {
    object(FEDERATED, body, true)
}

pub(super) fn assignment(body: &Value) -> Result<(), GraphError> {
    object(ASSIGNMENT, body, true)
}

/// Graph names an unknown property of the object itself, and says of one within it that there is one.
fn object(known: &[(&str, Kind)], value: &Value, outermost: bool) -> Result<(), GraphError> {
    let members = value.as_object().ok_or_else(unexpected)?;
    for (name, value) in members {
        match known.iter().find(|(known, _)| known == name) {
            Some(_) if value.is_null() => {}
            Some((_, kind)) => of_kind(kind, value)?,
            None if outermost => return Err(bad_request(format!("Invalid property '{name}'."))),
            None => return Err(unexpected()),
        }
    }
    Ok(())
}

fn of_kind(kind: &Kind, value: &Value) -> Result<(), GraphError> {
    let fits = match kind {
        Text => value.is_string(),
        Flag => value.is_boolean(),
        Number => value.is_u64(),
        Texts => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
        One(known) => return object(known, value, false),
        Many(known) => {
            let all = value.as_array().ok_or_else(unexpected)?;
            return all.iter().try_for_each(|one| object(known, one, false));
        }
    };
    if fits { Ok(()) } else { Err(unexpected()) }
}

fn unexpected() -> GraphError {
    bad_request("Unexpected contents in request body.")
}
