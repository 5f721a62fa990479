//! What `cost_forecast` answers, for programs. Its parts have no schema, for the list of tools is short: docs/tools.md has them.

use cost::{Foreseen, Kind, Part, Point, Source};
use jiff::civil::Date;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::mcp::foreign;
use crate::mcp::tools::money::exact;
use crate::mcp::tools::told::{AzureUse, Partial};

/// What is to come.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// One for each currency; they are never added up.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub(super) currencies: Vec<InCurrency>,
    #[schemars(with = "Map<String, Value>")]
    pub(super) period: Ends,
    /// The last UTC day whose costs are complete.
    pub(super) complete_until: Date,
    /// actual or amortized.
    pub(super) metric: &'static str,
    /// The scopes that are in it.
    pub(super) scopes: Vec<String>,
    /// What was asked for and is not in it.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub(super) partial: Vec<Partial>,
    /// What a reader must know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// What it took at Azure.
    #[schemars(with = "Map<String, Value>")]
    pub(super) azure: AzureUse,
}

/// The days, both included.
#[derive(Serialize)]
pub(super) struct Ends {
    pub(super) from: Date,
    pub(super) to: Date,
}

/// What is to come in a currency.
#[derive(Serialize)]
pub(super) struct InCurrency {
    pub(super) currency: String,
    /// Through today.
    actual_to_date: String,
    /// Null where nothing is complete yet to tell it from.
    forecast_remaining: Option<String>,
    /// Its part that is of days up to today: our estimate.
    still_arriving: String,
    total: Total,
    /// Actual and forecast points add up to what was and what is to come.
    pub(super) points: Vec<PointOutput>,
    /// azure, or run_rate where a part of it is ours.
    source: &'static str,
    /// Why there is none of Azure's.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    history_days: usize,
    /// Whose each part of what lies after today is, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartOutput>,
}

/// The whole period; low and high are our own 80 % range.
#[derive(Serialize)]
struct Total {
    low: Option<String>,
    point: Option<String>,
    high: Option<String>,
}

/// A day or month.
#[derive(Serialize)]
pub(super) struct PointOutput {
    date: Date,
    /// actual or forecast.
    kind: &'static str,
    amount: String,
}

/// Scopes whose forecast has one source.
#[derive(Serialize)]
struct PartOutput {
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    forecast: String,
    scopes: Vec<String>,
}

/// The source that stands for all parts, and why it is not Azure. What is ours in part is not Azure's.
pub(super) fn source(parts: &[Part]) -> (&'static str, Option<&'static str>) {
    if parts.is_empty() {
        return ("run_rate", Some("period_ends_today"));
    }
    parts.iter().map(|part| words(part.source)).find(|(_, why)| why.is_some()).unwrap_or(("azure", None))
}

fn words(source: Source) -> (&'static str, Option<&'static str>) {
    match source {
        Source::Azure => ("azure", None),
        Source::RunRate(why) => ("run_rate", Some(why.as_str())),
    }
}

impl InCurrency {
    pub(super) fn new(foreseen: &Foreseen, point: Option<Decimal>, scopes: &[String]) -> Self {
        let (source, reason) = source(&foreseen.sources);
        let (low, high) = foreseen.range.unzip();
        let part = |part: &Part| {
            let (source, reason) = words(part.source);
            let path = |place: &usize| scopes.get(*place).map(|scope| foreign::exact(scope));
            let scopes = part.scopes.iter().filter_map(path).collect();
            PartOutput { source, reason, forecast: exact(part.remaining), scopes }
        };
        let several = foreseen.sources.len() > 1;
        Self {
            currency: foreseen.currency.to_string(),
            actual_to_date: exact(foreseen.actual),
            forecast_remaining: foreseen.remaining.map(exact),
            still_arriving: exact(foreseen.still_arriving),
            total: Total { low: low.map(exact), point: point.map(exact), high: high.map(exact) },
            points: foreseen.points.iter().map(PointOutput::from).collect(),
            source,
            reason,
            history_days: foreseen.history_days,
            parts: foreseen.sources.iter().filter(|_| several).map(part).collect(),
        }
    }
}

impl From<&Point> for PointOutput {
    fn from(point: &Point) -> Self {
        let kind = match point.kind {
            Kind::Actual => "actual",
            Kind::Forecast => "forecast",
        };
        Self { date: point.date, kind, amount: exact(point.amount) }
    }
}
