//! A token that nobody signed, as expensive as it can be made, and the refusal it gets.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use e2e::{Caller, Era};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use serde_json::json;

use super::load::Target;
use super::tool_call;

/// Different words that stand in `scp`.
pub(crate) const WORDS: usize = 3_800;

/// Calls of the gateway with a forged token.
pub(crate) struct Forged {
    address: String,
    request: Request<Full<Bytes>>,
    token_bytes: usize,
}

impl Forged {
    /// Takes header and signature from a genuine token: the key is one that the tenant publishes.
    ///
    /// # Errors
    /// When `genuine` is not a token.
    pub(crate) fn new(url: &str, genuine: &str) -> anyhow::Result<Self> {
        let token = forge(genuine)?;
        let params = json!({"name": "list_subscriptions", "arguments": {}});
        let prepared = Caller::new(url).in_era(Era::Legacy).prepared("tools/call", params);
        let request = tool_call::lean(&prepared.bearer_auth(&token).build()?)?;
        Ok(Self { address: tool_call::address(url), request, token_bytes: token.len() })
    }

    /// How long the token is.
    pub(crate) fn token_bytes(&self) -> usize {
        self.token_bytes
    }
}

fn forge(genuine: &str) -> anyhow::Result<String> {
    let parts: Vec<_> = genuine.split('.').collect();
    let [header, _, signature] = parts.as_slice() else {
        anyhow::bail!("the emulator's token has no three parts")
    };
    let letters = || ('0'..='9').chain('a'..='z').chain('A'..='Z');
    let words = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}"))).take(WORDS);
    let claims = json!({"ver": "2.0", "scp": words.collect::<Vec<_>>().join(" ")});
    Ok(format!("{header}.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())))
}

impl Target for Forged {
    type Connection = SendRequest<Full<Bytes>>;

    async fn connect(&self, callers: usize) -> anyhow::Result<Vec<Self::Connection>> {
        tool_call::connect(&self.address, callers).await
    }

    async fn ask(&self, connection: &mut Self::Connection) -> anyhow::Result<()> {
        connection.ready().await?;
        let response = connection.send_request(self.request.clone()).await.context("a forged token")?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let text = || String::from_utf8_lossy(&body).chars().take(500).collect::<String>();
        ensure!(status == StatusCode::UNAUTHORIZED, "a forged token is answered {status}: {}", text());
        Ok(())
    }
}
