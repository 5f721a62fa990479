//! Claims challenges: what Azure wants to see in the token before it answers.
//!
//! Microsoft's page: <https://learn.microsoft.com/entra/identity-platform/claims-challenge>. Two dialects exist
//! (`error="insufficient_claims"` and, for revoked sessions, `error="invalid_token"`), so what counts is the
//! presence of `claims`. The header's grammar is RFC 9110 §11.6.1; the parser is in [`parse`].

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde_json::{Map, Value};

use parse::Challenge;

mod parse;

/// More than this in all `WWW-Authenticate` headers together is not a challenge of Entra's.
pub(crate) const MOST_BYTES: usize = 8 * 1024;

/// The claims that Azure asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimsChallenge {
    /// The JSON object, decoded, as Azure wrote it.
    pub(crate) claims: String,
}

impl ClaimsChallenge {
    /// The one claims challenge among the `WWW-Authenticate` headers of a 401.
    ///
    /// A response with several is ignored, as Microsoft's SDKs do: there is no telling which one to satisfy.
    /// So is everything that does not parse.
    pub(crate) fn find(headers: &HeaderMap) -> Option<Self> {
        let values = || headers.get_all(WWW_AUTHENTICATE).iter();
        if values().map(HeaderValue::len).sum::<usize>() > MOST_BYTES {
            return None;
        }
        let challenges: Vec<Challenge> =
            values().filter_map(|value| parse::challenges(value.as_bytes())).flatten().collect();
        let mut claims = challenges
            .iter()
            .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("Bearer"))
            .flat_map(|challenge| challenge.values("claims"));
        match (claims.next(), claims.next()) {
            (Some(encoded), None) => Self::decode(encoded),
            _ => None,
        }
    }

    /// Decodes base64 in every form met in the wild (standard or URL-safe alphabet, padded or not) and insists
    /// on a JSON object.
    fn decode(encoded: &[u8]) -> Option<Self> {
        const ENGINE: GeneralPurpose = GeneralPurpose::new(
            &STANDARD,
            GeneralPurposeConfig::new()
                .with_decode_padding_mode(DecodePaddingMode::Indifferent)
                .with_decode_allow_trailing_bits(true),
        );
        let standard: Vec<u8> = encoded
            .iter()
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            })
            .collect();
        let claims = String::from_utf8(ENGINE.decode(standard).ok()?).ok()?;
        serde_json::from_str::<Map<String, Value>>(&claims).ok()?;
        Some(Self { claims })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLAIMS: &str = "eyJhY2Nlc3NfdG9rZW4iOiB7ImZvbyI6ICJiYXIifX0=";

    fn find(values: &[&str]) -> Option<ClaimsChallenge> {
        let headers = values.iter().map(|value| (WWW_AUTHENTICATE, value.parse().unwrap())).collect();
        ClaimsChallenge::find(&headers)
    }

    /// The headers in the unit tests of Microsoft's own SDKs.
    #[test]
    fn both_dialects_of_azure_are_read() {
        let vectors: Value =
            serde_json::from_str(include_str!("../tests/data/cae-www-authenticate-vectors.json")).unwrap();
        for vector in vectors["vectors"].as_array().unwrap() {
            let found = find(&[vector["header"].as_str().unwrap()]).unwrap();
            assert_eq!(found.claims, vector["claims"].as_str().unwrap(), "{}", vector["name"]);
        }
    }

    #[test]
    fn it_is_found_among_other_challenges() {
        let bearer = format!("bearer Realm=\"a, \\\"b\\\"\" , CLAIMS=\"{CLAIMS}\"");
        assert!(find(&["Negotiate", &bearer]).is_some());
        assert!(find(&[&format!("Negotiate a2Vy==, {bearer}, Basic realm=x")]).is_some());
        assert!(find(&[&format!("Bearer claims={}", CLAIMS.trim_end_matches('='))]).is_some());
    }

    #[test]
    fn several_claims_challenges_are_ignored() {
        let one = format!("Bearer claims=\"{CLAIMS}\"");
        assert_eq!(find(&[&one, &one]), None);
        assert_eq!(find(&[&format!("{one}, {one}")]), None);
        assert_eq!(find(&[&format!("{one}, claims=\"{CLAIMS}\"")]), None);
    }

    #[test]
    fn what_is_no_claims_challenge_is_none() {
        for value in [
            "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\"",
            &format!("PoP claims=\"{CLAIMS}\""),
            &format!("Bearer realm=\"claims={CLAIMS}\""),
            "Bearer claims=\"\"",
            "Bearer claims=\"!!!!\"",
            // "[1]", "nope" and a broken object, in base64
            "Bearer claims=\"WzFd\"",
            "Bearer claims=\"bm9wZQ==\"",
            "Bearer claims=\"eyJhIjo=\"",
            "Bearer claims=\"eyJhIjox",
        ] {
            assert_eq!(find(&[value]), None, "{value}");
        }
    }

    #[test]
    fn an_oversized_header_is_ignored() {
        let padding = "a".repeat(MOST_BYTES);
        assert_eq!(find(&[&format!("Bearer realm=\"{padding}\", claims=\"{CLAIMS}\"")]), None);
    }

    #[test]
    fn url_safe_base64_is_read() {
        // {"a":"???>>>"}
        assert_eq!(find(&["Bearer claims=\"eyJhIjoiPz8_Pj4-In0\""]).unwrap().claims, r#"{"a":"???>>>"}"#);
    }

    proptest! {
        #[test]
        fn hostile_headers_never_panic(values in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..200), 0..4,
        )) {
            let headers = values
                .iter()
                .filter_map(|bytes| Some((WWW_AUTHENTICATE, HeaderValue::from_bytes(bytes).ok()?)))
                .collect();
            let _ = ClaimsChallenge::find(&headers);
        }

        #[test]
        fn nearly_right_headers_never_panic(value in "(Bearer|Basic|claims|realm|[ ,=\"\\\\]|[A-Za-z0-9+/_-]{1,9}){0,30}") {
            let _ = find(&[&value]);
        }

        #[test]
        fn every_object_comes_back_as_it_was(value in "[a-zA-Z0-9 ÿ?>~]{0,60}", url_safe: bool, padded: bool) {
            use base64::engine::general_purpose as engines;
            let json = serde_json::json!({ "access_token": { "x": value } }).to_string();
            let encoded = match (url_safe, padded) {
                (true, true) => engines::URL_SAFE.encode(&json),
                (true, false) => engines::URL_SAFE_NO_PAD.encode(&json),
                (false, true) => engines::STANDARD.encode(&json),
                (false, false) => engines::STANDARD_NO_PAD.encode(&json),
            };
            let found = find(&[&format!("Bearer realm=\"\", claims=\"{encoded}\"")]).unwrap();
            prop_assert_eq!(found.claims, json);
        }
    }
}
