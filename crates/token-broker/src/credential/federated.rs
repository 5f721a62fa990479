//! A token in a file as the credential: what AKS workload identity projects into a pod, and whatever else Entra ID
//! was told to trust as a federated identity credential.
//!
//! The token is not proved here: Entra ID does that. It is read for when it ends, and for the three claims that a
//! federated identity credential must match, because the operator needs them where they do not.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use tracing::field;
use watched::{Content, WatchError, Watched};

use super::{Own, Proof, Unavailable};

/// A projected service account token takes about 1.5 KiB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The token, which follows its file.
#[derive(Debug)]
pub(super) struct Federated {
    file: Arc<Watched<Token>>,
    /// When the token ended that was last seen in the file.
    seen: Mutex<Timestamp>,
}

pub(super) struct Token {
    jwt: SecretString,
    own: Option<Arc<Own>>,
    expires_at: Timestamp,
}

/// Why a token file cannot be used. The texts never repeat the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum TokenFileError {
    /// Not a token.
    #[error("it holds no JWT: three parts of base64url, divided by dots, at most 16 KiB")]
    NoJwt,
    /// A token without end.
    #[error("its token has no `exp`: Entra ID takes none that never expires")]
    NoExpiry,
}

impl Federated {
    /// Reads the token. One that has expired is taken as well: the platform is about to write the next.
    ///
    /// # Errors
    /// If there is no token.
    pub(super) fn load(path: PathBuf) -> Result<Self, WatchError> {
        let file = Watched::load("federated token", vec![path], |contents| Ok(Token::parse(&contents[0])?))?;
        let seen = Mutex::new(file.current().expires_at);
        Ok(Self { file, seen })
    }

    /// What follows the file.
    pub(super) fn file(&self) -> &Arc<Watched<Token>> {
        &self.file
    }

    /// Whether the file holds another token by now.
    pub(super) fn reload(&self) -> bool {
        let expires_at = self.expires_at();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *seen, expires_at) != expires_at
    }

    /// The token that is in force.
    ///
    /// # Errors
    /// If it has expired.
    pub(super) fn prove(&self, now: Timestamp) -> Result<Proof, Unavailable> {
        let token = self.file.current();
        if now >= token.expires_at {
            tracing::error!(expired_at = %token.expires_at, "the federated token has expired, and its file holds no new one");
            return Err(Unavailable::Misconfigured);
        }
        Ok(Proof { jwt: token.jwt.clone(), own: token.own.clone() })
    }

    /// When the token in force ends.
    pub(super) fn expires_at(&self) -> Timestamp {
        self.file.current().expires_at
    }
}

impl Token {
    fn parse(content: &Content) -> Result<Self, TokenFileError> {
        let text = str::from_utf8(content).map_err(|_| TokenFileError::NoJwt)?.trim();
        let parts: Vec<_> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else { return Err(TokenFileError::NoJwt) };
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if text.len() > MAX_TOKEN_BYTES || ![header, payload, signature].into_iter().all(is_part) {
            return Err(TokenFileError::NoJwt);
        }
        let json = BASE64_URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenFileError::NoJwt)?;
        let claims: Claims = serde_json::from_slice(&json).map_err(|_| TokenFileError::NoJwt)?;
        let seconds = claims.exp.as_ref().and_then(seconds).ok_or(TokenFileError::NoExpiry)?;
        let expires_at = Timestamp::from_second(seconds).map_err(|_| TokenFileError::NoExpiry)?;
        tracing::info!(
            issuer = claims.iss.as_ref().map(field::debug),
            subject = claims.sub.as_ref().map(field::debug),
            audience = claims.aud.as_ref().map(field::debug),
            %expires_at,
            "federated token read; a federated identity credential of the application must match it exactly"
        );
        let own = Own::of_token(text).map(Arc::new);
        Ok(Self { jwt: SecretString::from(text), own, expires_at })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What is read of a token, believed for nothing but when to look for the next one.
#[derive(Deserialize)]
struct Claims {
    exp: Option<Value>,
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Value>,
}

/// A NumericDate may have a fraction (RFC 7519, section 2).
#[expect(clippy::cast_possible_truncation, reason = "saturates, and a time out of range is refused")]
fn seconds(exp: &Value) -> Option<i64> {
    exp.as_i64().or_else(|| exp.as_f64().map(|seconds| seconds as i64))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;
    use crate::testing::NOW;
    use watched::Look;

    fn jwt(claims: &Value) -> String {
        let part = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(json!({"alg": "RS256"}).to_string()), part(claims.to_string()))
    }

    fn expiring(minutes: i64) -> String {
        jwt(&json!({"exp": (NOW + SignedDuration::from_mins(minutes)).as_second(), "sub": "s"}))
    }

    #[test]
    fn a_rotated_token_takes_over_and_an_expired_one_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, expiring(10) + "\n").unwrap();
        let federated = Federated::load(path.clone()).unwrap();
        assert_eq!(federated.prove(NOW).unwrap().jwt.expose_secret(), expiring(10));

        let later = NOW + SignedDuration::from_mins(10);
        assert_eq!(federated.expires_at(), later);
        assert!(federated.prove(later).is_err());

        std::fs::write(&path, expiring(70)).unwrap();
        assert_eq!((federated.file().look(), federated.file().look()), (Look::Pending, Look::Replaced));
        assert_eq!(federated.prove(later).unwrap().jwt.expose_secret(), expiring(70));

        std::fs::remove_file(&path).unwrap();
        assert_eq!(federated.file().look(), Look::Kept);
        assert!(federated.expires_at() > later, "a token outlives its file");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let exp = |value: Value| jwt(&json!({"exp": value}));
        for (text, error) in [
            (String::new(), TokenFileError::NoJwt),
            ("a.b".to_owned(), TokenFileError::NoJwt),
            ("a.b.c".to_owned(), TokenFileError::NoJwt),
            (expiring(1) + ".x", TokenFileError::NoJwt),
            (expiring(1).replace(".c2ln", "."), TokenFileError::NoJwt),
            (format!("{}{}", expiring(1), "x".repeat(MAX_TOKEN_BYTES)), TokenFileError::NoJwt),
            (jwt(&json!({})), TokenFileError::NoExpiry),
            (exp(json!("soon")), TokenFileError::NoExpiry),
            (exp(json!(i64::MAX)), TokenFileError::NoExpiry),
        ] {
            assert_eq!(Token::parse(&Content::new(text.into_bytes())).unwrap_err(), error);
        }
        assert!(Token::parse(&Content::new(exp(json!(1_795_348_800.5)).into_bytes())).is_ok());
    }

    #[test]
    fn debug_shows_no_token() {
        let token = Token::parse(&Content::new(expiring(1).into_bytes())).unwrap();
        assert!(!format!("{token:?}").contains("c2ln"));
    }
}
