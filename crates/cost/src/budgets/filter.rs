//! The filter of a budget as conditions. It knows `and`, dimensions, tags and `In`; whatever else stands there narrows the costs in a
//! way that is not known, and must not read as "all".

use serde_json::{Map, Value};

use crate::query::Grouping;
use crate::question::Condition;

/// Which costs a budget counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetFilter {
    /// Those that meet all of these; without any, all costs of its scope.
    Costs(Vec<Condition>),
    /// It cannot be read, for this reason.
    Unknown(&'static str),
}

impl BudgetFilter {
    /// Reads the member of a budget. `{}` and null are no filter.
    pub(super) fn read(value: &Value) -> Self {
        let conditions = match value {
            Value::Null => Ok(Vec::new()),
            Value::Object(members) => conditions(members, true),
            _ => Err("its filter is not an object"),
        };
        conditions.map_or_else(Self::Unknown, Self::Costs)
    }
}

fn conditions(members: &Map<String, Value>, outer: bool) -> Result<Vec<Condition>, &'static str> {
    let mut found = Vec::new();
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("and", Value::Array(parts)) if outer => {
                for part in parts {
                    let part = part.as_object().ok_or("a part of its filter is not an object")?;
                    found.extend(conditions(part, false)?);
                }
            }
            ("dimensions" | "dimension", value) => found.push(condition(value, Grouping::Dimension)?),
            ("tags" | "tag", value) => found.push(condition(value, Grouping::Tag)?),
            _ => return Err("its filter has more than dimensions, tags and `and`"),
        }
    }
    if found.is_empty() && !outer {
        return Err("a part of its filter is empty");
    }
    Ok(found)
}

fn condition(value: &Value, by: fn(String) -> Grouping) -> Result<Condition, &'static str> {
    let member = |wanted: &str| {
        let members = value.as_object().into_iter().flatten();
        members.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    };
    let name = member("name").and_then(Value::as_str).filter(|name| !name.trim().is_empty());
    let is_in = member("operator").and_then(Value::as_str).is_none_or(|word| word.eq_ignore_ascii_case("in"));
    if !is_in {
        return Err("its filter has another operator than In");
    }
    let values = member("values").and_then(Value::as_array).ok_or("a part of its filter has no values")?;
    let values: Option<Vec<String>> = values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    match (name, values) {
        (Some(name), Some(values)) if !values.is_empty() => Ok(Condition { by: by(name.to_owned()), values }),
        _ => Err("a part of its filter has no name or no values"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> BudgetFilter {
        BudgetFilter::read(value)
    }

    #[test]
    fn nothing_is_no_filter_and_what_is_not_known_is_not_nothing() {
        for none in [json!({}), json!(null), json!({"and": null}), json!({"and": []})] {
            assert_eq!(read(&none), BudgetFilter::Costs(Vec::new()), "{none}");
        }
        let one = json!({"name": "ServiceName", "operator": "In", "values": ["Storage"]});
        for unknown in [
            json!([]),
            json!({"not": {"dimensions": one}}),
            json!({"or": [{"dimensions": one}, {"dimensions": one}]}),
            json!({"resourceGroups": ["rg"]}),
            json!({"dimensions": one, "meters": []}),
            json!({"and": [{}]}),
            json!({"and": [{"and": [{"dimensions": one}]}]}),
            json!({"and": {"dimensions": one}}),
            json!({"dimensions": {"name": "ServiceName", "operator": "Contains", "values": ["St"]}}),
            json!({"dimensions": {"name": "ServiceName", "operator": "In", "values": []}}),
            json!({"dimensions": {"name": "", "operator": "In", "values": ["a"]}}),
            json!({"tags": {"name": "a", "operator": "In", "values": [1]}}),
            json!({"tags": 5}),
        ] {
            assert!(matches!(read(&unknown), BudgetFilter::Unknown(_)), "{unknown}");
        }
    }

    #[test]
    fn conditions_are_all_to_hold() {
        let filter = json!({"And": [
            {"Dimensions": {"Name": "ServiceName", "Operator": "in", "Values": ["Storage", "SQL"]}},
            {"tags": {"name": "env", "values": ["prod"]}},
        ]});
        let BudgetFilter::Costs(conditions) = read(&filter) else { panic!("{filter}") };
        let expected = [
            (Grouping::Dimension("ServiceName".to_owned()), vec!["Storage", "SQL"]),
            (Grouping::Tag("env".to_owned()), vec!["prod"]),
        ];
        let found: Vec<_> = conditions
            .iter()
            .map(|one| (one.by.clone(), one.values.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(found, expected);
    }
}
