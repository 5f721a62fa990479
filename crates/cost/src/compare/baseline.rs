//! What a period is compared with where nobody says it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::invalid::InvalidQuery;
use crate::period::Period;

/// How long after a day's end its costs are taken for complete. Microsoft judges its own anomalies then: "to ensure a complete data
/// set" (<https://learn.microsoft.com/azure/cost-management-billing/understand/analyze-unexpected-charges>).
const COMPLETE_AFTER: SignedDuration = SignedDuration::from_hours(36);

/// Two periods to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// What is compared with.
    pub before: Period,
    /// What is compared: the days of the period that count.
    pub after: Period,
}

/// A unit of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarUnit {
    /// From the first of a month.
    Month,
    /// From the first of January, April, July or October.
    Quarter,
    /// From the first of January.
    Year,
}

/// The last UTC day that ended at least 36 hours ago.
pub fn complete_until(now: Timestamp) -> Date {
    let ended = now.checked_sub(COMPLETE_AFTER).unwrap_or(Timestamp::MIN);
    let day = ended.to_zoned(TimeZone::UTC).date();
    day.yesterday().unwrap_or(day)
}

/// What a period is compared with by default: a whole month, quarter or year with the one before; an open one, which ends today,
/// by its complete days with as many first days of the one before; any other period with as many days just before it.
///
/// A period that could be two units is the shorter one: in January, what goes from the first day to today is a month.
pub fn baseline_of(period: Period, now: Timestamp) -> Result<Baseline, InvalidQuery> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let units = [CalendarUnit::Month, CalendarUnit::Quarter, CalendarUnit::Year];
    let is_one = |unit: &CalendarUnit| {
        let ends = [today.min(unit.last_day(period.from())), unit.last_day(period.from())];
        unit.first_day(period.from()) == period.from() && ends.contains(&period.to())
    };
    match units.into_iter().find(is_one) {
        Some(unit) => baseline_of_unit(period, unit, now),
        None => Ok(Baseline { before: just_before(period, today)?, after: period }),
    }
}

/// The same where it is known what the period is: a year that began this month is still a year.
pub fn baseline_of_unit(
    period: Period,
    unit: CalendarUnit,
    now: Timestamp,
) -> Result<Baseline, InvalidQuery> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let last = unit.before(period.from());
    let first = unit.first_day(last);
    if period.to() < today {
        return Ok(Baseline { before: Period::new(first, last, today)?, after: period });
    }
    let complete = complete_until(now);
    if complete < period.from() {
        return Err(InvalidQuery::NothingComplete { from: period.from(), complete });
    }
    let after = Period::new(period.from(), complete, today)?;
    let to = first.saturating_add((complete - period.from()).get_days().days()).min(last);
    Ok(Baseline { before: Period::new(first, to, today)?, after })
}

/// As many days.
fn just_before(period: Period, today: Date) -> Result<Period, InvalidQuery> {
    let to = period.from().saturating_sub(1.day());
    let from = to.saturating_sub((period.to() - period.from()).get_days().days());
    Period::new(from, to, today)
}

impl CalendarUnit {
    const fn months(self) -> i8 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }

    /// The first day of the unit that a day is in.
    fn first_day(self, day: Date) -> Date {
        let months_in = (day.month() - 1) % self.months();
        day.first_of_month().saturating_sub(months_in.months())
    }

    fn last_day(self, day: Date) -> Date {
        self.first_day(day).saturating_add((self.months() - 1).months()).last_of_month()
    }

    /// The last day of the unit before.
    fn before(self, day: Date) -> Date {
        self.first_day(day).saturating_sub(1.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: &str) -> Timestamp {
        now.parse().unwrap()
    }

    #[test]
    fn a_day_is_complete_36_hours_after_its_end() {
        for (now, day) in [
            ("2026-11-22T11:59:59Z", "2026-11-19"),
            ("2026-11-22T12:00:00Z", "2026-11-20"),
            ("2026-11-23T00:00:00Z", "2026-11-20"),
            ("2026-03-02T12:00:00Z", "2026-02-28"),
        ] {
            assert_eq!(complete_until(at(now)).to_string(), day, "{now}");
        }
    }

    #[test]
    fn periods_have_the_baseline_that_people_mean() {
        const NOON: &str = "2026-11-22T12:00:00Z";
        for (now, from, to, before, after) in [
            // Whole ones.
            (NOON, "2026-10-01", "2026-10-31", "2026-09-01 to 2026-09-30", "2026-10-01 to 2026-10-31"),
            (NOON, "2026-07-01", "2026-09-30", "2026-04-01 to 2026-06-30", "2026-07-01 to 2026-09-30"),
            (NOON, "2025-01-01", "2025-12-31", "2024-01-01 to 2024-12-31", "2025-01-01 to 2025-12-31"),
            // Open ones.
            (NOON, "2026-11-01", "2026-11-22", "2026-10-01 to 2026-10-20", "2026-11-01 to 2026-11-20"),
            (NOON, "2026-10-01", "2026-11-22", "2026-07-01 to 2026-08-20", "2026-10-01 to 2026-11-20"),
            (NOON, "2026-01-01", "2026-11-22", "2025-01-01 to 2025-11-20", "2026-01-01 to 2026-11-20"),
            // February is over before as many days are.
            (
                "2026-03-31T23:00:00Z",
                "2026-03-01",
                "2026-03-31",
                "2026-02-01 to 2026-02-28",
                "2026-03-01 to 2026-03-29",
            ),
            // In January a month, a quarter and a year begin: the month.
            (
                "2026-01-20T12:00:00Z",
                "2026-01-01",
                "2026-01-20",
                "2025-12-01 to 2025-12-18",
                "2026-01-01 to 2026-01-18",
            ),
            // Any other.
            (NOON, "2026-11-16", "2026-11-22", "2026-11-09 to 2026-11-15", "2026-11-16 to 2026-11-22"),
            (NOON, "2026-11-01", "2026-11-10", "2026-10-22 to 2026-10-31", "2026-11-01 to 2026-11-10"),
            (NOON, "2026-08-01", "2026-10-31", "2026-05-01 to 2026-07-31", "2026-08-01 to 2026-10-31"),
            (NOON, "2026-10-05", "2026-10-05", "2026-10-04 to 2026-10-04", "2026-10-05 to 2026-10-05"),
        ] {
            let today = at(now).to_zoned(TimeZone::UTC).date();
            let period = Period::new(from.parse().unwrap(), to.parse().unwrap(), today).unwrap();
            let baseline = baseline_of(period, at(now)).unwrap();
            assert_eq!(
                (baseline.before.to_string(), baseline.after.to_string()),
                (before.to_owned(), after.to_owned())
            );
        }
    }

    #[test]
    fn a_year_that_began_this_month_can_be_said_to_be_one() {
        let now = at("2026-01-20T12:00:00Z");
        let today = "2026-01-20".parse().unwrap();
        let period = Period::new("2026-01-01".parse().unwrap(), today, today).unwrap();
        let baseline = baseline_of_unit(period, CalendarUnit::Year, now).unwrap();
        assert_eq!(baseline.before.to_string(), "2025-01-01 to 2025-01-18");
    }

    #[test]
    fn without_a_complete_day_there_is_nothing_to_compare() {
        let now = at("2026-11-02T11:00:00Z");
        let day = |text: &str| text.parse::<Date>().unwrap();
        let period = Period::new(day("2026-11-01"), day("2026-11-02"), day("2026-11-02")).unwrap();
        let refused = InvalidQuery::NothingComplete { from: day("2026-11-01"), complete: day("2026-10-30") };
        assert_eq!(baseline_of(period, now), Err(refused));
        let early = Period::new(day("2023-11-01"), day("2023-11-30"), day("2026-11-02")).unwrap();
        assert!(matches!(baseline_of(early, now), Err(InvalidQuery::TooEarly { .. })));
    }
}
