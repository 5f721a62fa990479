//! As much of JSON Schema as the tools' schemas use, written from the specification: types, members, items, choices, references.

#![expect(
    clippy::unwrap_used,
    reason = "a schema of another form is none, and the test that holds something against it fails"
)]

use serde_json::Value;

/// Where a value does not fit a schema; nothing where it does.
///
/// # Panics
/// If the schema uses a word that is not known here: a check that skips it would be none.
pub fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    Check { root: schema }.at("$", schema, value)
}

struct Check<'a> {
    root: &'a Value,
}

impl Check<'_> {
    fn at(&self, path: &str, schema: &Value, value: &Value) -> Vec<String> {
        let rules = match schema {
            Value::Bool(true) => return Vec::new(),
            Value::Bool(false) => return vec![format!("{path}: nothing may stand here")],
            Value::Object(rules) => rules,
            other => panic!("{path}: {other} is no schema"),
        };
        rules.iter().flat_map(|(word, rule)| self.by_rule(path, word, rule, schema, value)).collect()
    }

    fn by_rule(&self, path: &str, word: &str, rule: &Value, schema: &Value, value: &Value) -> Vec<String> {
        let wrong =
            |fits: bool, what: String| if fits { Vec::new() } else { vec![format!("{path}: {what}")] };
        match word {
            "$defs" | "$schema" | "title" | "description" | "default" | "format" => Vec::new(),
            "type" => wrong(is_of(rule, value), format!("{value} is not {rule}")),
            "enum" => wrong(rule.as_array().unwrap().contains(value), format!("{value} is none of {rule}")),
            "const" => wrong(rule == value, format!("{value} is not {rule}")),
            "minimum" => wrong(
                value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                format!("{value} < {rule}"),
            ),
            "required" => {
                let Some(members) = value.as_object() else { return Vec::new() };
                let missing = |name: &&Value| !members.contains_key(name.as_str().unwrap());
                let names = rule.as_array().unwrap().iter().filter(missing);
                names.map(|name| format!("{path}: {name} is missing")).collect()
            }
            "properties" => {
                let members = rule.as_object().unwrap().iter();
                let given = members.filter_map(|(name, schema)| Some((name, schema, value.get(name)?)));
                given
                    .flat_map(|(name, schema, value)| self.at(&format!("{path}.{name}"), schema, value))
                    .collect()
            }
            "additionalProperties" => {
                let others = value.as_object().into_iter().flatten();
                let others = others.filter(|(name, _)| schema["properties"].get(name.as_str()).is_none());
                others.flat_map(|(name, value)| self.at(&format!("{path}.{name}"), rule, value)).collect()
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                items.flat_map(|(index, item)| self.at(&format!("{path}[{index}]"), rule, item)).collect()
            }
            "anyOf" => {
                let all: Vec<_> =
                    rule.as_array().unwrap().iter().map(|one| self.at(path, one, value)).collect();
                if all.iter().any(Vec::is_empty) { Vec::new() } else { all.into_iter().flatten().collect() }
            }
            "$ref" => {
                let name = rule.as_str().and_then(|name| name.strip_prefix("#")).expect("a reference within");
                self.at(path, self.root.pointer(name).expect("what is referred to"), value)
            }
            other => panic!("{path}: the word {other} is not known"),
        }
    }
}

fn is_of(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    };
    rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_found() {
        let schema = json!({
            "type": "object",
            "$defs": {"Money": {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "string"}}}},
            "anyOf": [
                {"required": ["rows"], "properties": {"rows": {"type": "array", "items": {"$ref": "#/$defs/Money"}}}},
                {"required": ["code"], "properties": {"code": {"type": ["string", "null"]}}}
            ]
        });
        for (value, fits) in [
            (json!({"rows": [{"amount": "1"}]}), true),
            (json!({"rows": [{"amount": 1}]}), false),
            (json!({"rows": [{}]}), false),
            (json!({"rows": {}}), false),
            (json!({"code": null}), true),
            (json!({"code": 7}), false),
            (json!({}), false),
            (json!([]), false),
        ] {
            assert_eq!(misfits(&schema, &value).is_empty(), fits, "{value}");
        }
        let keys = json!({"additionalProperties": {"type": "string"}, "properties": {"n": {"type": "integer", "minimum": 0}}});
        assert!(misfits(&keys, &json!({"a": "x", "n": 1})).is_empty());
        assert!(
            !misfits(&keys, &json!({"a": 1})).is_empty() && !misfits(&keys, &json!({"n": -1})).is_empty()
        );
    }
}
