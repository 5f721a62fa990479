//! Settings: flags with environment names, and the rules between them, all in one place.
//!
//! [`Args`] is what was written, [`Config`] is what holds: every rule was checked when there is one.

mod cache;
mod credential;
mod listen;
mod preflight;
mod stopping;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand};
use identity::{
    ClientId, EmptyAudience, TenantId,
    cloud::{CloudArgs, CloudError},
    outbound::OutboundArgs,
};
use telemetry::TelemetryArgs;
use url::Url;

use crate::{
    cache::SharedCacheSettings,
    resource::{Resources, ResourcesError},
};

pub use cache::CacheArgs;
pub use credential::{CredentialArgs, CredentialConfig, CredentialConfigError, IdentityEndpoint};
pub use listen::{InvalidListen, InvalidSocketMode, Listen, SocketMode};
pub use preflight::{KnownClient, PreflightArgs, PreflightSettings, PreflightSettingsError};
pub use stopping::{Stopping, StoppingArgs};

/// Exchanges users' access tokens for the same users' tokens for Azure, On-Behalf-Of, over gRPC.
#[derive(Clone, Debug, Parser)]
#[command(name = "token-broker", version)]
pub struct Args {
    /// Tenant (directory) whose users are served: a GUID.
    #[arg(long, env = "AZURE_TENANT_ID")]
    pub tenant_id: TenantId,

    /// Client id of the API's app registration: the application that acts on behalf of the users.
    #[arg(long, env = "AZURE_CLIENT_ID")]
    pub client_id: ClientId,

    /// How the broker proves to Entra ID who it is.
    #[command(flatten)]
    pub credential: CredentialArgs,

    /// Where gRPC is served: `address:port` or `unix:/path`. Beyond loopback, mutual TLS is required.
    #[arg(long, env = "BROKER_LISTEN", default_value = "127.0.0.1:50051")]
    pub listen: Listen,

    /// Mode of the unix socket, octal. Whoever may connect must also be a consumer of the consumers file.
    #[arg(long, env = "BROKER_SOCKET_MODE")]
    pub socket_mode: Option<SocketMode>,

    /// TOML file that says which services may call, and for what. Required with mutual TLS; without it the only
    /// consumer is `local`: on a unix socket this user and root, on loopback any process.
    #[arg(long, env = "BROKER_CONSUMERS_FILE")]
    pub consumers_file: Option<PathBuf>,

    /// TOML file with downstream resources besides `arm` and `graph`, or in their place.
    #[arg(long, env = "BROKER_RESOURCES_FILE")]
    pub resources_file: Option<PathBuf>,

    /// Where /healthz, /readyz and /metrics are served, in plain text and hence on loopback only.
    #[arg(long, env = "BROKER_ADMIN_LISTEN", default_value = "127.0.0.1:9051")]
    pub admin_listen: SocketAddr,

    /// Audiences that are this API, separated by commas [default: the client id, api://mcp-cost-server].
    #[arg(long, env = "BROKER_AUDIENCES", value_delimiter = ',')]
    pub audiences: Vec<String>,

    /// Accept version 1.0 access tokens as well.
    #[arg(
        long,
        env = "BROKER_ACCEPT_V1_TOKENS",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true"
    )]
    pub accept_v1_tokens: bool,

    /// PEM file with the server's certificate chain.
    #[arg(long, env = "BROKER_TLS_CERT_FILE")]
    pub tls_cert_file: Option<PathBuf>,

    /// PEM file with the server's private key.
    #[arg(long, env = "BROKER_TLS_KEY_FILE")]
    pub tls_key_file: Option<PathBuf>,

    /// PEM file with the authorities that consumers' certificates must come from.
    #[arg(long, env = "BROKER_TLS_CLIENT_CA_FILE")]
    pub tls_client_ca_file: Option<PathBuf>,

    /// How long a connection over mutual TLS may last before its consumer must connect, and show a certificate,
    /// again.
    #[arg(
        long,
        env = "BROKER_MAX_CONNECTION_AGE_SECONDS",
        default_value_t = 3600,
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub max_connection_age_seconds: u64,

    /// The orderly end.
    #[command(flatten)]
    pub stopping: StoppingArgs,

    /// Client capabilities declared to Entra ID, separated by commas; `none` for none. `cp1` brings long-lived
    /// tokens that Azure can revoke with a claims challenge, which consumers must then relay.
    #[arg(long, env = "BROKER_CLIENT_CAPABILITIES", value_delimiter = ',', default_value = "cp1")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Looks at the tenant once and says what is missing: exit code 0 if nothing is, 1 if something is, 2 if nothing
    /// is, but something could not be told. Settings stand before the word, or in the environment.
    Preflight {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Config {
    /// Tenant whose users are served.
    pub tenant: TenantId,
    /// The API's application.
    pub client_id: ClientId,
    /// Audiences that are this API.
    pub audiences: Vec<String>,
    /// Whether version 1.0 tokens are accepted.
    pub accept_v1_tokens: bool,
    /// How the broker proves to Entra ID who it is.
    pub credential: CredentialConfig,
    /// Audience of a federated credential in this cloud.
    pub token_exchange_audience: String,
    /// Issues tokens.
    pub authority: Url,
    /// Microsoft Graph, where it is dialled.
    pub graph: Url,
    /// Microsoft Graph, as tokens for it are asked for.
    pub graph_scope: String,
    /// The look at the tenant.
    pub preflight: PreflightSettings,
    /// What consumers may ask for.
    pub resources: Resources,
    /// Declared to Entra ID.
    pub client_capabilities: Vec<String>,
    /// The outgoing HTTP client.
    pub outbound: OutboundArgs,
    /// Where gRPC is served.
    pub listen: Listen,
    /// The unix socket's mode.
    pub socket_mode: SocketMode,
    /// Mutual TLS, if it is on.
    pub tls: Option<TlsFiles>,
    /// How long a connection over mutual TLS may last.
    pub max_connection_age: Duration,
    /// How it ends.
    pub stopping: Stopping,
    /// Who may call, and for what.
    pub consumers_file: Option<PathBuf>,
    /// Where health and metrics are served.
    pub admin_listen: SocketAddr,
    /// Bytes that cached tokens take at most.
    pub cache_bytes: u64,
    /// The cache that replicas share, if there is one.
    pub shared_cache: Option<SharedCacheSettings>,
}

/// The files of mutual TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate chain.
    pub cert: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
    /// The authorities of consumers' certificates.
    pub client_ca: PathBuf,
}

impl Config {
    /// The tenant's token endpoint, which is the audience of client assertions too.
    pub fn token_endpoint(&self) -> Url {
        let mut url = self.authority.clone();
        url.set_path(&format!("/{}/oauth2/v2.0/token", self.tenant));
        url
    }

    /// Writes the settings in force to the log. None of them is a secret: secrets are files, named by path.
    pub fn log(&self) {
        let scopes: Vec<_> = self.resources.iter().map(|r| format!("{}={}", r.name, r.scope)).collect();
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        tracing::info!(
            tenant = %self.tenant,
            client_id = %self.client_id,
            audiences = %self.audiences.join(","),
            accept_v1_tokens = self.accept_v1_tokens,
            authority = %self.authority,
            resources = %scopes.join(","),
            client_capabilities = %self.client_capabilities.join(","),
            credential = %self.credential.describe(),
            extra_ca_file = path(&self.outbound.extra_ca_file),
            listen = %self.listen,
            socket_mode = %self.socket_mode,
            consumers_file = path(&self.consumers_file),
            mutual_tls = self.tls.is_some(),
            tls_cert_file = self.tls.as_ref().map(|tls| tls.cert.display().to_string()),
            tls_client_ca_file = self.tls.as_ref().map(|tls| tls.client_ca.display().to_string()),
            max_connection_age_seconds = self.max_connection_age.as_secs(),
            shutdown_delay_seconds = self.stopping.delay.as_secs(),
            drain_seconds = self.stopping.drain.as_secs(),
            admin_listen = %self.admin_listen,
            cache_bytes = self.cache_bytes,
            redis_url = self.shared_cache.as_ref().map(|shared| shared.url.to_string()),
            redis_password_file = self.shared_cache.as_ref().and_then(|shared| path(&shared.password_file)),
            redis_ca_file = self.shared_cache.as_ref().and_then(|shared| path(&shared.ca_file)),
            redis_timeout_ms = self.shared_cache.as_ref().map(|shared| shared.timeout.as_millis()),
            cache_key_file = self.shared_cache.as_ref().map(|shared| shared.key_file.display().to_string()),
            graph = %self.graph,
            preflight_enabled = self.preflight.enabled,
            preflight_required = self.preflight.required,
            preflight_clients = self.preflight.clients.len(),
            scope_prefix = self.preflight.scope_prefix,
            "effective settings"
        );
    }
}

impl TryFrom<Args> for Config {
    type Error = ConfigError;

    fn try_from(args: Args) -> Result<Self, ConfigError> {
        let tls = tls_files(args.tls_cert_file, args.tls_key_file, args.tls_client_ca_file)?;
        match (&args.listen, &tls) {
            (Listen::Tcp(address), None) if !address.ip().is_loopback() => {
                return Err(ConfigError::PlainText { address: *address });
            }
            (Listen::Unix(_), Some(_)) => return Err(ConfigError::TlsOnUnixSocket),
            (Listen::Tcp(_), Some(_)) if args.consumers_file.is_none() => {
                return Err(ConfigError::TlsWithoutConsumers);
            }
            _ => {}
        }
        let socket_mode = socket_mode(args.socket_mode, &args.listen, args.consumers_file.is_some())?;
        let mut resources = Resources::of(args.cloud.cloud)?;
        if let Some(file) = &args.resources_file {
            resources = resources.with_file(file)?;
        }
        if !args.admin_listen.ip().is_loopback() {
            return Err(ConfigError::AdminBeyondLoopback { address: args.admin_listen });
        }
        let endpoints = args.cloud.endpoints()?;
        Ok(Self {
            tenant: args.tenant_id,
            client_id: args.client_id,
            audiences: identity::audiences(&args.audiences, args.client_id)
                .map_err(|EmptyAudience| ConfigError::EmptyAudience)?,
            accept_v1_tokens: args.accept_v1_tokens,
            credential: args.credential.try_into()?,
            token_exchange_audience: endpoints.token_exchange_audience,
            authority: endpoints.authority,
            graph: endpoints.graph,
            graph_scope: Resources::graph_scope(args.cloud.cloud)?,
            preflight: PreflightSettings::new(args.preflight, &resources)?,
            resources,
            client_capabilities: preflight::listed(&args.client_capabilities).map(str::to_owned).collect(),
            outbound: args.outbound,
            listen: args.listen,
            socket_mode,
            tls,
            max_connection_age: Duration::from_secs(args.max_connection_age_seconds),
            stopping: args.stopping.into(),
            consumers_file: args.consumers_file,
            admin_listen: args.admin_listen,
            cache_bytes: args.cache.memory_bytes(),
            shared_cache: args.cache.shared()?,
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
        "BROKER_ADMIN_LISTEN is `{address}`: it is served in plain text, so it must be a loopback address, for \
         example 127.0.0.1:9051"
    )]
    AdminBeyondLoopback {
        /// The address.
        address: SocketAddr,
    },
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
    #[error("BROKER_LISTEN is a unix socket, which its file mode protects: leave the BROKER_TLS_* files out")]
    TlsOnUnixSocket,
    /// Certificates that name nobody.
    #[error(
        "mutual TLS is on without BROKER_CONSUMERS_FILE: set it to a TOML file that says which certificate names \
         may ask for which resources"
    )]
    TlsWithoutConsumers,
    /// A mode without a socket.
    #[error("BROKER_SOCKET_MODE is set, but BROKER_LISTEN is no unix socket: leave it out")]
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
    /// A setting that means nothing without Redis.
    #[error("{setting} is set, but BROKER_REDIS_URL is not: set both, or neither")]
    WithoutRedis {
        /// The setting.
        setting: &'static str,
    },
    /// Authorities of a Redis that shows no certificate.
    #[error(
        "BROKER_REDIS_CA_FILE is set, but BROKER_REDIS_URL is not rediss://: take the file out, or use TLS"
    )]
    RedisCaUnused,
    /// Nothing to seal with.
    #[error(
        "BROKER_REDIS_URL is set, but BROKER_CACHE_KEY_FILE is not: what is stored in Redis is sealed with the keys \
         in that file"
    )]
    NoCacheKeys,
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

fn tls_files(
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
) -> Result<Option<TlsFiles>, ConfigError> {
    if cert.is_none() && key.is_none() && client_ca.is_none() {
        return Ok(None);
    }
    let required = |file: Option<PathBuf>, missing| file.ok_or(ConfigError::IncompleteTls { missing });
    Ok(Some(TlsFiles {
        cert: required(cert, "BROKER_TLS_CERT_FILE")?,
        key: required(key, "BROKER_TLS_KEY_FILE")?,
        client_ca: required(client_ca, "BROKER_TLS_CLIENT_CA_FILE")?,
    }))
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
