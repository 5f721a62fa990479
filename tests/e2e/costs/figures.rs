//! Every figure of an answer, calculated from raw rows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

use super::raw::Raw;

/// A question, as far as its figures go.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) from: Date,
    pub(super) to: Date,
    /// `none`, `daily` or `monthly`.
    pub(super) granularity: &'static str,
    pub(super) group_by: Vec<String>,
    /// All must hold.
    pub(super) filter: Vec<Condition>,
    /// A row goes where any holds.
    pub(super) exclude: Vec<Condition>,
}

/// A dimension or tag, and values; the empty one is "none".
pub(super) type Condition = (String, Vec<String>);

/// What makes rows one: the groups in small letters, the date, the currency.
pub(super) type Key = (Vec<Option<String>>, Option<Date>, String);

/// What a group costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) cost: Decimal,
    pub(super) usd: Decimal,
    pub(super) quantity: Decimal,
    /// Meters, each with its unit.
    pub(super) meters: BTreeSet<(Option<String>, String)>,
}

impl Figures {
    pub(super) fn add(&mut self, row: &Raw) {
        self.cost += row.cost;
        self.usd += row.usd;
        self.quantity += row.quantity;
        self.meters.insert((row.value("meter"), row.unit.to_lowercase()));
    }
}

impl Question {
    /// The rows that count.
    pub(super) fn counted<'a>(&'a self, rows: &'a [Raw]) -> impl Iterator<Item = &'a Raw> {
        rows.iter().filter(|row| {
            (self.from..=self.to).contains(&row.date)
                && self.filter.iter().all(|condition| holds(condition, row))
                && !self.exclude.iter().any(|condition| holds(condition, row))
        })
    }

    /// The figures of each group.
    pub(super) fn groups(&self, rows: &[Raw]) -> BTreeMap<Key, Figures> {
        let mut groups: BTreeMap<Key, Figures> = BTreeMap::new();
        for row in self.counted(rows) {
            let keys = self.group_by.iter().map(|name| row.value(name)).collect();
            let date = match self.granularity {
                "daily" => Some(row.date),
                "monthly" => Some(row.date.first_of_month()),
                _ => None,
            };
            groups.entry((keys, date, row.currency.clone())).or_default().add(row);
        }
        groups
    }
}

fn holds((name, values): &Condition, row: &Raw) -> bool {
    let value = row.value(name).unwrap_or_default();
    values.iter().any(|wanted| wanted.to_lowercase() == value)
}

/// A quotient as answers have it: 10 decimals, half to even.
pub(super) fn quotient(part: Decimal, whole: Decimal) -> Option<Decimal> {
    let quotient = part.checked_div(whole)?;
    Some(quotient.round_dp_with_strategy(10, RoundingStrategy::MidpointNearestEven).normalize())
}
