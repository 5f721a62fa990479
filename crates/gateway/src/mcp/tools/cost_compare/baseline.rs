//! What a period is compared with, where nobody says.

use jiff::ToSpan;
use jiff::civil::Date;

/// First and last day.
type Span = (Date, Date);

/// The period before, and the days that are compared with it. A whole month, quarter or year has the one before; an open one, its
/// complete days against as many first days of the one before; any other, as many days just before it.
pub(super) fn baseline_of((from, to): Span, today: Date, complete_until: Date) -> (Span, Span) {
    if let Some(months) = whole(from, to) {
        return ((from.saturating_sub(months.months()), from.saturating_sub(1.day())), (from, to));
    }
    if let Some(months) = open(from, to, today) {
        // On its first days none is complete: then the days that there are.
        let last = if complete_until < from { to } else { to.min(complete_until) };
        let before = from.saturating_sub(months.months());
        let end = before.saturating_add((last - from).get_days().days()).min(from.saturating_sub(1.day()));
        return ((before, end), (from, last));
    }
    let days = (to - from).get_days() + 1;
    ((from.saturating_sub(days.days()), from.saturating_sub(1.day())), (from, to))
}

/// How many months a whole month, quarter or year has.
fn whole(from: Date, to: Date) -> Option<i32> {
    [1, 3, 12].into_iter().find(|months| {
        begins(from, *months) && from.saturating_add(months.months()).saturating_sub(1.day()) == to
    })
}

/// How many months the month, quarter or year has that began on a day and goes on: the shortest one that is not over.
fn open(from: Date, to: Date, today: Date) -> Option<i32> {
    let is_open = |months: &i32| begins(from, *months) && from.saturating_add(months.months()) > today;
    if to == today { [1, 3, 12].into_iter().find(is_open) } else { None }
}

fn begins(day: Date, months: i32) -> bool {
    day.day() == 1 && (i32::from(day.month()) - 1) % months == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_period_has_its_own() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        for (from, to, before, after) in [
            ("2026-10-01", "2026-10-31", "2026-09-01 2026-09-30", "2026-10-01 2026-10-31"),
            ("2026-07-01", "2026-09-30", "2026-04-01 2026-06-30", "2026-07-01 2026-09-30"),
            ("2025-01-01", "2025-12-31", "2024-01-01 2024-12-31", "2025-01-01 2025-12-31"),
            // Open: the last complete day is the 25th.
            ("2026-11-01", "2026-11-27", "2026-10-01 2026-10-25", "2026-11-01 2026-11-25"),
            ("2026-10-01", "2026-11-27", "2026-07-01 2026-08-25", "2026-10-01 2026-11-25"),
            ("2026-01-01", "2026-11-27", "2025-01-01 2025-11-25", "2026-01-01 2026-11-25"),
            // Any other.
            ("2026-11-21", "2026-11-27", "2026-11-14 2026-11-20", "2026-11-21 2026-11-27"),
            ("2026-08-01", "2026-10-31", "2026-05-01 2026-07-31", "2026-08-01 2026-10-31"),
            ("2026-10-01", "2026-10-15", "2026-09-16 2026-09-30", "2026-10-01 2026-10-15"),
        ] {
            let (b, a) = baseline_of((day(from), day(to)), day("2026-11-27"), day("2026-11-25"));
            assert_eq!(
                (format!("{} {}", b.0, b.1), format!("{} {}", a.0, a.1)),
                (before.into(), after.into()),
                "{from}"
            );
        }
    }

    #[test]
    fn a_month_that_has_just_begun_and_a_short_one_before() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let first = day("2026-11-01");
        let found = baseline_of((first, first), first, day("2026-10-30"));
        assert_eq!(found, ((day("2026-10-01"), day("2026-10-01")), (first, first)));
        let march = baseline_of((day("2026-03-01"), day("2026-03-31")), day("2026-03-31"), day("2026-03-29"));
        assert_eq!(march.0, (day("2026-02-01"), day("2026-02-28")));
        let open = baseline_of((day("2026-03-01"), day("2026-03-30")), day("2026-03-30"), day("2026-03-29"));
        assert_eq!(open, ((day("2026-02-01"), day("2026-02-28")), (day("2026-03-01"), day("2026-03-29"))));
    }
}
