//! Rows and columns of an answer. Column order is the live one: sums, date, groups, currency.

use std::cmp::Ordering;
use std::collections::HashMap;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::definition::{Definition, Granularity, Grouping, Measure};
use super::scope::QueryScope;
use crate::arm::costs::{Row, RowKind, View, Wanted};
use crate::arm::errors::ArmError;

/// The complete answer, before paging.
#[derive(Debug)]
pub(crate) struct Table {
    pub(super) columns: Vec<Value>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// What a row is about, apart from the date: its group values and its currency.
type Group = (Vec<String>, &'static str);

impl Table {
    pub(super) fn build(scope: &QueryScope, definition: &Definition, view: &View) -> Result<Self, ArmError> {
        let Definition { from, to, basis, .. } = *definition;
        let mut groups = Groups::of(definition);
        let mut sums: HashMap<(Option<Date>, usize), [i64; 2]> = HashMap::new();
        for row in scope.rows(Wanted { from, to, basis, view }) {
            let Some(group) = groups.find(&row) else { continue };
            let sum = sums.entry((bucket(scope, definition, row.date), group)).or_default();
            for (total, (_, measure)) in sum.iter_mut().zip(&definition.measures) {
                *total += match measure {
                    Measure::Cost => row.cost,
                    Measure::CostUsd => row.usd(),
                    Measure::Quantity => row.quantity,
                };
            }
        }
        let mut sums: Vec<_> =
            sums.into_iter().map(|((date, at), sum)| ((date, &groups.found[at]), sum)).collect();
        sums.sort_unstable_by_key(|(key, _)| *key);
        let rows = sums.into_iter().map(|((date, group), sum)| cells(definition, date, group, sum)).collect();
        let mut table = Self { columns: columns(definition, scope), rows };
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

/// What a row's date becomes.
fn bucket(scope: &QueryScope, definition: &Definition, day: Date) -> Option<Date> {
    match definition.granularity {
        // Of a management group it is a row for each month, of one key: they are to be added up.
        Granularity::None => scope.dates_anyhow().then(|| day.last_of_month().min(definition.to)),
        Granularity::Daily => Some(day),
        Granularity::Monthly => Some(day.first_of_month()),
    }
}

/// The distinct groups found so far, and those of each kind of row; `None` where the filter keeps it out.
struct Groups<'a> {
    definition: &'a Definition,
    found: Vec<Group>,
    index: HashMap<Group, usize>,
    of_kinds: HashMap<RowKind, Option<usize>>,
}

impl<'a> Groups<'a> {
    fn of(definition: &'a Definition) -> Self {
        Self { definition, found: Vec::new(), index: HashMap::new(), of_kinds: HashMap::new() }
    }

    /// The group of a row that passes the filter.
    fn find(&mut self, row: &Row<'_>) -> Option<usize> {
        if let Some(known) = self.of_kinds.get(&row.kind()) {
            return *known;
        }
        let passes = self.definition.filter.as_ref().is_none_or(|filter| filter.holds(row));
        let at = passes.then(|| self.add((values(self.definition, row), row.line.currency)));
        self.of_kinds.insert(row.kind(), at);
        at
    }

    fn add(&mut self, group: Group) -> usize {
        if let Some(at) = self.index.get(&group) {
            return *at;
        }
        self.found.push(group.clone());
        self.index.insert(group, self.found.len() - 1);
        self.found.len() - 1
    }
}

/// The cells of a row's groups. A tag has two; one without a name has an empty one
/// (<https://github.com/Azure/azure-rest-api-specs/issues/22884>).
fn values(definition: &Definition, row: &Row<'_>) -> Vec<String> {
    let cells = |grouping: &Grouping| match grouping {
        Grouping::Dimension(name) => vec![row.dimension(name)],
        Grouping::Tag(key) => {
            vec![key.to_ascii_lowercase(), row.tag(key).unwrap_or_default().to_owned()]
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

pub(super) fn column(name: &str, kind: &str) -> Value {
    json!({"name": name, "type": kind})
}

fn cells(
    definition: &Definition,
    date: Option<Date>,
    (values, currency): &Group,
    sum: [i64; 2],
) -> Vec<Value> {
    let sums = sum.into_iter().take(definition.measures.len()).map(number);
    let date = date.map(|date| date_cell(definition.granularity, date));
    let groups = values.iter().map(|value| value.as_str().into());
    sums.chain(date).chain(groups).chain([(*currency).into()]).collect()
}

/// A month as text, a day as a number.
pub(super) fn date_cell(granularity: Granularity, date: Date) -> Value {
    match granularity {
        Granularity::Monthly => format!("{date}T00:00:00").into(),
        Granularity::Daily | Granularity::None => {
            json!(i32::from(date.year()) * 10_000 + i32::from(date.month()) * 100 + i32::from(date.day()))
        }
    }
}

/// A number with up to eight decimals. Exact: below 2^53 there is one double for each of them, and its shortest text is the
/// decimal itself.
#[expect(clippy::cast_precision_loss, reason = "amounts stay far below 2^53")]
pub(crate) fn number(amount: i64) -> Value {
    debug_assert!(amount.unsigned_abs() < 1 << 53, "{amount}");
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
