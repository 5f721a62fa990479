//! The forecasts of several scopes as one, currency by currency.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::range::margin;
use super::{Horizon, NoForecast, RunRate, ScopeKnown};
use crate::breakdown::Breakdown;
use crate::error::Error;
use crate::money::{AmountOverflow, Currency, Sum};
use crate::series::{Day, Series};

/// What is to come in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// The currency.
    pub currency: Currency,
    /// What the period cost, through today. Exact.
    pub actual: Decimal,
    /// What is to come until its end; `None` where a scope with costs has no complete day yet.
    pub remaining: Option<Decimal>,
    /// How much of it is of days up to today, whose costs are arriving. Our estimate.
    pub still_arriving: Decimal,
    /// What the whole period costs at least and at most, in 80 of 100 cases: ours. `None` below five weeks of history.
    pub range: Option<(Decimal, Decimal)>,
    /// What was and what will be; a day whose costs are arriving has a point of either kind.
    pub points: Vec<Point>,
    /// The complete days from the first that cost anything.
    pub history_days: usize,
    /// Who says how much is to come, the scopes by their places.
    pub sources: Vec<Part>,
}

/// What some scopes have in common of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Who says how much is to come.
    pub source: Source,
    /// How much, of the days after today.
    pub remaining: Decimal,
    /// The scopes, by their places.
    pub scopes: Vec<usize>,
}

/// A day or month of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The day, or the month's first day.
    pub date: Date,
    /// What it is.
    pub kind: Kind,
    /// What it cost or will cost.
    pub amount: Decimal,
}

/// What a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What was.
    Actual,
    /// What will be.
    Forecast,
}

/// Whose forecast it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Azure's.
    Azure,
    /// Ours, for Azure has none.
    RunRate(NoForecast),
}

/// The decimals of what is ours.
const PLACES: u32 = 4;

impl Foreseen {
    /// What is known of some scopes that do not overlap, by currency.
    pub fn of(horizon: &Horizon, scopes: &[ScopeKnown]) -> Result<Vec<Self>, Error> {
        let mut found: BTreeMap<Currency, Builder> = BTreeMap::new();
        for (place, scope) in scopes.iter().enumerate() {
            let known = series(horizon, &scope.daily)?;
            let ahead = scope.azure.iter().flat_map(|ahead| ahead.keys());
            let new: Vec<_> = ahead.filter(|currency| !known.contains_key(currency)).copied().collect();
            for currency in known.keys().copied().chain(new) {
                let builder = found.entry(currency).or_default();
                builder.add(horizon, (place, scope), currency, known.get(&currency))?;
            }
            for (date, cost) in scope.monthly.totals_by_date()? {
                found.entry(cost.currency).or_default().point(date, Kind::Actual, cost.amount)?;
            }
        }
        let together = Breakdown::merged(scopes.iter().map(|scope| scope.daily.clone()))?;
        let together = series(horizon, &together)?;
        let whole = |(currency, builder): (Currency, Builder)| {
            builder.whole(horizon, currency, together.get(&currency))
        };
        found.into_iter().map(whole).collect()
    }
}

fn series(horizon: &Horizon, daily: &Breakdown) -> Result<BTreeMap<Currency, Series>, Error> {
    let all = Series::totals(daily, horizon.daily()?, horizon.complete_until())?;
    Ok(all.into_iter().map(|series| (series.currency, series)).collect())
}

/// What is added up of one currency.
#[derive(Default)]
struct Builder {
    points: BTreeMap<(Date, Kind), Sum>,
    arriving: Sum,
    sources: BTreeMap<Source, (Sum, Vec<usize>)>,
    /// Whether it cannot be said of a scope what is to come.
    is_open: bool,
}

impl Builder {
    fn point(&mut self, date: Date, kind: Kind, amount: Decimal) -> Result<(), AmountOverflow> {
        self.points.entry((date, kind)).or_default().add(amount)
    }

    /// Adds a scope's costs, and what is to come of them.
    fn add(
        &mut self,
        horizon: &Horizon,
        (place, scope): (usize, &ScopeKnown),
        currency: Currency,
        series: Option<&Series>,
    ) -> Result<(), Error> {
        let days = |days: fn(&Series) -> Vec<Day>| series.map(days).unwrap_or_default();
        let (arriving, history) = (days(Series::arriving), days(Series::history));
        for day in days(Series::complete).iter().chain(&arriving).filter(|day| horizon.from() <= day.date) {
            self.point(horizon.point(day.date), Kind::Actual, day.amount)?;
        }
        let rate = RunRate::of(&history);
        for day in arriving.iter().filter(|day| horizon.is_arriving(day.date)) {
            let Some(rate) = &rate else { continue };
            let rest = money((rate.on(day.date) - day.value).max(0.0))?;
            self.point(horizon.point(day.date), Kind::Forecast, rest)?;
            self.arriving.add(rest)?;
        }
        self.is_open |= rate.is_none() && !arriving.is_empty();
        let (source, points) = match &scope.azure {
            Ok(ahead) if ahead.contains_key(&currency) => (Source::Azure, ahead[&currency].clone()),
            Ok(_) => (Source::RunRate(NoForecast::TooLittleHistory), at_rate(horizon, rate.as_ref())?),
            Err(why) => (Source::RunRate(*why), at_rate(horizon, rate.as_ref())?),
        };
        if horizon.ahead()?.is_none() {
            return Ok(());
        }
        let (sum, places) = self.sources.entry(source).or_default();
        places.push(place);
        for amount in points.values() {
            sum.add(*amount)?;
        }
        points.into_iter().try_for_each(|(date, amount)| Ok(self.point(date, Kind::Forecast, amount)?))
    }

    fn whole(
        self,
        horizon: &Horizon,
        currency: Currency,
        series: Option<&Series>,
    ) -> Result<Foreseen, Error> {
        let history = series.map(Series::history).unwrap_or_default();
        let mut sums = [Sum::default(), Sum::default()];
        let mut points = Vec::new();
        for ((date, kind), sum) in self.points {
            sums[usize::from(kind == Kind::Forecast)].join(sum)?;
            points.push(Point { date, kind, amount: sum.amount()? });
        }
        let (actual, remaining) = (sums[0].amount()?, sums[1].amount()?);
        let arriving = series.map(Series::arriving).unwrap_or_default();
        let ours = ours(horizon, &history, &arriving)?.filter(|_| !self.is_open);
        let range = ours.map(|(low, high)| around(actual, remaining, (low, high))).transpose()?;
        let part = |(source, (sum, scopes)): (Source, (Sum, Vec<usize>))| {
            Ok(Part { source, remaining: sum.amount()?, scopes })
        };
        Ok(Foreseen {
            currency,
            actual,
            remaining: (!self.is_open).then_some(remaining),
            still_arriving: self.arriving.amount()?,
            range,
            points,
            history_days: history.len(),
            sources: self.sources.into_iter().map(part).collect::<Result<_, Error>>()?,
        })
    }
}

/// What the days ahead cost at our rate, by day or month.
fn at_rate(horizon: &Horizon, rate: Option<&RunRate>) -> Result<BTreeMap<Date, Decimal>, Error> {
    let Some(rate) = rate else { return Ok(BTreeMap::new()) };
    let mut points: BTreeMap<Date, f64> = BTreeMap::new();
    for date in horizon.dates_ahead()? {
        *points.entry(horizon.point(date)).or_default() += rate.on(date);
    }
    points.into_iter().map(|(date, value)| Ok((date, money(value)?))).collect()
}

/// What is to come at least and at most, by our rate and its misses.
fn ours(horizon: &Horizon, history: &[Day], arriving: &[Day]) -> Result<Option<(f64, f64)>, Error> {
    let Some(rate) = RunRate::of(history) else { return Ok(None) };
    let late = arriving.iter().filter(|day| horizon.is_arriving(day.date));
    let late: Vec<f64> = late.map(|day| (rate.on(day.date) - day.value).max(0.0)).collect();
    let ahead: Vec<f64> = horizon.dates_ahead()?.map(|date| rate.on(date)).collect();
    let days = late.len() + ahead.len();
    let Some(margin) = margin(history, days) else { return Ok(None) };
    let sum: f64 = late.iter().chain(&ahead).sum();
    let margin = margin * f64::from(u32::try_from(days).unwrap_or(u32::MAX));
    // What never cost less than nothing will not.
    let floor = if history.iter().all(|day| day.value >= 0.0) { 0.0 } else { f64::NEG_INFINITY };
    Ok(Some(((sum - margin).max(floor), sum + margin)))
}

/// The range of the whole, in which the point lies.
fn around(actual: Decimal, remaining: Decimal, ours: (f64, f64)) -> Result<(Decimal, Decimal), Error> {
    let whole = |more: Decimal| actual.checked_add(more).ok_or(AmountOverflow);
    let point = whole(remaining)?;
    Ok((whole(money(ours.0)?)?.min(point), whole(money(ours.1)?)?.max(point)))
}

/// An estimate as money: rounded here, once.
fn money(value: f64) -> Result<Decimal, AmountOverflow> {
    Decimal::from_f64(value).map(|amount| amount.round_dp(PLACES)).ok_or(AmountOverflow)
}

#[cfg(test)]
mod tests;
