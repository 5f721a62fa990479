//! Identities outside the application that it may trust: its federated identity credentials, and the service accounts
//! of a Kubernetes cluster.
//!
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use serde::{Deserialize, Serialize};

use super::contoso::{FEDERATED_AUDIENCE, MANAGED_IDENTITY_ID, TENANT_ID};

/// The most that an application can have, as in life.
pub(crate) const MOST_CREDENTIALS: usize = 20;

/// A federated identity credential of the API application. A token must match all three exactly, case included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredential {
    /// Unique in the application.
    pub name: String,
    /// `iss` of the token.
    pub issuer: String,
    /// `sub` of the token.
    pub subject: String,
    /// `aud` of the token; Entra takes one.
    #[serde(default = "default_audiences")]
    pub audiences: Vec<String>,
}

/// A service account token to order. The default is what the API application trusts, for an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceAccountToken {
    /// Namespace of the service account.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Audience of the projected volume.
    pub audience: String,
    /// Seconds from now until it expires; negative for an expired one.
    pub lifetime_seconds: i64,
}

impl Default for ServiceAccountToken {
    fn default() -> Self {
        Self {
            namespace: "mcp".to_owned(),
            name: "token-broker".to_owned(),
            audience: FEDERATED_AUDIENCE.to_owned(),
            lifetime_seconds: 3_600,
        }
    }
}

impl ServiceAccountToken {
    /// `sub` of the token.
    pub(crate) fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }
}

/// What the API application trusts from the start: the managed identity, and a service account.
pub(super) fn initial(authority: &str) -> Vec<FederatedCredential> {
    vec![
        FederatedCredential {
            name: "managed-identity".to_owned(),
            issuer: format!("{authority}/{TENANT_ID}/v2.0"),
            subject: MANAGED_IDENTITY_ID.to_owned(),
            audiences: default_audiences(),
        },
        FederatedCredential {
            name: "kubernetes".to_owned(),
            issuer: issuer(authority),
            subject: ServiceAccountToken::default().subject(),
            audiences: default_audiences(),
        },
    ]
}

/// The cluster's issuer, with the trailing slash that AKS' have.
pub(crate) fn issuer(authority: &str) -> String {
    format!("{authority}/kubernetes/")
}

fn default_audiences() -> Vec<String> {
    vec![FEDERATED_AUDIENCE.to_owned()]
}
