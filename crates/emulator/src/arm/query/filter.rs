//! The filter tree of a query: `and`, `or`, `dimensions`, `tags`. A `not` fails as it does in life.

use serde_json::Value;

use crate::arm::costs::Row;
use crate::arm::errors::ArmError;

/// A condition on a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    And(Vec<Self>),
    Or(Vec<Self>),
    Dimension(Comparison),
    Tag(Comparison),
}

/// A name compared with values, without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    name: String,
    values: Vec<String>,
}

impl Filter {
    /// Reads a filter whose member names are in lower case.
    ///
    /// # Errors
    /// 400 unless each node has exactly one known member, and `and`/`or` at least two children. 500 for `not`, which no version
    /// of the specification has (<https://github.com/Azure/azure-sdk-for-python/issues/21430>).
    pub(crate) fn parse(value: Value) -> Result<Self, ArmError> {
        let Value::Object(members) = value else { return Err(invalid("a filter must be an object")) };
        let mut given = members.into_iter().filter(|(_, value)| !value.is_null());
        let (Some((name, value)), None) = (given.next(), given.next()) else {
            return Err(not_one());
        };
        match name.as_str() {
            "and" => children(value).map(Self::And),
            "or" => children(value).map(Self::Or),
            "not" => Err(ArmError::internal()),
            "dimensions" | "dimension" => comparison(&value).map(Self::Dimension),
            "tags" | "tag" => comparison(&value).map(Self::Tag),
            _ => Err(not_one()),
        }
    }

    /// The dimensions that are compared.
    pub(super) fn dimensions(&self) -> Vec<&str> {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::dimensions).collect(),
            Self::Dimension(comparison) => vec![&comparison.name],
            Self::Tag(_) => Vec::new(),
        }
    }

    /// Whether the row meets the condition.
    pub(crate) fn holds(&self, row: &Row<'_>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(row)),
            Self::Or(any) => any.iter().any(|one| one.holds(row)),
            Self::Dimension(comparison) => comparison.matches(&row.dimension(&comparison.name)),
            Self::Tag(comparison) => comparison.matches(row.tag(&comparison.name).unwrap_or_default()),
        }
    }
}

impl Comparison {
    fn matches(&self, have: &str) -> bool {
        let have = have.to_lowercase();
        self.values.iter().any(|value| have == value.to_lowercase())
    }
}

fn children(value: Value) -> Result<Vec<Filter>, ArmError> {
    let Value::Array(items) = value else { return Err(invalid("and/or must be an array")) };
    if items.len() < 2 {
        return Err(not_one());
    }
    items.into_iter().map(Filter::parse).collect()
}

fn comparison(value: &Value) -> Result<Comparison, ArmError> {
    let name = value["name"].as_str().ok_or_else(|| invalid("a comparison needs a name"))?.to_owned();
    // `Equal`, `Contains` and others stand in a tool's documentation, and in no specification.
    if !value["operator"].as_str().is_some_and(|operator| operator.eq_ignore_ascii_case("in")) {
        return Err(invalid("operator must be In"));
    }
    let values: Vec<_> = value["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if values.is_empty() {
        return Err(invalid("a comparison needs values"));
    }
    Ok(Comparison { name, values: values.into_iter().map(str::to_owned).collect() })
}

/// <https://github.com/Azure/azure-sdk-for-python/issues/14923>: also for one condition in an `and`, and for two members side
/// by side.
fn not_one() -> ArmError {
    ArmError::bad_request(
        "Invalid dataset filter; on a QueryFilter one and only one of and/or/not/dimension/tag can be set",
    )
}

fn invalid(what: &str) -> ArmError {
    ArmError::bad_request(format!("Invalid query definition: {what}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Filter;
    use crate::arm::costs::{Basis, Subscriptions, View, Wanted, rows};
    use crate::tenant::contoso::PROD_SUBSCRIPTION;

    /// How many rows of a day in Prod the filter lets pass.
    fn count(filter: serde_json::Value) -> Option<usize> {
        let filter = Filter::parse(filter).ok()?;
        let prod = Subscriptions::new(0).find(PROD_SUBSCRIPTION).unwrap();
        let view = View::at("2026-11-20T12:00:00Z".parse().unwrap());
        let day = jiff::civil::date(2026, 11, 3);
        let wanted = Wanted { from: day, to: day, basis: Basis::Actual, view: &view };
        Some(rows(&prod, None, wanted).filter(|row| filter.holds(row)).count())
    }

    #[test]
    fn trees_of_conditions_hold() {
        let storage = json!({"dimensions": {"name": "ServiceName", "operator": "In", "values": ["storage"]}});
        let shop = json!({"tags": {"name": "team", "operator": "In", "values": ["shop"]}});
        let anything = json!({"dimensions": {"name": "ChargeType", "operator": "In", "values": ["usage"]}});
        let all = count(anything).unwrap();
        let (of_storage, of_shop) = (count(storage.clone()).unwrap(), count(shop.clone()).unwrap());
        let both = count(json!({"and": [storage, shop]})).unwrap();
        let either = count(json!({"or": [storage, shop]})).unwrap();
        assert!(both > 0 && both < of_storage && either < all);
        assert_eq!(either, of_storage + of_shop - both);
    }

    #[test]
    fn malformed_trees_are_refused() {
        let one = json!({"dimensions": {"name": "Meter", "operator": "In", "values": ["x"]}});
        for wrong in [
            json!([]),
            json!({}),
            json!({"and": [one]}),
            json!({"nand": [one, one]}),
            json!({"and": [one, one], "tags": {"name": "env", "operator": "In", "values": ["prod"]}}),
            json!({"not": one}),
            json!({"dimensions": {"name": "Meter", "operator": "Contains", "values": ["x"]}}),
            json!({"dimensions": {"name": "Meter", "operator": "Like", "values": ["x"]}}),
            json!({"dimensions": {"name": "Meter", "operator": "In", "values": []}}),
        ] {
            assert_eq!(count(wrong.clone()), None, "{wrong}");
        }
    }
}
