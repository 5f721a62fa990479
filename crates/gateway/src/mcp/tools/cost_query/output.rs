//! What `cost_query` answers, for programs.

use std::collections::BTreeMap;

use cost::{Line, Measures, Other, Quantity, millions_of_tokens, share, unit_price};
use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use super::empty::Empty;
use crate::mcp::foreign;
use crate::mcp::tools::money::{Amount, exact};
use crate::mcp::tools::period::PeriodOutput;
use crate::mcp::tools::told::{AzureUse, More, Partial};

/// The costs.
#[expect(clippy::option_option, reason = "left out, null and a figure are three things to who reads it")]
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// The groups, currency by currency, the dearest first; each one's days or months in order.
    pub(super) rows: Vec<Row>,
    /// The groups that are not among the rows of any part of this answer.
    pub(super) other: Vec<Rest>,
    /// The sum of each currency, of everything. Currencies are never added up.
    pub(super) totals: Vec<Amount>,
    /// All currencies in US dollars, by Microsoft's own conversion; null where a part of it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) total_usd: Option<Option<String>>,
    /// The sum of each day or month; in the first part of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) totals_by_date: Option<Vec<DateTotal>>,
    /// The days covered.
    pub(super) period: PeriodOutput,
    /// The last UTC day whose costs are complete.
    pub(super) complete_until: Date,
    /// actual or amortized.
    pub(super) metric: &'static str,
    /// The scopes that are in it.
    pub(super) scopes: Vec<String>,
    /// What was asked for and is not in it.
    pub(super) partial: Vec<Partial>,
    /// What a reader must know: scopes that lie within others, days that are not over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// Why there are no rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) empty: Option<Empty>,
    /// What it took at Azure.
    pub(super) azure: AzureUse,
    /// Rows without a figure, which are in no sum.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) rows_without_figure: u64,
    /// Rows that did not fit in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) more: Option<More>,
    /// The groups after these, which are in other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) more_groups: Option<More>,
    /// Entries of totals_by_date that did not fit in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) more_dates: Option<More>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A group's cost, or that of one of its days or months.
#[expect(clippy::option_option, reason = "left out, null and a figure are three things to who reads it")]
#[derive(JsonSchema, Serialize)]
pub(super) struct Row {
    /// Azure's dimension or tag:KEY, and its value; null where the cost has none.
    pub(super) keys: BTreeMap<String, Option<String>>,
    /// The day, or the month's first day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<Date>,
    pub(super) cost: Amount,
    /// Its part of the currency's total, from 0 to 1; null where the total is not positive.
    pub(super) share: Option<String>,
    /// How much was used, of one meter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quantity: Option<Option<String>>,
    /// Why quantity is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quantity_reason: Option<&'static str>,
    /// Null where the agreement names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit: Option<Option<String>>,
    /// Cost by quantity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unit_price: Option<Option<String>>,
    /// Of a model: the tokens in millions, whatever the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    million_tokens: Option<String>,
    /// Cost by those.
    #[serde(skip_serializing_if = "Option::is_none")]
    price_per_million_tokens: Option<String>,
    /// US dollars, by Microsoft's own conversion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usd: Option<Option<String>>,
}

/// Groups that are not shown.
#[derive(JsonSchema, Serialize)]
pub(super) struct Rest {
    currency: String,
    /// How many.
    groups: usize,
    amount: String,
}

/// The sum of a day or month in a currency.
#[derive(JsonSchema, Serialize)]
pub(super) struct DateTotal {
    /// The day, or the month's first day.
    pub(super) date: Date,
    pub(super) currency: String,
    pub(super) amount: String,
}

impl From<&Other> for Rest {
    fn from(other: &Other) -> Self {
        let Other { currency, groups, amount } = other;
        Self { currency: currency.to_string(), groups: *groups, amount: exact(*amount) }
    }
}

impl Row {
    /// A line of a breakdown by `names`, of a currency that costs `whole` in all.
    pub(super) fn new(line: &Line, names: &[String], whole: Decimal, measures: Measures) -> Self {
        let keys = names.iter().zip(line.keys.iter());
        let value = |value: &Option<String>| value.as_deref().map(foreign::exact);
        let used = measures.quantity.then_some(&line.quantity);
        let tokens = millions_of_tokens(&line.quantity);
        let price_of_tokens = tokens.and_then(|tokens| unit_price(line.cost.amount, tokens));
        Self {
            keys: keys.map(|(name, key)| (foreign::exact(name), value(key))).collect(),
            date: line.date,
            cost: line.cost.into(),
            share: share(line.cost.amount, whole).map(exact),
            quantity: used.map(|used| amount(used).map(exact)),
            quantity_reason: used.and_then(why_not),
            unit: used.map(|used| match used {
                Quantity::Of(of) => of.unit.as_deref().map(foreign::exact),
                _ => None,
            }),
            unit_price: measures.unit_price.then(|| price(line).map(exact)),
            million_tokens: tokens.filter(|_| measures.quantity).map(exact),
            price_per_million_tokens: price_of_tokens.filter(|_| measures.unit_price).map(exact),
            usd: measures.usd.then(|| line.usd.map(exact)),
        }
    }
}

/// The price of a line's one meter.
fn price(line: &Line) -> Option<Decimal> {
    unit_price(line.cost.amount, amount(&line.quantity)?)
}

const fn amount(quantity: &Quantity) -> Option<Decimal> {
    match quantity {
        Quantity::Of(of) => Some(of.amount),
        _ => None,
    }
}

fn why_not(quantity: &Quantity) -> Option<&'static str> {
    match quantity {
        Quantity::Of(_) | Quantity::NotAsked => None,
        Quantity::SeveralMeters => {
            Some("several meters or units, whose quantities have no sum; group by Meter")
        }
        Quantity::NotAskable => {
            Some("two groups besides the meter cannot be asked; group by Meter and one of them")
        }
        Quantity::NoFigure => Some("Azure has no quantity for a part of it"),
    }
}
