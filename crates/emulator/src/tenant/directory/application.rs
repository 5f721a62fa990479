//! An application with its service principal: what is the same for every one, ours or Microsoft's.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::registration::{Platform, RedirectUri};
use crate::tenant::certificate::Certificate;
use crate::tenant::ids::object_id;

/// A permission an application offers to others on behalf of a user.
#[derive(Debug, Clone)]
pub(crate) struct DelegatedScope {
    pub(crate) id: Uuid,
    pub(crate) value: String,
    /// `type: "Admin"`: no user can consent to it.
    pub(crate) admin_only: bool,
    pub(crate) enabled: bool,
    pub(crate) description: String,
}

/// A role an application offers to users and applications.
#[derive(Debug, Clone)]
pub(crate) struct AppRole {
    pub(crate) id: Uuid,
    pub(crate) value: String,
    /// Assigned to the service principals of these applications.
    pub(crate) held_by: Vec<&'static str>,
    /// Object ids of the people it is assigned to.
    pub(crate) people: HashSet<String>,
    pub(crate) enabled: bool,
    /// `allowedMemberTypes`.
    pub(crate) members: Vec<String>,
}

/// Which format a resource's access tokens have; chosen by the resource, not by the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFormat {
    V1,
    V2,
}

/// An application with its service principal.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in Entra ID too")]
pub(crate) struct Application {
    pub(crate) app_id: &'static str,
    pub(crate) display_name: String,
    /// Identifier URIs without trailing slash; the application id itself is always a name of it too.
    pub(crate) identifier_uris: Vec<String>,
    pub(crate) scopes: Vec<DelegatedScope>,
    pub(crate) roles: Vec<AppRole>,
    pub(crate) format: TokenFormat,
    pub(crate) public_client: bool,
    pub(crate) redirect_uris: Vec<RedirectUri>,
    pub(crate) secret: Option<&'static str>,
    /// Delegated permissions the application's registration asks for: (resource, scope).
    pub(crate) required: Vec<(String, String)>,
    /// `accountEnabled` of the service principal.
    pub(crate) enabled: bool,
    /// Whether it is Microsoft's: its application object is in no tenant of ours.
    pub(crate) microsofts: bool,
    /// Whether the tenant has the service principal.
    pub(crate) installed: bool,
    /// `appRoleAssignmentRequired`.
    pub(crate) assignment_required: bool,
    /// Clients, and the scopes that they have without consent.
    pub(crate) pre_authorized: Vec<(String, Vec<Uuid>)>,
    /// `keyCredentials`.
    pub(crate) certificates: Vec<Arc<Certificate>>,
    /// As it was registered through Graph; nothing for those that were there from the start.
    pub(crate) document: Option<Value>,
}

impl Application {
    /// Object id of the service principal: what grants name, never the application id.
    pub(crate) fn service_principal_id(&self) -> String {
        object_id("servicePrincipal", self.app_id)
    }

    /// Object id of the application object.
    pub(crate) fn object_id(&self) -> String {
        object_id("application", self.app_id)
    }

    /// Whether `name` (without regard to a trailing slash or to case) names this application as a resource.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let name = name.trim_end_matches('/');
        let own_uri = name.strip_prefix("api://").unwrap_or(name);
        own_uri.eq_ignore_ascii_case(self.app_id)
            || self.identifier_uris.iter().any(|uri| uri.eq_ignore_ascii_case(name))
    }

    /// The platform that a redirect URI is registered for, if it is one of the application's. Loopback URIs match
    /// whatever port and path they have.
    pub(crate) fn platform_of(&self, uri: &Url) -> Option<Platform> {
        let same = |known: &&RedirectUri| known.uri == uri.as_str();
        let alike = |known: &&RedirectUri| {
            is_loopback(uri) && Url::parse(&known.uri).is_ok_and(|known| is_loopback(&known))
        };
        let found = self.redirect_uris.iter().find(same).or_else(|| self.redirect_uris.iter().find(alike));
        found.map(|known| known.platform)
    }

    /// The redirect URIs of a platform.
    pub(crate) fn redirect_uris_of(&self, platform: Platform) -> Vec<&str> {
        let of = self.redirect_uris.iter().filter(|known| known.platform == platform);
        of.map(|known| known.uri.as_str()).collect()
    }

    /// The scopes that `client` has without anybody's consent.
    pub(crate) fn pre_authorizes(&self, client: &str) -> Vec<String> {
        let ids = self.pre_authorized.iter().filter(|(known, _)| known.eq_ignore_ascii_case(client));
        let scope = |id: &Uuid| self.scopes.iter().find(|scope| scope.id == *id && scope.enabled);
        ids.flat_map(|(_, ids)| ids).filter_map(scope).map(|scope| scope.value.clone()).collect()
    }

    /// The one scope of a token for itself that nothing was asked for.
    pub(crate) fn odd_scope(&self) -> String {
        format!(".{}", object_id("itself", self.app_id))
    }

    /// The enabled delegated scope of this value, found without regard to case.
    pub(crate) fn scope(&self, value: &str) -> Option<&DelegatedScope> {
        self.scopes.iter().find(|scope| scope.enabled && scope.value.eq_ignore_ascii_case(value))
    }
}

fn is_loopback(uri: &Url) -> bool {
    matches!(uri.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) && uri.scheme() == "http"
}
