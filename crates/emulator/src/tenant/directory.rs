//! The tenant's applications and what tests may change about the tenant: grants, policies, sessions.
//!
//! Consent is held as Graph shows it (`oauth2PermissionGrants`), and the token endpoint reads the same list.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use url::Url;
use uuid::Uuid;

use super::conditional_access::Policy;
use super::contoso::{
    API_CLIENT_ID, API_IDENTIFIER_URI, ARM_APP_ID, DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET, GRAPH_APP_ID,
    PUBLIC_CLIENT_ID,
};
use super::federation::{self, FederatedCredential};
use super::grants::Grants;
use super::graph_settings::GraphSettings;
use super::ids::{object_id, stable_id};
use super::people::{People, Person, ROLE_EXPORTER, SCOPE_EXPORT, SCOPE_READ};

pub use registration::{
    NeverOffered, OwnRefresh, Platform, PreAuthorized, RedirectUri, RegisteredRole, RegisteredScope,
    Registration,
};

mod registration;

/// What can be chosen about the tenant when the emulator starts.
#[derive(Clone, Debug)]
pub(crate) struct TenantSettings {
    /// Identifier URIs of the API application beside the one that is always registered.
    pub(crate) identifier_uris: Vec<String>,
    /// Redirect URIs of the pre-registered client.
    pub(crate) client_redirect_uris: Vec<RedirectUri>,
    /// Who can consent to `cost.export`.
    pub(crate) export_consent: WhoCanConsent,
    /// How many people are generated.
    pub(crate) extra_people: usize,
    /// Of how many of their subscriptions alice has a role too.
    pub(crate) alice_also_sees: usize,
    /// How Graph answers, and what the API may read there.
    pub(crate) graph: GraphSettings,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            identifier_uris: Vec::new(),
            client_redirect_uris: ["http://localhost", "http://127.0.0.1"].map(RedirectUri::mobile).to_vec(),
            export_consent: WhoCanConsent::default(),
            extra_people: 0,
            alice_also_sees: 0,
            graph: GraphSettings::default(),
        }
    }
}

/// Who can consent to a delegated permission: "Who can consent?" under "Expose an API" in the portal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhoCanConsent {
    /// "Admins only".
    #[default]
    AdminsOnly,
    /// "Admins and users".
    AdminsAndUsers,
}

/// A permission an application offers to others on behalf of a user.
#[derive(Debug, Clone)]
pub(crate) struct DelegatedScope {
    pub(crate) id: Uuid,
    pub(crate) value: &'static str,
    /// `type: "Admin"`: no user can consent to it.
    pub(crate) admin_only: bool,
    pub(crate) enabled: bool,
    pub(crate) description: &'static str,
}

/// A role an application offers to users and applications.
#[derive(Debug, Clone)]
pub(crate) struct AppRole {
    pub(crate) id: Uuid,
    pub(crate) value: &'static str,
    /// Given to the service principals of these applications at start.
    pub(crate) held_by: Vec<&'static str>,
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
pub(crate) struct Application {
    pub(crate) app_id: &'static str,
    pub(crate) display_name: &'static str,
    /// Identifier URIs without trailing slash; the application id itself is always a name of it too.
    pub(crate) identifier_uris: Vec<String>,
    pub(crate) scopes: Vec<DelegatedScope>,
    pub(crate) roles: Vec<AppRole>,
    pub(crate) format: TokenFormat,
    pub(crate) public_client: bool,
    pub(crate) redirect_uris: Vec<RedirectUri>,
    pub(crate) secret: Option<&'static str>,
    /// Delegated permissions the application's registration asks for: (resource, scope).
    pub(crate) required: Vec<(&'static str, &'static str)>,
    pub(crate) enabled: bool,
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

/// Sign-in state of one person.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Session {
    /// Grows with every revocation; a token carries the one it was issued in.
    pub(crate) epoch: u64,
    /// When sessions were last revoked, in seconds since 1970.
    pub(crate) revoked_at: Option<i64>,
}

/// Everything about the tenant that can change while the emulator runs.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) applications: Vec<Arc<Application>>,
    pub(crate) grants: Grants,
    pub(crate) policies: Vec<Policy>,
    /// Of the API application.
    pub(crate) federated_credentials: Vec<FederatedCredential>,
    sessions: HashMap<String, Session>,
    registration: Registration,
    /// Scopes and roles of the API that a registration can pick from.
    offered: (Vec<DelegatedScope>, Vec<AppRole>),
}

impl Directory {
    pub(crate) fn new(
        settings: &TenantSettings,
        people: &People,
        authority: &str,
        arm_endpoint: &str,
    ) -> Self {
        let applications = applications(settings, arm_endpoint);
        let (api, client) = (&applications[0], &applications[1]);
        let (registration, offered) =
            (Registration::initial(api, client), (api.scopes.clone(), api.roles.clone()));
        let applications: Vec<_> = applications.into_iter().map(Arc::new).collect();
        let grants = Grants::initial(people);
        let mut directory = Self {
            applications,
            grants,
            policies: vec![Policy::dave_needs_mfa_for_arm()],
            federated_credentials: federation::initial(authority),
            sessions: HashMap::new(),
            registration,
            offered,
        };
        directory.set_graph_permissions(&settings.graph.permissions);
        directory
    }

    pub(crate) fn application(&self, app_id: &str) -> Option<Arc<Application>> {
        self.applications.iter().find(|app| app.app_id.eq_ignore_ascii_case(app_id)).cloned()
    }

    /// The application a scope's resource part (or a `resource` parameter) names.
    pub(crate) fn resource(&self, name: &str) -> Option<Arc<Application>> {
        self.applications.iter().find(|app| app.is_named(name)).cloned()
    }

    /// Adds an identifier URI to the API application.
    pub(crate) fn add_identifier_uri(&mut self, uri: &str) {
        let mut uris = None;
        self.change(API_CLIENT_ID, |api| {
            if !api.is_named(uri) {
                api.identifier_uris.push(uri.trim_end_matches('/').to_owned());
            }
            uris = Some(api.identifier_uris.clone());
        });
        self.registration.identifier_uris = uris.unwrap_or_default();
    }

    /// Every scope the client may use on the resource for this person: consented to, or pre-authorized.
    pub(crate) fn granted(&self, client: &str, resource: &str, oid: &str) -> BTreeSet<String> {
        let mut granted = self.grants.granted(client, resource, oid);
        if client == resource {
            // Nobody is asked for what an application may do to itself.
            let own = self.application(client);
            granted.extend(own.iter().flat_map(|app| &app.scopes).map(|scope| scope.value.to_owned()));
        }
        if resource == API_CLIENT_ID {
            let ours = self.registration.pre_authorized.iter().filter(|one| one.client == client);
            granted.extend(ours.flat_map(|one| one.scopes.iter().cloned()));
        }
        granted
    }

    /// The app roles of `person` on `resource`, as a token lists them.
    pub(crate) fn roles_of(&self, person: &Person, resource: &Application) -> Vec<&'static str> {
        if resource.app_id != API_CLIENT_ID || !self.registration.people_assigned {
            return Vec::new();
        }
        let offered = resource.roles.iter().filter(|role| role.enabled).map(|role| role.value);
        offered.filter(|role| person.roles.contains(role)).collect()
    }

    /// Whether `person` is kept out of `resource`, which admits nobody without an assignment.
    pub(crate) fn is_kept_out(&self, person: &Person, resource: &Application) -> bool {
        resource.app_id == API_CLIENT_ID
            && self.registration.assignment_required
            && self.roles_of(person, resource).is_empty()
    }

    fn change(&mut self, app_id: &str, change: impl FnOnce(&mut Application)) {
        if let Some(app) = self.applications.iter_mut().find(|app| app.app_id == app_id) {
            change(Arc::make_mut(app));
        }
    }

    pub(crate) fn session(&self, oid: &str) -> Session {
        self.sessions.get(oid).copied().unwrap_or_default()
    }

    /// Ends every session of the person: refresh tokens, assertions and CAE tokens issued before are void.
    pub(crate) fn revoke_sessions(&mut self, oid: &str, now: i64) {
        let session = self.sessions.entry(oid.to_owned()).or_default();
        session.epoch += 1;
        session.revoked_at = Some(now);
    }
}

fn applications(settings: &TenantSettings, arm_endpoint: &str) -> Vec<Application> {
    let blank = |app_id, display_name, format| Application {
        app_id,
        display_name,
        identifier_uris: Vec::new(),
        scopes: Vec::new(),
        roles: Vec::new(),
        format,
        public_client: false,
        redirect_uris: Vec::new(),
        secret: None,
        required: Vec::new(),
        enabled: true,
    };
    let own_uris = settings.identifier_uris.iter().map(|uri| uri.trim_end_matches('/').to_owned());
    let api = Application {
        identifier_uris: [API_IDENTIFIER_URI.to_owned()].into_iter().chain(own_uris).collect(),
        scopes: vec![
            scope(API_CLIENT_ID, SCOPE_READ, false, "Read Azure costs as the signed-in user"),
            scope(
                API_CLIENT_ID,
                SCOPE_EXPORT,
                settings.export_consent == WhoCanConsent::AdminsOnly,
                "Export raw cost details as the signed-in user",
            ),
        ],
        roles: vec![role(API_CLIENT_ID, ROLE_EXPORTER, &[DAEMON_CLIENT_ID])],
        required: vec![(ARM_APP_ID, "user_impersonation")],
        ..blank(API_CLIENT_ID, "MCP cost server", TokenFormat::V2)
    };
    let assistant = Application {
        public_client: true,
        redirect_uris: settings.client_redirect_uris.clone(),
        required: vec![(API_CLIENT_ID, SCOPE_READ), (API_CLIENT_ID, SCOPE_EXPORT)],
        ..blank(PUBLIC_CLIENT_ID, "Contoso Assistant", TokenFormat::V2)
    };
    let daemon = Application {
        secret: Some(DAEMON_CLIENT_SECRET),
        ..blank(DAEMON_CLIENT_ID, "Contoso Nightly Job", TokenFormat::V2)
    };
    let arm = Application {
        identifier_uris: [
            "https://management.azure.com",
            "https://management.core.windows.net",
            arm_endpoint.trim_end_matches('/'),
        ]
        .map(str::to_owned)
        .to_vec(),
        scopes: vec![DelegatedScope {
            // The id is the same in every tenant.
            id: Uuid::from_u128(0x4109_4075_9dad_400e_a0bd_54e6_8678_2033),
            value: "user_impersonation",
            admin_only: false,
            enabled: true,
            description: "Access Azure Resource Manager as you",
        }],
        ..blank(ARM_APP_ID, "Windows Azure Service Management API", TokenFormat::V1)
    };
    vec![api, assistant, daemon, arm, graph(blank(GRAPH_APP_ID, "Microsoft Graph", TokenFormat::V1))]
}

fn graph(blank: Application) -> Application {
    let readers = [API_CLIENT_ID, DAEMON_CLIENT_ID];
    Application {
        identifier_uris: vec!["https://graph.microsoft.com".to_owned()],
        scopes: vec![scope(GRAPH_APP_ID, "User.Read", false, "Sign in and read your profile")],
        roles: vec![
            role(GRAPH_APP_ID, "Application.Read.All", &readers),
            role(GRAPH_APP_ID, "DelegatedPermissionGrant.Read.All", &readers),
        ],
        ..blank
    }
}

fn scope(app_id: &str, value: &'static str, admin_only: bool, description: &'static str) -> DelegatedScope {
    let id = stable_id("scope", &format!("{app_id}/{value}"));
    DelegatedScope { id, value, admin_only, enabled: true, description }
}

fn role(app_id: &str, value: &'static str, held_by: &[&'static str]) -> AppRole {
    let id = stable_id("role", &format!("{app_id}/{value}"));
    let members = ["User", "Application"].map(str::to_owned).to_vec();
    AppRole { id, value, held_by: held_by.to_vec(), enabled: true, members }
}

#[cfg(test)]
mod tests {
    use super::{Directory, TenantSettings};
    use crate::tenant::contoso::{API_CLIENT_ID, ARM_APP_ID};
    use crate::tenant::people::People;

    #[test]
    fn resources_answer_to_all_their_names() {
        let settings = TenantSettings {
            identifier_uris: vec!["https://mcp.contoso.com/mcp".into()],
            ..TenantSettings::default()
        };
        let mut directory =
            Directory::new(&settings, &People::new(0), "https://localhost:2", "https://localhost:1/");
        let names = |name: &str, app: &str| directory.resource(name).is_some_and(|found| found.app_id == app);
        assert!(names("https://management.azure.com", ARM_APP_ID));
        assert!(names("https://management.core.windows.net/", ARM_APP_ID));
        assert!(names("https://localhost:1", ARM_APP_ID));
        assert!(names("https://mcp.contoso.com/mcp", API_CLIENT_ID));
        assert!(names(API_CLIENT_ID, API_CLIENT_ID));
        assert!(names(&format!("api://{API_CLIENT_ID}"), API_CLIENT_ID));
        assert!(!names("https://evil.example", API_CLIENT_ID));
        directory.add_identifier_uri("http://127.0.0.1:9/mcp");
        assert!(directory.resource("http://127.0.0.1:9/mcp").is_some());
    }
}
