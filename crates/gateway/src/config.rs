//! Settings: flags with environment names, checked as a whole before anything starts.
//!
//! [`Args`] is what was given, [`Config`] is what holds: every rule was checked when there is one.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use cost::OpenData;
use identity::cloud::Endpoints;
use identity::outbound::{OutboundArgs, OutboundError};
use identity::{ClientId, EmptyAudience, TenantId};
use proto::client::ClientConfig;
use telemetry::TelemetryArgs;
use telemetry::http::TraceContext;

use crate::engine::CostSettings;
use crate::exports::ExportSettings;
use crate::mcp::tool_names;
use crate::policy::{Policies, Policy};
use crate::proxies::Proxies;
use crate::sign_in::SignInSettings;
use crate::users::UserKey;

pub use args::{Args, NEXT};
pub use error::ConfigError;
pub use public_url::{InvalidPublicUrl, PublicUrl};

pub(crate) use error::conflicts;

mod args;
mod error;
mod public_url;

/// Settings that fit together, as the parts of the service take them. What its `Debug` shows is logged at start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Tenant whose users may call.
    pub tenant: TenantId,
    /// This API's application.
    pub client_id: ClientId,
    /// The hosts of the cloud in force.
    pub endpoints: Endpoints,
    /// The outgoing HTTP client.
    pub outbound: Outbound,
    /// Logs and traces.
    pub telemetry: TelemetryArgs,
    /// Who was let through to what.
    pub audit: audit::Settings,
    /// Address that MCP clients reach.
    pub listen: SocketAddr,
    /// Address of health, readiness and metrics.
    pub admin_listen: SocketAddr,
    /// Address of the health words, if there is one: plain, and anywhere.
    pub health_listen: Option<SocketAddr>,
    /// The certificate that both are served with, if they are served over TLS.
    pub tls: Option<TlsPair>,
    /// Canonical MCP URL.
    pub public_url: PublicUrl,
    /// The proxies in front.
    pub proxies: Proxies,
    /// The sign-in facade, if there is one.
    pub sign_in: Option<SignInSettings>,
    /// Hosts that this server is known by.
    pub hosts: Vec<String>,
    /// Origins of the pages that may call.
    pub origins: Vec<String>,
    /// Audiences in force.
    pub audiences: Vec<String>,
    /// URIs that tokens of this API are asked for by.
    pub identifier_uris: Vec<String>,
    /// What stands before `/cost.read` in a fully qualified scope, without a slash at the end.
    pub scope_prefix: String,
    /// Whether version 1.0 tokens are accepted besides 2.0.
    pub accept_v1_tokens: bool,
    /// Who may call which tool.
    pub policies: Policies,
    /// Client applications that may call; empty where every one may.
    pub client_ids: Vec<ClientId>,
    /// The token broker.
    pub broker: ClientConfig,
    /// Status of a refusal that carries claims.
    pub claims_status: u16,
    /// Connections of MCP clients at a time, in all.
    pub max_connections: usize,
    /// Connections of one address at a time.
    pub max_connections_per_address: usize,
    /// Age at which a connection is ended.
    pub max_connection_age: Duration,
    /// How long a connection without a request is kept.
    pub idle: Duration,
    /// Longest request body, in bytes.
    pub max_body_bytes: usize,
    /// Longest time one request may take.
    pub request_timeout: Duration,
    /// How long calls are still taken once the service is told to stop, when readiness says already that they are not.
    pub shutdown_delay: Duration,
    /// Longest time that calls in flight may take to finish after that.
    pub drain: Duration,
    /// Requests each person may make in a minute; 0 means no limit.
    pub calls_per_minute: u32,
    /// What is asked of Azure when, and which answers are kept.
    pub costs: CostSettings,
    /// What exports are kept in.
    pub exports: ExportSettings,
    /// Names of regions, services, types and units for FOCUS files.
    pub open_data: OpenData,
    /// What the trace that a client names is to this server's.
    pub trace_context: TraceContext,
    /// What people are hashed with in traces and in the log.
    pub users: UserKey,
}

/// A certificate and its key, each in a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPair {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
}

/// The outgoing HTTP client, with the settings that it was built from.
#[derive(Clone)]
pub struct Outbound {
    settings: OutboundArgs,
    /// The one pool of connections.
    pub client: reqwest::Client,
}

impl Outbound {
    fn new(settings: OutboundArgs) -> Result<Self, OutboundError> {
        Ok(Self { client: settings.client()?, settings })
    }
}

/// The client itself stays out, for a proxy's URL may hold a password.
impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
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
        let sign_in = args
            .sign_in
            .sign_in_file
            .as_deref()
            .map(|file| SignInSettings::of_file(file, args.public_url.path(), &policies.current()));
        let audiences = identity::audiences(&args.audiences, args.client_id);
        let audiences = audiences.map_err(|EmptyAudience| ConfigError::EmptyAudience)?;
        Ok(Self {
            sign_in: sign_in.transpose()?,
            endpoints,
            policies,
            audiences,
            tls: args.tls(),
            broker: args.broker(),
            proxies: Proxies::new(&args.proxies),
            hosts: args.hosts(),
            origins: args.origins(),
            identifier_uris: args.identifier_uris(),
            scope_prefix: args.scope_prefix_in_force(),
            outbound: Outbound::new(args.outbound)?,
            telemetry: args.telemetry,
            audit: args.audit.into(),
            tenant: args.tenant_id,
            client_id: args.client_id,
            listen: args.listen,
            admin_listen: args.health.admin_listen,
            health_listen: args.health.health_listen,
            public_url: args.public_url,
            accept_v1_tokens: args.accept_v1_tokens,
            client_ids: args.client_ids,
            claims_status: args.claims_status,
            max_connections: args.max_connections,
            max_connections_per_address: args.max_connections_per_address,
            max_connection_age: Duration::from_secs(args.max_connection_age_seconds),
            idle: Duration::from_secs(args.idle_seconds),
            max_body_bytes: args.max_body_bytes,
            request_timeout: Duration::from_secs(args.request_timeout_seconds),
            shutdown_delay: Duration::from_secs(args.shutdown_delay_seconds),
            drain: Duration::from_secs(args.shutdown_seconds),
            calls_per_minute: args.calls_per_minute,
            costs: args.costs.into(),
            open_data: args.exports.open_data()?,
            exports: args.exports.into(),
            trace_context: args.trace_context,
            users: match &args.user_key_file {
                Some(path) => UserKey::read(path)?,
                None => UserKey::random()?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

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
    fn the_health_words_may_be_asked_from_anywhere_and_are_off_by_default() {
        assert_eq!(config(&[]).unwrap().health_listen, None);
        let anywhere = config(&["--health-listen=0.0.0.0:8081"]).unwrap();
        assert_eq!(anywhere.health_listen, Some(([0, 0, 0, 0], 8081).into()));
    }

    #[test]
    fn where_a_listed_proxy_ends_tls_clients_may_be_served_in_plain_text_and_metrics_may_not() {
        let behind = ["--tls-ends-at-proxy", "--trusted-proxies=10.1.0.0/16, 192.0.2.7"];
        let args = |listen: &str, admin: &str| {
            let base = REQUIRED[..5].iter().map(ToString::to_string);
            let listen = [format!("--listen={listen}"), format!("--admin-listen={admin}")];
            let all = base.chain(listen).chain(behind.map(str::to_owned));
            Config::try_from(Args::try_parse_from(all).unwrap()).map_err(|error| error.to_string())
        };
        assert!(args("0.0.0.0:8080", "127.0.0.1:9080").unwrap().proxies.end_tls());
        assert!(
            args("0.0.0.0:8080", "0.0.0.0:9080")
                .unwrap_err()
                .contains("GATEWAY_ADMIN_LISTEN is 0.0.0.0:9080")
        );
    }

    #[test]
    fn what_cannot_work_is_named_with_its_fix() {
        for (more, expected) in [
            (&["--listen=0.0.0.0:8080"][..], "GATEWAY_LISTEN is 0.0.0.0:8080, which is not loopback"),
            (&["--admin-listen=[::]:9080"], "GATEWAY_ADMIN_LISTEN is [::]:9080"),
            (&["--health-listen=8081"], "--health-listen"),
            (&["--shutdown-delay-seconds=121"], "0..=120"),
            (&["--tls-ends-at-proxy"], "GATEWAY_TRUSTED_PROXIES is not set"),
            (&["--trusted-proxies=0.0.0.0/0"], "every address there is"),
            (&["--trusted-proxies=ingress.internal"], "network like 10.1.0.0/16"),
            (
                &["--public-url=http://localhost/mcp", "--tls-ends-at-proxy", "--trusted-proxies=10.0.0.1"],
                "GATEWAY_PUBLIC_URL is not https",
            ),
            (&["--listen=0.0.0.0:8080", "--trusted-proxies=10.0.0.1"], "GATEWAY_TLS_ENDS_AT_PROXY"),
            (&["--cost-quota=12/10s,60/mim,600/h"], "entry 2 (`60/mim`): the windows are 10s, min and h"),
            (&["--cost-quota=12/10s"], "the window min is missing"),
            (&["--cost-scope-per-minute=0"], "1..=10000"),
            (&["--cost-cache-mib=0"], "1..=16384"),
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
