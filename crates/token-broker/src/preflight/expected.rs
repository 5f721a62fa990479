//! What the tenant must be like, as the settings have it. Nothing here asks anybody.

use identity::{ClientId, TenantId, ValidatorConfig};
use url::Url;

use super::needs::Needs;
use super::settings::{KnownClient, PreflightSettings};
use super::well_known;
use crate::application::Application;

/// What is expected of the tenant.
#[derive(Clone, Debug)]
pub(crate) struct Expectations {
    pub(super) tenant: TenantId,
    pub(super) client_id: ClientId,
    pub(super) authority: Url,
    pub(super) audiences: Vec<String>,
    pub(super) accept_v1: bool,
    pub(super) public_url: Option<String>,
    pub(super) scope_prefix: Option<String>,
    pub(super) needs: Needs,
    pub(super) admin_scopes: Vec<String>,
    pub(super) downstream: Vec<Downstream>,
    pub(super) clients: Vec<KnownClient>,
}

/// A permission that our API needs at another.
#[derive(Clone, Debug)]
pub(crate) struct Downstream {
    /// The scope as it is asked for.
    pub(super) scope: String,
    /// What stands before the permission's name: how the resource is asked for.
    pub(super) identifier: String,
    /// The permission's name, unless all that were granted are asked for (`.default`).
    pub(super) name: Option<String>,
    /// For people.
    pub(super) permission: String,
    /// How its service principal is found.
    pub(super) named: Named,
}

impl Expectations {
    /// What the settings have.
    pub(crate) fn new(
        application: &Application,
        assertions: &ValidatorConfig,
        settings: &PreflightSettings,
    ) -> Self {
        let downstream = settings.resources.iter().flat_map(|resource| {
            let scopes = resource.scope.split(' ').filter(|scope| !scope.is_empty());
            scopes.map(|scope| Downstream::new(scope, &resource.permission))
        });
        Self {
            tenant: application.tenant,
            client_id: application.client_id,
            authority: application.authority.clone(),
            audiences: assertions.audiences.clone(),
            accept_v1: assertions.accept_v1,
            public_url: settings.public_url.clone(),
            scope_prefix: settings.scope_prefix.clone(),
            needs: settings.needs.clone(),
            admin_scopes: settings.admin_scopes.clone(),
            downstream: downstream.collect(),
            clients: settings.clients.clone(),
        }
    }

    /// Whether only an administrator may consent to a scope.
    pub(super) fn is_admin_scope(&self, scope: &str) -> bool {
        self.admin_scopes.iter().any(|admin| admin.eq_ignore_ascii_case(scope))
    }

    /// Whether an app role decides who may use what a scope opens, whoever has the scope.
    pub(super) fn is_with_role(&self, scope: &str) -> bool {
        self.needs.with_role.iter().any(|one| one.eq_ignore_ascii_case(scope))
    }
}

impl Downstream {
    pub(super) fn new(scope: &str, permission: &str) -> Self {
        let (identifier, name) = scope.rsplit_once('/').unwrap_or((scope, ".default"));
        let identifier = identifier.trim_end_matches('/');
        Self {
            scope: scope.to_owned(),
            identifier: identifier.to_owned(),
            name: (name != ".default").then(|| name.to_owned()),
            permission: permission.to_owned(),
            named: Named::of_resource(identifier),
        }
    }
}

/// How an application's service principal is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// By its application id.
    Id(String),
    /// By a name that it is asked for by.
    Uri(String),
}

impl Named {
    /// How a downstream resource is found: by application id where that is the same in every tenant and cloud, else by
    /// the name it is asked for.
    pub(super) fn of_resource(identifier: &str) -> Self {
        match well_known::api(identifier) {
            Some(id) => Self::Id(id.to_owned()),
            None => Self::Uri(identifier.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_taken_apart_into_resource_and_permission() {
        let arm = Downstream::new("https://management.azure.com/user_impersonation", "ARM");
        assert_eq!(
            (&*arm.identifier, arm.name.as_deref()),
            ("https://management.azure.com", Some("user_impersonation"))
        );
        assert_eq!(arm.named, Named::Id("797f4846-ba00-4fd7-ba43-dac1f8f63013".to_owned()));
        let own = Downstream::new("api://o'hara/.default", "Own");
        assert_eq!((own.named, own.name), (Named::Uri("api://o'hara".to_owned()), None));
    }
}
