//! Claims requests (OpenID Connect Core 1.0, section 5.5): a downstream challenge, and the broker's own capabilities.

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};

use crate::error::{ExchangeError, Kind};

/// The longest claims request taken in.
pub(crate) const MAX_CLAIMS_BYTES: usize = 8 * 1024;

/// A claims request that is a JSON object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClaimsRequest(Map<String, Value>);

impl ClaimsRequest {
    /// Reads a claims request; an empty text asks for nothing.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] when it is too long or no JSON object.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, ExchangeError> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > MAX_CLAIMS_BYTES {
            return Err(Kind::InvalidRequest("`claims` is longer than 8 KiB").into());
        }
        let claims =
            serde_json::from_str(text).map_err(|_| Kind::InvalidRequest("`claims` is not a JSON object"))?;
        Ok(Some(Self(claims)))
    }

    /// SHA-256 of the request, the same for every spelling of it: objects are kept sorted by name.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let text = Value::from(self.0.clone()).to_string();
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        bytes
    }
}

/// The `claims` parameter: the challenge if there is one, with the broker's capabilities added last, as Microsoft's
/// clients do (msal-common, `buildMergedClaims`). None if both are empty.
pub(crate) fn merged(challenge: Option<&ClaimsRequest>, capabilities: &[String]) -> Option<String> {
    let mut claims = challenge.map(|challenge| challenge.0.clone()).unwrap_or_default();
    if !capabilities.is_empty() {
        let access_token = claims.entry("access_token").or_insert_with(|| json!({}));
        if !access_token.is_object() {
            // `null` asks for the section with nothing in it.
            *access_token = json!({});
        }
        access_token["xms_cc"] = json!({ "values": capabilities });
    }
    (!claims.is_empty()).then(|| Value::from(claims).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(challenge: &str, capabilities: &[&str]) -> Option<Value> {
        let capabilities: Vec<_> = capabilities.iter().map(ToString::to_string).collect();
        let challenge = ClaimsRequest::parse(challenge).unwrap();
        merged(challenge.as_ref(), &capabilities).map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn capabilities_are_added_last_and_the_challenge_is_kept() {
        assert_eq!(merge("", &["cp1"]), Some(json!({"access_token": {"xms_cc": {"values": ["cp1"]}}})));
        assert_eq!(
            merge(
                r#"{"access_token":{"nbf":{"essential":true,"value":"1"},"xms_cc":{"values":["x"]}},"id_token":{}}"#,
                &["cp1"]
            ),
            Some(json!({
                "access_token": {"nbf": {"essential": true, "value": "1"}, "xms_cc": {"values": ["cp1"]}},
                "id_token": {},
            }))
        );
        assert_eq!(
            merge(r#"{"access_token":null}"#, &["cp1"]),
            Some(json!({"access_token": {"xms_cc": {"values": ["cp1"]}}}))
        );
    }

    #[test]
    fn without_capabilities_only_the_challenge_is_sent() {
        assert_eq!(merge("", &[]), None);
        assert_eq!(merge(r#"{"access_token":{}}"#, &[]), Some(json!({"access_token": {}})));
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        let nested = "[".repeat(5000) + &"]".repeat(5000);
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_CLAIMS_BYTES));
        for text in ["x", "[]", "null", "\"{}\"", "{\"a\":1", &nested, &long] {
            assert!(ClaimsRequest::parse(text).is_err());
        }
    }

    #[test]
    fn one_request_has_one_digest_however_it_is_written() {
        let digest = |text| ClaimsRequest::parse(text).unwrap().unwrap().digest();
        assert_eq!(digest(r#"{"a":1,"b":{"c":2,"d":3}}"#), digest(r#"{ "b":{"d":3,"c":2}, "a":1 }"#));
        assert_ne!(digest(r#"{"a":1}"#), digest(r#"{"a":"1"}"#));
    }
}
