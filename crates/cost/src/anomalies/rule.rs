//! The constants of the rule: all of them. docs/anomalies.md has the same table; a test holds the two together.

use super::robust::float;

/// Constants, and for that test their names with their values.
macro_rules! table {
    ($($(#[$says:meta])* $name:ident: $type:ty = $value:literal;)*) => {
        $($(#[$says])* pub(super) const $name: $type = $value;)*
        #[cfg(test)]
        pub(super) const TABLE: &[(&str, &str)] = &[$((stringify!($name), stringify!($value))),*];
    };
}

table! {
    /// Days of history below which nothing is said of a day.
    LEAST_HISTORY: usize = 28;
    /// Days before a day whose median is its level.
    LEVEL_DAYS: usize = 28;
    /// Most days before a day by which its scatter and its trend are known.
    SCATTER_DAYS: usize = 56;
    /// Makes a median of deviations a standard deviation.
    MAD_TO_SIGMA: f64 = 1.4826;
    /// The least scatter, as a part of the level.
    LEAST_SCATTER: f64 = 0.05;
    /// How many standard deviations a trend must be, to be one.
    TREND_CUT: f64 = 3.5;
    /// Days that a trend is believed for, from the middle of the days that it is of.
    TREND_DAYS: f64 = 42.0;
    /// The factor below which a weekday has no cost.
    IDLE: f64 = 0.05;
    /// The score from which a day is odd, for one series at normal sensitivity.
    CUT: f64 = 3.4;
    /// The score from which the mean of two or three days running is odd.
    CUT_RUN: f64 = 3.7;
    /// Most days running whose mean is looked at.
    RUN_DAYS: usize = 3;
    /// What a day must be off, as a part of what was expected.
    LEAST_PART: f64 = 0.15;
    /// The same for the mean of days running.
    LEAST_PART_RUN: f64 = 0.12;
    /// What a day must be off, as a part of what the scope costs a day.
    LEAST_OF_SCOPE: f64 = 0.01;
    /// What a day must be off, in whole units of the currency.
    LEAST_MONEY: f64 = 1.0;
    /// Days after which a new level is what is expected.
    ADOPT_DAYS: usize = 7;
    /// Days from which what is still going on is a step.
    STEP_DAYS: usize = 3;
    /// Days from which what has no cost any more is gone.
    GONE_DAYS: usize = 2;
    /// Days between two events of one series that are one event.
    JOIN_DAYS: usize = 1;
    /// The part of what was expected below which there is no cost.
    NOTHING: f64 = 0.01;
    /// The part of days with a cost below which a series has too many zeros for a level.
    LEAST_NONZERO: f64 = 0.5;
    /// How many times its largest day a series of zeros must cost to be odd.
    TIMES_LARGEST: f64 = 2.0;
    /// First days of a month that are compared with the month before too.
    MONTH_START: i8 = 5;
    /// Last days of a month that are.
    MONTH_END: i8 = 2;
    /// How many scatters such a day of the month before must have been off, to excuse this one.
    MONTH_CUT: f64 = 2.0;
    /// How much more it excuses than it was off itself.
    MONTH_MORE: f64 = 1.3;
    /// The factor on the cuts at low sensitivity.
    LOW: f64 = 1.4;
    /// The factor on the cuts at high sensitivity.
    HIGH: f64 = 0.8;
}

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
        assert!(
            of(Sensitivity::High) < of(Sensitivity::Normal) && of(Sensitivity::Normal) < of(Sensitivity::Low)
        );
    }
}
