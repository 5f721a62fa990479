//! The addresses of a running emulator. Knows no other module.

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
