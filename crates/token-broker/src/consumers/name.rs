//! A name in a certificate that a consumer is known by: a DNS name or a SPIFFE ID, compared exactly.
//!
//! The consumers file and certificates are read by the same rules, so that both refuse the same. Wildcards are
//! refused: a certificate that holds one would be every consumer below it.

use std::fmt;
use std::str::FromStr;

/// The longest DNS name (RFC 1035, section 2.3.4).
const MAX_DNS_LEN: usize = 253;
const MAX_LABEL_LEN: usize = 63;
/// The longest SPIFFE ID (SPIFFE-ID, section 2.3).
const MAX_SPIFFE_LEN: usize = 2048;
const SPIFFE: &str = "spiffe://";

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Name {
    /// A DNS name, in lower case.
    Dns(Box<str>),
    /// A SPIFFE ID with its scheme.
    Spiffe(Box<str>),
}

impl Name {
    /// Reads a DNS name, of which case means nothing.
    pub(crate) fn dns(text: &str) -> Result<Self, InvalidName> {
        if text.contains('*') {
            return Err(InvalidName::Wildcard);
        }
        let is_label = |label: &str| {
            (1..=MAX_LABEL_LEN).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if text.len() > MAX_DNS_LEN || !text.split('.').all(is_label) {
            return Err(InvalidName::Dns);
        }
        Ok(Self::Dns(text.to_ascii_lowercase().into()))
    }

    /// Reads a SPIFFE ID of a workload, in its one canonical form (SPIFFE-ID, sections 2.1 to 2.3).
    pub(crate) fn spiffe(text: &str) -> Result<Self, InvalidName> {
        let (domain, path) =
            text.strip_prefix(SPIFFE).and_then(|rest| rest.split_once('/')).ok_or(InvalidName::Spiffe)?;
        let in_domain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_segment = |segment: &str| !["", ".", ".."].contains(&segment) && segment.bytes().all(in_path);
        let valid = !domain.is_empty() && domain.bytes().all(in_domain) && path.split('/').all(is_segment);
        if text.len() > MAX_SPIFFE_LEN || !valid {
            return Err(InvalidName::Spiffe);
        }
        Ok(Self::Spiffe(text.into()))
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    /// Reads `dns:<name>` or a SPIFFE ID, as the consumers file has them.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.strip_prefix("dns:") {
            Some(name) => Self::dns(name),
            None if text.starts_with(SPIFFE) => Self::spiffe(text),
            None => Err(InvalidName::Kind),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Spiffe(id) => f.write_str(id),
        }
    }
}

/// A text that is not a name of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidName {
    #[error("a name is written dns:gateway.example.com or spiffe://example.com/path")]
    Kind,
    #[error("a name is compared exactly, so it cannot have a wildcard: write each name out")]
    Wildcard,
    #[error("it is not a DNS name: labels of ASCII letters, digits, - and _, without a dot at the end")]
    Dns,
    #[error("it is not a SPIFFE ID of a workload: spiffe://, a trust domain in lower case, and a path")]
    Spiffe,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_a_dns_name_means_nothing_and_that_of_a_spiffe_id_does() {
        let parse = |text: &str| text.parse::<Name>();
        assert_eq!(parse("dns:Gateway.MCP.internal"), parse("dns:gateway.mcp.internal"));
        assert_ne!(parse("spiffe://a.test/Gateway").unwrap(), parse("spiffe://a.test/gateway").unwrap());
        assert_eq!(parse("dns:A_b-1.test").unwrap().to_string(), "dns:a_b-1.test");
        let id = "spiffe://contoso.com/ns/mcp/sa/gateway";
        assert_eq!(parse(id).unwrap().to_string(), id);
    }

    #[test]
    fn what_is_no_exact_name_is_refused() {
        for (text, error) in [
            ("gateway.test", InvalidName::Kind),
            ("", InvalidName::Kind),
            ("DNS:gateway.test", InvalidName::Kind),
            ("https://gateway.test/a", InvalidName::Kind),
            ("dns:*.test", InvalidName::Wildcard),
            ("dns:gate*.test", InvalidName::Wildcard),
            ("dns:", InvalidName::Dns),
            ("dns:gateway.test.", InvalidName::Dns),
            ("dns:a..b", InvalidName::Dns),
            ("dns:a b", InvalidName::Dns),
            ("dns:gätewáy.test", InvalidName::Dns),
            ("spiffe://contoso.com", InvalidName::Spiffe),
            ("spiffe://contoso.com/", InvalidName::Spiffe),
            ("spiffe:///a", InvalidName::Spiffe),
            ("spiffe://Contoso.com/a", InvalidName::Spiffe),
            ("spiffe://contoso.com/a/", InvalidName::Spiffe),
            ("spiffe://contoso.com/a//b", InvalidName::Spiffe),
            ("spiffe://contoso.com/a/../b", InvalidName::Spiffe),
            ("spiffe://contoso.com/a?b", InvalidName::Spiffe),
            ("spiffe://contoso.com/*", InvalidName::Spiffe),
            ("spiffe://user@contoso.com/a", InvalidName::Spiffe),
            ("spiffe://contoso.com:443/a", InvalidName::Spiffe),
            ("spiffe://contoso.com/%61", InvalidName::Spiffe),
        ] {
            assert_eq!(text.parse::<Name>(), Err(error), "{text}");
        }
        let of_253 = format!("{}a", "a.".repeat(126));
        assert!(Name::dns(&of_253).is_ok());
        assert_eq!(Name::dns(&format!("a{of_253}")), Err(InvalidName::Dns));
        let of_2048 = format!("spiffe://a.test/{}", "a".repeat(2032));
        assert!(Name::spiffe(&of_2048).is_ok());
        assert_eq!(Name::spiffe(&format!("{of_2048}a")), Err(InvalidName::Spiffe));
    }
}
