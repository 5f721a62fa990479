//! What each part below is handed of the settings. Here, and nowhere below, they are read.

use std::sync::Arc;

use audit::{Audit, Origin, StartError};
use axum::Router;
use identity::clock::SharedClock;
use opentelemetry::metrics::Meter;
use telemetry::{Metrics, names};
use tokio_util::sync::CancellationToken;
use watched::WatchError;

use crate::broker::Broker;
use crate::config::{Config, PublicUrl, TlsPair};
use crate::exports::{self, Exports, PlaceError, Vouch};
use crate::front::{self, Front};
use crate::guard::Guard;
use crate::listen::{self, Limits, Listening, Patience, Places};
use crate::metadata::Document;
use crate::proxies::Proxies;
use crate::refusal::{Refusal, Refusals, RequestFault, admin_consent_url};
use crate::sign_in::{self, SignInSettings};

/// What refusals say of this deployment, to those who come to `url`.
pub(crate) fn refusals(config: &Config, url: &PublicUrl) -> Refusals {
    Refusals {
        resource_metadata: url.metadata_url(),
        scope_prefix: config.scope_prefix.clone(),
        policies: config.policies.clone(),
        mcp_url: url.to_string(),
        admin_consent_url: admin_consent_url(&config.endpoints.authority, config.tenant, config.client_id),
        claims_status: config.claims_status,
    }
}

/// What stands in front of every route.
pub(crate) fn front(config: &Config, refusals: Arc<Refusals>, audit: Audit) -> Front {
    let connect = config.sign_in.as_ref().map(|settings| settings.path.clone());
    let settings = front::Settings {
        paths: [config.public_url.path().to_owned()].into_iter().chain(connect).collect(),
        exports: exports_url(config).path().to_owned(),
        hosts: config.hosts.clone(),
        origins: config.origins.clone(),
    };
    Front::new(settings, refusals, audit)
}

/// Where exports are fetched: beside MCP.
pub(super) fn exports_url(config: &Config) -> PublicUrl {
    config.public_url.beside("exports")
}

/// What exports are kept in.
///
/// # Errors
/// When the directory cannot be used.
pub(super) fn exports(config: &Config, clock: &SharedClock, meter: &Meter) -> Result<Exports, PlaceError> {
    Exports::start(config.exports.clone(), exports_url(config).to_string(), Arc::clone(clock), meter)
}

/// What hands exports out, to whom the guard would let call the tool that makes them.
pub(super) fn downloads(config: &Config, exports: &Exports, guard: Guard, broker: &Broker) -> Router {
    let broker = broker.clone();
    let vouch: Vouch = Arc::new(move |assertion| {
        let broker = broker.clone();
        Box::pin(async move { broker.exchange(&assertion, None).await.map(drop) })
    });
    exports::routes(exports.clone(), guard, vouch, exports_url(config).path())
}

/// What clients discover at the public URL: that they sign in at Entra ID.
pub(super) fn document(config: &Config, refusals: Arc<Refusals>) -> Document {
    let authority = config.endpoints.authority.as_str().trim_end_matches('/');
    described(&config.public_url, format!("{authority}/{}/v2.0", config.tenant), refusals)
}

/// What clients discover at the facade's path: that they sign in through it.
pub(super) fn document_of_facade(url: &PublicUrl, refusals: Arc<Refusals>) -> Document {
    described(url, url.to_string(), refusals)
}

fn described(url: &PublicUrl, authority: String, refusals: Arc<Refusals>) -> Document {
    Document { resource: url.to_string(), path: url.path().to_owned(), authority, refusals }
}

/// What the sign-in facade is made of, where it is.
pub(crate) fn sign_in(
    config: &Config,
    settings: &SignInSettings,
    refusals: Arc<Refusals>,
    clock: &SharedClock,
    meter: Meter,
) -> sign_in::Parts {
    let endpoint = |name: &str| {
        let mut url = config.endpoints.authority.clone();
        url.set_path(&format!("/{}/oauth2/v2.0/{name}", config.tenant));
        url
    };
    sign_in::Parts {
        settings: settings.clone(),
        url: config.public_url.at(&settings.path).to_string(),
        canonical: config.public_url.to_string(),
        authorize: endpoint("authorize"),
        token: endpoint("token"),
        refusals,
        client: config.outbound.client.clone(),
        clock: Arc::clone(clock),
        meter,
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
    // A call has a deadline of its own; what is fetched takes longer than any.
    let last_request = config.request_timeout.max(exports::LONGEST);
    let patience = Patience { idle: config.idle, age: config.max_connection_age, last_request };
    let refusals = refusals(config, &config.public_url);
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
