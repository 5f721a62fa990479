//! The `scope` parameter: which one resource is asked for, and what on it.

use std::sync::Arc;

use super::errors::EntraError;
use crate::tenant::contoso::{GRAPH_APP_ID, TENANT_DOMAIN};
use crate::tenant::directory::{Application, Directory};

/// A `scope` parameter, understood.
#[derive(Debug, Clone)]
pub(crate) struct ScopeRequest {
    /// OpenID Connect scopes as asked, `offline_access` among them.
    pub(crate) oidc: Vec<String>,
    /// The parameter as it came.
    pub(crate) text: String,
    /// What is asked of a resource; `None` if only OpenID Connect scopes were named.
    pub(crate) target: Option<Target>,
}

/// What is asked of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) application: Arc<Application>,
    /// The resource as the request spelled it: the audience of a v1 token.
    pub(crate) name: String,
    /// Scope values as the resource spells them.
    pub(crate) values: Vec<String>,
    /// `/.default`: everything granted.
    pub(crate) default: bool,
}

impl ScopeRequest {
    /// Understands `scope`.
    ///
    /// # Errors
    /// AADSTS28000 for two resources, 70011 for `.default` beside other scopes, 500011 for an unknown resource, 500014 for
    /// a disabled one, 650053 for a scope the resource does not have.
    pub(crate) fn parse(directory: &Directory, scope: &str) -> Result<Self, EntraError> {
        let mut request = Self { oidc: Vec::new(), text: scope.to_owned(), target: None };
        for item in scope.split_ascii_whitespace() {
            if matches!(item, "openid" | "profile" | "email" | "offline_access") {
                request.oidc.push(item.to_owned());
            } else {
                request.add(directory, scope, item)?;
            }
        }
        Ok(request)
    }

    pub(crate) fn wants(&self, oidc: &str) -> bool {
        self.oidc.iter().any(|scope| scope == oidc)
    }

    fn add(&mut self, directory: &Directory, scope: &str, item: &str) -> Result<(), EntraError> {
        // "https://management.azure.com//.default" names the resource with its trailing slash.
        let (name, value) = item.rsplit_once('/').unwrap_or((GRAPH_APP_ID, item));
        let application = directory.resource(name).filter(|app| app.installed);
        let application = application.ok_or_else(|| unknown_resource(name))?;
        if !application.enabled {
            return Err(disabled_resource(name));
        }
        let target = self.target.get_or_insert_with(|| Target {
            application: Arc::clone(&application),
            name: name.to_owned(),
            values: Vec::new(),
            default: false,
        });
        if target.application.app_id != application.app_id {
            return Err(two_resources(scope));
        }
        if value == ".default" {
            target.default = true;
        } else {
            let known = application.scope(value).ok_or_else(|| unknown_scope(value, &application))?;
            target.values.push(known.value.clone());
        }
        if target.default && !target.values.is_empty() {
            return Err(mixed_default(scope));
        }
        Ok(())
    }
}

impl Target {
    /// The `scope` of the answer: granted values in full form, and `/.default` if that was asked.
    pub(crate) fn answered(&self, granted: &[String]) -> Vec<String> {
        let default = self.default.then_some(".default");
        let values = granted.iter().map(String::as_str).chain(default);
        values.map(|value| format!("{}/{value}", self.name)).collect()
    }
}

fn unknown_resource(name: &str) -> EntraError {
    let message = format!(
        "The resource principal named {name} was not found in the tenant named {TENANT_DOMAIN}. This can happen if the \
         application has not been installed by the administrator of the tenant or consented to by any user in the tenant."
    );
    EntraError::new("invalid_resource", 500_011, message)
}

fn disabled_resource(name: &str) -> EntraError {
    let message = format!(
        "The service principal for resource '{name}' is disabled. This indicate that a subscription within the tenant has \
         lapsed, or that the administrator for this tenant has disabled the application, preventing tokens from being \
         issued for it."
    );
    EntraError::new("invalid_resource", 500_014, message)
}

fn unknown_scope(value: &str, resource: &Application) -> EntraError {
    let message = format!(
        "The application asked for scope '{value}' that doesn't exist on the resource '{}'. Contact the app vendor.",
        resource.app_id
    );
    EntraError::new("invalid_client", 650_053, message)
}

fn two_resources(scope: &str) -> EntraError {
    let message = format!(
        "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid."
    );
    EntraError::new("invalid_scope", 28_000, message)
}

fn mixed_default(scope: &str) -> EntraError {
    let message = format!(
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' \
         is not valid. The scope '{scope}' is not valid: .default scope can't be combined with resource-specific scopes."
    );
    EntraError::new("invalid_scope", 70_011, message)
}

#[cfg(test)]
mod tests {
    use super::ScopeRequest;
    use crate::tenant::contoso::ARM_APP_ID;
    use crate::tenant::directory::{Directory, TenantSettings};
    use crate::tenant::people::People;

    fn parse(scope: &str) -> Result<ScopeRequest, u32> {
        let directory = Directory::new(
            &TenantSettings::default(),
            &People::new(0),
            "https://localhost:2",
            "https://localhost:1",
        );
        ScopeRequest::parse(&directory, scope).map_err(|error| error.code)
    }

    #[test]
    fn arm_is_found_by_every_spelling() {
        for name in ["https://management.azure.com", "https://management.azure.com/", "https://localhost:1"] {
            let request = parse(&format!("{name}/.default openid offline_access")).unwrap();
            let target = request.target.as_ref().unwrap();
            assert_eq!((target.application.app_id, target.name.as_str()), (ARM_APP_ID, name));
            assert!(target.default && request.wants("offline_access"));
        }
    }

    #[test]
    fn what_entra_refuses_is_refused_with_its_code() {
        assert_eq!(parse("https://nowhere.example/.default").unwrap_err(), 500_011);
        assert_eq!(parse("api://mcp-cost-server/cost.write").unwrap_err(), 650_053);
        // Unqualified scopes are Graph's.
        assert_eq!(parse("cost.read").unwrap_err(), 650_053);
        assert_eq!(
            parse("api://mcp-cost-server/cost.read https://management.azure.com/.default").unwrap_err(),
            28_000
        );
        assert_eq!(
            parse("api://mcp-cost-server/cost.read api://mcp-cost-server/.default").unwrap_err(),
            70_011
        );
    }
}
