//! Settings: flags with environment names, checked as a whole before anything starts.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use identity::cloud::{CloudArgs, CloudError, Endpoints};
use identity::outbound::{OutboundArgs, OutboundError};
use identity::{ClientId, EmptyAudience, TenantId};
use proto::client::{BrokerAddress, ClientConfig, TlsFiles};
use telemetry::TelemetryArgs;

use crate::mcp::tool_names;
use crate::policy::{Policies, Policy, PolicyError};

pub use public_url::{InvalidPublicUrl, PublicUrl};

mod public_url;

/// Azure cost data over MCP, as the caller and as nobody else.
#[derive(Clone, Debug, Parser)]
#[command(version, name = "gateway", after_help = crate::doctor::HINT)]
pub struct Args {
    /// Tenant (directory) whose users may call.
    #[arg(long, env = "AZURE_TENANT_ID")]
    pub tenant_id: TenantId,

    /// Client id of this API's app registration.
    #[arg(long, env = "AZURE_CLIENT_ID")]
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

    /// Address that MCP clients reach. Anything but loopback needs the TLS files.
    #[arg(long, env = "GATEWAY_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address of /healthz, /readyz and /metrics. Anything but loopback needs the TLS files.
    #[arg(long, env = "GATEWAY_ADMIN_LISTEN", default_value = "127.0.0.1:9080")]
    pub admin_listen: SocketAddr,

    /// Canonical MCP URL as clients write it, e.g. `https://mcp.contoso.com/mcp`: the resource of the metadata.
    #[arg(long, env = "GATEWAY_PUBLIC_URL")]
    pub public_url: PublicUrl,

    /// Audiences that are this API [default: the client id and api://mcp-cost-server].
    #[arg(long, env = "GATEWAY_AUDIENCES", value_delimiter = ',')]
    pub audiences: Vec<String>,

    /// What stands before `/cost.read` in a fully qualified scope: one of the app's identifier URIs [default: the public URL].
    #[arg(long, env = "GATEWAY_SCOPE_PREFIX")]
    pub scope_prefix: Option<String>,

    /// Accept version 1.0 tokens besides 2.0.
    #[arg(long, env = "GATEWAY_ACCEPT_V1_TOKENS")]
    pub accept_v1_tokens: bool,

    /// TOML file that says who may call which tool [default: built in].
    #[arg(long, env = "GATEWAY_POLICY_FILE")]
    pub policy_file: Option<PathBuf>,

    /// Token broker: `http://` (loopback only), `https://` or `unix:/path`.
    #[arg(long, env = "GATEWAY_BROKER_URL", default_value = "http://127.0.0.1:50051")]
    pub broker_url: BrokerAddress,

    /// PEM file of the authority that signed the broker's certificate.
    #[arg(long, env = "GATEWAY_BROKER_CA_FILE")]
    pub broker_ca_file: Option<PathBuf>,

    /// PEM file of this gateway's client certificate towards the broker.
    #[arg(long, env = "GATEWAY_BROKER_CERT_FILE")]
    pub broker_cert_file: Option<PathBuf>,

    /// PEM file of the key of that certificate.
    #[arg(long, env = "GATEWAY_BROKER_KEY_FILE")]
    pub broker_key_file: Option<PathBuf>,

    /// PEM file of the certificate that both addresses are served with.
    #[arg(long, env = "GATEWAY_TLS_CERT_FILE")]
    pub tls_cert_file: Option<PathBuf>,

    /// PEM file of the key of that certificate.
    #[arg(long, env = "GATEWAY_TLS_KEY_FILE")]
    pub tls_key_file: Option<PathBuf>,

    /// Host headers accepted besides the public URL's host and, on loopback, localhost.
    #[arg(long, env = "GATEWAY_ALLOWED_HOSTS", value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,

    /// Origins (browser pages) that may call besides the public URL's own.
    #[arg(long, env = "GATEWAY_ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,

    /// Status of a refusal that carries claims: 403, which no client loops on, or 401 for clients built on MSAL.
    #[arg(long, env = "GATEWAY_CLAIMS_STATUS", default_value_t = 403, value_parser = claims_status)]
    pub claims_status: u16,

    /// Client applications that may call, by client id [default: every one that people can sign in to for this API].
    #[arg(long, env = "GATEWAY_CLIENT_IDS", value_delimiter = ',')]
    pub client_ids: Vec<ClientId>,

    /// Connections of MCP clients at a time, in all. Where there are more, those that wait make room.
    #[arg(long, env = "GATEWAY_MAX_CONNECTIONS", default_value_t = 4096, value_parser = at_least_one)]
    pub max_connections: usize,

    /// Connections of one address (of IPv6: one /64 network) at a time. Loopback has no limit of its own.
    #[arg(long, env = "GATEWAY_MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 512, value_parser = at_least_one)]
    pub max_connections_per_address: usize,

    /// Age at which a connection is ended, calls in flight finished, in seconds.
    #[arg(long, env = "GATEWAY_MAX_CONNECTION_AGE_SECONDS", default_value_t = 3600,
          value_parser = clap::value_parser!(u64).range(60..=86400))]
    pub max_connection_age_seconds: u64,

    /// How long a connection without a request is kept, in seconds: longer than a proxy in front keeps it.
    #[arg(long, env = "GATEWAY_IDLE_SECONDS", default_value_t = 180,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub idle_seconds: u64,

    /// Longest request body, in bytes.
    #[arg(long, env = "GATEWAY_MAX_BODY_BYTES", default_value_t = 256 * 1024)]
    pub max_body_bytes: usize,

    /// Longest time one request may take, in seconds.
    #[arg(long, env = "GATEWAY_REQUEST_TIMEOUT_SECONDS", default_value_t = 120,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub request_timeout_seconds: u64,

    /// Longest time that calls in flight may take to finish once the service is told to stop, in seconds.
    #[arg(long, env = "GATEWAY_SHUTDOWN_SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(0..=600))]
    pub shutdown_seconds: u64,

    /// Requests each person may make in a minute, at this instance; 0 is no limit.
    #[arg(long, env = "GATEWAY_CALLS_PER_MINUTE", default_value_t = 120)]
    pub calls_per_minute: u32,

    /// Largest cost export answered inline, in bytes.
    #[arg(long, env = "GATEWAY_MAX_EXPORT_BYTES", default_value_t = 512 * 1024)]
    pub max_export_bytes: usize,
}

/// Settings that fit together.
#[derive(Clone)]
pub struct Config {
    /// The settings as given.
    pub args: Args,
    /// The hosts in force.
    pub endpoints: Endpoints,
    /// Audiences in force.
    pub audiences: Vec<String>,
    /// What stands before `/cost.read` in a fully qualified scope, without a slash at the end.
    pub scope_prefix: String,
    /// Who may call which tool.
    pub policies: Policies,
    /// The outgoing HTTP client: the one pool of connections.
    pub http: reqwest::Client,
}

impl Config {
    /// Longest time one request may take.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.args.request_timeout_seconds)
    }
}

/// What is logged at start: the settings in force. The HTTP client stays out, for a proxy's URL may hold a password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("args", &self.args)
            .field("endpoints", &self.endpoints)
            .field("audiences", &self.audiences)
            .field("scope_prefix", &self.scope_prefix)
            .field("policy", &self.policies.current())
            .finish_non_exhaustive()
    }
}

impl TryFrom<Args> for Config {
    type Error = ConfigError;

    fn try_from(args: Args) -> Result<Self, ConfigError> {
        let endpoints = args.cloud.endpoints()?;
        if let Some(conflict) = conflicts(&args).next() {
            return Err(conflict);
        }
        let tools = tool_names();
        let policies = match &args.policy_file {
            Some(path) => Policies::of_file(path, &tools)?,
            None => Policies::fixed(Policy::built_in(&tools)?),
        };
        let audiences = identity::audiences(&args.audiences, args.client_id);
        let audiences = audiences.map_err(|EmptyAudience| ConfigError::EmptyAudience)?;
        let scope_prefix = args.scope_prefix_in_force();
        let http = args.outbound.client()?;
        Ok(Self { args, endpoints, audiences, scope_prefix, policies, http })
    }
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

    /// The broker's address and the files it is reached with.
    pub(crate) fn broker(&self) -> ClientConfig {
        let config = ClientConfig::new(self.broker_url.clone());
        let Some(authority) = &self.broker_ca_file else { return config };
        let mut files = TlsFiles::new(authority);
        if let (Some(certificate), Some(key)) = (&self.broker_cert_file, &self.broker_key_file) {
            files = files.with_identity(certificate, key);
        }
        config.with_tls(files)
    }

    /// The hosts that this server is known by.
    pub(crate) fn hosts_in_force(&self) -> Vec<String> {
        const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
        let mut hosts = vec![self.public_url.authority()];
        hosts.extend(self.allowed_hosts.iter().cloned());
        if self.listen.ip().is_loopback() {
            hosts.extend(LOOPBACK.map(str::to_owned));
        }
        hosts
    }

    /// The origins of the pages that may call.
    pub(crate) fn origins_in_force(&self) -> Vec<String> {
        let mut origins = vec![self.public_url.origin()];
        origins.extend(self.allowed_origins.iter().cloned());
        origins
    }
}

/// Every way in which settings that are right each for itself do not fit together.
pub(crate) fn conflicts(args: &Args) -> impl Iterator<Item = ConfigError> {
    let plain_text = |setting, address: SocketAddr| {
        let clear = args.tls_cert_file.is_none() && !address.ip().is_loopback();
        clear.then_some(ConfigError::PlainText { setting, address })
    };
    let tls_files = args.broker_ca_file.is_some() || args.broker_cert_file.is_some();
    let no_authority = args.broker_url.is_tls() && args.broker_ca_file.is_none();
    let unused = !args.broker_url.is_tls() && tls_files;
    let empty = identity::audiences(&args.audiences, args.client_id).is_err();
    [
        unpaired(
            ("GATEWAY_BROKER_CERT_FILE", &args.broker_cert_file),
            ("GATEWAY_BROKER_KEY_FILE", &args.broker_key_file),
        ),
        unpaired(
            ("GATEWAY_TLS_CERT_FILE", &args.tls_cert_file),
            ("GATEWAY_TLS_KEY_FILE", &args.tls_key_file),
        ),
        plain_text("GATEWAY_LISTEN", args.listen),
        plain_text("GATEWAY_ADMIN_LISTEN", args.admin_listen),
        no_authority.then_some(ConfigError::BrokerAuthority),
        unused.then_some(ConfigError::BrokerPlainText),
        empty.then_some(ConfigError::EmptyAudience),
    ]
    .into_iter()
    .flatten()
}

/// A certificate without its key is of no use, nor the other way round.
fn unpaired(
    (certificate, certificate_file): (&'static str, &Option<PathBuf>),
    (key, key_file): (&'static str, &Option<PathBuf>),
) -> Option<ConfigError> {
    match (certificate_file, key_file) {
        (Some(_), None) => Some(ConfigError::Unpaired { setting: certificate, lacking: key }),
        (None, Some(_)) => Some(ConfigError::Unpaired { setting: key, lacking: certificate }),
        _ => None,
    }
}

/// Settings that cannot work, each with its name and the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Nothing says whose certificate the broker may show. The system's roots would let any public one pass.
    #[error(
        "GATEWAY_BROKER_URL is https, but GATEWAY_BROKER_CA_FILE does not say which authority signed the broker's certificate"
    )]
    BrokerAuthority,
    /// TLS files that nothing would use: whoever set them believes that the connection is TLS.
    #[error(
        "GATEWAY_BROKER_CA_FILE, GATEWAY_BROKER_CERT_FILE or GATEWAY_BROKER_KEY_FILE is set, but GATEWAY_BROKER_URL is not https: make it https, or leave the files out"
    )]
    BrokerPlainText,
    /// A host override is unusable.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// An audience is empty: it would match nothing, or everything.
    #[error("GATEWAY_AUDIENCES holds an empty entry: list audiences separated by single commas")]
    EmptyAudience,
    /// The extra CA file is unusable.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// Bearer tokens would travel in the clear.
    #[error(
        "{setting} is {address}, which is not loopback: set GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE, or listen on 127.0.0.1"
    )]
    PlainText {
        /// The setting.
        setting: &'static str,
        /// Its value.
        address: SocketAddr,
    },
    /// The policy file is unusable.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Half of a pair of files.
    #[error("{setting} is set without {lacking}: a certificate and its key go together, set both or neither")]
    Unpaired {
        /// The setting that is there.
        setting: &'static str,
        /// The setting that is not.
        lacking: &'static str,
    },
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

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: [&str; 7] = [
        "gateway",
        "--tenant-id=aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "--client-id=11112222-bbbb-3333-cccc-4444dddd5555",
        "--public-url=https://mcp.contoso.com/mcp",
        "--cloud=AzureCloud",
        "--listen=127.0.0.1:0",
        "--admin-listen=127.0.0.1:0",
    ];

    fn config(more: &[&str]) -> Result<Config, String> {
        let args = Args::try_parse_from(REQUIRED.iter().chain(more)).map_err(|e| e.to_string())?;
        Config::try_from(args).map_err(|e| e.to_string())
    }

    #[test]
    fn defaults_are_the_public_cloud_and_the_documented_audiences() {
        let config = config(&[]).unwrap();
        assert_eq!(config.endpoints.authority.as_str(), "https://login.microsoftonline.com/");
        assert_eq!(config.endpoints.arm.as_str(), "https://management.azure.com/");
        assert_eq!(config.audiences, ["11112222-bbbb-3333-cccc-4444dddd5555", "api://mcp-cost-server"]);
        assert_eq!(config.scope_prefix, "https://mcp.contoso.com/mcp");
    }

    #[test]
    fn what_cannot_work_is_named_with_its_fix() {
        for (more, expected) in [
            (&["--listen=0.0.0.0:8080"][..], "GATEWAY_LISTEN is 0.0.0.0:8080, which is not loopback"),
            (&["--admin-listen=[::]:9080"], "GATEWAY_ADMIN_LISTEN is [::]:9080"),
            (&["--audiences=a,,b"], "GATEWAY_AUDIENCES holds an empty entry"),
            (&["--broker-url=http://broker:50051"], "loopback"),
            (&["--broker-url=ftp://x"], "unix:"),
            (&["--broker-url=https://broker:50051"], "GATEWAY_BROKER_CA_FILE"),
            (&["--broker-ca-file=/ca.pem"], "GATEWAY_BROKER_URL is not https"),
            (&["--public-url=https://user:pw@mcp.contoso.com/mcp"], "user name"),
            (&["--public-url=https://mcp.contoso.com/:mcp"], "`:`"),
            (&["--broker-url=https://user:pw@broker:50051"], "user name"),
            (&["--broker-url=http://127.0.0.1:50051/grpc"], "end after the port"),
            (&["--public-url=https://mcp.contoso.com/"], "path"),
            (&["--public-url=http://mcp.contoso.com/mcp"], "https"),
            (&["--claims-status=500"], "either 403 or 401"),
            (&["--tenant-id=common"], "GUID"),
            (&["--tls-cert-file=x"], "GATEWAY_TLS_KEY_FILE"),
            (&["--policy-file=/nowhere/policy.toml"], "/nowhere/policy.toml"),
        ] {
            // A flag given twice is refused by clap, so the case replaces the default of the same name.
            let name = more[0].split('=').next().unwrap();
            let kept = REQUIRED.iter().filter(|flag| !flag.starts_with(name));
            let args = Args::try_parse_from(kept.chain(more)).map_err(|e| e.to_string());
            let error = args.and_then(|args| Config::try_from(args).map_err(|e| e.to_string())).unwrap_err();
            assert!(error.contains(expected), "{more:?}: {error}");
        }
    }
}
