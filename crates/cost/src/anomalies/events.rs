//! The events of all series of all scopes.

use std::cmp::Reverse;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::fold::folded;
use super::judge::{self, Bounds, Odd, Shape, is_known, judge};
use super::plan::Daily;
use super::robust::median;
use super::rule::{Cuts, LEAST_MONEY, LEAST_OF_SCOPE, LEVEL_DAYS, Sensitivity};
use crate::breakdown::{Breakdown, Line};
use crate::error::Error;
use crate::money::{AmountOverflow, Currency, Sum};
use crate::series::{Day, Series};

/// What a series is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A service.
    Service(Option<String>),
    /// A resource group; what lies in none has none.
    Group(Option<String>),
    /// All costs of the scope.
    Total,
}

/// Days of one series that are odd.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Which of the scopes.
    pub scope: usize,
    /// What it is seen in.
    pub key: Key,
    /// What else it is seen in.
    pub also: Vec<Key>,
    /// The first day.
    pub from: Date,
    /// The last day, as far as is known.
    pub to: Date,
    /// What happened.
    pub shape: Shape,
    /// The currency of the three amounts.
    pub currency: Currency,
    /// What the days were expected to cost, to two decimals.
    pub expected: Decimal,
    /// What they cost, exact.
    pub actual: Decimal,
    /// The one less the other.
    pub excess: Decimal,
    /// How far off its oddest days are, in standard deviations of what was to be expected.
    pub score: f64,
    /// By how many days before it.
    pub history_days: usize,
    /// What the first day's weekday costs against the middle one, where the series has weekdays.
    pub weekday_factor: Option<f64>,
    /// Whether it is so on the last judged day too.
    pub lasts: bool,
    /// Where in the costs it arose, the largest first: services and resource groups.
    pub places: Vec<Place>,
}

/// Service and resource group.
pub(super) type Place = (Option<String>, Option<String>);

/// A series that cannot be judged: it began less than 28 days before the first judged day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unjudged {
    /// Which of the scopes.
    pub scope: usize,
    /// What it is of.
    pub key: Key,
    /// What it cost on the days that could not be judged.
    pub amount: Decimal,
    /// In which currency.
    pub currency: Currency,
    /// The first day with a cost.
    pub since: Date,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Odds {
    /// The events, the largest excess first.
    pub events: Vec<Event>,
    /// What could not be judged, the dearest first.
    pub unjudged: Vec<Unjudged>,
    /// How many series were judged.
    pub series: usize,
    /// The score from which a day is odd, for so many series.
    pub cut: f64,
}

/// A series with what judging it takes.
struct One {
    scope: usize,
    key: Key,
    series: Series,
    days: Vec<Day>,
    judged_from: usize,
    /// What a day must be off.
    least: f64,
}

impl Odds {
    /// Judges the days of the scopes.
    pub fn of(scopes: &[Daily], sensitivity: Sensitivity) -> Result<Self, Error> {
        let mut all = Vec::new();
        for (scope, daily) in scopes.iter().enumerate() {
            all.extend(series(scope, daily)?);
        }
        // What is too small to count cannot be wrong either.
        all.retain(One::can_count);
        let (known, unknown): (Vec<_>, Vec<_>) = all.into_iter().partition(One::is_known);
        let cuts = Cuts::of(sensitivity, known.len());
        let mut events = Vec::new();
        for one in &known {
            for odd in judge(one.judged(), Bounds { cuts, least: one.least }) {
                events.push(one.event(&odd)?);
            }
        }
        let mut events = folded(&events, scopes)?;
        events.sort_by(|a, b| b.excess.abs().cmp(&a.excess.abs()).then(a.from.cmp(&b.from)));
        let mut unjudged: Vec<_> = unknown.iter().map(One::unjudged).collect::<Result<_, _>>()?;
        unjudged.sort_by_key(|one| Reverse(one.amount.abs()));
        Ok(Self { events, unjudged, series: known.len(), cut: cuts.day })
    }
}

/// All series of a scope: of each currency the whole, the services, the resource groups.
fn series(scope: usize, daily: &Daily) -> Result<Vec<One>, Error> {
    let until = daily.question.until;
    let judged_from =
        usize::try_from((daily.question.from() - daily.span.from()).get_days()).unwrap_or_default();
    let totals = Series::totals(&daily.costs, daily.span, until)?;
    let level = |currency: Currency| {
        let of = totals.iter().find(|total| total.currency == currency);
        let days = of.map(Series::complete).unwrap_or_default();
        median(days.iter().rev().take(LEVEL_DAYS).map(|day| day.value))
    };
    let one = |key: Key, series: Series| {
        let least = LEAST_MONEY.max(LEAST_OF_SCOPE * level(series.currency));
        One { scope, key, days: series.complete(), series, judged_from, least }
    };
    let first = |series: &Series| series.keys.first().cloned().flatten();
    let mut all: Vec<One> = totals.iter().map(|series| one(Key::Total, series.clone())).collect();
    for series in Series::groups(&by_place(&daily.costs, 0), daily.span, until)? {
        all.push(one(Key::Service(first(&series)), series));
    }
    for series in Series::groups(&by_place(&daily.costs, 1), daily.span, until)? {
        all.push(one(Key::Group(first(&series)), series));
    }
    Ok(all)
}

/// The same costs by one of the two groups.
fn by_place(costs: &Breakdown, place: usize) -> Breakdown {
    let line =
        |line: &Line| Line { keys: Arc::from([line.keys.get(place).cloned().flatten()]), ..line.clone() };
    Breakdown { lines: costs.lines.iter().map(line).collect(), without_figure: 0 }
}

impl One {
    fn judged(&self) -> judge::Series<'_> {
        judge::Series { days: &self.days, judged_from: self.judged_from }
    }

    fn is_known(&self) -> bool {
        is_known(self.judged())
    }

    fn can_count(&self) -> bool {
        self.days.iter().any(|day| day.value.abs() >= self.least)
    }

    fn event(&self, odd: &Odd) -> Result<Event, AmountOverflow> {
        let days = &self.days[odd.from..=odd.to];
        let actual = sum(days)?;
        let expected = Decimal::from_f64(odd.expected.iter().sum()).ok_or(AmountOverflow)?.round_dp(2);
        let excess = actual.checked_sub(expected).ok_or(AmountOverflow)?;
        Ok(Event {
            scope: self.scope,
            key: self.key.clone(),
            also: Vec::new(),
            from: days[0].date,
            to: days[days.len() - 1].date,
            shape: odd.shape,
            currency: self.series.currency,
            expected,
            actual,
            excess,
            score: odd.score,
            history_days: odd.history,
            weekday_factor: odd.weekday,
            lasts: odd.lasts,
            places: Vec::new(),
        })
    }

    fn unjudged(&self) -> Result<Unjudged, AmountOverflow> {
        let since = self.days.iter().find(|day| !day.amount.is_zero()).map(|day| day.date);
        Ok(Unjudged {
            scope: self.scope,
            key: self.key.clone(),
            amount: sum(&self.days[self.judged_from.min(self.days.len())..])?,
            currency: self.series.currency,
            since: since.unwrap_or_else(|| self.days.first().map_or(Date::MIN, |day| day.date)),
        })
    }
}

fn sum(days: &[Day]) -> Result<Decimal, AmountOverflow> {
    let mut sum = Sum::default();
    days.iter().try_for_each(|day| sum.add(day.amount))?;
    sum.amount()
}

#[cfg(test)]
mod tests;
