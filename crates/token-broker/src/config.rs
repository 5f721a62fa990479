//! Settings: flags with environment names, and the rules between those of different parts. Each part owns its own.
//!
//! [`Args`] is what was written, [`Config`] is what holds: every rule was checked when there is one. No part knows this
//! module: who puts them together gives each what it is to know.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use audit::AuditArgs;
use clap::{Parser, Subcommand};
use identity::cloud::{CloudArgs, CloudError};
use identity::outbound::OutboundArgs;
use identity::{ClientId, EmptyAudience, TenantId, ValidatorConfig};
use telemetry::TelemetryArgs;

use crate::application::Application;
use crate::cache::{CacheArgs, CacheSettings, CacheSettingsError};
use crate::credential::{CredentialArgs, CredentialConfig, CredentialConfigError};
use crate::health::HealthArgs;
use crate::list::listed;
use crate::listeners::{Listen, SocketMode};
use crate::preflight::{GraphSettings, PreflightArgs, PreflightSettings, PreflightSettingsError};
use crate::purge::{Here, PurgeArgs};
use crate::resource::{Resources, ResourcesError};
use crate::tls::TlsFiles;

pub use stopping::{Stopping, StoppingArgs};

use ports::Ports;

mod ports;
mod stopping;

/// What leads on where settings are missing.
pub const NEXT: &str = "docs/settings.md has every setting. Once they are set, `token-broker preflight` looks at the tenant and says \
    what is missing there.";

/// What `--help` says of the probe, which reads settings of its own.
const PROBE: &str =
    "`token-broker probe` asks a running broker whether it is ready: `token-broker probe --help`";

/// Exchanges users' access tokens for the same users' tokens for Azure, On-Behalf-Of, over gRPC.
#[derive(Clone, Debug, Parser)]
#[command(name = "token-broker", version, after_help = PROBE)]
pub struct Args {
    /// Tenant (directory) whose users are served: a GUID.
    #[arg(long, env = "AZURE_TENANT_ID", help_heading = "Tenant and application")]
    pub tenant_id: TenantId,

    /// Client id of the API's app registration: the application that acts on behalf of the users.
    #[arg(long, env = "AZURE_CLIENT_ID", help_heading = "Tenant and application")]
    pub client_id: ClientId,

    /// How the broker proves to Entra ID who it is.
    #[command(flatten)]
    pub credential: CredentialArgs,

    /// Where gRPC is served: `address:port` or `unix:/path`. Beyond loopback, mutual TLS is required.
    #[arg(long, env = "BROKER_LISTEN", help_heading = "Addresses", default_value = "127.0.0.1:50051")]
    pub listen: Listen,

    /// Mode of the unix socket, octal. Whoever may connect must also be a consumer of the consumers file.
    #[arg(long, env = "BROKER_SOCKET_MODE", help_heading = "Addresses")]
    pub socket_mode: Option<SocketMode>,

    /// TOML file that says which services may call, and for what. Required with mutual TLS; without it the only
    /// consumer is `local`: on a unix socket this user and root, on loopback any process.
    #[arg(long, env = "BROKER_CONSUMERS_FILE", help_heading = "Consumers")]
    pub consumers_file: Option<PathBuf>,

    /// TOML file with downstream resources besides `arm` and `graph`, or in their place.
    #[arg(long, env = "BROKER_RESOURCES_FILE", help_heading = "Consumers")]
    pub resources_file: Option<PathBuf>,

    /// Where the broker says how it is.
    #[command(flatten)]
    pub health: HealthArgs,

    /// Audiences that are this API, separated by commas [default: the client id, api://mcp-cost-server].
    #[arg(long, env = "BROKER_AUDIENCES", help_heading = "Tenant and application", value_delimiter = ',')]
    pub audiences: Vec<String>,

    /// Accept version 1.0 access tokens as well.
    #[arg(
        long,
        env = "BROKER_ACCEPT_V1_TOKENS", help_heading = "Tenant and application",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true"
    )]
    pub accept_v1_tokens: bool,

    /// PEM file with the server's certificate chain.
    #[arg(long, env = "BROKER_TLS_CERT_FILE", help_heading = "Addresses")]
    pub tls_cert_file: Option<PathBuf>,

    /// PEM file with the server's private key.
    #[arg(long, env = "BROKER_TLS_KEY_FILE", help_heading = "Addresses")]
    pub tls_key_file: Option<PathBuf>,

    /// PEM file with the authorities that consumers' certificates must come from.
    #[arg(long, env = "BROKER_TLS_CLIENT_CA_FILE", help_heading = "Addresses")]
    pub tls_client_ca_file: Option<PathBuf>,

    /// How long a connection over mutual TLS may last before its consumer must connect, and show a certificate,
    /// again.
    #[arg(
        long,
        env = "BROKER_MAX_CONNECTION_AGE_SECONDS", help_heading = "Addresses",
        default_value_t = 3600,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub max_connection_age_seconds: u64,

    /// The audit.
    #[command(flatten)]
    pub audit: AuditArgs,

    /// The orderly end.
    #[command(flatten)]
    pub stopping: StoppingArgs,

    /// Client capabilities declared to Entra ID, separated by commas; `none` for none. `cp1` brings long-lived
    /// tokens that Azure can revoke with a claims challenge, which consumers must then relay.
    #[arg(
        long,
        env = "BROKER_CLIENT_CAPABILITIES",
        help_heading = "Tenant and application",
        value_delimiter = ',',
        default_value = "cp1"
    )]
    pub client_capabilities: Vec<String>,

    /// The caches.
    #[command(flatten)]
    pub cache: CacheArgs,

    /// The look at the tenant.
    #[command(flatten)]
    pub preflight: PreflightArgs,

    /// Which cloud, and overrides of single hosts.
    #[command(flatten)]
    pub cloud: CloudArgs,

    /// The outgoing HTTP client.
    #[command(flatten)]
    pub outbound: OutboundArgs,

    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,

    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Looks at the tenant once and says what is missing: exit code 0 if nothing is, 1 if something is, 2 if nothing
    /// is, but something could not be told. Settings stand before the word, or in the environment.
    Preflight {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Has the running brokers forget a person's tokens, and says from when on that holds. Revoke the person's sessions at
    /// Entra ID first: this ends no sign-in. Settings of the broker stand before the word, or in the environment.
    Purge(PurgeArgs),
}

impl Args {
    /// How the broker of these settings is reached.
    pub fn here(&self) -> Here {
        let (cert, key) = (self.tls_cert_file.clone(), self.tls_key_file.clone());
        // Without authorities of consumers' certificates the files are those of the admin port.
        let client_ca = self.tls_client_ca_file.clone();
        let files = cert.zip(key).filter(|_| client_ca.is_some());
        Here {
            tenant: self.tenant_id,
            listen: self.listen.clone(),
            tls: files.map(|(cert, key)| TlsFiles { cert, key, client_ca }),
            is_shared: self.cache.redis_url.is_some(),
        }
    }
}

/// The settings in force: those of each part. What is logged at start: each part's `Debug` may be, for secrets are files,
/// named by path.
#[derive(Clone, Debug)]
pub struct Config {
    /// The API's application, in its tenant.
    pub application: Application,
    /// Which tokens are proof of a user.
    pub assertions: ValidatorConfig,
    /// How the broker proves to Entra ID who it is.
    pub credential: CredentialConfig,
    /// Declared to Entra ID.
    pub client_capabilities: Vec<String>,
    /// What consumers may ask for.
    pub resources: Resources,
    /// Who may call, and for what.
    pub consumers_file: Option<PathBuf>,
    /// Where gRPC is served.
    pub listen: Listen,
    /// The unix socket's mode.
    pub socket_mode: SocketMode,
    /// Mutual TLS, if it is on.
    pub tls: Option<TlsFiles>,
    /// How long a connection over mutual TLS may last.
    pub max_connection_age: Duration,
    /// Where health and metrics are served.
    pub admin_listen: SocketAddr,
    /// TLS of that address, beyond loopback.
    pub admin_tls: Option<TlsFiles>,
    /// Where the health words are served, if they are: plain, and anywhere.
    pub health_listen: Option<SocketAddr>,
    /// Who was given what.
    pub audit: audit::Settings,
    /// How it ends.
    pub stopping: Stopping,
    /// The caches.
    pub cache: CacheSettings,
    /// The look at the tenant.
    pub preflight: PreflightSettings,
    /// Microsoft Graph, which is asked about the tenant.
    pub graph: GraphSettings,
    /// The outgoing HTTP client.
    pub outbound: OutboundArgs,
}

impl TryFrom<Args> for Config {
    type Error = ConfigError;

    fn try_from(args: Args) -> Result<Self, ConfigError> {
        let Ports { tls, admin_tls } = Ports::of(&args)?;
        let socket_mode = socket_mode(args.socket_mode, &args.listen, args.consumers_file.is_some())?;
        let mut resources = Resources::of(args.cloud.cloud)?;
        if let Some(file) = &args.resources_file {
            resources = resources.with_file(file)?;
        }
        let endpoints = args.cloud.endpoints()?;
        let audiences = identity::audiences(&args.audiences, args.client_id)
            .map_err(|EmptyAudience| ConfigError::EmptyAudience)?;
        let credential = args.credential.try_into()?;
        let preflight = PreflightSettings::new(args.preflight, &resources)?;
        Ok(Self {
            assertions: ValidatorConfig {
                tenant: args.tenant_id,
                audiences,
                identifier_uris: preflight.identifier_uris(),
                accept_v1: args.accept_v1_tokens,
            },
            application: Application {
                tenant: args.tenant_id,
                client_id: args.client_id,
                authority: endpoints.authority,
                token_exchange_audience: endpoints.token_exchange_audience,
            },
            credential,
            client_capabilities: listed(&args.client_capabilities).map(str::to_owned).collect(),
            resources,
            consumers_file: args.consumers_file,
            listen: args.listen,
            socket_mode,
            tls,
            max_connection_age: Duration::from_secs(args.max_connection_age_seconds),
            admin_listen: args.health.admin_listen,
            admin_tls,
            health_listen: args.health.health_listen,
            audit: args.audit.into(),
            stopping: args.stopping.into(),
            cache: args.cache.try_into()?,
            preflight,
            graph: GraphSettings {
                origin: endpoints.graph,
                scope: Resources::graph_scope(args.cloud.cloud)?,
            },
            outbound: args.outbound,
        })
    }
}

/// Settings that do not go together. Each text names the settings and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Plain text beyond loopback.
    #[error(
        "BROKER_LISTEN is `{address}` without TLS: set BROKER_TLS_CERT_FILE, BROKER_TLS_KEY_FILE and \
         BROKER_TLS_CLIENT_CA_FILE, or listen on a loopback address or on unix:/path"
    )]
    PlainText {
        /// The address.
        address: SocketAddr,
    },
    /// The admin port beyond loopback.
    #[error(
        "BROKER_ADMIN_LISTEN is `{address}` without TLS: set BROKER_TLS_CERT_FILE and BROKER_TLS_KEY_FILE, or use a \
         loopback address, for example 127.0.0.1:9051; for probes alone there is BROKER_HEALTH_LISTEN"
    )]
    AdminBeyondLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// Authorities of an admin port that is served in plain text.
    #[error(
        "BROKER_ADMIN_CLIENT_CA_FILE is set, but BROKER_ADMIN_LISTEN is a loopback address, which is served in plain \
         text: leave it out, or listen beyond loopback"
    )]
    AdminAuthorityUnused,
    /// Some of the TLS files, but not all.
    #[error(
        "{missing} is not set, but other BROKER_TLS_* files are: mutual TLS takes BROKER_TLS_CERT_FILE, \
         BROKER_TLS_KEY_FILE and BROKER_TLS_CLIENT_CA_FILE together"
    )]
    IncompleteTls {
        /// The first setting that is missing.
        missing: &'static str,
    },
    /// TLS where there is no network.
    #[error(
        "BROKER_LISTEN is a unix socket, which its file mode protects: leave the BROKER_TLS_* files out, but for the \
         certificate and key of a BROKER_ADMIN_LISTEN beyond loopback"
    )]
    TlsOnUnixSocket,
    /// Certificates that name nobody.
    #[error(
        "mutual TLS is on without BROKER_CONSUMERS_FILE: set it to a TOML file that says which certificate names \
         may ask for which resources"
    )]
    TlsWithoutConsumers,
    /// A mode without a socket.
    #[error("BROKER_SOCKET_MODE is set, but BROKER_LISTEN is not a unix socket: leave it out")]
    SocketModeWithoutSocket,
    /// A socket open to others who are nobody.
    #[error(
        "BROKER_SOCKET_MODE is `{mode}` without BROKER_CONSUMERS_FILE: others could connect but nobody except this \
         user and root is a consumer; name them by `uids` in a consumers file, or leave the mode out"
    )]
    OpenSocketWithoutConsumers {
        /// The mode.
        mode: SocketMode,
    },
    /// The resources.
    #[error(transparent)]
    Resources(#[from] ResourcesError),
    /// An empty audience.
    #[error("BROKER_AUDIENCES holds an empty entry: remove the comma too many")]
    EmptyAudience,
    /// The caches.
    #[error(transparent)]
    Cache(#[from] CacheSettingsError),
    /// The preflight.
    #[error(transparent)]
    Preflight(#[from] PreflightSettingsError),
    /// The cloud's hosts.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The broker's own credential.
    #[error(transparent)]
    Credential(#[from] CredentialConfigError),
}

fn socket_mode(
    given: Option<SocketMode>,
    listen: &Listen,
    has_consumers: bool,
) -> Result<SocketMode, ConfigError> {
    let Some(mode) = given else { return Ok(SocketMode::PRIVATE) };
    if !matches!(listen, Listen::Unix(_)) {
        return Err(ConfigError::SocketModeWithoutSocket);
    }
    if mode != SocketMode::PRIVATE && !has_consumers {
        return Err(ConfigError::OpenSocketWithoutConsumers { mode });
    }
    Ok(mode)
}

#[cfg(test)]
mod tests;
