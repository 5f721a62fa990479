//! Tags and details as JSON objects. Enterprise agreements write the members without braces.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// The text as an object, itself where it is one already. What is none in either way is not lost: it stands as the one member
/// `x_unread`.
pub(super) fn object(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if text.starts_with('{') && is_object(text) {
        return Some(Cow::Borrowed(text));
    }
    let braced = format!("{{{text}}}");
    if is_object(&braced) {
        return Some(Cow::Owned(braced));
    }
    Some(Cow::Owned(format!("{{\"x_unread\":{}}}", serde_json::Value::from(text))))
}

/// What begins with a brace and is JSON is an object.
fn is_object(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_get_their_braces_and_nothing_is_lost() {
        for (text, expected) in [
            ("", None),
            (" ", None),
            ("{}", Some("{}")),
            (r#"{"env":"prod"}"#, Some(r#"{"env":"prod"}"#)),
            (r#""env": "prod","team": "a,b""#, Some(r#"{"env": "prod","team": "a,b"}"#)),
            (r#""cut": "off"#, Some(r#"{"x_unread":"\"cut\": \"off"}"#)),
            ("env=prod", Some(r#"{"x_unread":"env=prod"}"#)),
            ("[1]", Some(r#"{"x_unread":"[1]"}"#)),
            (r#"{"a":1} {"b":2}"#, Some(r#"{"x_unread":"{\"a\":1} {\"b\":2}"}"#)),
        ] {
            assert_eq!(object(text).as_deref(), expected, "{text}");
        }
    }
}
