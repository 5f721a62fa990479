//! Rows and columns of an answer. Column order is the live one: sums, date, groups, currency.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use serde_json::{Value, json};

use super::definition::{Definition, Granularity, Grouping, Measure};
use super::dimensions;
use super::scope::QueryScope;
use crate::arm::costs::{Resource, Subscription};
use crate::arm::errors::ArmError;

/// The complete answer, before paging.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<Value>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// What a row is about, apart from the date: its group values and its currency.
type Group = (Vec<String>, &'static str);

/// Resources, each with the index of its group.
type Members<'a> = Vec<(&'a Resource, usize)>;

impl Table {
    pub(super) fn build(scope: &QueryScope, definition: &Definition, today: Date) -> Result<Self, ArmError> {
        let columns = columns(definition, scope);
        let (groups, members) = classify(scope, definition);
        let mut sums: BTreeMap<(Option<Date>, &Group), [i64; 2]> = BTreeMap::new();
        for day in definition
            .from
            .series(jiff::Span::new().days(1))
            .take_while(|day| *day <= definition.to.min(today))
        {
            let bucket = match definition.granularity {
                // Of a management group it is a row for each month, of one key: they are to be added up.
                Granularity::None => scope.dates_anyhow().then(|| day.last_of_month().min(definition.to)),
                Granularity::Daily => Some(day),
                Granularity::Monthly => Some(day.first_of_month()),
            };
            for (resource, group) in &members {
                let cost = resource.cost(day, today, definition.basis);
                if cost == 0 {
                    continue;
                }
                let sum = sums.entry((bucket, &groups[*group])).or_default();
                for (total, (_, measure)) in sum.iter_mut().zip(&definition.measures) {
                    *total += match measure {
                        Measure::Cost => cost,
                        Measure::CostUsd => resource.in_usd(cost),
                        Measure::Quantity => resource.quantity(cost),
                    };
                }
            }
        }
        let rows = sums.into_iter().map(|((date, group), sum)| row(definition, date, group, sum)).collect();
        let mut table = Self { columns, rows };
        table.sort(definition)?;
        Ok(table)
    }

    fn sort(&mut self, definition: &Definition) -> Result<(), ArmError> {
        for (name, descending) in definition.sorting.iter().rev() {
            let is_named =
                |column: &Value| column["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name));
            let at = self.columns.iter().position(is_named).ok_or_else(|| {
                ArmError::bad_request(format!("Invalid query definition: Invalid sorting column '{name}'."))
            })?;
            self.rows.sort_by(|a, b| {
                let order = compare(&a[at], &b[at]);
                if *descending { order.reverse() } else { order }
            });
        }
        Ok(())
    }
}

/// The distinct groups, and each resource that passes the filter with the index of its group.
fn classify<'a>(scope: &'a QueryScope, definition: &Definition) -> (Vec<Group>, Members<'a>) {
    let mut groups: Vec<Group> = Vec::new();
    let mut index: HashMap<Group, usize> = HashMap::new();
    let mut members = Vec::new();
    for (subscription, resource) in in_scope(scope) {
        if definition.filter.as_ref().is_some_and(|filter| !filter.holds(subscription, resource)) {
            continue;
        }
        let group = (values(definition, subscription, resource), resource.currency);
        let at = *index.entry(group).or_insert_with_key(|group| {
            groups.push(group.clone());
            groups.len() - 1
        });
        members.push((resource, at));
    }
    (groups, members)
}

fn in_scope(scope: &QueryScope) -> impl Iterator<Item = (&Subscription, &Resource)> {
    let all = scope.subscriptions.iter();
    let all = all.flat_map(|one| one.resources.iter().map(|resource| (one.as_ref(), resource)));
    let group = scope.resource_group.as_deref();
    all.filter(move |(_, resource)| group.is_none_or(|group| group.eq_ignore_ascii_case(&resource.group)))
}

/// The cells of a row's groups. A tag has two; one without a name has an empty one
/// (<https://github.com/Azure/azure-rest-api-specs/issues/22884>).
fn values(definition: &Definition, subscription: &Subscription, resource: &Resource) -> Vec<String> {
    let cells = |grouping: &Grouping| match grouping {
        Grouping::Dimension(name) => vec![dimensions::value(subscription, resource, name)],
        Grouping::Tag(key) => {
            vec![key.to_ascii_lowercase(), resource.tag(key).unwrap_or_default().to_owned()]
        }
    };
    definition.grouping.iter().flat_map(cells).collect()
}

fn columns(definition: &Definition, scope: &QueryScope) -> Vec<Value> {
    let mut columns: Vec<Value> =
        definition.measures.iter().map(|(name, _)| column(name, "Number")).collect();
    match definition.granularity {
        Granularity::None if scope.dates_anyhow() => columns.push(column("UsageDate", "Number")),
        Granularity::None => {}
        Granularity::Daily => columns.push(column("UsageDate", "Number")),
        Granularity::Monthly => columns.push(column("BillingMonth", "Datetime")),
    }
    for grouping in &definition.grouping {
        match grouping {
            Grouping::Dimension(name) => columns.push(column(name, "String")),
            Grouping::Tag(_) => columns.extend([column("TagKey", "String"), column("TagValue", "String")]),
        }
    }
    columns.push(column("Currency", "String"));
    columns
}

fn column(name: &str, kind: &str) -> Value {
    json!({"name": name, "type": kind})
}

fn row(definition: &Definition, date: Option<Date>, (values, currency): &Group, sum: [i64; 2]) -> Vec<Value> {
    let sums = sum.into_iter().take(definition.measures.len()).map(number);
    let date = date.map(|date| match definition.granularity {
        Granularity::Monthly => format!("{date}T00:00:00").into(),
        Granularity::Daily | Granularity::None => {
            json!(i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day()))
        }
    });
    let groups = values.iter().map(|value| value.as_str().into());
    sums.chain(date).chain(groups).chain([(*currency).into()]).collect()
}

/// A number with up to eight decimals. Exact: such a number has at most 15 significant digits here, and the shortest text
/// of the nearest double is the decimal itself.
#[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53")]
fn number(amount: i64) -> Value {
    json!(amount as f64 / 1e8)
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.as_str().cmp(&b.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn amounts_keep_their_eight_decimals() {
        assert_eq!(number(123_456_789_012_345).to_string(), "1234567.89012345");
        assert_eq!(number(1).to_string(), "1e-8");
        assert_eq!(number(1_930_000_000).to_string(), "19.3");
    }
}
