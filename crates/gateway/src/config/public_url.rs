//! The canonical MCP URL: what clients connect to, and what tokens are requested for.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// A canonical MCP URL: https (http on loopback), a path that is not empty, no slash at the end.
///
/// Entra ID compares a client's `resource` parameter (RFC 8707) with the application's identifier URIs letter by
/// letter, and Microsoft's rules for such a URI are these ("Secure an MCP server with Microsoft Entra ID").
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

impl PublicUrl {
    /// The path MCP is served at, e.g. `/mcp`.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// The same server at another path, which must be one that means itself in a URL.
    pub(crate) fn at(&self, path: &str) -> Self {
        let mut url = self.0.clone();
        url.set_path(path);
        Self(url)
    }

    /// The same server, at this name beside the last part of the path: what a proxy hands on with MCP it hands on too.
    pub(crate) fn beside(&self, name: &str) -> Self {
        let above = self.path().rsplit_once('/').map_or("", |(above, _)| above);
        self.at(&format!("{above}/{name}"))
    }

    /// The origin, e.g. `https://mcp.contoso.com`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether clients speak TLS.
    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Host and, unless it is the scheme's own, port: as a `Host` header has them.
    pub fn authority(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Where this resource's metadata is (RFC 9728 section 3.1: the well-known part goes before the path).
    pub fn metadata_url(&self) -> String {
        format!("{}/.well-known/oauth-protected-resource{}", self.origin(), self.path())
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let url = Url::parse(text).map_err(|_| InvalidPublicUrl("it is not a URL"))?;
        if !url.has_host() {
            return Err(InvalidPublicUrl("it has no host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidPublicUrl("it must hold no user name or password"));
        }
        match url.scheme() {
            "https" => {}
            "http" if identity::is_loopback(&url) => {}
            _ => return Err(InvalidPublicUrl("it must be https (http is for loopback only)")),
        }
        if url.path() == "/" || url.path().ends_with('/') {
            return Err(InvalidPublicUrl("it needs a path without a slash at the end, like /mcp"));
        }
        // The path becomes a route: what means something to a router is refused.
        if url.path_segments().is_some_and(|mut segments| segments.any(|segment| segment.starts_with(':'))) {
            return Err(InvalidPublicUrl("no part of its path may begin with `:`"));
        }
        if url.path().contains(['{', '}', '*', '%']) || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidPublicUrl("it must have no query, fragment or escaped characters"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_str().fmt(f)
    }
}

/// A text that cannot be the canonical MCP URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write it as clients do, e.g. https://mcp.contoso.com/mcp")]
pub struct InvalidPublicUrl(&'static str);
