//! Which Azure: one name sets the authority, ARM, Graph and storage hosts together, and each can be overridden.
//!
//! Hosts as Microsoft lists them under "National clouds" (authentication-national-cloud, Azure CLI `az cloud show`).

use clap::{Args, ValueEnum};
use url::Url;

/// Settings that choose the cloud and override single hosts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cloud")]
pub struct CloudArgs {
    /// Cloud that the tenant lives in; sets authority, ARM, Graph and storage hosts together.
    #[arg(long = "cloud", env = "AZURE_CLOUD", value_enum, default_value_t = Cloud::AzureCloud)]
    pub cloud: Cloud,

    /// Overrides the authority (token issuing host) of the cloud, e.g. `https://login.microsoftonline.com`.
    #[arg(long, env = "AZURE_AUTHORITY_HOST")]
    pub authority_host: Option<Url>,

    /// Overrides the Azure Resource Manager endpoint of the cloud.
    #[arg(long, env = "AZURE_ARM_ENDPOINT")]
    pub arm_endpoint: Option<Url>,

    /// Overrides the Microsoft Graph endpoint of the cloud.
    #[arg(long, env = "AZURE_GRAPH_ENDPOINT")]
    pub graph_endpoint: Option<Url>,

    /// Overrides the hosts that cost report downloads may come from: `host`, `host:port` or `*.suffix`.
    #[arg(long, env = "AZURE_BLOB_HOSTS", value_delimiter = ',')]
    pub blob_hosts: Vec<String>,
}

impl CloudArgs {
    /// The hosts in force.
    ///
    /// # Errors
    /// When an override is not an https origin: these hosts are sent credentials.
    pub fn endpoints(&self) -> Result<Endpoints, CloudError> {
        let hosts = self.cloud.hosts();
        let endpoint = |setting, given: &Option<Url>, default: &'static str| match given {
            Some(url) => https_origin(setting, url),
            None => Ok(static_url(default)),
        };
        Ok(Endpoints {
            authority: endpoint("AZURE_AUTHORITY_HOST", &self.authority_host, hosts.authority)?,
            arm: endpoint("AZURE_ARM_ENDPOINT", &self.arm_endpoint, hosts.arm)?,
            graph: endpoint("AZURE_GRAPH_ENDPOINT", &self.graph_endpoint, hosts.graph)?,
            blob_hosts: match self.blob_hosts.as_slice() {
                [] => vec![hosts.blob.to_owned()],
                given => given.to_vec(),
            },
            token_exchange_audience: hosts.token_exchange_audience.to_owned(),
        })
    }
}

/// An Azure cloud, by the name the Azure CLI gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Cloud {
    /// The public cloud.
    #[value(name = "AzureCloud")]
    AzureCloud,
    /// Azure operated by 21Vianet.
    #[value(name = "AzureChinaCloud")]
    AzureChinaCloud,
    /// Azure Government.
    #[value(name = "AzureUSGovernment")]
    AzureUsGovernment,
}

impl Cloud {
    fn hosts(self) -> Hosts {
        match self {
            Self::AzureCloud => Hosts {
                authority: "https://login.microsoftonline.com",
                arm: "https://management.azure.com",
                graph: "https://graph.microsoft.com",
                blob: "*.blob.core.windows.net",
                token_exchange_audience: "api://AzureADTokenExchange",
            },
            Self::AzureChinaCloud => Hosts {
                authority: "https://login.partner.microsoftonline.cn",
                arm: "https://management.chinacloudapi.cn",
                graph: "https://microsoftgraph.chinacloudapi.cn",
                blob: "*.blob.core.chinacloudapi.cn",
                token_exchange_audience: "api://AzureADTokenExchangeChina",
            },
            Self::AzureUsGovernment => Hosts {
                authority: "https://login.microsoftonline.us",
                arm: "https://management.usgovcloudapi.net",
                graph: "https://graph.microsoft.us",
                blob: "*.blob.core.usgovcloudapi.net",
                token_exchange_audience: "api://AzureADTokenExchangeUSGov",
            },
        }
    }
}

struct Hosts {
    authority: &'static str,
    arm: &'static str,
    graph: &'static str,
    blob: &'static str,
    token_exchange_audience: &'static str,
}

/// The hosts in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Issues tokens, e.g. `https://login.microsoftonline.com`.
    pub authority: Url,
    /// Azure Resource Manager, e.g. `https://management.azure.com`.
    pub arm: Url,
    /// Microsoft Graph, e.g. `https://graph.microsoft.com`.
    pub graph: Url,
    /// Hosts that cost reports may be downloaded from: `host`, `host:port` or `*.suffix`.
    pub blob_hosts: Vec<String>,
    /// Audience of a federated credential in this cloud.
    pub token_exchange_audience: String,
}

/// A host override that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{setting} is `{value}`: it must be an https origin without path, e.g. https://login.microsoftonline.com"
)]
pub struct CloudError {
    setting: &'static str,
    value: String,
}

fn https_origin(setting: &'static str, url: &Url) -> Result<Url, CloudError> {
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if url.scheme() == "https" && url.has_host() && bare && anonymous {
        return Ok(url.clone());
    }
    // A user name or password in the URL is not repeated: the error ends up in a log.
    let value = url.host_str().unwrap_or("not a host").to_owned();
    Err(CloudError { setting, value })
}

#[expect(clippy::expect_used, reason = "the arguments are the constants above, which a test parses")]
fn static_url(text: &'static str) -> Url {
    Url::parse(text).expect("a constant URL parses")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(cloud: Cloud) -> CloudArgs {
        CloudArgs {
            cloud,
            authority_host: None,
            arm_endpoint: None,
            graph_endpoint: None,
            blob_hosts: vec![],
        }
    }

    #[test]
    fn every_cloud_has_hosts_of_its_own() {
        let all: Vec<_> = Cloud::value_variants().iter().map(|c| args(*c).endpoints().unwrap()).collect();
        for (i, one) in all.iter().enumerate() {
            for other in &all[i + 1..] {
                assert_ne!(one.authority, other.authority);
                assert_ne!(one.arm, other.arm);
                assert_ne!(one.graph, other.graph);
                assert_ne!(one.blob_hosts, other.blob_hosts);
            }
        }
        assert_eq!(all[0].arm.as_str(), "https://management.azure.com/");
    }

    #[test]
    fn an_override_takes_the_place_of_one_host() {
        let default = args(Cloud::AzureCloud).endpoints().unwrap();
        let own: Url = "https://localhost:8443".parse().unwrap();
        let mut args = args(Cloud::AzureCloud);
        args.graph_endpoint = Some(own.clone());
        args.blob_hosts = vec!["localhost:8446".to_owned()];
        let blob_hosts = args.blob_hosts.clone();
        assert_eq!(args.endpoints().unwrap(), Endpoints { graph: own, blob_hosts, ..default });
    }

    #[test]
    fn an_override_must_be_an_https_origin() {
        for bad in [
            "http://localhost:1",
            "https://host/path",
            "https://user:pw@host",
            "https://user@host",
            "https://:pw@host",
            "https://host?x=1",
            "https://host#x",
        ] {
            let mut args = args(Cloud::AzureCloud);
            args.authority_host = Some(Url::parse(bad).unwrap());
            let error = args.endpoints().unwrap_err().to_string();
            assert!(error.starts_with("AZURE_AUTHORITY_HOST is `"), "{error}");
            assert!(!error.contains("pw"), "{error}");
        }
    }
}
