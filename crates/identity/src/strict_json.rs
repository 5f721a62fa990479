//! JSON objects in which no name stands twice.
//!
//! RFC 7519 section 4 lets a parser refuse duplicates or take the last one. Two parsers that choose differently
//! read two different tokens; refusing leaves nothing to choose.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Map, Value};

use crate::error::Reason;

/// The most values of one document, members of arrays and objects all counted. Entra ID's longest tokens have about 500:
/// 200 groups, the directory roles, and some fifty claims.
pub(crate) const MAX_VALUES: usize = 2000;

/// Parses `bytes` as one JSON object, refusing repeated names at any depth and anything behind it. Looks at each byte
/// once; a name is compared with those beside it by binary search. Depth ends at serde_json's 128.
///
/// # Errors
/// [`Reason::TooManyValues`] above [`MAX_VALUES`], [`Reason::Malformed`] for all else.
pub(crate) fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Reason> {
    let left = Cell::new(Some(MAX_VALUES));
    let mut json = Deserializer::from_slice(bytes);
    let parsed = Strict(&left).deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    match parsed {
        Ok(Value::Object(map)) => Ok(map),
        Err(_) if left.get().is_none() => Err(Reason::TooManyValues),
        _ => Err(Reason::Malformed),
    }
}

/// How many values may still come; none, not even zero, once there was one too many.
#[derive(Clone, Copy)]
struct Strict<'a>(&'a Cell<Option<usize>>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        self.0.set(self.0.get().and_then(|left| left.checked_sub(1)));
        if self.0.get().is_none() {
            return Err(D::Error::custom("more values than are read"));
        }
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn repeated_names_and_trailing_bytes_are_refused() {
        assert!(parse_object(br#"{"a":1,"b":{"a":[{"a":null}]}}"#).is_ok());
        for bad in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":1} {}"#,
            r"[]",
            r"",
        ] {
            assert_eq!(parse_object(bad.as_bytes()), Err(Reason::Malformed), "{bad}");
        }
        assert_eq!(parse_object("[".repeat(8_000).as_bytes()), Err(Reason::Malformed));
    }

    #[test]
    fn every_kind_of_value_is_read_as_it_stands() {
        let text = br#"{"a":true,"b":-1,"c":18446744073709551615,"d":1.5,"e":"\u00e9","f":null,"g":[1,"x"]}"#;
        let expected =
            json!({"a": true, "b": -1, "c": u64::MAX, "d": 1.5, "e": "\u{e9}", "f": null, "g": [1, "x"]});
        assert_eq!(Value::from(parse_object(text).unwrap()), expected);
    }

    #[test]
    fn values_are_counted_wherever_they_stand() {
        // Beside the items: the object and the array. Flat, nested, and as members.
        let flat = |items: usize| format!(r#"{{"a":[{}]}}"#, vec!["0"; items].join(","));
        let nested = |items: usize| format!(r#"{{"a":[{}]}}"#, vec![r#"{"b":0}"#; items].join(","));
        let members = |members: usize| {
            let members: Vec<_> = (0..members).map(|n| format!(r#""{n}":0"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        for (at_most, one_more) in [
            (flat(MAX_VALUES - 2), flat(MAX_VALUES - 1)),
            (nested(MAX_VALUES / 2 - 1), nested(MAX_VALUES / 2)),
            (members(MAX_VALUES - 1), members(MAX_VALUES)),
        ] {
            assert!(parse_object(at_most.as_bytes()).is_ok());
            assert_eq!(parse_object(one_more.as_bytes()), Err(Reason::TooManyValues));
        }
        let torn = flat(MAX_VALUES - 2).replace(']', "");
        assert_eq!(parse_object(torn.as_bytes()), Err(Reason::Malformed), "unless they are exceeded");
    }
}
