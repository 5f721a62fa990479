//! The kinds of credential the broker can have, and a volume as Kubernetes mounts it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use emulator::{Emulator, ServiceAccountToken};

/// How the broker of a stack proves to Entra ID who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// A certificate in a plain file.
    #[default]
    Certificate,
    /// A certificate in a volume.
    MountedCertificate,
    /// A service account token in a volume.
    FederatedToken,
    /// A managed identity, by way of a virtual machine's metadata service.
    InstanceMetadata,
    /// A managed identity, by way of the endpoint of App Service and Container Apps.
    AppService,
}

impl Credential {
    /// The broker's flags, and the volume with what they name.
    pub(crate) fn mount(
        self,
        emulator: &Emulator,
        certificate: &Path,
        folder: &Path,
    ) -> (Vec<String>, Volume) {
        let volume = Volume::new(&folder.join("volume"));
        let identity = format!("--managed-identity-client-id={}", emulator::MANAGED_IDENTITY_CLIENT_ID);
        let flags = match self {
            Self::Certificate => vec![format!("--client-certificate-path={}", certificate.display())],
            Self::MountedCertificate => {
                volume.write("app.pem", emulator.app_credential_pem());
                vec![format!("--client-certificate-path={}", volume.path("app.pem").display())]
            }
            Self::FederatedToken => {
                volume.write("token", &emulator.service_account_token(&ServiceAccountToken::default()));
                vec![format!("--federated-token-file={}", volume.path("token").display())]
            }
            Self::InstanceMetadata => {
                let host = &emulator.endpoints().metadata;
                vec![identity, format!("--pod-identity-authority-host={host}")]
            }
            Self::AppService => vec![
                identity,
                format!("--identity-endpoint={}", emulator.endpoints().identity_endpoint()),
                format!("--identity-header={}", emulator.identity_header()),
            ],
        };
        (flags, volume)
    }
}

/// A volume as the kubelet writes it (Kubernetes' AtomicWriter): files are links by way of `..data`, which is swapped
/// for another folder in one step.
#[derive(Debug)]
pub struct Volume {
    root: PathBuf,
    versions: AtomicU64,
}

impl Volume {
    fn new(root: &Path) -> Self {
        fs::create_dir(root).expect("a temporary folder");
        Self { root: root.to_owned(), versions: AtomicU64::new(0) }
    }

    /// Where a file of this name is found.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Replaces the volume's content by this one file, and removes the folder before.
    ///
    /// # Panics
    /// If the temporary folder cannot be written.
    pub fn write(&self, name: &str, content: &str) {
        let version = self.versions.fetch_add(1, Ordering::SeqCst);
        let folder = format!("..2026_11_22_10_00_00.{version:09}");
        fs::create_dir(self.root.join(&folder)).expect("a folder");
        fs::write(self.root.join(&folder).join(name), content).expect("a file");
        let before = fs::read_link(self.root.join("..data")).ok();
        symlink(&folder, self.root.join("..data_tmp")).expect("a link");
        fs::rename(self.root.join("..data_tmp"), self.root.join("..data")).expect("the swap");
        if before.is_none() {
            symlink(Path::new("..data").join(name), self.path(name)).expect("a link");
        }
        if let Some(before) = before {
            fs::remove_dir_all(self.root.join(before)).expect("the folder before");
        }
    }
}
