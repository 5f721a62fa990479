//! Hosts and origins, compared as what they are: without regard to case, and a port that is the scheme's own left out.

use axum::http::Uri;
use axum::http::uri::Authority;

/// A host that this server is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    name: String,
    /// `None` where any port will do.
    port: Option<u16>,
}

impl Host {
    /// Reads an entry of a list: `host` or `host:port`.
    pub(super) fn allowed(text: &str) -> Option<Self> {
        // An address of IPv6 without brackets is not an authority.
        let text =
            if text.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{text}]") } else { text.to_owned() };
        let authority = Authority::try_from(text.trim()).ok()?;
        Some(Self { name: authority.host().to_ascii_lowercase(), port: authority.port_u16() })
    }

    /// Whether a request for this host is one for us. A port that is left out is that of https or http.
    pub(super) fn admits(&self, asked: &Authority) -> bool {
        let port = asked.port_u16();
        let fits = self.port.is_none_or(|own| port.map_or(matches!(own, 443 | 80), |port| port == own));
        fits && asked.host().eq_ignore_ascii_case(&self.name)
    }
}

/// Whether two names of a host are two hosts.
pub(super) fn differ(one: &Authority, other: &Authority, scheme: Option<&str>) -> bool {
    let own = match scheme {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    };
    let port = |authority: &Authority| authority.port_u16().filter(|port| Some(*port) != own);
    !one.host().eq_ignore_ascii_case(other.host()) || port(one) != port(other)
}

/// Where a page comes from (RFC 6454 section 6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    host: String,
    port: Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Any,
    One(Option<u16>),
}

impl Origin {
    /// Reads an entry of a list: `https://host`, `https://host:port`, or with `*` for any port.
    pub(super) fn allowed(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('/');
        match text.strip_suffix(":*") {
            Some(text) => Self::of_header(text).map(|origin| Self { port: Port::Any, ..origin }),
            None => Self::of_header(text),
        }
    }

    /// Reads what a browser sends. `null` is refused: any page can make it itself.
    pub(super) fn of_header(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        // An origin is no more than scheme, host and port.
        let authority =
            Authority::try_from(authority).ok().filter(|authority| !authority.as_str().contains('@'))?;
        let _is_uri = Uri::builder()
            .scheme(scheme.as_str())
            .authority(authority.clone())
            .path_and_query("/")
            .build()
            .ok()?;
        let own = match scheme.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        let port = Port::One(authority.port_u16().or(own));
        Some(Self { scheme, host: authority.host().to_ascii_lowercase(), port })
    }

    /// Whether a page of `origin` is one of ours.
    pub(super) fn admits(&self, origin: &Self) -> bool {
        let same_port = self.port == Port::Any || self.port == origin.port;
        same_port && self.scheme == origin.scheme && self.host == origin.host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(text: &str) -> Authority {
        text.parse().unwrap()
    }

    #[test]
    fn a_host_is_the_same_in_either_case_and_with_its_own_port() {
        let host = Host::allowed("mcp.contoso.com").unwrap();
        for (asked, expected) in [
            ("MCP.contoso.com", true),
            ("mcp.contoso.com:8443", true),
            ("mcp.contoso.com.evil.example", false),
        ] {
            assert_eq!(host.admits(&authority(asked)), expected, "{asked}");
        }
        let with_port = Host::allowed("mcp.contoso.com:8443").unwrap();
        assert!(with_port.admits(&authority("mcp.contoso.com:8443")));
        assert!(!with_port.admits(&authority("mcp.contoso.com:8444")));
        assert!(!with_port.admits(&authority("mcp.contoso.com")));
        assert!(Host::allowed("mcp.contoso.com:443").unwrap().admits(&authority("mcp.contoso.com")));
        assert!(Host::allowed("::1").unwrap().admits(&authority("[::1]:8080")));
    }

    #[test]
    fn two_names_are_one_host_or_two() {
        for (one, other, scheme, expected) in [
            ("a.example", "A.example", None, false),
            ("a.example:443", "a.example", Some("https"), false),
            ("a.example:443", "a.example", Some("http"), true),
            ("a.example:80", "a.example", Some("http"), false),
            ("a.example:443", "a.example", None, true),
            ("a.example", "b.example", Some("https"), true),
        ] {
            assert_eq!(differ(&authority(one), &authority(other), scheme), expected, "{one} {other}");
        }
    }

    #[test]
    fn an_origin_is_compared_as_a_whole() {
        let admits = |allowed: &str, sent: &str| {
            let origin = Origin::of_header(sent);
            origin.is_some_and(|origin| Origin::allowed(allowed).unwrap().admits(&origin))
        };
        for (allowed, sent, expected) in [
            ("https://app.contoso.com", "https://app.contoso.com", true),
            ("https://app.contoso.com/", "https://APP.contoso.com:443", true),
            ("https://app.contoso.com", "http://app.contoso.com", false),
            ("https://app.contoso.com", "https://app.contoso.com:8443", false),
            ("https://app.contoso.com", "https://app.contoso.com.evil.example", false),
            ("https://app.contoso.com", "https://user@app.contoso.com", false),
            ("http://localhost", "http://localhost:80", true),
            ("http://localhost:*", "http://localhost:6274", true),
            ("http://localhost:*", "https://localhost:6274", false),
            ("https://app.contoso.com", "null", false),
        ] {
            assert_eq!(admits(allowed, sent), expected, "{allowed} {sent}");
        }
        assert_eq!(Origin::allowed("null"), None);
    }
}
