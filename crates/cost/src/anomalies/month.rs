//! What happens at a month's edges each month: free amounts start anew, bills are run.

use jiff::civil::Date;

use super::level::Level;
use super::robust::median;
use super::rule::{MONTH_CUT, MONTH_END, MONTH_MORE, MONTH_START};
use crate::series::edge;

/// How far a day at a month's edge may be off because the same day of the month before was: as much as that was off its
/// neighbours, if that was no chance.
pub(super) fn excuse(
    plain: &[f64],
    date: impl Fn(usize) -> Date,
    day: usize,
    (off, level): (f64, &Level),
) -> f64 {
    let Some(place) = place(date(day)) else { return 0.0 };
    let is_same = |one: &usize| self::place(date(*one)).is_some_and(|other| (other - place).abs() <= 1);
    let mut most = 0.0_f64;
    for one in (day.saturating_sub(34)..day.saturating_sub(26)).filter(is_same) {
        let around = one.saturating_sub(10)..(one + 11).min(day);
        let usual = median(around.map(|one| plain[one]));
        most = most.max((plain[one] - usual) * off.signum());
    }
    if most >= MONTH_CUT * level.sigma { MONTH_MORE * most } else { 0.0 }
}

/// Days from the month's first; `None` away from the edges.
fn place(date: Date) -> Option<i8> {
    edge(date, (MONTH_START, MONTH_END))
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;

    use super::*;

    #[test]
    fn what_the_month_before_did_too_is_excused_at_the_edges() {
        let first = date(2026, 9, 1);
        let on = |day: usize| first + i64::try_from(day).unwrap().days();
        let mut plain = vec![100.0; 62];
        let level = Level::fixed(100.0, 5.0, 28);
        assert!(excuse(&plain, on, 30, (40.0, &level)) < 1e-9);
        // The first of September, and of October.
        plain[0] = 140.0;
        plain[30] = 141.0;
        assert!((excuse(&plain, on, 30, (41.0, &level)) - MONTH_MORE * 40.0).abs() < 1e-9);
        assert!(excuse(&plain, on, 30, (-41.0, &level)) < 1e-9, "less is something else");
        // In the middle of a month nothing is excused.
        plain[10] = 140.0;
        assert!(excuse(&plain, on, 40, (41.0, &level)) < 1e-9);
    }
}
