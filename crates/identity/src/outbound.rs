//! The one place that builds outgoing HTTP clients: one pool per service, verified TLS, no redirects. And what is read of
//! every answer in the same way: so much of its body, and the wait that it asks for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{Certificate, Client, Response, redirect};

#[cfg(test)]
mod tests;

/// Settings of the outgoing HTTP client.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cloud")]
pub struct OutboundArgs {
    /// PEM file of certificate authorities trusted in addition to the system's roots.
    #[arg(long, env = "EXTRA_CA_FILE")]
    pub extra_ca_file: Option<PathBuf>,
}

impl OutboundArgs {
    /// Builds the service's client. Call it once: the client is the connection pool.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn client(&self) -> Result<Client, OutboundError> {
        self.build(true)
    }

    /// Builds a client that looks at a service from outside, as a stranger would: it may speak plain HTTP, which is
    /// for loopback only. It must not be given a credential.
    ///
    /// # Errors
    /// As [`OutboundArgs::client`].
    pub fn observer(&self) -> Result<Client, OutboundError> {
        self.build(false)
    }

    fn build(&self, https_only: bool) -> Result<Client, OutboundError> {
        let Some(path) = &self.extra_ca_file else {
            return build(None, https_only);
        };
        let pem =
            std::fs::read(path).map_err(|source| OutboundError::Unreadable { path: path.clone(), source })?;
        build(Some(&pem), https_only).map_err(|error| error.at(path))
    }
}

/// Builds an outgoing client that trusts the system's roots and, if given, those of `extra_ca_pem`.
///
/// Redirects are not followed: a credential must not travel to a host that an answer names.
///
/// # Errors
/// When the PEM holds no certificate, or TLS cannot be set up.
pub fn client(extra_ca_pem: Option<&[u8]>) -> Result<Client, OutboundError> {
    build(extra_ca_pem, true)
}

#[expect(clippy::disallowed_methods, reason = "the one home of outgoing clients")]
fn build(extra_ca_pem: Option<&[u8]>, https_only: bool) -> Result<Client, OutboundError> {
    let mut builder = Client::builder()
        .https_only(https_only)
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .tcp_nodelay(true)
        .user_agent(concat!("mcp-cost-server/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = extra_ca_pem {
        let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
        if certificates.is_empty() {
            return Err(OutboundError::NoCertificate { path: None });
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(OutboundError::Tls)
}

/// Builds the client for services of this machine that speak plain HTTP on a loopback or link-local address, which the
/// caller must have checked: Azure's instance metadata service.
///
/// No proxy is used, whatever the environment says: the request would leave the machine.
///
/// # Errors
/// When the client cannot be set up.
#[expect(clippy::disallowed_methods, reason = "the one home of outgoing clients")]
pub fn local_client() -> Result<Client, OutboundError> {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .user_agent(concat!("mcp-cost-server/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(OutboundError::Tls)
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// When the body is longer, or the connection breaks.
pub async fn read_bounded(mut response: Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| ReadError::Broken(e.without_url()))? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How long an answer asks to be left alone: `Retry-After` (RFC 9110, section 10.2.3), in seconds, as Entra ID writes it,
/// or as a date, as what stands before it may.
pub fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    wait(response.headers().get("retry-after")?.to_str().ok()?, now)
}

fn wait(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why no outgoing client can be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The file holds no PEM certificate.
    #[error("EXTRA_CA_FILE{} holds no PEM certificate (-----BEGIN CERTIFICATE-----)", at_path(path.as_deref()))]
    NoCertificate {
        /// The file, if the certificates came from one.
        path: Option<PathBuf>,
    },
    /// TLS could not be set up.
    #[error("the outgoing TLS client cannot be set up")]
    Tls(#[source] reqwest::Error),
    /// The file cannot be read.
    #[error("EXTRA_CA_FILE `{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl OutboundError {
    fn at(self, path: &Path) -> Self {
        match self {
            Self::NoCertificate { .. } => Self::NoCertificate { path: Some(path.to_owned()) },
            other => other,
        }
    }
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The connection broke.
    #[error("the answer broke off")]
    Broken(#[source] reqwest::Error),
    /// The body is longer than allowed.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The bound, in bytes.
        limit: usize,
    },
}

fn at_path(path: Option<&Path>) -> String {
    path.map(|p| format!(" `{}`", p.display())).unwrap_or_default()
}
