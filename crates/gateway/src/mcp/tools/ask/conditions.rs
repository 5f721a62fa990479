//! Conditions on costs: which dimension, which values.

use cost::{Condition, Grouping, folded};
use serde_json::{Map, Value};

use super::arguments::{shown, text_of};
use super::dimension;

/// What answers call the value of what has none.
pub(in crate::mcp::tools) const UNTAGGED: &str = "(untagged)";
/// The same for a dimension.
pub(in crate::mcp::tools) const NONE: &str = "(none)";

/// The conditions of a filter: an object of lists; one text is a list of one. A list of such objects is one object, and
/// `{"dimension": …, "values": […]}` one condition, as in Azure's own form.
pub(super) fn read(member: &str, value: Option<Value>) -> Result<Vec<Condition>, String> {
    let mut conditions = Vec::new();
    for object in objects(member, value)? {
        match whole(&object) {
            Some((name, values)) => conditions.push(condition(member, &name, values)?),
            None => {
                for (name, values) in object {
                    let condition = condition(member, &name, values.clone())?;
                    // Who fills in a form leaves a dimension empty; nobody names a tag for nothing.
                    if !values.is_null() || matches!(condition.by, Grouping::Tag(_)) {
                        conditions.push(condition);
                    }
                }
            }
        }
    }
    Ok(conditions)
}

fn objects(member: &str, value: Option<Value>) -> Result<Vec<Map<String, Value>>, String> {
    let wrong = |value: &Value| {
        format!(
            "'{member}' is an object of lists, as {{\"ServiceName\": [\"Storage\"]}}, not {}",
            shown(value)
        )
    };
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(value) => vec![value],
    };
    let object = |item: Value| match item {
        Value::Object(object) => Ok(object),
        Value::String(text) => equation(&text).ok_or_else(|| wrong(&text.clone().into())),
        other => Err(wrong(&other)),
    };
    items.into_iter().map(object).collect()
}

/// `ServiceName=Storage`.
fn equation(text: &str) -> Option<Map<String, Value>> {
    let (name, value) = text.rsplit_once('=')?;
    let value = value.trim().trim_matches(['"', '\'']);
    Some(Map::from_iter([(name.trim_end_matches('=').trim().to_owned(), value.into())]))
}

/// One condition written out: `{"name": "ServiceName", "operator": "In", "values": ["Storage"]}`, or that within
/// `{"dimensions": …}` or `{"tags": …}`.
fn whole(object: &Map<String, Value>) -> Option<(String, Value)> {
    let member = |names: &[&str]| {
        object.iter().find(|(name, _)| names.contains(&folded(name).as_str())).map(|(_, value)| value)
    };
    if let Some(Value::Object(inner)) = member(&["dimensions"]) {
        return whole(inner);
    }
    if let Some(Value::Object(inner)) = member(&["tags"]) {
        return whole(inner).map(|(key, values)| (format!("tag:{key}"), values));
    }
    let name = text_of(member(&["dimension", "name", "field", "key"])?)?;
    Some((name, member(&["values", "value"])?.clone()))
}

fn condition(member: &str, name: &str, values: Value) -> Result<Condition, String> {
    let by = dimension::read(name).map_err(|said| format!("in '{member}', {said}"))?;
    let items = match values {
        Value::Array(items) => items,
        Value::String(text) if text.trim_start().starts_with('[') => {
            serde_json::from_str(&text).unwrap_or_else(|_| vec![text.into()])
        }
        one => vec![one],
    };
    let value = |item: &Value| match item {
        Value::Null => Ok(vec![String::new()]),
        item => text_of(item).map(|text| plain(text, &by)).ok_or_else(|| {
            format!("in '{member}', the values of '{name:.60}' are texts; {} is none", shown(item))
        }),
    };
    let values: Vec<_> = items.iter().map(value).collect::<Result<_, _>>()?;
    let values = values.concat();
    if values.is_empty() {
        return Err(format!(
            "in '{member}', '{name:.60}' has no values; list_dimensions lists those there are"
        ));
    }
    Ok(Condition { by, values })
}

/// The value, or none where that is what answers call it. The bare word may be a value as well.
fn plain(text: String, by: &Grouping) -> Vec<String> {
    let none = match by {
        Grouping::Tag(_) => UNTAGGED,
        Grouping::Dimension(_) => NONE,
    };
    if text == none {
        vec![String::new()]
    } else if text.eq_ignore_ascii_case(none.trim_matches(['(', ')'])) {
        vec![text, String::new()]
    } else {
        vec![text]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn storage() -> Vec<Condition> {
        vec![Condition {
            by: Grouping::Dimension("ServiceName".to_owned()),
            values: vec!["Storage".to_owned()],
        }]
    }

    #[test]
    fn every_way_to_write_a_condition_is_understood() {
        for written in [
            json!({"ServiceName": ["Storage"]}),
            json!({"service": "Storage"}),
            json!({"service": "[\"Storage\"]"}),
            json!([{"service": "Storage"}]),
            json!("service=Storage"),
            json!("ServiceName == 'Storage'"),
            json!({"dimension": "service", "values": ["Storage"]}),
            json!({"name": "ServiceName", "operator": "In", "values": ["Storage"]}),
            json!({"dimensions": {"name": "ServiceName", "operator": "In", "values": ["Storage"]}}),
            json!({"service": "Storage", "region": null}),
        ] {
            assert_eq!(read("filter", Some(written.clone())), Ok(storage()), "{written}");
        }
        let tag = |values: &[&str]| {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            vec![Condition { by: Grouping::Tag("env".to_owned()), values }]
        };
        let tags = json!({"tags": {"name": "env", "values": ["prod", null, 7, true]}});
        assert_eq!(read("filter", Some(tags)), Ok(tag(&["prod", "", "7", "true"])));
        for none in [json!(UNTAGGED), json!(null), json!([null]), json!("")] {
            assert_eq!(read("exclude", Some(json!({"tag:env": none}))), Ok(tag(&[""])), "{none}");
        }
        assert_eq!(read("exclude", Some(json!({"tag:env": "untagged"}))), Ok(tag(&["untagged", ""])));
        assert_eq!(read("filter", None), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (written, expected) in [
            (json!("Storage"), "'filter' is an object of lists"),
            (json!(5), "not '5'"),
            (
                json!({"servce": ["Storage"]}),
                "in 'filter', there is no dimension 'servce'; the nearest are 'ServiceName'",
            ),
            (json!({"service": []}), "has no values; list_dimensions"),
            (json!({"service": [{"a": 1}]}), "the values of 'service' are texts"),
        ] {
            let said = read("filter", Some(written)).unwrap_err();
            assert!(said.contains(expected), "{said}");
        }
    }
}
