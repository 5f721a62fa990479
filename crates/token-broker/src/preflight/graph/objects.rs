//! Graph's objects, as far as they are looked at (Microsoft Graph v1.0: servicePrincipal, application,
//! oAuth2PermissionGrant). Texts are made fit for a terminal and a log where they enter.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use identity::ScopeSet;
use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

/// The longest name that is shown.
const MAX_NAME_CHARS: usize = 80;
/// The longest redirect URI that Entra ID takes.
const MAX_URI_CHARS: usize = 256;

/// An application in this tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServicePrincipal {
    /// Object id: what grants name. Never the application id.
    pub(crate) id: Uuid,
    pub(crate) app_id: Uuid,
    #[serde(default, deserialize_with = "name")]
    pub(crate) display_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) account_enabled: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) app_role_assignment_required: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) app_roles: Vec<AppRole>,
    #[serde(default, rename = "oauth2PermissionScopes", deserialize_with = "or_default")]
    pub(crate) scopes: Vec<PermissionScope>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) reply_urls: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) key_credentials: Vec<KeyCredential>,
}

/// An application's registration, which its home tenant alone sees.
///
/// What an answer must hold to be one has no default: `{}`, and what a proxy writes, is not an empty registration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Application {
    pub(crate) app_id: Uuid,
    #[serde(default, deserialize_with = "name")]
    pub(crate) display_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) identifier_uris: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) app_roles: Vec<AppRole>,
    pub(crate) api: Api,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) public_client: Platform,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) spa: Platform,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) optional_claims: OptionalClaims,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) key_credentials: Vec<KeyCredential>,
}

/// A client's registration: where its codes are sent, and what it may prove itself with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientRegistration {
    pub(crate) app_id: Uuid,
    /// "Mobile and desktop applications".
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) public_client: Platform,
    /// "Single-page application".
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) spa: Platform,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) web: Platform,
    #[serde(default, deserialize_with = "or_default")]
    password_credentials: Vec<IgnoredAny>,
    #[serde(default, deserialize_with = "or_default")]
    key_credentials: Vec<IgnoredAny>,
}

impl ClientRegistration {
    /// Whether there is anything that the client could prove itself with.
    pub(crate) fn has_secret(&self) -> bool {
        !self.password_credentials.is_empty() || !self.key_credentials.is_empty()
    }
}

/// The redirect URIs of one platform. It decides how a code that is sent there can be redeemed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Platform {
    #[serde(default, deserialize_with = "uris")]
    pub(crate) redirect_uris: Vec<String>,
}

/// What tells whose object it is.
pub(crate) trait OfApplication {
    /// The application's id.
    fn app_id(&self) -> Uuid;
}

impl OfApplication for ServicePrincipal {
    fn app_id(&self) -> Uuid {
        self.app_id
    }
}

impl OfApplication for Application {
    fn app_id(&self) -> Uuid {
        self.app_id
    }
}

impl OfApplication for ClientRegistration {
    fn app_id(&self) -> Uuid {
        self.app_id
    }
}

/// What the application offers as an API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Api {
    /// `None` means version 1.0.
    #[serde(default)]
    pub(crate) requested_access_token_version: Option<i64>,
    #[serde(default, rename = "oauth2PermissionScopes", deserialize_with = "or_default")]
    pub(crate) scopes: Vec<PermissionScope>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) pre_authorized_applications: Vec<PreAuthorized>,
    /// Clients whose users are asked for what the API itself needs, together with what the client asks for.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) known_client_applications: Vec<String>,
}

impl Api {
    /// The id of a scope that it offers. Entra ID lets no two differ in case alone.
    pub(crate) fn scope_id(&self, scope: &str) -> Option<Uuid> {
        self.scopes.iter().find(|one| one.value.eq_ignore_ascii_case(scope)).map(|one| one.id)
    }
}

/// A delegated permission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PermissionScope {
    pub(crate) id: Uuid,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) value: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) is_enabled: bool,
    /// `User` or `Admin`: who can consent.
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    pub(crate) kind: String,
}

/// An app role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppRole {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) value: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) is_enabled: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) allowed_member_types: Vec<String>,
}

/// A client that needs no consent for some permissions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreAuthorized {
    pub(crate) app_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) delegated_permission_ids: Vec<String>,
}

impl PreAuthorized {
    /// Whether it is this client.
    pub(crate) fn is(&self, client: Uuid) -> bool {
        names(&self.app_id, client)
    }

    /// Whether it needs no consent for this permission.
    pub(crate) fn has(&self, permission: Uuid) -> bool {
        self.delegated_permission_ids.iter().any(|one| names(one, permission))
    }
}

fn names(text: &str, id: Uuid) -> bool {
    Uuid::parse_str(text).is_ok_and(|parsed| parsed == id)
}

/// The claims that tokens of the application carry because it asks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OptionalClaims {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) access_token: Vec<OptionalClaim>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct OptionalClaim {
    pub(crate) name: String,
}

/// A certificate that the application may prove itself with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyCredential {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) end_date_time: Option<Timestamp>,
    /// The certificate's DER. Graph sends it where one object is asked for and it is selected by name.
    #[serde(default, deserialize_with = "certificate")]
    pub(crate) key: Option<Vec<u8>>,
}

/// A token issuer and subject that the application may prove itself with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct FederatedCredential {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) issuer: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) subject: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) audiences: Vec<String>,
}

/// Consent of somebody to something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Grant {
    /// Object id of the resource's service principal.
    pub(crate) resource_id: String,
    pub(crate) consent_type: Consent,
    /// Scopes as a set: spaces, case and order mean nothing.
    #[serde(default, deserialize_with = "or_default")]
    scope: String,
}

impl Grant {
    #[cfg(test)]
    pub(crate) fn new(resource: Uuid, consent_type: Consent, scope: &str) -> Self {
        Self { resource_id: resource.to_string(), consent_type, scope: scope.to_owned() }
    }

    /// Whether it is about `resource`, a service principal's object id.
    pub(crate) fn is_about(&self, resource: Uuid) -> bool {
        Uuid::parse_str(&self.resource_id).is_ok_and(|id| id == resource)
    }

    /// Whether it covers `scope`.
    pub(crate) fn covers(&self, scope: &str) -> bool {
        ScopeSet::parse(&self.scope).contains(scope)
    }
}

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Consent {
    /// An administrator, for everyone.
    AllPrincipals,
    /// For one user.
    Principal,
    /// Something newer.
    #[serde(other)]
    Other,
}

/// Someone who has a role, or default access.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Assignment {
    /// `User`, `Group` or `ServicePrincipal`.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) principal_type: String,
}

/// Graph writes null where others write nothing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A name that people gave. It is shown, so that nothing in it may act on a terminal.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name: String = or_default(deserializer)?;
    Ok(name.trim().chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect())
}

/// URIs that people registered. They are shown, as names are.
fn uris<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let uris: Vec<String> = or_default(deserializer)?;
    let fit = |uri: String| uri.chars().filter(|c| !c.is_control()).take(MAX_URI_CHARS).collect();
    Ok(uris.into_iter().map(fit).collect())
}

fn certificate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.and_then(|text| BASE64_STANDARD.decode(text).ok()))
}
