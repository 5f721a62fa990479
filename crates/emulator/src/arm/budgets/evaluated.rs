//! The last evaluation of a budget: once a day its costs are added up, and in between the figure stays.
//!
//! <https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-acm-create-budgets>

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::kept::{Budget, RESERVATIONS};
use super::window::window;
use crate::arm::costs::{Basis, Row, RowKind, View, Wanted};
use crate::arm::query::QueryScope;
use crate::clock::utc_day;

/// The hour at which it is done (UTC). That it is done daily is written down; when, is not.
const HOUR: SignedDuration = SignedDuration::from_hours(6);
/// After so long from its beginning a day is known as a whole.
const COMPLETE: SignedDuration = SignedDuration::from_hours(60);
/// The days whose mean a forecast goes on with.
const MEAN_OF: i64 = 7;

/// What was found. Amounts are in 10^-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Evaluated {
    /// `None` until the first evaluation.
    pub(super) spend: Option<i64>,
    pub(super) forecast: Option<i64>,
    pub(super) unit: &'static str,
}

/// What the last evaluation found; nothing of what watches reservations.
pub(super) fn of(budget: &Budget, scope: &QueryScope, view: &View) -> Option<Evaluated> {
    if budget.category == RESERVATIONS {
        return None;
    }
    let unit = scope.currency();
    let (from, to) = window(budget.grain, (budget.start, budget.end), view.today());
    let done = last_evaluation(view.now()).min(midnight(to.saturating_add(1.day())));
    if done < budget.created {
        return Some(Evaluated { spend: None, forecast: None, unit });
    }
    let costs = Costs { budget, scope, view: view.moved(done), unit };
    let day = utc_day(done);
    // On the day on which it begins anew nothing is known yet.
    let spend = if day <= from { 0 } else { costs.sum(from, day.min(to)) };
    let forecast = budget.forecasts().then(|| costs.forecast(from, to));
    Some(Evaluated { spend: Some(spend), forecast, unit })
}

fn last_evaluation(now: Timestamp) -> Timestamp {
    midnight(utc_day(now - HOUR)) + HOUR
}

fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |begins| begins.timestamp())
}

struct Costs<'a> {
    budget: &'a Budget,
    scope: &'a QueryScope,
    /// As it was when it was evaluated.
    view: View,
    unit: &'static str,
}

impl Costs<'_> {
    /// Actual costs: budgets do not spread what is paid at once.
    fn sum(&self, from: Date, to: Date) -> i64 {
        let mut known: HashMap<RowKind, bool> = HashMap::new();
        let wanted = Wanted { from, to, basis: Basis::Actual, view: &self.view };
        let counts = |row: &Row<'_>| {
            let passes = || self.budget.filter.as_ref().is_none_or(|filter| filter.holds(row));
            *known.entry(row.kind()).or_insert_with(|| row.line.currency == self.unit && passes())
        };
        self.scope.rows(wanted).filter(counts).map(|row| row.cost).sum()
    }

    /// What is known of whole days, and the mean of the last of them for each day that is left.
    fn forecast(&self, from: Date, to: Date) -> i64 {
        let complete = utc_day(self.view.now() - COMPLETE).min(to);
        let week = self.sum(complete.saturating_sub((MEAN_OF - 1).days()), complete);
        let left = i64::from((to - complete.max(from.saturating_sub(1.day()))).get_days());
        self.sum(from, complete) + week * left / MEAN_OF
    }
}
