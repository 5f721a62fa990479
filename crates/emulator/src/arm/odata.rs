//! The `$filter` of lists: conditions joined by `and`, as much of OData as Azure's lists of benefits take.

use jiff::civil::Date;

use super::errors::ArmError;
use super::query::day;

/// A condition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// In small letters, without `properties/`.
    pub(crate) name: String,
    pub(crate) operator: Operator,
    pub(crate) value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    AtLeast,
    AtMost,
}

/// The conditions of a filter; none without one. Only `names` may stand in it.
pub(crate) fn conditions(filter: Option<&str>, names: &[&str]) -> Result<Vec<Condition>, ArmError> {
    let Some(filter) = filter.map(str::trim).filter(|filter| !filter.is_empty()) else {
        return Ok(Vec::new());
    };
    let words: Vec<&str> = filter.split_whitespace().collect();
    let invalid = || ArmError::bad_request(format!("Invalid filter: '{filter}'."));
    let mut found = Vec::new();
    for part in words.split(|word| word.eq_ignore_ascii_case("and")) {
        let [name, operator, value @ ..] = part else { return Err(invalid()) };
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("properties/").unwrap_or(&name).to_owned();
        let operator = match operator.to_ascii_lowercase().as_str() {
            "eq" => Operator::Equal,
            "ge" => Operator::AtLeast,
            "le" => Operator::AtMost,
            _ => return Err(invalid()),
        };
        let value = value.join(" ").trim_matches('\'').to_owned();
        if value.is_empty() || !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            return Err(invalid());
        }
        found.push(Condition { name, operator, value });
    }
    Ok(found)
}

/// What a member must be equal to, if the filter says.
pub(crate) fn equal<'a>(conditions: &'a [Condition], name: &str) -> Option<&'a str> {
    let is_it = |one: &&Condition| one.operator == Operator::Equal && one.name.eq_ignore_ascii_case(name);
    conditions.iter().find(is_it).map(|one| one.value.as_str())
}

/// The first and the last day that a member may have, if the filter says.
pub(crate) fn days(conditions: &[Condition], name: &str) -> Result<(Option<Date>, Option<Date>), ArmError> {
    let of = |operator| {
        let is_it = |one: &&Condition| one.operator == operator && one.name.eq_ignore_ascii_case(name);
        conditions.iter().find(is_it).map(|one| day(&one.value)).transpose()
    };
    Ok((of(Operator::AtLeast)?, of(Operator::AtMost)?))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{conditions, days, equal};

    /// As in the specification's examples.
    #[test]
    fn conditions_are_joined_by_and() {
        let filter = "properties/usageDate ge 2022-10-15 and properties/usageDate le 2022-10-18";
        let found = conditions(Some(filter), &["usageDate"]).unwrap();
        assert_eq!(days(&found, "usageDate").unwrap(), (Some(date(2022, 10, 15)), Some(date(2022, 10, 18))));
        let filter = "properties/lookBackPeriod eq 'Last7Days' AND properties/term eq 'P1Y'";
        let found = conditions(Some(filter), &["lookBackPeriod", "term"]).unwrap();
        assert_eq!(
            (equal(&found, "term"), equal(&found, "lookBackPeriod"), equal(&found, "scope")),
            (Some("P1Y"), Some("Last7Days"), None)
        );
        assert!(conditions(None, &[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for filter in ["x", "term eq", "term ne 'P1Y'", "term eq 'P1Y' and", "region eq 'x'", "term eq ''"] {
            assert!(conditions(Some(filter), &["term"]).is_err(), "{filter}");
        }
    }
}
