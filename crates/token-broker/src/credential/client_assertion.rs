//! Client assertions that are signed here: how the broker proves to Entra ID that it is the API's application.
//!
//! Form and claims are Microsoft's, "Microsoft identity platform application authentication certificate
//! credentials" (2025-01-04), on top of RFC 7523, section 3.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use identity::ClientId;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Serialize;
use url::Url;
use uuid::Uuid;

use super::{SigningCertificate, SigningFailed};

/// How long an assertion is valid. Microsoft recommends 5 to 10 minutes.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// An assertion is used again while at least this much of its life is left.
///
/// Entra ID does not refuse a `jti` it has seen, and Microsoft's own clients send one assertion until it expires;
/// so an RSA signature is made every few minutes rather than per exchange.
const REUSED_WHILE_LEFT: SignedDuration = SignedDuration::from_mins(5);

/// Makes the assertions of one application for one token endpoint.
pub(super) struct ClientAssertions {
    certificate: Arc<SigningCertificate>,
    client_id: ClientId,
    token_endpoint: Url,
    last: Mutex<Option<Assertion>>,
}

struct Assertion {
    jwt: SecretString,
    expires_at: Timestamp,
}

impl ClientAssertions {
    pub(super) fn new(
        certificate: Arc<SigningCertificate>,
        client_id: ClientId,
        token_endpoint: Url,
    ) -> Self {
        Self { certificate, client_id, token_endpoint, last: Mutex::new(None) }
    }

    pub(super) fn certificate(&self) -> &SigningCertificate {
        &self.certificate
    }

    /// An assertion with at least [`REUSED_WHILE_LEFT`] of life: the last one, or a new one.
    pub(super) fn get(&self, now: Timestamp) -> Result<SecretString, SigningFailed> {
        // Held while signing, about a millisecond: whoever comes second would otherwise sign as well.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(assertion) = last.as_ref()
            && assertion.serves_at(now)
        {
            return Ok(assertion.jwt.clone());
        }
        let fresh = self.sign(now)?;
        let jwt = fresh.jwt.clone();
        *last = Some(fresh);
        Ok(jwt)
    }

    fn sign(&self, now: Timestamp) -> Result<Assertion, SigningFailed> {
        let expires_at = now.saturating_add(LIFETIME).unwrap_or(now);
        let header = Header { alg: "PS256", typ: "JWT", certificate_sha256: self.certificate.thumbprint() };
        let client_id = self.client_id.to_string();
        let claims = Claims {
            aud: self.token_endpoint.as_str(),
            iss: &client_id,
            sub: &client_id,
            jti: Uuid::new_v4().to_string(),
            nbf: now.as_second(),
            iat: now.as_second(),
            exp: expires_at.as_second(),
        };
        let mut jwt = format!("{}.{}", encode(&header)?, encode(&claims)?);
        let signature = self.certificate.sign_ps256(jwt.as_bytes())?;
        jwt.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
        Ok(Assertion { jwt: SecretString::from(jwt), expires_at })
    }
}

impl Assertion {
    fn serves_at(&self, now: Timestamp) -> bool {
        let left = self.expires_at.duration_since(now);
        // More than a lifetime left means the clock was set back, and `nbf` now lies ahead.
        (REUSED_WHILE_LEFT..=LIFETIME).contains(&left)
    }
}

impl fmt::Debug for ClientAssertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAssertions")
            .field("certificate", &self.certificate)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// RFC 7515, section 4.1; the thumbprint tells Entra ID which of the application's certificates to use.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(rename = "x5t#S256")]
    certificate_sha256: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

fn encode(part: &impl Serialize) -> Result<String, SigningFailed> {
    let json = serde_json::to_vec(part).map_err(|_| SigningFailed)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(json))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use secrecy::ExposeSecret as _;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{self, NOW};

    const CLIENT_ID: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
    const ENDPOINT: &str =
        "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/oauth2/v2.0/token";

    fn assertions() -> (ClientAssertions, testing::KeyAndCert) {
        let pair = testing::key_and_cert();
        let certificate = Arc::new(
            SigningCertificate::parse(pair.pem().as_bytes(), &SecretString::default(), NOW).unwrap(),
        );
        let assertions =
            ClientAssertions::new(certificate, CLIENT_ID.parse().unwrap(), ENDPOINT.parse().unwrap());
        (assertions, pair)
    }

    fn part(jwt: &SecretString, index: usize) -> Value {
        let part = jwt.expose_secret().split('.').nth(index).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn header_and_claims_are_what_microsoft_documents() {
        let (assertions, pair) = assertions();
        let jwt = assertions.get(NOW).unwrap();

        assert_eq!(
            part(&jwt, 0),
            json!({"alg": "PS256", "typ": "JWT", "x5t#S256": pair.thumbprint_sha256()})
        );
        let mut claims = part(&jwt, 1);
        let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
        assert!(Uuid::try_parse(jti.as_str().unwrap()).is_ok());
        let now = NOW.as_second();
        assert_eq!(
            claims,
            json!({
                "aud": ENDPOINT, "iss": CLIENT_ID, "sub": CLIENT_ID,
                "nbf": now, "iat": now, "exp": now + 600,
            })
        );
    }

    #[test]
    fn the_signature_verifies_with_the_certificate() {
        let (assertions, pair) = assertions();
        let jwt = assertions.get(NOW).unwrap();
        let (message, signature) = jwt.expose_secret().rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();

        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, pair.public_key())
            .verify(message.as_bytes(), &signature)
            .unwrap();
    }

    #[test]
    fn an_assertion_is_reused_until_half_its_life_is_gone() {
        let (assertions, _) = assertions();
        let get = |minutes| {
            assertions.get(NOW + SignedDuration::from_mins(minutes)).unwrap().expose_secret().to_owned()
        };

        let first = get(0);
        // PSS is randomized: equal text means that no key operation took place.
        assert_eq!(get(4), first);
        assert_eq!(get(5), first);
        let second = get(6);
        assert_ne!(second, first);
        assert_ne!(get(0), second, "after the clock was set back, `nbf` would lie ahead");
    }

    #[test]
    fn debug_shows_no_assertion() {
        let (assertions, _) = assertions();
        let jwt = assertions.get(NOW).unwrap();
        assert!(!format!("{assertions:?}").contains(jwt.expose_secret()));
    }
}
