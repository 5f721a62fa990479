//! Certificates registered on an application, like its `keyCredentials`: Graph lists them, and client assertions are proven
//! with them.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::jwt;

/// A certificate registered on an application.
pub(crate) struct Certificate {
    pub(crate) sha1: String,
    pub(crate) sha256: String,
    pub(crate) pkcs1: ParsedPublicKey,
    pub(crate) pss: ParsedPublicKey,
    not_before: i64,
    pub(crate) not_after: i64,
    der: Vec<u8>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("sha1", &self.sha1).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads an RSA certificate; `None` if it is not one.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let key = &certificate.public_key().subject_public_key.data;
        Some(Self {
            sha1: jwt::sha1(der),
            sha256: jwt::sha256(der),
            pkcs1: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).ok()?,
            pss: ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key).ok()?,
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            der: der.to_vec(),
        })
    }

    /// As Graph lists it among `keyCredentials`. The certificate itself is shown only where it is asked for by name.
    pub(crate) fn key_credential(&self, with_key: bool) -> Value {
        let date = |seconds: i64| Timestamp::from_second(seconds).map(|at| at.to_string()).ok();
        json!({
            "customKeyIdentifier": jwt::decode(&self.sha1).map(jwt::encode_standard),
            "displayName": "CN=app-credential", "keyId": Uuid::new_v5(&Uuid::NAMESPACE_OID, self.sha256.as_bytes()),
            "startDateTime": date(self.not_before), "endDateTime": date(self.not_after),
            "type": "AsymmetricX509Cert", "usage": "Verify",
            "key": with_key.then(|| jwt::encode_standard(&self.der)),
        })
    }

    /// SHA-1 thumbprint, base64url.
    pub(crate) fn thumbprint(&self) -> &str {
        &self.sha1
    }
}
