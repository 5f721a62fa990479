//! Two periods, and what drove the difference.
//!
//! Azure is asked three things of each period:
//!
//! | question | beside | what for |
//! |---|---|---|
//! | by group and meter, usage and unused commitments alone | quantity | usage and rate effects |
//! | by group; the period before by day, where there is a request left for it | – | totals, other charges, weekdays |
//! | by pricing model, usage alone; of amortized costs | – | the coverage by commitments |
//!
//! So actual costs of two months take four query units, and amortized ones six. A scope answers four requests a minute: where
//! one period follows on the other, the first and the third question are asked of both at once.

use std::sync::Arc;

use rust_decimal::Decimal;

pub use baseline::{Baseline, CalendarUnit, baseline_of, baseline_of_unit, complete_until};
pub use compared::Compared;
pub(crate) use coverage::{Coverage, priced, usage};
pub(crate) use effects::{Effects, less};

use crate::compare::both::{Both, What};
use crate::compare::compared::Frame;
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::money::{AmountOverflow, Currency};
use crate::period::Period;
use crate::plan::{check_scope, meter};
use crate::query::{Beside, Granularity, Grouping, Metric, Query, QueryResult};
use crate::question::Condition;
use crate::scope::Scope;

mod baseline;
mod both;
mod compared;
mod coverage;
mod effects;
mod weekdays;

/// The requests that a scope answers in a minute:
/// <https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation>
const REQUESTS: usize = 4;

/// What is compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The kind of cost.
    pub metric: Metric,
    /// The period before.
    pub before: Period,
    /// The period after.
    pub after: Period,
    /// What the drivers are: services, resources, the values of a tag.
    pub by: Grouping,
    /// Which costs count: all of these must hold.
    pub filter: Vec<Condition>,
    /// Which do not: a cost goes where any of these holds.
    pub exclude: Vec<Condition>,
}

/// What Azure is to be asked about one scope.
#[derive(Clone, Debug)]
pub struct ComparePlan {
    frame: Frame,
    /// By group and meter.
    meters: Both,
    /// Where among the groups of these the group and the meter are: one place where it is compared by meter.
    meter_places: [usize; 2],
    /// By group.
    groups: Both,
    /// By pricing model.
    coverage: Result<Both, &'static str>,
    queries: Vec<Query>,
}

impl ComparePlan {
    /// Cuts a comparison into the fewest query units. `dimensions` are the names that the scope's agreement has, where they are
    /// known.
    pub fn new(comparison: &Comparison, dimensions: Option<&[String]>) -> Result<Self, InvalidQuery> {
        let has = |by: &Grouping| {
            dimensions.is_none_or(|names| names.iter().any(|name| name.eq_ignore_ascii_case(by.name())))
        };
        let by_meter = if comparison.by.is_same(&meter()) {
            vec![meter()]
        } else {
            vec![comparison.by.clone(), meter()]
        };
        let meter_places = [0, by_meter.len() - 1];
        let priced = has(&charge_type()).then(|| priced(charge_type()));
        let what = What { shown: &by_meter, further: priced.as_ref(), beside: Some(Beside::Quantity) };
        let meters = Both::in_fewest(comparison, &what)?;
        let coverage = match comparison.metric {
            Metric::Actual => Err(coverage::OF_AMORTIZED_ONLY),
            Metric::Amortized if !has(&pricing_model()) || !has(&charge_type()) => {
                Err(coverage::NOT_IN_AGREEMENT)
            }
            Metric::Amortized => {
                let usage = usage(charge_type());
                let what = What { shown: &[pricing_model()], further: Some(&usage), beside: None };
                Ok(Both::in_fewest(comparison, &what)?)
            }
        };
        let others = meters.count() + coverage.as_ref().map_or(0, Both::count);
        let (groups, days) = groups(comparison, others)?;
        let all = [Some(&meters), Some(&groups), coverage.as_ref().ok()];
        let queries = all.into_iter().flatten().flat_map(Both::queries).cloned().collect();
        let frame = Frame::of(comparison, days);
        Ok(Self { frame, meters, meter_places, groups, coverage, queries })
    }

    /// What to ask, in the order in which [`Self::join`] wants the answers.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// Whether a scope takes these queries: as [`crate::Plan::check_scope`].
    pub fn check_scope(&self, scope: &Scope) -> Result<(), InvalidQuery> {
        check_scope(&self.queries, scope)
    }

    /// Joins the answers of one scope. None of them may be truncated.
    pub fn join(&self, answers: &[Arc<QueryResult>]) -> Result<Compared, Error> {
        if answers.len() != self.queries.len() {
            return Err(Error::unexpected("answers to other questions than were asked"));
        }
        let mut left = answers;
        let mut added_up = |both: &Both, places: &[usize]| {
            let (its, others) = left.split_at(both.count());
            left = others;
            both.added_up(its, places)
        };
        let meters = added_up(&self.meters, &self.meter_places)?;
        let groups = added_up(&self.groups, &[0])?;
        let coverage = match &self.coverage {
            Ok(asked) => Ok(added_up(asked, &[0])?),
            Err(reason) => Err(*reason),
        };
        let without_figure = answers.iter().map(|answer| answer.without_figure).sum();
        Ok(Compared::of(self.frame.clone(), meters, groups, coverage, without_figure))
    }
}

/// By group, of each period: what a question for one of them asks too. The period before by day, where that takes no request more
/// or leaves them few enough beside the `others`; and whether it is.
fn groups(comparison: &Comparison, others: usize) -> Result<(Both, bool), InvalidQuery> {
    let what = What { shown: std::slice::from_ref(&comparison.by), further: None, beside: None };
    let whole = Both::apart(comparison, &what, Granularity::None)?;
    let by_day = Both::apart(comparison, &what, Granularity::Daily)?;
    let affords = by_day.count() == whole.count() || by_day.count() + others <= REQUESTS;
    Ok(if affords { (by_day, true) } else { (whole, false) })
}

fn pricing_model() -> Grouping {
    Grouping::Dimension("PricingModel".to_owned())
}

fn charge_type() -> Grouping {
    Grouping::Dimension("ChargeType".to_owned())
}

/// The difference in one currency. Drivers and rest add up to it exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The currency.
    pub currency: Currency,
    /// Cost before, after, and their difference.
    pub change: Change,
    /// Cost a day before, to 10 decimals, half to even.
    pub per_day_before: Decimal,
    /// Cost a day after.
    pub per_day_after: Decimal,
    /// What drove it, the largest change first. A group that costs what it did is none; it counts in the rest.
    pub drivers: Vec<Driver>,
    /// How many groups are left out, and their part.
    pub rest: (usize, Change),
    /// Over weekdays: (days after − days before) × the baseline's mean of that weekday. The error is the reason why not.
    pub calendar_effect: Result<Decimal, &'static str>,
    /// Committed against committed and on-demand usage before, from 0 to 1. The error is the reason why not.
    pub coverage_before: Result<Decimal, &'static str>,
    /// The same after.
    pub coverage_after: Result<Decimal, &'static str>,
}

/// Two figures and their difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Before.
    pub before: Decimal,
    /// After.
    pub after: Decimal,
    /// After less before.
    pub change: Decimal,
}

impl Change {
    pub(crate) fn of(before: Decimal, after: Decimal) -> Result<Self, AmountOverflow> {
        let change = less(after, before)?;
        Ok(Self { before, after, change })
    }
}

/// What drove a difference. The three effects add up to its change exactly.
///
/// The usage effect of a meter is `(q1 - q0) * (p0 + p1) / 2`, its rate effect what remains of its change: `q` is the quantity, `p`
/// the cost by it. What is new or gone is usage alone. Usage effects have 10 decimals, half to even, and are then added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// The value of what is compared by. `None`: the cost has none.
    pub key: Option<String>,
    /// Its cost.
    pub change: Change,
    /// What it is.
    pub kind: DriverKind,
    /// More or less was used.
    pub usage_effect: Decimal,
    /// It was dearer or cheaper.
    pub rate_effect: Decimal,
    /// Every charge that is neither usage nor an unused commitment: purchases, refunds, roundings.
    pub other_effect: Decimal,
}

/// What became of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverKind {
    /// It had no cost before.
    New,
    /// It has none after.
    Gone,
    /// It costs more.
    Grown,
    /// It costs less.
    Shrunk,
    /// The same resource on another meter; where it is compared by resource.
    Resized,
}

#[cfg(test)]
mod tests;
