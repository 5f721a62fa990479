//! What all four listeners share.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use jiff::civil::Date;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::arm::cost_details::Reports;
use crate::arm::costs::Subscriptions;
use crate::arm::throttle::Throttle;
use crate::bounded::Bounded;
use crate::clock::{Clock, utc_day};
use crate::config::{Config, Quotas};
use crate::counters::Counters;
use crate::directory::Directory;
use crate::endpoints::Endpoints;
use crate::entra::authorize::code::Code;
use crate::entra::client_assertion::Certificate;
use crate::entra::user_tokens::RefreshToken;
use crate::error::StartError;
use crate::faults::Faults;
use crate::graph::GraphSettings;
use crate::jwt;
use crate::keys::{KeyRing, Rollover, RsaKey};
use crate::people::People;
use crate::secrets::Secrets;
use crate::store::Store;

const MOST_CODES: usize = 10_000;
const MOST_REFRESH_TOKENS: usize = 100_000;

/// Everything the listeners share. Locks are held for look-ups alone, never over an await.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) endpoints: Endpoints,
    pub(crate) ca_pem: String,
    pub(crate) clock: Clock,
    pub(crate) secrets: Secrets,
    pub(crate) people: People,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) keys: ArcSwap<KeyRing>,
    pub(crate) app_key: RsaKey,
    /// Signs the service account tokens of the Kubernetes cluster.
    pub(crate) cluster_key: RsaKey,
    /// What the endpoint of App Service and Container Apps wants to see.
    pub(crate) identity_header: String,
    /// Certificates registered on the API application, like its `keyCredentials`.
    pub(crate) certificates: RwLock<Vec<Arc<Certificate>>>,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) throttle: Throttle,
    pub(crate) quotas: RwLock<Quotas>,
    pub(crate) graph: RwLock<GraphSettings>,
    pub(crate) codes: Mutex<Bounded<Code>>,
    pub(crate) refresh_tokens: Mutex<Bounded<RefreshToken>>,
    pub(crate) reports: Mutex<Reports>,
    pub(crate) sas_key: [u8; 32],
    directory: RwLock<Directory>,
    store: Store,
}

impl State {
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
        let registered = Certificate::from_der(app_key.certificate()).ok_or(StartError::Key)?;
        let cluster_key = RsaKey::load_or_generate(&store, "cluster", year)?;
        let people = People::with_alice_over(config.alice_also_sees, config.extra_people);
        let mut sas_key = [0; 32];
        rand::fill(&mut sas_key).map_err(|_| StartError::Key)?;
        let (secrets, identity_header) = (Secrets::new(config.record_secrets), random_text());
        secrets.remember(&identity_header);
        Ok(Self {
            directory: RwLock::new(Directory::new(&config, &people, &endpoints.authority, &endpoints.arm)),
            subscriptions: Subscriptions::written(config.extra_people, &config.written),
            secrets,
            identity_header,
            cluster_key,
            quotas: RwLock::new(config.quotas),
            graph: RwLock::new(config.graph.clone()),
            people,
            endpoints,
            ca_pem,
            clock: Clock::default(),
            keys: ArcSwap::from_pointee(keys),
            app_key,
            certificates: RwLock::new(vec![Arc::new(registered)]),
            faults: Faults::default(),
            counters: Counters::default(),
            throttle: Throttle::default(),
            codes: Mutex::new(Bounded::new(MOST_CODES)),
            refresh_tokens: Mutex::new(Bounded::new(MOST_REFRESH_TOKENS)),
            reports: Mutex::new(Reports::default()),
            sas_key,
            store,
            config,
        })
    }

    pub(crate) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn directory_mut(&self) -> RwLockWriteGuard<'_, Directory> {
        self.directory.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn graph(&self) -> RwLockReadGuard<'_, GraphSettings> {
        self.graph.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how Graph answers, and what the API may read there.
    pub(crate) fn set_graph(&self, settings: GraphSettings) {
        self.directory_mut().set_graph_permissions(&settings.permissions);
        *self.graph.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// The day Azure's cost data ends on.
    pub(crate) fn today(&self) -> Date {
        self.config.today.unwrap_or_else(|| utc_day(self.clock.now()))
    }

    /// Changes the signing keys. Slow: generates keys.
    pub(crate) fn roll_keys(&self, rollover: Rollover) -> Result<(), StartError> {
        let next = self.keys.load().rolled(rollover, &self.store)?;
        self.keys.store(Arc::new(next));
        tracing::info!(?rollover, "signing keys changed");
        Ok(())
    }

    /// Registers the certificate in `pem` on the API application.
    pub(crate) fn register_certificate(&self, pem: &str) -> Result<(), StartError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())?;
        let certificate = Certificate::from_der(&der).ok_or(StartError::Key)?;
        self.certificates.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(certificate));
        Ok(())
    }

    /// Removes the certificate in `pem` from the API application.
    pub(crate) fn remove_certificate(&self, pem: &str) -> Result<(), StartError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())?;
        let thumbprint = jwt::sha1(&der);
        let mut certificates = self.certificates.write().unwrap_or_else(PoisonError::into_inner);
        certificates.retain(|certificate| certificate.thumbprint() != thumbprint);
        Ok(())
    }

    /// An unguessable text of 256 bits, remembered as a secret.
    pub(crate) fn random_secret(&self, prefix: &str) -> String {
        let secret = format!("{prefix}{}", random_text());
        self.secrets.remember(&secret);
        secret
    }
}

/// Keys, codes and refresh tokens are in here: nothing but the endpoints is shown.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "the system's random source does not fail after start")]
fn random_text() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("random bytes");
    jwt::encode(bytes)
}
