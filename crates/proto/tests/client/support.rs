//! A broker that answers as it is told and remembers how it was asked, and the certificates to reach it with.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost_types::Timestamp;
use testkit::{Authority, Issued};
use token_broker_proto::client::{Client, ClientConfig, Exchange, Exchanged, TlsFiles};
use token_broker_proto::v1::token_broker_server::{TokenBroker, TokenBrokerServer};
use token_broker_proto::v1::{
    ExchangeRequest, ExchangeResponse, PreflightRequest, PreflightResponse, PurgeUserRequest,
    PurgeUserResponse, TokenSource,
};
use token_broker_proto::{BrokerError, Reason};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::{Router, TcpIncoming};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

/// What the broker answers: by the number of the call, from 1.
type Script = dyn Fn(usize) -> Answer + Send + Sync;

pub(crate) enum Answer {
    Token,
    Refused(Status),
    Never,
}

/// One call as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) message: String,
    pub(crate) timeout: Option<String>,
    pub(crate) traceparent: Option<String>,
    /// The certificate that was shown, as DER.
    pub(crate) shown: Option<Vec<u8>>,
}

#[derive(Clone)]
pub(crate) struct Scripted {
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    pub(crate) fn new(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), asked: Arc::default() }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Serves on loopback; the port is the operating system's choice.
    pub(crate) async fn serve(&self) -> String {
        format!("http://{}", self.serve_with(Server::builder()).await)
    }

    pub(crate) async fn serve_with(&self, mut server: Server) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = self.router(&mut server);
        tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
        address.to_string()
    }

    /// Serves on loopback in a runtime of its own: it ends with that as a killed process does, connections and all.
    pub(crate) fn serve_in(&self, runtime: &Runtime) -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, router) = (listener.local_addr().unwrap(), self.router(&mut Server::builder()));
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            router.serve_with_incoming(TcpIncoming::from(listener)).await
        });
        address
    }

    pub(crate) fn serve_socket(&self, path: &Path) -> String {
        let listener = UnixListener::bind(path).unwrap();
        let router = self.router(&mut Server::builder());
        tokio::spawn(router.serve_with_incoming(UnixListenerStream::new(listener)));
        format!("unix:{}", path.display())
    }

    fn router(&self, server: &mut Server) -> Router {
        server.add_service(TokenBrokerServer::new(self.clone()))
    }

    async fn answer<M: std::fmt::Debug>(&self, request: Request<M>) -> Result<(), Status> {
        let header = |name| request.metadata().get(name).map(|value| value.to_str().unwrap().to_owned());
        let asked = Asked {
            message: format!("{:?}", request.get_ref()),
            timeout: header("grpc-timeout"),
            traceparent: header("traceparent"),
            shown: request.peer_certs().map(|certificates| certificates[0].to_vec()),
        };
        let call = {
            let mut all = self.asked.lock().unwrap();
            all.push(asked);
            all.len()
        };
        match (self.script)(call) {
            Answer::Token => Ok(()),
            Answer::Refused(status) => Err(status),
            Answer::Never => std::future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl TokenBroker for Scripted {
    async fn exchange(
        &self,
        request: Request<ExchangeRequest>,
    ) -> Result<Response<ExchangeResponse>, Status> {
        let access_token = format!("token for {}", request.get_ref().assertion);
        self.answer(request).await?;
        Ok(Response::new(ExchangeResponse {
            access_token,
            expires_at: Some(Timestamp { seconds: 1_800_000_000, nanos: 0 }),
            source: TokenSource::Cache.into(),
        }))
    }

    async fn purge_user(
        &self,
        request: Request<PurgeUserRequest>,
    ) -> Result<Response<PurgeUserResponse>, Status> {
        self.answer(request).await?;
        let effective_at = Some(Timestamp { seconds: 1_800_000_000, nanos: 0 });
        Ok(Response::new(PurgeUserResponse { effective_at }))
    }

    async fn preflight(
        &self,
        request: Request<PreflightRequest>,
    ) -> Result<Response<PreflightResponse>, Status> {
        self.answer(request).await?;
        Ok(Response::new(PreflightResponse::default()))
    }
}

pub(crate) fn config(address: &str) -> ClientConfig {
    ClientConfig::new(address.parse().unwrap())
}

pub(crate) fn client(address: &str) -> Client {
    Client::new(config(address)).unwrap()
}

pub(crate) async fn exchange(client: &Client) -> Result<Exchanged, BrokerError> {
    client.exchange(Exchange { assertion: "assertion", resource: "arm", claims: None }).await
}

pub(crate) fn refusal(reason: Reason) -> BrokerError {
    BrokerError::new(reason, "as scripted")
}

/// The files of one consumer.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn identity(&self, issued: &Issued) {
        self.write("tls.crt", &issued.certificate);
        self.write("tls.key", &issued.key);
    }

    pub(crate) fn tls(&self) -> TlsFiles {
        TlsFiles::new(self.path("ca.crt")).with_identity(self.path("tls.crt"), self.path("tls.key"))
    }
}

/// A server that shows a certificate of `servers`, lets callers of `callers` in, and ends connections by `age`.
pub(crate) fn mutual_tls(servers: &Authority, callers: &Authority, age: Duration) -> Server {
    let shown = servers.issue("localhost");
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(shown.certificate, shown.key))
        .client_ca_root(Certificate::from_pem(callers.pem()));
    Server::builder().tls_config(tls).unwrap().max_connection_age(age)
}
