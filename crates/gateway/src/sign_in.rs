//! The sign-in facade, for clients and tenants that Entra ID alone does not serve: an authorization server that passes on, and
//! holds nothing. It has no secret, no state and no callback of its own (ADR 32): a person is sent on to the one tenant, and
//! their client's code or refresh token is passed on to where it is redeemed.
//!
//! What arrives is taken apart, and what goes on is written anew from what is known: nothing reaches Entra ID that is not named
//! here. Codes and tokens are in memory while they pass, and in no log, span or metric.
//!
//! This module must not know MCP, the guard or the broker, and nothing but what puts the server together knows it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::{get, post};
use identity::clock::SharedClock;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter};
use telemetry::http::ErrorType;
use telemetry::names;
use tokio::sync::Semaphore;
use url::Url;

use self::fault::Fault;
use self::settings::Client;
use crate::listen::Asker;
use crate::rate::RateLimits;
use crate::refusal::Refusals;

pub use settings::{SignInArgs, SignInError, SignInSettings};

mod aadsts;
mod authorize;
mod fault;
mod metadata;
mod parameters;
mod register;
mod scopes;
mod settings;
mod token;

/// Requests of one address in a minute, of those that cost something: a whole office behind one address signs in with less.
const CALLS_PER_MINUTE: u32 = 120;
/// Requests to Entra ID at the same time.
const MOST_IN_FLIGHT: usize = 64;

/// What the facade is made of.
pub(crate) struct Parts {
    pub(crate) settings: SignInSettings,
    /// Its issuer, which is the URL of its MCP path as well.
    pub(crate) url: String,
    /// What else a token may be asked for: the canonical MCP URL.
    pub(crate) canonical: String,
    /// Entra ID's endpoints of the one tenant.
    pub(crate) authorize: Url,
    pub(crate) token: Url,
    /// Says which scopes there are, and how they are written in full.
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) client: reqwest::Client,
    pub(crate) clock: SharedClock,
    pub(crate) meter: Meter,
}

/// The facade.
struct Facade {
    parts: Parts,
    rates: RateLimits<Asker>,
    in_flight: Semaphore,
    /// How long a body is waited for.
    body_deadline: Duration,
    /// How long Entra ID is, from the request to the last byte of its answer.
    entra_deadline: Duration,
    requests: Counter<u64>,
}

/// All that it serves. What stands behind its MCP path is served elsewhere.
pub(crate) fn routes(parts: Parts) -> Router {
    Arc::new(Facade::new(parts)).routes()
}

impl Facade {
    fn new(parts: Parts) -> Self {
        let requests = parts.meter.u64_counter(names::GATEWAY_SIGN_IN_REQUESTS);
        Self {
            rates: RateLimits::new(CALLS_PER_MINUTE),
            in_flight: Semaphore::new(MOST_IN_FLIGHT),
            body_deadline: Duration::from_secs(10),
            entra_deadline: Duration::from_secs(15),
            requests: requests.with_description("Requests to the sign-in facade").build(),
            parts,
        }
    }

    fn routes(self: &Arc<Self>) -> Router {
        let SignInSettings { path, registration, .. } = &self.parts.settings;
        let mut routes = Router::new()
            .route(&format!("{path}/authorize"), get(authorize::authorize))
            .route(&format!("{path}/token"), post(token::token));
        if *registration {
            routes = routes.route(&format!("{path}/register"), post(register::register));
        }
        for place in metadata::places(path) {
            routes = routes.route(&place, get(metadata::metadata));
        }
        routes.with_state(Arc::clone(self))
    }

    /// Counts a request of whoever asks.
    fn admit(&self, request: &Request) -> Result<(), Fault> {
        // Without a listener there is one address.
        let asker =
            request.extensions().get().copied().unwrap_or(Asker(std::net::Ipv4Addr::UNSPECIFIED.into()));
        self.rates.count(asker, self.parts.clock.now()).map_err(|_wait| Fault::TooMany)
    }

    /// Says of a request what may be said of it: where, whose, and the code it failed with.
    fn note(
        &self,
        operation: &'static str,
        client: Option<&Client>,
        error: Option<&'static str>,
        response: Response,
    ) -> Response {
        let client = client.map_or("unknown", Client::name).to_owned();
        let mut response = sealed(response);
        let mut labels =
            vec![KeyValue::new(names::OPERATION, operation), KeyValue::new(names::CLIENT, client.clone())];
        if let Some(error) = error {
            labels.push(KeyValue::new(names::ERROR_TYPE, error));
            response.extensions_mut().insert(ErrorType(error.into()));
        }
        // Beyond the limit it is counted and no more: whoever floods this would fill the log.
        if error != Some(Fault::TooMany.code()) {
            tracing::info!(operation, client, error.type = error, "sign-in");
        }
        self.requests.add(1, &labels);
        response
    }
}

/// What is true of every answer: nobody keeps it, says where it came from, shows it in a frame or takes it for another type.
fn sealed(mut response: Response) -> Response {
    const ALWAYS: [(HeaderName, &str); 5] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
        ),
    ];
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
