//! Azure Resource Manager as a server of canned bytes: over TLS, as the real one, and never the bottleneck. It gives everybody the
//! answer that the emulator gave once, and looks at nothing but the path.

use std::net::TcpListener;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use testkit::Authority;

use super::child::{self, Child};

/// The path of the one thing that is asked for.
const PATH: &str = "/subscriptions/{id}/providers/Microsoft.CostManagement/query";

/// What the process is told.
#[derive(Deserialize, Serialize)]
struct Told {
    certificate: String,
    key: String,
    /// The headers of the answer that a client may read, and its body in base64.
    headers: Vec<(String, String)>,
    body: String,
}

/// The running server, and who signed its certificate.
pub(crate) struct Canned {
    child: Child,
    /// PEM.
    pub(crate) authority: String,
}

impl Canned {
    /// Starts a server that answers each query as `answer`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) async fn start(answer: reqwest::Response) -> anyhow::Result<Self> {
        let read = |name: &HeaderName| *name == header::CONTENT_TYPE || name.as_str().starts_with("x-ms-");
        let headers = answer.headers().iter().filter(|(name, _)| read(name));
        let headers = headers.map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned())));
        let headers = headers.collect::<anyhow::Result<_>>()?;
        let body = BASE64_STANDARD.encode(answer.bytes().await?);
        let authority = Authority::new();
        let (certificate, key) = authority.issue("127.0.0.1").pems();
        let told = Told { certificate, key, headers, body };
        let child = Child::start(&["canned"], &serde_json::to_string(&told)?)?;
        Ok(Self { child, authority: authority.pem() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None that can be: an address makes a URL.
    pub(crate) fn url(&self) -> anyhow::Result<Url> {
        Ok(format!("https://{}/", self.child.address()).parse()?)
    }
}

/// Runs the server until stdin ends.
///
/// # Errors
/// When it cannot be set up.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let told: Told = serde_json::from_str(&child::told()?).context("what it is to answer")?;
    let headers = told
        .headers
        .iter()
        .map(|(name, value)| Ok((HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?)));
    let headers: Vec<_> = headers.collect::<anyhow::Result<_>>()?;
    let body = Bytes::from(BASE64_STANDARD.decode(told.body)?);
    let answer = move || {
        let mut answer = body.clone().into_response();
        answer.headers_mut().extend(headers.iter().cloned());
        std::future::ready(answer)
    };
    let app = Router::new().route(PATH, post(answer)).fallback(nothing);
    let tls = RustlsConfig::from_pem(told.certificate.into_bytes(), told.key.into_bytes()).await?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    child::tell(listener.local_addr()?);
    let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
    Ok(axum_server::from_tcp(listener)?.acceptor(acceptor).serve(app.into_make_service()).await?)
}

/// What is asked beside the query is a mistake of the bench, which the answer shows.
async fn nothing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
