//! The token for Graph: the application's own, by client credentials (RFC 6749, section 4.4) with the same client
//! assertion as an exchange. Entra ID's answer tells more than the token: whether it knows the application and its
//! credential, and what time it is there.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use identity::outbound::{read_bounded, retry_after};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use reqwest::Response;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::{self, Instant};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::{Graph, REQUEST_DEADLINE, Session};
use crate::{
    credential::Unavailable,
    preflight::untold::{Part, Untold},
};

/// The longest answer of the token endpoint.
const MAX_ANSWER_BYTES: usize = 128 * 1024;

/// What came of signing in.
pub(crate) struct SignIn<'a> {
    pub(crate) standing: Standing,
    /// How far this machine's clock is ahead of Entra ID's.
    pub(crate) clock_ahead: Part<SignedDuration>,
    /// What the broker proved itself with.
    pub(crate) own: Part<Own>,
    pub(crate) session: Part<Session<'a>>,
}

/// What Entra ID says of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It gave out a token: application and credential are known and good.
    Accepted,
    /// It refuses, with this error number.
    Refused {
        /// Without its `AADSTS`.
        number: Option<u32>,
    },
    /// It could not be asked, or cannot answer.
    Untold(Untold),
}

/// What the broker proves itself with, read from the client assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    /// A certificate.
    Certificate {
        /// SHA-256 of its DER, base64url: `x5t#S256`.
        thumbprint: String,
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

impl Graph {
    /// Gets a token, for use until `deadline`.
    pub(crate) async fn sign_in(&self, deadline: Instant) -> SignIn<'_> {
        let assertion = match self.client_assertion().await {
            Ok(assertion) => assertion,
            Err(untold) => return SignIn::failed(untold.clone(), Err(untold)),
        };
        let own = Own::read(assertion.expose_secret());
        let until = deadline.min(Instant::now() + REQUEST_DEADLINE);
        let asked = time::timeout_at(until, self.ask(&assertion)).await;
        let answer = asked.unwrap_or_else(|_| Err(Untold::no_token("Entra ID does not answer in time")));
        let Answer { status, clock_ahead, pause, body } = match answer {
            Ok(answer) => answer,
            Err(untold) => return SignIn::failed(untold, own),
        };
        if status == 429 || status >= 500 {
            let text = format!("there is no token for it: Entra ID cannot answer ({status})");
            let untold = Untold::Throttled { text, pause };
            return SignIn { clock_ahead, ..SignIn::failed(untold, own) };
        }
        if let Some(token) = token(&body).filter(|_| status == 200) {
            let session = Ok(Session { graph: self, token, deadline });
            return SignIn { standing: Standing::Accepted, clock_ahead, own, session };
        }
        let number = serde_json::from_slice::<Refusal>(&body).ok().and_then(|refusal| refusal.number());
        let session = Err(Untold::Refused { number });
        SignIn { standing: Standing::Refused { number }, clock_ahead, own, session }
    }

    /// The one place that knows how the broker proves itself.
    async fn client_assertion(&self) -> Part<SecretString> {
        let proof = self.credential.prove(self.clock.now()).await;
        proof.map(|proof| proof.jwt).map_err(|unavailable| {
            Untold::no_token(match unavailable {
                Unavailable::ForNow { .. } => "the broker has no credential just now",
                Unavailable::Misconfigured => "the broker's own credential cannot be used; the log says why",
            })
        })
    }

    async fn ask(&self, assertion: &SecretString) -> Part<Answer> {
        let client_id = self.client_id.to_string();
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "client_credentials"),
                ("client_id", client_id.as_str()),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", assertion.expose_secret()),
                ("scope", self.settings.scope.as_str()),
            ])
            .finish();
        let sent = self
            .http
            .post(self.token_endpoint.clone())
            .header("content-type", "application/x-www-form-urlencoded;charset=utf-8")
            .header("accept", "application/json")
            .body(form)
            .send();
        let response = sent.await.map_err(|_| Untold::no_token("Entra ID does not answer"))?;
        let clock_ahead = clock_ahead(&response, self.clock.now());
        let (status, pause) = (response.status().as_u16(), retry_after(&response, self.clock.now()));
        let body = read_bounded(response, MAX_ANSWER_BYTES).await;
        let body = body.map_err(|_| Untold::no_token("Entra ID's answer breaks off"))?;
        Ok(Answer { status, clock_ahead, pause, body: Zeroizing::new(body) })
    }
}

struct Answer {
    status: u16,
    clock_ahead: Part<SignedDuration>,
    pause: Option<std::time::Duration>,
    body: Zeroizing<Vec<u8>>,
}

impl SignIn<'_> {
    fn failed(untold: Untold, own: Part<Own>) -> Self {
        Self {
            standing: Standing::Untold(untold.clone()),
            clock_ahead: Err(Untold::Unavailable("Entra ID did not tell its time".to_owned())),
            own,
            session: Err(untold),
        }
    }
}

impl Own {
    /// Reads what a client assertion is: one that names a certificate was signed with it, any other is somebody's token.
    fn read(assertion: &str) -> Part<Self> {
        let unreadable = || Untold::Unavailable("the client assertion cannot be read".to_owned());
        let mut parts = assertion.split('.');
        let header: Header = decode(parts.next()).ok_or_else(unreadable)?;
        if let Some(thumbprint) = header.thumbprint {
            return Ok(Self::Certificate { thumbprint });
        }
        let claims: Claims = decode(parts.next()).ok_or_else(unreadable)?;
        Ok(Self::Federated { issuer: claims.iss, subject: claims.sub, audiences: claims.aud.into() })
    }
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
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

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// An error response (RFC 6749, section 5.2, with Microsoft's `error_codes`).
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    error_codes: Vec<u32>,
}

impl Refusal {
    fn number(&self) -> Option<u32> {
        self.error_codes.first().copied()
    }
}

fn decode<T: for<'de> Deserialize<'de>>(part: Option<&str>) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part?).ok()?).ok()
}

/// The token, if it can stand in a header.
fn token(body: &[u8]) -> Option<SecretString> {
    let token: Token = serde_json::from_slice(body).ok()?;
    let token = Zeroizing::new(token.access_token);
    let printable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    printable.then(|| SecretString::from(token.as_str()))
}

/// `now` less the answer's `Date` (RFC 9110, section 6.6.1), which has whole seconds.
fn clock_ahead(response: &Response, now: Timestamp) -> Part<SignedDuration> {
    let date = response.headers().get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| rfc2822::parse(date).ok());
    let untold = || Untold::Unavailable("Entra ID's answer has no date".to_owned());
    Ok(now.duration_since(date.ok_or_else(untold)?.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_says_what_it_is() {
        let jwt = |header: &str, claims: &str| {
            let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
            format!("{}.{}.x", part(header), part(claims))
        };
        let signed = jwt(r#"{"alg":"PS256","x5t#S256":"abc"}"#, "{}");
        assert_eq!(Own::read(&signed), Ok(Own::Certificate { thumbprint: "abc".to_owned() }));
        for audiences in [r#""a""#, r#"["a"]"#] {
            let claims = format!(r#"{{"iss":"i","sub":"s","aud":{audiences}}}"#);
            let token = jwt(r#"{"alg":"RS256","kid":"1"}"#, &claims);
            let federated = Own::Federated {
                issuer: "i".to_owned(),
                subject: "s".to_owned(),
                audiences: vec!["a".to_owned()],
            };
            assert_eq!(Own::read(&token), Ok(federated), "{audiences}");
        }
        assert!(Own::read("nonsense").is_err());
    }

    #[test]
    fn a_refusal_has_a_number_and_a_token_is_printable() {
        let body = br#"{"error":"invalid_client","error_codes":[700027],"error_description":"x"}"#;
        assert_eq!(serde_json::from_slice::<Refusal>(body).unwrap().number(), Some(700_027));
        assert!(token(br#"{"access_token":"a b"}"#).is_none());
        assert!(token(br#"{"access_token":"ab","expires_in":1}"#).is_some());
    }
}
