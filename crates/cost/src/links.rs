//! Which addresses in Azure's answers may be followed. A link is text from outside: whoever can change it would
//! otherwise be handed the user's token, or make the server fetch what it should not.

use url::{Host, Url};

use crate::error::Error;

/// A link to Azure Resource Manager itself: same scheme, host and port, and no credentials written into it.
pub(crate) fn to_arm(link: &str, arm: &Url, what: &'static str) -> Result<Url, Error> {
    trusted(parse(link, what)?, arm, what)
}

/// The same for a header, whose reference may be relative to what was asked (RFC 9110 §10.2.2).
pub(crate) fn to_arm_from(asked: &Url, link: &str, arm: &Url, what: &'static str) -> Result<Url, Error> {
    let url = asked.join(link).map_err(|_| Error::UntrustedLink { what, host: None, azure: None })?;
    trusted(url, arm, what)
}

fn trusted(url: Url, arm: &Url, what: &'static str) -> Result<Url, Error> {
    if url.origin() != arm.origin() || !url.origin().is_tuple() || has_credentials(&url) {
        return Err(untrusted(&url, what));
    }
    Ok(url)
}

/// A link to a report file: on a host of the list, over TLS unless the host is this machine.
pub(crate) fn to_blob(link: &str, hosts: &[BlobHost]) -> Result<Url, Error> {
    const WHAT: &str = "report file";
    let url = parse(link, WHAT)?;
    let protected = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !protected || has_credentials(&url) || !hosts.iter().any(|host| host.matches(&url)) {
        return Err(untrusted(&url, WHAT));
    }
    Ok(url)
}

/// A host that report files may come from: `*.blob.core.windows.net`, `localhost:1234`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlobHost {
    /// With a leading full stop if it stands for every name below.
    host: String,
    /// `None` is the scheme's own port.
    port: Option<u16>,
}

impl BlobHost {
    pub(crate) fn new(pattern: &str) -> Self {
        let pattern = pattern.trim().to_ascii_lowercase();
        let (host, port) = match pattern.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, port.parse().ok()),
            _ => (pattern.as_str(), None),
        };
        Self { host: host.strip_prefix('*').unwrap_or(host).to_owned(), port }
    }

    fn matches(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let same_host = if self.host.starts_with('.') {
            host.strip_suffix(self.host.as_str()).is_some_and(|account| !account.is_empty())
        } else {
            host == self.host
        };
        same_host && url.port() == self.port
    }
}

fn parse(link: &str, what: &'static str) -> Result<Url, Error> {
    Url::parse(link).map_err(|_| Error::UntrustedLink { what, host: None, azure: None })
}

fn untrusted(url: &Url, what: &'static str) -> Error {
    Error::UntrustedLink { what, host: url.host_str().map(str::to_owned), azure: None }
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arm_itself_is_followed() {
        let arm = Url::parse("https://management.azure.com/").unwrap();
        assert!(to_arm("https://MANAGEMENT.azure.com:443/x?$skiptoken=AQ%3D%3D", &arm, "x").is_ok());
        for link in [
            "http://management.azure.com/x",
            "https://management.azure.com:8443/x",
            "https://management.azure.com.evil.example/x",
            "https://evil.example/management.azure.com",
            "https://management.azure.com@evil.example/x",
            "https://user:secret@management.azure.com/x",
            "https://user@management.azure.com/x",
            "https://:secret@management.azure.com/x",
            "//management.azure.com/x",
            "/x",
            "...",
            "data:text/plain,x",
        ] {
            assert!(matches!(to_arm(link, &arm, "x"), Err(Error::UntrustedLink { .. })), "{link}");
        }
    }

    #[test]
    fn a_relative_reference_is_one_to_arm_itself() {
        let arm = Url::parse("https://management.azure.com/").unwrap();
        let asked = Url::parse("https://management.azure.com/subscriptions/1/report?x=1").unwrap();
        let to = |link: &str| to_arm_from(&asked, link, &arm, "x").ok().map(|url| url.to_string());
        assert_eq!(to("/a?b=1").as_deref(), Some("https://management.azure.com/a?b=1"));
        assert_eq!(to("status/2").as_deref(), Some("https://management.azure.com/subscriptions/1/status/2"));
        assert_eq!(to("https://management.azure.com/a").as_deref(), Some("https://management.azure.com/a"));
        for elsewhere in
            ["//evil.example/x", "https://evil.example/", "http://management.azure.com/", "data:,x"]
        {
            assert_eq!(to(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn an_opaque_arm_address_trusts_nothing() {
        let arm = Url::parse("data:text/plain,x").unwrap();
        assert!(to_arm("data:text/plain,x", &arm, "x").is_err());
    }

    #[test]
    fn report_files_come_from_listed_hosts() {
        let hosts: Vec<_> = ["*.blob.core.windows.net", "localhost:1234", "[::1]:99"]
            .into_iter()
            .map(BlobHost::new)
            .collect();
        for link in [
            "https://a.BLOB.core.windows.net/c/x.csv?sig=1",
            "http://localhost:1234/x",
            "https://[::1]:99/x?sig=1",
        ] {
            assert!(to_blob(link, &hosts).is_ok(), "{link}");
        }
        for link in [
            "http://a.blob.core.windows.net/x",
            "https://blob.core.windows.net/x",
            "https://.blob.core.windows.net/x",
            "https://a.blob.core.windows.net:8443/x",
            "https://a.blob.core.windows.net.evil.example/x",
            "https://evilblob.core.windows.net/x",
            "https://a.blob.core.windows.net@evil.example/x",
            "https://user@a.blob.core.windows.net/x",
            "https://:secret@a.blob.core.windows.net/x",
            "http://localhost/x",
            "http://localhost:1235/x",
            "https://169.254.169.254/metadata",
            "file:///etc/passwd",
        ] {
            assert!(to_blob(link, &hosts).is_err(), "{link}");
        }
    }
}
