//! Compact JWS by hand: reading without trust, and signing with keys parsed once.
//!
//! Written here and not taken from the crate the services use, so that a mistake shared with the code under test cannot
//! hide; it also lets tests build tokens no library would produce. The test-suite checks it against `jsonwebtoken`.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// base64url without padding (RFC 7515 section 2).
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url with or without padding: msal-python pads `x5t#S256`.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

/// Standard base64 with padding.
pub(crate) fn encode_standard(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64, in lines or in one: the Azure CLI sends a certificate as its PEM has it.
pub(crate) fn decode_standard(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).ok()
}

/// SHA-256, base64url.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    encode(digest::digest(&digest::SHA256, bytes))
}

/// SHA-1, base64url: certificate thumbprints only.
pub(crate) fn sha1(bytes: &[u8]) -> String {
    encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes))
}

/// The members of a value known to be an object.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A token taken apart; nothing about it is proven.
pub(crate) struct Unverified<'a> {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    /// The signed part: header, dot, payload.
    pub(crate) message: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes `token` apart; `None` unless it has three parts, two of them JSON objects.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        if payload.contains('.') {
            return None;
        }
        Some(Self {
            header: serde_json::from_slice(&decode(header)?).ok()?,
            claims: serde_json::from_slice(&decode(payload)?).ok()?,
            message,
            signature: decode(signature)?,
        })
    }

    /// A header parameter that is a string.
    pub(crate) fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// A claim that is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A moment in seconds, written as integer, float (msal-python) or string (MSAL.NET).
    pub(crate) fn seconds(&self, name: &str) -> Option<f64> {
        match self.claims.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The strings of a claim that is an array, or one string.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        match self.claims.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Unverified, decode, encode};

    #[test]
    fn reads_the_three_ways_clients_write_a_moment() {
        let payload = encode(r#"{"exp":1.5,"nbf":"7","iat":3}"#);
        let token = format!("{}.{payload}.AA", encode("{}"));
        let parsed = Unverified::parse(&token).unwrap();
        assert_eq!(
            (parsed.seconds("exp"), parsed.seconds("nbf"), parsed.seconds("iat")),
            (Some(1.5), Some(7.0), Some(3.0))
        );
    }

    #[test]
    fn padding_is_optional() {
        assert_eq!(decode("YQ=="), decode("YQ"));
    }

    #[test]
    fn garbage_is_no_token() {
        for text in ["", ".", "..", "a.b", "a.b.c.d", "e30.W10.AA"] {
            assert!(Unverified::parse(text).is_none(), "{text}");
        }
    }
}
