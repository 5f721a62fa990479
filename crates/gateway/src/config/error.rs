//! What can be wrong with settings, each named with its fix.

use std::net::SocketAddr;
use std::path::PathBuf;

use identity::cloud::CloudError;
use identity::outbound::OutboundError;

use super::args::Args;
use crate::exports::FocusDataError;
use crate::policy::PolicyError;
use crate::sign_in::SignInError;
use crate::users::UserKeyError;

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
    /// The open data for FOCUS files is unusable.
    #[error(transparent)]
    FocusData(#[from] FocusDataError),
    /// The extra CA file is unusable.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// Bearer tokens would travel in the clear.
    #[error(
        "{setting} is {address}, which is not loopback: set GATEWAY_TLS_CERT_FILE and GATEWAY_TLS_KEY_FILE, or listen on 127.0.0.1{or_else}"
    )]
    PlainText {
        /// The setting.
        setting: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What else there is for this one.
        or_else: &'static str,
    },
    /// There is no key to hash people with.
    #[error(transparent)]
    Users(#[from] UserKeyError),
    /// Tokens would travel in the clear in front of the proxy as well.
    #[error(
        "GATEWAY_TLS_ENDS_AT_PROXY is set, but GATEWAY_PUBLIC_URL is not https: clients would send their tokens in plain text; give the proxy a certificate, and the public URL https"
    )]
    ProxyPublicUrl,
    /// Everybody would be let in, in plain text.
    #[error(
        "GATEWAY_TLS_ENDS_AT_PROXY is set, but GATEWAY_TRUSTED_PROXIES is not set: list the addresses or networks of the proxies in front"
    )]
    ProxyUnknown,
    /// The policy file is unusable.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The file of the sign-in facade is unusable.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// Half of a pair of files.
    #[error("{setting} is set without {lacking}: a certificate and its key go together, set both or neither")]
    Unpaired {
        /// The setting that is there.
        setting: &'static str,
        /// The setting that is not.
        lacking: &'static str,
    },
}

const OR_A_PROXY: &str =
    "; where a proxy in front ends TLS, set GATEWAY_TLS_ENDS_AT_PROXY and GATEWAY_TRUSTED_PROXIES";
const OR_HEALTH: &str = "; for probes alone there is GATEWAY_HEALTH_LISTEN";

/// Every way in which settings that are right each for itself do not fit together.
pub(crate) fn conflicts(args: &Args) -> impl Iterator<Item = ConfigError> {
    let plain_text = |setting, address: SocketAddr, or_else| {
        let clear = args.tls_cert_file.is_none() && !address.ip().is_loopback();
        clear.then_some(ConfigError::PlainText { setting, address, or_else })
    };
    let proxied = args.proxies.tls_ends_at_proxy;
    let unknown_proxy = proxied && args.proxies.trusted_proxies.is_empty();
    let odd_url = proxied && !args.public_url.is_https();
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
        plain_text("GATEWAY_LISTEN", args.listen, OR_A_PROXY).filter(|_| !proxied),
        plain_text("GATEWAY_ADMIN_LISTEN", args.health.admin_listen, OR_HEALTH),
        unknown_proxy.then_some(ConfigError::ProxyUnknown),
        odd_url.then_some(ConfigError::ProxyPublicUrl),
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
