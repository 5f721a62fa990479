//! Applications registered through Graph: the document that Graph keeps of each, and what of it the token endpoint obeys.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::application::{AppRole, Application, DelegatedScope, TokenFormat};
use super::registration::{Platform, RedirectUri};
use super::{Directory, PLATFORMS};
use crate::jwt;
use crate::tenant::certificate::Certificate;
use crate::tenant::ids::lasting;

/// The most that can be registered: what one person may create in a directory.
/// <https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions>
const MOST: usize = 250;

/// Who gets an app role.
pub(crate) enum Holder {
    /// Object id and name.
    Person(String, String),
    Application(Arc<Application>),
}

impl Holder {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Person(_, name) => name,
            Self::Application(app) => &app.display_name,
        }
    }

    /// `principalType` of an assignment.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Person(..) => "User",
            Self::Application(_) => "ServicePrincipal",
        }
    }

    /// One of the role's `allowedMemberTypes`.
    pub(crate) fn member_type(&self) -> &'static str {
        match self {
            Self::Person(..) => "User",
            Self::Application(_) => "Application",
        }
    }
}

impl Directory {
    /// Registers an application without a service principal; nothing if there are too many.
    pub(crate) fn register(&mut self, document: Value) -> Option<Arc<Application>> {
        if self.applications.iter().filter(|app| app.document.is_some()).count() >= MOST {
            return None;
        }
        let mut app = Application {
            app_id: lasting(&Uuid::new_v4().to_string()),
            display_name: String::new(),
            identifier_uris: Vec::new(),
            scopes: Vec::new(),
            roles: Vec::new(),
            format: TokenFormat::V1,
            public_client: false,
            redirect_uris: Vec::new(),
            secret: None,
            required: Vec::new(),
            enabled: true,
            microsofts: false,
            installed: false,
            assignment_required: false,
            pre_authorized: Vec::new(),
            certificates: Vec::new(),
            document: None,
        };
        self.obey(&mut app, document);
        let app = Arc::new(app);
        self.applications.push(Arc::clone(&app));
        Some(app)
    }

    /// Puts another document in the place of a registered application's.
    pub(crate) fn set_document(&mut self, app_id: &str, document: Value) {
        let Some(mut app) = self.application(app_id).map(|app| app.as_ref().clone()) else { return };
        self.obey(&mut app, document);
        self.change(app.app_id, |kept| *kept = app);
    }

    /// Assigns an app role; `false` if it is assigned already.
    pub(crate) fn assign(&mut self, resource: &str, role: Uuid, holder: &Holder) -> bool {
        let mut is_new = false;
        self.change(resource, |app| {
            let Some(role) = app.roles.iter_mut().find(|offered| offered.id == role) else { return };
            is_new = match holder {
                Holder::Person(oid, _) => role.people.insert(oid.clone()),
                Holder::Application(app) => {
                    let held = role.held_by.contains(&app.app_id);
                    role.held_by.extend((!held).then_some(app.app_id));
                    !held
                }
            };
        });
        is_new
    }

    fn obey(&self, app: &mut Application, document: Value) {
        app.display_name = text(&document["displayName"]);
        app.identifier_uris = list(&document["identifierUris"]).iter().map(text).collect();
        app.scopes = list(&document["api"]["oauth2PermissionScopes"]).iter().map(scope).collect();
        app.roles = list(&document["appRoles"]).iter().map(|one| role(app, one)).collect();
        let version = &document["api"]["requestedAccessTokenVersion"];
        app.format = if *version == 2 { TokenFormat::V2 } else { TokenFormat::V1 };
        app.redirect_uris = PLATFORMS.iter().flat_map(|(name, of)| redirects(&document[name], *of)).collect();
        app.public_client = document["isFallbackPublicClient"] == true;
        app.pre_authorized =
            list(&document["api"]["preAuthorizedApplications"]).iter().map(pre_authorized).collect();
        app.required =
            list(&document["requiredResourceAccess"]).iter().flat_map(|one| self.required(one)).collect();
        let keys = list(&document["keyCredentials"])
            .iter()
            .filter_map(|key| jwt::decode_standard(key["key"].as_str()?));
        app.certificates = keys.filter_map(|der| Certificate::from_der(&der)).map(Arc::new).collect();
        app.document = Some(document);
    }

    /// The delegated permissions among those that an application asks for of one resource.
    fn required(&self, one: &Value) -> Vec<(String, String)> {
        let Some(resource) = one["resourceAppId"].as_str().and_then(|id| self.application(id)) else {
            return Vec::new();
        };
        let asked = list(&one["resourceAccess"]).iter().filter(|access| access["type"] == "Scope");
        let scope = |access: &Value| resource.scopes.iter().find(|scope| scope.id == id(&access["id"]));
        asked.filter_map(scope).map(|scope| (resource.app_id.to_owned(), scope.value.clone())).collect()
    }
}

/// Who has a role keeps it when the application is written anew.
fn role(app: &Application, role: &Value) -> AppRole {
    let id = id(&role["id"]);
    let kept = app.roles.iter().find(|kept| kept.id == id);
    AppRole {
        id,
        value: text(&role["value"]),
        held_by: kept.map(|kept| kept.held_by.clone()).unwrap_or_default(),
        people: kept.map_or_else(HashSet::new, |kept| kept.people.clone()),
        enabled: role["isEnabled"] == true,
        members: list(&role["allowedMemberTypes"])
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    }
}

fn scope(scope: &Value) -> DelegatedScope {
    DelegatedScope {
        id: id(&scope["id"]),
        value: text(&scope["value"]),
        admin_only: scope["type"] == "Admin",
        enabled: scope["isEnabled"] == true,
        description: text(&scope["adminConsentDisplayName"]),
    }
}

fn pre_authorized(one: &Value) -> (String, Vec<Uuid>) {
    let ids = list(&one["delegatedPermissionIds"]).iter().map(id).collect();
    (text(&one["appId"]), ids)
}

fn redirects(of: &Value, platform: Platform) -> Vec<RedirectUri> {
    let uris = list(&of["redirectUris"]).iter().filter_map(Value::as_str);
    uris.map(|uri| RedirectUri { uri: uri.to_owned(), platform }).collect()
}

fn id(value: &Value) -> Uuid {
    value.as_str().and_then(|text| Uuid::parse_str(text).ok()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
