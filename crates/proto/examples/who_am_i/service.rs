//! Answers what a downstream API says about the user who asks, with that user's own token.
//!
//! The order of things in any consumer of the broker:
//!
//! 1. take the user's token from the request;
//! 2. exchange it at the broker for the user's token for the one downstream resource;
//! 3. call that resource with it; if it answers with a claims challenge, exchange once more with those claims;
//! 4. tell the caller what the broker refused in a way the caller can act on: [`refused`] is the table.
//!
//! The token is not validated here, because nothing here depends on who the user is: the broker proves it before it
//! gives anything, and the downstream API decides about the rest. A service that answers from data of its own must
//! validate it first.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use token_broker_proto::client::{BrokerAddress, Client, ClientConfig, Exchange, TlsFiles};
use token_broker_proto::{BrokerError, Reason};
use tokio::net::TcpListener;
use tracing::{Instrument as _, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The longest answer of the downstream API that is passed on.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Less than our own caller waits.
const BROKER_DEADLINE: Duration = Duration::from_secs(10);

/// Settings of the example.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Settings {
    /// Where this service listens.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8090")]
    pub(crate) listen: SocketAddr,
    /// The token broker.
    #[arg(long, env = "BROKER_URL", default_value = "http://127.0.0.1:50051")]
    broker_url: BrokerAddress,
    /// The authority of the broker's certificate.
    #[arg(long, env = "BROKER_CA_FILE")]
    broker_ca_file: Option<PathBuf>,
    /// This service's own certificate: what the broker's consumers file knows it by.
    #[arg(long, env = "BROKER_CERT_FILE", requires = "broker_key_file")]
    broker_cert_file: Option<PathBuf>,
    /// The key of that certificate.
    #[arg(long, env = "BROKER_KEY_FILE", requires = "broker_cert_file")]
    broker_key_file: Option<PathBuf>,
    /// The downstream resource, by the broker's name for it.
    #[arg(long, env = "RESOURCE", default_value = "arm")]
    resource: String,
    /// What is asked of that resource.
    #[arg(
        long,
        env = "DOWNSTREAM_URL",
        default_value = "https://management.azure.com/subscriptions?api-version=2022-12-01"
    )]
    downstream_url: reqwest::Url,
    /// Authorities to trust besides the system's for the downstream API.
    #[arg(long, env = "DOWNSTREAM_CA_FILE")]
    downstream_ca_file: Option<PathBuf>,
}

/// Serves on `listener` until the process ends.
pub(crate) async fn serve(settings: Settings, listener: TcpListener) -> anyhow::Result<()> {
    let service = Service {
        broker: broker(&settings)?,
        http: http(&settings)?,
        resource: settings.resource,
        downstream: settings.downstream_url,
    };
    let app = Router::new().route("/", get(who_am_i)).with_state(service);
    Ok(axum::serve(listener, app).await?)
}

/// One client for the life of the process: it holds the connection.
fn broker(settings: &Settings) -> anyhow::Result<Client> {
    let mut config = ClientConfig::new(settings.broker_url.clone()).with_deadline(BROKER_DEADLINE);
    if let Some(authority) = &settings.broker_ca_file {
        let mut files = TlsFiles::new(authority);
        if let (Some(certificate), Some(key)) = (&settings.broker_cert_file, &settings.broker_key_file) {
            files = files.with_identity(certificate, key);
        }
        config = config.with_tls(files);
    }
    Ok(Client::new(config)?)
}

#[expect(clippy::disallowed_methods, reason = "an example stands for a service outside of this repository")]
fn http(settings: &Settings) -> anyhow::Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .https_only(true)
        // A redirect would take the token elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10));
    if let Some(path) = &settings.downstream_ca_file {
        let pem = std::fs::read(path).with_context(|| path.display().to_string())?;
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem)?);
    }
    Ok(builder.build()?)
}

#[derive(Clone)]
struct Service {
    broker: Client,
    http: reqwest::Client,
    resource: String,
    downstream: reqwest::Url,
}

async fn who_am_i(State(service): State<Service>, headers: HeaderMap) -> Response {
    let span = info_span!("who_am_i.request", otel.kind = "server");
    // Its callers are services of the same system here; from a stranger a trace is better linked than adopted.
    let _unrecorded = span.set_parent(TraceContextPropagator::new().extract(&Headers(&headers)));
    let Some(assertion) = bearer(&headers) else {
        return challenge(StatusCode::UNAUTHORIZED, "Bearer".to_owned(), &json!({"code": "missing_bearer"}));
    };
    service.answer(&assertion).instrument(span).await
}

impl Service {
    async fn answer(&self, assertion: &SecretString) -> Response {
        let mut claims = None;
        // Once for itself, once more to answer a challenge of the downstream API, and never a third time.
        for _ in 0..2 {
            let token = match self.exchange(assertion, claims.as_deref()).await {
                Ok(token) => token,
                Err(error) => return refused(&error),
            };
            match self.ask(&token).await {
                Ok(Downstream::Challenged(asked)) => claims = Some(asked),
                Ok(Downstream::Answered(status, body)) => return (status, Json(body)).into_response(),
                Err(error) => {
                    tracing::warn!(%error, "the downstream API does not answer");
                    return problem(StatusCode::BAD_GATEWAY, &json!({"code": "downstream_unavailable"}));
                }
            }
        }
        insufficient_claims(&claims.unwrap_or_default())
    }

    async fn exchange(
        &self,
        assertion: &SecretString,
        claims: Option<&str>,
    ) -> Result<SecretString, BrokerError> {
        let exchange = Exchange { assertion: assertion.expose_secret(), resource: &self.resource, claims };
        let span = info_span!("who_am_i.exchange", otel.kind = "client");
        self.broker.exchange(exchange).instrument(span).await.map(|exchanged| exchanged.access_token)
    }

    async fn ask(&self, token: &SecretString) -> anyhow::Result<Downstream> {
        let request = self.http.get(self.downstream.clone()).bearer_auth(token.expose_secret());
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED
            && let Some(claims) = claims_of(response.headers())
        {
            return Ok(Downstream::Challenged(claims));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            anyhow::ensure!(body.len() + chunk.len() <= MAX_ANSWER_BYTES, "the answer is too long");
            body.extend_from_slice(&chunk);
        }
        Ok(Downstream::Answered(status, serde_json::from_slice(&body)?))
    }
}

/// What the downstream API said.
enum Downstream {
    Answered(StatusCode, Value),
    /// It wants another token: one that satisfies these claims (Continuous Access Evaluation).
    Challenged(String),
}

/// What each refusal of the broker means for our own caller: `proto/README.md` as code.
fn refused(error: &BrokerError) -> Response {
    let Some(reason) = error.reason() else {
        tracing::error!(code = ?error.code(), message = error.message(), "the token broker does not answer");
        return unavailable("broker_unavailable", error);
    };
    let code = reason.as_str();
    match reason {
        Reason::InvalidToken => {
            let header = "Bearer error=\"invalid_token\"".to_owned();
            let body = json!({"code": code, "reason": error.metadata("reason")});
            challenge(StatusCode::UNAUTHORIZED, header, &body)
        }
        Reason::ClaimsChallenge => insufficient_claims(error.claims().unwrap_or_default()),
        Reason::ConsentRequired => {
            problem(StatusCode::FORBIDDEN, &json!({"code": code, "permission": error.metadata("permission")}))
        }
        Reason::AppOnlyToken | Reason::BlockedByPolicy => {
            problem(StatusCode::FORBIDDEN, &json!({"code": code}))
        }
        Reason::IdentityProviderUnavailable
        | Reason::Overloaded
        | Reason::PurgeIncomplete
        | Reason::AuditUnavailable => unavailable(code, error),
        // Ours to mend, not the caller's.
        Reason::InvalidRequest
        | Reason::UnknownResource
        | Reason::ConsumerNotAllowed
        | Reason::BrokerMisconfigured => {
            tracing::error!(%reason, message = error.message(), "the token broker cannot serve this service");
            problem(StatusCode::SERVICE_UNAVAILABLE, &json!({"code": "misconfigured"}))
        }
    }
}

/// The user's client signs in again with these claims. As Microsoft documents it, for clients built on MSAL:
/// <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
fn insufficient_claims(claims: &str) -> Response {
    let header = format!("Bearer error=\"insufficient_claims\", claims=\"{}\"", STANDARD.encode(claims));
    challenge(StatusCode::UNAUTHORIZED, header, &json!({"code": "claims_challenge", "claims": claims}))
}

fn unavailable(code: &str, error: &BrokerError) -> Response {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, &json!({"code": code}));
    if let Some(delay) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, delay.as_secs().max(1).into());
    }
    response
}

fn challenge(status: StatusCode, header: String, body: &Value) -> Response {
    (status, [(header::WWW_AUTHENTICATE, header)], Json(body)).into_response()
}

fn problem(status: StatusCode, body: &Value) -> Response {
    (status, Json(body)).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| SecretString::from(token.trim()))
}

/// The claims of a downstream challenge, decoded.
fn claims_of(headers: &HeaderMap) -> Option<String> {
    let mut challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
    let (_, rest) = challenges.find_map(|value| value.to_str().ok()?.split_once("claims=\""))?;
    let (encoded, _) = rest.split_once('"')?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
