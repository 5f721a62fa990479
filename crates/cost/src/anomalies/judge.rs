//! One series: which of its days are odd, joined to events.

use super::pattern::Pattern;
use super::rule::{ADOPT_DAYS, Cuts, GONE_DAYS, LEAST_HISTORY, NOTHING, STEP_DAYS};
use super::run::{Kind, Run};
use super::scan::Scan;
use crate::series::Day;

/// A gapless series of whole days.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series<'a> {
    pub(super) days: &'a [Day],
    /// The first day that is judged; the days before it are history.
    pub(super) judged_from: usize,
}

/// From where on something counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) cuts: Cuts,
    /// What a day must be off at least, as money.
    pub(super) least: f64,
}

/// What became of the cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// More for a few days.
    Spike,
    /// Another level, higher or lower, that lasts.
    Step,
    /// Less for a few days.
    Drop,
    /// A cost where there was none for 28 days.
    New,
    /// No cost any more where there was one.
    Gone,
}

/// Days that are odd.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Odd {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) shape: Shape,
    /// What was expected of each of the days.
    pub(super) expected: Vec<f64>,
    /// How far off: in scatters of the days before.
    pub(super) score: f64,
    /// By how many days.
    pub(super) history: usize,
    /// The factor of the first day's weekday, where the series has weekdays.
    pub(super) weekday: Option<f64>,
    /// Whether it is so on the last day too.
    pub(super) lasts: bool,
}

/// Whether the first judged day has a history.
pub(super) fn is_known(series: Series<'_>) -> bool {
    series.days.len() > series.judged_from
        && series.judged_from.saturating_sub(known_from(series.days)) >= LEAST_HISTORY
}

/// The first day that is history. Zeros in front of the first cost are, if there are many: then the cost is new. Of few nobody knows.
pub(super) fn known_from(days: &[Day]) -> usize {
    let zeros = days.iter().take_while(|day| day.amount.is_zero()).count();
    if zeros >= LEAST_HISTORY { 0 } else { zeros }
}

/// The odd days among the judged ones.
pub(super) fn judge(series: Series<'_>, bounds: Bounds) -> Vec<Odd> {
    let pattern = Pattern::of(series.days);
    let runs = Scan::new(series, bounds, &pattern).runs();
    // What went on for a week before is known by then, and not told anew each day.
    let is_judged =
        |run: &Run| run.flagged_to >= series.judged_from && run.from + ADOPT_DAYS > series.judged_from;
    runs.iter().filter(|run| is_judged(run)).map(|run| odd(run, series, &pattern)).collect()
}

fn odd(run: &Run, series: Series<'_>, pattern: &Pattern<'_>) -> Odd {
    let lasts = run.to + 1 == series.days.len();
    let expected: Vec<f64> = (run.from..=run.to).map(|day| run.expected(day, pattern)).collect();
    Odd {
        from: run.from,
        to: run.to,
        shape: shape(run, &series.days[run.from..=run.to], &expected, lasts),
        score: run.score,
        history: run.level.days,
        weekday: pattern.effect(run.from),
        lasts,
        expected,
    }
}

fn shape(run: &Run, days: &[Day], expected: &[f64], lasts: bool) -> Shape {
    let is_nothing = |(day, expected): (&Day, &f64)| day.value.abs() <= NOTHING * expected.abs();
    let nothing = days.iter().zip(expected).all(is_nothing);
    match run.kind {
        Kind::New => Shape::New,
        Kind::Level if nothing && lasts && days.len() >= GONE_DAYS => Shape::Gone,
        Kind::Level if run.adopted.is_some() || (lasts && days.len() >= STEP_DAYS) => Shape::Step,
        Kind::Level | Kind::Sparse if run.sign < 0.0 => Shape::Drop,
        Kind::Level | Kind::Sparse => Shape::Spike,
    }
}

#[cfg(test)]
mod tests;
