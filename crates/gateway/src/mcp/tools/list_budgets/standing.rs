//! How each budget stands, by Azure's last evaluation or by what was spent since.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;

use cost::{
    AmountOverflow, Budget, BudgetFilter, BudgetPeriod, BurnDown, Condition, Currency, Money, Outlook, Phase,
    Scope, Spend, Spending, Threshold, ThresholdKind, Watches, share,
};
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// The days that everything is seen from.
#[derive(Clone, Copy)]
pub(super) struct Days {
    pub(super) today: Date,
    /// The last day whose costs are complete.
    pub(super) complete: Date,
}

/// A budget, and how it stands.
pub(super) struct Standing {
    pub(super) budget: Budget,
    /// When Azure gave it.
    pub(super) as_of: Timestamp,
    pub(super) period: BudgetPeriod,
    pub(super) burn: BurnDown,
    pub(super) live: Option<Live>,
}

/// What was spent by now.
pub(super) struct Live {
    pub(super) spending: Spending,
    pub(super) currency: Currency,
    pub(super) as_of: Timestamp,
    /// What its costs hold in other currencies, which it does not count.
    pub(super) beside: Vec<Money>,
}

/// What a budget of costs is about.
#[derive(Clone, Copy)]
pub(super) struct Planned {
    pub(super) amount: Decimal,
    pub(super) currency: Option<Currency>,
    pub(super) evaluated: Option<Decimal>,
    pub(super) forecast: Option<Decimal>,
}

impl Standing {
    /// By Azure's last evaluation.
    pub(super) fn of(budget: Budget, as_of: Timestamp, days: Days) -> Result<Self, AmountOverflow> {
        let period = budget.period(days.today);
        let planned = planned(&budget);
        let evaluated = planned.and_then(|planned| planned.evaluated);
        let spending = evaluated.map(|amount| Spending::evaluated(amount, days.today));
        let amount = planned.map_or(Decimal::ZERO, |planned| planned.amount);
        let burn = BurnDown::of(amount, &period, spending.as_ref(), (days.today, days.complete))?;
        Ok(Self { budget, as_of, period, burn, live: None })
    }

    /// What was planned; nothing of one that watches reservations.
    pub(super) fn planned(&self) -> Option<Planned> {
        planned(&self.budget)
    }

    /// Where and by what is to be asked for what was spent by now; the error is the reason why it cannot be.
    pub(super) fn costs(&self) -> Result<(&Scope, &[Condition]), &'static str> {
        let scope = self.budget.scope.as_ref().ok_or("its id names no scope that costs can be asked of")?;
        match &self.budget.filter {
            BudgetFilter::Unknown(why) => Err(why),
            BudgetFilter::Costs(conditions) => Ok((scope, conditions)),
        }
    }

    /// Whether it can be asked what was spent by now.
    pub(super) fn can_be_live(&self) -> bool {
        self.planned().is_some() && self.period.phase == Phase::Running
    }

    /// Counts what was spent by now. Says whether it could: costs in several currencies, where the budget's own is not known yet, are
    /// nobody's sum.
    pub(super) fn count(
        &mut self,
        spend: &Spend,
        as_of: Timestamp,
        days: Days,
    ) -> Result<bool, AmountOverflow> {
        let Some(planned) = self.planned() else { return Ok(false) };
        let totals = spend.totals()?;
        let only = || totals.iter().next().filter(|_| totals.len() == 1).map(|total| total.currency);
        let Some(currency) = planned.currency.or_else(only) else { return Ok(false) };
        let spending = spend.against(planned.amount, currency)?;
        let moment = (days.today, days.complete);
        self.burn = BurnDown::of(planned.amount, &self.period, Some(&spending), moment)?;
        let beside =
            totals.iter().filter(|total| total.currency != currency && !total.amount.is_zero()).collect();
        self.live = Some(Live { spending, currency, as_of, beside });
        Ok(true)
    }

    /// What was spent: by now, or at the last evaluation.
    pub(super) fn spent(&self) -> Option<Decimal> {
        match &self.live {
            Some(live) => Some(live.spending.now),
            None => self.planned()?.evaluated,
        }
    }

    pub(super) fn currency(&self) -> Option<Currency> {
        self.planned()?.currency.or(self.live.as_ref().map(|live| live.currency))
    }

    /// The part of the amount that is spent.
    pub(super) fn part(&self) -> Option<Decimal> {
        share(self.spent()?, self.planned()?.amount)
    }

    /// The thresholds that are passed, with those that nobody can say of.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = (&Threshold, Option<bool>)> {
        let planned = self.planned();
        self.budget.thresholds.iter().map(move |threshold| {
            let crossed = planned
                .filter(|_| self.period.phase == Phase::Running)
                .and_then(|planned| threshold.is_crossed(planned.amount, self.spent(), planned.forecast));
            (threshold, crossed)
        })
    }

    /// Used up first, then what runs out, the sooner the worse; then by the part that is spent.
    pub(super) fn worst_first(&self, other: &Self) -> Ordering {
        let place = |one: &Self| {
            let runs_out = (one.burn.outlook == Outlook::RunsOut).then_some(one.burn.runs_out_on).flatten();
            (one.burn.outlook, runs_out.unwrap_or(Date::MAX), Reverse(one.part()), one.budget.id.clone())
        };
        place(self).cmp(&place(other))
    }
}

/// Each budget once, by its id, the worst first. The lists of two scopes may have the same one.
pub(super) fn in_order(all: &mut Vec<Standing>) {
    let mut seen = BTreeSet::new();
    all.retain(|one| seen.insert(one.budget.id.to_lowercase()));
    all.sort_by(Standing::worst_first);
}

fn planned(budget: &Budget) -> Option<Planned> {
    match budget.watches {
        Watches::Costs { amount, currency, evaluated, forecast } => {
            Some(Planned { amount, currency, evaluated, forecast })
        }
        Watches::Reservations => None,
    }
}

/// The word for what a threshold is of.
pub(super) const fn kind(kind: ThresholdKind) -> &'static str {
    match kind {
        ThresholdKind::Actual => "actual",
        ThresholdKind::Forecasted => "forecasted",
    }
}

/// The word for how a budget stands.
pub(super) const fn state(outlook: Outlook) -> &'static str {
    match outlook {
        Outlook::UsedUp => "used_up",
        Outlook::RunsOut => "runs_out",
        Outlook::OnTrack => "on_track",
        Outlook::Unknown => "unknown",
        Outlook::NotBegun => "not_begun",
        Outlook::Expired => "expired",
    }
}
