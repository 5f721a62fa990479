//! Mutual TLS to the broker, with files that are read anew for each connection.
//!
//! Certificates are short-lived where they are issued by machines. Whoever rotates them replaces the files; the next
//! connection uses what stands there then, and the broker ends connections by their age. A rotation that is caught
//! half-way is not an outage: the files of the last connection serve until the new ones fit together.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::error::{SetupError, TlsFile, TlsFileError, TlsFileProblem, chain};

/// The longest file that is read. Chains take some KiB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// How long the server's first word is waited for.
const FIRST_WORD: Duration = Duration::from_millis(500);

/// The PEM files of a connection by TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    authority: PathBuf,
    identity: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// Trusts a broker whose certificate is signed by an authority of this PEM file, and no other.
    pub fn new(authority: impl Into<PathBuf>) -> Self {
        Self { authority: authority.into(), identity: None }
    }

    /// What this consumer shows: a PEM file with its certificate and the chain below the authority, and one with the
    /// key. The broker knows its consumers by their certificates and lets nobody in without one.
    #[must_use]
    pub fn with_identity(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }
}

fn failed(error: &io::Error) -> io::Error {
    io::Error::other(format!("TLS: {}", chain(error)))
}

/// TLS to one server, by files.
pub(super) struct Tls {
    files: TlsFiles,
    server: ServerName<'static>,
    last: Mutex<Arc<ClientConfig>>,
}

impl Tls {
    /// Reads the files once, so that a mistake is noticed at the start.
    pub(super) fn load(files: TlsFiles, host: String) -> Result<Self, SetupError> {
        let last = Mutex::new(Arc::new(config(&files)?));
        let server = ServerName::try_from(host).map_err(|error| SetupError::Host(error.to_string()))?;
        Ok(Self { files, server, last })
    }

    /// Shakes hands over `stream`, with the files as they are now.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(self.current().await);
        let stream = connector.connect(self.server.clone(), stream).await;
        let mut stream = stream.map_err(|error| failed(&error))?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("TLS: the server does not speak HTTP/2"));
        }
        // In TLS 1.3 a server says only after the handshake that it does not take the client's certificate. Where something
        // was sent meanwhile the connection is reset, and what it said is lost. An HTTP/2 server speaks first, as a rule.
        if let Ok(first) = timeout(FIRST_WORD, stream.fill_buf()).await
            && first.map_err(|error| failed(&error))?.is_empty()
        {
            return Err(io::Error::other("TLS: the server ended the connection"));
        }
        Ok(stream)
    }

    async fn current(&self) -> Arc<ClientConfig> {
        let files = self.files.clone();
        let fresh = tokio::task::spawn_blocking(move || config(&files)).await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match fresh {
            Ok(Ok(fresh)) => *last = Arc::new(fresh),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the TLS files towards the token broker cannot be used; the last ones serve on");
            }
            Err(error) => tracing::warn!(%error, "the TLS files towards the token broker were not read"),
        }
        Arc::clone(&last)
    }
}

/// A configuration of its own for each connection also keeps sessions from being resumed: a resumed one would stand on
/// certificates that were shown before.
fn config(files: &TlsFiles) -> Result<ClientConfig, TlsFileError> {
    let builder = roots(&files.authority)?;
    let mut config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, signer) = (certificates(TlsFile::Certificate, certificate)?, private_key(key)?);
            let identity = builder.with_client_auth_cert(chain, signer);
            identity.map_err(|error| unusable(TlsFile::Key, key, TlsFileProblem::Unusable(error)))?
        }
    };
    config.alpn_protocols.push(b"h2".to_vec());
    Ok(config)
}

fn roots(path: &Path) -> Result<rustls::ConfigBuilder<ClientConfig, WantsClientCert>, TlsFileError> {
    let problem = |error| unusable(TlsFile::Authority, path, TlsFileProblem::Unusable(error));
    let mut roots = RootCertStore::empty();
    for certificate in certificates(TlsFile::Authority, path)? {
        roots.add(certificate).map_err(problem)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(problem)?;
    Ok(builder.with_root_certificates(roots))
}

fn certificates(file: TlsFile, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let pem = read(file, path)?;
    match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(unusable(file, path, TlsFileProblem::NoPem)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let pem = read(TlsFile::Key, path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| unusable(TlsFile::Key, path, TlsFileProblem::NoPem))
}

fn read(file: TlsFile, path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsFileError> {
    let unreadable = |error| unusable(file, path, TlsFileProblem::Unreadable(error));
    let opened = std::fs::File::open(path).map_err(unreadable)?;
    let expected = opened.metadata().map_or(0, |metadata| metadata.len().min(MAX_FILE_BYTES));
    // Room for all of it at once: a buffer that grows leaves copies that nobody wipes.
    let room = usize::try_from(expected).unwrap_or_default().saturating_add(1);
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(unusable(file, path, TlsFileProblem::TooLarge));
    }
    Ok(content)
}

fn unusable(file: TlsFile, path: &Path, problem: TlsFileProblem) -> TlsFileError {
    TlsFileError { file, path: path.to_owned(), problem }
}
