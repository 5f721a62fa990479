//! Where the service says how it is, and `gateway probe`, which asks there.
//!
//! This module must not know how the service is put together, nor its other settings.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser};
use telemetry::probe::{self, EXIT_CODES, Place, ProbeArgs};

/// Where the service says how it is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Health and metrics")]
pub struct HealthArgs {
    /// Address of /healthz, /readyz and /metrics. Anything but loopback needs the TLS files.
    #[arg(long, env = "GATEWAY_ADMIN_LISTEN", default_value = "127.0.0.1:9080")]
    pub admin_listen: SocketAddr,

    /// Address of /healthz and /readyz alone, a status and a word each, in plain text: for probes of any platform, and hence
    /// on any address [default: none].
    #[arg(long, env = "GATEWAY_HEALTH_LISTEN")]
    pub health_listen: Option<SocketAddr>,
}

/// Asks the gateway of this machine whether it can do its work, once. Where it asks, the gateway's own settings say, by flag
/// or environment.
#[derive(Debug, Parser)]
#[command(name = "gateway probe", bin_name = "gateway probe", version, after_help = EXIT_CODES)]
struct Probe {
    #[command(flatten)]
    how: ProbeArgs,

    #[command(flatten)]
    health: HealthArgs,

    /// The gateway's certificate: with one, its admin address is asked over TLS. It is not read.
    #[arg(long, env = "GATEWAY_TLS_CERT_FILE", help_heading = "Health and metrics")]
    tls_cert_file: Option<PathBuf>,
}

/// The subcommand: asks, and tells the exit code. The first argument is its name.
pub async fn probe(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match probe::parse::<Probe>(arguments) {
        Ok(Probe { how, health: HealthArgs { admin_listen, health_listen }, tls_cert_file }) => {
            let place = Place::of(health_listen, admin_listen, tls_cert_file.is_some());
            probe::run(how, place).await
        }
        Err(code) => code,
    }
}
