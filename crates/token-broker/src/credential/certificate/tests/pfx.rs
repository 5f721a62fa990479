//! With the feature `pfx`.

use base64::prelude::BASE64_STANDARD;
use p12_keystore::{KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};

use super::*;

fn pfx(pair: &KeyAndCert, password: &str) -> Vec<u8> {
    let key = PrivateKey::from_der(pair.key.serialized_der()).unwrap();
    let leaf = p12_keystore::Certificate::from_der(pair.certificate.der()).unwrap();
    let mut store = KeyStore::new();
    store.add_entry("key", KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new("1", key, [leaf])));
    store.writer(password).write().unwrap()
}

#[test]
fn pfx_is_read_as_binary_and_as_base64_text() {
    let pair = key_and_cert();
    let binary = pfx(&pair, "");
    let text = BASE64_STANDARD.encode(&binary);
    let wrapped: String =
        text.as_bytes().chunks(76).flat_map(|line| [str::from_utf8(line).unwrap(), "\n"]).collect();

    for content in [binary, text.into_bytes(), wrapped.into_bytes()] {
        assert_eq!(**parse(content).unwrap().thumbprint(), *pair.thumbprint_sha256());
    }
}

#[test]
fn a_password_opens_pfx_and_a_wrong_one_is_called_so() {
    let pair = key_and_cert();
    let file = pfx(&pair, "opensesame");
    let open = |text: &[u8]| SigningCertificate::parse(&file, &password(text).unwrap(), NOW);

    assert_eq!(**open(b"opensesame\n").unwrap().thumbprint(), *pair.thumbprint_sha256());
    assert!(matches!(open(b"open sesame"), Err(CertificateError::WrongPassword)));
    assert!(matches!(open(b""), Err(CertificateError::WrongPassword)));
    assert!(matches!(password(&[0xff]), Err(CertificateError::WrongPassword)));
}

#[test]
fn one_that_cannot_be_read_is_called_so() {
    let pair = key_and_cert();
    let binary = pfx(&pair, "");
    for content in [&binary[..binary.len() / 2], &[0x30; 4096], pair.certificate.der()] {
        assert!(matches!(parse(content), Err(CertificateError::BrokenPfx)));
    }
}
