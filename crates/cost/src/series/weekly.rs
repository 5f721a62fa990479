//! How the days of a week differ.

use jiff::civil::Date;

use super::Day;
use super::spread::{mad, median};

const WEEK: usize = 7;
/// Of fewer weeks no profile is made.
const LEAST_WEEKS: usize = 4;
/// How much of the spread must be left at most: of noise alone a profile seldom takes a tenth.
const WORTH: f64 = 0.9;
/// A weekday that costs less than this part of the others says nothing of the level.
const LEAST_FACTOR: f64 = 0.01;

/// What a weekday costs as a part of its week's mean: the median over the weeks, so that one odd week does not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weekly([f64; WEEK]);

impl Weekly {
    /// All days are alike.
    pub const FLAT: Self = Self([1.0; WEEK]);

    /// The profile of days that follow each other without a gap. [`Self::FLAT`] where there are fewer than four weeks, or where
    /// it does not lower the spread of what is left by a tenth: each day is looked at with a profile of the other weeks, so that
    /// noise is not taken for a pattern.
    pub fn of(days: &[Day]) -> Self {
        let ratios = Ratios::of(days);
        match ratios.profile() {
            Some(profile)
                if days.len() >= LEAST_WEEKS * WEEK && ratios.are_nearer_to_others_of_their_weekday() =>
            {
                profile
            }
            _ => Self::FLAT,
        }
    }

    /// How much a day costs by it, where the level is 1.
    pub fn factor(&self, date: Date) -> f64 {
        self.0[place(date)]
    }

    /// A day's value without the pattern. `None` of a weekday that costs next to nothing, which tells nothing of the level.
    pub fn level(&self, day: &Day) -> Option<f64> {
        let factor = self.factor(day.date);
        (factor >= LEAST_FACTOR).then(|| day.value / factor)
    }

    /// Whether there is a pattern.
    pub fn is_flat(&self) -> bool {
        *self == Self::FLAT
    }
}

/// Of each weekday, Monday first, what its days were as a part of the mean of the seven days around.
struct Ratios([Vec<f64>; WEEK]);

impl Ratios {
    fn of(days: &[Day]) -> Self {
        let mut ratios: [Vec<f64>; WEEK] = Default::default();
        let Some(last_week) = days.len().checked_sub(WEEK) else { return Self(ratios) };
        for (index, day) in days.iter().enumerate() {
            // The first and the last three days have their week beside them.
            let week = days.iter().skip(index.saturating_sub(WEEK / 2).min(last_week)).take(WEEK);
            let mean = week.map(|day| day.value).sum::<f64>() / 7.0;
            if mean > 0.0 {
                ratios[place(day.date)].push(day.value / mean);
            }
        }
        Self(ratios)
    }

    fn profile(&self) -> Option<Weekly> {
        let mut profile = Weekly::FLAT;
        for (factor, ratios) in profile.0.iter_mut().zip(&self.0) {
            *factor = median(ratios)?;
        }
        Some(profile)
    }

    fn are_nearer_to_others_of_their_weekday(&self) -> bool {
        let all: Vec<f64> = self.0.iter().flatten().copied().collect();
        let mut left = Vec::with_capacity(all.len());
        for ratios in &self.0 {
            for (index, ratio) in ratios.iter().enumerate() {
                let others: Vec<f64> = ratios
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != index)
                    .map(|(_, other)| *other)
                    .collect();
                left.push(ratio - median(&others).unwrap_or(1.0));
            }
        }
        let ((left, left_in_all), (all, all_in_all)) = (spread(&left), spread(&all));
        left < WORTH * all || (all <= 0.0 && left_in_all < WORTH * all_in_all)
    }
}

/// How far numbers lie apart. Where most of them are one, as the days of what runs on Mondays, the others decide.
fn spread(numbers: &[f64]) -> (f64, f64) {
    let middle = median(numbers).unwrap_or_default();
    (mad(numbers).unwrap_or_default(), numbers.iter().map(|number| (number - middle).abs()).sum())
}

fn place(date: Date) -> usize {
    usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default() % WEEK
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use rust_decimal::Decimal;
    use testkit::Seeded;

    use super::*;

    /// A Monday.
    const FIRST: Date = date(2026, 6, 1);

    fn days(count: i32, value: impl Fn(i32) -> f64) -> Vec<Day> {
        let day = |n: i32| Day { date: FIRST + n.days(), amount: Decimal::ZERO, value: value(n) };
        (0..count).map(day).collect()
    }

    fn workdays(n: i32) -> f64 {
        if n % 7 < 5 { 100.0 } else { 30.0 }
    }

    fn rounded(profile: Weekly) -> [i32; WEEK] {
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        profile.0.map(|factor| (factor * 100.0).round() as i32)
    }

    #[test]
    fn weekdays_are_parts_of_their_week() {
        // Five days of 100 and two of 30: a mean of 80.
        assert_eq!(rounded(Weekly::of(&days(28, workdays))), [125, 125, 125, 125, 125, 38, 38]);
        // A level that grows by a percent a day is no pattern of the week, and hides none.
        let grows = |n: i32| 1.01_f64.powi(n) * workdays(n);
        for factor in rounded(Weekly::of(&days(56, grows))).iter().take(5) {
            assert!((122..=128).contains(factor), "{factor}");
        }
    }

    #[test]
    fn an_odd_week_does_not_count() {
        let spike = |n: i32| if n == 16 { 5000.0 } else { workdays(n) };
        let profile = rounded(Weekly::of(&days(56, spike)));
        assert_eq!(profile, [125, 125, 125, 125, 125, 38, 38]);
    }

    #[test]
    fn without_four_weeks_or_a_week_that_cost_something_there_is_no_profile() {
        assert!(Weekly::of(&days(27, workdays)).is_flat());
        assert!(!Weekly::of(&days(28, workdays)).is_flat());
        assert!(Weekly::of(&days(0, workdays)).is_flat());
        assert!(Weekly::of(&days(60, |_| 0.0)).is_flat());
        assert!(Weekly::of(&days(60, |_| -5.0)).is_flat());
    }

    /// A profile lessens what is left by a third where there is a pattern, and is seldom made of noise.
    #[test]
    fn noise_is_no_pattern() {
        let mut made = [0, 0];
        for seed in 0..200 {
            let mut seeded = Seeded::new(seed);
            let drawn: Vec<f64> = (0..90).map(|_| 1.0 + 0.1 * seeded.normal()).collect();
            let noisy = |n: i32| drawn[usize::try_from(n).unwrap()];
            made[0] += i32::from(!Weekly::of(&days(90, noisy)).is_flat());
            let dips = |n: i32| if n % 7 < 5 { noisy(n) } else { 0.8 * noisy(n) };
            made[1] += i32::from(!Weekly::of(&days(90, dips)).is_flat());
        }
        println!("of 200 series of noise {} had a profile, of 200 with a pattern {}", made[0], made[1]);
        assert!(made[0] <= 20 && made[1] >= 190, "{made:?}");
    }

    #[test]
    fn a_weekday_without_costs_tells_no_level() {
        let mondays = Weekly::of(&days(35, |n| if n % 7 == 0 { 70.0 } else { 0.0 }));
        let level =
            |n: i32| mondays.level(&Day { date: FIRST + n.days(), amount: Decimal::ZERO, value: 70.0 });
        assert_eq!((mondays.factor(FIRST), level(0), level(1)), (7.0, Some(10.0), None));
    }
}
