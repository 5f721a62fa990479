//! What every kind of credential gives: a client assertion and what it is, or why there is none just now.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::Deserialize;

/// A client assertion (RFC 7523, section 2.2): proof of who the broker is, a live credential.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) jwt: SecretString,
    /// Nothing where a platform gave out what cannot be read.
    pub(crate) own: Option<Arc<Own>>,
}

/// What the broker proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// A certificate.
    Certificate {
        /// SHA-256 of its DER, base64url: `x5t#S256`.
        thumbprint: Arc<str>,
    },
    /// A token that the application trusts.
    Federated {
        /// Who issued it.
        issuer: String,
        /// About whom.
        subject: String,
        /// For whom.
        audiences: Vec<String>,
    },
}

/// There is no client assertion just now. Why was logged where it was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// It may come by itself.
    ForNow {
        /// When it is worth trying again, where that is known.
        retry_after: Option<Duration>,
    },
    /// An operator has to act.
    Misconfigured,
}

impl Proof {
    /// Of the certificate that signed it, if one did.
    pub(crate) fn thumbprint(&self) -> Option<&Arc<str>> {
        match self.own.as_deref() {
            Some(Own::Certificate { thumbprint }) => Some(thumbprint),
            _ => None,
        }
    }
}

impl Own {
    /// What a platform's token is: the three claims that a federated identity credential must match. Believed for nothing
    /// but to be told to the operator; nothing if it cannot be read.
    pub(super) fn of_token(jwt: &str) -> Option<Self> {
        let claims = BASE64_URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok()?;
        let Claims { iss, sub, aud } = serde_json::from_slice(&claims).ok()?;
        Some(Self::Federated { issuer: iss, subject: sub, audiences: aud.into() })
    }
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    aud: Audiences,
}

/// One as a text or several as a list (RFC 7519, section 4.1.3). Kubernetes writes a list of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

impl Default for Audiences {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl From<Audiences> for Vec<String> {
    fn from(audiences: Audiences) -> Self {
        match audiences {
            Audiences::One(audience) => vec![audience],
            Audiences::Several(audiences) => audiences,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_says_what_it_is() {
        for audiences in [r#""a""#, r#"["a"]"#] {
            let claims = format!(r#"{{"iss":"i","sub":"s","aud":{audiences}}}"#);
            let federated = Own::Federated {
                issuer: "i".to_owned(),
                subject: "s".to_owned(),
                audiences: vec!["a".to_owned()],
            };
            let token = format!("x.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims));
            assert_eq!(Own::of_token(&token), Some(federated), "{audiences}");
        }
        assert_eq!(Own::of_token("nonsense"), None);
    }
}
