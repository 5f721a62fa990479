//! The token broker's process: settings, telemetry, sockets, signals.

use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use identity::clock::SystemClock;
use token_broker::{Args, Config, Listeners, serve};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let _telemetry = telemetry::init("token-broker", &args.telemetry)?;
    let config = Config::try_from(args)?;
    let listeners = Listeners::bind(&config).await?;
    serve(config, listeners, Arc::new(SystemClock), on_signal()?).await.context("the token broker stopped")
}

/// Is cancelled by SIGTERM, which orchestrators send, and by SIGINT, which is Ctrl-C.
fn on_signal() -> anyhow::Result<CancellationToken> {
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let signalled = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        signalled.cancel();
    });
    Ok(shutdown)
}
