//! JSON as Azure sends it: every member of its specification is optional, so one that is null reads as one that is absent,
//! and some answers begin with a byte order mark (RFC 8259 §8.1 lets a reader ignore it).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// UTF-8's byte order mark.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes without the mark they may begin with: <https://github.com/Azure/azure-sdk-for-js/issues/6780>.
pub(crate) fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// Reads a body. Not the parser's own words are passed on: they quote what they could not read, and that may be a secret.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(unmarked(body)).ok()
}

/// A member of its default value where it is null.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A plain value as text: a number or a boolean as it is written, anything else is none.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(plain(Value::deserialize(deserializer)?))
}

/// A text, or what it stands for where it is not a value of that type.
pub(crate) fn parsed<'de, D: Deserializer<'de>, T: std::str::FromStr>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(text(deserializer)?.and_then(|text| text.trim().parse().ok()))
}

/// A value of its type, or none where it is of another: one odd member must not cost the rest.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// The text of a plain value.
pub(crate) fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Members {
        #[serde(deserialize_with = "or_default")]
        list: Vec<u8>,
        #[serde(deserialize_with = "text")]
        text: Option<String>,
        #[serde(deserialize_with = "parsed")]
        number: Option<u64>,
    }

    #[test]
    fn null_is_absent_and_numbers_may_be_texts() {
        for body in
            ["{}", r#"{"list":null,"text":null,"number":null}"#, "\u{feff}{\"number\":\"x\",\"text\":[]}"]
        {
            assert_eq!(read::<Members>(body.as_bytes()), Some(Members::default()), "{body}");
        }
        let full = Members { list: vec![1], text: Some("401".to_owned()), number: Some(9) };
        assert_eq!(read::<Members>(br#"{"list":[1],"text":401,"number":"9"}"#), Some(full));
    }
}
