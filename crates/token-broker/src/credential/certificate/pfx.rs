//! PKCS#12 (PFX), where the feature `pfx` is on: the one thing here that is opened with another crypto library than
//! aws-lc-rs (ADR 8).

use secrecy::SecretString;

use super::load::{CertificateError, Parts};

#[cfg(feature = "pfx")]
pub(super) fn parse(content: &[u8], password: &SecretString) -> Result<Parts, CertificateError> {
    use super::load::{Certificate, pkcs8_key};
    use p12_keystore::Pkcs12Archive;
    use p12_keystore::error::Error;
    use secrecy::ExposeSecret as _;

    let archive =
        Pkcs12Archive::from_pkcs12(content, password.expose_secret()).map_err(|error| match error {
            Error::MacError(_) => CertificateError::WrongPassword,
            _ => CertificateError::BrokenPfx,
        })?;
    Ok(Parts {
        keys: archive.keys.iter().map(|bag| pkcs8_key(bag.key.as_der())).collect::<Result<_, _>>()?,
        certificates: archive
            .certs
            .iter()
            .map(|bag| Certificate::parse(bag.cert.as_der().to_vec()))
            .collect::<Result<_, _>>()?,
    })
}

#[cfg(not(feature = "pfx"))]
pub(super) fn parse(_content: &[u8], _password: &SecretString) -> Result<Parts, CertificateError> {
    Err(CertificateError::PfxNotBuilt)
}
