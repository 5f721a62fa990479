//! Why a client cannot be set up.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tokio_rustls::rustls;

/// Why a client cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The address is `https://`, and nothing says whose certificate the broker may show. The system's roots would
    /// let any public one pass.
    #[error(
        "the token broker's address is https, but no TLS files say which authority signed its certificate"
    )]
    NoTlsFiles,
    /// TLS files that nothing would use: whoever set them believes that the connection is TLS.
    #[error("there are TLS files, but the token broker's address is not https")]
    TlsFilesUnused,
    /// A TLS file cannot be used.
    #[error(transparent)]
    TlsFile(#[from] TlsFileError),
    /// Neither HTTP nor TLS can name this host.
    #[error("the token broker's host `{0}` is not a valid name")]
    Host(String),
}

/// One of [`TlsFiles`](super::TlsFiles).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    /// The authority of the broker's certificate.
    Authority,
    /// The consumer's certificate.
    Certificate,
    /// The key of that certificate.
    Key,
}

impl fmt::Display for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authority => "the authority of the broker's certificate",
            Self::Certificate => "the client certificate",
            Self::Key => "the key of the client certificate",
        })
    }
}

/// A TLS file that cannot be used. Says nothing of what stands in it.
#[derive(Debug, thiserror::Error)]
#[error("{file} in `{}`: {problem}", path.display())]
pub struct TlsFileError {
    /// Which one.
    pub file: TlsFile,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: TlsFileProblem,
}

/// What is wrong with a TLS file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(io::Error),
    /// It is longer than a megabyte.
    #[error("it is too large")]
    TooLarge,
    /// It holds no PEM of the kind.
    #[error("it holds no usable PEM of that kind")]
    NoPem,
    /// TLS cannot use it, for example because the key belongs to another certificate.
    #[error("{0}")]
    Unusable(rustls::Error),
}

/// An error with its causes in one line: gRPC hands on the text alone.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
