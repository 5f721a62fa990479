//! Our own run rate: what a day costs at the present level, by weekday, and at the edges of a month where each month has one.

use jiff::civil::Date;

use crate::series::{Day, Edges, Weekly, mad, median};

/// The days that the level is taken from.
const LEVEL_DAYS: usize = 28;
/// What lies further from the middle than this many deviations counts as that far: one purchase is no level.
const FAR: f64 = 3.5;
/// Of normal noise, the standard deviation in median distances.
const DEVIATION: f64 = 1.4826;

/// What days cost at the present rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunRate {
    weekly: Weekly,
    edges: Edges,
    level: f64,
}

impl RunRate {
    /// The rate of complete days that follow each other; `None` of none.
    pub fn of(days: &[Day]) -> Option<Self> {
        let weekly = Weekly::of(days);
        let edges = Edges::of(&levels(&weekly, days));
        Self::at(weekly, edges, days)
    }

    /// The rate of days of which it is known what a month's edges are like.
    pub(super) fn with(edges: Edges, days: &[Day]) -> Option<Self> {
        Self::at(Weekly::of(days), edges, days)
    }

    fn at(weekly: Weekly, edges: Edges, days: &[Day]) -> Option<Self> {
        let last = days.get(days.len().saturating_sub(LEVEL_DAYS)..)?;
        let mut levels: Vec<f64> =
            levels(&weekly, last).iter().map(|(date, level)| level / edges.factor(*date)).collect();
        let (middle, distance) = (median(&levels)?, FAR * DEVIATION * mad(&levels)?);
        if distance > 0.0 {
            for level in &mut levels {
                *level = level.clamp(middle - distance, middle + distance);
            }
        }
        let count = u32::try_from(levels.len()).ok()?;
        Some(Self { weekly, edges, level: levels.iter().sum::<f64>() / f64::from(count) })
    }

    /// What a day will cost.
    pub fn on(&self, date: Date) -> f64 {
        self.level * self.weekly.factor(date) * self.edges.factor(date)
    }

    /// What a month's edges are like.
    pub(super) const fn edges(&self) -> Edges {
        self.edges
    }
}

/// The days without their weekdays.
fn levels(weekly: &Weekly, days: &[Day]) -> Vec<(Date, f64)> {
    days.iter().filter_map(|day| Some((day.date, weekly.level(day)?))).collect()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use rust_decimal::Decimal;

    use super::*;

    /// A Monday.
    const FIRST: Date = date(2026, 6, 1);

    fn rate(count: i32, value: impl Fn(i32) -> f64) -> [Option<i32>; 2] {
        let day = |n: i32| Day { date: FIRST + n.days(), amount: Decimal::ZERO, value: value(n) };
        let rate = RunRate::of(&(0..count).map(day).collect::<Vec<_>>());
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        let on = |day: Date| rate.map(|rate| rate.on(day).round() as i32);
        // A Wednesday and a Sunday.
        [on(date(2026, 12, 2)), on(date(2026, 12, 6))]
    }

    #[test]
    fn a_day_costs_what_such_weekdays_cost() {
        assert_eq!(rate(60, |n| if n % 7 < 5 { 100.0 } else { 30.0 }), [Some(100), Some(30)]);
        assert_eq!(rate(60, |_| 42.0), [Some(42), Some(42)]);
        // Too short for a pattern: all days are alike.
        assert_eq!(rate(14, |n| if n % 7 < 5 { 100.0 } else { 30.0 }), [Some(80), Some(80)]);
        assert_eq!(rate(0, |_| 1.0), [None, None]);
    }

    #[test]
    fn the_last_weeks_count_and_a_purchase_does_not() {
        assert_eq!(rate(84, |n| if n < 56 { 10.0 } else { 20.0 })[0], Some(20));
        let bought = |n: i32| f64::from(100 + n % 3) + if n == 70 { 9_000.0 } else { 0.0 };
        assert_eq!(rate(84, bought)[0], Some(101));
        // What costs something every ninth day costs that.
        assert!(matches!(rate(84, |n| if n % 9 == 0 { 90.0 } else { 0.0 })[0], Some(9..=11)));
    }
}
