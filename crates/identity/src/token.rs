//! The credential as it came: opaque, redacted, zeroized when dropped.

use std::fmt;

use aws_lc_rs::digest;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{InvalidToken, Reason};

/// The longest token that is looked at. Entra's reach about 10 KiB: it writes at most 200 groups.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// An access token somebody sent. A live credential: `Debug` shows no part of it.
#[derive(Clone)]
pub struct BearerToken {
    text: SecretString,
    digest: [u8; 32],
}

impl BearerToken {
    /// Takes a token in, without looking inside.
    ///
    /// # Errors
    /// When it is longer than [`MAX_TOKEN_BYTES`] or holds a character no JWT has.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidToken> {
        let secret = SecretString::from(text.into());
        let text = secret.expose_secret();
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Reason::TooLarge.into());
        }
        let base64url_or_dot = |b: u8| b.is_ascii_alphanumeric() | matches!(b, b'-' | b'_' | b'.');
        // Without an early end the compiler looks at many bytes at once; nearly every text is good to its end.
        if text.is_empty() || !text.bytes().fold(true, |good, byte| good & base64url_or_dot(byte)) {
            return Err(Reason::Malformed.into());
        }
        let digest = sha256(text);
        Ok(Self { text: secret, digest })
    }

    /// The token's text, for the one place that sends or parses it.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// SHA-256 of the token, computed once: names it in cache keys without being it.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(redacted)")
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_in_up_to_its_bound() {
        assert!(BearerToken::parse("a".repeat(MAX_TOKEN_BYTES)).is_ok());
        let refusal = BearerToken::parse("a".repeat(MAX_TOKEN_BYTES + 1)).unwrap_err();
        assert_eq!(refusal.reason(), Reason::TooLarge);
    }

    #[test]
    fn its_digest_is_sha_256_of_its_text() {
        let token = BearerToken::parse("abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hex = token.digest().map(|byte| format!("{byte:02x}")).concat();
        assert_eq!((hex.as_str(), token.expose()), (expected, "abc"));
    }
}
