//! The body of a refusal, in each of the clothes that Azure's services put it in.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::json;

/// ARM's envelope `{"error":{"code","message",…}}`, or its content at the root. Each member is read for itself: one in
/// another form does not cost the other. <https://github.com/JulianHayward/AzAPICall> reads the same places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorBody {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

impl ErrorBody {
    /// `None` if the body is not an error of Azure's.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let root: Map<String, Value> = json::read(body)?;
        let error = match root.get("error") {
            Some(error) if !error.is_null() => Self::of(error),
            _ => Self::of(&Value::Object(root)),
        };
        Some(error).filter(Self::says_something)
    }

    /// Whether it is an error at all: in an answer that is not a refusal the member may be there and empty.
    pub(crate) const fn says_something(&self) -> bool {
        self.code.is_some() || self.message.is_some()
    }

    pub(crate) fn into_message(self) -> Option<String> {
        self.message
    }

    fn of(error: &Value) -> Self {
        match error {
            Value::String(message) => Self { code: None, message: Some(message.clone()) },
            Value::Object(members) => {
                Self { code: text(members.get("code")), message: text(members.get("message")) }
            }
            _ => Self::default(),
        }
    }
}

impl<'de> Deserialize<'de> for ErrorBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&Value::deserialize(deserializer)?))
    }
}

/// A text, a number as text, or OData's `{"lang","value"}`.
fn text(value: Option<&Value>) -> Option<String> {
    let value = match value? {
        Value::Object(members) => members.get("value")?,
        plain => plain,
    };
    json::plain(value.clone()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_message_are_found_wherever_they_stand() {
        for (body, code, message) in [
            (r#"{"error":{"code":"A","message":"m"}}"#, Some("A"), Some("m")),
            (r#"{"code":"A","message":"m"}"#, Some("A"), Some("m")),
            (r#"{"error":null,"code":"A"}"#, Some("A"), None),
            (r#"{"error":{"code":401,"message":{"lang":"en-us","value":"m"}}}"#, Some("401"), Some("m")),
            (r#"{"error":{"code":[],"message":"m"}}"#, None, Some("m")),
            (r#"{"error":"m"}"#, None, Some("m")),
            ("\u{feff}{\"message\":\"m\"}", None, Some("m")),
        ] {
            let read = ErrorBody::read(body.as_bytes()).unwrap();
            assert_eq!((read.code.as_deref(), read.message.as_deref()), (code, message), "{body}");
        }
        for body in
            ["", "<html>", "[]", "{}", r#"{"error":{}}"#, r#"{"value":[]}"#, r#"{"error":{"code":""}}"#]
        {
            assert_eq!(ErrorBody::read(body.as_bytes()), None, "{body}");
        }
    }
}
