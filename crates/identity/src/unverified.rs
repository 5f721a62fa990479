//! A token taken apart, with nothing believed yet: it tells only what is needed to find the key and check it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::error::{InvalidToken, Reason};
use crate::strict_json::parse_object;
use crate::token::BearerToken;

/// The only algorithm Entra ID signs access tokens with; the list is checked before any signature work
/// (RFC 8725 section 3.1).
pub(crate) const ALGORITHM: &str = "RS256";

/// Header parameters that let a sender choose the key (RFC 7515 section 4.1) or change how the token is read.
/// Entra ID sends none of them.
const FORBIDDEN: [&str; 8] = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"];

/// The versions of Entra ID access tokens, each with metadata of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenVersion {
    V1,
    V2,
}

/// A token whose signature has not been checked.
pub(crate) struct UnverifiedToken<'a> {
    signed_part: &'a str,
    signature: &'a str,
    kid: String,
    claims: Map<String, Value>,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes the token apart: three parts, strict JSON, an allowed algorithm, no forbidden header.
    pub(crate) fn parse(token: &'a BearerToken) -> Result<Self, InvalidToken> {
        let parts = Parts::split(token)?;
        let kid = key_id(&parts.header()?)?;
        Ok(Self::new(&parts, kid, parts.claims()?))
    }

    /// The token of parts that have been read.
    pub(crate) fn new(parts: &Parts<'a>, kid: String, claims: Map<String, Value>) -> Self {
        Self { signed_part: parts.signed_part, signature: parts.signature, kid, claims }
    }

    /// Which key the sender says it is signed with.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// Which metadata to look the key up in: the token's `ver`, whatever endpoint issued it.
    pub(crate) fn version(&self) -> Result<TokenVersion, InvalidToken> {
        match self.claims.get("ver").and_then(Value::as_str) {
            Some("1.0") => Ok(TokenVersion::V1),
            Some("2.0") => Ok(TokenVersion::V2),
            _ => Err(Reason::UnsupportedVersion.into()),
        }
    }

    /// What the signature covers.
    pub(crate) fn signed_part(&self) -> &str {
        self.signed_part
    }

    /// The signature, in base64url.
    pub(crate) fn signature(&self) -> &str {
        self.signature
    }

    /// The claims as types, still unproved.
    pub(crate) fn claims(&self) -> Result<Claims, InvalidToken> {
        Claims::read(&self.claims)
    }
}

/// The parts of a token, as text: nothing but their number is known.
pub(crate) struct Parts<'a> {
    signed_part: &'a str,
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Splits a token in its three parts.
    pub(crate) fn split(token: &'a BearerToken) -> Result<Self, InvalidToken> {
        let (signed_part, signature) = token.expose().rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, claims) = signed_part.split_once('.').ok_or(Reason::Malformed)?;
        if claims.contains('.') {
            return Err(Reason::Malformed.into());
        }
        Ok(Self { signed_part, header, claims, signature })
    }

    /// The header, as strict JSON.
    pub(crate) fn header(&self) -> Result<Map<String, Value>, InvalidToken> {
        decode_object(self.header)
    }

    /// The claims, as strict JSON.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, InvalidToken> {
        decode_object(self.claims)
    }
}

/// The key that a header names, if the header is one that is accepted.
pub(crate) fn key_id(header: &Map<String, Value>) -> Result<String, InvalidToken> {
    if header.get("alg").and_then(Value::as_str) != Some(ALGORITHM) {
        return Err(Reason::UnsupportedAlgorithm.into());
    }
    if FORBIDDEN.iter().any(|name| header.contains_key(*name)) {
        return Err(Reason::ForbiddenHeader.into());
    }
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if ["jwt", "at+jwt"].iter().any(|t| typ.eq_ignore_ascii_case(t)) => {}
        Some(_) => return Err(Reason::NotAnAccessToken.into()),
    }
    match header.get("kid") {
        Some(Value::String(kid)) if !kid.is_empty() => Ok(kid.clone()),
        _ => Err(Reason::UnknownKey.into()),
    }
}

fn decode_object(part: &str) -> Result<Map<String, Value>, InvalidToken> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed)?;
    parse_object(&bytes).ok_or_else(|| Reason::Malformed.into())
}
