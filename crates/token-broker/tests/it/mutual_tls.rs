//! A broker behind mutual TLS, whose files the tests replace while it runs.

use std::fs;
use std::path::PathBuf;

use identity::clock::ManualClock;
use proto::BrokerError;
use proto::v1::token_broker_client::TokenBrokerClient;
use proto::v1::{ExchangeRequest, ExchangeResponse};
use testkit::{Authority, NOW};
use token_broker::Listeners;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use crate::serving::served;
use crate::support::Entra;

/// The consumers that most tests need.
pub(crate) const CONSUMERS: &str = r#"
[consumers.gateway]
sans = ["dns:gateway.test", "spiffe://a.test/gateway"]
resources = ["arm"]

[consumers.reporter]
sans = ["dns:reporter.test"]
resources = ["arm", "graph"]
max_concurrent = 1

[consumers.help-desk]
sans = ["dns:help-desk.test"]
purge = true
"#;

pub(crate) struct MutualTls {
    pub(crate) entra: Entra,
    pub(crate) servers: Authority,
    pub(crate) clients: Authority,
    pub(crate) address: String,
    pub(crate) admin: String,
    pub(crate) clock: ManualClock,
    shutdown: CancellationToken,
}

impl MutualTls {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(more: &[&str]) -> Self {
        let entra = Entra::start().await;
        let (servers, clients) = (Authority::new(), Authority::new());
        let file = |name: &str, content: &str| {
            let path = entra.dir.path().join(name);
            fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let (cert, key) = servers.issue("localhost").pems();
        let flags = [
            "--tls-cert-file",
            &file("tls.pem", &cert),
            "--tls-key-file",
            &file("tls.key", &key),
            "--tls-client-ca-file",
            &file("clients.pem", &clients.pem()),
            "--consumers-file",
            &file("consumers.toml", CONSUMERS),
        ];
        let config = entra.config(&[&flags, more].concat());
        let listeners =
            Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await.unwrap();
        let address = listeners.grpc_address().unwrap().to_string();
        let admin = listeners.admin_address().unwrap().to_string();
        let (clock, shutdown) = (ManualClock::at(NOW), CancellationToken::new());
        served(config, listeners, clock.clone(), shutdown.clone());
        // Its files are read before anything is served: from here on a test replaces what is in force.
        crate::support::admin(&admin, "/healthz").await;
        Self { entra, servers, clients, address, admin, clock, shutdown }
    }

    /// Replaces a file in one step, as a mounted volume does.
    pub(crate) fn replace(&self, name: &str, content: &str) {
        let new = self.path("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    /// A consumer with a certificate of these names, on a connection of its own.
    pub(crate) fn consumer(&self, names: &[&str]) -> Consumer {
        self.connect(&self.servers, Some(self.clients.issue_to(names).pems()))
    }

    /// A caller that trusts `servers` and shows a certificate, or none.
    pub(crate) fn connect(&self, servers: &Authority, identity: Option<(String, String)>) -> Consumer {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(servers.pem()))
            .domain_name("localhost");
        if let Some((cert, key)) = identity {
            tls = tls.identity(Identity::from_pem(cert, key));
        }
        let endpoint = Channel::from_shared(format!("https://{}", self.address)).unwrap();
        Consumer(TokenBrokerClient::new(endpoint.tls_config(tls).unwrap().connect_lazy()))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.entra.dir.path().join(name)
    }
}

impl Drop for MutualTls {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A consumer on one connection.
#[derive(Clone)]
pub(crate) struct Consumer(pub(crate) TokenBrokerClient<Channel>);

impl Consumer {
    pub(crate) async fn exchange(&self, assertion: &str, resource: &str) -> Result<ExchangeResponse, Status> {
        let request = ExchangeRequest {
            assertion: assertion.to_owned(),
            resource: resource.to_owned(),
            claims: String::new(),
        };
        self.0.clone().exchange(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn refusal(&self, assertion: &str, resource: &str) -> BrokerError {
        BrokerError::from_status(&self.exchange(assertion, resource).await.unwrap_err())
    }
}
