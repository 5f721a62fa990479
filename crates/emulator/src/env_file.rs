//! The files that point the services at a running emulator.

use std::io;
use std::path::{Path, PathBuf};

use crate::emulator::Emulator;
use crate::store::write_private;
use crate::tenant::contoso::{API_CLIENT_ID, PUBLIC_CLIENT_ID, TENANT_ID};

impl Emulator {
    /// Writes `ca.pem`, and, readable by their owner alone, `app-credential.pem` and `env` into `dir`; returns the path of `env`, a file of
    /// `NAME=value` lines that point both services at this emulator.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn write_env(&self, dir: &Path) -> io::Result<PathBuf> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let (ca, credential) = (dir.join("ca.pem"), dir.join("app-credential.pem"));
        std::fs::write(&ca, self.ca_pem())?;
        write_private(&credential, self.app_credential_pem())?;
        let endpoints = self.endpoints();
        let lines = [
            ("AZURE_TENANT_ID", TENANT_ID.to_owned()),
            ("AZURE_CLIENT_ID", API_CLIENT_ID.to_owned()),
            ("AZURE_AUTHORITY_HOST", endpoints.authority.clone()),
            ("AZURE_ARM_ENDPOINT", endpoints.arm.clone()),
            ("AZURE_GRAPH_ENDPOINT", endpoints.graph.clone()),
            ("AZURE_BLOB_HOSTS", endpoints.blob.clone()),
            ("PREFLIGHT_CLIENT_IDS", PUBLIC_CLIENT_ID.to_owned()),
            ("EXTRA_CA_FILE", ca.display().to_string()),
            ("AZURE_CLIENT_CERTIFICATE_PATH", credential.display().to_string()),
        ];
        let text = lines.map(|(name, value)| format!("{name}={value}")).join("\n");
        let env = dir.join("env");
        write_private(&env, &format!("{text}\n"))?;
        Ok(env)
    }
}
