//! Keys and certificates for tests, made on the spot.
//!
//! The integration tests and the bench include this file by path: it uses nothing of the crate.

use aws_lc_rs::{
    digest,
    signature::{KeyPair as _, RsaKeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};

/// The time at which tests take place: 2026-11-22T12:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);

/// A key and its self-signed certificate.
pub(crate) struct KeyAndCert {
    pub(crate) key: KeyPair,
    pub(crate) certificate: rcgen::Certificate,
}

impl KeyAndCert {
    pub(crate) fn pem(&self) -> String {
        format!("{}{}", self.key.serialize_pem(), self.certificate.pem())
    }

    pub(crate) fn thumbprint_sha256(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.certificate.der()))
    }

    /// The DER of the RSAPublicKey.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        let key = RsaKeyPair::from_pkcs8(self.key.serialized_der()).unwrap();
        key.public_key().as_ref().to_vec()
    }

    /// The DER of the RSAPrivateKey (PKCS#1): what stands in a 2048 bit PKCS#8 after 26 bytes of wrapping.
    pub(crate) fn pkcs1(&self) -> &[u8] {
        &self.key.serialized_der()[26..]
    }
}

/// An RSA pair valid through 2026 and 2027.
pub(crate) fn key_and_cert() -> KeyAndCert {
    certified(rsa_key(), 2026, 2028)
}

/// A certificate for `key`, valid from the first day of year `from` to the first of year `to`.
pub(crate) fn certified(key: KeyPair, from: i32, to: i32) -> KeyAndCert {
    let mut params = CertificateParams::new(vec!["token-broker.test".to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    KeyAndCert { key, certificate }
}

pub(crate) fn rsa_key() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

pub(crate) fn ec_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

/// DER as PEM.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::prelude::BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
