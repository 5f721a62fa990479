//! RSA keys with their certificates, and the ring of signing keys Entra publishes.
//!
//! Knows nothing of tokens: it signs bytes and says which keys are published.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};

use crate::error::StartError;
use crate::jwt;
use crate::store::Store;
use crate::tls;

/// A private RSA key of 2048 bits with a self-signed certificate, parsed once.
pub(crate) struct RsaKey {
    pair: RsaKeyPair,
    verify_pkcs1: ParsedPublicKey,
    /// Base64url of modulus and exponent (RFC 7518 section 6.3.1).
    n: String,
    e: String,
    kid: String,
    certificate: Vec<u8>,
    /// Certificate and private key.
    pem: String,
    public_pem: String,
}

impl RsaKey {
    /// Makes a new key and a certificate named `name`, valid for two years around `year`.
    pub(crate) fn generate(name: &str, year: i32) -> Result<Self, StartError> {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        tls::set_validity(&mut params, year, 2);
        let certificate = params.self_signed(&pair)?;
        Self::from_pem(format!("{}{}", certificate.pem(), pair.serialize_pem()))
    }

    /// Reads certificate and private key (PKCS#8) from one PEM text.
    pub(crate) fn from_pem(pem: String) -> Result<Self, StartError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())?;
        let private = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())?;
        let named = KeyPair::from_pkcs8_der_and_sign_algo(&private, &PKCS_RSA_SHA256)?;
        let pair = RsaKeyPair::from_pkcs8(private.secret_pkcs8_der()).map_err(|_| StartError::Key)?;
        let public = pair.public_key();
        let verify_pkcs1 = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.as_ref());
        Ok(Self {
            verify_pkcs1: verify_pkcs1.map_err(|_| StartError::Key)?,
            n: jwt::encode(public.modulus().big_endian_without_leading_zero()),
            e: jwt::encode(public.exponent().big_endian_without_leading_zero()),
            kid: jwt::sha1(&certificate),
            certificate: certificate.to_vec(),
            public_pem: named.public_key_pem(),
            pair,
            pem,
        })
    }

    /// The kept key of this name, or a new one that is then kept.
    pub(crate) fn load_or_generate(store: &Store, name: &str, year: i32) -> Result<Self, StartError> {
        let file = format!("{name}.pem");
        if let Some(pem) = store.read(&file)? {
            return Self::from_pem(pem);
        }
        let key = Self::generate(name, year)?;
        let kept = store.keep(&file, key.pem.clone())?;
        if kept == key.pem { Ok(key) } else { Self::from_pem(kept) }
    }

    /// Key id: the certificate's SHA-1 thumbprint, as Entra names its keys.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// DER of the certificate.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Certificate and private key as PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// The public key as PEM: what an attacker would use as an HMAC secret.
    pub(crate) fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// RS256 signature of `message`, base64url.
    pub(crate) fn sign_rs256(&self, message: &str) -> String {
        self.sign(&RSA_PKCS1_SHA256, message)
    }

    /// PS256 signature of `message`, base64url.
    pub(crate) fn sign_ps256(&self, message: &str) -> String {
        self.sign(&RSA_PSS_SHA256, message)
    }

    /// Whether `signature` is this key's RS256 signature of `message`.
    pub(crate) fn verifies_rs256(&self, message: &str, signature: &[u8]) -> bool {
        self.verify_pkcs1.verify_sig(message.as_bytes(), signature).is_ok()
    }

    /// The key as a JWK, with the members Entra publishes and no `alg`.
    pub(crate) fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid, "n": self.n, "e": self.e,
            "x5c": [jwt::encode_standard(&self.certificate)],
        })
    }

    #[expect(
        clippy::expect_used,
        reason = "signing with a valid 2048-bit key into a buffer of its length cannot fail"
    )]
    fn sign(&self, padding: &'static dyn aws_lc_rs::signature::RsaEncoding, message: &str) -> String {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(padding, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a valid key signs");
        jwt::encode(signature)
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The keys Entra signs with and publishes. Replaced as a whole on every rollover.
#[derive(Debug, Clone)]
pub(crate) struct KeyRing {
    /// Signs new tokens.
    pub(crate) active: Arc<RsaKey>,
    /// Published ahead of its use.
    pub(crate) standby: Arc<RsaKey>,
    /// No longer signs, still published.
    pub(crate) retired: Vec<Arc<RsaKey>>,
    /// Valid for personal accounts alone: its `issuer` in the key document is literal.
    pub(crate) consumers: Arc<RsaKey>,
    /// Never published: what a forger holds.
    pub(crate) unpublished: Arc<OnceLock<Arc<RsaKey>>>,
    year: i32,
}

impl KeyRing {
    /// Loads the kept keys and makes the missing ones, side by side: each takes a tenth of a second or more.
    pub(crate) fn load(store: &Store, year: i32) -> Result<Self, StartError> {
        let load = |name: &'static str| move || RsaKey::load_or_generate(store, name, year).map(Arc::new);
        let (active, standby, consumers) = std::thread::scope(|scope| {
            let active = scope.spawn(load("signing-active"));
            let standby = scope.spawn(load("signing-standby"));
            let consumers = load("signing-consumers")();
            (active.join(), standby.join(), consumers)
        });
        Ok(Self {
            active: active.map_err(|_| StartError::Key)??,
            standby: standby.map_err(|_| StartError::Key)??,
            consumers: consumers?,
            retired: Vec::new(),
            unpublished: Arc::default(),
            year,
        })
    }

    /// The tenant's published key with this id.
    pub(crate) fn find(&self, kid: &str) -> Option<&Arc<RsaKey>> {
        self.tenant_keys().find(|key| key.kid() == kid)
    }

    /// Published keys that are valid in any tenant.
    pub(crate) fn tenant_keys(&self) -> impl Iterator<Item = &Arc<RsaKey>> {
        [&self.standby, &self.active].into_iter().chain(&self.retired)
    }

    /// The key nobody publishes, made when first asked for.
    #[expect(clippy::expect_used, reason = "key generation failed at start already if it fails at all")]
    pub(crate) fn unpublished(&self) -> Arc<RsaKey> {
        let make = || Arc::new(RsaKey::generate("unpublished", self.year).expect("a key can be generated"));
        Arc::clone(self.unpublished.get_or_init(make))
    }

    /// The ring after `rollover`; makes one or two new keys and keeps them in `store`.
    pub(crate) fn rolled(&self, rollover: Rollover, store: &Store) -> Result<Self, StartError> {
        let fresh = || RsaKey::generate("signing", self.year).map(Arc::new);
        let mut next = self.clone();
        match rollover {
            Rollover::Planned => {
                next.retired.push(std::mem::replace(&mut next.active, Arc::clone(&self.standby)));
                next.standby = fresh()?;
            }
            Rollover::Unannounced => {
                next.retired.push(std::mem::replace(&mut next.active, fresh()?));
            }
            Rollover::Emergency => {
                next.retired.clear();
                next.active = fresh()?;
                next.standby = fresh()?;
            }
        }
        store.write("signing-active.pem", next.active.pem())?;
        store.write("signing-standby.pem", next.standby.pem())?;
        Ok(next)
    }
}

/// How the signing keys change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollover {
    /// The key published ahead starts to sign; a new one is published ahead; the old one stays published.
    Planned,
    /// A key nobody has seen starts to sign and is published at once; the old ones stay published.
    Unannounced,
    /// As `Unannounced`, but every older key vanishes: tokens signed with them are no longer valid.
    Emergency,
}

#[cfg(test)]
mod tests {
    use super::{KeyRing, Rollover};
    use crate::store::Store;

    #[test]
    fn rollovers_publish_what_they_say() {
        let store = Store::open(None).unwrap();
        let ring = KeyRing::load(&store, 2026).unwrap();
        let published = |ring: &KeyRing| ring.tenant_keys().map(|k| k.kid().to_owned()).collect::<Vec<_>>();

        let planned = ring.rolled(Rollover::Planned, &store).unwrap();
        assert_eq!(planned.active.kid(), ring.standby.kid());
        assert!(published(&planned).iter().any(|kid| kid == ring.active.kid()));

        let unannounced = ring.rolled(Rollover::Unannounced, &store).unwrap();
        assert!(!published(&ring).iter().any(|kid| kid == unannounced.active.kid()));
        assert!(published(&unannounced).iter().any(|kid| kid == ring.active.kid()));

        let emergency = ring.rolled(Rollover::Emergency, &store).unwrap();
        assert!(published(&emergency).iter().all(|kid| !published(&ring).contains(kid)));
    }
}
