//! For tests: costs as they arose, one by one, and Azure's answers made of them. Written from what the service does, and not with
//! what is under test.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::money::Money;
use crate::query::{Beside, Filter, Granularity, Grouping, Metric, Query, QueryResult, Row};
use crate::question::Condition;

/// The day on which the tests ask.
pub(crate) const TODAY: Date = date(2026, 11, 22);

/// One cost.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) day: Date,
    pub(crate) currency: &'static str,
    pub(crate) actual: Decimal,
    pub(crate) amortized: Decimal,
    pub(crate) usd: Decimal,
    pub(crate) quantity: Decimal,
    /// Values of dimensions, and of tags as `tag:KEY`. What is missing is empty.
    pub(crate) values: BTreeMap<&'static str, &'static str>,
}

impl Raw {
    pub(crate) fn value(&self, by: &Grouping) -> &'static str {
        let name = match by {
            Grouping::Dimension(name) => name.clone(),
            Grouping::Tag(key) => format!("tag:{key}"),
        };
        let find =
            |(known, value): (&&str, &&'static str)| known.eq_ignore_ascii_case(&name).then_some(*value);
        self.values.iter().find_map(find).unwrap_or_default()
    }

    pub(crate) fn cost(&self, metric: Metric) -> Decimal {
        match metric {
            Metric::Actual => self.actual,
            Metric::Amortized => self.amortized,
        }
    }

    pub(crate) fn meets(&self, condition: &Condition) -> bool {
        let value = self.value(&condition.by).to_lowercase();
        condition.values.iter().any(|held| held.to_lowercase() == value)
    }

    fn passes(&self, filter: &Filter) -> bool {
        match filter {
            Filter::And(all) => all.iter().all(|filter| self.passes(filter)),
            Filter::Or(any) => any.iter().any(|filter| self.passes(filter)),
            Filter::Dimension { name, values } => self.is_in(&Grouping::Dimension(name.clone()), values),
            Filter::Tag { name, values } => self.is_in(&Grouping::Tag(name.clone()), values),
        }
    }

    /// Azure has no condition on what has no value.
    fn is_in(&self, by: &Grouping, values: &[String]) -> bool {
        assert!(values.iter().all(|value| !value.is_empty()), "asked for the empty value of {by:?}");
        self.meets(&Condition { by: by.clone(), values: values.to_vec() })
    }
}

/// What Azure answers. A key is split over rows here and there, and names stand in the case they were written in.
pub(crate) fn answer(raws: &[Raw], query: &Query) -> QueryResult {
    let period = query.period();
    let mut answered: Vec<Row> = Vec::new();
    let counts = |raw: &&Raw| {
        (period.from()..=period.to()).contains(&raw.day)
            && query.filter().is_none_or(|filter| raw.passes(filter))
    };
    for (index, raw) in raws.iter().filter(counts).enumerate() {
        let date = match query.granularity() {
            Granularity::None => None,
            Granularity::Daily => Some(raw.day),
            Granularity::Monthly => Some(raw.day.first_of_month()),
        };
        let beside = query.beside().map(|beside| match beside {
            Beside::Quantity => raw.quantity,
            Beside::Usd => raw.usd,
        });
        let cost = Money::new(raw.cost(query.metric()), raw.currency.parse().unwrap());
        let groups: Vec<String> = query.grouping().iter().map(|by| raw.value(by).to_owned()).collect();
        let same =
            |row: &&mut Row| row.date == date && row.cost.currency == cost.currency && *row.groups == groups;
        match answered.iter_mut().find(same).filter(|_| index % 5 != 0) {
            Some(row) => {
                row.cost.amount += cost.amount;
                row.beside = row.beside.zip(beside).map(|(sum, more)| sum + more);
            }
            None => answered.push(Row { cost, beside, date, groups: groups.into() }),
        }
    }
    QueryResult { rows: answered.into(), pages: 1, ..QueryResult::default() }
}

/// Costs in the 13 months up to today, of few names.
pub(crate) fn raws(most: usize) -> impl Strategy<Value = Vec<Raw>> {
    proptest::collection::vec(raw(), 0..most)
}

fn raw() -> impl Strategy<Value = Raw> {
    let money = -20_000_i64..200_000_000;
    let named = |name: &'static str, values: &'static [&'static str]| {
        proptest::sample::select(values).prop_map(move |value| (name, value))
    };
    let values = [
        named("ServiceName", &["Storage", "storage", "Virtual Machines", "SQL", ""]),
        named("ResourceGroupName", &["rg-web", "RG-Web", "rg-data", ""]),
        named("ResourceId", &["/vm/1", "/vm/2", "/VM/2", "/sql/1", ""]),
        named("tag:env", &["prod", "Prod", "dev", "", ""]),
        named("Meter", &["D2", "d2", "D4", "LRS", ""]),
        named("UnitOfMeasure", &["1 Hour", "1 Hour", "1 GB"]),
        named("ChargeType", &["Usage", "Usage", "usage", "Purchase", "Refund", "UnusedReservation"]),
        named("PricingModel", &["OnDemand", "OnDemand", "Reservation", "SavingsPlan", "Spot"]),
    ];
    let money = (money.clone(), money.clone(), money, 1_i64..90_000, 0_usize..7);
    (0_i32..395, money, values).prop_map(|(back, (actual, amortized, usd, quantity, eighth), values)| {
        Raw {
            // Many of the costs are of the last weeks: small periods have some too.
            day: TODAY - (if back % 2 == 0 { back % 62 } else { back }).days(),
            currency: if eighth == 0 { "USD" } else { "EUR" },
            actual: Decimal::new(actual, 8),
            amortized: Decimal::new(amortized, 8),
            usd: Decimal::new(usd, 6),
            // Some costs are of no quantity.
            quantity: Decimal::new(if eighth == 1 { 0 } else { quantity }, 3),
            values: values.into_iter().collect(),
        }
    })
}
