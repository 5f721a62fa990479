//! Downstream resources: what a consumer may name, and the scopes that stand behind the name.
//!
//! `arm` and `graph` are built in; a file adds others or replaces these. Consumers never pass scopes of their own.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use identity::cloud::{Cloud, CloudArgs, CloudError};

pub use file::ResourcesError;

mod file;

/// A downstream API that tokens are exchanged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The name consumers use.
    pub name: Arc<str>,
    /// The scopes asked of Entra ID, separated by spaces. Of one resource only: several are refused
    /// (AADSTS28000, AADSTS700022).
    pub scope: Arc<str>,
    /// The permission's name for people, shown where consent is missing.
    pub permission: Arc<str>,
}

/// Every resource there is.
#[derive(Clone, PartialEq, Eq)]
pub struct Resources(Vec<Resource>);

impl Resources {
    /// The resources of a cloud that are built in.
    ///
    /// A resource is named by its public identifier, which an overridden endpoint (a private link, a proxy) does
    /// not change: Entra ID knows Azure Resource Manager under no other name.
    ///
    /// # Errors
    /// Never in practice: the hosts of a cloud are constants.
    pub fn of(cloud: Cloud) -> Result<Self, CloudError> {
        let hosts = public(cloud).endpoints()?;
        let built_in = [
            ("arm", &hosts.arm, "user_impersonation", "Azure Resource Manager"),
            ("graph", &hosts.graph, "User.Read", "Microsoft Graph"),
        ];
        let resource = |(name, host, scope, api): (&str, &url::Url, &str, &str)| Resource {
            name: name.into(),
            scope: format!("{}/{scope}", host.as_str().trim_end_matches('/')).into(),
            permission: format!("{api} {scope}").into(),
        };
        Ok(Self(built_in.into_iter().map(resource).collect()))
    }

    /// Adds the resources of a file; one of a name that is there already replaces it.
    ///
    /// # Errors
    /// [`ResourcesError`] names the file, the entry and the fix.
    pub fn with_file(mut self, path: &Path) -> Result<Self, ResourcesError> {
        for resource in file::load(path)? {
            match self.0.iter_mut().find(|known| known.name == resource.name) {
                Some(known) => *known = resource,
                None => self.0.push(resource),
            }
        }
        Ok(self)
    }

    /// The scope of Microsoft Graph for the application itself, by Graph's public identifier in a cloud.
    ///
    /// # Errors
    /// As [`Resources::of`].
    pub fn graph_scope(cloud: Cloud) -> Result<String, CloudError> {
        let graph = public(cloud).endpoints()?.graph;
        Ok(format!("{}/.default", graph.as_str().trim_end_matches('/')))
    }

    /// Finds a resource by its exact name.
    pub fn find(&self, name: &str) -> Option<&Resource> {
        self.0.iter().find(|resource| &*resource.name == name)
    }

    /// All resources.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.0.iter()
    }
}

/// Names and scopes.
impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|resource| (&resource.name, &resource.scope))).finish()
    }
}

/// A cloud without overrides.
fn public(cloud: Cloud) -> CloudArgs {
    CloudArgs {
        cloud,
        authority_host: None,
        arm_endpoint: None,
        graph_endpoint: None,
        blob_hosts: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_has_the_public_identifier_of_its_cloud() {
        for (cloud, arm, graph) in [
            (Cloud::AzureCloud, "https://management.azure.com", "https://graph.microsoft.com"),
            (Cloud::AzureUsGovernment, "https://management.usgovcloudapi.net", "https://graph.microsoft.us"),
            (
                Cloud::AzureChinaCloud,
                "https://management.chinacloudapi.cn",
                "https://microsoftgraph.chinacloudapi.cn",
            ),
        ] {
            let resources = Resources::of(cloud).unwrap();
            assert_eq!(*resources.find("arm").unwrap().scope, format!("{arm}/user_impersonation"));
            let found = resources.find("graph").unwrap();
            assert_eq!(*found.scope, format!("{graph}/User.Read"));
            assert_eq!(&*found.permission, "Microsoft Graph User.Read");
        }
    }

    #[test]
    fn a_name_is_exact() {
        let resources = Resources::of(Cloud::AzureCloud).unwrap();
        for name in ["", "ARM", "arm ", "Graph", "https://management.azure.com/.default"] {
            assert_eq!(resources.find(name), None);
        }
    }
}
