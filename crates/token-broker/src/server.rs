//! Serves a broker: gRPC with health and reflection, the admin port, and an orderly end.

use std::{sync::Arc, time::Duration};

use identity::clock::SharedClock;
use proto::v1::token_broker_server::{SERVICE_NAME, TokenBrokerServer};
use tokio::{task::JoinSet, time};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{
    Certificate, Identity, Server, ServerTlsConfig,
    server::{Router, TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    broker::{Broker, BuildError},
    config::{Config, TlsFiles},
    grpc::BrokerService,
    listeners::{GrpcListener, Listeners},
};

/// The longest a call may take; a shorter `grpc-timeout` of the caller is honoured.
const CALL_DEADLINE: Duration = Duration::from_secs(20);
/// The longest an orderly end may take: a call's deadline and some.
const DRAIN_DEADLINE: Duration = Duration::from_secs(25);
/// An assertion is at most 16 KiB and claims are 8 KiB.
const MAX_REQUEST_BYTES: usize = 32 * 1024;
/// Calls of one connection at the same time; more wait in the client.
const MAX_STREAMS: u32 = 2048;
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How often the health service is brought up to date.
const HEALTH_INTERVAL: Duration = Duration::from_millis(500);

/// Serves until `shutdown`, then finishes the calls in flight, for 25 seconds at most.
///
/// # Errors
/// [`ServeError`] if the broker cannot be put together, or a socket fails.
pub async fn serve(
    config: Config,
    listeners: Listeners,
    clock: SharedClock,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    // An error says that one is installed; another one than this is in nobody's tree.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    config.log();
    let broker = Arc::new(Broker::new(&config, &clock)?);
    let tls = config.tls.as_ref().map(server_tls).transpose()?;
    let (health, health_service) = tonic_health::server::health_reporter();
    set_health(&health, broker.is_ready()).await;

    let mut background = JoinSet::new();
    background.spawn(keep_health(Arc::clone(&broker), health.clone(), shutdown.clone()));
    background.spawn(serve_admin(Arc::clone(&broker), listeners.admin));
    let refresh = AbortOnDrop(broker.validator().spawn_refresh());

    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls).map_err(ServeError::Tls)?;
    }
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(ServeError::Reflection)?;
    let service = TokenBrokerServer::new(BrokerService::new(broker.exchanger().clone()))
        .max_decoding_message_size(MAX_REQUEST_BYTES);
    let router = server
        .timeout(CALL_DEADLINE)
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(service);

    let result = serve_grpc(router, listeners.grpc, shutdown).await;
    drop(refresh);
    background.shutdown().await;
    tracing::info!("stopped");
    result
}

async fn serve_grpc(
    router: Router,
    listener: GrpcListener,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let signal = shutdown.clone().cancelled_owned();
    let drained = async move {
        match listener {
            GrpcListener::Tcp(listener) => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                router.serve_with_incoming_shutdown(incoming, signal).await
            }
            GrpcListener::Unix(mut socket) => {
                let Some(listener) = socket.take_listener() else { return Ok(()) };
                router.serve_with_incoming_shutdown(UnixListenerStream::new(listener), signal).await
            }
        }
    };
    let overdue = async {
        shutdown.cancelled().await;
        tracing::info!("stopping: finishing the calls in flight");
        time::sleep(DRAIN_DEADLINE).await;
    };
    tokio::select! {
        result = drained => result.map_err(ServeError::Grpc),
        () = overdue => {
            tracing::warn!("calls were still in flight at the end of the drain");
            Ok(())
        }
    }
}

async fn serve_admin(broker: Arc<Broker>, listener: tokio::net::TcpListener) {
    let metrics = broker.metrics().clone();
    let readiness = move || std::future::ready(broker.checks());
    let router = telemetry::admin::router(metrics, readiness);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the admin port failed");
    }
}

/// Keeps the standard health service true. A broker that is stopping is not serving: who looks, goes elsewhere.
async fn keep_health(broker: Arc<Broker>, health: HealthReporter, shutdown: CancellationToken) {
    let mut ticks = time::interval(HEALTH_INTERVAL);
    let mut known = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let ready = broker.is_ready();
        if known.replace(ready) != Some(ready) {
            tracing::info!(ready, checks = ?broker.checks(), "readiness");
            set_health(&health, ready).await;
        }
    }
    set_health(&health, false).await;
}

async fn set_health(health: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in ["", SERVICE_NAME] {
        health.set_service_status(service, status).await;
    }
}

/// Mutual TLS: who shows no certificate of the client authorities is not let in.
fn server_tls(files: &TlsFiles) -> Result<ServerTlsConfig, ServeError> {
    let read = |setting, path: &std::path::PathBuf| {
        std::fs::read(path).map_err(|source| ServeError::TlsFile { setting, path: path.clone(), source })
    };
    let cert = read("BROKER_TLS_CERT_FILE", &files.cert)?;
    let key = zeroize::Zeroizing::new(read("BROKER_TLS_KEY_FILE", &files.key)?);
    let client_ca = read("BROKER_TLS_CLIENT_CA_FILE", &files.client_ca)?;
    Ok(ServerTlsConfig::new()
        .identity(Identity::from_pem(cert, &*key))
        .client_ca_root(Certificate::from_pem(client_ca))
        .client_auth_optional(false)
        .timeout(HANDSHAKE_DEADLINE))
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The broker cannot be put together.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A TLS file cannot be read.
    #[error("{setting} `{}` cannot be read", path.display())]
    TlsFile {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The TLS files do not fit together.
    #[error(
        "the BROKER_TLS_* files cannot be used: they must be PEM, and the key must belong to the certificate"
    )]
    Tls(#[source] tonic::transport::Error),
    /// The reflection service cannot be built.
    #[error("the reflection service cannot be built")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// gRPC failed.
    #[error("the gRPC server failed")]
    Grpc(#[source] tonic::transport::Error),
}
