//! The body of a query. Member names count without regard to case: `dataset` and `dataSet` are both seen in the wild.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _, Unit};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::dimensions;
use super::filter::Filter;
use super::scope::QueryScope;
use crate::arm::costs::Basis;
use crate::arm::errors::ArmError;

/// Rows per day, per month, or one for the whole period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Granularity {
    None,
    Daily,
    Monthly,
}

/// A column that is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Cost,
    CostUsd,
    Quantity,
}

/// What rows are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grouping {
    Dimension(String),
    Tag(String),
}

/// A query, understood.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) basis: Basis,
    pub(super) from: Date,
    /// Last day, included.
    pub(super) to: Date,
    pub(super) granularity: Granularity,
    /// Column name as asked, and what it sums.
    pub(super) measures: Vec<(String, Measure)>,
    /// Whether they were asked for, or are what nobody said.
    pub(super) names_measures: bool,
    pub(super) grouping: Vec<Grouping>,
    pub(super) filter: Option<Filter>,
    /// Column and whether it descends.
    pub(super) sorting: Vec<(String, bool)>,
    pub(super) includes: Includes,
}

/// What a forecast has beside what will be. Where nobody says: what was, as far as it is complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct Includes {
    pub(super) actual: bool,
    /// Days whose costs are still arriving.
    pub(super) fresh_partial: bool,
}

#[derive(Debug, Deserialize)]
struct Wire {
    r#type: Option<String>,
    timeframe: Option<String>,
    timeperiod: Option<WirePeriod>,
    dataset: Option<WireDataset>,
    includeactualcost: Option<bool>,
    includefreshpartialcost: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct WirePeriod {
    from: String,
    to: String,
}

#[derive(Debug, Deserialize)]
struct WireDataset {
    granularity: Option<String>,
    #[serde(default)]
    aggregation: Option<Map<String, Value>>,
    #[serde(default)]
    grouping: Option<Vec<WireGrouping>>,
    filter: Option<Value>,
    #[serde(default)]
    sorting: Option<Vec<WireSorting>>,
}

#[derive(Debug, Deserialize)]
struct WireGrouping {
    r#type: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct WireSorting {
    direction: Option<String>,
    name: String,
}

impl Definition {
    /// Reads and checks a body, of which `most_months` is the longest period.
    ///
    /// # Errors
    /// 400 `BadRequest`, in the words the service uses where they are known.
    pub(super) fn parse(body: &[u8], today: Date, most_months: i32) -> Result<Self, ArmError> {
        let invalid = |what: &str| ArmError::bad_request(format!("Invalid query definition: {what}."));
        let value: Value = serde_json::from_slice(body).map_err(|_| invalid("the body is not JSON"))?;
        let wire: Wire =
            serde_json::from_value(lower_names(value)).map_err(|error| invalid(&error.to_string()))?;
        let dataset = wire.dataset.ok_or_else(|| {
            ArmError::bad_request("Invalid query definition, Dataset is invalid or not supplied.")
        })?;
        let basis = match wire.r#type.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("actualcost" | "usage") => Basis::Actual,
            Some("amortizedcost") => Basis::Amortized,
            _ => return Err(invalid("type must be Usage, ActualCost or AmortizedCost")),
        };
        let (from, to) = period(wire.timeframe.as_deref(), wire.timeperiod.as_ref(), today, most_months)?;
        let grouping = grouping(dataset.grouping.unwrap_or_default())?;
        let granularity = granularity(dataset.granularity.as_deref())?;
        let sorting = dataset.sorting.unwrap_or_default().into_iter();
        let descends = |sort: &WireSorting| {
            sort.direction.as_deref().is_some_and(|d| d.eq_ignore_ascii_case("descending"))
        };
        let aggregation = dataset.aggregation.unwrap_or_default();
        Ok(Self {
            basis,
            from,
            to,
            granularity,
            names_measures: !aggregation.is_empty(),
            measures: measures(aggregation)?,
            grouping,
            filter: dataset.filter.filter(|filter| !filter.is_null()).map(Filter::parse).transpose()?,
            sorting: sorting.map(|sort| (sort.name.clone(), descends(&sort))).collect(),
            includes: Includes {
                actual: wire.includeactualcost.unwrap_or(true),
                fresh_partial: wire.includefreshpartialcost.unwrap_or(false),
            },
        })
    }

    /// Whether the scope has what the query names.
    ///
    /// # Errors
    /// 400 for a dimension that it has not.
    pub(super) fn check(&self, scope: &QueryScope) -> Result<(), ArmError> {
        for grouping in &self.grouping {
            if let Grouping::Dimension(name) = grouping {
                dimensions::check(scope, name, "grouping")?;
            }
        }
        let filtered = self.filter.iter().flat_map(Filter::dimensions).collect::<Vec<_>>();
        filtered.iter().try_for_each(|name| dimensions::check(scope, name, "filter"))?;
        let filters = |wanted: &str| filtered.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        // https://learn.microsoft.com/azure/cost-management-billing/costs/understand-work-scopes
        if scope.dates_anyhow() && filters("SubscriptionName") && !filters("SubscriptionId") {
            return Err(ArmError::bad_request(
                "Invalid query definition: a filter on SubscriptionName needs one on SubscriptionId.",
            ));
        }
        Ok(())
    }

    /// Months of data: what a query costs in processing units.
    pub(super) fn months(&self) -> u32 {
        let days = u32::try_from((self.to - self.from).get_days()).unwrap_or_default() + 1;
        days.div_ceil(31)
    }
}

/// Names in lower case, values untouched.
fn lower_names(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(k, v)| (k.to_ascii_lowercase(), lower_names(v))).collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(lower_names).collect()),
        other => other,
    }
}

fn granularity(text: Option<&str>) -> Result<Granularity, ArmError> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "none") => Ok(Granularity::None),
        Some("daily") => Ok(Granularity::Daily),
        Some("monthly") => Ok(Granularity::Monthly),
        Some(other) => {
            Err(ArmError::bad_request(format!("Invalid query definition: Invalid granularity '{other}'.")))
        }
    }
}

/// At most two sums; `Usage`-style queries without any get the cost.
fn measures(aggregation: Map<String, Value>) -> Result<Vec<(String, Measure)>, ArmError> {
    if aggregation.is_empty() {
        return Ok(vec![("PreTaxCost".to_owned(), Measure::Cost)]);
    }
    if aggregation.len() > 2 {
        return Err(ArmError::bad_request(
            "Invalid query definition: Only two aggregation columns are allowed.",
        ));
    }
    let measure = |one: Value| {
        let name = one["name"].as_str().unwrap_or_default().to_owned();
        let measure = match name.to_ascii_lowercase().as_str() {
            "cost" | "pretaxcost" => Measure::Cost,
            "costusd" | "pretaxcostusd" => Measure::CostUsd,
            "usagequantity" | "quantity" => Measure::Quantity,
            _ => {
                return Err(ArmError::bad_request(format!(
                    "Invalid query definition: Invalid column '{name}'."
                )));
            }
        };
        if one["function"].as_str().is_none_or(|function| !function.eq_ignore_ascii_case("sum")) {
            return Err(ArmError::bad_request("Invalid query definition: Only the Sum function is allowed."));
        }
        Ok((name, measure))
    };
    aggregation.into_iter().map(|(_, one)| measure(one)).collect()
}

fn grouping(wire: Vec<WireGrouping>) -> Result<Vec<Grouping>, ArmError> {
    if wire.len() > 2 {
        return Err(ArmError::bad_request(
            "Invalid query definition: Only two group by columns are allowed.",
        ));
    }
    let mut all = Vec::new();
    for one in wire {
        let grouping = match one.r#type.to_ascii_lowercase().as_str() {
            "dimension" => Grouping::Dimension(one.name),
            // Not "Tag": https://github.com/Azure/azure-rest-api-specs/issues/22884
            "tagkey" => Grouping::Tag(one.name),
            other => {
                return Err(ArmError::bad_request(format!(
                    "Invalid query definition: Invalid grouping type '{other}'."
                )));
            }
        };
        if all.contains(&grouping) {
            return Err(ArmError::bad_request("Invalid query definition: Duplicate grouping columns."));
        }
        all.push(grouping);
    }
    Ok(all)
}

/// First and last day of the period.
fn period(
    timeframe: Option<&str>,
    custom: Option<&WirePeriod>,
    today: Date,
    most_months: i32,
) -> Result<(Date, Date), ArmError> {
    let this_month = today.first_of_month();
    let last_month = earlier(this_month, 1.month()).first_of_month();
    let week_start = earlier(today, i64::from(today.weekday().to_sunday_zero_offset()).days());
    let (from, to) = match timeframe.map(str::to_ascii_lowercase).as_deref() {
        Some("custom") => {
            let custom = custom
                .ok_or_else(|| ArmError::bad_request("Invalid query definition: timePeriod is required."))?;
            (day(&custom.from)?, day(&custom.to)?)
        }
        Some("monthtodate" | "billingmonthtodate") => (this_month, today),
        Some("thecurrentmonth") => (this_month, today.last_of_month()),
        Some("thelastmonth" | "thelastbillingmonth") => (last_month, last_month.last_of_month()),
        Some("weektodate") => (week_start, today),
        Some("thelast7days") => (earlier(today, 7.days()), today),
        Some("yeartodate") => (today.first_of_year(), today),
        Some(other) => {
            return Err(ArmError::bad_request(format!(
                "Invalid query definition: Invalid timeframe '{other}'."
            )));
        }
        None => return Err(ArmError::bad_request("Invalid query definition: timeframe is required.")),
    };
    let months = from.until((Unit::Month, to)).map_or(i32::MAX, |span| span.get_months());
    if from > to || months >= most_months {
        return Err(ArmError::bad_request(format!(
            "Invalid query definition: Invalid time period, at most {most_months} months are allowed."
        )));
    }
    Ok((from, to))
}

fn earlier(day: Date, by: Span) -> Date {
    day.checked_sub(by).unwrap_or(day)
}

/// `2026-11-01`, `2026-11-01T00:00:00` or with a zone.
pub(crate) fn day(text: &str) -> Result<Date, ArmError> {
    let instant = || text.parse::<Timestamp>().map(|instant| instant.to_zoned(TimeZone::UTC).date());
    let plain = || text.parse::<DateTime>().map(DateTime::date);
    let found = instant().or_else(|_| plain()).or_else(|_| text.parse::<Date>());
    found.map_err(|_| ArmError::bad_request(format!("Invalid query definition: Invalid date '{text}'.")))
}
