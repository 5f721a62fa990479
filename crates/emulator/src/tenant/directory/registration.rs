//! The API application's registration as data: what an administrator can get wrong about it, on a switch.
//!
//! Graph shows it and the token endpoint obeys it, so that a fault looks the same from both sides.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AppRole, Application, DelegatedScope, Directory, TokenFormat};
use crate::tenant::contoso::{API_CLIENT_ID, GRAPH_APP_ID, PUBLIC_CLIENT_ID};

/// The registration of the API application and its service principal. [`crate::Emulator::registration`] tells the one in
/// force; change what should be wrong and hand it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in Entra ID too")]
pub struct Registration {
    /// Whether the tenant has the service principal (the "enterprise application"). Without: AADSTS700016.
    pub installed: bool,
    /// `accountEnabled` of the service principal. Disabled: AADSTS7000112.
    pub enabled: bool,
    /// `appRoleAssignmentRequired`: people without an assignment get AADSTS50105.
    pub assignment_required: bool,
    /// Whether people have the app roles that they have by default; without, nobody is assigned.
    pub people_assigned: bool,
    /// `identifierUris`.
    pub identifier_uris: Vec<String>,
    /// `api.requestedAccessTokenVersion`: 2, or 1 or null, which both mean version 1.0 tokens.
    pub token_version: Option<u8>,
    /// `optionalClaims.accessToken`, by name.
    pub optional_claims: Vec<String>,
    /// `api.oauth2PermissionScopes`: some of `cost.read` and `cost.export`.
    pub scopes: Vec<RegisteredScope>,
    /// `appRoles`: `Cost.Exporter` or nothing.
    pub roles: Vec<RegisteredRole>,
    /// `api.preAuthorizedApplications`.
    pub pre_authorized: Vec<PreAuthorized>,
    /// Redirect URIs on the API's own registration. None, unless somebody takes it for a client too.
    #[serde(default)]
    pub redirect_uris: Vec<RedirectUri>,
    /// Redirect URIs of the pre-registered client.
    #[serde(default)]
    pub client_redirect_uris: Vec<RedirectUri>,
    /// What a refresh without `scope` brings where client and API are the same application.
    #[serde(default)]
    pub own_refresh: OwnRefresh,
    /// Whether the application is of this tenant. Another tenant's is seen as a service principal alone.
    pub home: bool,
    /// Other applications, by id, whose service principals are disabled: a client gets AADSTS7000112, and whoever asks for
    /// a token of a resource AADSTS500014.
    #[serde(default)]
    pub disabled: Vec<String>,
}

/// A redirect URI, and the platform that it is registered for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedirectUri {
    /// As it is compared. Of a loopback address, neither port nor path is.
    pub uri: String,
    /// How a code that is sent there can be redeemed.
    pub platform: Platform,
}

impl RedirectUri {
    /// Of a public client.
    pub fn mobile(uri: &str) -> Self {
        Self { uri: uri.to_owned(), platform: Platform::MobileAndDesktop }
    }
}

/// A platform under "Authentication": it decides how a code is redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// "Mobile and desktop applications": without a secret, and from no page (AADSTS9002326).
    MobileAndDesktop,
    /// "Single-page application": from a page, that is with `Origin` (AADSTS9002327).
    SinglePage,
    /// "Web": with a secret (AADSTS7000218).
    Web,
}

/// What a refresh without `scope` brings where client and API are the same application. Both were reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnRefresh {
    /// AADSTS90009.
    #[default]
    Refused,
    /// A token whose `scp` is a dot and an id.
    OddScope,
}

/// A delegated permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredScope {
    /// Its name in tokens.
    pub value: String,
    /// `isEnabled`.
    pub enabled: bool,
    /// `type` is `Admin`, not `User`.
    pub admin_only: bool,
}

/// An app role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredRole {
    /// Its name in tokens.
    pub value: String,
    /// `isEnabled`.
    pub enabled: bool,
    /// `allowedMemberTypes`: some of `User` and `Application`.
    pub members: Vec<String>,
}

/// A client that needs no consent for some permissions. Creates no grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreAuthorized {
    /// The client's application id.
    pub client: String,
    /// The permissions by name; Graph shows their ids.
    pub scopes: Vec<String>,
}

/// A registration that the emulator cannot play.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the API application never had a scope or role called {0}")]
pub struct NeverOffered(pub String);

impl Registration {
    /// As the emulator starts.
    pub(super) fn initial(api: &Application, client: &Application) -> Self {
        let scope = |scope: &DelegatedScope| RegisteredScope {
            value: scope.value.clone(),
            enabled: true,
            admin_only: scope.admin_only,
        };
        let role = |role: &AppRole| RegisteredRole {
            value: role.value.clone(),
            enabled: true,
            members: vec!["User".to_owned(), "Application".to_owned()],
        };
        Self {
            installed: true,
            enabled: true,
            assignment_required: false,
            people_assigned: true,
            identifier_uris: api.identifier_uris.clone(),
            token_version: Some(2),
            optional_claims: ["xms_cc", "acrs", "amr", "idtyp"].map(str::to_owned).to_vec(),
            scopes: api.scopes.iter().map(scope).collect(),
            roles: api.roles.iter().map(role).collect(),
            pre_authorized: Vec::new(),
            redirect_uris: api.redirect_uris.clone(),
            client_redirect_uris: client.redirect_uris.clone(),
            own_refresh: OwnRefresh::default(),
            home: true,
            disabled: Vec::new(),
        }
    }
}

impl PreAuthorized {
    /// The permissions' ids.
    pub(crate) fn ids(&self, api: &Application) -> Vec<Uuid> {
        let of = |value: &String| api.scopes.iter().find(|scope| scope.value == *value).map(|scope| scope.id);
        self.scopes.iter().filter_map(of).collect()
    }
}

impl Directory {
    /// The API's registration.
    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// Replaces the API's registration.
    ///
    /// # Errors
    /// It offers a scope or a role that the application never had.
    pub(crate) fn set_registration(&mut self, wanted: Registration) -> Result<(), NeverOffered> {
        let scopes = wanted.scopes.iter().map(|scope| {
            let known = self.offered.0.iter().find(|known| known.value == scope.value);
            let known = known.cloned().ok_or_else(|| NeverOffered(scope.value.clone()))?;
            Ok(DelegatedScope { admin_only: scope.admin_only, enabled: scope.enabled, ..known })
        });
        let scopes: Vec<_> = scopes.collect::<Result<_, _>>()?;
        let roles = wanted.roles.iter().map(|role| {
            let known = self.offered.1.iter().find(|known| known.value == role.value);
            let known = known.cloned().ok_or_else(|| NeverOffered(role.value.clone()))?;
            Ok(AppRole { enabled: role.enabled, members: role.members.clone(), ..known })
        });
        let roles: Vec<_> = roles.collect::<Result<_, _>>()?;
        let format = if wanted.token_version == Some(2) { TokenFormat::V2 } else { TokenFormat::V1 };
        self.change(API_CLIENT_ID, |api| {
            let ids = |one: &PreAuthorized| (one.client.clone(), one.ids(api));
            api.pre_authorized = wanted.pre_authorized.iter().map(ids).collect();
            api.scopes = scopes;
            api.roles = roles;
            api.format = format;
            api.identifier_uris.clone_from(&wanted.identifier_uris);
            api.redirect_uris.clone_from(&wanted.redirect_uris);
            api.enabled = wanted.enabled;
            api.installed = wanted.installed;
            api.assignment_required = wanted.assignment_required;
        });
        self.change(PUBLIC_CLIENT_ID, |client| client.redirect_uris.clone_from(&wanted.client_redirect_uris));
        for app in self.applications.iter_mut().filter(|app| app.app_id != API_CLIENT_ID) {
            let enabled = !wanted.disabled.iter().any(|id| id == app.app_id);
            if app.enabled != enabled {
                Arc::make_mut(app).enabled = enabled;
            }
        }
        self.registration = wanted;
        Ok(())
    }

    /// Leaves the API's service principal these permissions at Graph, and no other.
    pub(crate) fn set_graph_permissions(&mut self, permissions: &[String]) {
        self.change(GRAPH_APP_ID, |graph| {
            for role in &mut graph.roles {
                role.held_by.retain(|holder| *holder != API_CLIENT_ID);
                if permissions.contains(&role.value) {
                    role.held_by.push(API_CLIENT_ID);
                }
            }
        });
    }
}
