//! The certificate that both addresses are served with, from its two files, followed.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use watched::{Content, WatchError, Watched};

/// What a handshake needs.
pub(crate) struct ServerTls(Arc<ServerConfig>);

impl ServerTls {
    /// Does handshakes with this certificate.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }

    fn new(certificate: &[u8], key: &[u8]) -> Result<Self, PairFault> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| PairFault::NoCertificate)?;
        if chain.is_empty() {
            return Err(PairFault::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| PairFault::NoKey)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(PairFault::Mismatch)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(PairFault::Mismatch)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

/// Reads the files, and follows them: handshakes from then on take what stands in them.
///
/// # Errors
/// When a file cannot be read, or they do not hold a certificate and its key.
pub(crate) fn watch(certificate: &Path, key: &Path) -> Result<Arc<Watched<ServerTls>>, WatchError> {
    let parse = |contents: &[Content]| -> Result<ServerTls, Box<dyn Error + Send + Sync>> {
        let [certificate, key] = contents else { return Err("two files".into()) };
        Ok(ServerTls::new(certificate, key)?)
    };
    Watched::load("TLS files", vec![certificate.to_owned(), key.to_owned()], parse)
}

#[derive(Debug)]
enum PairFault {
    NoCertificate,
    NoKey,
    Mismatch(rustls::Error),
}

impl fmt::Display for PairFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => f.write_str("GATEWAY_TLS_CERT_FILE holds no certificate in PEM"),
            Self::NoKey => f.write_str(
                "GATEWAY_TLS_KEY_FILE holds no private key in PEM: it must be PKCS#8, PKCS#1 or SEC1, not encrypted",
            ),
            Self::Mismatch(error) => write!(
                f,
                "the key of GATEWAY_TLS_KEY_FILE is not that of the first certificate of GATEWAY_TLS_CERT_FILE: {error}"
            ),
        }
    }
}

impl Error for PairFault {}
