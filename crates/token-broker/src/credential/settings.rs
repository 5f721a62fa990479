//! How the broker proves to Entra ID who it is: exactly one of three ways, and the rules between their settings.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use identity::ClientId;
use secrecy::SecretString;
use url::{Host, Url};

/// Where Azure's instance metadata service listens on every virtual machine.
const IMDS: &str = "http://169.254.169.254/";

/// The broker's own credential: one of certificate file, federated token file, managed identity.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Credential")]
pub struct CredentialArgs {
    /// File with the application's certificate and RSA key: PEM in any order. A build with the
    /// feature `pfx` also reads PFX, binary or as base64 text.
    #[arg(long, env = "AZURE_CLIENT_CERTIFICATE_PATH")]
    pub client_certificate_path: Option<PathBuf>,

    /// File with the password of a PFX; leave it out if the password is empty.
    #[arg(long, env = "AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE")]
    pub client_certificate_password_file: Option<PathBuf>,

    /// File with a token that the application trusts as a federated credential; AKS workload identity sets it.
    #[arg(long, env = "AZURE_FEDERATED_TOKEN_FILE")]
    pub federated_token_file: Option<PathBuf>,

    /// Client id of a user-assigned managed identity that the application trusts as a federated credential.
    #[arg(long, env = "AZURE_MANAGED_IDENTITY_CLIENT_ID")]
    pub managed_identity_client_id: Option<ClientId>,

    /// Overrides the host of the instance metadata service, e.g. `http://169.254.169.254`.
    #[arg(long, env = "AZURE_POD_IDENTITY_AUTHORITY_HOST")]
    pub pod_identity_authority_host: Option<Url>,

    /// Where App Service or Container Apps gives out tokens of managed identities; the platform sets it.
    #[arg(long, env = "IDENTITY_ENDPOINT")]
    pub identity_endpoint: Option<Url>,

    /// What that endpoint wants to see; the platform sets it. A secret: never write it on a command line.
    #[arg(long, env = "IDENTITY_HEADER", hide_env_values = true)]
    pub identity_header: Option<SecretString>,
}

/// The credential in force.
#[derive(Clone)]
#[non_exhaustive]
pub enum CredentialConfig {
    /// A certificate and its key sign client assertions.
    Certificate {
        /// The file of both.
        path: PathBuf,
        /// The password of a PFX.
        password_file: Option<PathBuf>,
    },
    /// A token in a file is the client assertion.
    FederatedToken {
        /// The file, which the platform rewrites as tokens expire.
        path: PathBuf,
    },
    /// A managed identity's token is the client assertion.
    ManagedIdentity {
        /// The identity, not the application.
        client_id: ClientId,
        /// Who gives out its tokens.
        endpoint: IdentityEndpoint,
    },
}

/// Who gives out tokens of managed identities on this machine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum IdentityEndpoint {
    /// The instance metadata service of virtual machines, scale sets and AKS nodes.
    Imds(Url),
    /// App Service, Functions and Container Apps.
    AppService {
        /// The endpoint.
        url: Url,
        /// What it wants to see in `X-IDENTITY-HEADER`.
        header: SecretString,
    },
}

impl CredentialConfig {
    /// Which kind it is, and its setting, for the log.
    pub fn describe(&self) -> String {
        match self {
            Self::Certificate { path, password_file } => {
                let password = if password_file.is_some() { ", with a password file" } else { "" };
                format!("certificate `{}`{password}", path.display())
            }
            Self::FederatedToken { path } => format!("federated token file `{}`", path.display()),
            Self::ManagedIdentity { client_id, endpoint: IdentityEndpoint::Imds(url) } => {
                format!("managed identity {client_id} from the instance metadata service {url}")
            }
            Self::ManagedIdentity { client_id, endpoint: IdentityEndpoint::AppService { url, .. } } => {
                format!("managed identity {client_id} from the platform's endpoint {url}")
            }
        }
    }
}

/// May be logged: it is what [`CredentialConfig::describe`] says.
impl fmt::Debug for CredentialConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl TryFrom<CredentialArgs> for CredentialConfig {
    type Error = CredentialConfigError;

    fn try_from(args: CredentialArgs) -> Result<Self, CredentialConfigError> {
        let password_file = args.client_certificate_password_file;
        let (certificate, token) = (args.client_certificate_path, args.federated_token_file);
        if password_file.is_some() && certificate.is_none() {
            return Err(CredentialConfigError::PasswordWithoutCertificate);
        }
        match (certificate, token, args.managed_identity_client_id) {
            (Some(path), None, None) => Ok(Self::Certificate { path, password_file }),
            (None, Some(path), None) => Ok(Self::FederatedToken { path }),
            (None, None, Some(client_id)) => {
                let endpoint = identity_endpoint(
                    args.identity_endpoint,
                    args.identity_header,
                    args.pod_identity_authority_host,
                )?;
                Ok(Self::ManagedIdentity { client_id, endpoint })
            }
            (None, None, None) => Err(CredentialConfigError::None),
            (certificate, token, identity) => Err(CredentialConfigError::Several {
                set: [
                    certificate.map(|_| "AZURE_CLIENT_CERTIFICATE_PATH"),
                    token.map(|_| "AZURE_FEDERATED_TOKEN_FILE"),
                    identity.map(|_| "AZURE_MANAGED_IDENTITY_CLIENT_ID"),
                ]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" and "),
            }),
        }
    }
}

/// Settings of the credential that do not go together. Each text names the settings and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialConfigError {
    /// No credential at all.
    #[error(
        "the broker has no credential: set one of AZURE_CLIENT_CERTIFICATE_PATH (certificate file), \
         AZURE_FEDERATED_TOKEN_FILE (AKS workload identity sets it) and AZURE_MANAGED_IDENTITY_CLIENT_ID \
         (user-assigned managed identity)"
    )]
    None,
    /// More than one.
    #[error(
        "{set} are set, but the broker uses one credential only: leave all but one out, or set them to nothing \
         (AKS workload identity sets AZURE_FEDERATED_TOKEN_FILE by itself in pods labelled \
         azure.workload.identity/use, except where the pod's own specification sets it to an empty value)"
    )]
    Several {
        /// The settings.
        set: String,
    },
    /// A password and nothing to open with it.
    #[error(
        "AZURE_CLIENT_CERTIFICATE_PASSWORD_FILE is set, but AZURE_CLIENT_CERTIFICATE_PATH is not: set the path of \
         the certificate, or leave the password file out"
    )]
    PasswordWithoutCertificate,
    /// Half of what App Service and Container Apps set.
    #[error(
        "{missing} is not set, but its counterpart is: App Service and Container Apps set IDENTITY_ENDPOINT and \
         IDENTITY_HEADER together (Azure Arc sets the first alone, and has no user-assigned identities)"
    )]
    HalfAnEndpoint {
        /// The setting that is missing.
        missing: &'static str,
    },
    /// Tokens would cross a network in plain text.
    #[error(
        "{setting} is `{host}`: tokens come from there in plain text, so it must be an http URL of a loopback or \
         link-local address (169.254.0.0/16), without user name and query"
    )]
    NotLocal {
        /// The setting.
        setting: &'static str,
        /// Its host.
        host: String,
    },
}

fn identity_endpoint(
    endpoint: Option<Url>,
    header: Option<SecretString>,
    imds: Option<Url>,
) -> Result<IdentityEndpoint, CredentialConfigError> {
    match (endpoint, header) {
        (Some(url), Some(header)) => {
            Ok(IdentityEndpoint::AppService { url: local("IDENTITY_ENDPOINT", url)?, header })
        }
        (None, None) => {
            let url =
                imds.map_or_else(imds_default, |url| local("AZURE_POD_IDENTITY_AUTHORITY_HOST", url))?;
            Ok(IdentityEndpoint::Imds(url))
        }
        (Some(_), None) => Err(CredentialConfigError::HalfAnEndpoint { missing: "IDENTITY_HEADER" }),
        (None, Some(_)) => Err(CredentialConfigError::HalfAnEndpoint { missing: "IDENTITY_ENDPOINT" }),
    }
}

fn imds_default() -> Result<Url, CredentialConfigError> {
    let setting = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
    Url::parse(IMDS).map_err(|_| CredentialConfigError::NotLocal { setting, host: IMDS.to_owned() })
}

/// An http URL that leads to this machine and no further.
fn local(setting: &'static str, url: Url) -> Result<Url, CredentialConfigError> {
    let near = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_link_local(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    };
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if url.scheme() == "http" && near && bare {
        return Ok(url);
    }
    let host = url.host_str().unwrap_or("not a host").to_owned();
    Err(CredentialConfigError::NotLocal { setting, host })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        credential: CredentialArgs,
    }

    const IDENTITY: &str = "--managed-identity-client-id=55556666-ffff-7777-aaaa-8888bbbb9999";

    fn config(args: &[&str]) -> Result<CredentialConfig, String> {
        let command = Command::try_parse_from(["broker"].iter().chain(args)).unwrap();
        CredentialConfig::try_from(command.credential).map_err(|error| error.to_string())
    }

    #[test]
    fn exactly_one_credential_is_taken() {
        let kinds = ["--client-certificate-path=/a.pem", "--federated-token-file=/token", IDENTITY];
        let settings = [
            "AZURE_CLIENT_CERTIFICATE_PATH",
            "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_MANAGED_IDENTITY_CLIENT_ID",
        ];
        let none = config(&[]).unwrap_err();
        assert!(settings.iter().all(|setting| none.contains(setting)), "{none}");
        for (i, one) in kinds.iter().enumerate() {
            assert!(config(&[one]).is_ok(), "{one}");
            for (j, other) in kinds.iter().enumerate().skip(i + 1) {
                let error = config(&[one, other]).unwrap_err();
                assert!(
                    error.starts_with(&format!("{} and {} are set", settings[i], settings[j])),
                    "{error}"
                );
            }
        }
        assert!(config(&kinds).unwrap_err().contains("azure.workload.identity/use"));
    }

    #[test]
    fn a_password_needs_its_certificate() {
        let error = config(&["--client-certificate-password-file=/p", IDENTITY]).unwrap_err();
        assert!(error.contains("AZURE_CLIENT_CERTIFICATE_PATH"), "{error}");
    }

    #[test]
    fn the_platform_says_where_tokens_of_a_managed_identity_come_from() {
        let imds = config(&[IDENTITY]).unwrap().describe();
        assert!(imds.contains("http://169.254.169.254/"), "{imds}");
        let platform = config(&[
            IDENTITY,
            "--identity-endpoint=http://localhost:42356/msi/token",
            "--identity-header=s3cr3t",
        ])
        .unwrap();
        assert!(platform.describe().contains("http://localhost:42356/msi/token"));
        assert!(!format!("{platform:?}").contains("s3cr3t"));

        let half = config(&[IDENTITY, "--identity-endpoint=http://localhost:42356/msi/token"]).unwrap_err();
        assert!(half.starts_with("IDENTITY_HEADER is not set"), "{half}");
        let half = config(&[IDENTITY, "--identity-header=s3cr3t"]).unwrap_err();
        assert!(half.starts_with("IDENTITY_ENDPOINT is not set") && !half.contains("s3cr3t"), "{half}");
        // Container Apps sets both wherever there is an identity, also beside another credential.
        let args =
            ["--client-certificate-path=/a", "--identity-endpoint=http://localhost:1", "--identity-header=x"];
        assert!(matches!(config(&args), Ok(CredentialConfig::Certificate { .. })));
    }

    #[test]
    fn tokens_come_in_plain_text_from_this_machine_only() {
        for good in
            ["http://169.254.169.254", "http://127.0.0.1:40342", "http://[::1]:1", "http://localhost:2"]
        {
            assert!(config(&[IDENTITY, "--pod-identity-authority-host", good]).is_ok(), "{good}");
        }
        for bad in [
            "http://10.0.0.1",
            "http://metadata.test",
            "https://169.254.169.254",
            "http://user:pw@127.0.0.1",
            "http://127.0.0.1/?a=b",
            "http://localhost.evil.test",
            "http://[fe80::1]",
        ] {
            let error = config(&[IDENTITY, "--pod-identity-authority-host", bad]).unwrap_err();
            assert!(error.starts_with("AZURE_POD_IDENTITY_AUTHORITY_HOST is `"), "{error}");
            assert!(!error.contains("pw"), "{error}");
            let error = config(&[IDENTITY, "--identity-endpoint", bad, "--identity-header=x"]).unwrap_err();
            assert!(error.starts_with("IDENTITY_ENDPOINT is `"), "{error}");
        }
    }
}
