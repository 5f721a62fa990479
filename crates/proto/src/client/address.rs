//! Where the token broker is. Assertions go there, so plain text is for loopback and unix sockets only.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::{Host, Url};

/// The broker's address: `http://` on loopback, `https://`, or `unix:/path`.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    text: String,
    pub(super) place: Place,
}

/// An address, understood.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Plain text to this `host:port`; what it resolves to must be loopback.
    Loopback { authority: String, host: String, port: u16 },
    /// TLS to this `host:port`, whose certificate is for `host`.
    Tls { authority: String, host: String, port: u16 },
    /// A unix socket.
    Socket(PathBuf),
}

impl BrokerAddress {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host or the socket's path, and the port: what of it may stand in a trace.
    pub fn server(&self) -> (&str, Option<u16>) {
        match &self.place {
            Place::Socket(path) => (path.to_str().unwrap_or_default(), None),
            Place::Loopback { host, port, .. } | Place::Tls { host, port, .. } => (host, Some(*port)),
        }
    }

    /// Whether the connection is TLS.
    pub fn is_tls(&self) -> bool {
        matches!(self.place, Place::Tls { .. })
    }
}

impl FromStr for BrokerAddress {
    type Err = InvalidBrokerAddress;

    fn from_str(text: &str) -> Result<Self, InvalidBrokerAddress> {
        let place = match text.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => Place::Socket(path.into()),
            Some(_) => return Err(InvalidBrokerAddress("a unix socket needs an absolute path")),
            None => place(text)?,
        };
        Ok(Self { text: text.to_owned(), place })
    }
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// A text that cannot be the broker's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write https://host:port, http://127.0.0.1:50051 (loopback only) or unix:/path")]
pub struct InvalidBrokerAddress(&'static str);

fn place(text: &str) -> Result<Place, InvalidBrokerAddress> {
    let url = Url::parse(text).map_err(|_| InvalidBrokerAddress("it is not a URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidBrokerAddress("it must hold no user name or password"));
    }
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return Err(InvalidBrokerAddress("the scheme is not known"));
    };
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(InvalidBrokerAddress("it must end after the port: the contract has paths of its own"));
    }
    let authority = format!("{host}:{port}");
    let loopback = match &host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    match url.scheme() {
        "https" => Ok(Place::Tls { authority, host: bare(&host), port }),
        "http" if loopback => Ok(Place::Loopback { authority, host: bare(&host), port }),
        "http" => Err(InvalidBrokerAddress("plain text is for loopback only")),
        _ => Err(InvalidBrokerAddress("the scheme is not known")),
    }
}

/// As it stands in a certificate, and is looked up: an address of version 6 without its brackets.
fn bare(host: &Host<&str>) -> String {
    match host {
        Host::Ipv6(ip) => ip.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_three_kinds_are_read() {
        for (text, is_tls) in [
            ("http://127.0.0.1:50051", false),
            ("http://[::1]:50051", false),
            ("http://localhost:50051/", false),
            ("unix:/run/broker.sock", false),
            ("https://token-broker.internal", true),
            ("https://[2001:db8::1]:50051", true),
        ] {
            let address: BrokerAddress = text.parse().unwrap();
            assert_eq!((address.as_str(), address.is_tls()), (text, is_tls));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (text, reason) in [
            ("http://broker:50051", "plain text is for loopback only"),
            ("http://10.0.0.1:50051", "plain text is for loopback only"),
            ("http://127.0.0.1.evil.example:1", "plain text is for loopback only"),
            ("https://user:pw@broker:50051", "user name"),
            ("https://broker:50051/path", "end after the port"),
            ("unix:relative.sock", "absolute path"),
            ("ftp://broker", "scheme"),
            ("broker:50051", "scheme"),
            ("", "not a URL"),
        ] {
            let error = text.parse::<BrokerAddress>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("unix:/path"), "{text}: {error}");
        }
    }
}
