//! The emulator as a program: fixed or free ports, an `env` file for the services, and a clean end on SIGTERM.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use emulator::{Config, Emulator, Ports, WhoCanConsent};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Pretend Entra ID, Azure Resource Manager, Graph and blob storage. For development: it protects nothing.
#[derive(Debug, Parser)]
#[command(version, about)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Args {
    /// Address to listen on.
    #[arg(long, env = "EMULATOR_BIND", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Host name in public URLs and in the certificate.
    #[arg(long, env = "EMULATOR_HOST", default_value = "localhost")]
    host: String,
    /// Bear the names of Azure's own hosts, for callers behind a proxy that leads those names here.
    #[arg(long, env = "EMULATOR_AS_AZURE")]
    as_azure: bool,
    /// Port of Entra ID and of the control API; 0 for any.
    #[arg(long, env = "EMULATOR_ENTRA_PORT", default_value_t = 0)]
    entra_port: u16,
    /// Port of Azure Resource Manager; 0 for any.
    #[arg(long, env = "EMULATOR_ARM_PORT", default_value_t = 0)]
    arm_port: u16,
    /// Port of Graph; 0 for any.
    #[arg(long, env = "EMULATOR_GRAPH_PORT", default_value_t = 0)]
    graph_port: u16,
    /// Port of blob storage; 0 for any.
    #[arg(long, env = "EMULATOR_BLOB_PORT", default_value_t = 0)]
    blob_port: u16,
    /// Port of the metadata service, plain HTTP on loopback; 0 for any.
    #[arg(long, env = "EMULATOR_METADATA_PORT", default_value_t = 0)]
    metadata_port: u16,
    /// Directory for the CA, all keys, and the files the services need (`env`, `ca.pem`, `app-credential.pem`).
    #[arg(long, env = "EMULATOR_STATE_DIR", default_value = ".local/emulator")]
    state_dir: PathBuf,
    /// Identifier URI of the API application beside `api://mcp-cost-server`, such as the MCP URL; repeatable.
    #[arg(long = "identifier-uri", env = "EMULATOR_IDENTIFIER_URIS", value_delimiter = ',')]
    identifier_uris: Vec<String>,
    /// Generated people `person-0001`…, each with a subscription of their own.
    #[arg(long, env = "EMULATOR_EXTRA_PEOPLE", default_value_t = 0)]
    extra_people: usize,
    /// The day cost data ends on, e.g. 2026-11-22. Default: today.
    #[arg(long, env = "EMULATOR_TODAY")]
    today: Option<jiff::civil::Date>,
    /// Resources of "Contoso Big", a subscription that frank alone sees; 8000 make a daily answer by resource very long.
    #[arg(long, env = "EMULATOR_BIG_SUBSCRIPTION", default_value_t = 0)]
    big_subscription: usize,
    /// Rows in one blob of a cost details report [default: 400, so that a month of Prod has several].
    #[arg(long, env = "EMULATOR_REPORT_ROWS_PER_BLOB")]
    report_rows_per_blob: Option<usize>,
    /// Publish `code_challenge_methods_supported`, which real Entra does not, for clients that insist on it.
    #[arg(long, env = "EMULATOR_PUBLISH_CODE_CHALLENGE_METHODS")]
    publish_code_challenge_methods: bool,
    /// Send `iss` with the answer of the authorize endpoint (RFC 9207), which nobody has seen real Entra do.
    #[arg(long, env = "EMULATOR_AUTHORIZATION_RESPONSE_ISS")]
    authorization_response_iss: bool,
    /// Let people consent to nothing: every consent page is "Approval required" (AADSTS90095).
    #[arg(long, env = "EMULATOR_FORBID_USER_CONSENT")]
    forbid_user_consent: bool,
    /// Let people consent to `cost.export` themselves ("Who can consent: Admins and users").
    #[arg(long, env = "EMULATOR_USERS_CONSENT_TO_EXPORT")]
    users_consent_to_export: bool,
    /// Seconds that a token for a client which handles continuous access evaluation lives, such as the broker's for ARM.
    #[arg(long, env = "EMULATOR_CAE_TOKEN_LIFETIME", default_value_t = 86_400)]
    cae_token_lifetime: u32,
    /// Remember every credential issued or seen, and tell them at `/_emulator/secrets`: for searching captured output.
    #[arg(long, env = "EMULATOR_RECORD_SECRETS")]
    record_secrets: bool,
}

impl From<Args> for Config {
    fn from(args: Args) -> Self {
        let default = Self::default();
        Self {
            bind: args.bind,
            host: args.host,
            as_azure: args.as_azure,
            ports: Ports {
                entra: args.entra_port,
                arm: args.arm_port,
                graph: args.graph_port,
                blob: args.blob_port,
                metadata: args.metadata_port,
            },
            state_dir: Some(args.state_dir),
            identifier_uris: args.identifier_uris,
            record_secrets: args.record_secrets,
            cae_token_lifetime: args.cae_token_lifetime,
            extra_people: args.extra_people,
            today: args.today,
            big_subscription: args.big_subscription,
            report_rows_per_blob: args.report_rows_per_blob.unwrap_or(default.report_rows_per_blob),
            publish_code_challenge_methods: args.publish_code_challenge_methods,
            authorization_response_iss: args.authorization_response_iss,
            users_may_consent: !args.forbid_user_consent,
            export_consent: if args.users_consent_to_export {
                WhoCanConsent::AdminsAndUsers
            } else {
                WhoCanConsent::AdminsOnly
            },
            ..default
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let args = Args::parse();
    let state_dir = args.state_dir.clone();
    // As `telemetry::signals::stop` has it, which this program, that depends on none of our crates, does not know.
    // Handlers stand before the ready line: whoever reads it may send the signal at once.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let emulator = Emulator::start(args.into()).await.context("the emulator cannot start")?;
    let env = emulator.write_env(&state_dir).context("the env file cannot be written")?;
    announce(&emulator, &env);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    emulator.shutdown().await;
    Ok(())
}

/// The ready line, for scripts that wait for it.
#[expect(clippy::print_stdout, reason = "the ready line is this program's output")]
fn announce(emulator: &Emulator, env: &std::path::Path) {
    println!(
        "ready authority={} arm={} env={}",
        emulator.endpoints().authority,
        emulator.endpoints().arm,
        env.display()
    );
}
