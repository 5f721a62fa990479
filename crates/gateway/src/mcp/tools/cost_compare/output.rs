//! What `cost_compare` answers, for programs.

use std::collections::BTreeMap;

use cost::{Change, Difference, Driver, DriverKind};
use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use crate::mcp::foreign;
use crate::mcp::tools::money::exact;
use crate::mcp::tools::period::PeriodOutput;
use crate::mcp::tools::told::{AzureUse, More, Partial};

/// The difference.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// One for each currency; they are never added up.
    pub(super) currencies: Vec<InCurrency>,
    /// The days after.
    pub(super) period: PeriodOutput,
    /// The days before.
    pub(super) baseline: PeriodOutput,
    /// The last UTC day whose costs are complete.
    pub(super) complete_until: Date,
    /// actual or amortized.
    pub(super) metric: &'static str,
    /// The scopes that are in it.
    pub(super) scopes: Vec<String>,
    /// What was asked for and is not in it.
    pub(super) partial: Vec<Partial>,
    /// What a reader must know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// What it took at Azure.
    pub(super) azure: AzureUse,
    /// Drivers that did not fit in; they are in rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) more: Option<More>,
}

/// The difference in a currency. Drivers and rest add up to change.
#[derive(JsonSchema, Serialize)]
pub(super) struct InCurrency {
    pub(super) currency: String,
    before: String,
    after: String,
    change: String,
    per_day_before: String,
    per_day_after: String,
    /// The largest change first. In each, the three effects add up to its change.
    pub(super) drivers: Vec<DriverOutput>,
    pub(super) rest: Rest,
    /// What the other number of each weekday makes. A view beside the sum, as are the coverages.
    calendar_effect: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar_effect_reason: Option<&'static str>,
    /// Committed usage against committed and on-demand usage, from 0 to 1.
    coverage_before: Option<String>,
    coverage_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage_reason: Option<&'static str>,
}

/// A group that changed.
#[derive(JsonSchema, Serialize)]
pub(super) struct DriverOutput {
    keys: BTreeMap<String, Option<String>>,
    before: String,
    after: String,
    change: String,
    /// new, gone, grown, shrunk or resized: the same resource on another meter.
    kind: &'static str,
    /// More or less was used.
    usage_effect: String,
    /// It was dearer or cheaper.
    rate_effect: String,
    /// Purchases, refunds and the like.
    other_effect: String,
}

/// The groups that are not among the drivers.
#[derive(JsonSchema, Serialize)]
pub(super) struct Rest {
    groups: usize,
    before: String,
    after: String,
    change: String,
}

impl InCurrency {
    /// A difference without its drivers, which come as they fit in; `rest` is what will not be among them.
    pub(super) fn new(difference: &Difference) -> Self {
        let Difference { change, calendar_effect, coverage_before, coverage_after, .. } = difference;
        let figure = |found: &Result<Decimal, &'static str>| found.ok().map(exact);
        let reason = |found: &Result<Decimal, &'static str>| found.err();
        Self {
            currency: difference.currency.to_string(),
            before: exact(change.before),
            after: exact(change.after),
            change: exact(change.change),
            per_day_before: exact(difference.per_day_before),
            per_day_after: exact(difference.per_day_after),
            drivers: Vec::new(),
            rest: Rest::new(difference.rest),
            calendar_effect: figure(calendar_effect),
            calendar_effect_reason: reason(calendar_effect),
            coverage_before: figure(coverage_before),
            coverage_after: figure(coverage_after),
            coverage_reason: reason(coverage_before).or(reason(coverage_after)),
        }
    }
}

impl DriverOutput {
    pub(super) fn new(driver: &Driver, by: &str) -> Self {
        Self {
            keys: BTreeMap::from([(foreign::exact(by), driver.key.as_deref().map(foreign::exact))]),
            before: exact(driver.change.before),
            after: exact(driver.change.after),
            change: exact(driver.change.change),
            kind: kind(driver.kind),
            usage_effect: exact(driver.usage_effect),
            rate_effect: exact(driver.rate_effect),
            other_effect: exact(driver.other_effect),
        }
    }
}

impl Rest {
    pub(super) fn new((groups, change): (usize, Change)) -> Self {
        Self {
            groups,
            before: exact(change.before),
            after: exact(change.after),
            change: exact(change.change),
        }
    }
}

pub(super) const fn kind(kind: DriverKind) -> &'static str {
    match kind {
        DriverKind::New => "new",
        DriverKind::Gone => "gone",
        DriverKind::Grown => "grown",
        DriverKind::Shrunk => "shrunk",
        DriverKind::Resized => "resized",
    }
}
