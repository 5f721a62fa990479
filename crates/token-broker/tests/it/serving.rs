//! A broker in this process: the real one, by a clock of the test's.

use std::sync::Arc;

use identity::clock::ManualClock;
use telemetry::Metrics;
use token_broker::{Config, Listeners, ServeError, serve};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Serves until `shutdown`.
pub(crate) fn served(
    config: Config,
    listeners: Listeners,
    clock: ManualClock,
    shutdown: CancellationToken,
) -> JoinHandle<Result<(), ServeError>> {
    let metrics = Metrics::new("token-broker").unwrap();
    tokio::spawn(serve(config, listeners, Arc::new(clock), metrics, shutdown))
}
