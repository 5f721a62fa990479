//! The addresses of a running emulator. Knows no other module.

/// The hosts of Entra ID, Azure Resource Manager and Graph in life, on port 443.
pub const AZURE_HOSTS: [&str; 3] =
    ["login.microsoftonline.com", "management.azure.com", "graph.microsoft.com"];

/// Where the emulator listens. URLs have no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Entra's authority without tenant: `https://localhost:PORT` (`AZURE_AUTHORITY_HOST`).
    pub authority: String,
    /// Azure Resource Manager: `https://localhost:PORT` (`AZURE_ARM_ENDPOINT`).
    pub arm: String,
    /// Microsoft Graph: `https://localhost:PORT` (`AZURE_GRAPH_ENDPOINT`).
    pub graph: String,
    /// Host and port of blob storage: `localhost:PORT` (`AZURE_BLOB_HOSTS`).
    pub blob: String,
    /// Instance metadata service: `http://127.0.0.1:PORT` (`AZURE_POD_IDENTITY_AUTHORITY_HOST`).
    pub metadata: String,
}

impl Endpoints {
    /// The same, under the names that Azure's own hosts have.
    pub(crate) fn under_azures_names(self) -> Self {
        let [authority, arm, graph] = AZURE_HOSTS.map(|host| format!("https://{host}"));
        Self { authority, arm, graph, ..self }
    }

    /// Blob storage as URL.
    pub fn blob_url(&self) -> String {
        format!("https://{}", self.blob)
    }

    /// Where App Service and Container Apps give out tokens of managed identities (`IDENTITY_ENDPOINT`).
    pub fn identity_endpoint(&self) -> String {
        format!("{}/msi/token", self.metadata)
    }

    /// Graph's host and port, as discovery names it.
    pub(crate) fn graph_host(&self) -> &str {
        self.graph.trim_start_matches("https://")
    }
}
