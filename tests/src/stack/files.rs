//! What the services read from files, in a folder that goes with the stack.

use std::path::{Path, PathBuf};

use emulator::Emulator;
use tempfile::TempDir;

/// What the services read from files.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) ca: PathBuf,
    pub(super) credential: PathBuf,
    pub(super) policy: Option<PathBuf>,
    dir: TempDir,
}

impl Files {
    pub(super) fn folder(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn write(emulator: &Emulator, policy: Option<&str>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("a temporary file");
            path
        };
        let ca = write("ca.pem", emulator.ca_pem());
        let credential = write("credential.pem", emulator.app_credential_pem());
        let policy = policy.map(|text| write("policy.toml", text));
        Self { ca, credential, policy, dir }
    }

    /// The gateway's flag for the file of its sign-in facade, if it is to have one.
    pub(super) fn sign_in(&self, text: Option<&str>) -> Option<String> {
        let path = self.folder().join("sign-in.toml");
        std::fs::write(&path, text?).expect("a temporary file");
        Some(format!("--sign-in-file={}", path.display()))
    }

    /// The flags that both services share: whose tenant, and where its hosts are.
    pub(super) fn tenant_flags(&self, emulator: &Emulator) -> Vec<String> {
        let endpoints = emulator.endpoints();
        vec![
            format!("--tenant-id={}", emulator::TENANT_ID),
            format!("--client-id={}", emulator::API_CLIENT_ID),
            format!("--authority-host={}", endpoints.authority),
            format!("--arm-endpoint={}", endpoints.arm),
            format!("--graph-endpoint={}", endpoints.graph),
            format!("--extra-ca-file={}", self.ca.display()),
        ]
    }
}
