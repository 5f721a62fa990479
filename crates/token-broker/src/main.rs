//! The token broker's process: settings, telemetry, sockets, signals.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use identity::clock::{SharedClock, SystemClock};
use mimalloc::MiMalloc;
use telemetry::{Callers, command_line, signals};
use token_broker::{Args, Command, Config, Listeners, NEXT, preflight, probe, purge, serve};
use tokio_util::sync::CancellationToken;

/// A call makes some hundreds of short-lived allocations, many of which another thread frees: the C library's allocator spends a
/// fifth of the processor time on that.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    // Before clap: it needs hardly any of the settings.
    if std::env::args_os().nth(1).is_some_and(|first| first == "probe") {
        return Ok(probe(std::env::args_os().skip(1)).await);
    }
    let mut args = match command_line::try_parse::<Args>(std::env::args_os(), NEXT) {
        Ok(args) => args,
        Err(told) => {
            told.print()?;
            // Not clap's 2: of `preflight`, that means that something could not be told.
            return Ok(if told.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
    };
    if args.command.is_some() {
        // Over in a moment: its series would be those of one more replica.
        "none".clone_into(&mut args.telemetry.metrics_exporter);
    }
    let extra_ca = args.outbound.extra_ca_file.as_deref();
    let telemetry = telemetry::init("token-broker", Callers::Ours, &args.telemetry, extra_ca)?;
    let clock: SharedClock = Arc::new(SystemClock);
    if let Some(Command::Purge(whom)) = &args.command {
        purge(whom, &args.here(), &clock).await?.print(whom.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (command, config) = (args.command.clone(), Config::try_from(args)?);
    if let Some(Command::Preflight { json }) = command {
        return Ok(preflight(&config, &clock).await?.print(json)?);
    }
    let listeners = Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await?;
    let listeners = listeners.with_health(config.health_listen).await?;
    let (shutdown, stop) = (CancellationToken::new(), signals::stop()?);
    let stopping = shutdown.clone();
    tokio::spawn(async move {
        stop.await;
        stopping.cancel();
    });
    serve(config, listeners, clock, telemetry.metrics(), shutdown)
        .await
        .context("the token broker stopped")?;
    Ok(ExitCode::SUCCESS)
}
