//! Takes a credential file apart, whichever of the accepted forms it has.

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use rustls_pki_types::pem::{PemObject, SectionKind};
use secrecy::SecretString;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::pfx;

/// DER of the object identifier 1.2.840.10045.2.1, `ecPublicKey`.
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// Why a credential cannot be used. The texts name what is wrong and what to do, never the content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// The content is of no form that is accepted.
    #[error("it is neither PEM, nor PKCS#12 (PFX), nor PKCS#12 as base64 text")]
    UnknownForm,
    /// A PEM section is broken.
    #[error("its PEM is broken: a section has no end, or its base64 cannot be decoded")]
    BrokenPem,
    /// The password does not open the PKCS#12 file.
    #[error("the password does not open its PKCS#12: check AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE")]
    WrongPassword,
    /// This build cannot read PKCS#12.
    #[cfg(not(feature = "pfx"))]
    #[error(
        "it is PKCS#12 (PFX), which this build does not read: convert it (`openssl pkcs12 -in FILE -nodes -out \
         FILE.pem`), or build token-broker with its feature `pfx`"
    )]
    PfxNotBuilt,
    /// The PKCS#12 cannot be read.
    #[cfg(feature = "pfx")]
    #[error("its PKCS#12 cannot be read: it is damaged, or encrypted in a way that is not supported")]
    BrokenPfx,
    /// A certificate cannot be read.
    #[error("one of its certificates cannot be read as X.509")]
    BrokenCertificate,
    /// A key cannot be read.
    #[error("its private key cannot be read as an RSA key of 2048 to 8192 bits")]
    BrokenKey,
    /// The private key is encrypted.
    #[error("its private key is encrypted: store it decrypted, or use PKCS#12 with a password file")]
    EncryptedKey,
    /// The key is of another kind.
    #[error("its private key is not RSA: Entra ID accepts RSA keys for client assertions (PS256)")]
    NotRsa,
    /// No private key at all.
    #[error(
        "it holds no private key: in Key Vault, mount the secret of that name, not the certificate or key"
    )]
    NoPrivateKey,
    /// No certificate at all.
    #[error("it holds no certificate: put the certificate next to its key in the same file")]
    NoCertificate,
    /// The key is of none of the certificates.
    #[error("its private key belongs to none of its certificates")]
    Mismatch,
    /// The certificate has ended.
    #[error("its certificate expired at {not_after}: renew it, and add the new one to the app registration")]
    Expired {
        /// When it ended.
        not_after: Timestamp,
    },
    /// The certificate has not begun.
    #[error("its certificate is not valid before {not_before}: check the machine's clock")]
    NotYetValid {
        /// When it begins.
        not_before: Timestamp,
    },
}

/// What a credential file holds.
pub(super) struct Parts {
    pub(super) keys: Vec<RsaKeyPair>,
    pub(super) certificates: Vec<Certificate>,
}

/// A certificate as far as it matters here.
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
    pub(super) public_key: Vec<u8>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl Certificate {
    pub(super) fn is_valid_at(&self, now: Timestamp) -> bool {
        (self.not_before..self.not_after).contains(&now)
    }

    pub(super) fn parse(der: Vec<u8>) -> Result<Self, CertificateError> {
        let broken = || CertificateError::BrokenCertificate;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| broken())?;
        let time = |at: x509_parser::time::ASN1Time| Timestamp::from_second(at.timestamp());
        let validity = parsed.validity();
        let not_before = time(validity.not_before).map_err(|_| broken())?;
        let not_after = time(validity.not_after).map_err(|_| broken())?;
        let public_key = parsed.public_key().subject_public_key.data.to_vec();
        Ok(Self { der, public_key, not_before, not_after })
    }
}

/// A password from its file's content: the text without the line end that editors and `kubectl` leave.
pub(in crate::credential) fn password(content: &[u8]) -> Result<SecretString, CertificateError> {
    let text = std::str::from_utf8(content).map_err(|_| CertificateError::WrongPassword)?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

pub(super) fn parse(content: &[u8], password: &SecretString) -> Result<Parts, CertificateError> {
    const PEM_MARK: &[u8] = b"-----BEGIN ";
    /// Tag of the SEQUENCE that a PKCS#12 file is.
    const SEQUENCE: u8 = 0x30;

    if content.windows(PEM_MARK.len()).any(|window| window == PEM_MARK) {
        return parse_pem(content);
    }
    if content.first() == Some(&SEQUENCE) {
        return pfx::parse(content, password);
    }
    let text: Zeroizing<Vec<u8>> =
        Zeroizing::new(content.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
    let binary =
        BASE64_STANDARD.decode(&*text).map(Zeroizing::new).map_err(|_| CertificateError::UnknownForm)?;
    match binary.first() {
        Some(&SEQUENCE) => pfx::parse(&binary, password),
        _ => Err(CertificateError::UnknownForm),
    }
}

fn parse_pem(content: &[u8]) -> Result<Parts, CertificateError> {
    let mut parts = Parts { keys: Vec::new(), certificates: Vec::new() };
    let contains = |mark: &[u8]| content.windows(mark.len()).any(|window| window == mark);
    // The parser passes over sections it does not know, and reads RFC 1421 headers as base64.
    if contains(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || contains(b"Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::EncryptedKey);
    }
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(content) {
        let (kind, der) = section.map_err(|_| CertificateError::BrokenPem)?;
        match kind {
            SectionKind::Certificate => parts.certificates.push(Certificate::parse(der)?),
            SectionKind::PrivateKey => parts.keys.push(pkcs8_key(&Zeroizing::new(der))?),
            SectionKind::RsaPrivateKey => {
                let der = Zeroizing::new(der);
                parts.keys.push(RsaKeyPair::from_der(&der).map_err(|_| CertificateError::BrokenKey)?);
            }
            SectionKind::EcPrivateKey => return Err(CertificateError::NotRsa),
            _ => {}
        }
    }
    Ok(parts)
}

pub(super) fn pkcs8_key(der: &[u8]) -> Result<RsaKeyPair, CertificateError> {
    RsaKeyPair::from_pkcs8(der).map_err(|_| {
        let is_ec = der.windows(EC_PUBLIC_KEY.len()).any(|window| window == EC_PUBLIC_KEY);
        if is_ec { CertificateError::NotRsa } else { CertificateError::BrokenKey }
    })
}
