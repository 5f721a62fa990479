//! Gateway and broker, each started by the `serve` function that its binary calls.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Parser;
use emulator::Emulator;
use telemetry::Metrics;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::files::Files;
use crate::{Hop, ShiftedClock};

/// A running broker, and where it is dialled.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) url: String,
    pub(super) service: Service,
}

impl Broker {
    pub(super) async fn start(
        emulator: &Emulator,
        files: &Files,
        hop: Hop,
        flags: &[String],
        clock: &ShiftedClock,
    ) -> Self {
        let mut all = vec!["token-broker".to_owned(), "--admin-listen=127.0.0.1:0".to_owned()];
        all.extend(files.tenant_flags(emulator));
        all.extend(flags.iter().cloned());
        let args = token_broker::Args::try_parse_from(&all).unwrap_or_else(|error| panic!("{error}"));
        let config = token_broker::Config::try_from(args).unwrap_or_else(|error| panic!("{error}"));
        let listeners =
            token_broker::Listeners::bind(&config.listen, config.socket_mode, config.admin_listen)
                .await
                .expect("loopback has ports");
        let listeners =
            listeners.with_health(Some(([127, 0, 0, 1], 0).into())).await.expect("loopback has ports");
        let address = listeners.grpc_address().expect("a bound address").to_string();
        let url = hop.broker_url(&address);
        let admin = listeners.admin_address().expect("a bound address");
        let health = listeners.health_address().expect("a bound address").expect("a health port");
        let (shutdown, clock) = (CancellationToken::new(), Arc::new(clock.clone()));
        let stop = shutdown.clone();
        let metrics = Metrics::new("token-broker").expect("metrics");
        let task = tokio::spawn(async move {
            token_broker::serve(config, listeners, clock, metrics, stop).await.expect("the broker serves");
        });
        Self { url, service: Service { admin, health, shutdown, task } }
    }
}

/// A running service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) admin: SocketAddr,
    pub(super) health: SocketAddr,
    pub(super) shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Service {
    /// A gateway on sockets that are bound already.
    pub(super) fn gateway(
        listeners: gateway::server::Listeners,
        emulator: &Emulator,
        files: &Files,
        flags: &[String],
        clock: &ShiftedClock,
    ) -> Self {
        let mut all = vec!["gateway".to_owned(), "--listen=127.0.0.1:0".to_owned()];
        all.extend(files.tenant_flags(emulator));
        all.push(format!("--blob-hosts={}", emulator.endpoints().blob));
        if let Some(policy) = &files.policy {
            all.push(format!("--policy-file={}", policy.display()));
        }
        all.extend(flags.iter().cloned());
        let args = gateway::config::Args::try_parse_from(&all).unwrap_or_else(|error| panic!("{error}"));
        let config = gateway::config::Config::try_from(args).unwrap_or_else(|error| panic!("{error}"));
        let admin = listeners.admin_address().expect("a bound address");
        let health = listeners.health_address().expect("a bound address").expect("a health port");
        let (shutdown, clock) = (CancellationToken::new(), Arc::new(clock.clone()));
        let stop = shutdown.clone();
        let metrics = Metrics::new("gateway").expect("metrics");
        let task = tokio::spawn(async move {
            gateway::server::serve(config, listeners, clock, metrics, stop)
                .await
                .expect("the gateway serves");
        });
        Self { admin, health, shutdown, task }
    }

    /// Stops it as a process is stopped, and waits until it is gone.
    pub(super) async fn stop(&mut self) {
        self.shutdown.cancel();
        (&mut self.task).await.expect("the service ends in order");
    }
}
