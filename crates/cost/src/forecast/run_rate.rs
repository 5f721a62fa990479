//! Our own run rate: what a day costs at the present level, by weekday.

use jiff::civil::Date;

use crate::series::{Day, Weekly, mad, median};

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
    level: f64,
}

impl RunRate {
    /// The rate of complete days that follow each other; `None` of none.
    pub fn of(days: &[Day]) -> Option<Self> {
        let weekly = Weekly::of(days);
        let last = days.get(days.len().saturating_sub(LEVEL_DAYS)..)?;
        let mut levels: Vec<f64> = last.iter().filter_map(|day| weekly.level(day)).collect();
        let (middle, distance) = (median(&levels)?, FAR * DEVIATION * mad(&levels)?);
        if distance > 0.0 {
            for level in &mut levels {
                *level = level.clamp(middle - distance, middle + distance);
            }
        }
        let count = u32::try_from(levels.len()).ok()?;
        Some(Self { weekly, level: levels.iter().sum::<f64>() / f64::from(count) })
    }

    /// What a day will cost.
    pub fn on(&self, date: Date) -> f64 {
        self.level * self.weekly.factor(date)
    }
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
