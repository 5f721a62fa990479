//! One request for a managed identity's token, in the two dialects of Azure's platforms.
//!
//! Virtual machines, scale sets, AKS nodes: "How to use managed identities for Azure resources on an Azure VM to acquire
//! an access token". App Service, Functions, Container Apps: "How to use managed identities for App Service", REST
//! endpoint reference. Both answer numbers as strings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use identity::ClientId;
use identity::outbound::{OutboundError, local_client, read_bounded, retry_after};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderValue;
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio::time;
use zeroize::Zeroizing;

use crate::credential::{IdentityEndpoint, Own};

/// How long one request may take: the first token of an identity takes the metadata service some seconds.
const DEADLINE: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The longest life believed. Tokens of managed identities last a day.
const MAX_LIFE: SignedDuration = SignedDuration::from_hours(48);
const MAX_MESSAGE_CHARS: usize = 200;

/// Gives out tokens of one identity for one audience.
pub(super) struct Source {
    http: Client,
    endpoint: IdentityEndpoint,
    client_id: ClientId,
    audience: String,
}

/// A token of the identity.
pub(super) struct Token {
    pub(super) jwt: SecretString,
    pub(super) own: Option<Arc<Own>>,
    pub(super) expires_at: Timestamp,
}

impl Token {
    pub(super) fn new(jwt: &str, expires_at: Timestamp) -> Self {
        Self { jwt: SecretString::from(jwt), own: Own::of_token(jwt).map(Arc::new), expires_at }
    }
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// No connection, or no answer in time.
    #[error("the metadata service cannot be reached")]
    Unreachable,
    /// Throttled, or a fault of its own. 404 is one too, while it is being updated.
    #[error("the metadata service is busy")]
    Busy {
        /// The wait it asks for.
        retry_after: Option<Duration>,
    },
    /// It is being updated.
    #[error("the metadata service is being updated")]
    Updating,
    /// The answer is not a token.
    #[error("the metadata service's answer holds no usable token")]
    Unusable,
    /// What was asked for is wrong, by its word.
    #[error("the metadata service refuses with status {status}: {message}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// Its own words, cut.
        message: String,
    },
}

impl Source {
    pub(super) fn new(
        client_id: ClientId,
        endpoint: IdentityEndpoint,
        audience: String,
    ) -> Result<Self, OutboundError> {
        Ok(Self { http: local_client()?, endpoint, client_id, audience })
    }

    /// Asks for a token, once.
    ///
    /// # Errors
    /// [`Failure`], by what helps.
    pub(super) async fn token(&self, now: Timestamp) -> Result<Token, Failure> {
        let exchange = async {
            let response = self.request().send().await.map_err(|_| Failure::Unreachable)?;
            let status = response.status();
            let retry_after = retry_after(&response, now);
            let body = read_bounded(response, MAX_ANSWER_BYTES).await.map_err(|_| Failure::Unusable)?;
            Ok((status, retry_after, Zeroizing::new(body)))
        };
        let (status, retry_after, body) =
            time::timeout(DEADLINE, exchange).await.unwrap_or(Err(Failure::Unreachable))?;
        match status {
            StatusCode::OK => token(&body, now).ok_or(Failure::Unusable),
            StatusCode::GONE => Err(Failure::Updating),
            StatusCode::NOT_FOUND | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Busy { retry_after })
            }
            status if status.is_server_error() => Err(Failure::Busy { retry_after }),
            status => Err(Failure::Refused { status: status.as_u16(), message: message(&body) }),
        }
    }

    fn request(&self) -> RequestBuilder {
        let (mut url, version) = match &self.endpoint {
            IdentityEndpoint::Imds(url) => {
                let mut url = url.clone();
                url.set_path("/metadata/identity/oauth2/token");
                (url, "2018-02-01")
            }
            IdentityEndpoint::AppService { url, .. } => (url.clone(), "2019-08-01"),
        };
        url.query_pairs_mut()
            .append_pair("api-version", version)
            .append_pair("resource", &self.audience)
            .append_pair("client_id", &self.client_id.to_string());
        let request = self.http.get(url).header("accept", "application/json");
        match &self.endpoint {
            IdentityEndpoint::Imds(_) => request.header("metadata", "true"),
            IdentityEndpoint::AppService { header, .. } => {
                match HeaderValue::from_str(header.expose_secret()) {
                    Ok(mut value) => {
                        value.set_sensitive(true);
                        request.header("x-identity-header", value)
                    }
                    // Without it the endpoint refuses, which is logged with a hint.
                    Err(_) => request,
                }
            }
        }
    }
}

impl Failure {
    /// What an operator does about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Refused { status: 401 | 403, .. } => {
                "IDENTITY_HEADER must be the value that the platform set"
            }
            Self::Refused { .. } => {
                "assign the user-assigned identity of AZURE_MANAGED_IDENTITY_CLIENT_ID to this machine or app"
            }
            Self::Unreachable => {
                "the metadata service must be reachable from here: network policies, or no Azure at all"
            }
            Self::Busy { .. } | Self::Updating | Self::Unusable => "none, if it passes within minutes",
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    access_token: std::borrow::Cow<'a, str>,
    expires_on: Option<Value>,
    expires_in: Option<Value>,
}

fn token(body: &[u8], now: Timestamp) -> Option<Token> {
    let answer: Answer<'_> = serde_json::from_slice(body).ok()?;
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    let jwt = Some(answer.access_token).filter(|token| is_word(token))?;
    let on = answer.expires_on.as_ref().and_then(seconds).and_then(|at| Timestamp::from_second(at).ok());
    let within = answer.expires_in.as_ref().and_then(seconds);
    let within = within.and_then(|left| now.saturating_add(SignedDuration::from_secs(left)).ok());
    let expires_at = on.or(within)?.min(now.saturating_add(MAX_LIFE).unwrap_or(now));
    (expires_at > now).then(|| Token::new(jwt.as_ref(), expires_at))
}

/// Seconds, as a number or as the text of one.
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The refusal's own words, if it has any: `error_description` of one dialect, `message` of the other.
fn message(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = ["error_description", "message", "error"];
    let text = words.iter().find_map(|word| answer[*word].as_str()).unwrap_or("no reason given");
    let text = text.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE_CHARS).collect::<String>();
    if text.contains("eyJ") { "[removed]".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    #[test]
    fn both_dialects_are_read() {
        let hour = NOW + SignedDuration::from_hours(1);
        let on = hour.as_second();
        for body in [
            format!(
                r#"{{"access_token":"a.b.c","client_id":"x","expires_in":"3600","expires_on":"{on}","ext_expires_in":"3600","not_before":"1","resource":"api://AzureADTokenExchange","token_type":"Bearer"}}"#
            ),
            format!(r#"{{"access_token":"a.b.c","expires_on":"{on}","resource":"r","token_type":"Bearer"}}"#),
            format!(r#"{{"access_token":"a.b.c","expires_on":{on}}}"#),
            r#"{"access_token":"a.b.c","expires_in":3600}"#.to_owned(),
        ] {
            let token = token(body.as_bytes(), NOW).unwrap();
            assert_eq!((token.jwt.expose_secret(), token.expires_at), ("a.b.c", hour), "{body}");
        }
    }

    #[test]
    fn what_holds_no_token_is_none() {
        for body in [
            "",
            "{}",
            r#"{"access_token":"a"}"#,
            r#"{"access_token":"","expires_in":"10"}"#,
            r#"{"access_token":"a b","expires_in":"10"}"#,
            r#"{"access_token":"a","expires_in":"0"}"#,
            r#"{"access_token":"a","expires_on":"1"}"#,
            r#"{"access_token":"a","expires_on":"soon"}"#,
        ] {
            assert!(token(body.as_bytes(), NOW).is_none(), "{body}");
        }
        let long = format!(r#"{{"access_token":"a","expires_in":"{}"}}"#, i64::MAX / 2);
        assert!(token(long.as_bytes(), NOW).is_none_or(|token| token.expires_at <= NOW + MAX_LIFE));
    }

    #[test]
    fn a_refusal_is_quoted_with_care() {
        assert_eq!(
            message(br#"{"error":"invalid_request","error_description":"Identity\n not found"}"#),
            "Identity not found"
        );
        assert_eq!(message(br#"{"statusCode":400,"message":"No identity"}"#), "No identity");
        assert_eq!(message(b"<html>"), "no reason given");
        assert_eq!(message(br#"{"error":"eyJ0"}"#), "[removed]");
    }
}
