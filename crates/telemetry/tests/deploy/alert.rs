//! What an alert is made of, and how its expressions and stories are written.

use telemetry::catalogue::underscored;

use crate::expression::{Only, count_of, list, matchers};

/// One alert, with a story in which it fires and one in which it does not.
pub(crate) struct Alert {
    /// Also the heading of its runbook.
    pub(crate) name: &'static str,
    pub(crate) expr: String,
    /// How long it must be so.
    pub(crate) wait: &'static str,
    pub(crate) severity: Severity,
    pub(crate) summary: &'static str,
    /// What fires.
    pub(crate) fires: Vec<Series>,
    /// The labels it then has.
    pub(crate) labels: &'static [(&'static str, &'static str)],
    /// What does not.
    pub(crate) holds: Vec<Series>,
}

/// A series, and a value for each minute of an hour.
pub(crate) type Series = (String, &'static str);

/// Whom it wakes.
#[derive(Clone, Copy)]
pub(crate) enum Severity {
    /// Somebody now: people are refused, or a defence is off.
    Critical,
    /// Somebody today.
    Warning,
}

impl Severity {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

impl Alert {
    /// Where it is said what to do.
    pub(crate) fn runbook(&self) -> String {
        format!("docs/runbooks.md#{}", self.name.to_lowercase())
    }
}

/// A gauge fell below this.
pub(crate) fn under(name: &str, days: &str) -> String {
    format!("{} < {days}", count_of(name))
}

/// A counter went up within ten minutes. One that is counted for the first time begins at 1, and for `increase` nothing
/// happened: what was not there before counts as it is.
pub(crate) fn risen(name: &str, by: &[&str], only: Only<'_>) -> String {
    let (counter, by) = (select(name, only), list(by));
    let by = if by.is_empty() { String::new() } else { format!(" by ({by})") };
    format!("sum{by} (({counter} unless {counter} offset 10m) or increase({counter}[10m])) > 0")
}

/// A metric with these labels alone; of a histogram, how many values it has seen.
pub(crate) fn select(name: &str, only: Only<'_>) -> String {
    let braces = if only.is_empty() { String::new() } else { format!("{{{}}}", matchers(only)) };
    format!("{}{braces}", count_of(name))
}

/// A series of the instance `one`; of a histogram that of how many values it has seen.
pub(crate) fn series(name: &str, labels: &[(&str, &str)]) -> String {
    series_of(&count_of(name), labels)
}

/// The same, of a series by its name in Prometheus.
pub(crate) fn series_of(name: &str, labels: &[(&str, &str)]) -> String {
    let labels = labels.iter().map(|(label, value)| format!(r#"{}="{value}""#, underscored(label)));
    let all: Vec<_> = std::iter::once(r#"instance="one""#.to_owned()).chain(labels).collect();
    format!("{name}{{{}}}", all.join(", "))
}
