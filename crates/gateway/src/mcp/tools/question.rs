//! What the cost tools are asked: which subscription, which days, which kind of cost.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;

use super::absent::or_default;
use super::period::{Day, Days, MetricInput, PeriodInput};
use super::subscription::SubscriptionInput;
use crate::mcp::answer::Failure;

/// A question about costs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::mcp) struct CostQuestion {
    /// The subscription's id or name, as list_subscriptions gives them.
    pub(super) subscription: SubscriptionInput,
    /// First day, as 2026-11-01. Left out: the first day of the last day's month.
    #[serde(default)]
    from: Option<Day>,
    /// Last day, included. Left out: today.
    #[serde(default)]
    to: Option<Day>,
    /// "actual" (what is invoiced) or "amortized" (reservations spread over their term).
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metric: MetricInput,
}

impl CostQuestion {
    /// The days asked about, seen from `today`.
    ///
    /// # Errors
    /// Says which end is wrong and what would do.
    pub(super) fn days(&self, today: Date) -> Result<Days, Failure> {
        PeriodInput { from: self.from, to: self.to }.resolve(today)
    }
}
