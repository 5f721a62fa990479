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
        let mut sums: Vec<(Row, Sum)> = Vec::new();
        for row in self.rows {
            let groups = row.groups.iter().map(|group| group.to_lowercase()).collect();
            let key = (row.date, row.cost.currency, groups);
            let amount = row.cost.amount;
            let place = *places.entry(key).or_insert_with(|| {
                sums.push((row, Sum::default()));
                sums.len() - 1
            });
            if let Some((_, sum)) = sums.get_mut(place) {
                sum.add(amount)?;
            }
        }
        let row = |(row, sum): (Row, Sum)| {
            let cost = Money::new(sum.amount()?, row.cost.currency);
            Ok(Row { cost, ..row })
        };
        Ok(Self { rows: sums.into_iter().map(row).collect::<Result<_, _>>()?, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(group: &str, amount: &str, currency: &str, date: Option<Date>) -> Row {
        let cost = Money::new(amount.parse().unwrap(), currency.parse().unwrap());
        Row { cost, date, groups: vec![group.to_owned()] }
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
        let result = QueryResult { rows, ..QueryResult::default() }.summed().unwrap();
        let lines: Vec<_> = result.rows.iter().map(|row| format!("{} {}", row.groups[0], row.cost)).collect();
        assert_eq!(lines, ["Web 1.5 EUR", "web 2 USD", "WEB 3 EUR", "Ärger 0 EUR"]);
    }
}
