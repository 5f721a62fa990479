//! Puts the service together and runs it: what `main` and the end-to-end tests both call.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use audit::{Audit, StartError};
use axum::Router;
use axum::http::HeaderMap;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use identity::clock::SharedClock;
use identity::{Validator, ValidatorConfig, ValidatorError};
use rmcp::ServerHandler;
use telemetry::admin::{self, Check};
use telemetry::http::{ServerMetrics, observe};
use telemetry::{Metrics, names};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use watched::WatchError;

use crate::broker::Broker;
use crate::calls::Calls;
use crate::config::{Config, PublicUrl};
use crate::engine::Engine;
use crate::exports::{Exports, PlaceError};
use crate::front::front;
use crate::guard::{Guard, guard};
use crate::listen::{Listening, Places};
use crate::mcp::context::Services;
use crate::mcp::exporting::ExportJobs;
use crate::mcp::{self, CostServer};
use crate::metadata;
use crate::metrics::Instruments;
use crate::rate::RateLimits;
use crate::refusal::{Asked, Refusal, Refusals, Render, RequestFault};
use crate::sign_in;

pub use crate::broker::BrokerSetupError;
pub use crate::mcp::METHODS;
pub use listeners::Listeners;

use ending::Ending;

mod ending;
mod listeners;
pub(crate) mod parts;

/// Runs the service until `shutdown`, and to its end: calls are taken for as long as the settings say, and those in flight
/// finished.
///
/// # Errors
/// When it cannot be set up, or a listener fails.
pub async fn serve(
    config: Config,
    listeners: Listeners,
    clock: SharedClock,
    metrics: Metrics,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    metrics.observe_build(names::GATEWAY_BUILD_INFO);
    let audit = parts::audit(&config, &clock, &metrics).await?;
    let shared = Shared::new(&config, &clock, &metrics, &audit)?;
    let (validator, exports) = (shared.validator.clone(), shared.exports.clone());
    let keys = validator.clone();
    metrics.observe_key_age(move || keys.keys_age_seconds());
    config.policies.observe(&metrics.meter("gateway"));
    let app = router(&config, &shared, cost_tools(&config, &shared), METHODS);
    drop(shared);
    let ending = Ending::when(shutdown);
    let listening =
        parts::listening(&config, &metrics, ending.closing.clone()).map_err(ServeError::TlsFiles)?;
    let places = parts::places(&config, &metrics);
    let mut background = background(&validator, &config, &listening);
    background.spawn(exports.clone().tend());
    let (of_end, recorded) = (ending.clone(), audit.clone());
    let ready = move || {
        let checks =
            [Check::new("signing_keys", validator.is_ready()), Check::new("audit", recorded.is_ready())];
        std::future::ready(checks.into_iter().chain(of_end.check()).collect())
    };
    let health = admin::health_router(ready.clone());
    let admin = admin::router(metrics, ready);
    let telling = Listening { shutdown: ending.over.clone(), ..listening.clone() };
    let outcome = tokio::try_join!(
        ending.follow(for_clients(listening, &config).run(listeners.mcp, places.clients, app)),
        ending.close_after(config.shutdown_delay),
        telling.clone().run(listeners.admin, places.admin, admin),
        words(telling, listeners.health, places.health, health)
    );
    drop(background);
    // Whoever was called is through by now.
    exports.close().await;
    audit.close().await;
    outcome.map(|_| ()).map_err(ServeError::Listener)
}

/// How clients are served: over TLS, if there is a certificate and no proxy in front that has one.
fn for_clients(listening: Listening, config: &Config) -> Listening {
    if !config.proxies.end_tls() {
        return listening;
    }
    tracing::warn!(
        proxies = ?config.proxies,
        "GATEWAY_TLS_ENDS_AT_PROXY: TLS ends at a proxy in front, and from there on callers' tokens come in plain text: \
         see to it that nobody reads that way, and that nothing but the proxies reaches this address"
    );
    Listening { tls: None, ..listening }
}

/// Serves the health words where they are wanted: in plain text, for there is nothing in them.
async fn words(
    listening: Listening,
    listener: Option<TcpListener>,
    places: Arc<Places>,
    health: Router,
) -> io::Result<()> {
    let Some(listener) = listener else { return Ok(()) };
    Listening { tls: None, ..listening }.run(listener, places, health).await
}

/// What goes on beside the requests: keys are kept fresh and files followed. Ends when it is dropped.
fn background(validator: &Validator, config: &Config, listening: &Listening) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let refresh = AbortOnDropHandle::new(validator.spawn_refresh());
    tasks.spawn(async move {
        let _ = refresh.await;
    });
    let policies = config.policies.clone();
    tasks.spawn(async move { policies.follow().await });
    if let Some(tls) = listening.tls.clone() {
        tasks.spawn(tls.follow());
    }
    tasks
}

/// What there is one of, for all that clients reach.
#[derive(Clone)]
pub struct Shared {
    validator: Validator,
    clock: SharedClock,
    metrics: Metrics,
    audit: Audit,
    broker: Broker,
    exports: Exports,
}

impl Shared {
    /// Makes what `config` asks for.
    ///
    /// # Errors
    /// When the audiences are unusable, the connection to the broker cannot be set up, or exports cannot be kept.
    pub fn new(
        config: &Config,
        clock: &SharedClock,
        metrics: &Metrics,
        audit: &Audit,
    ) -> Result<Self, ServeError> {
        Ok(Self {
            validator: validator(config, Arc::clone(clock))?,
            clock: Arc::clone(clock),
            metrics: metrics.clone(),
            audit: audit.clone(),
            broker: Broker::new(config.broker.clone(), instruments(metrics))?,
            exports: parts::exports(config, clock, &metrics.meter("gateway"))?,
        })
    }
}

/// All that clients reach: `server` behind the guard, exports, and the metadata that says where to sign in.
///
/// The server is a parameter so that MCP's own conformance suite, which needs tools of its own, runs against the
/// very layers and settings that stand in front of the cost tools. So are the methods that it has; its tools are those of
/// the policy.
pub fn router<H: ServerHandler + Clone>(
    config: &Config,
    shared: &Shared,
    server: H,
    methods: &'static [&'static str],
) -> Router {
    let Shared { validator, clock, metrics, audit, broker, exports } = shared;
    let refusals = Arc::new(parts::refusals(config, &config.public_url));
    let layer = Guard {
        validator: validator.clone(),
        policies: config.policies.clone(),
        refusals: Arc::clone(&refusals),
        rates: RateLimits::new(config.calls_per_minute),
        calls: Calls::default(),
        clock: Arc::clone(clock),
        instruments: instruments(metrics),
        audit: audit.clone(),
        max_body_bytes: config.max_body_bytes,
        timeout: config.request_timeout,
        clients: config.client_ids.as_slice().into(),
        methods,
    };
    layer.rates.observe(&metrics.meter("gateway"));
    let observed = ServerMetrics::new(&metrics.meter("http"));
    let mut routes = parts::downloads(config, exports, layer.clone(), broker);
    if let Some(settings) = &config.sign_in {
        let url = config.public_url.at(&settings.path);
        let refusals = Arc::new(parts::refusals(config, &url));
        let layer = Guard { refusals: Arc::clone(&refusals), ..layer.clone() };
        let facade = parts::sign_in(config, settings, Arc::clone(&refusals), clock, metrics.meter("gateway"));
        routes = routes
            .merge(guarded(&url, server.clone(), config.max_body_bytes, layer))
            .merge(metadata::routes(parts::document_of_facade(&url, refusals), false))
            .merge(sign_in::routes(facade));
    }
    let (lost, refused) = (Arc::clone(&refusals), Arc::clone(&refusals));
    routes
        .merge(guarded(&config.public_url, server, config.max_body_bytes, layer))
        .merge(metadata::routes(parts::document(config, refusals), true))
        .fallback(move |headers: HeaderMap| std::future::ready(nothing(&lost, &headers)))
        .layer(from_fn_with_state(Arc::new(parts::front(config, refused, audit.clone())), front))
        .layer(from_fn_with_state(observed, observe))
}

/// MCP at the path of `url`, behind the guard.
fn guarded<H: ServerHandler + Clone>(
    url: &PublicUrl,
    server: H,
    max_body_bytes: usize,
    layer: Guard,
) -> Router {
    Router::new()
        .route_service(url.path(), mcp::service(server, max_body_bytes))
        .layer(from_fn_with_state(layer, guard))
}

/// The answer where there is nothing: clients look for metadata in many places, and people mistype the path.
fn nothing(refusals: &Refusals, headers: &HeaderMap) -> Response {
    Refusal::from(RequestFault::NotFound).render(refusals, &Asked::by(headers))
}

/// What proves the callers' tokens, as configured.
///
/// # Errors
/// When the audiences are unusable.
pub fn validator(config: &Config, clock: SharedClock) -> Result<Validator, ValidatorError> {
    let rules = ValidatorConfig {
        tenant: config.tenant,
        audiences: config.audiences.clone(),
        identifier_uris: config.identifier_uris.clone(),
        accept_v1: config.accept_v1_tokens,
    };
    Validator::new(rules, &config.endpoints.authority, config.outbound.client.clone(), clock)
}

/// The cost tools as an MCP server, which decides by the policy of `config` itself: what stands behind the guard.
pub fn cost_tools(config: &Config, shared: &Shared) -> impl ServerHandler + Clone + use<> {
    let Shared { clock, metrics, audit, broker, exports, .. } = shared;
    let endpoints = &config.endpoints;
    CostServer::new(Services {
        policies: config.policies.clone(),
        broker: broker.clone(),
        cost: cost::Client::new(
            config.outbound.client.clone(),
            endpoints.arm.clone(),
            endpoints.blob_hosts.clone(),
        )
        .with_open_data(config.open_data.clone())
        .with_observer(instruments(metrics).of_azure()),
        engine: Engine::new(config.costs, Arc::clone(clock), &metrics.meter("gateway")),
        clock: Arc::clone(clock),
        instruments: instruments(metrics),
        audit: audit.clone(),
        exports: exports.clone(),
        export_jobs: ExportJobs::default(),
        soft_deadline: config.costs.soft_deadline,
        users: config.users.clone(),
        trace_context: config.trace_context,
    })
}

/// The same instruments however often they are asked for: the meter knows them by name.
fn instruments(metrics: &Metrics) -> Instruments {
    Instruments::new(&metrics.meter("gateway"))
}

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address cannot be had.
    #[error("{setting} {address} cannot be listened on")]
    Bind {
        /// The setting.
        setting: &'static str,
        /// Its value.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The audit cannot begin.
    #[error(transparent)]
    Audit(#[from] StartError),
    /// The broker connection cannot be set up.
    #[error(transparent)]
    Broker(#[from] BrokerSetupError),
    /// There is no place for exports.
    #[error(transparent)]
    Exports(#[from] PlaceError),
    /// A listener failed.
    #[error("a listener failed")]
    Listener(#[source] io::Error),
    /// The certificate that the service is served with is unusable.
    #[error("GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE hold no certificate with its key")]
    TlsFiles(#[source] WatchError),
    /// The audiences are unusable.
    #[error("GATEWAY_AUDIENCES: {0}")]
    Validator(#[from] ValidatorError),
}
