//! What all services show and use: the tenant, the clock, keys, faults, counters and secrets.
//!
//! Must not know a service: what one of them keeps for itself is a state of its own over this one.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::clock::{Clock, utc_day};
use crate::config::Config;
use crate::counters::Counters;
use crate::endpoints::Endpoints;
use crate::error::StartError;
use crate::faults::Faults;
use crate::jwt;
use crate::keys::{KeyRing, Rollover, RsaKey};
use crate::secrets::Secrets;
use crate::store::Store;
use crate::tenant::Tenant;

/// Everything the listeners share. Locks are held for look-ups alone, never over an await.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) endpoints: Endpoints,
    pub(crate) ca_pem: String,
    pub(crate) clock: Clock,
    pub(crate) secrets: Secrets,
    pub(crate) tenant: Tenant,
    pub(crate) keys: ArcSwap<KeyRing>,
    pub(crate) app_key: RsaKey,
    /// Signs the service account tokens of the Kubernetes cluster.
    pub(crate) cluster_key: RsaKey,
    /// What the endpoint of App Service and Container Apps wants to see.
    pub(crate) identity_header: String,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    store: Store,
}

impl World {
    /// Loads or makes the keys and fills the tenant. Slow (key generation): call it off the async threads.
    pub(crate) fn new(
        config: Config,
        endpoints: Endpoints,
        ca_pem: String,
        store: Store,
        year: i32,
    ) -> Result<Self, StartError> {
        let keys = KeyRing::load(&store, year)?;
        let app_key = RsaKey::load_or_generate(&store, "app-credential", year)?;
        let cluster_key = RsaKey::load_or_generate(&store, "cluster", year)?;
        let (secrets, identity_header) = (Secrets::new(config.record_secrets), random_text());
        secrets.remember(&identity_header);
        Ok(Self {
            tenant: Tenant::new(
                config.tenant(),
                &endpoints.authority,
                &endpoints.arm,
                app_key.certificate(),
            )?,
            secrets,
            identity_header,
            cluster_key,
            endpoints,
            ca_pem,
            clock: Clock::default(),
            keys: ArcSwap::from_pointee(keys),
            app_key,
            faults: Faults::default(),
            counters: Counters::default(),
            store,
            config,
        })
    }

    /// The moment at which Azure's cost data is looked at: now, or noon of the day that was chosen at start, moved as the
    /// clock is.
    pub(crate) fn data_moment(&self) -> Timestamp {
        let noon = self.config.today.map(|day| day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC));
        match noon {
            Some(Ok(noon)) => self.clock.moved_from(noon.timestamp()),
            Some(Err(_)) | None => self.clock.now(),
        }
    }

    /// The day Azure's cost data ends on.
    pub(crate) fn today(&self) -> Date {
        utc_day(self.data_moment())
    }

    /// Changes the signing keys. Slow: generates keys.
    pub(crate) fn roll_keys(&self, rollover: Rollover) -> Result<(), StartError> {
        let next = self.keys.load().rolled(rollover, &self.store)?;
        self.keys.store(Arc::new(next));
        tracing::info!(?rollover, "signing keys changed");
        Ok(())
    }

    /// An unguessable text of 256 bits, remembered as a secret.
    pub(crate) fn random_secret(&self, prefix: &str) -> String {
        let secret = format!("{prefix}{}", random_text());
        self.secrets.remember(&secret);
        secret
    }
}

/// Keys are in here: nothing but the endpoints is shown.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "the system's random source does not fail after start")]
fn random_text() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("random bytes");
    jwt::encode(bytes)
}
