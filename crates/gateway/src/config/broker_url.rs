//! Where the token broker is. Assertions go there, so plain text is for loopback and unix sockets only.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The broker's address: `http://` on loopback, `https://`, or `unix:/path`.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl(String);

impl BrokerUrl {
    /// The address as the gRPC transport takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the connection is TLS.
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl FromStr for BrokerUrl {
    type Err = InvalidBrokerUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBrokerUrl> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.starts_with('/') {
                return Ok(Self(text.to_owned()));
            }
            return Err(InvalidBrokerUrl("a unix socket needs an absolute path"));
        }
        let url = Url::parse(text).map_err(|_| InvalidBrokerUrl("it is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidBrokerUrl("it must hold no user name or password"));
        }
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(text.to_owned())),
            "http" if loopback => Ok(Self(text.to_owned())),
            "http" => Err(InvalidBrokerUrl("plain text is for loopback only")),
            _ => Err(InvalidBrokerUrl("the scheme is not known")),
        }
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that cannot be the broker's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write https://host:port, http://127.0.0.1:50051 (loopback only) or unix:/path")]
pub struct InvalidBrokerUrl(&'static str);
