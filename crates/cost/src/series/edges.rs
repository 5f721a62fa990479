//! What happens at a month's edges each month: free amounts start anew, bills are run, licences are counted.

use std::array;

use jiff::civil::Date;

use super::spread::{mad, median};

/// The first days of a month that are looked at, and the last ones.
const FIRST: i8 = 5;
const LAST: i8 = 2;
const EDGES: usize = (FIRST + LAST).unsigned_abs() as usize;
/// How many months must have had it.
const LEAST_MONTHS: usize = 2;
/// How many scatters a day of each of them must have been off its neighbours.
const CUT: f64 = 2.5;
/// Of normal noise, the standard deviation in median distances.
const DEVIATION: f64 = 1.4826;
/// The days on each side that are a day's neighbours.
const AROUND: usize = 10;
/// A day that costs less than this part of its neighbours is one without a cost, and no edge.
const LEAST_FACTOR: f64 = 0.1;

/// How far a day is from the first of a month: 0 is the first, -1 the last of the month before. `None` away from so many first days
/// and last ones.
pub(crate) fn place(date: Date, (first, last): (i8, i8)) -> Option<i8> {
    let from_end = date.day() - date.days_in_month() - 1;
    if date.day() <= first { Some(date.day() - 1) } else { (from_end >= -last).then_some(from_end) }
}

/// What a day at a month's edge costs as a part of its neighbours, where that was so in each month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Edges([f64; EDGES]);

impl Edges {
    /// Of days that follow each other, each with its level: what it cost without its weekday.
    pub(crate) fn of(levels: &[(Date, f64)]) -> Self {
        let ratios: Vec<(Date, f64)> = (0..levels.len()).filter_map(|at| ratio(levels, at)).collect();
        let all: Vec<f64> = ratios.iter().map(|(_, ratio)| *ratio).collect();
        let cut = CUT * DEVIATION * mad(&all).unwrap_or_default();
        let factor = |slot: usize| {
            let its = ratios.iter().filter(|(date, _)| self::slot(*date) == Some(slot));
            let its: Vec<f64> = its.map(|(_, ratio)| *ratio).collect();
            let is_off = |sign: f64| its.iter().all(|ratio| (ratio - 1.0) * sign > cut);
            let is_each = its.len() >= LEAST_MONTHS && (is_off(1.0) || is_off(-1.0));
            median(&its).filter(|factor| is_each && *factor >= LEAST_FACTOR).unwrap_or(1.0)
        };
        Self(array::from_fn(factor))
    }

    /// How much a day costs by it, where its neighbours cost 1.
    pub(crate) fn factor(&self, date: Date) -> f64 {
        slot(date).and_then(|slot| self.0.get(slot)).copied().unwrap_or(1.0)
    }
}

/// Where a day at an edge has its factor.
fn slot(date: Date) -> Option<usize> {
    usize::try_from(place(date, (FIRST, LAST))? + LAST).ok()
}

/// A day's level as a part of the middle one around it; `None` where most days around it cost nothing.
fn ratio(levels: &[(Date, f64)], at: usize) -> Option<(Date, f64)> {
    let around = levels.get(at.saturating_sub(AROUND)..(at + AROUND + 1).min(levels.len()))?;
    let usual = median(&around.iter().map(|(_, level)| *level).collect::<Vec<_>>())?;
    let (date, level) = levels.get(at)?;
    (usual > 0.0).then(|| (*date, level / usual))
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use testkit::Seeded;

    use super::*;

    /// No day is another than its neighbours.
    const NONE: Edges = Edges([1.0; EDGES]);
    const DAY_ONE: Date = date(2026, 6, 1);

    fn levels(count: i32, mut level: impl FnMut(Date) -> f64) -> Vec<(Date, f64)> {
        (0..count).map(|n| DAY_ONE + n.days()).map(|date| (date, level(date))).collect()
    }

    fn noisy(seed: u64, part: impl Fn(Date) -> f64) -> Edges {
        let mut seeded = Seeded::new(seed);
        Edges::of(&levels(92, |date| 100.0 * part(date) * (1.0 + 0.1 * seeded.normal())))
    }

    #[test]
    fn what_each_month_does_at_an_edge_is_known() {
        let edges = noisy(1, |date| match date.day() {
            1 => 2.0,
            31 => 0.4,
            _ => 1.0,
        });
        let near = |day: Date, factor: f64| (edges.factor(day) - factor).abs() < 0.25;
        assert!(near(date(2026, 9, 1), 2.0) && near(date(2026, 10, 2), 1.0), "{edges:?}");
        // June has no 31st, July and August have.
        assert!(near(date(2026, 10, 15), 1.0), "{edges:?}");
    }

    #[test]
    fn once_is_no_edge_and_neither_is_noise() {
        let once = noisy(2, |day| if day == date(2026, 7, 1) { 3.0 } else { 1.0 });
        assert!((once.factor(date(2026, 9, 1)) - 1.0).abs() < 1e-12, "{once:?}");
        let made = (0..200).filter(|seed| noisy(*seed, |_| 1.0) != NONE).count();
        assert!(made <= 4, "{made} of 200 series of noise have an edge");
        assert_eq!(Edges::of(&levels(30, |date| f64::from(date.day()))), NONE, "one month");
        assert_eq!(Edges::of(&[]), NONE);
        // Costs on few days, and none on the first.
        let zeros = |date: Date| if date.day() % 3 == 2 { 50.0 } else { 0.0 };
        assert_eq!(Edges::of(&levels(92, zeros)), NONE);
    }

    #[test]
    fn days_have_places_at_the_edges() {
        let at = |day: Date| place(day, (5, 2));
        assert_eq!(
            [date(2026, 9, 1), date(2026, 9, 5), date(2026, 9, 6), date(2026, 9, 28)].map(at),
            [Some(0), Some(4), None, None]
        );
        assert_eq!(
            [date(2026, 9, 29), date(2026, 9, 30), date(2026, 2, 28)].map(at),
            [Some(-2), Some(-1), Some(-1)]
        );
    }
}
