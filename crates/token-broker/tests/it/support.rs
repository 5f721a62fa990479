//! A steerable Entra ID, tokens, and a running broker.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use axum_server::tls_rustls::{RustlsConfig, from_tcp_rustls};
use clap::Parser as _;
use identity::clock::ManualClock;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proto::v1::token_broker_client::TokenBrokerClient;
use proto::v1::{ExchangeRequest, ExchangeResponse};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Authority, KeyAndCert, NOW, eventually, key_and_cert};
use token_broker::{Args, Config, Listeners, ServeError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Response as GrpcResponse, Status};

use crate::serving::served;

pub(crate) const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
pub(crate) const API: &str = "11112222-bbbb-3333-cccc-4444dddd5555";
pub(crate) const CLIENT: &str = "22223333-cccc-4444-dddd-5555eeee6666";
pub(crate) const ALICE: &str = "00000000-0000-4000-8000-00000000a11c";
pub(crate) const BOB: &str = "00000000-0000-4000-8000-0000000000b0";

/// The flags that choose a credential; without one it is the certificate.
const CREDENTIALS: [&str; 3] =
    ["--client-certificate-path", "--federated-token-file", "--managed-identity-client-id"];

pub(crate) type Fields = HashMap<String, String>;
type Answer = Arc<dyn Fn(&Fields) -> (StatusCode, HeaderMap, Value) + Send + Sync>;

/// A pretend Entra ID: metadata, one key, and a token endpoint that answers as told.
pub(crate) struct Entra {
    pub(crate) dir: TempDir,
    pub(crate) application: KeyAndCert,
    pub(crate) key: KeyAndCert,
    origin: String,
    state: Arc<Stub>,
}

struct Stub {
    metadata: Value,
    keys: Mutex<Value>,
    /// Whether the keys can be had.
    publishes: AtomicBool,
    answer: Mutex<Answer>,
    requests: Mutex<Vec<(Fields, HeaderMap)>>,
    /// The broker's questions about its own credential, which are not counted as requests.
    proofs: Mutex<Vec<Fields>>,
    proof_answer: Mutex<Answer>,
    /// How long an answer takes, once it is made; and whether requests are kept.
    pace: Mutex<Duration>,
    forgets: AtomicBool,
    arrived: Notify,
    gate: tokio::sync::watch::Sender<bool>,
}

impl Entra {
    pub(crate) async fn start() -> Self {
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        let application = key_and_cert();
        std::fs::write(dir.path().join("app.pem"), application.pem()).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let key = key_and_cert();
        let state = Arc::new(Stub {
            metadata: json!({"issuer": format!("{origin}/{TENANT}/v2.0"), "jwks_uri": format!("{origin}/keys")}),
            keys: Mutex::new(json!({"keys": [jwk("key-1", &key)]})),
            publishes: AtomicBool::new(true),
            answer: Mutex::new(Arc::new(granted)),
            requests: Mutex::default(),
            proofs: Mutex::default(),
            proof_answer: Mutex::new(Arc::new(proved)),
            pace: Mutex::default(),
            forgets: AtomicBool::new(false),
            arrived: Notify::new(),
            gate: tokio::sync::watch::Sender::new(true),
        });
        let router = Router::new()
            .route(
                &format!("/{TENANT}/v2.0/.well-known/openid-configuration"),
                get(async |State(stub): State<Arc<Stub>>| Json(stub.metadata.clone())),
            )
            .route("/keys", get(keys))
            .route(&format!("/{TENANT}/oauth2/v2.0/token"), post(token))
            .with_state(Arc::clone(&state));
        let (cert, server_key) = authority.issue("localhost").pems();
        let tls = RustlsConfig::from_pem(cert.into_bytes(), server_key.into_bytes()).await.unwrap();
        listener.set_nonblocking(true).unwrap();
        tokio::spawn(from_tcp_rustls(listener, tls).unwrap().serve(router.into_make_service()));
        Self { dir, application, key, origin, state }
    }

    /// Answers like this from now on.
    pub(crate) fn answer(
        &self,
        answer: impl Fn(&Fields) -> (StatusCode, HeaderMap, Value) + Send + Sync + 'static,
    ) {
        *self.state.answer.lock().unwrap() = Arc::new(answer);
    }

    /// Refuses like this from now on.
    pub(crate) fn refuse(&self, status: u16, body: Value) {
        self.answer(move |_| (StatusCode::from_u16(status).unwrap(), HeaderMap::new(), body.clone()));
    }

    pub(crate) fn grant(&self) {
        self.answer(granted);
    }

    /// Answers questions about the credential like this from now on.
    pub(crate) fn answer_proofs(
        &self,
        answer: impl Fn(&Fields) -> (StatusCode, HeaderMap, Value) + Send + Sync + 'static,
    ) {
        *self.state.proof_answer.lock().unwrap() = Arc::new(answer);
    }

    /// What the broker sent to prove itself.
    pub(crate) fn proofs(&self) -> Vec<Fields> {
        self.state.proofs.lock().unwrap().clone()
    }

    /// Lets requests wait (`false`), or go on (`true`).
    pub(crate) fn gate(&self, open: bool) {
        self.state.gate.send_replace(open);
    }

    /// Lets each answer take that long, once it is made.
    pub(crate) fn pace(&self, pace: Duration) {
        *self.state.pace.lock().unwrap() = pace;
    }

    /// Keeps no request from now on: for a run of very many.
    pub(crate) fn forget_requests(&self) {
        self.state.forgets.store(true, Ordering::SeqCst);
    }

    /// Publishes these keys instead of those of before.
    pub(crate) fn publish(&self, keys: &[(&str, &KeyAndCert)]) {
        let keys: Vec<_> = keys.iter().map(|(kid, key)| jwk(kid, key)).collect();
        *self.state.keys.lock().unwrap() = json!({ "keys": keys });
    }

    /// Lets the keys be had from now on, or answers that they cannot.
    pub(crate) fn publishes(&self, whether: bool) {
        self.state.publishes.store(whether, Ordering::SeqCst);
    }

    /// Waits for the next request to arrive at the token endpoint.
    pub(crate) async fn arrival(&self) {
        self.state.arrived.notified().await;
    }

    pub(crate) fn requests(&self) -> Vec<Fields> {
        self.state.requests.lock().unwrap().iter().map(|(fields, _)| fields.clone()).collect()
    }

    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.state.requests.lock().unwrap().iter().map(|(_, headers)| headers.clone()).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.state.requests.lock().unwrap().len()
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/{TENANT}/oauth2/v2.0/token", self.origin)
    }

    /// The claims of a good token of `oid`, valid for two hours.
    pub(crate) fn claims(&self, oid: &str) -> Value {
        let now = NOW.as_second();
        json!({
            "ver": "2.0", "iss": format!("{}/{TENANT}/v2.0", self.origin), "aud": API, "tid": TENANT,
            "oid": oid, "azp": CLIENT, "scp": "cost.read", "uti": uuid::Uuid::new_v4().to_string(),
            "iat": now, "nbf": now, "exp": now + 7200,
        })
    }

    /// Where it is.
    pub(crate) fn authority(&self) -> &str {
        &self.origin
    }

    /// A good token of `oid`.
    pub(crate) fn token(&self, oid: &str) -> String {
        self.sign(&self.claims(oid))
    }

    /// A good token of `oid` issued `later` seconds after the start.
    pub(crate) fn fresh_token(&self, oid: &str, later: i64) -> String {
        let mut claims = self.claims(oid);
        for name in ["iat", "nbf", "exp"] {
            claims[name] = (claims[name].as_i64().unwrap() + later).into();
        }
        self.sign(&claims)
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        sign(&self.key, claims)
    }

    pub(crate) fn config(&self, more: &[&str]) -> Config {
        let path = |name| self.dir.path().join(name).display().to_string();
        let (ca, app) = (path("ca.pem"), path("app.pem"));
        let base = [
            "token-broker",
            "--tenant-id",
            TENANT,
            "--client-id",
            API,
            "--authority-host",
            &self.origin,
            "--extra-ca-file",
            &ca,
            // Its own tests are elsewhere; these count requests.
            "--preflight-enabled=false",
        ];
        let is_credential = |arg: &&str| CREDENTIALS.contains(arg);
        let certificate = ["--client-certificate-path", &app];
        let credential: &[&str] = if more.iter().any(is_credential) { &[] } else { &certificate };
        let listens = ["--listen", "--admin-listen"].into_iter().filter(|flag| !more.contains(flag));
        let listens: Vec<_> = listens.flat_map(|flag| [flag, "127.0.0.1:0"]).collect();
        let args = Args::try_parse_from(base.iter().chain(&listens).chain(credential).chain(more)).unwrap();
        Config::try_from(args).unwrap()
    }
}

pub(crate) fn sign(key: &KeyAndCert, claims: &Value) -> String {
    let header = Header { kid: Some("key-1".to_owned()), ..Header::new(Algorithm::RS256) };
    let key = EncodingKey::from_rsa_pem(key.key.serialize_pem().as_bytes()).unwrap();
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

/// A running broker and a client of it.
pub(crate) struct Broker {
    pub(crate) client: TokenBrokerClient<Channel>,
    pub(crate) channel: Channel,
    pub(crate) url: String,
    pub(crate) clock: ManualClock,
    pub(crate) admin: String,
    pub(crate) health: Option<String>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<Result<(), ServeError>>,
}

impl Broker {
    pub(crate) async fn start(entra: &Entra) -> Self {
        Self::start_with(entra.config(&[])).await
    }

    pub(crate) async fn start_with(config: Config) -> Self {
        let listeners =
            Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await.unwrap();
        let listeners = listeners.with_health(config.health_listen).await.unwrap();
        let address = format!("http://{}", listeners.grpc_address().unwrap());
        let admin = listeners.admin_address().unwrap().to_string();
        let health = listeners.health_address().unwrap().map(|address| address.to_string());
        let channel = Channel::from_shared(address.clone()).unwrap().connect_lazy();
        let (clock, shutdown) = (ManualClock::at(NOW), CancellationToken::new());
        let task = served(config, listeners, clock.clone(), shutdown.clone());
        let client = TokenBrokerClient::new(channel.clone());
        Self { client, channel, url: address, clock, admin, health, shutdown, task }
    }

    /// What the admin port answers.
    pub(crate) async fn admin(&self, path: &str) -> String {
        admin(&self.admin, path).await
    }

    /// Waits until the shared cache is in use.
    pub(crate) async fn shares(&self) {
        let up = |line: &str| line.starts_with("broker_redis_up") && line.ends_with(" 1");
        eventually("the shared cache is in use", async || self.admin("/metrics").await.lines().any(up)).await;
    }

    pub(crate) async fn exchange(&self, assertion: &str) -> Result<ExchangeResponse, Status> {
        self.call(assertion, "arm", "").await
    }

    pub(crate) async fn call(
        &self,
        assertion: &str,
        resource: &str,
        claims: &str,
    ) -> Result<ExchangeResponse, Status> {
        let request = ExchangeRequest {
            assertion: assertion.to_owned(),
            resource: resource.to_owned(),
            claims: claims.to_owned(),
        };
        self.client.clone().exchange(request).await.map(GrpcResponse::into_inner)
    }
}

/// A plain HTTP GET of an admin port: the outgoing client of the product speaks https only.
pub(crate) async fn admin(address: &str, path: &str) -> String {
    try_admin(address, path).await.expect("it answers")
}

/// The same of a port where perhaps nobody is, or nobody who speaks plain HTTP.
pub(crate) async fn try_admin(address: &str, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Grants a token that tells which assertion it was given for, and a different one each time.
pub(crate) fn granted(fields: &Fields) -> (StatusCode, HeaderMap, Value) {
    let body = json!({
        "token_type": "Bearer", "scope": fields["scope"], "expires_in": 7200, "ext_expires_in": 7200,
        "access_token": format!("downstream-{}-{}", subject(&fields["assertion"]), uuid::Uuid::new_v4()),
    });
    (StatusCode::OK, HeaderMap::new(), body)
}

/// The `oid` in a token, unverified.
pub(crate) fn subject(token: &str) -> String {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["oid"].as_str().unwrap().to_owned()
}

/// What Entra ID answers an application that asks for a token for itself.
pub(crate) fn proved(_: &Fields) -> (StatusCode, HeaderMap, Value) {
    let body = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "app-only"});
    (StatusCode::OK, HeaderMap::new(), body)
}

async fn keys(State(stub): State<Arc<Stub>>) -> Response {
    if stub.publishes.load(Ordering::SeqCst) {
        Json(stub.keys.lock().unwrap().clone()).into_response()
    } else {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

async fn token(State(stub): State<Arc<Stub>>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    if fields["grant_type"] == "client_credentials" {
        stub.proofs.lock().unwrap().push(fields.clone());
        let answer = Arc::clone(&*stub.proof_answer.lock().unwrap());
        let (status, headers, body) = answer(&fields);
        return (status, headers, Json(body)).into_response();
    }
    if !stub.forgets.load(Ordering::SeqCst) {
        stub.requests.lock().unwrap().push((fields.clone(), headers));
    }
    stub.arrived.notify_one();
    stub.gate.subscribe().wait_for(|open| *open).await.unwrap();
    let answer = Arc::clone(&*stub.answer.lock().unwrap());
    let (status, mut headers, body) = answer(&fields);
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    let pace = *stub.pace.lock().unwrap();
    if !pace.is_zero() {
        tokio::time::sleep(pace).await;
    }
    (status, headers, Json(body)).into_response()
}

fn jwk(kid: &str, key: &KeyAndCert) -> Value {
    use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
    let pair = RsaKeyPair::from_pkcs8(key.key.serialized_der()).unwrap();
    let public = pair.public_key();
    json!({
        "kty": "RSA", "use": "sig", "kid": kid,
        "n": B64.encode(public.modulus().big_endian_without_leading_zero()),
        "e": B64.encode(public.exponent().big_endian_without_leading_zero()),
    })
}
