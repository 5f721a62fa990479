//! Keys and self-signed certificates, made on the spot.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};

/// A key and its self-signed certificate.
pub struct KeyAndCert {
    /// The key.
    pub key: KeyPair,
    /// The certificate.
    pub certificate: rcgen::Certificate,
}

impl KeyAndCert {
    /// Key and certificate as PEM.
    pub fn pem(&self) -> String {
        format!("{}{}", self.key.serialize_pem(), self.certificate.pem())
    }

    /// SHA-256 of the certificate, base64url.
    pub fn thumbprint_sha256(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.certificate.der()))
    }

    /// The DER of the RSAPublicKey.
    pub fn public_key(&self) -> Vec<u8> {
        let key = RsaKeyPair::from_pkcs8(self.key.serialized_der()).unwrap();
        key.public_key().as_ref().to_vec()
    }

    /// The DER of the RSAPrivateKey (PKCS#1): what stands in a 2048 bit PKCS#8 after 26 bytes of wrapping.
    pub fn pkcs1(&self) -> &[u8] {
        &self.key.serialized_der()[26..]
    }
}

/// The key is in here.
impl fmt::Debug for KeyAndCert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyAndCert").finish_non_exhaustive()
    }
}

/// An RSA pair valid through 2026 and 2027.
pub fn key_and_cert() -> KeyAndCert {
    certified(rsa_key(), 2026, 2028)
}

/// A certificate for `key`, valid from the first day of year `from` to the first of year `to`.
pub fn certified(key: KeyPair, from: i32, to: i32) -> KeyAndCert {
    let mut params = CertificateParams::new(vec!["token-broker.test".to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    KeyAndCert { key, certificate }
}

/// An RSA key of 2048 bits.
pub fn rsa_key() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

/// An elliptic key, P-256.
pub fn ec_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// DER as PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
