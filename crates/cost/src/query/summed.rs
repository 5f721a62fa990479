//! Rows of one key as one row. Azure splits a key over rows and pages, and writes names in both cases.

use std::collections::HashMap;

use jiff::civil::Date;

use super::{QueryResult, Row};
use crate::money::Sum;
use crate::money::{AmountOverflow, Currency, Money};

/// What makes rows one: the day, the currency, and the groups in small letters.
type Key = (Option<Date>, Currency, Vec<String>);

impl QueryResult {
    /// The same answer with one row for each day, currency and group, in the order they were first met. Groups that differ in
    /// case only are one, named as first met: Azure writes resource groups and providers in both
    /// (<https://github.com/opencost/opencost/issues/2275>).
    pub fn summed(self) -> Result<Self, AmountOverflow> {
        let mut places: HashMap<Key, usize> = HashMap::new();
        let mut sums: Vec<(Row, Sum, Option<Sum>)> = Vec::new();
        for row in self.rows {
            let groups = row.groups.iter().map(|group| group.to_lowercase()).collect();
            let key = (row.date, row.cost.currency, groups);
            let (amount, beside) = (row.cost.amount, row.beside);
            let place = *places.entry(key).or_insert_with(|| {
                sums.push((row, Sum::default(), Some(Sum::default())));
                sums.len() - 1
            });
            if let Some((_, sum, sum_beside)) = sums.get_mut(place) {
                sum.add(amount)?;
                match (&mut *sum_beside, beside) {
                    (Some(sum), Some(figure)) => sum.add(figure)?,
                    _ => *sum_beside = None,
                }
            }
        }
        let row = |(row, sum, beside): (Row, Sum, Option<Sum>)| {
            let cost = Money::new(sum.amount()?, row.cost.currency);
            let beside = beside.map(|sum| sum.amount()).transpose()?;
            Ok(Row { cost, beside, ..row })
        };
        Ok(Self { rows: sums.into_iter().map(row).collect::<Result<_, _>>()?, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(group: &str, amount: &str, currency: &str, date: Option<Date>) -> Row {
        let cost = Money::new(amount.parse().unwrap(), currency.parse().unwrap());
        Row { cost, beside: None, date, groups: [group.to_owned()].into() }
    }

    #[test]
    fn a_second_sum_is_known_where_all_its_parts_are() {
        let with = |group: &str, figure: Option<&str>| {
            let beside = figure.map(|figure| figure.parse().unwrap());
            Row { beside, ..row(group, "1", "EUR", None) }
        };
        let rows =
            vec![with("a", Some("0.1")), with("a", Some("0.2")), with("b", Some("1")), with("b", None)];
        let result = QueryResult { rows: rows.into(), ..QueryResult::default() }.summed().unwrap();
        let sums: Vec<_> = result.rows.iter().map(|row| row.beside.map(|sum| sum.to_string())).collect();
        assert_eq!(sums, [Some("0.3".to_owned()), None]);
    }

    #[test]
    fn only_rows_of_one_key_are_added() {
        let day = Some(jiff::civil::date(2026, 11, 1));
        let rows = vec![
            row("Web", "1", "EUR", day),
            row("web", "0.5", "EUR", day),
            row("web", "2", "USD", day),
            row("WEB", "3", "EUR", None),
            row("Ärger", "1", "EUR", None),
            row("ärger", "-1", "EUR", None),
        ];
        let result = QueryResult { rows: rows.into(), ..QueryResult::default() }.summed().unwrap();
        let lines: Vec<_> = result.rows.iter().map(|row| format!("{} {}", row.groups[0], row.cost)).collect();
        assert_eq!(lines, ["Web 1.5 EUR", "web 2 USD", "WEB 3 EUR", "Ärger 0 EUR"]);
    }
}
