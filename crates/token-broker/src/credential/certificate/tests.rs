#[cfg(not(feature = "pfx"))]
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;

use super::*;
use crate::testing::{KeyAndCert, NOW, certified, ec_key, key_and_cert, pem, rsa_key};

#[cfg(feature = "pfx")]
mod pfx;

fn parse(content: impl AsRef<[u8]>) -> Result<SigningCertificate, CertificateError> {
    SigningCertificate::parse(content.as_ref(), &SecretString::default(), NOW)
}

#[test]
fn pem_is_read_in_any_order() {
    let pair = key_and_cert();
    let other = key_and_cert();
    let (key, leaf, chain) = (pair.key.serialize_pem(), pair.certificate.pem(), other.certificate.pem());
    let attributes = "Bag Attributes\n    localKeyID: 01\n";
    let windows = format!("{leaf}{key}").replace('\n', "\r\n");

    for content in [
        format!("{key}{leaf}{chain}"),
        format!("{chain}{leaf}{key}"),
        format!("{attributes}{leaf}{attributes}{key}{chain}"),
        windows,
    ] {
        assert_eq!(**parse(content).unwrap().thumbprint(), *pair.thumbprint_sha256());
    }
}

#[test]
fn a_pkcs1_key_is_read() {
    let pair = key_and_cert();
    let content = pem("RSA PRIVATE KEY", pair.pkcs1()) + &pair.certificate.pem();
    assert_eq!(**parse(content).unwrap().thumbprint(), *pair.thumbprint_sha256());
}

#[test]
fn the_certificate_is_found_by_its_key_among_several_keys_too() {
    let (pair, stray) = (key_and_cert(), rsa_key());
    let content = stray.serialize_pem() + &pair.pem();
    assert_eq!(**parse(content).unwrap().thumbprint(), *pair.thumbprint_sha256());
}

#[test]
fn of_two_certificates_of_one_key_the_valid_one_that_lasts_longest_is_taken() {
    let old = certified(rsa_key(), 2025, 2027);
    let again = |from, to| certified(testing_copy(&old), from, to);
    let (renewed, future) = (again(2026, 2028), again(2027, 2030));
    let content = [old.pem(), future.certificate.pem(), renewed.certificate.pem()].concat();

    assert_eq!(**parse(content).unwrap().thumbprint(), *renewed.thumbprint_sha256());
}

fn testing_copy(pair: &KeyAndCert) -> rcgen::KeyPair {
    rcgen::KeyPair::from_pem(&pair.key.serialize_pem()).unwrap()
}

/// A file that begins as every PKCS#12 does, as bytes and as text.
#[cfg(not(feature = "pfx"))]
#[test]
fn without_the_feature_a_pfx_is_told_what_to_do() {
    let binary = [&[0x30, 0x82][..], &[0; 64]].concat();
    for content in [binary.clone(), BASE64_STANDARD.encode(&binary).into_bytes()] {
        let error = parse(content).unwrap_err();
        assert!(matches!(error, CertificateError::PfxNotBuilt), "{error}");
        let text = error.to_string();
        assert!(text.contains("feature `pfx`") && text.contains("openssl pkcs12"), "{text}");
    }
}

#[test]
fn each_fault_has_its_own_error() {
    let pair = key_and_cert();
    let (key, leaf) = (pair.key.serialize_pem(), pair.certificate.pem());
    let ec = certified(ec_key(), 2026, 2028);
    let sec1 = pem("EC PRIVATE KEY", b"whatever it is");
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"ciphertext");
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let cut = &key[..key.len() / 2];

    let fault = |content: &[u8]| parse(content).expect_err("must be refused").to_string();

    for (content, expected) in [
        (leaf.as_bytes(), "no private key"),
        (key.as_bytes(), "no certificate"),
        ((rsa_key().serialize_pem() + &leaf).as_bytes(), "belongs to none"),
        (ec.pem().as_bytes(), "not RSA"),
        ((sec1 + &leaf).as_bytes(), "not RSA"),
        ((encrypted + &leaf).as_bytes(), "is encrypted"),
        ((legacy.to_owned() + &leaf).as_bytes(), "is encrypted"),
        (cut.as_bytes(), "PEM is broken"),
        ((pem("PRIVATE KEY", &[0x30; 40]) + &leaf).as_bytes(), "cannot be read as an RSA key"),
        ((key.clone() + &pem("CERTIFICATE", &[0x30; 40])).as_bytes(), "cannot be read as X.509"),
        (b"", "neither PEM"),
        (b"correct horse battery staple", "neither PEM"),
        (b"AAAA", "neither PEM"),
        (&[0xff; 64], "neither PEM"),
    ] {
        let text = fault(content);
        assert!(text.contains(expected), "wanted `{expected}`, got `{text}`");
    }
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    let expired = certified(rsa_key(), 2024, 2026);
    let future = certified(rsa_key(), 2027, 2029);
    assert!(matches!(parse(expired.pem()), Err(CertificateError::Expired { .. })));
    assert!(matches!(parse(future.pem()), Err(CertificateError::NotYetValid { .. })));
}

#[test]
fn a_loaded_credential_knows_when_it_ends() {
    let credential = parse(key_and_cert().pem()).unwrap();
    assert_eq!(credential.not_after(), "2028-01-01T00:00:00Z".parse().unwrap());
    assert!(credential.is_valid_at(NOW));
    assert!(!credential.is_valid_at(credential.not_after() + SignedDuration::from_secs(1)));
}

#[test]
fn debug_shows_no_key() {
    let pair = key_and_cert();
    let shown = format!("{:?}", parse(pair.pem()).unwrap());
    assert!(shown.contains(&pair.thumbprint_sha256()));
    assert!(shown.len() < 250, "{shown}");
}
