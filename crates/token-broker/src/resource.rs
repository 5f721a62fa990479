//! Downstream resources: what a consumer may name, and the scope that stands behind the name.

use identity::cloud::{Cloud, CloudArgs, CloudError};

/// A downstream API that tokens are exchanged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The name consumers use.
    pub name: &'static str,
    /// The scope asked of Entra ID. Of one resource only: several are refused (AADSTS28000, AADSTS700022).
    pub scope: String,
    /// The permission's name for people, shown where consent is missing.
    pub permission: &'static str,
}

/// Every resource there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources(Vec<Resource>);

impl Resources {
    /// The resources of a cloud.
    ///
    /// A resource is named by its public identifier, which an overridden endpoint (a private link, a proxy) does
    /// not change: Entra ID knows Azure Resource Manager under no other name.
    ///
    /// # Errors
    /// Never in practice: the hosts of a cloud are constants.
    pub fn of(cloud: Cloud) -> Result<Self, CloudError> {
        let public = CloudArgs {
            cloud,
            authority_host: None,
            arm_endpoint: None,
            graph_endpoint: None,
            blob_hosts: Vec::new(),
        };
        let arm = public.endpoints()?.arm;
        Ok(Self(vec![Resource {
            name: "arm",
            scope: format!("{}/user_impersonation", arm.as_str().trim_end_matches('/')),
            permission: "Azure Resource Manager user_impersonation",
        }]))
    }

    /// Finds a resource by its exact name.
    pub fn find(&self, name: &str) -> Option<&Resource> {
        self.0.iter().find(|resource| resource.name == name)
    }

    /// All resources.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arm_has_the_public_identifier_of_its_cloud() {
        for (cloud, scope) in [
            (Cloud::AzureCloud, "https://management.azure.com/user_impersonation"),
            (Cloud::AzureUsGovernment, "https://management.usgovcloudapi.net/user_impersonation"),
            (Cloud::AzureChinaCloud, "https://management.chinacloudapi.cn/user_impersonation"),
        ] {
            assert_eq!(Resources::of(cloud).unwrap().find("arm").unwrap().scope, scope);
        }
    }

    #[test]
    fn a_name_is_exact() {
        let resources = Resources::of(Cloud::AzureCloud).unwrap();
        for name in ["", "ARM", "arm ", "graph", "https://management.azure.com/.default"] {
            assert_eq!(resources.find(name), None);
        }
    }
}
