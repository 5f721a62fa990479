//! The days a question is about, and which kind of cost.

use cost::{Metric, Period};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mcp::answer::{Failure, ToolError};

/// A day as asked for.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "Date")]
pub(super) struct Day(Date);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let day =
            text.trim().parse().map_err(|_| format!("`{text:.40}` is no day; write it as 2026-11-01"))?;
        Ok(Self(day))
    }
}

/// A period as asked for: either end may be left out.
pub(super) struct PeriodInput {
    pub(super) from: Option<Day>,
    pub(super) to: Option<Day>,
}

impl PeriodInput {
    /// The period, seen from `today`: up to today, and from the first day of the last day's month.
    ///
    /// # Errors
    /// Says which end is wrong and what would do.
    pub(super) fn resolve(self, today: Date) -> Result<Period, Failure> {
        let to = self.to.map_or(today, |day| day.0);
        let from = self.from.map_or_else(|| to.first_of_month(), |day| day.0);
        Period::new(from, to, today).map_err(|error| {
            ToolError::new("invalid_period", format!("The period is not possible: {error}.")).into()
        })
    }
}

/// The days an answer covers.
#[derive(JsonSchema, Serialize)]
pub(super) struct PeriodOutput {
    /// First day.
    pub(super) from: Date,
    /// Last day, included.
    pub(super) to: Date,
}

impl From<Period> for PeriodOutput {
    fn from(period: Period) -> Self {
        Self { from: period.from(), to: period.to() }
    }
}

/// Which kind of cost.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MetricInput {
    /// What is invoiced.
    #[default]
    Actual,
    /// Reservations and savings plans spread over their term.
    Amortized,
}

impl MetricInput {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Actual => "actual",
            Self::Amortized => "amortized",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Actual => "Actual",
            Self::Amortized => "Amortized",
        }
    }
}

impl From<MetricInput> for Metric {
    fn from(metric: MetricInput) -> Self {
        match metric {
            MetricInput::Actual => Self::Actual,
            MetricInput::Amortized => Self::Amortized,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn what_is_left_out_is_this_month_to_date() {
        let today = date(2026, 11, 22);
        let day = |date: Option<Date>| date.map(Day);
        let resolve = |from, to| PeriodInput { from: day(from), to: day(to) }.resolve(today);
        let period = resolve(None, None).unwrap_or_else(|_| panic!());
        assert_eq!((period.from(), period.to()), (date(2026, 11, 1), today));
        let october = resolve(None, Some(date(2026, 10, 31))).unwrap_or_else(|_| panic!());
        assert_eq!(october.from(), date(2026, 10, 1));
        let swapped = resolve(Some(date(2026, 11, 5)), Some(date(2026, 11, 1)));
        assert!(matches!(swapped, Err(failure) if failure.code() == "invalid_period"));
    }
}
