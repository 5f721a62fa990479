//! The connection to Redis: up, or known to be down.
//!
//! Nobody waits for a Redis that is gone: the first call that has no answer in time takes the link down for all, and
//! only the keeper, which tries again in the background, brings it up. So an outage costs each call one timeout at
//! most, and most calls nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use futures::FutureExt as _;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, TlsCertificates};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::sync::Notify;
use tokio::time;
use zeroize::Zeroizing;

use super::{SharedCacheError, SharedCacheSettings};
use crate::metrics::Metrics;

/// How long a connection may take to be made, TLS and AUTH included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The connection to Redis.
#[derive(Debug)]
pub(super) struct Link {
    settings: SharedCacheSettings,
    root_certificates: Option<Vec<u8>>,
    connection: ArcSwapOption<MultiplexedConnection>,
    broken: Notify,
    metrics: Metrics,
}

/// Redis does not answer, or not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Down;

impl Link {
    pub(super) fn new(settings: SharedCacheSettings, metrics: Metrics) -> Result<Self, SharedCacheError> {
        let root_certificates = settings.ca_file.as_deref().map(root_certificates).transpose()?;
        let connection = ArcSwapOption::empty();
        Ok(Self { settings, root_certificates, connection, broken: Notify::new(), metrics })
    }

    /// Makes a connection, without putting it to use.
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let password = match &self.settings.password_file {
            Some(path) => Some(read_password(path).await?),
            None => None,
        };
        let info = self.settings.url.connection_info(password.as_deref().map(String::as_str))?;
        let client = match &self.root_certificates {
            Some(pem) => {
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) };
                Client::build_with_tls(info, certificates)?
            }
            None => Client::open(info)?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(self.settings.timeout));
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        match time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connection) => connection,
            Err(_) => Err((ErrorKind::Io, "no connection in time").into()),
        }
    }

    /// Puts a connection to use.
    pub(super) fn up(&self, connection: MultiplexedConnection) {
        // What was said of the last connection does not concern this one.
        let _stale = self.broken.notified().now_or_never();
        self.connection.store(Some(Arc::new(connection)));
    }

    /// Takes the connection out of use.
    pub(super) fn down(&self) {
        self.connection.store(None);
    }

    /// Takes the connection out of use if it is, and has the keeper make another one.
    pub(super) fn give_up(&self) {
        if self.connection.swap(None).is_some() {
            self.broken.notify_one();
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.connection.load().is_some()
    }

    /// Waits until a call has found the connection broken.
    pub(super) async fn broke(&self) {
        self.broken.notified().await;
    }

    /// Asks Redis, if the link is up.
    pub(super) async fn ask<T>(
        &self,
        operation: &'static str,
        ask: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, Down> {
        let connection = self.connection.load_full().ok_or(Down)?;
        let result = self.ask_on(operation, &mut MultiplexedConnection::clone(&connection), ask).await;
        result.map_err(|error| {
            if !is_an_answer(&error) {
                self.take_down(&connection, operation);
            }
            Down
        })
    }

    /// Asks Redis on a connection that need not be in use.
    pub(super) async fn ask_on<T>(
        &self,
        operation: &'static str,
        connection: &mut MultiplexedConnection,
        ask: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let started = Instant::now();
        let result = match time::timeout(self.settings.timeout, ask(connection)).await {
            Ok(result) => result,
            Err(_) => Err((ErrorKind::Io, "no answer in time").into()),
        };
        self.metrics.redis_answered(operation, started.elapsed(), result.is_ok());
        if let Err(error) = &result {
            tracing::debug!(operation, kind = ?error.kind(), code = error.code(), "Redis did not answer as asked");
        }
        result
    }

    fn take_down(&self, connection: &Arc<MultiplexedConnection>, operation: &'static str) {
        let current = self.connection.load();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            self.connection.compare_and_swap(&*current, None);
            tracing::warn!(operation, "Redis gave no answer in time: going on without it until it does");
            self.broken.notify_one();
        }
    }
}

/// Whether Redis has answered, if with an error: a full or read-only Redis is not a broken connection.
fn is_an_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

async fn read_password(path: &Path) -> RedisResult<Zeroizing<String>> {
    let unreadable = "the file of BROKER_REDIS_PASSWORD_FILE cannot be read";
    let text = tokio::fs::read_to_string(path).await.map(Zeroizing::new);
    let text = text.map_err(|_| RedisError::from((ErrorKind::InvalidClientConfig, unreadable)))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The authorities of a file, as PEM.
fn root_certificates(path: &Path) -> Result<Vec<u8>, SharedCacheError> {
    let unusable = || SharedCacheError::Ca { path: path.to_owned() };
    let pem = std::fs::read(path).map_err(|_| unusable())?;
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| unusable())?;
    if certificates.is_empty() { Err(unusable()) } else { Ok(pem) }
}
