//! A token taken apart, with nothing believed yet.
//!
//! Of what nobody may have signed, only the header is read, and only a short one: it names the key. The claims are
//! behind the signature: [`UnverifiedToken::signed_claims`] is the way to them, so that a forged token costs one
//! signature check whatever is in it. ([`Parts::claims`] reads them unproved, to explain a token to its owner.)

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use crate::error::{InvalidToken, Reason};
use crate::keys::{ALGORITHM, SigningKey};
use crate::strict_json::parse_object;
use crate::token::BearerToken;

/// The longest header that is read, in characters of base64url. Entra's have about 200.
pub(crate) const MAX_HEADER_CHARS: usize = 2 * 1024;

/// Header parameters that let a sender choose the key (RFC 7515 section 4.1) or change how the token is read.
/// Entra ID sends none of them.
const FORBIDDEN: [&str; 8] = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"];

/// A token whose signature has not been checked.
pub(crate) struct UnverifiedToken<'a> {
    parts: Parts<'a>,
    kid: String,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes the token apart and reads its header: three parts, strict JSON, an allowed algorithm, no forbidden
    /// parameter.
    pub(crate) fn parse(token: &'a BearerToken) -> Result<Self, InvalidToken> {
        let parts = Parts::split(token)?;
        let kid = key_id(&parts.header()?)?;
        Ok(Self { parts, kid })
    }

    /// Which key the sender says it is signed with.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The claims, as strict JSON, if `key` signed them. They are still to be judged.
    pub(crate) fn signed_claims(&self, key: &SigningKey) -> Result<Map<String, Value>, InvalidToken> {
        self.parts.verify(key)?;
        self.parts.claims()
    }

    /// Checks the signature with the key of another set.
    pub(crate) fn verify(&self, key: &SigningKey) -> Result<(), InvalidToken> {
        self.parts.verify(key)
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
        if self.header.len() > MAX_HEADER_CHARS {
            return Err(Reason::HeaderTooLarge.into());
        }
        decode_object(self.header)
    }

    /// Checks the signature over header and claims.
    pub(crate) fn verify(&self, key: &SigningKey) -> Result<(), InvalidToken> {
        let (signature, signed) = (self.signature, self.signed_part.as_bytes());
        // The algorithm is a constant here: whatever the header said has been compared with it already.
        match jsonwebtoken::crypto::verify(signature, signed, &key.key, Algorithm::RS256) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Reason::BadSignature.into()),
        }
    }

    /// The claims, as strict JSON, whoever wrote them.
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
    parse_object(&bytes).map_err(InvalidToken::from)
}
