//! The constants of the rule: all of them, and nothing else. docs/anomalies.md has the same table; a test holds the two together.

use super::robust::float;

/// Days of history below which nothing is said of a day.
pub(crate) const LEAST_HISTORY: usize = 28;
/// Days before a day whose median is its level.
pub(super) const LEVEL_DAYS: usize = 28;
/// Most days before a day by which its scatter and its trend are known.
pub(super) const SCATTER_DAYS: usize = 56;
/// The days that a trend is believed for after the middle of those, and how sure it must be.
pub(super) const TREND_DAYS: f64 = 42.0;
/// See above.
pub(super) const TREND_CUT: f64 = 2.5;
/// What a weekly profile must leave of the scatter at most, to be used.
pub(super) const WEEK_GAIN: f64 = 0.9;
/// The factor below which a weekday has no cost.
pub(super) const IDLE: f64 = 0.05;
/// How sure it must be that the level moved within the first days of the history.
pub(super) const SETTLE_CUT: f64 = 6.0;
/// Makes a median of deviations a standard deviation.
pub(super) const MAD_TO_SIGMA: f64 = 1.4826;
/// The least scatter, as a part of the level.
pub(super) const LEAST_SCATTER: f64 = 0.05;
/// The score from which a day is odd, for one series at normal sensitivity.
pub(super) const CUT: f64 = 3.6;
/// The score from which the mean of two or three days running is odd.
pub(super) const CUT_RUN: f64 = 3.6;
/// Most days running whose mean is looked at.
pub(super) const RUN_DAYS: usize = 3;
/// What a day must be off, as a part of what was expected.
pub(super) const LEAST_PART: f64 = 0.15;
/// The same for the mean of days running.
pub(super) const LEAST_PART_RUN: f64 = 0.12;
/// What a day must be off, as a part of what the scope costs a day.
pub(super) const LEAST_OF_SCOPE: f64 = 0.01;
/// What a day must be off, in whole units of the currency.
pub(super) const LEAST_MONEY: f64 = 1.0;
/// Days after which a new level is what is expected.
pub(super) const ADOPT_DAYS: usize = 7;
/// Days from which what is still going on is a step, and what has no cost any more is gone: `STEP_DAYS` and `GONE_DAYS`.
pub(super) const STEP_DAYS: usize = 3;
/// See above.
pub(super) const GONE_DAYS: usize = 2;
/// Days between two events of one series that are one event.
pub(super) const JOIN_DAYS: usize = 1;
/// The part of the level below which there is no cost.
pub(super) const NOTHING: f64 = 0.01;
/// The part of days with a cost below which a series has too many zeros for a level.
pub(super) const LEAST_NONZERO: f64 = 0.5;
/// How many times its largest day a series of zeros must cost to be odd.
pub(super) const TIMES_LARGEST: f64 = 2.0;
/// Days at a month's start, and at its end, that are compared with the month before too.
pub(super) const MONTH_START: i8 = 5;
/// See above.
pub(super) const MONTH_END: i8 = 2;
/// The score from which the month before excuses such a day.
pub(super) const MONTH_CUT: f64 = 2.0;
/// How much more it excuses than it was off itself.
pub(super) const MONTH_MORE: f64 = 1.3;
/// The factor on the cuts at low sensitivity.
pub(super) const LOW: f64 = 1.4;
/// The factor on the cuts at high sensitivity.
pub(super) const HIGH: f64 = 0.8;

/// How much must be odd to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sensitivity {
    /// Only what is far off.
    Low,
    /// At most one false event in ten months of a series.
    #[default]
    Normal,
    /// Also what may be chance.
    High,
}

/// From which score on something is odd.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cuts {
    pub(super) day: f64,
    pub(super) run: f64,
}

impl Cuts {
    /// For one of so many series. The more there are, the higher: so that as many false events are to be expected of all as of
    /// one. A normal variable exceeds the root of `c² + 2 ln n` about `n` times less often than `c`.
    pub(super) fn of(sensitivity: Sensitivity, series: usize) -> Self {
        let factor = match sensitivity {
            Sensitivity::Low => LOW,
            Sensitivity::Normal => 1.0,
            Sensitivity::High => HIGH,
        };
        let many = 2.0 * float(series.max(1)).ln();
        let raised = |cut: f64| (cut * cut + many).sqrt() * factor;
        Self { day: raised(CUT), run: raised(CUT_RUN) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_series_raise_the_cut() {
        let normal = |series| Cuts::of(Sensitivity::Normal, series).day;
        assert!((normal(1) - CUT).abs() < 1e-12 && (normal(0) - CUT).abs() < 1e-12);
        // The tails of a normal variable: 3.5 once in 2149 days, 4.66 in a hundred times as many within a factor of two.
        assert!(normal(100) > 4.5 && normal(100) < 4.8, "{}", normal(100));
        let of = |sensitivity| Cuts::of(sensitivity, 10).day;
        assert!(of(Sensitivity::High) < of(Sensitivity::Normal) && of(Sensitivity::Normal) < of(Sensitivity::Low));
    }
}
