//! Puts the service together and runs it: what `main` and the end-to-end tests both call.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::http::HeaderMap;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use identity::clock::SharedClock;
use identity::{Validator, ValidatorConfig, ValidatorError};
use rmcp::ServerHandler;
use telemetry::Metrics;
use telemetry::admin::{self, Check};
use telemetry::http::{ServerMetrics, observe};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use watched::WatchError;

use crate::broker::Broker;
use crate::calls::Calls;
use crate::config::Config;
use crate::front::front;
use crate::guard::{Guard, guard};
use crate::listen::{self, Listening};
use crate::mcp::context::Services;
use crate::mcp::{self, CostServer};
use crate::metadata;
use crate::metrics::Instruments;
use crate::rate::RateLimits;
use crate::refusal::{Asked, Refusal, Refusals, Render, RequestFault};

pub use crate::broker::BrokerSetupError;
pub use crate::mcp::METHODS;

pub(crate) mod parts;

/// The service's two addresses, bound.
#[derive(Debug)]
pub struct Listeners {
    mcp: TcpListener,
    admin: TcpListener,
}

impl Listeners {
    /// Binds both addresses, so that a port chosen by the system is known before the service runs. Call it within
    /// the runtime.
    ///
    /// # Errors
    /// Names the setting of the address that cannot be had.
    pub fn bind(mcp: SocketAddr, admin: SocketAddr) -> Result<Self, ServeError> {
        let bind = |setting, address| {
            listen::bind(address).map_err(|source| ServeError::Bind { setting, address, source })
        };
        Ok(Self { mcp: bind("GATEWAY_LISTEN", mcp)?, admin: bind("GATEWAY_ADMIN_LISTEN", admin)? })
    }

    /// The address MCP clients reach.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn mcp_address(&self) -> std::io::Result<SocketAddr> {
        self.mcp.local_addr()
    }

    /// The address of health, readiness and metrics.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }
}

/// Runs the service until `shutdown`, then finishes the calls in flight.
///
/// # Errors
/// When it cannot be set up, or a listener fails.
pub async fn serve(
    config: Config,
    listeners: Listeners,
    clock: SharedClock,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let metrics = Metrics::new("gateway").map_err(ServeError::Metrics)?;
    let validator = validator(&config, Arc::clone(&clock))?;
    let keys = validator.clone();
    metrics.observe_key_age(move || keys.keys_age_seconds());
    config.policies.observe(&metrics.meter("gateway"));
    let server = cost_tools(&config, &clock, &metrics)?;
    let app = router(&config, &validator, &clock, &metrics, server, METHODS);
    let listening = parts::listening(&config, &metrics, shutdown).map_err(ServeError::TlsFiles)?;
    let (places, admin_places) = parts::places(&config, &metrics);
    let background = background(&validator, &config, &listening);
    let ready = move || {
        let ready = validator.is_ready();
        async move { vec![Check::new("signing_keys", ready)] }
    };
    let admin = admin::router(metrics, ready);
    let outcome = tokio::try_join!(
        listening.clone().run(listeners.mcp, places, app),
        listening.run(listeners.admin, admin_places, admin)
    );
    drop(background);
    outcome.map(|_| ()).map_err(ServeError::Listener)
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

/// All that clients reach: `server` behind the guard, and the metadata that says where to sign in.
///
/// The server is a parameter so that MCP's own conformance suite, which needs tools of its own, runs against the
/// very layers and settings that stand in front of the cost tools. So are the methods that it has; its tools are those of
/// the policy.
pub fn router<H: ServerHandler + Clone>(
    config: &Config,
    validator: &Validator,
    clock: &SharedClock,
    metrics: &Metrics,
    server: H,
    methods: &'static [&'static str],
) -> Router {
    let refusals = Arc::new(parts::refusals(config));
    let layer = Guard {
        validator: validator.clone(),
        policies: config.policies.clone(),
        refusals: Arc::clone(&refusals),
        rates: RateLimits::new(config.calls_per_minute),
        calls: Calls::default(),
        clock: Arc::clone(clock),
        instruments: instruments(metrics),
        max_body_bytes: config.max_body_bytes,
        timeout: config.request_timeout,
        clients: config.client_ids.as_slice().into(),
        methods,
    };
    let mcp = Router::new()
        .route_service(config.public_url.path(), mcp::service(server, config.max_body_bytes))
        .layer(from_fn_with_state(layer, guard));
    let observed = ServerMetrics::new(&metrics.meter("http"));
    let (lost, refused) = (Arc::clone(&refusals), Arc::clone(&refusals));
    mcp.merge(metadata::routes(parts::document(config, refusals)))
        .fallback(move |headers: HeaderMap| std::future::ready(nothing(&lost, &headers)))
        .layer(from_fn_with_state(Arc::new(parts::front(config, refused)), front))
        .layer(from_fn_with_state(observed, observe))
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
///
/// # Errors
/// When the connection to the broker cannot be set up.
pub fn cost_tools(
    config: &Config,
    clock: &SharedClock,
    metrics: &Metrics,
) -> Result<impl ServerHandler + Clone + use<>, BrokerSetupError> {
    let endpoints = &config.endpoints;
    Ok(CostServer::new(Services {
        policies: config.policies.clone(),
        broker: Broker::new(config.broker.clone(), instruments(metrics))?,
        cost: cost::Client::new(
            config.outbound.client.clone(),
            endpoints.arm.clone(),
            endpoints.blob_hosts.clone(),
        )
        .with_observer(instruments(metrics).of_azure()),
        clock: Arc::clone(clock),
        instruments: instruments(metrics),
        max_export_bytes: config.max_export_bytes,
        users: config.users.clone(),
        trace_context: config.trace_context,
    }))
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
        source: std::io::Error,
    },
    /// The broker connection cannot be set up.
    #[error(transparent)]
    Broker(#[from] BrokerSetupError),
    /// A listener failed.
    #[error("a listener failed")]
    Listener(#[source] std::io::Error),
    /// The metrics registry cannot be set up.
    #[error("metrics cannot be set up")]
    Metrics(#[source] telemetry::MetricsError),
    /// The certificate that the service is served with is unusable.
    #[error("GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE hold no certificate with its key")]
    TlsFiles(#[source] WatchError),
    /// The audiences are unusable.
    #[error("GATEWAY_AUDIENCES: {0}")]
    Validator(#[from] ValidatorError),
}
