//! Serves a broker: gRPC with health and reflection, the admin port, and an orderly end.

use std::error::Error;
use std::future::{self, Ready};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Response;
use identity::clock::SharedClock;
use proto::v1::token_broker_server::{SERVICE_NAME, TokenBrokerServer};
use proto::{BrokerError, Reason};
use telemetry::admin::{self, Check};
use telemetry::{Metrics, names};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::transport::server::Router as GrpcRouter;
use tonic::{Code, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;
use watched::Watched;

use tower::layer::util::{Identity, Stack};
use tower::util::MapResponseLayer;

use crate::audited;
use crate::background::{Background, BackgroundEnded};
use crate::broker::{Broker, BuildError};
use crate::config::{Config, Stopping};
use crate::connections::{Incoming, Listening};
use crate::exchange::ANSWER_WITHIN;
use crate::grpc::BrokerService;
use crate::health;
use crate::listeners::{GrpcListener, Listeners, SocketFile, UnixSocket};
use crate::tls::{self, Port, ServerTls, TlsError};

/// The longest a call may take; a shorter `grpc-timeout` of the caller is honoured.
const CALL_DEADLINE: Duration = Duration::from_secs(20);
const _: () = assert!(ANSWER_WITHIN.as_secs() < CALL_DEADLINE.as_secs(), "a call hears why it failed");
/// An assertion is at most 16 KiB and claims are 8 KiB.
const MAX_REQUEST_BYTES: usize = 32 * 1024;
/// A token, and what proxies and tracers add: as much as the gateway takes.
const MAX_HEADER_BYTES: u32 = 64 * 1024;
/// Calls of one connection at the same time; more wait in the client.
const MAX_STREAMS: u32 = 2048;
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How often the health service is brought up to date.
const HEALTH_INTERVAL: Duration = Duration::from_millis(500);
/// What the health service knows: the whole, and the one service.
const HEALTH_OF: [&str; 2] = ["", SERVICE_NAME];

type InOurWords = fn(Response<Body>) -> Response<Body>;
type Router = GrpcRouter<Stack<MapResponseLayer<InOurWords>, Identity>>;

/// Serves until `shutdown`, then finishes the calls in flight, for as long as the settings say.
///
/// # Errors
/// [`ServeError`] if the broker cannot be put together, a socket fails, or work in the background ends.
pub async fn serve(
    config: Config,
    listeners: Listeners,
    clock: SharedClock,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    // An error says that one is installed; another one than this is in nobody's tree.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tracing::info!(settings = ?config, "effective settings");
    metrics.observe_build(names::BROKER_BUILD_INFO);
    let broker = Broker::new(&config, &clock, metrics)?;
    let audit = audited::start(&config.audit, format!("{config:?}"), &clock, broker.metrics()).await?;
    let broker = Arc::new(broker.audited(audit.clone()));
    let tls = config.tls.as_ref().map(|files| tls::watch(Port::Grpc, files)).transpose()?;
    let admin_tls = config.admin_tls.as_ref().map(|files| tls::watch(Port::Admin, files)).transpose()?;
    let (health, health_service) = tonic_health::server::health_reporter();
    set_health(&health, broker.is_ready()).await;
    let router = router(&config, &broker, health_service)?;

    // One of its own: where work in the background ends, the broker stops without being told to.
    let stop = shutdown.child_token();
    let mut background = Background::default();
    for tls in tls.iter().chain(&admin_tls) {
        background.spawn("the following of the TLS files", Arc::clone(tls).follow());
        tls.observe(&broker.metrics().meter("token-broker"), names::BROKER_FILES_STALE);
    }
    // Both show the same certificate.
    if let Some(tls) = tls.as_ref().or(admin_tls.as_ref()) {
        observe_end(&broker, tls, &clock);
    }
    let readiness = readiness(&broker, &stop);
    let admin = admin::router(broker.metrics().clone(), readiness.clone());
    background.spawn("the admin port", health::serve(listeners.admin, admin_tls.clone(), admin));
    if let Some(listener) = listeners.health {
        background.spawn("the health port", health::serve(listener, None, admin::health_router(readiness)));
    }
    let preflight = Arc::clone(broker.preflight());
    background.spawn("the look at the tenant", async move { preflight.run().await });
    let kept = Arc::clone(&broker);
    background.spawn("the keeping of keys, files and caches", async move { kept.keep_up_to_date().await });

    let (listening, socket_file) = listening(listeners.grpc, tls, config.max_connection_age);
    let consumers = Arc::clone(broker.consumers());
    let incoming = Incoming::new(listening, consumers, &broker.metrics().meter("token-broker"));
    let ending = keep_health(Arc::clone(&broker), health, stop.clone(), config.stopping.delay);
    let serving = serve_grpc(router, incoming, ending, stop.clone(), config.stopping);
    let result = attend(serving, &mut background, &stop).await;
    // A unix socket's file stays until the last call is finished.
    drop(socket_file);
    background.shutdown().await;
    broker.leave().await;
    audit.close().await;
    tracing::info!("stopped");
    result
}

fn router(config: &Config, broker: &Broker, health: HealthServer<impl Health>) -> Result<Router, ServeError> {
    let mut server = Server::builder();
    if config.tls.is_some() {
        // Who the certificate names is known for as long as the connection stands, so it must not stand for ever.
        server = server.max_connection_age(config.max_connection_age);
    }
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // The older name as well: many tools, gRPC's own for Python among them, know no other.
    let older_reflection = reflection().build_v1alpha().map_err(ServeError::Reflection)?;
    let reflection = reflection().build_v1().map_err(ServeError::Reflection)?;
    let service = TokenBrokerServer::new(BrokerService::new(
        broker.exchanger().clone(),
        Arc::clone(broker.consumers()),
        Arc::clone(broker.preflight()),
        broker.audit().clone(),
        &broker.metrics().meter("token-broker"),
    ))
    .max_decoding_message_size(MAX_REQUEST_BYTES);
    Ok(server
        .timeout(CALL_DEADLINE)
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_max_header_list_size(Some(MAX_HEADER_BYTES))
        .layer(MapResponseLayer::new(in_our_words as InOurWords))
        .add_service(health)
        .add_service(reflection)
        .add_service(older_reflection)
        .add_service(service))
}

/// A message that is too long never reaches the service, and tonic's word for it has no reason.
fn in_our_words(response: Response<Body>) -> Response<Body> {
    let too_long = |status: Status| status.code() == Code::OutOfRange && status.details().is_empty();
    if !Status::from_header_map(response.headers()).is_some_and(too_long) {
        return response;
    }
    let text = format!(
        "the request is longer than {} KiB: an assertion is at most 16 KiB",
        MAX_REQUEST_BYTES / 1024
    );
    Status::from(BrokerError::new(Reason::InvalidRequest, text)).into_http()
}

/// Serves, and sees to it that work in the background goes on meanwhile: where it ends, the calls in flight are
/// finished, and that is it.
async fn attend(
    serving: impl Future<Output = Result<(), ServeError>>,
    background: &mut Background,
    stop: &CancellationToken,
) -> Result<(), ServeError> {
    let mut serving = pin!(serving);
    tokio::select! {
        result = &mut serving => result,
        ended = background.ended() => {
            tracing::error!(error = &ended as &dyn Error, "stopping: what keeps keys, credential and files up to date has ended");
            stop.cancel();
            serving.await?;
            Err(ended.into())
        }
    }
}

/// What to accept connections with, and the file of a unix socket.
fn listening(
    grpc: GrpcListener,
    tls: Option<Arc<Watched<ServerTls>>>,
    max_age: Duration,
) -> (Listening, Option<SocketFile>) {
    match (grpc, tls) {
        (GrpcListener::Tcp(listener), Some(tls)) => (Listening::MutualTls { listener, tls, max_age }, None),
        (GrpcListener::Tcp(listener), None) => (Listening::Loopback(listener), None),
        (GrpcListener::Unix(UnixSocket { listener, file }), _) => {
            (Listening::Socket { listener, owner: file.owner() }, Some(file))
        }
    }
}

/// Serves gRPC until `ending` ends, and then for as long as calls are in flight, or the drain may take.
async fn serve_grpc(
    router: Router,
    incoming: Incoming,
    ending: impl Future<Output = ()>,
    stop: CancellationToken,
    stopping: Stopping,
) -> Result<(), ServeError> {
    let drained = router.serve_with_incoming_shutdown(incoming, ending);
    let overdue = async {
        stop.cancelled().await;
        tracing::info!("stopping: finishing the calls in flight");
        time::sleep(stopping.delay + stopping.drain).await;
    };
    tokio::select! {
        result = drained => match result {
            Ok(()) if !stop.is_cancelled() => Err(ServeError::NotAccepting),
            result => result.map_err(ServeError::Grpc),
        },
        () = overdue => {
            tracing::warn!("calls were still in flight at the end of the drain");
            Ok(())
        }
    }
}

/// What probes are told. Who is stopping is not ready.
fn readiness(
    broker: &Arc<Broker>,
    stop: &CancellationToken,
) -> impl Fn() -> Ready<Vec<Check>> + Clone + Send + Sync + use<> {
    let (broker, stop) = (Arc::clone(broker), stop.clone());
    move || {
        let mut checks = broker.checks();
        if stop.is_cancelled() {
            checks.push(Check::new("stopping", false));
        }
        future::ready(checks)
    }
}

/// Keeps the standard health service true, until the broker stops. One that is stopping is not serving: who looks, has
/// `delay` to go elsewhere.
async fn keep_health(
    broker: Arc<Broker>,
    mut health: HealthReporter,
    stop: CancellationToken,
    delay: Duration,
) {
    let mut ticks = time::interval(HEALTH_INTERVAL);
    let mut known = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let ready = broker.is_ready();
        if known.replace(ready) != Some(ready) {
            tracing::info!(ready, checks = ?broker.checks(), "readiness");
            set_health(&health, ready).await;
        }
    }
    set_health(&health, false).await;
    time::sleep(delay).await;
    // Who watches is told of the change first, then its stream ends: left open it would hold up the end for as long as
    // that may take.
    for service in HEALTH_OF {
        health.clear_service_status(service).await;
    }
}

async fn set_health(health: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in HEALTH_OF {
        health.set_service_status(service, status).await;
    }
}

/// How long the server's own certificate lasts, read when somebody looks.
fn observe_end(broker: &Broker, tls: &Arc<Watched<ServerTls>>, clock: &SharedClock) {
    let (tls, clock) = (Arc::clone(tls), Arc::clone(clock));
    let meter = broker.metrics().meter("token-broker");
    meter
        .f64_observable_gauge(names::BROKER_TLS_DAYS_LEFT)
        .with_callback(move |gauge| {
            let left = tls.current().not_after().duration_since(clock.now());
            gauge.observe(left.as_secs_f64() / 86_400.0, &[]);
        })
        .build();
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The broker cannot be put together.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The audit cannot begin.
    #[error(transparent)]
    Audit(#[from] audit::StartError),
    /// The TLS files cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The reflection service cannot be built.
    #[error("the reflection service cannot be built")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// gRPC failed.
    #[error("the gRPC server failed")]
    Grpc(#[source] tonic::transport::Error),
    /// Connections are no longer accepted, and nobody had asked for that.
    #[error("the gRPC server accepts no connections any more")]
    NotAccepting,
    /// Work in the background ended.
    #[error(transparent)]
    Background(#[from] BackgroundEnded),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn where_background_work_ends_the_broker_stops_with_its_name() {
        let stop = CancellationToken::new();
        let mut background = Background::default();
        background.spawn("the keeping of the tide", async { panic!("ebb") });
        // It goes on until it is told to stop, and finishes in order.
        let serving = async {
            stop.cancelled().await;
            Ok(())
        };
        let error = attend(serving, &mut background, &stop).await.unwrap_err();
        assert!(matches!(error, ServeError::Background(_)), "{error:?}");
        assert!(error.to_string().contains("the keeping of the tide"), "{error}");
    }
}
