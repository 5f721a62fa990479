//! Puts the broker together from its settings.

use std::fmt;
use std::sync::Arc;

use audit::Audit;
use identity::clock::SharedClock;
use identity::outbound::OutboundError;
use identity::{Validator, ValidatorError};
use opentelemetry::KeyValue;
use reqwest::Client;
use telemetry::admin::Check;
use telemetry::report::Report;
use telemetry::{MetricsError, names};
use watched::WatchError;

use crate::cache::{Caches, LocalCache, SharedCache, SharedCacheError};
use crate::config::Config;
use crate::consumers::{Consumers, Transport};
use crate::credential::{Credential, CredentialError};
use crate::entra::Entra;
use crate::exchange::Exchanger;
use crate::listeners::Listen;
use crate::metrics::Metrics;
use crate::preflight::{Expectations, Graph, Preflight};

/// A broker without its sockets.
pub struct Broker {
    exchanger: Exchanger,
    validator: Validator,
    entra: Arc<Entra>,
    caches: Caches,
    preflight: Arc<Preflight>,
    metrics: telemetry::Metrics,
    consumers: Arc<Consumers>,
    audit: Audit,
}

impl Broker {
    /// Puts a broker together: reads the credential, asks nobody.
    ///
    /// # Errors
    /// [`BuildError`] names the setting that cannot be used.
    pub fn new(
        config: &Config,
        clock: &SharedClock,
        telemetry: telemetry::Metrics,
    ) -> Result<Self, BuildError> {
        let http = config.outbound.client()?;
        let (assertions, authority) = (config.assertions.clone(), &config.application.authority);
        let validator = Validator::new(assertions, authority, http.clone(), Arc::clone(clock))?;
        let credential = Arc::new(Credential::load(&config.credential, &config.application, clock)?);
        let metrics = Metrics::new(&telemetry.meter("token-broker"));
        let caches = caches(config, clock, &metrics)?;
        let consumers = Arc::new(consumers(config, &telemetry)?);
        observe(&telemetry, &caches, &credential);
        let keys = validator.clone();
        telemetry.observe_key_age(move || keys.keys_age_seconds());
        let entra = Arc::new(entra(config, http.clone(), credential, clock, metrics.clone()));
        let preflight = Arc::new(look_at_the_tenant(config, http, &entra, clock));
        observe_preflight(&telemetry, &preflight);
        let exchanger = Exchanger::new(
            validator.clone(),
            config.resources.clone(),
            Arc::clone(&entra),
            caches.clone(),
            Arc::clone(clock),
            metrics,
        );
        let audit = Audit::off();
        Ok(Self { exchanger, validator, entra, caches, preflight, metrics: telemetry, consumers, audit })
    }

    /// The same, and what it does is recorded there.
    #[must_use]
    pub fn audited(self, audit: Audit) -> Self {
        Self { exchanger: self.exchanger.audited(audit.clone()), audit, ..self }
    }

    /// The exchange.
    pub fn exchanger(&self) -> &Exchanger {
        &self.exchanger
    }

    /// The validation of assertions.
    pub fn validator(&self) -> &Validator {
        &self.validator
    }

    /// Keeps the keys, the files and the shared cache up to date. Returns only if the refresh of the keys has died, which
    /// whoever runs this must take for an error.
    pub async fn keep_up_to_date(&self) {
        let mut keys = AbortOnDrop(self.validator.spawn_refresh());
        let shared = async {
            if let Some(shared) = &self.caches.shared {
                let local = Arc::clone(&self.caches.local);
                tokio::join!(Arc::clone(shared).keep(local), shared.follow_keys());
            }
        };
        let kept = async {
            tokio::join!(
                self.entra.keep_credential(self.preflight.is_enabled()),
                shared,
                self.consumers.follow()
            )
        };
        tokio::select! {
            _ = &mut keys.0 => tracing::error!("the signing keys are no longer refreshed"),
            ((), (), ()) = kept => {}
        }
    }

    /// Tells the other replicas not to wait for this one any more. For the very end: nothing is served from memory from
    /// then on, and [`Broker::keep_up_to_date`] must have ended.
    pub async fn leave(&self) {
        if let Some(shared) = &self.caches.shared {
            shared.leave(&self.caches.local).await;
        }
    }

    /// Who may call.
    pub(crate) fn consumers(&self) -> &Arc<Consumers> {
        &self.consumers
    }

    /// What is recorded.
    pub(crate) fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The look at the tenant.
    pub(crate) fn preflight(&self) -> &Arc<Preflight> {
        &self.preflight
    }

    /// This instance's metrics.
    pub fn metrics(&self) -> &telemetry::Metrics {
        &self.metrics
    }

    /// What the broker needs before it can work.
    pub fn checks(&self) -> Vec<Check> {
        vec![
            Check::new("signing_keys", self.validator.is_ready()),
            Check::new("credential", self.entra.has_good_credential()),
            self.preflight.readiness(),
            Check::new("audit", self.audit.is_ready()),
        ]
    }

    /// Whether all of it is there.
    pub fn is_ready(&self) -> bool {
        self.checks().iter().all(|check| check.ok)
    }
}

/// Looks at the tenant once, without a broker: `token-broker preflight`.
///
/// # Errors
/// [`BuildError`] names the setting that cannot be used.
pub async fn preflight(config: &Config, clock: &SharedClock) -> Result<Report, BuildError> {
    let credential = Arc::new(Credential::load(&config.credential, &config.application, clock)?);
    let http = config.outbound.client()?;
    let metrics = Metrics::new(&telemetry::Metrics::new("token-broker")?.meter("token-broker"));
    let entra = Arc::new(entra(config, http.clone(), Arc::clone(&credential), clock, metrics));
    let preflight = look_at_the_tenant(config, http, &entra, clock);
    // A managed identity has no token before somebody asks for it.
    let kept = async {
        credential.keep().await;
        std::future::pending().await
    };
    tokio::select! {
        report = preflight.once() => Ok(report),
        report = kept => report,
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("entra", &self.entra).finish_non_exhaustive()
    }
}

/// A broker that cannot be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The credential cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The shared cache cannot be set up.
    #[error(transparent)]
    SharedCache(#[from] SharedCacheError),
    /// The consumers file cannot be used.
    #[error("BROKER_CONSUMERS_FILE cannot be used")]
    Consumers(#[from] WatchError),
    /// The outgoing HTTP client cannot be built.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The audiences cannot be used.
    #[error("BROKER_AUDIENCES cannot be used")]
    Validator(#[from] ValidatorError),
    /// The metrics cannot be set up.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

fn consumers(config: &Config, telemetry: &telemetry::Metrics) -> Result<Consumers, WatchError> {
    let transport = match (&config.listen, &config.tls) {
        (Listen::Unix(_), _) => Transport::Socket,
        (Listen::Tcp(_), Some(_)) => Transport::MutualTls,
        (Listen::Tcp(_), None) => Transport::Loopback,
    };
    let (file, meter) = (config.consumers_file.as_deref(), telemetry.meter("token-broker"));
    Consumers::load(file, transport, &config.resources, &meter)
}

fn entra(
    config: &Config,
    http: Client,
    credential: Arc<Credential>,
    clock: &SharedClock,
    metrics: Metrics,
) -> Entra {
    let capabilities = config.client_capabilities.clone();
    Entra::new(http, &config.application, credential, capabilities, Arc::clone(clock), metrics)
}

fn look_at_the_tenant(config: &Config, http: Client, entra: &Arc<Entra>, clock: &SharedClock) -> Preflight {
    let expected = Expectations::new(&config.application, &config.assertions, &config.preflight);
    let graph = Graph::new(http, config.graph.clone(), Arc::clone(entra), Arc::clone(clock));
    Preflight::new(expected, &config.preflight, graph, clock)
}

fn observe_preflight(telemetry: &telemetry::Metrics, preflight: &Arc<Preflight>) {
    let preflight = Arc::clone(preflight);
    telemetry
        .meter("token-broker")
        .u64_observable_gauge(names::BROKER_PREFLIGHT_FINDINGS)
        .with_callback(move |gauge| {
            for (check, outcome, findings) in preflight.counts() {
                let attributes =
                    [KeyValue::new(names::CHECK, check), KeyValue::new(names::RESULT, outcome.as_str())];
                gauge.observe(findings, &attributes);
            }
        })
        .build();
}

fn caches(config: &Config, clock: &SharedClock, metrics: &Metrics) -> Result<Caches, SharedCacheError> {
    let evictions = metrics.clone();
    let local = Arc::new(LocalCache::new(config.cache.memory_bytes, move |cause| evictions.evicted(cause)));
    let shared = config.cache.shared.as_ref();
    let shared = shared.map(|settings| SharedCache::new(settings, Arc::clone(clock), metrics.clone()));
    if shared.is_some() {
        // Until the log of purges was read, nobody counts on this replica.
        local.out_of_contact();
    }
    Ok(Caches { local, shared: shared.transpose()? })
}

/// Gauges that are read when somebody looks.
fn observe(telemetry: &telemetry::Metrics, caches: &Caches, credential: &Arc<Credential>) {
    let meter = telemetry.meter("token-broker");
    let local = Arc::clone(&caches.local);
    meter
        .u64_observable_gauge(names::BROKER_CACHE_ENTRIES)
        .with_callback(move |gauge| gauge.observe(local.len(), &[]))
        .build();
    let local = Arc::clone(&caches.local);
    meter
        .u64_observable_gauge(names::BROKER_CACHE_SIZE)
        .with_unit(names::UNIT_BYTES)
        .with_callback(move |gauge| gauge.observe(local.bytes(), &[]))
        .build();
    if let Some(shared) = caches.shared.clone() {
        meter
            .u64_observable_gauge(names::BROKER_REDIS_UP)
            .with_callback(move |gauge| gauge.observe(u64::from(shared.is_up()), &[]))
            .build();
    }
    let credential = Arc::clone(credential);
    meter
        .f64_observable_gauge(names::BROKER_CREDENTIAL_DAYS_LEFT)
        .with_callback(move |gauge| {
            if let Some(days) = credential.days_left() {
                gauge.observe(days, &[]);
            }
        })
        .build();
}
