//! What each part below is handed of the settings. Here, and nowhere below, they are read.

use std::sync::Arc;

use audit::{Audit, Origin, StartError};
use identity::clock::SharedClock;
use telemetry::{Metrics, names};
use tokio_util::sync::CancellationToken;
use watched::WatchError;

use crate::config::{Config, TlsPair};
use crate::front::{self, Front};
use crate::listen::{self, Limits, Listening, Patience, Places};
use crate::metadata::Document;
use crate::proxies::Proxies;
use crate::refusal::{Refusal, Refusals, RequestFault, admin_consent_url};

/// What refusals say of this deployment.
pub(crate) fn refusals(config: &Config) -> Refusals {
    Refusals {
        resource_metadata: config.public_url.metadata_url(),
        scope_prefix: config.scope_prefix.clone(),
        policies: config.policies.clone(),
        mcp_url: config.public_url.to_string(),
        admin_consent_url: admin_consent_url(&config.endpoints.authority, config.tenant, config.client_id),
        claims_status: config.claims_status,
    }
}

/// What stands in front of every route.
pub(crate) fn front(config: &Config, refusals: Arc<Refusals>, audit: Audit) -> Front {
    let settings = front::Settings {
        path: config.public_url.path().to_owned(),
        hosts: config.hosts.clone(),
        origins: config.origins.clone(),
    };
    Front::new(settings, refusals, audit)
}

/// What clients discover.
pub(super) fn document(config: &Config, refusals: Arc<Refusals>) -> Document {
    let authority = config.endpoints.authority.as_str().trim_end_matches('/');
    Document {
        resource: config.public_url.to_string(),
        path: config.public_url.path().to_owned(),
        authority: format!("{authority}/{}/v2.0", config.tenant),
        refusals,
    }
}

/// Who was let through to what, from now on.
///
/// # Errors
/// When it cannot be written where it should be.
pub(super) async fn audit(
    config: &Config,
    clock: &SharedClock,
    metrics: &Metrics,
) -> Result<Audit, StartError> {
    let origin =
        Origin { service: "gateway", version: env!("CARGO_PKG_VERSION"), settings: format!("{config:?}") };
    let clock = Arc::clone(clock);
    Audit::start(&config.audit, origin, Arc::new(move || clock.now()), &metrics.meter("audit")).await
}

/// How both addresses are served.
///
/// # Errors
/// When the certificate and its key cannot be used.
pub(super) fn listening(
    config: &Config,
    metrics: &Metrics,
    shutdown: CancellationToken,
) -> Result<Listening, WatchError> {
    let tls = match &config.tls {
        Some(TlsPair { certificate, key }) => {
            let tls = listen::watch_tls(certificate, key)?;
            tls.observe(&metrics.meter("gateway"), names::GATEWAY_FILES_STALE);
            Some(tls)
        }
        None => None,
    };
    let patience =
        Patience { idle: config.idle, age: config.max_connection_age, last_request: config.request_timeout };
    let refusals = refusals(config);
    let head_too_long = Refusal::from(RequestFault::FieldsTooLarge).body(&refusals).into();
    let too_many = Refusal::from(RequestFault::TooManyOfAddress).body(&refusals).into();
    Ok(Listening { tls, patience, head_too_long, too_many, drain: config.drain, shutdown })
}

/// Places of each address.
pub(super) struct AllPlaces {
    pub(super) clients: Arc<Places>,
    pub(super) admin: Arc<Places>,
    pub(super) health: Arc<Places>,
}

/// Places for clients, within what the system allows, and a few for whoever probes and scrapes.
pub(super) fn places(config: &Config, metrics: &Metrics) -> AllPlaces {
    const A_FEW: usize = 64;
    let room = listen::descriptors::room_for_connections();
    let in_all = config.max_connections.min(room);
    if in_all < config.max_connections {
        tracing::warn!(
            wanted = config.max_connections,
            in_force = in_all,
            "fewer connections than GATEWAY_MAX_CONNECTIONS: raise the limit of open files (ulimit -Hn, LimitNOFILE)"
        );
    }
    let meter = metrics.meter("gateway");
    let limits = Limits { in_all, of_one: config.max_connections_per_address.min(in_all) };
    let a_few = Limits { in_all: A_FEW, of_one: A_FEW };
    AllPlaces {
        clients: Places::new(limits, config.proxies.clone(), &meter),
        admin: Places::new(a_few, Proxies::default(), &meter),
        health: Places::new(a_few, Proxies::default(), &meter),
    }
}
