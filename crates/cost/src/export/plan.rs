//! What is to be exported, and the reports of Azure's that this takes.

use jiff::civil::Date;

use super::format::Format;
use crate::invalid::InvalidQuery;
use crate::period::Period;
use crate::query::Metric;
use crate::scope::Scope;

/// The most columns that can be asked for. Azure's reports have about 60.
const MOST_COLUMNS: usize = 200;
/// How far Azure's reports reach back, in months.
const MONTHS_BACK: i32 = 13;

/// An export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportPlan {
    pub(super) scope: Scope,
    pub(super) format: Format,
    period: Period,
    metric: Metric,
    pub(super) columns: Option<Vec<String>>,
    pub(super) spreadsheet_safe: bool,
}

impl ExportPlan {
    /// An export of days of the last 13 months. FOCUS has both metrics, whichever is asked for.
    ///
    /// # Errors
    /// Azure keeps no such days for a report, or builds none of the scope.
    pub fn new(scope: Scope, format: Format, period: Period, metric: Metric) -> Result<Self, InvalidQuery> {
        period.reaches_back_at_most(MONTHS_BACK)?;
        if matches!(scope, Scope::ManagementGroup(_)) {
            return Err(InvalidQuery::NoReportOfGroups);
        }
        Ok(Self { scope, format, period, metric, columns: None, spreadsheet_safe: false })
    }

    /// The same with these columns alone, in this order. Their names may be in any case.
    ///
    /// # Errors
    /// None, too many, or one twice. Whether there are such columns is known when the report is there.
    pub fn with_columns(self, columns: Vec<String>) -> Result<Self, InvalidQuery> {
        let twice = columns
            .iter()
            .enumerate()
            .any(|(at, one)| columns.iter().take(at).any(|other| one.eq_ignore_ascii_case(other)));
        if columns.is_empty() || columns.len() > MOST_COLUMNS || twice {
            return Err(InvalidQuery::BadColumns { most: MOST_COLUMNS });
        }
        Ok(Self { columns: Some(columns), ..self })
    }

    /// The same with an apostrophe before each cell that a spreadsheet would run as a formula.
    ///
    /// # Errors
    /// The format is no CSV.
    pub fn spreadsheet_safe(self) -> Result<Self, InvalidQuery> {
        if !self.format.is_csv() {
            return Err(InvalidQuery::NoSpreadsheet { format: self.format.name() });
        }
        Ok(Self { spreadsheet_safe: true, ..self })
    }

    /// What is exported.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// In which form.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The days, both ends included.
    pub const fn period(&self) -> Period {
        self.period
    }

    /// The reports of Azure's that this takes, in the order of the file: one for each calendar month, for FOCUS two.
    pub fn reports(&self) -> Vec<(Period, Metric)> {
        let both = [Metric::Amortized, Metric::Actual];
        let metrics = if self.format.is_focus() { &both[..] } else { std::slice::from_ref(&self.metric) };
        months(self.period).flat_map(|month| metrics.iter().map(move |metric| (month, *metric))).collect()
    }

    /// Whether the file is Azure's, byte by byte.
    pub(super) const fn is_verbatim(&self) -> bool {
        matches!(self.format, Format::Csv | Format::CsvGz) && self.columns.is_none() && !self.spreadsheet_safe
    }
}

/// The calendar months of a period, its ends cut.
fn months(period: Period) -> impl Iterator<Item = Period> {
    let from = move |last: Date| last.tomorrow().ok().filter(|from| *from <= period.to());
    std::iter::successors(Some(period.from()), move |from_day| from(from_day.last_of_month()))
        .map(move |from| period.part(from, from.last_of_month().min(period.to())))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn plan(format: Format, from: Date, to: Date) -> Result<ExportPlan, InvalidQuery> {
        let scope = "/subscriptions/10000000-0000-4000-8000-000000000001".parse().unwrap();
        ExportPlan::new(scope, format, Period::new(from, to, date(2026, 11, 22))?, Metric::Actual)
    }

    fn reports(format: Format, from: Date, to: Date) -> Vec<String> {
        let reports = plan(format, from, to).unwrap().reports();
        reports.iter().map(|(period, metric)| format!("{period} {}", metric.as_str())).collect()
    }

    #[test]
    fn a_report_is_a_calendar_month_at_most() {
        let (from, to) = (date(2025, 12, 15), date(2026, 2, 3));
        assert_eq!(
            reports(Format::Csv, from, to),
            [
                "2025-12-15 to 2025-12-31 ActualCost",
                "2026-01-01 to 2026-01-31 ActualCost",
                "2026-02-01 to 2026-02-03 ActualCost",
            ]
        );
        let day = date(2026, 2, 28);
        assert_eq!(reports(Format::Csv, day, day), ["2026-02-28 to 2026-02-28 ActualCost"]);
    }

    #[test]
    fn focus_takes_both_metrics_of_each_month() {
        let day = date(2026, 2, 28);
        assert_eq!(
            reports(Format::FocusCsv, day, date(2026, 3, 1)),
            [
                "2026-02-28 to 2026-02-28 AmortizedCost",
                "2026-02-28 to 2026-02-28 ActualCost",
                "2026-03-01 to 2026-03-01 AmortizedCost",
                "2026-03-01 to 2026-03-01 ActualCost",
            ]
        );
    }

    #[test]
    fn what_azure_does_not_have_is_not_asked_for() {
        let earliest = date(2025, 10, 22);
        assert!(plan(Format::Csv, earliest, earliest).is_ok());
        let from = earliest.yesterday().unwrap();
        assert_eq!(plan(Format::Csv, from, from), Err(InvalidQuery::TooEarly { from, earliest }));
        let group = "/providers/Microsoft.Management/managementGroups/all".parse().unwrap();
        let period = Period::new(earliest, earliest, date(2026, 11, 22)).unwrap();
        let refused = ExportPlan::new(group, Format::Csv, period, Metric::Actual);
        assert_eq!(refused, Err(InvalidQuery::NoReportOfGroups));
    }

    #[test]
    fn options_that_cannot_be_are_refused() {
        let day = date(2026, 11, 1);
        let plan = |format| plan(format, day, day).unwrap();
        for columns in [vec![], vec!["Cost".to_owned(), "cost".to_owned()], vec!["x".to_owned(); 201]] {
            assert!(plan(Format::Csv).with_columns(columns).is_err());
        }
        for format in Format::ALL {
            assert_eq!(plan(format).spreadsheet_safe().is_ok(), format.is_csv(), "{format:?}");
        }
    }
}
