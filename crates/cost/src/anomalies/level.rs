//! What a day is expected to cost: the level of the days before it, with their trend where they have one, and how much they scatter.

use super::robust::{OF_MEDIAN, float, mean, median, scatter};
use super::rule::{LEAST_SCATTER, LEVEL_DAYS, SCATTER_DAYS, TREND_CUT, TREND_DAYS};

/// The level of a series without its weekdays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    at: f64,
    /// The day that it is of, and by how much it moves each day.
    day: f64,
    slope: f64,
    /// The scatter of a day, never less than a part of the level.
    pub(super) sigma: f64,
    /// The variance of the level itself, in that of a day: of a median, and of a trend that nobody knows for sure.
    pub(super) unsure: f64,
    /// By how many days it is known.
    pub(super) days: usize,
}

impl Level {
    /// A level that is known without a history: of what had no cost.
    pub(super) const fn fixed(at: f64, sigma: f64, days: usize) -> Self {
        Self { at, day: 0.0, slope: 0.0, sigma, unsure: 0.0, days }
    }

    /// Of these days of a series.
    pub(super) fn of(plain: &[f64], days: &[usize]) -> Self {
        let long = last(days, SCATTER_DAYS);
        let short = last(days, LEVEL_DAYS);
        let value = |day: &usize| plain.get(*day).copied().unwrap_or_default();
        let at = median(short.iter().map(value));
        let day = mean(&short.iter().map(|day| float(*day)).collect::<Vec<_>>());
        let off = |slope: f64| -> Vec<f64> {
            long.iter().map(|one| value(one) - at - slope * (float(*one) - day)).collect()
        };
        let slope = trend(plain, long);
        let (level, trended) = (scatter(&off(0.0)), scatter(&off(slope)));
        let half = float(long.len() / 2).max(1.0);
        let is_sure = slope.abs() * half > TREND_CUT * trended * (2.0 * OF_MEDIAN / half).sqrt();
        let (slope, sigma) = if is_sure && trended < level { (slope, trended) } else { (0.0, level) };
        let ahead = float(LEVEL_DAYS) / 2.0 / half;
        let unsure = OF_MEDIAN / float(short.len().max(1)) + ahead * ahead * 2.0 * OF_MEDIAN / half;
        Self { at, day, slope, sigma: sigma.max(LEAST_SCATTER * at.abs()), unsure, days: days.len() }
    }

    /// The level on a day. A trend is believed for a while only.
    pub(super) fn on(&self, day: usize) -> f64 {
        self.at + self.slope * (float(day) - self.day).min(TREND_DAYS)
    }
}

/// By how much the newer half of the days lies above the older one, a day.
fn trend(plain: &[f64], days: &[usize]) -> f64 {
    let (older, newer) = days.split_at(days.len() / 2);
    let level = |days: &[usize]| median(days.iter().filter_map(|day| plain.get(*day).copied()));
    let middle = |days: &[usize]| mean(&days.iter().map(|day| float(*day)).collect::<Vec<_>>());
    let apart = middle(newer) - middle(older);
    if older.is_empty() || apart <= 0.0 { 0.0 } else { (level(newer) - level(older)) / apart }
}

fn last(days: &[usize], most: usize) -> &[usize] {
    &days[days.len().saturating_sub(most)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_follows_a_trend_for_a_while() {
        let rising: Vec<f64> = (0..56_u32).map(|day| 100.0 + f64::from(day)).collect();
        let days: Vec<usize> = (0..56).collect();
        let level = Level::of(&rising, &days);
        assert!((level.on(56) - 156.0).abs() < 1.0, "{level:?}");
        assert!((level.on(400) - level.on(300)).abs() < 1e-9, "{level:?}");
        let flat: Vec<f64> = (0..56_u32).map(|day| if day % 2 == 0 { 98.0 } else { 102.0 }).collect();
        let level = Level::of(&flat, &days);
        assert!((level.on(56) - 100.0).abs() < 1e-9 && (level.sigma - 5.0).abs() < 1e-9, "{level:?}");
    }
}
