//! The days a question is about, checked against what Azure keeps. Has no clock: today is an argument.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::invalid::InvalidQuery;

/// Whole days, both ends included, as Azure counts them (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    from: Date,
    to: Date,
    /// Against which the limits "so many months back" are counted.
    today: Date,
}

impl Period {
    /// The first day Cost Management knows at all.
    pub const EARLIEST: Date = date(2014, 5, 1);
    /// How far a query may reach back, in months.
    pub const MONTHS_BACK: i32 = 37;

    /// A period of days that Azure still has on the day `today` (UTC).
    ///
    /// How long it may be depends on what is asked and is checked there: [`crate::QueryBuilder::build`] and
    /// [`crate::ExportPlan::reports`].
    pub fn new(from: Date, to: Date, today: Date) -> Result<Self, InvalidQuery> {
        if from > to {
            return Err(InvalidQuery::FromAfterTo { from, to });
        }
        let period = Self { from, to, today };
        period.reaches_back_at_most(Self::MONTHS_BACK)?;
        Ok(period)
    }

    /// First day.
    pub const fn from(&self) -> Date {
        self.from
    }

    /// Last day, included.
    pub const fn to(&self) -> Date {
        self.to
    }

    /// Refuses a period that is over: Azure forecasts none (`CantForecastOnThePast`).
    pub(crate) fn lies_ahead(&self) -> Result<(), InvalidQuery> {
        if self.to <= self.today {
            return Err(InvalidQuery::NotAhead { to: self.to, today: self.today });
        }
        Ok(())
    }

    /// Some of the days of this period.
    pub(crate) const fn part(self, from: Date, to: Date) -> Self {
        Self { from, to, today: self.today }
    }

    /// Refuses a period that starts more than so many months before today, or before there was any data.
    pub(crate) fn reaches_back_at_most(&self, months: i32) -> Result<(), InvalidQuery> {
        let earliest = self.today.saturating_sub(months.months()).max(Self::EARLIEST);
        if self.from < earliest {
            return Err(InvalidQuery::TooEarly { from: self.from, earliest });
        }
        Ok(())
    }

    /// Refuses a period of more than so many days.
    pub(crate) fn lasts_days(&self, days: i32, limit: &'static str) -> Result<(), InvalidQuery> {
        self.ends_before(self.from.saturating_add(days.days()), limit)
    }

    /// Refuses a period of more than so many months, counted from its first day.
    pub(crate) fn lasts_months(&self, months: i32, limit: &'static str) -> Result<(), InvalidQuery> {
        // From the 31st, "one month" ends with the next month's last day: that day is part of it.
        let end = self.from.saturating_add(months.months());
        let clamped = end.day() < self.from.day();
        self.ends_before(if clamped { end.tomorrow().unwrap_or(end) } else { end }, limit)
    }

    fn ends_before(&self, end: Date, limit: &'static str) -> Result<(), InvalidQuery> {
        if self.to < end {
            return Ok(());
        }
        Err(InvalidQuery::TooLong { from: self.from, to: self.to, limit })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = date(2026, 11, 22);

    #[test]
    fn ends_are_in_order() {
        let (from, to) = (date(2026, 11, 2), date(2026, 11, 1));
        assert_eq!(Period::new(from, to, TODAY), Err(InvalidQuery::FromAfterTo { from, to }));
        assert!(Period::new(from, from, TODAY).is_ok());
    }

    #[test]
    fn reaches_back_37_months() {
        let earliest = date(2023, 10, 22);
        assert!(Period::new(earliest, TODAY, TODAY).is_ok());
        let from = earliest.yesterday().unwrap();
        assert_eq!(Period::new(from, TODAY, TODAY), Err(InvalidQuery::TooEarly { from, earliest }));
    }

    #[test]
    fn never_reaches_before_the_first_data() {
        let from = date(2014, 4, 30);
        let expected = InvalidQuery::TooEarly { from, earliest: Period::EARLIEST };
        assert_eq!(Period::new(from, date(2014, 6, 1), date(2014, 6, 1)), Err(expected));
    }

    #[test]
    fn counts_days_and_months_inclusively() {
        let period = |from, to| Period::new(from, to, TODAY).unwrap();
        assert!(period(date(2026, 10, 1), date(2026, 10, 31)).lasts_days(31, "").is_ok());
        assert!(period(date(2026, 10, 1), date(2026, 11, 1)).lasts_days(31, "").is_err());
        assert!(period(date(2026, 1, 1), date(2026, 1, 31)).lasts_months(1, "").is_ok());
        assert!(period(date(2026, 1, 1), date(2026, 2, 1)).lasts_months(1, "").is_err());
        assert!(period(date(2026, 1, 31), date(2026, 2, 28)).lasts_months(1, "").is_ok());
        assert!(period(date(2026, 1, 31), date(2026, 3, 1)).lasts_months(1, "").is_err());
        assert!(period(date(2025, 11, 23), date(2026, 11, 22)).lasts_months(12, "").is_ok());
        assert!(period(date(2025, 11, 22), date(2026, 11, 22)).lasts_months(12, "").is_err());
    }
}
