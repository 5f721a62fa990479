//! What the token endpoint answers, taken apart with nothing believed that was not checked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::claims::MAX_CLAIMS_BYTES;
use crate::error::{Evidence, ExchangeError};
use crate::outcome::DownstreamToken;

/// The longest life believed: CAE tokens last up to 28 hours.
const MAX_LIFE_SECONDS: i64 = 48 * 3600;
const MAX_TOKEN_BYTES: usize = 64 * 1024;
const MAX_MESSAGE_CHARS: usize = 300;

/// Reads a token response (RFC 6749, section 5.1). A refresh token, should one come, is not even read.
///
/// # Errors
/// [`ExchangeError::unavailable`] if there is no usable token in it.
pub(super) fn token(body: &[u8], now: Timestamp) -> Result<DownstreamToken, ExchangeError> {
    let unusable = |_| ExchangeError::unavailable();
    let response: TokenResponse<'_> = serde_json::from_slice(body).map_err(unusable)?;
    let life = response.expires_in.seconds().filter(|life| *life > 0);
    let bearer = response.token_type.eq_ignore_ascii_case("bearer");
    let token = response.access_token;
    // It is put into a header later on.
    let printable =
        !token.is_empty() && token.len() <= MAX_TOKEN_BYTES && token.bytes().all(|b| b.is_ascii_graphic());
    let (Some(life), true, true) = (life, bearer, printable) else {
        return Err(ExchangeError::unavailable());
    };
    let life = SignedDuration::from_secs(life.min(MAX_LIFE_SECONDS));
    let after = |span| now.saturating_add(span).unwrap_or(now);
    let refresh_in = response.refresh_in.and_then(|refresh_in| refresh_in.seconds());
    Ok(DownstreamToken {
        access_token: Arc::new(SecretString::from(token.as_ref())),
        expires_at: after(life),
        refresh_at: refresh_in.filter(|span| *span > 0).map(|span| after(SignedDuration::from_secs(span))),
        correlation_id: None,
    })
}

#[derive(Deserialize)]
struct TokenResponse<'a> {
    // Borrowed from the body, which is wiped: as a rule no copy is left behind.
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    #[serde(borrow)]
    token_type: Cow<'a, str>,
    #[serde(borrow)]
    expires_in: Number<'a>,
    #[serde(borrow, default)]
    refresh_in: Option<Number<'a>>,
}

/// Entra ID's endpoints write numbers as numbers or as strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number<'a> {
    Number(i64),
    Text(&'a str),
}

impl Number<'_> {
    fn seconds(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// An error response (RFC 6749, section 5.2, with Microsoft's additions).
#[derive(Debug, Default)]
pub(super) struct Refusal {
    error: String,
    suberror: String,
    error_description: String,
    number: Option<u32>,
    claims: Option<String>,
    correlation_id: String,
    trace_id: String,
}

impl Refusal {
    /// Reads an error response, each member for itself: one that is not of the type it should be says nothing, and the
    /// others are read all the same. What is not a JSON object (a proxy's page) is a refusal that says nothing.
    pub(super) fn parse(body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        let body = body.trim_start_matches('\u{feff}');
        let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(body).unwrap_or_default();
        let member = |name: &str| members.get(name).copied();
        let text = |name: &str| member(name).and_then(text).unwrap_or_default();
        Self {
            error: text("error"),
            suberror: text("suberror"),
            error_description: text("error_description"),
            number: member("error_codes").and_then(first_number),
            claims: member("claims").and_then(claims),
            correlation_id: text("correlation_id"),
            trace_id: text("trace_id"),
        }
    }

    /// The OAuth error, if it is spelled like one.
    pub(super) fn error(&self) -> &str {
        word(&self.error)
    }

    /// Microsoft's refinement of it.
    pub(super) fn suberror(&self) -> &str {
        word(&self.suberror)
    }

    /// The error number: the first of `error_codes`, else the one in the text.
    pub(super) fn number(&self) -> Option<u32> {
        let in_text = || {
            let (_, rest) = self.error_description.split_once("AADSTS")?;
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        };
        self.number.or_else(in_text)
    }

    /// The claims request that comes with it.
    pub(super) fn claims(&self) -> Option<Arc<str>> {
        let claims = self.claims.as_deref().filter(|claims| claims.len() <= MAX_CLAIMS_BYTES)?;
        let is_object = serde_json::from_str::<Map<_, _>>(claims).is_ok_and(|map| !map.is_empty());
        is_object.then(|| Arc::from(claims))
    }

    pub(super) fn correlation_id(&self) -> Option<&str> {
        guid(&self.correlation_id)
    }

    pub(super) fn trace_id(&self) -> Option<&str> {
        guid(&self.trace_id)
    }

    pub(super) fn evidence(&self) -> Evidence {
        Evidence {
            aadsts: self.number(),
            correlation_id: self.correlation_id().map(str::to_owned),
            trace_id: self.trace_id().map(str::to_owned),
        }
    }

    /// The description for the operator's log: its first sentences, with everything left out that could be a
    /// credential echoed back or could forge a log line.
    pub(super) fn message(&self) -> String {
        const LONGEST_WORD: usize = 64;
        let text = self.error_description.split("Trace ID").next().unwrap_or_default();
        let words = text.split(|c: char| c.is_whitespace() || c.is_control());
        let safe: Vec<_> = words
            .filter(|word| !word.is_empty())
            .map(|word| if word.len() > LONGEST_WORD || word.contains("eyJ") { "[removed]" } else { word })
            .collect();
        safe.join(" ").chars().take(MAX_MESSAGE_CHARS).collect()
    }
}

fn text(member: &RawValue) -> Option<String> {
    serde_json::from_str(member.get()).ok()
}

/// The first that is a number, or a text that is one, of a list or by itself.
fn first_number(member: &RawValue) -> Option<u32> {
    match serde_json::from_str::<Vec<&RawValue>>(member.get()) {
        Ok(all) => all.into_iter().find_map(number),
        Err(_) => number(member),
    }
}

fn number(member: &RawValue) -> Option<u32> {
    serde_json::from_str(member.get()).ok().or_else(|| text(member)?.trim().parse().ok())
}

/// A string that holds a JSON object, or the object itself.
fn claims(member: &RawValue) -> Option<String> {
    text(member)
        .or_else(|| Some(serde_json::from_str::<Map<_, _>>(member.get()).ok().map(Value::from)?.to_string()))
}

/// Error and suberror are words of the protocol; anything else is not repeated.
fn word(text: &str) -> &str {
    let is_word = text.len() <= 40 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_word { text } else { "" }
}

fn guid(text: &str) -> Option<&str> {
    Uuid::try_parse(text).is_ok().then_some(text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::testing::NOW;

    #[test]
    fn numbers_come_as_numbers_or_as_strings() {
        for life in ["4215", "\"4215\""] {
            let body = format!(
                r#"{{"token_type":"Bearer","scope":"x","expires_in":{life},"ext_expires_in":{life},"refresh_in":2107,"access_token":"eyJ0.a.b","refresh_token":"1.AX"}}"#
            );
            let token = token(body.as_bytes(), NOW).unwrap();
            assert_eq!(token.access_token.expose_secret(), "eyJ0.a.b");
            assert_eq!(token.expires_at, NOW + SignedDuration::from_secs(4215));
            assert_eq!(token.refresh_at, Some(NOW + SignedDuration::from_secs(2107)));
        }
    }

    #[test]
    fn what_holds_no_usable_token_is_refused() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"token_type":"Bearer","expires_in":3600,"access_token":""}"#,
            r#"{"token_type":"Bearer","expires_in":0,"access_token":"a"}"#,
            r#"{"token_type":"Bearer","expires_in":"soon","access_token":"a"}"#,
            r#"{"token_type":"pop","expires_in":3600,"access_token":"a"}"#,
            r#"{"token_type":"Bearer","expires_in":3600,"access_token":"a\r\nx: y"}"#,
            r#"{"token_type":"Bearer","expires_in":3600,"access_token":"a b"}"#,
        ] {
            assert!(token(body.as_bytes(), NOW).is_err(), "{body}");
        }
    }

    #[test]
    fn a_token_does_not_live_for_ever() {
        let body = format!(r#"{{"token_type":"Bearer","expires_in":{},"access_token":"a"}}"#, i64::MAX);
        let token = token(body.as_bytes(), NOW).unwrap();
        assert_eq!(token.expires_at, NOW + SignedDuration::from_hours(48));
    }

    #[test]
    fn a_refusal_is_read_with_care() {
        let body = r#"{"error":"invalid_grant","suberror":"basic_action","error_description":"AADSTS50076: Due to a configuration change.\r\nTrace ID: x","error_codes":[50076],"correlation_id":"c0ffee00-0000-4000-8000-000000000000","trace_id":"<script>","claims":"{\"access_token\":{\"polids\":{\"essential\":true}}}"}"#;
        let refusal = Refusal::parse(body.as_bytes());
        assert_eq!((refusal.error(), refusal.suberror()), ("invalid_grant", "basic_action"));
        assert_eq!(refusal.claims().unwrap().as_ref(), r#"{"access_token":{"polids":{"essential":true}}}"#);
        let evidence = refusal.evidence();
        assert_eq!(evidence.aadsts, Some(50076));
        assert_eq!(evidence.correlation_id.as_deref(), Some("c0ffee00-0000-4000-8000-000000000000"));
        assert_eq!(evidence.trace_id, None);
        assert_eq!(refusal.message(), "AADSTS50076: Due to a configuration change.");
    }

    #[test]
    fn the_number_is_found_in_the_text_too() {
        let parse = |text: &str| Refusal::parse(text.as_bytes()).number();
        assert_eq!(parse(r#"{"error_description":"AADSTS700027: x"}"#), Some(700_027));
        assert_eq!(parse(r#"{"error_description":"AADSTS: x"}"#), None);
        assert_eq!(parse(r#"{"error_description":"AADSTS99999999999999999999"}"#), None);
        assert_eq!(parse("[]"), None);
    }

    #[test]
    fn each_member_is_read_for_itself() {
        let read = |member: &str| {
            let body = format!(r#"{{"error":"invalid_grant",{member},"suberror":"basic_action"}}"#);
            let refusal = Refusal::parse(body.as_bytes());
            assert_eq!((refusal.error(), refusal.suberror()), ("invalid_grant", "basic_action"), "{member}");
            refusal
        };
        for codes in ["[50173]", r#"["50173"]"#, "50173", r#""50173""#, r#"[null,{"a":1},"x"," 50173 ",7]"#] {
            assert_eq!(read(&format!(r#""error_codes":{codes}"#)).number(), Some(50173), "{codes}");
        }
        for codes in ["null", "[]", "{}", "true", r#""""#, "-1", "1.5", "[99999999999999999999]", "[[50173]]"]
        {
            assert_eq!(read(&format!(r#""error_codes":{codes}"#)).number(), None, "{codes}");
        }
        let in_text = r#""error_codes":"none","error_description":"AADSTS50173: x""#;
        assert_eq!(read(in_text).number(), Some(50173));
        let claims = read(r#""claims":{ "access_token": {"a":1} }"#).claims();
        assert_eq!(claims.as_deref(), Some(r#"{"access_token":{"a":1}}"#));
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        for odd in ["null", "7", "true", "[]", "{}", &deep, r#""\ud800""#, "\"\u{fffd}\""] {
            for name in
                ["error_description", "correlation_id", "trace_id", "claims", "timestamp", "error_uri"]
            {
                read(&format!("\"{name}\":{odd}"));
            }
        }
        // A byte that is not UTF-8, or a mark in front, spoils nothing else.
        for body in [
            &b"{\"error\":\"invalid_grant\",\"error_description\":\"\xff\"}"[..],
            "\u{feff}{\"error\":\"invalid_grant\"}".as_bytes(),
        ] {
            assert_eq!(Refusal::parse(body).error(), "invalid_grant");
        }
    }

    #[test]
    fn claims_that_are_no_object_are_not_relayed() {
        for claims in [r#""""#, r#""{}""#, r#""x""#, r#""[1]""#, "null", "{}", "[1]", "1"] {
            let body = format!(r#"{{"error":"invalid_grant","claims":{claims}}}"#);
            assert_eq!(Refusal::parse(body.as_bytes()).claims(), None, "{claims}");
        }
        let long = format!(r#"{{"claims":"{{\"a\":\"{}\"}}"}}"#, "x".repeat(MAX_CLAIMS_BYTES));
        assert_eq!(Refusal::parse(long.as_bytes()).claims(), None);
    }

    #[test]
    fn the_operators_message_repeats_no_credential_and_forges_no_line() {
        let token = format!("eyJ{}", "a".repeat(30));
        let long = "b".repeat(200);
        let body = serde_json::json!({
            "error": "invalid_client\r\nforged",
            "error_description": format!("AADSTS700027: bad\r\nforged {token} '{token}' {long} end. Trace ID: x"),
        });
        let refusal = Refusal::parse(body.to_string().as_bytes());
        assert_eq!(refusal.error(), "");
        assert_eq!(refusal.message(), "AADSTS700027: bad forged [removed] [removed] [removed] end.");
    }
}
