//! A period of any length as periods that Azure answers in full, in the fewest query units.

use jiff::ToSpan;
use jiff::civil::Date;

use crate::period::Period;
use crate::query::Granularity;

/// The days that one query unit pays for: Azure counts one for each month of data.
/// <https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation>
const DAYS_OF_A_UNIT: i32 = 31;

/// The query units of a period: its days by 31, rounded up.
pub(crate) fn units(period: Period) -> u32 {
    units_of_days(period.from(), period.to())
}

/// Cuts a period. A piece ends with a month where that costs no more: whole months are asked for again, and then known.
pub(crate) fn pieces(period: Period, granularity: Granularity) -> Vec<Period> {
    let mut pieces = Vec::new();
    let (mut from, to) = (period.from(), period.to());
    loop {
        let end = end_of_piece(from, to, granularity);
        pieces.push(period.part(from, end));
        let Some(next) = after(end).filter(|next| *next <= to) else { return pieces };
        from = next;
    }
}

/// The last day of the first piece. All days by 31, rounded up, is the least that they can cost; pieces round up one by one.
fn end_of_piece(from: Date, to: Date, granularity: Granularity) -> Date {
    let longest = longest(from, granularity).min(to);
    let costs_no_more = |end: &Date| {
        units_of_days(from, *end) + after(*end).map_or(0, |next| units_of_days(next, to))
            == units_of_days(from, to)
    };
    let asks_no_more = |end: &Date| {
        after(*end).map_or(0, |next| queries(next, to, granularity)) < queries(from, to, granularity)
    };
    let with_a_month = if longest == longest.last_of_month() {
        longest
    } else {
        longest.first_of_month().yesterday().unwrap_or(longest).max(from)
    };
    Some(with_a_month)
        .filter(|end| costs_no_more(end) && asks_no_more(end))
        .or(Some(longest).filter(costs_no_more))
        .unwrap_or_else(|| of_whole_units(from, longest))
}

/// The last day of the whole units among these days.
fn of_whole_units(from: Date, longest: Date) -> Date {
    let days = days(from, longest);
    longest.saturating_sub((days % DAYS_OF_A_UNIT).days())
}

/// How many queries the days take at least.
fn queries(mut from: Date, to: Date, granularity: Granularity) -> u32 {
    let mut queries = 0;
    while from <= to {
        queries += 1;
        let Some(next) = after(longest(from, granularity)) else { break };
        from = next;
    }
    queries
}

/// The last day of the longest period that Azure answers in one query.
fn longest(from: Date, granularity: Granularity) -> Date {
    match granularity {
        Granularity::Daily => from.saturating_add(30.days()),
        Granularity::None | Granularity::Monthly => {
            let end = from.saturating_add(12.months());
            // A year after the 29th of February is the 28th, which is part of it.
            if end.day() < from.day() { end } else { end.yesterday().unwrap_or(end) }
        }
    }
}

fn units_of_days(from: Date, to: Date) -> u32 {
    days(from, to).unsigned_abs().div_ceil(DAYS_OF_A_UNIT.unsigned_abs())
}

/// None where the first is behind the last.
fn days(from: Date, to: Date) -> i32 {
    ((to - from).get_days() + 1).max(0)
}

fn after(day: Date) -> Option<Date> {
    day.tomorrow().ok()
}

/// A row's date in a grain that is as coarse or coarser: a month is its first day, whichever days of it a piece has.
pub(crate) fn coarser(date: Option<Date>, granularity: Granularity) -> Option<Date> {
    match granularity {
        Granularity::None => None,
        Granularity::Daily => date,
        Granularity::Monthly => date.map(Date::first_of_month),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::query::{Metric, Query};

    const TODAY: Date = date(2026, 11, 22);

    fn cut(from: &str, to: &str, granularity: Granularity) -> Vec<String> {
        let period = Period::new(from.parse().unwrap(), to.parse().unwrap(), TODAY).unwrap();
        pieces(period, granularity).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn whole_months_are_pieces_where_that_costs_no_more() {
        for (from, to, granularity, expected) in [
            ("2026-10-01", "2026-10-31", Granularity::Daily, vec!["2026-10-01 to 2026-10-31"]),
            (
                "2026-10-01",
                "2026-11-01",
                Granularity::Daily,
                vec!["2026-10-01 to 2026-10-31", "2026-11-01 to 2026-11-01"],
            ),
            // 31 days are one unit, two months would be two.
            ("2026-10-05", "2026-11-04", Granularity::Daily, vec!["2026-10-05 to 2026-11-04"]),
            (
                "2026-07-20",
                "2026-10-17",
                Granularity::Daily,
                vec!["2026-07-20 to 2026-08-19", "2026-08-20 to 2026-09-19", "2026-09-20 to 2026-10-17"],
            ),
            (
                "2026-08-25",
                "2026-11-22",
                Granularity::Daily,
                vec!["2026-08-25 to 2026-09-24", "2026-09-25 to 2026-10-25", "2026-10-26 to 2026-11-22"],
            ),
            (
                "2026-02-01",
                "2026-04-30",
                Granularity::Daily,
                vec!["2026-02-01 to 2026-02-28", "2026-03-01 to 2026-03-31", "2026-04-01 to 2026-04-30"],
            ),
            ("2025-12-01", "2026-11-22", Granularity::None, vec!["2025-12-01 to 2026-11-22"]),
            (
                "2025-11-22",
                "2026-11-22",
                Granularity::Monthly,
                vec!["2025-11-22 to 2026-10-28", "2026-10-29 to 2026-11-22"],
            ),
            ("2024-02-29", "2025-02-28", Granularity::None, vec!["2024-02-29 to 2025-02-28"]),
        ] {
            assert_eq!(cut(from, to, granularity), expected, "{from} {to} {granularity:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_are_the_period_in_the_fewest_units(start in 0_i32..1120, length in 0_i32..1120) {
            let from = date(2023, 10, 22) + start.days();
            let period = Period::new(from, (from + length.days()).min(TODAY), TODAY);
            let Ok(period) = period else { return Ok(()) };
            for granularity in [Granularity::None, Granularity::Daily, Granularity::Monthly] {
                let pieces = pieces(period, granularity);
                prop_assert_eq!(pieces[0].from(), period.from());
                prop_assert_eq!(pieces[pieces.len() - 1].to(), period.to());
                for pair in pieces.windows(2) {
                    prop_assert_eq!(pair[0].to().tomorrow().unwrap(), pair[1].from());
                }
                let build = |piece: &Period| Query::builder(Metric::Actual, *piece).granularity(granularity).build();
                prop_assert!(pieces.iter().all(|piece| build(piece).is_ok()));
                let all: u32 = pieces.iter().map(|piece| units(*piece)).sum();
                prop_assert_eq!(all, units_of_days(period.from(), period.to()));
                let queries = usize::try_from(queries(period.from(), period.to(), granularity)).unwrap();
                prop_assert!((queries..=queries + 1).contains(&pieces.len()));
            }
        }
    }
}
