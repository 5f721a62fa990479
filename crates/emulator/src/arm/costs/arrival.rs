//! Costs come late: how much of a day is known at a moment, and until when it may change.
//!
//! <https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data>

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::clock::utc_day;

/// Hours since a day began, and per cent of its usage that are known then. It is all there 36 hours after the day's end.
const KNOWN: [(i64, i64); 5] = [(0, 8), (12, 40), (24, 70), (36, 90), (COMPLETE, 100)];
const COMPLETE: i64 = 60;
/// Six updates a day.
const UPDATE_HOURS: i64 = 4;
/// The day of the next month on which a month's costs are final.
const FINAL_DAY: i8 = 5;

/// How much of the day's usage is known, in per cent; it grows with every update.
pub(super) fn known_percent(day: Date, now: Timestamp) -> i64 {
    let hours = hours_since(day, now);
    if hours < 0 {
        return 0;
    }
    let at = hours / UPDATE_HOURS * UPDATE_HOURS;
    let later = KNOWN.iter().position(|(from, _)| *from > at);
    let Some(later) = later else { return 100 };
    let ((h0, p0), (h1, p1)) = (KNOWN[later - 1], KNOWN[later]);
    p0 + (p1 - p0) * (at - h0) / (h1 - h0)
}

/// The last day of which all usage is known.
pub(super) fn complete_until(now: Timestamp) -> Date {
    let today = utc_day(now);
    let days = (0..).map(|back: i32| today.saturating_sub(back.days()));
    days.take(10).find(|day| known_percent(*day, now) == 100).unwrap_or(today)
}

/// Whether what is charged at once (purchases, refunds) on that day is known.
pub(super) fn is_charged(day: Date, now: Timestamp) -> bool {
    hours_since(day, now) >= 24
}

/// Whether the month of the day is final: closed, and the fifth of the next month has come.
pub(super) fn is_final(day: Date, now: Timestamp) -> bool {
    let next = day.first_of_month().saturating_add(1.month());
    hours_since(Date::new(next.year(), next.month(), FINAL_DAY).unwrap_or(next), now) >= 0
}

/// The number of the update that is the last one at that moment.
pub(super) fn update(now: Timestamp) -> i64 {
    now.as_second().div_euclid(3_600 * UPDATE_HOURS)
}

fn hours_since(day: Date, now: Timestamp) -> i64 {
    let begins = day.to_zoned(TimeZone::UTC).map_or(now, |begins| begins.timestamp());
    (now.as_second() - begins.as_second()).div_euclid(3_600)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::{is_charged, is_final, known_percent};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_complete_36_hours_after_its_end() {
        let day = date(2026, 11, 18);
        let known = |moment| known_percent(day, at(moment));
        assert_eq!(known("2026-11-17T23:59:59Z"), 0);
        assert_eq!(known("2026-11-18T00:00:00Z"), 8);
        assert_eq!(known("2026-11-18T12:00:00Z"), 40, "today");
        assert_eq!(known("2026-11-19T12:00:00Z"), 90, "yesterday");
        assert!(known("2026-11-20T11:59:59Z") < 100);
        assert_eq!(known("2026-11-20T12:00:00Z"), 100);
        assert_eq!(known("2027-11-20T12:00:00Z"), 100);
    }

    #[test]
    fn updates_come_every_four_hours_and_only_add() {
        let day = date(2026, 11, 18);
        let start = at("2026-11-18T00:00:00Z").as_second();
        let known: Vec<_> = (0..=60)
            .map(|hour| known_percent(day, Timestamp::from_second(start + hour * 3_600).unwrap()))
            .collect();
        assert!(known.is_sorted());
        assert!(known.chunks(4).all(|hours| hours.iter().all(|percent| *percent == hours[0])));
    }

    #[test]
    fn a_month_is_final_on_the_fifth_of_the_next() {
        assert!(!is_final(date(2026, 12, 31), at("2027-01-04T23:59:59Z")));
        assert!(is_final(date(2026, 12, 1), at("2027-01-05T00:00:00Z")));
    }

    #[test]
    fn what_is_charged_at_once_is_there_or_not() {
        assert!(!is_charged(date(2026, 11, 1), at("2026-11-01T23:59:59Z")));
        assert!(is_charged(date(2026, 11, 1), at("2026-11-02T00:00:00Z")));
    }
}
