//! Puts the broker together from its settings.

use std::{fmt, sync::Arc};

use identity::{Validator, ValidatorConfig, ValidatorError, clock::SharedClock, outbound::OutboundError};
use telemetry::{MetricsError, admin::Check, names};

use crate::{
    cache::ExchangeCache,
    client_assertion::ClientAssertions,
    config::Config,
    credential::{Credential, CredentialError},
    entra::Entra,
    exchange::Exchanger,
    metrics::Metrics,
};

/// A broker without its sockets.
pub struct Broker {
    exchanger: Exchanger,
    validator: Validator,
    entra: Arc<Entra>,
    metrics: telemetry::Metrics,
}

impl Broker {
    /// Puts a broker together: loads the credential, asks nobody.
    ///
    /// # Errors
    /// [`BuildError`] names the setting that cannot be used.
    pub fn new(config: &Config, clock: &SharedClock) -> Result<Self, BuildError> {
        let http = config.outbound.client()?;
        let validator_config = ValidatorConfig {
            tenant: config.tenant,
            audiences: config.audiences.clone(),
            accept_v1: config.accept_v1_tokens,
        };
        let validator = Validator::new(validator_config, &config.authority, http.clone(), Arc::clone(clock))?;
        let credential = load_credential(config, clock)?;
        let telemetry = telemetry::Metrics::new("token-broker")?;
        let metrics = Metrics::new(&telemetry.meter("token-broker"));
        let cache = Arc::new(ExchangeCache::new(config.cache_capacity));
        observe(&telemetry, &cache, &credential, clock);
        let keys = validator.clone();
        telemetry.observe_key_age(move || keys.keys_age_seconds());
        let entra = Arc::new(Entra::new(
            http,
            config.token_endpoint(),
            config.client_id,
            ClientAssertions::new(credential, config.client_id, config.token_endpoint()),
            config.client_capabilities.clone(),
            Arc::clone(clock),
            metrics.clone(),
        ));
        let exchanger = Exchanger::new(
            validator.clone(),
            config.resources.clone(),
            Arc::clone(&entra),
            cache,
            Arc::clone(clock),
            metrics,
        );
        Ok(Self { exchanger, validator, entra, metrics: telemetry })
    }

    /// The exchange.
    pub fn exchanger(&self) -> &Exchanger {
        &self.exchanger
    }

    /// The validation of assertions.
    pub fn validator(&self) -> &Validator {
        &self.validator
    }

    /// This instance's metrics.
    pub fn metrics(&self) -> &telemetry::Metrics {
        &self.metrics
    }

    /// What the broker needs before it can work.
    pub fn checks(&self) -> Vec<Check> {
        vec![
            Check::new("signing_keys", self.validator.is_ready()),
            Check::new("credential", self.entra.has_valid_credential()),
        ]
    }

    /// Whether all of it is there.
    pub fn is_ready(&self) -> bool {
        self.checks().iter().all(|check| check.ok)
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
    #[error("the file of AZURE_CLIENT_CERTIFICATE_PATH, `{}`, is no usable credential", path.display())]
    Credential {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: CredentialError,
    },
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

fn load_credential(config: &Config, clock: &SharedClock) -> Result<Arc<Credential>, BuildError> {
    let (path, password) = (&config.certificate_path, config.certificate_password_file.as_deref());
    let credential = Credential::load(path, password, clock.now())
        .map_err(|source| BuildError::Credential { path: path.clone(), source })?;
    tracing::info!(
        thumbprint_sha256 = credential.thumbprint(),
        not_after = %credential.not_after(),
        "client certificate loaded"
    );
    Ok(Arc::new(credential))
}

/// Gauges that are read when somebody looks.
fn observe(
    telemetry: &telemetry::Metrics,
    cache: &Arc<ExchangeCache>,
    credential: &Arc<Credential>,
    clock: &SharedClock,
) {
    let meter = telemetry.meter("token-broker");
    let cache = Arc::clone(cache);
    meter
        .u64_observable_gauge(names::BROKER_CACHE_ENTRIES)
        .with_callback(move |gauge| gauge.observe(cache.len(), &[]))
        .build();
    let (credential, clock) = (Arc::clone(credential), Arc::clone(clock));
    meter
        .f64_observable_gauge(names::BROKER_CREDENTIAL_DAYS_LEFT)
        .with_callback(move |gauge| {
            let left = credential.not_after().duration_since(clock.now());
            gauge.observe(left.as_secs_f64() / 86_400.0, &[]);
        })
        .build();
}
