//! The server's side of TLS, from its files: of the gRPC port, where it is mutual, and of the admin port.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use watched::{Content, WatchError, Watched};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// What is served over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// gRPC, for consumers: who shows no certificate is nobody.
    Grpc,
    /// Health and metrics, for whoever scrapes.
    Admin,
}

impl Port {
    /// How its files are called in log and metrics.
    fn files(self) -> &'static str {
        match self {
            Self::Grpc => "TLS files",
            Self::Admin => "admin TLS files",
        }
    }

    fn client_ca_setting(self) -> &'static str {
        match self {
            Self::Grpc => "BROKER_TLS_CLIENT_CA_FILE",
            Self::Admin => "BROKER_ADMIN_CLIENT_CA_FILE",
        }
    }

    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Grpc => vec![b"h2".to_vec()],
            Self::Admin => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

/// The files of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate chain.
    pub cert: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
    /// The authorities that certificates of clients must come from. Without them none is asked for.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// The first DNS name that the server's certificate is for.
    pub(crate) fn server_name(&self) -> Option<String> {
        let chain = certificates(&std::fs::read(&self.cert).ok()?).ok()?;
        let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
        let names = &leaf.subject_alternative_name().ok()??.value.general_names;
        names.iter().find_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
    }
}

/// What a handshake needs.
pub(crate) struct ServerTls {
    config: Arc<ServerConfig>,
    not_after: Timestamp,
}

impl ServerTls {
    /// Does handshakes with this certificate and these authorities.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// When the server's certificate ends.
    pub(crate) fn not_after(&self) -> Timestamp {
        self.not_after
    }

    fn new(port: Port, cert: &[u8], key: &[u8], client_ca: Option<&[u8]>) -> Result<Self, Fault> {
        let chain = certificates(cert).map_err(|()| Fault::BrokenCert)?;
        let leaf = chain.first().ok_or(Fault::NoCert)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| Fault::BrokenCert)?;
        let not_after =
            Timestamp::from_second(parsed.validity().not_after.timestamp()).map_err(|_| Fault::BrokenCert)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Fault::NoKey)?;

        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = match (client_ca, port) {
            (Some(client_ca), _) => {
                let authorities = Arc::new(authorities(client_ca)?);
                WebPkiClientVerifier::builder_with_provider(authorities, Arc::clone(&provider))
                    .build()
                    .map_err(Fault::Verifier)?
            }
            (None, Port::Admin) => WebPkiClientVerifier::no_client_auth(),
            (None, Port::Grpc) => return Err(Fault::NoAuthority),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Fault::Mismatch)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(Fault::Mismatch)?;
        config.alpn_protocols = port.protocols();
        // A resumed session is one whose certificate nobody looks at again. Connections are few and long: each can
        // afford a handshake.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), not_after })
    }
}

/// Reads the files, and follows them: handshakes from then on take what stands in them.
///
/// # Errors
/// [`TlsError`] names the setting, the file and the fix.
pub(crate) fn watch(port: Port, files: &TlsFiles) -> Result<Arc<Watched<ServerTls>>, TlsError> {
    let TlsFiles { cert, key, client_ca } = files.clone();
    let paths = [cert, key].into_iter().chain(client_ca).collect();
    let (settings, named) = (files.clone(), files.clone());
    let parse = move |contents: &[Content]| {
        let [cert, key, client_ca @ ..] = contents else { return Err("two files or three".into()) };
        ServerTls::new(port, cert, key, client_ca.first().map(|content| content.as_slice()))
            .map_err(|fault| UnusableFiles { fault, port, files: settings.clone() }.into())
    };
    Watched::load(port.files(), paths, parse).map_err(|error| match error {
        WatchError::Unreadable { path, source } => {
            TlsError::Unreadable { setting: setting_of(port, &named, &path), path, source }
        }
        error => TlsError::Unusable(error),
    })
}

/// TLS files that cannot be used at the start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting} `{}` cannot be read", path.display())]
    Unreadable {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The files do not hold what they must, or do not fit together.
    #[error(
        "the BROKER_TLS_* files cannot be used: they must be PEM, and the key must belong to the certificate"
    )]
    Unusable(#[source] WatchError),
}

/// A fault with the files it was found in.
#[derive(Debug)]
struct UnusableFiles {
    fault: Fault,
    port: Port,
    files: TlsFiles,
}

impl fmt::Display for UnusableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TlsFiles { cert, key, client_ca } = &self.files;
        let cert = format_args!("BROKER_TLS_CERT_FILE `{}`", cert.display());
        let key = format_args!("BROKER_TLS_KEY_FILE `{}`", key.display());
        let client_ca = client_ca.as_deref().unwrap_or(Path::new("")).display();
        let client_ca = format_args!("{} `{client_ca}`", self.port.client_ca_setting());
        match &self.fault {
            Fault::NoCert => write!(f, "{cert} holds no certificate in PEM"),
            Fault::BrokenCert => write!(f, "{cert} holds PEM or a certificate that cannot be read"),
            Fault::NoKey => {
                write!(
                    f,
                    "{key} holds no private key in PEM: it must be PKCS#8, PKCS#1 or SEC1, not encrypted"
                )
            }
            Fault::Mismatch(error) => {
                write!(f, "the key of {key} is not that of the first certificate of {cert}: {error}")
            }
            Fault::NoAuthority => write!(f, "{client_ca} holds no certificate in PEM"),
            Fault::BrokenAuthority => {
                write!(f, "{client_ca} holds PEM or a certificate that cannot be read as an authority's")
            }
            Fault::Verifier(error) => write!(f, "{client_ca} cannot be used: {error}"),
        }
    }
}

impl std::error::Error for UnusableFiles {}

#[derive(Debug)]
enum Fault {
    NoCert,
    BrokenCert,
    NoKey,
    Mismatch(rustls::Error),
    NoAuthority,
    BrokenAuthority,
    Verifier(VerifierBuilderError),
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ()> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| ())
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, Fault> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem).map_err(|()| Fault::BrokenAuthority)? {
        store.add(certificate).map_err(|_| Fault::BrokenAuthority)?;
    }
    if store.is_empty() { Err(Fault::NoAuthority) } else { Ok(store) }
}

fn setting_of(port: Port, files: &TlsFiles, path: &Path) -> &'static str {
    let TlsFiles { cert, key, .. } = files;
    if path == cert {
        "BROKER_TLS_CERT_FILE"
    } else if path == key {
        "BROKER_TLS_KEY_FILE"
    } else {
        port.client_ca_setting()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::testing::{self, certified, ec_key};

    struct Folder {
        _dir: tempfile::TempDir,
        files: TlsFiles,
    }

    impl Folder {
        fn new(cert: &str, key: &str, client_ca: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let file = |name: &str, text: &str| {
                let path = dir.path().join(name);
                std::fs::write(&path, text).unwrap();
                path
            };
            let files = TlsFiles {
                cert: file("cert.pem", cert),
                key: file("key.pem", key),
                client_ca: Some(file("ca.pem", client_ca)),
            };
            Self { _dir: dir, files }
        }

        fn fault(&self) -> String {
            let error = watch(Port::Grpc, &self.files).map(|_| ()).unwrap_err();
            let mut texts = vec![error.to_string()];
            let mut source = error.source();
            while let Some(error) = source {
                texts.push(error.to_string());
                source = error.source();
            }
            texts.join(": ")
        }
    }

    #[test]
    fn files_that_fit_are_taken_and_tell_their_end() {
        let own = certified(ec_key(), 2026, 2028);
        let folder = Folder::new(&own.certificate.pem(), &own.key.serialize_pem(), &own.certificate.pem());
        let tls = watch(Port::Grpc, &folder.files).unwrap().current();
        assert_eq!(tls.not_after(), "2028-01-01T00:00:00Z".parse().unwrap());
    }

    #[test]
    fn files_that_do_not_are_named() {
        let (own, other) = (certified(ec_key(), 2026, 2028), certified(ec_key(), 2026, 2028));
        let (cert, key) = (own.certificate.pem(), own.key.serialize_pem());
        let broken = testing::pem("CERTIFICATE", b"no DER");
        for (cert, key, client_ca, said) in [
            ("", &key[..], &cert[..], "cert.pem` holds no certificate"),
            (&broken, &key, &cert, "cert.pem` holds PEM or a certificate that cannot be read"),
            (&key, &key, &cert, "cert.pem` holds no certificate"),
            (&cert, "", &cert, "key.pem` holds no private key"),
            (&cert, &cert, &cert, "key.pem` holds no private key"),
            (&cert, &other.key.serialize_pem(), &cert, "key.pem` is not that of the first certificate of"),
            (&cert, &key, "", "ca.pem` holds no certificate"),
            (&cert, &key, &broken, "ca.pem` holds PEM or a certificate that cannot be read"),
        ] {
            let fault = Folder::new(cert, key, client_ca).fault();
            assert!(fault.contains(said) && fault.contains("BROKER_TLS_"), "{fault}");
        }
        let folder = Folder::new(&cert, &key, &cert);
        std::fs::remove_file(&folder.files.key).unwrap();
        let fault = folder.fault();
        assert!(fault.contains("BROKER_TLS_KEY_FILE `") && fault.contains("cannot be read"), "{fault}");
    }

    #[test]
    fn only_the_admin_port_goes_without_authorities() {
        let own = certified(ec_key(), 2026, 2028);
        let pem = own.certificate.pem();
        let mut folder = Folder::new(&pem, &own.key.serialize_pem(), &pem);
        folder.files.client_ca = None;
        assert!(watch(Port::Admin, &folder.files).is_ok());
        assert!(folder.fault().contains("BROKER_TLS_CLIENT_CA_FILE"), "{}", folder.fault());
        folder.files.client_ca = Some(folder.files.key.clone());
        let error = watch(Port::Admin, &folder.files).map(|_| ()).unwrap_err();
        let reason = error.source().unwrap().source().unwrap().to_string();
        assert!(
            reason.contains("BROKER_ADMIN_CLIENT_CA_FILE") && reason.contains("holds no certificate"),
            "{reason}"
        );
    }
}
