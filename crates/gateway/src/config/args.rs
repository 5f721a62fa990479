//! The settings as they are given: flags with environment names.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use audit::AuditArgs;
use clap::Parser;
use identity::cloud::CloudArgs;
use identity::outbound::OutboundArgs;
use identity::{ClientId, TenantId};
use proto::client::{BrokerAddress, ClientConfig, TlsFiles};
use telemetry::TelemetryArgs;
use telemetry::http::TraceContext;

use super::TlsPair;
use super::public_url::PublicUrl;
use crate::engine::CostArgs;
use crate::exports::ExportArgs;
use crate::health::HealthArgs;
use crate::proxies::ProxyArgs;
use crate::sign_in::SignInArgs;

/// What `--help` says. The commands are for settings that clap would stop at, so clap does not know them.
const HELP: &str = "\
{about-with-newline}
{usage-heading} {usage}

Commands:
  doctor  Look at all of this from outside and say what is wrong: `gateway doctor --help`
  probe   Ask a running gateway whether it is ready: `gateway probe --help`
  audit   Say whether audit records are as they were written: `gateway audit verify --help`

{all-args}";

/// What leads on where settings are missing.
pub const NEXT: &str = "`gateway doctor` lists all that is missing or wrong, each with the way to mend it.";

/// How long one exchange may take, tries included. The broker itself gives Entra ID less.
const EXCHANGE_DEADLINE: Duration = Duration::from_secs(20);

/// Azure cost data over MCP, as the caller and as nobody else.
#[derive(Clone, Debug, Parser)]
#[command(version, name = "gateway", override_usage = "gateway [OPTIONS] [COMMAND]", help_template = HELP)]
pub struct Args {
    /// Tenant (directory) whose users may call.
    #[arg(long, env = "AZURE_TENANT_ID", help_heading = "Tenant and application")]
    pub tenant_id: TenantId,

    /// Client id of this API's app registration.
    #[arg(long, env = "AZURE_CLIENT_ID", help_heading = "Tenant and application")]
    pub client_id: ClientId,

    /// Which Azure.
    #[command(flatten)]
    pub cloud: CloudArgs,

    /// The outgoing HTTP client.
    #[command(flatten)]
    pub outbound: OutboundArgs,

    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,

    /// The audit.
    #[command(flatten)]
    pub audit: AuditArgs,

    /// Address that MCP clients reach. Anything but loopback needs the TLS files, or a proxy that ends TLS.
    #[arg(long, env = "GATEWAY_LISTEN", help_heading = "Addresses", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Where the service says how it is.
    #[command(flatten)]
    pub health: HealthArgs,

    /// Canonical MCP URL as clients write it, e.g. `https://mcp.contoso.com/mcp`: the resource of the metadata.
    #[arg(long, env = "GATEWAY_PUBLIC_URL", help_heading = "Addresses")]
    pub public_url: PublicUrl,

    /// Audiences that are this API [default: the client id and api://mcp-cost-server].
    #[arg(long, env = "GATEWAY_AUDIENCES", help_heading = "Tenant and application", value_delimiter = ',')]
    pub audiences: Vec<String>,

    /// What stands before `/cost.read` in a fully qualified scope: one of the app's identifier URIs [default: the public URL].
    #[arg(long, env = "GATEWAY_SCOPE_PREFIX", help_heading = "Tenant and application")]
    pub scope_prefix: Option<String>,

    /// Accept version 1.0 tokens besides 2.0.
    #[arg(long, env = "GATEWAY_ACCEPT_V1_TOKENS", help_heading = "Tenant and application")]
    pub accept_v1_tokens: bool,

    /// TOML file that says who may call which tool [default: built in].
    #[arg(long, env = "GATEWAY_POLICY_FILE", help_heading = "Who may call")]
    pub policy_file: Option<PathBuf>,

    /// Token broker: `http://` (loopback only), `https://` or `unix:/path`.
    #[arg(
        long,
        env = "GATEWAY_BROKER_URL",
        help_heading = "Token broker",
        default_value = "http://127.0.0.1:50051"
    )]
    pub broker_url: BrokerAddress,

    /// PEM file of the authority that signed the broker's certificate.
    #[arg(long, env = "GATEWAY_BROKER_CA_FILE", help_heading = "Token broker")]
    pub broker_ca_file: Option<PathBuf>,

    /// PEM file of this gateway's client certificate towards the broker.
    #[arg(long, env = "GATEWAY_BROKER_CERT_FILE", help_heading = "Token broker")]
    pub broker_cert_file: Option<PathBuf>,

    /// PEM file of the key of that certificate.
    #[arg(long, env = "GATEWAY_BROKER_KEY_FILE", help_heading = "Token broker")]
    pub broker_key_file: Option<PathBuf>,

    /// PEM file of the certificate that both addresses are served with.
    #[arg(long, env = "GATEWAY_TLS_CERT_FILE", help_heading = "Addresses")]
    pub tls_cert_file: Option<PathBuf>,

    /// PEM file of the key of that certificate.
    #[arg(long, env = "GATEWAY_TLS_KEY_FILE", help_heading = "Addresses")]
    pub tls_key_file: Option<PathBuf>,

    /// The proxies in front.
    #[command(flatten)]
    pub proxies: ProxyArgs,

    /// The sign-in facade.
    #[command(flatten)]
    pub sign_in: SignInArgs,

    /// Host headers accepted besides the public URL's host and, on loopback, localhost.
    #[arg(long, env = "GATEWAY_ALLOWED_HOSTS", help_heading = "Addresses", value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,

    /// Origins (browser pages) that may call besides the public URL's own.
    #[arg(long, env = "GATEWAY_ALLOWED_ORIGINS", help_heading = "Addresses", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,

    /// Status of a refusal that carries claims: 403, which no client loops on, or 401 for clients built on MSAL.
    #[arg(long, env = "GATEWAY_CLAIMS_STATUS", help_heading = "Who may call", default_value_t = 403, value_parser = claims_status)]
    pub claims_status: u16,

    /// Client applications that may call, by client id [default: every one that people can sign in to for this API].
    #[arg(long, env = "GATEWAY_CLIENT_IDS", help_heading = "Who may call", value_delimiter = ',')]
    pub client_ids: Vec<ClientId>,

    /// Connections of MCP clients at a time, in all. Where there are more, those that wait make room.
    #[arg(long, env = "GATEWAY_MAX_CONNECTIONS", help_heading = "Limits", default_value_t = 4096, value_parser = at_least_one)]
    pub max_connections: usize,

    /// Connections of one address (of IPv6: one /64 network) at a time. Loopback has no limit of its own.
    #[arg(long, env = "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS", help_heading = "Limits", default_value_t = 512, value_parser = at_least_one)]
    pub max_connections_per_address: usize,

    /// Age at which a connection is ended, calls in flight finished, in seconds.
    #[arg(long, env = "GATEWAY_MAX_CONNECTION_AGE_SECONDS", help_heading = "Limits", default_value_t = 3600,
          value_parser = clap::value_parser!(u64).range(60..=86400))]
    pub max_connection_age_seconds: u64,

    /// How long a connection without a request is kept, in seconds: longer than a proxy in front keeps it.
    #[arg(long, env = "GATEWAY_IDLE_SECONDS", help_heading = "Limits", default_value_t = 180,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub idle_seconds: u64,

    /// What the trace that a client names is to this server's: the parent of a tool call's span, or a link. Either way this
    /// server's own settings decide what is recorded.
    #[arg(long, env = "GATEWAY_TRACE_CONTEXT", help_heading = "Telemetry", value_enum, default_value_t = TraceContext::Parent)]
    pub trace_context: TraceContext,

    /// File with a key of 32 bytes or more that people are hashed with in traces and in the log, the same at every replica
    /// [default: a key of this process].
    #[arg(long, env = "GATEWAY_USER_KEY_FILE", help_heading = "Telemetry")]
    pub user_key_file: Option<PathBuf>,

    /// Longest request body, in bytes.
    #[arg(long, env = "GATEWAY_MAX_BODY_BYTES", help_heading = "Limits", default_value_t = 256 * 1024)]
    pub max_body_bytes: usize,

    /// Longest time one request may take, in seconds.
    #[arg(long, env = "GATEWAY_REQUEST_TIMEOUT_SECONDS", help_heading = "Limits", default_value_t = 120,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub request_timeout_seconds: u64,

    /// Seconds that a gateway told to stop goes on taking calls, while readiness says that it does not: for load balancers
    /// that notice late.
    #[arg(long, env = "GATEWAY_SHUTDOWN_DELAY_SECONDS", help_heading = "Limits", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=120))]
    pub shutdown_delay_seconds: u64,

    /// Longest time that calls in flight may take to finish after that, in seconds.
    #[arg(long, env = "GATEWAY_SHUTDOWN_SECONDS", help_heading = "Limits", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(0..=600))]
    pub shutdown_seconds: u64,

    /// Requests each person may make in a minute, at this instance; 0 means no limit.
    #[arg(long, env = "GATEWAY_CALLS_PER_MINUTE", help_heading = "Limits", default_value_t = 120)]
    pub calls_per_minute: u32,

    /// What is asked of Azure when, and which answers are kept.
    #[command(flatten)]
    pub costs: CostArgs,

    /// What exports are kept in.
    #[command(flatten)]
    pub exports: ExportArgs,
}

impl Args {
    /// The URIs that tokens of this API are asked for by.
    pub(crate) fn identifier_uris(&self) -> Vec<String> {
        vec![self.scope_prefix_in_force(), self.public_url.to_string()]
    }

    /// What stands before `/cost.read` in a fully qualified scope, without a slash at the end.
    pub(crate) fn scope_prefix_in_force(&self) -> String {
        let prefix = self.scope_prefix.clone().unwrap_or_else(|| self.public_url.to_string());
        prefix.trim_end_matches('/').to_owned()
    }

    /// The certificate that both addresses are served with, and its key.
    pub(super) fn tls(&self) -> Option<TlsPair> {
        let (certificate, key) = (self.tls_cert_file.clone()?, self.tls_key_file.clone()?);
        Some(TlsPair { certificate, key })
    }

    /// The broker's address, the files it is reached with, and how long it is waited for.
    pub(crate) fn broker(&self) -> ClientConfig {
        // No patience: a pause that the broker asks for is the caller's to make (`Retry-After`).
        let config = ClientConfig::new(self.broker_url.clone())
            .with_deadline(EXCHANGE_DEADLINE)
            .with_patience(Duration::ZERO);
        let Some(authority) = &self.broker_ca_file else { return config };
        let mut files = TlsFiles::new(authority);
        if let (Some(certificate), Some(key)) = (&self.broker_cert_file, &self.broker_key_file) {
            files = files.with_identity(certificate, key);
        }
        config.with_tls(files)
    }

    /// The hosts that this server is known by.
    pub(super) fn hosts(&self) -> Vec<String> {
        const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
        let mut hosts = vec![self.public_url.authority()];
        hosts.extend(self.allowed_hosts.iter().cloned());
        if self.listen.ip().is_loopback() {
            hosts.extend(LOOPBACK.map(str::to_owned));
        }
        hosts
    }

    /// The origins of the pages that may call.
    pub(super) fn origins(&self) -> Vec<String> {
        let mut origins = vec![self.public_url.origin()];
        origins.extend(self.allowed_origins.iter().cloned());
        origins
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a whole number, at least 1".to_owned())
}

fn claims_status(text: &str) -> Result<u16, String> {
    match text {
        "401" => Ok(401),
        "403" => Ok(403),
        _ => Err("either 403 or 401".to_owned()),
    }
}
