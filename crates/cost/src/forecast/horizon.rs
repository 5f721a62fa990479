//! The days that a forecast is about, seen from a moment.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::compare::complete_until;
use crate::invalid::InvalidQuery;
use crate::period::Period;
use crate::query::Granularity;

/// What days are forecast, and from which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    from: Date,
    to: Date,
    today: Date,
    complete_until: Date,
    by: Granularity,
}

impl Horizon {
    /// The days from one to another, of which the last is today or later. Points are `by` day or month.
    ///
    /// # Errors
    /// Days that are over.
    pub fn new(from: Date, to: Date, by: Granularity, now: Timestamp) -> Result<Self, InvalidQuery> {
        let today = now.to_zoned(TimeZone::UTC).date();
        if to < today {
            return Err(InvalidQuery::NotAhead { to, today });
        }
        Period::new(from, to, today)?;
        Ok(Self { from, to, today, complete_until: complete_until(now), by })
    }

    /// The first day.
    pub const fn from(&self) -> Date {
        self.from
    }

    /// The last day.
    pub const fn to(&self) -> Date {
        self.to
    }

    /// Today, in UTC.
    pub const fn today(&self) -> Date {
        self.today
    }

    /// The last day whose costs are complete.
    pub const fn complete_until(&self) -> Date {
        self.complete_until
    }

    /// What the points are by.
    pub const fn by(&self) -> Granularity {
        self.by
    }

    /// The days whose costs are wanted one by one: this month and the two before, which Azure's own forecast learns from too; and
    /// all days of the period, where its points are days. They begin with a month, so that closed months are asked for once.
    pub fn daily(&self) -> Result<Period, InvalidQuery> {
        Period::new(self.first_daily(), self.today, self.today)
    }

    /// The days of the period before those, whose months will do.
    pub fn monthly(&self) -> Result<Option<Period>, InvalidQuery> {
        let last = self.first_daily().yesterday().unwrap_or(Date::MIN);
        (self.from <= last).then(|| Period::new(self.from, last, self.today)).transpose()
    }

    /// The days that lie ahead; `None` on the last day of the period.
    pub fn ahead(&self) -> Result<Option<Period>, InvalidQuery> {
        let first = self.from.max(self.today.saturating_add(1.day()));
        (first <= self.to).then(|| Period::new(first, self.to, self.today)).transpose()
    }

    /// The same, one by one.
    pub(super) fn dates_ahead(&self) -> Result<impl Iterator<Item = Date> + use<>, InvalidQuery> {
        let ahead = self.ahead()?;
        let dates =
            ahead.map(|ahead| ahead.from().series(1.day()).take_while(move |date| *date <= ahead.to()));
        Ok(dates.into_iter().flatten())
    }

    fn first_daily(&self) -> Date {
        let learned_from = self.today.first_of_month().saturating_sub(2.months());
        if self.by == Granularity::Daily { learned_from.min(self.from) } else { learned_from }
    }

    /// Whether a day's costs are still arriving, and the day is one of the period.
    pub(super) fn is_arriving(&self, date: Date) -> bool {
        date > self.complete_until && date <= self.today && self.from <= date
    }

    /// The date of the point that a day is in.
    pub(super) fn point(&self, date: Date) -> Date {
        if self.by == Granularity::Daily { date } else { date.first_of_month() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn horizon(from: &str, to: &str, by: Granularity) -> Horizon {
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        Horizon::new(from.parse().unwrap(), to.parse().unwrap(), by, now).unwrap()
    }

    fn words(period: Result<Option<Period>, InvalidQuery>) -> String {
        period.unwrap().map_or("none".to_owned(), |period| period.to_string())
    }

    #[test]
    fn a_period_has_days_that_were_and_days_that_will_be() {
        for (from, to, by, daily, monthly, ahead) in [
            (
                "2026-11-01",
                "2026-11-30",
                Granularity::Daily,
                "2026-09-01 to 2026-11-27",
                "none",
                "2026-11-28 to 2026-11-30",
            ),
            ("2026-11-01", "2026-11-27", Granularity::Daily, "2026-09-01 to 2026-11-27", "none", "none"),
            (
                "2026-12-01",
                "2026-12-31",
                Granularity::Daily,
                "2026-09-01 to 2026-11-27",
                "none",
                "2026-12-01 to 2026-12-31",
            ),
            (
                "2026-01-01",
                "2026-12-31",
                Granularity::Monthly,
                "2026-09-01 to 2026-11-27",
                "2026-01-01 to 2026-08-31",
                "2026-11-28 to 2026-12-31",
            ),
            (
                "2026-08-10",
                "2026-12-31",
                Granularity::Daily,
                "2026-08-10 to 2026-11-27",
                "none",
                "2026-11-28 to 2026-12-31",
            ),
        ] {
            let horizon = horizon(from, to, by);
            assert_eq!(horizon.daily().unwrap().to_string(), daily, "{from} {to}");
            assert_eq!(words(horizon.monthly()), monthly, "{from} {to}");
            assert_eq!(words(horizon.ahead()), ahead, "{from} {to}");
        }
    }

    #[test]
    fn what_is_over_is_not_forecast() {
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        let (from, to) = ("2026-11-01".parse().unwrap(), "2026-11-26".parse().unwrap());
        let refused = Horizon::new(from, to, Granularity::Daily, now).unwrap_err();
        assert!(matches!(refused, InvalidQuery::NotAhead { .. }), "{refused}");
    }
}
