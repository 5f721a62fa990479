//! Settings: flags with environment names, and the rules between them, all in one place.
//!
//! [`Args`] is what was written, [`Config`] is what holds: every rule was checked when there is one.

mod listen;

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use identity::{
    ClientId, TenantId,
    cloud::{CloudArgs, CloudError},
    outbound::OutboundArgs,
};
use telemetry::TelemetryArgs;
use url::Url;

use crate::resource::Resources;

pub use listen::{InvalidListen, Listen};

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

    /// File with the application's certificate and RSA key: PEM in any order, PFX, or PFX as base64 text.
    #[arg(long, env = "AZURE_CLIENT_CERTIFICATE_PATH")]
    pub client_certificate_path: PathBuf,

    /// File with the password of a PFX; leave it out if the password is empty.
    #[arg(long, env = "AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE")]
    pub client_certificate_password_file: Option<PathBuf>,

    /// Where gRPC is served: `address:port` or `unix:/path`. Beyond loopback, mutual TLS is required.
    #[arg(long, env = "BROKER_LISTEN", default_value = "127.0.0.1:50051")]
    pub listen: Listen,

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

    /// Entries the cache holds at most, tokens and remembered refusals together: about 5 KiB of memory each.
    #[arg(
        long,
        env = "BROKER_CACHE_CAPACITY",
        default_value_t = 20_000,
        value_parser = clap::value_parser!(u64).range(1..=10_000_000)
    )]
    pub cache_capacity: u64,

    /// Client capabilities declared to Entra ID, separated by commas; may be empty. `cp1` brings long-lived
    /// tokens that Azure can revoke with a claims challenge, which consumers must then relay.
    #[arg(long, env = "BROKER_CLIENT_CAPABILITIES", value_delimiter = ',', default_value = "cp1")]
    pub client_capabilities: Vec<String>,

    /// Which cloud, and overrides of single hosts.
    #[command(flatten)]
    pub cloud: CloudArgs,

    /// The outgoing HTTP client.
    #[command(flatten)]
    pub outbound: OutboundArgs,

    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
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
    /// The application's certificate and key.
    pub certificate_path: PathBuf,
    /// The password of a PFX.
    pub certificate_password_file: Option<PathBuf>,
    /// Issues tokens.
    pub authority: Url,
    /// What consumers may ask for.
    pub resources: Resources,
    /// Declared to Entra ID.
    pub client_capabilities: Vec<String>,
    /// The outgoing HTTP client.
    pub outbound: OutboundArgs,
    /// Where gRPC is served.
    pub listen: Listen,
    /// Mutual TLS, if it is on.
    pub tls: Option<TlsFiles>,
    /// Where health and metrics are served.
    pub admin_listen: SocketAddr,
    /// Entries the cache holds at most.
    pub cache_capacity: u64,
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
            client_certificate_path = %self.certificate_path.display(),
            client_certificate_password_file = path(&self.certificate_password_file),
            extra_ca_file = path(&self.outbound.extra_ca_file),
            listen = %self.listen,
            mutual_tls = self.tls.is_some(),
            tls_cert_file = self.tls.as_ref().map(|tls| tls.cert.display().to_string()),
            tls_client_ca_file = self.tls.as_ref().map(|tls| tls.client_ca.display().to_string()),
            admin_listen = %self.admin_listen,
            cache_capacity = self.cache_capacity,
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
            _ => {}
        }
        if !args.admin_listen.ip().is_loopback() {
            return Err(ConfigError::AdminBeyondLoopback { address: args.admin_listen });
        }
        Ok(Self {
            tenant: args.tenant_id,
            client_id: args.client_id,
            audiences: audiences(&args.audiences, args.client_id)?,
            accept_v1_tokens: args.accept_v1_tokens,
            certificate_path: args.client_certificate_path,
            certificate_password_file: args.client_certificate_password_file,
            authority: args.cloud.endpoints()?.authority,
            resources: Resources::of(args.cloud.cloud)?,
            client_capabilities: args.client_capabilities.into_iter().filter(|c| !c.is_empty()).collect(),
            outbound: args.outbound,
            listen: args.listen,
            tls,
            admin_listen: args.admin_listen,
            cache_capacity: args.cache_capacity,
        })
    }
}

/// Settings that do not go together. Each text names the settings and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// An empty audience.
    #[error("BROKER_AUDIENCES holds an empty entry: remove the comma too many")]
    EmptyAudience,
    /// The cloud's hosts.
    #[error(transparent)]
    Cloud(#[from] CloudError),
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

fn audiences(given: &[String], client_id: ClientId) -> Result<Vec<String>, ConfigError> {
    if given.is_empty() {
        return Ok(vec![client_id.to_string(), "api://mcp-cost-server".to_owned()]);
    }
    let trimmed: Vec<_> = given.iter().map(|audience| audience.trim().to_owned()).collect();
    if trimmed.iter().any(String::is_empty) {
        return Err(ConfigError::EmptyAudience);
    }
    Ok(trimmed)
}

#[cfg(test)]
mod tests;
