//! `gateway`: reads the settings, starts the service, stops it on SIGTERM or Ctrl-C. `gateway doctor` looks and tells,
//! `gateway probe` asks a running one, `gateway audit` checks records.

use std::ffi::OsStr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use gateway::config::{Args, Config, NEXT};
use gateway::doctor;
use gateway::health;
use gateway::server::{self, Listeners};
use identity::clock::{Clock, SystemClock};
use mimalloc::MiMalloc;
use telemetry::{Callers, command_line, signals};
use tokio_util::sync::CancellationToken;

/// A call makes some hundreds of short-lived allocations, many of which another thread frees: the C library's allocator spends a
/// fifth of the processor time on that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    // Before clap: the doctor is for settings that clap would stop at, a probe needs hardly any, and records are read where there
    // are none.
    match std::env::args_os().nth(1).as_deref().and_then(OsStr::to_str) {
        Some("doctor") => return doctor::main(std::env::args_os().skip(2)).await.context("doctor"),
        Some("probe") => return Ok(health::probe(std::env::args_os().skip(1)).await),
        Some("audit") => return Ok(audit::command::main(std::env::args_os().skip(2), SystemClock.now())?),
        _ => {}
    }
    let args: Args = command_line::try_parse(std::env::args_os(), NEXT).unwrap_or_else(|told| told.exit());
    let extra_ca = args.outbound.extra_ca_file.as_deref();
    let telemetry =
        telemetry::init("gateway", Callers::Strangers, &args.telemetry, extra_ca).context("telemetry")?;
    let config = Config::try_from(args).inspect_err(|error| tracing::error!(%error, "settings"))?;
    tracing::info!(settings = ?config, "starting");
    let listeners = Listeners::bind(config.listen, config.admin_listen)?.with_health(config.health_listen)?;
    let (shutdown, stop) = (CancellationToken::new(), signals::stop()?);
    let stopping = shutdown.clone();
    tokio::spawn(async move {
        stop.await;
        tracing::info!("stopping: calls in flight are finished");
        stopping.cancel();
    });
    server::serve(config, listeners, Arc::new(SystemClock), telemetry.metrics(), shutdown).await?;
    Ok(ExitCode::SUCCESS)
}
