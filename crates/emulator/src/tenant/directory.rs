//! The tenant's applications and what tests may change about the tenant: grants, policies, sessions.
//!
//! Consent is held as Graph shows it (`oauth2PermissionGrants`), and the token endpoint reads the same list.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::conditional_access::Policy;
use super::contoso::API_CLIENT_ID;
use super::federation::{self, FederatedCredential};
use super::grants::Grants;
use super::graph_settings::GraphSettings;
use super::people::{People, Person};

pub(crate) use application::{AppRole, Application, DelegatedScope, TokenFormat};
pub(crate) use azure_roles::{AzureRole, BUILT_IN, BuiltIn, READER, RoleChanges};
pub(crate) use registered::Holder;
pub use registration::{
    NeverOffered, OwnRefresh, Platform, PreAuthorized, RedirectUri, RegisteredRole, RegisteredScope,
    Registration,
};

mod application;
mod azure_roles;
mod catalogue;
mod registered;
mod registration;

/// The property of an application that lists the redirect URIs of each platform.
pub(crate) const PLATFORMS: [(&str, Platform); 3] =
    [("publicClient", Platform::MobileAndDesktop), ("spa", Platform::SinglePage), ("web", Platform::Web)];

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
    /// By application id.
    federated_credentials: HashMap<String, Vec<FederatedCredential>>,
    /// Azure roles given since the start: object id and subscription.
    pub(crate) azure_roles: Vec<AzureRole>,
    pub(crate) role_changes: RoleChanges,
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
        let applications = catalogue::applications(settings, people, arm_endpoint);
        let (api, client) = (&applications[0], &applications[1]);
        let (registration, offered) =
            (Registration::initial(api, client), (api.scopes.clone(), api.roles.clone()));
        let applications: Vec<_> = applications.into_iter().map(Arc::new).collect();
        let grants = Grants::initial(people);
        let mut directory = Self {
            applications,
            grants,
            policies: vec![Policy::dave_needs_mfa_for_arm()],
            federated_credentials: [(API_CLIENT_ID.to_owned(), federation::initial(authority))].into(),
            azure_roles: AzureRole::of_the_pipeline(),
            role_changes: RoleChanges::default(),
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

    /// What an application trusts in place of a certificate.
    pub(crate) fn federated_credentials(&self, app_id: &str) -> &[FederatedCredential] {
        self.federated_credentials.get(app_id).map_or(&[], Vec::as_slice)
    }

    /// The same, to be changed.
    pub(crate) fn federated_credentials_mut(&mut self, app_id: &str) -> &mut Vec<FederatedCredential> {
        self.federated_credentials.entry(app_id.to_owned()).or_default()
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
            granted.extend(own.iter().flat_map(|app| &app.scopes).map(|scope| scope.value.clone()));
        }
        let resource = self.application(resource);
        granted.extend(resource.iter().flat_map(|app| app.pre_authorizes(client)));
        granted
    }

    /// The app roles of `person` on `resource`, as a token lists them.
    pub(crate) fn roles_of(&self, person: &Person, resource: &Application) -> Vec<String> {
        if resource.app_id == API_CLIENT_ID && !self.registration.people_assigned {
            return Vec::new();
        }
        let held = resource.roles.iter().filter(|role| role.enabled && role.people.contains(&person.oid));
        held.map(|role| role.value.clone()).collect()
    }

    /// Whether `person` is kept out of `resource`, which admits nobody without an assignment.
    pub(crate) fn is_kept_out(&self, person: &Person, resource: &Application) -> bool {
        resource.assignment_required && self.roles_of(person, resource).is_empty()
    }

    /// Changes an application, if there is one of this id.
    pub(crate) fn change(&mut self, app_id: &str, change: impl FnOnce(&mut Application)) {
        if let Some(app) = self.applications.iter_mut().find(|app| app.app_id == app_id) {
            change(Arc::make_mut(app));
        }
    }

    /// Gives somebody a role at a subscription or a resource group of it, a management group or a billing account. Above
    /// subscriptions there is one kind.
    pub(crate) fn give_role(&mut self, oid: &str, role: &BuiltIn, scope: &str) {
        match below_subscriptions(scope) {
            Some(below) if role.name != READER => {
                let role = AzureRole { principal: oid.to_owned(), below, role: role.id };
                if !self.azure_roles.contains(&role) {
                    self.azure_roles.push(role);
                }
            }
            Some(_) | None => self.role_changes.set(oid, scope, true),
        }
    }

    /// Takes a role away; every one that somebody has at the scope, if none is named.
    pub(crate) fn take_role(&mut self, oid: &str, role: Option<&BuiltIn>, scope: &str) {
        if role.is_none_or(|role| role.name == READER) {
            self.role_changes.set(oid, scope, false);
        }
        if let Some(below) = below_subscriptions(scope) {
            let is_it = |given: &AzureRole| {
                given.principal == oid
                    && given.below == below
                    && role.is_none_or(|role| role.id == given.role)
            };
            self.azure_roles.retain(|given| !is_it(given));
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

/// What stands behind `/subscriptions/`.
fn below_subscriptions(scope: &str) -> Option<String> {
    let lower = scope.to_ascii_lowercase();
    lower.strip_prefix("/subscriptions/").map(|id| id.trim_end_matches('/').to_owned())
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
