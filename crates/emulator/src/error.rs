//! Why an emulator does not start. Knows no other module.

/// Why an emulator could not start, or could not change its keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A port is taken, or the state directory cannot be used.
    #[error("cannot use a port or the state directory")]
    Io(#[from] std::io::Error),
    /// A certificate could not be made or read.
    #[error("cannot make or read a certificate")]
    Certificate(#[from] rcgen::Error),
    /// A kept PEM file is damaged.
    #[error("a kept PEM file is damaged")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// TLS refused the certificate.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// A key could not be generated or is not an RSA key.
    #[error("a key could not be generated or read")]
    Key,
}
