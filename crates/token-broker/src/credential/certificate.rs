//! An RSA key and the certificate that Entra ID knows it by.
//!
//! Accepted are PEM with key and chain in any order, as Azure Key Vault and cert-manager mount them, and, with the
//! feature `pfx`, PKCS#12 (PFX), binary or as base64 text, as Key Vault hands out certificates by default. The leaf is the certificate whose public
//! key is the private key's; its place in the file means nothing.
//!
//! This module must not know what is signed.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::SecretString;

pub(crate) use load::CertificateError;
pub(super) use load::password;
use load::{Certificate, Parts};

mod load;
mod pfx;
#[cfg(test)]
mod tests;

/// An RSA key with the certificate that matches it.
///
/// The key lives in AWS-LC's memory, which is wiped when it is freed; its bytes are nowhere else.
pub(crate) struct SigningCertificate {
    key: RsaKeyPair,
    thumbprint: Arc<str>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl SigningCertificate {
    /// Parses a credential. `password` opens a PKCS#12 file and may be empty.
    ///
    /// Among several certificates of the key (one renewed without a new key) the one that is valid and lasts
    /// longest is taken.
    ///
    /// # Errors
    /// [`CertificateError`] says what is wrong with the content, never what stands in it.
    pub(crate) fn parse(
        content: &[u8],
        password: &SecretString,
        now: Timestamp,
    ) -> Result<Self, CertificateError> {
        let Parts { keys, certificates } = load::parse(content, password)?;
        if keys.is_empty() {
            return Err(CertificateError::NoPrivateKey);
        }
        if certificates.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let (key, leaf) = keys
            .into_iter()
            .filter_map(|key| Some((best_match(&key, &certificates, now)?, key)))
            .max_by_key(|(leaf, _)| (leaf.is_valid_at(now), leaf.not_after))
            .map(|(leaf, key)| (key, leaf))
            .ok_or(CertificateError::Mismatch)?;
        if now >= leaf.not_after {
            return Err(CertificateError::Expired { not_after: leaf.not_after });
        }
        if now < leaf.not_before {
            return Err(CertificateError::NotYetValid { not_before: leaf.not_before });
        }
        let digest = digest::digest(&digest::SHA256, &leaf.der);
        Ok(Self {
            key,
            thumbprint: BASE64_URL_SAFE_NO_PAD.encode(digest).into(),
            not_before: leaf.not_before,
            not_after: leaf.not_after,
        })
    }

    /// SHA-256 of the certificate's DER, base64url without padding: the `x5t#S256` of RFC 7515, section 4.1.8.
    pub(crate) fn thumbprint(&self) -> &Arc<str> {
        &self.thumbprint
    }

    /// When the certificate ends.
    pub(crate) fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether the certificate is valid at `now`.
    pub(crate) fn is_valid_at(&self, now: Timestamp) -> bool {
        (self.not_before..self.not_after).contains(&now)
    }

    /// Signs with RSASSA-PSS and SHA-256: `PS256` of RFC 7518, section 3.5.
    pub(crate) fn sign_ps256(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| SigningFailed)?;
        Ok(signature)
    }
}

impl fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningCertificate")
            .field("thumbprint", &self.thumbprint)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// The private key would not sign. AWS-LC says no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate's private key failed to sign")]
pub(crate) struct SigningFailed;

fn best_match<'a>(
    key: &RsaKeyPair,
    certificates: &'a [Certificate],
    now: Timestamp,
) -> Option<&'a Certificate> {
    // Both are the DER of an RSAPublicKey (RFC 8017, appendix A.1.1).
    certificates
        .iter()
        .filter(|certificate| certificate.public_key == key.public_key().as_ref())
        .max_by_key(|certificate| (certificate.is_valid_at(now), certificate.not_after))
}
