//! The days a question is about, and which kind of cost.

use std::fmt;

use cost::{Metric, Period};
use jiff::civil::{Date, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mcp::answer::{Failure, ToolError};

/// A day as asked for.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "Date")]
pub(super) struct Day(Date);

impl Day {
    pub(super) const fn date(self) -> Date {
        self.0
    }
}

impl From<Date> for Day {
    fn from(day: Date) -> Self {
        Self(day)
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    /// A time behind the day is taken for what it is: assistants write a day as the moment it begins or ends.
    fn try_from(text: String) -> Result<Self, String> {
        let no_day = || format!("`{text:.40}` is not a day; write it as 2026-11-01");
        let (day, time) = text.trim().split_once(['T', 't']).unwrap_or((text.trim(), "00:00:00"));
        let day = day.parse().map_err(|_| no_day())?;
        if is_time(time) { Ok(Self(day)) } else { Err(no_day()) }
    }
}

/// A time of day in UTC, or of no zone: in another zone the day may be another too.
fn is_time(text: &str) -> bool {
    let time = text.strip_suffix(['Z', 'z']).or(text.strip_suffix("+00:00")).unwrap_or(text);
    time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'))
        && time.parse::<Time>().is_ok()
}

/// A period as asked for: either end may be left out.
pub(super) struct PeriodInput {
    pub(super) from: Option<Day>,
    pub(super) to: Option<Day>,
}

impl PeriodInput {
    /// The period, seen from `today`: up to today, and from the first day of the last day's month. There are no costs of days
    /// that lie ahead: an end beyond today is today, and said to be.
    ///
    /// # Errors
    /// Says which end is wrong and what would do.
    pub(super) fn resolve(self, today: Date) -> Result<Days, Failure> {
        if let Some(Day(from)) = self.from.filter(|from| from.0 > today) {
            return Err(invalid(format!(
                "`from` {from} is in the future: today is {today} (UTC). cost_forecast tells what is to come. Choose a `from` up \
                 to today, and leave `to` out for today."
            )));
        }
        let to = self.to.map_or(today, |day| day.0);
        let from = self.from.map_or_else(|| to.first_of_month(), |day| day.0);
        if from <= to && from > today {
            return Err(invalid(format!(
                "`to` {to} is in the future: today is {today} (UTC). cost_forecast tells what is to come. Leave `to` out for \
                 today, and `from` as well for this month to date."
            )));
        }
        let end = if from <= to { to.min(today) } else { to };
        let period = Period::new(from, end, today)
            .map_err(|error| invalid(format!("The period is not possible: {error}.")))?;
        Ok(Days { period, asked_to: to, today })
    }
}

fn invalid(detail: String) -> Failure {
    ToolError::new("invalid_period", detail).into()
}

/// The days that are asked about.
#[derive(Clone, Copy)]
pub(super) struct Days {
    pub(super) period: Period,
    /// The last day as it was asked for.
    asked_to: Date,
    today: Date,
}

/// How long Azure may still change a day's costs after it: usage arrives up to a day late and is rated anew until it is closed
/// (<https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data>).
const UNSETTLED_DAYS: i32 = 3;

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let today = if self.period.to() == self.today { " (today)" } else { "" };
        write!(f, "from {} to {}{today}", self.period.from(), self.period.to())
    }
}

impl Days {
    /// The days from one to another, seen from `today`.
    pub(super) fn between(from: Date, to: Date, today: Date) -> Result<Self, Failure> {
        PeriodInput { from: Some(Day(from)), to: Some(Day(to)) }.resolve(today)
    }

    /// What stands under figures that are not final, or nothing.
    pub(super) fn caution(&self) -> Option<&'static str> {
        let days = (self.today - self.period.to()).get_days();
        (days <= UNSETTLED_DAYS).then_some("Azure may still change the costs of the last 72 hours.")
    }

    /// Sentences about days that are not what they seem, or nothing.
    pub(super) fn note(&self) -> String {
        let mut note = String::new();
        if self.asked_to > self.period.to() {
            note = format!(
                " Days up to {} were asked for; those after {} lie ahead.",
                self.asked_to, self.today
            );
        }
        if self.period.to() == self.today {
            note = format!("{note} {} is not complete.", self.today);
        }
        note
    }
}

/// The days an answer covers.
#[derive(JsonSchema, Serialize)]
pub(super) struct PeriodOutput {
    /// First day.
    pub(super) from: Date,
    /// Last day, included.
    pub(super) to: Date,
    /// The last day that was asked for, where it lies ahead: those after `to` have no costs yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_to: Option<Date>,
    /// The day among them that is not over (UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete_day: Option<Date>,
}

impl From<Days> for PeriodOutput {
    fn from(days: Days) -> Self {
        let Days { period, asked_to, today } = days;
        let (from, to) = (period.from(), period.to());
        Self {
            from,
            to,
            requested_to: (asked_to > to).then_some(asked_to),
            incomplete_day: (to == today).then_some(today),
        }
    }
}

/// Which kind of cost.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MetricInput {
    // What is invoiced.
    #[default]
    #[serde(alias = "ActualCost", alias = "Actual", alias = "actual_cost")]
    Actual,
    // Reservations and savings plans spread over their term.
    #[serde(alias = "AmortizedCost", alias = "Amortized", alias = "amortized_cost")]
    Amortized,
}

impl MetricInput {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Actual => "actual",
            Self::Amortized => "amortized",
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
    use serde_json::json;

    use super::*;

    const TODAY: Date = date(2026, 11, 26);

    fn resolve(from: Option<Date>, to: Option<Date>) -> Result<Days, String> {
        let day = |date: Option<Date>| date.map(Day);
        PeriodInput { from: day(from), to: day(to) }
            .resolve(TODAY)
            .map_err(|failure| failure.code().into_owned())
    }

    fn ends(days: &Days) -> (Date, Date) {
        (days.period.from(), days.period.to())
    }

    #[test]
    fn what_is_left_out_is_this_month_to_date() {
        assert_eq!(ends(&resolve(None, None).unwrap()), (date(2026, 11, 1), TODAY));
        assert_eq!(
            ends(&resolve(None, Some(date(2026, 10, 31))).unwrap()),
            (date(2026, 10, 1), date(2026, 10, 31))
        );
        let swapped = resolve(Some(date(2026, 11, 5)), Some(date(2026, 11, 1)));
        assert_eq!(swapped.err().as_deref(), Some("invalid_period"));
    }

    #[test]
    fn days_that_lie_ahead_are_cut_off_and_said_to_be() {
        for (from, to, note, data) in [
            (
                date(2026, 11, 1),
                date(2026, 12, 31),
                " Days up to 2026-12-31 were asked for; those after 2026-11-26 lie ahead. 2026-11-26 is not complete.",
                json!({"from": "2026-11-01", "to": "2026-11-26", "requested_to": "2026-12-31", "incomplete_day": "2026-11-26"}),
            ),
            (
                date(2026, 11, 26),
                TODAY,
                " 2026-11-26 is not complete.",
                json!({"from": "2026-11-26", "to": "2026-11-26", "incomplete_day": "2026-11-26"}),
            ),
            (date(2026, 11, 1), date(2026, 11, 25), "", json!({"from": "2026-11-01", "to": "2026-11-25"})),
        ] {
            let days = resolve(Some(from), Some(to)).unwrap();
            assert_eq!(days.note(), note);
            assert_eq!(serde_json::to_value(PeriodOutput::from(days)).unwrap(), data);
        }
    }

    #[test]
    fn a_period_that_is_all_ahead_is_refused() {
        for (from, to) in [
            (Some(date(2027, 1, 1)), date(2027, 1, 31)),
            (None, date(2026, 12, 31)),
            (Some(date(2026, 11, 27)), date(2026, 11, 27)),
        ] {
            assert_eq!(resolve(from, Some(to)).err().as_deref(), Some("invalid_period"), "{to}");
        }
    }

    #[test]
    fn a_day_may_be_written_as_a_moment_of_it() {
        for text in [
            "2026-11-01",
            " 2026-11-01 ",
            "2026-11-01T00:00:00Z",
            "2026-11-01T23:59:59",
            "2026-11-01T00:00:00.000+00:00",
        ] {
            assert_eq!(Day::try_from(text.to_owned()).map(|day| day.0), Ok(date(2026, 11, 1)), "{text}");
        }
        for text in
            ["", "yesterday", "2026-02-30", "2026-11-01T", "2026-11-01T00:00:00+02:00", "2026-11-01Tomorrow"]
        {
            assert!(Day::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_metric_may_be_azures_word_or_null() {
        #[derive(Deserialize)]
        struct Input {
            #[serde(default, deserialize_with = "super::super::absent::or_default")]
            metric: MetricInput,
        }
        for (input, expected) in [
            (json!({}), "actual"),
            (json!({"metric": null}), "actual"),
            (json!({"metric": "ActualCost"}), "actual"),
            (json!({"metric": "amortized"}), "amortized"),
            (json!({"metric": "AmortizedCost"}), "amortized"),
        ] {
            let read: Input = serde_json::from_value(input).unwrap();
            assert_eq!(read.metric.as_str(), expected);
        }
        assert!(serde_json::from_value::<Input>(json!({"metric": "net"})).is_err());
    }
}
