//! What the preflight looks for in the tenant: settings of its own, and some that the gateway has too.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use identity::ClientId;
use url::Url;

use super::needs::{Needs, NeedsError};
use crate::list::listed;
use crate::resource::{Resource, Resources};

/// The look at the tenant.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Preflight")]
pub struct PreflightArgs {
    /// Look at the tenant at the start and every hour; switch it off where Microsoft Graph is out of reach by intent.
    #[arg(
        long,
        env = "PREFLIGHT_ENABLED",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_value_t = true,
        default_missing_value = "true"
    )]
    pub preflight_enabled: bool,

    /// Make the broker not ready while something is missing in the tenant. What is unknown never does.
    #[arg(
        long,
        env = "PREFLIGHT_REQUIRED",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        default_value_t = false,
        default_missing_value = "true"
    )]
    pub preflight_required: bool,

    /// Application ids of the clients whose consent is looked at, separated by commas. `id:cost.read` is a client that
    /// is to have only that scope (several: spaces between them), an id alone one that is to have all of the policy.
    #[arg(long, env = "PREFLIGHT_CLIENT_IDS", value_delimiter = ',')]
    pub preflight_client_ids: Vec<String>,

    /// Scopes that only an administrator may consent to, separated by commas; `none` for none.
    #[arg(long, env = "PREFLIGHT_ADMIN_SCOPES", value_delimiter = ',', default_value = "cost.export")]
    pub preflight_admin_scopes: Vec<String>,

    /// Downstream resources that the API must have consent for, by name, separated by commas; `none` for none.
    #[arg(long, env = "PREFLIGHT_RESOURCES", value_delimiter = ',', default_value = "arm")]
    pub preflight_resources: Vec<String>,

    /// Canonical MCP URL of the gateway: it must be an identifier URI of the application.
    #[arg(long, env = "GATEWAY_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// What stands before `/cost.read` in a fully qualified scope, as set at the gateway [default: the public URL].
    #[arg(long, env = "GATEWAY_SCOPE_PREFIX")]
    pub scope_prefix: Option<String>,

    /// The gateway's policy, of which the scopes and roles are read [default: built in].
    #[arg(long, env = "GATEWAY_POLICY_FILE")]
    pub policy_file: Option<PathBuf>,
}

/// The look at the tenant, as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreflightSettings {
    /// Whether the tenant is looked at by itself.
    pub enabled: bool,
    /// Whether something missing makes the broker not ready.
    pub required: bool,
    /// Clients whose consent is looked at.
    pub clients: Vec<KnownClient>,
    /// Scopes that only an administrator may consent to.
    pub admin_scopes: Vec<String>,
    /// Downstream resources that the API must have consent for.
    pub resources: Vec<Resource>,
    /// The canonical MCP URL, without a slash at the end, if it is known: what clients send as `resource`.
    pub public_url: Option<String>,
    /// What stands before `/cost.read`, without a slash at the end, if it is known.
    pub scope_prefix: Option<String>,
    /// What the policy needs.
    pub needs: Needs,
}

/// A client, and what it is to be able to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownClient {
    /// Its application id.
    pub id: ClientId,
    /// Scopes of the policy.
    pub scopes: BTreeSet<String>,
}

impl KnownClient {
    /// Reads `id` or `id:scope scope`.
    fn parse(text: &str, needs: &Needs) -> Result<Self, PreflightSettingsError> {
        let (id, scopes) = text.split_once(':').map_or((text, None), |(id, scopes)| (id, Some(scopes)));
        let short = |value: &str| value.chars().take(64).collect();
        let id = id.trim().parse().map_err(|_| PreflightSettingsError::ClientId { value: short(text) })?;
        let Some(scopes) = scopes else { return Ok(Self { id, scopes: needs.scopes.clone() }) };
        let of_policy = |given: &str| {
            let known = needs.scopes.iter().find(|scope| scope.eq_ignore_ascii_case(given)).cloned();
            known.ok_or_else(|| PreflightSettingsError::ClientScope {
                scope: short(given),
                known: needs.scopes.iter().cloned().collect::<Vec<_>>().join(", "),
            })
        };
        Ok(Self { id, scopes: scopes.split_whitespace().map(of_policy).collect::<Result<_, _>>()? })
    }
}

impl PreflightSettings {
    /// The URIs that tokens of this API are asked for by, as far as they are known.
    pub(crate) fn identifier_uris(&self) -> Vec<String> {
        self.scope_prefix.iter().chain(&self.public_url).cloned().collect()
    }

    /// Checks the settings, and reads the policy file.
    ///
    /// # Errors
    /// [`PreflightSettingsError`] names the setting and the fix.
    pub(crate) fn new(args: PreflightArgs, known: &Resources) -> Result<Self, PreflightSettingsError> {
        let resources = listed(&args.preflight_resources).map(|name| {
            let unknown = || PreflightSettingsError::Resource { name: name.chars().take(64).collect() };
            known.find(name).cloned().ok_or_else(unknown)
        });
        let url = |text: Option<String>| {
            text.map(|url| url.trim().trim_end_matches('/').to_owned()).filter(|url| !url.is_empty())
        };
        let public_url = url(args.public_url);
        let needs = match args.policy_file {
            Some(path) => Needs::read(&path)?,
            None => Needs::built_in(),
        };
        let clients = listed(&args.preflight_client_ids).map(|text| KnownClient::parse(text, &needs));
        Ok(Self {
            enabled: args.preflight_enabled,
            required: args.preflight_required,
            clients: clients.collect::<Result<_, _>>()?,
            admin_scopes: listed(&args.preflight_admin_scopes).map(str::to_owned).collect(),
            resources: resources.collect::<Result<_, _>>()?,
            scope_prefix: url(args.scope_prefix).or_else(|| public_url.clone()),
            public_url,
            needs,
        })
    }
}

/// Where Microsoft Graph is.
#[derive(Clone, PartialEq, Eq)]
pub struct GraphSettings {
    /// Where it is dialled.
    pub origin: Url,
    /// As tokens for it are asked for: `https://graph.microsoft.com/.default`, its public identifier, whatever the origin.
    pub scope: String,
}

/// May be logged. A URL is shown as it is written.
impl fmt::Debug for GraphSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphSettings")
            .field("origin", &self.origin.as_str())
            .field("scope", &self.scope)
            .finish()
    }
}

/// Settings of the preflight that cannot be used. Each text names the setting and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PreflightSettingsError {
    /// No application id.
    #[error(
        "PREFLIGHT_CLIENT_IDS holds `{value}`: list application (client) ids, GUIDs, separated by commas, each alone \
         or with its scopes as in `id:cost.read`"
    )]
    ClientId {
        /// What was given.
        value: String,
    },
    /// A scope that no tool needs.
    #[error(
        "PREFLIGHT_CLIENT_IDS gives a client the scope `{scope}`, which no tool needs: the policy has {known}"
    )]
    ClientScope {
        /// What was given.
        scope: String,
        /// What there is.
        known: String,
    },
    /// No downstream resource of that name.
    #[error("PREFLIGHT_RESOURCES holds `{name}`: no downstream resource of that name is configured")]
    Resource {
        /// What was given.
        name: String,
    },
    /// The policy.
    #[error(transparent)]
    Policy(#[from] NeedsError),
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use identity::cloud::Cloud;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        args: PreflightArgs,
    }

    fn settings(flags: &[&str]) -> Result<PreflightSettings, PreflightSettingsError> {
        let only = Only::parse_from([&["x"], flags].concat());
        PreflightSettings::new(only.args, &Resources::of(Cloud::AzureCloud).unwrap())
    }

    #[test]
    fn it_is_on_and_gates_nothing_by_default() {
        let settings = settings(&[]).unwrap();
        assert!(settings.enabled && !settings.required && settings.clients.is_empty());
        assert_eq!(settings.admin_scopes, ["cost.export"]);
        assert_eq!(settings.resources[0].permission.to_string(), "Azure Resource Manager user_impersonation");
        assert_eq!((settings.needs, settings.scope_prefix), (Needs::built_in(), None));
    }

    #[test]
    fn the_scope_prefix_is_the_public_url_unless_it_is_set() {
        let url = "--public-url=https://mcp.contoso.com/mcp/";
        assert_eq!(settings(&[url]).unwrap().scope_prefix.unwrap(), "https://mcp.contoso.com/mcp");
        let both = settings(&[url, "--scope-prefix=api://mcp-cost-server"]).unwrap();
        assert_eq!(both.scope_prefix.unwrap(), "api://mcp-cost-server");
        assert_eq!(both.public_url.unwrap(), "https://mcp.contoso.com/mcp");
    }

    #[test]
    fn a_client_has_all_scopes_of_the_policy_or_those_that_it_is_given() {
        let (one, two) = ("aebc6443-996d-45c2-90f0-388ff96faa56", "04b07795-8ddb-461a-bbee-02f9e1bf7b46");
        let settings = settings(&[&format!("--preflight-client-ids={one}, {two}: COST.READ ")]).unwrap();
        let scopes =
            |number: usize| settings.clients[number].scopes.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!((scopes(0), scopes(1)), (vec!["cost.export", "cost.read"], vec!["cost.read"]));
        assert_eq!(settings.clients[1].id.to_string(), two);
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_fix() {
        for (flag, expected) in [
            ("--preflight-client-ids=Assistant", "PREFLIGHT_CLIENT_IDS holds `Assistant`"),
            (
                "--preflight-client-ids=aebc6443-996d-45c2-90f0-388ff96faa56:cost.raed",
                "PREFLIGHT_CLIENT_IDS gives a client the scope `cost.raed`",
            ),
            ("--preflight-resources=arm,mars", "PREFLIGHT_RESOURCES holds `mars`"),
            ("--policy-file=/nowhere/policy.toml", "GATEWAY_POLICY_FILE `/nowhere/policy.toml`"),
        ] {
            let error = settings(&[flag]).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(settings(&["--preflight-client-ids="]).unwrap().clients.is_empty());
    }
}
