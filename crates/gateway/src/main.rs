//! `gateway`: reads the settings, starts the service, stops it on SIGTERM or Ctrl-C.

use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use gateway::config::{Args, Config};
use gateway::server::{self, Listeners};
use identity::clock::SystemClock;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let _telemetry = telemetry::init("gateway", &args.telemetry).context("telemetry")?;
    let config = Config::try_from(args).inspect_err(|error| tracing::error!(%error, "settings"))?;
    tracing::info!(settings = ?config, "starting");
    let listeners = Listeners::bind(config.args.listen, config.args.admin_listen)?;
    let shutdown = CancellationToken::new();
    tokio::spawn(server::stop_on_signal(shutdown.clone()));
    server::serve(config, listeners, Arc::new(SystemClock), shutdown).await?;
    Ok(())
}
