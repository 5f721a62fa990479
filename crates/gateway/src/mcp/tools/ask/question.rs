//! The tools' arguments, read.

use std::borrow::Cow;

use cost::{CalendarUnit, Condition, Granularity, Grouping, Horizon, Measures, Metric, Sensitivity};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::arguments::Arguments;
use super::fields::{
    AHEAD, AHEAD_GRANULARITY, AHEAD_TO, AMORTIZED_FIRST, BASELINE, COMMITTED_PERIOD, COMPARE_BY, DAYS,
    DIMENSION, EXCLUDE, FILTER, FROM, Field, GRANULARITY, GROUP_BY, JUDGED, LIVE, MEASURES, METRIC,
    MOST_JUDGED, MOST_SCOPES, MOST_SKIP, MOST_TOP, PERIOD, SCOPES, SEARCH, SENSITIVITY, SKIP, SKIP_GROUPS,
    TO, TOP, TOP_FIELD, object,
};
use super::{ahead, conditions, dimension, when, words};
use crate::mcp::answer::{Failure, ToolError};
use crate::mcp::foreign;
use crate::mcp::tools::period::{Day, Days, PeriodInput};

pub(in crate::mcp) use export::{ExportInput, ExportOrder};

mod export;

/// A question of `cost_query`.
pub(in crate::mcp) struct QueryInput {
    /// The scopes as they are written. None: every subscription.
    pub(in crate::mcp::tools) scopes: Vec<String>,
    pub(in crate::mcp::tools) when: When,
    pub(in crate::mcp::tools) granularity: Granularity,
    pub(in crate::mcp::tools) group_by: Vec<Grouping>,
    pub(in crate::mcp::tools) filter: Vec<Condition>,
    pub(in crate::mcp::tools) exclude: Vec<Condition>,
    pub(in crate::mcp::tools) metric: Metric,
    pub(in crate::mcp::tools) measures: Measures,
    pub(in crate::mcp::tools) top: usize,
    pub(in crate::mcp::tools) skip: usize,
    pub(in crate::mcp::tools) skip_groups: usize,
    /// The arguments as they came.
    pub(in crate::mcp::tools) given: Map<String, Value>,
}

/// A question of `cost_compare`.
pub(in crate::mcp) struct CompareInput {
    pub(in crate::mcp::tools) scopes: Vec<String>,
    pub(in crate::mcp::tools) when: When,
    /// The period before, as it is written.
    pub(in crate::mcp::tools) baseline: Option<String>,
    pub(in crate::mcp::tools) group_by: Grouping,
    pub(in crate::mcp::tools) filter: Vec<Condition>,
    pub(in crate::mcp::tools) exclude: Vec<Condition>,
    pub(in crate::mcp::tools) metric: Metric,
    pub(in crate::mcp::tools) top: usize,
    pub(in crate::mcp::tools) skip: usize,
    pub(in crate::mcp::tools) given: Map<String, Value>,
}

/// A question of `cost_anomalies`.
pub(in crate::mcp) struct AnomaliesInput {
    pub(in crate::mcp::tools) scopes: Vec<String>,
    /// How many days are judged.
    pub(in crate::mcp::tools) days: i32,
    pub(in crate::mcp::tools) metric: Metric,
    pub(in crate::mcp::tools) sensitivity: Sensitivity,
    pub(in crate::mcp::tools) skip: usize,
    pub(in crate::mcp::tools) given: Map<String, Value>,
}

/// A question of `cost_commitments`.
pub(in crate::mcp) struct CommitmentsInput {
    pub(in crate::mcp::tools) scopes: Vec<String>,
    pub(in crate::mcp::tools) when: When,
}

/// A question of `cost_forecast`.
pub(in crate::mcp) struct ForecastInput {
    pub(in crate::mcp::tools) scopes: Vec<String>,
    period: Option<String>,
    to: Option<String>,
    granularity: Granularity,
    pub(in crate::mcp::tools) metric: Metric,
}

/// A question of `list_dimensions`.
pub(in crate::mcp) struct DimensionsInput {
    pub(in crate::mcp::tools) scopes: Vec<String>,
    pub(in crate::mcp::tools) dimension: Option<Grouping>,
    pub(in crate::mcp::tools) search: Option<String>,
    pub(in crate::mcp::tools) skip: usize,
    pub(in crate::mcp::tools) given: Map<String, Value>,
}

/// A question of `list_budgets`.
pub(in crate::mcp) struct BudgetsInput {
    pub(in crate::mcp::tools) scopes: Vec<String>,
    pub(in crate::mcp::tools) live: bool,
    pub(in crate::mcp::tools) skip: usize,
    pub(in crate::mcp::tools) given: Map<String, Value>,
}

/// Arguments of a tool: their members, and how they are read.
trait Asked: Sized {
    const NAME: &'static str;
    const FIELDS: &'static [Field];
    /// The tool that says of the same members what they are.
    const LIKE: Option<(&'static str, &'static [Field])> = None;

    fn read(arguments: Arguments, given: Map<String, Value>) -> Result<Self, String>;
}

impl Asked for QueryInput {
    const NAME: &'static str = "CostQuery";
    const FIELDS: &'static [Field] = &[
        SCOPES,
        PERIOD,
        FROM,
        TO,
        GRANULARITY,
        GROUP_BY,
        FILTER,
        EXCLUDE,
        METRIC,
        MEASURES,
        TOP_FIELD,
        SKIP,
        SKIP_GROUPS,
    ];

    fn read(mut arguments: Arguments, given: Map<String, Value>) -> Result<Self, String> {
        let a = &mut arguments;
        Ok(Self {
            scopes: scopes(a)?,
            when: When::read(a)?,
            granularity: words::granularity(a.text("granularity")?.as_deref())?,
            group_by: group_by(a, 2)?,
            filter: conditions::read("filter", a.take("filter"))?,
            exclude: conditions::read("exclude", a.take("exclude"))?,
            metric: words::metric(a.text("metric")?.as_deref())?,
            measures: words::measures(&a.word_list("measures")?)?,
            top: a.number("top", 1, MOST_TOP)?.unwrap_or(TOP),
            skip: a.number("skip", 0, MOST_SKIP)?.unwrap_or_default(),
            skip_groups: a.number("skip_groups", 0, MOST_SKIP)?.unwrap_or_default(),
            given,
        })
    }
}

impl Asked for CompareInput {
    const NAME: &'static str = "CostCompare";
    const FIELDS: &'static [Field] =
        &[SCOPES, PERIOD, FROM, TO, BASELINE, COMPARE_BY, FILTER, EXCLUDE, METRIC, TOP_FIELD, SKIP];
    const LIKE: Option<(&'static str, &'static [Field])> = Some(("cost_query", QueryInput::FIELDS));

    fn read(mut arguments: Arguments, given: Map<String, Value>) -> Result<Self, String> {
        let a = &mut arguments;
        let service = || Grouping::Dimension("ServiceName".to_owned());
        Ok(Self {
            scopes: scopes(a)?,
            when: When::read(a)?,
            baseline: span(a.take("baseline"), "baseline")?,
            group_by: group_by(a, 1)?.pop().unwrap_or_else(service),
            filter: conditions::read("filter", a.take("filter"))?,
            exclude: conditions::read("exclude", a.take("exclude"))?,
            metric: words::metric(a.text("metric")?.as_deref())?,
            top: a.number("top", 1, MOST_TOP)?.unwrap_or(TOP),
            skip: a.number("skip", 0, MOST_SKIP)?.unwrap_or_default(),
            given,
        })
    }
}

impl Asked for AnomaliesInput {
    const NAME: &'static str = "CostAnomalies";
    const FIELDS: &'static [Field] = &[SCOPES, DAYS, AMORTIZED_FIRST, SENSITIVITY, SKIP];
    const LIKE: Option<(&'static str, &'static [Field])> = Some(("cost_query", QueryInput::FIELDS));

    fn read(mut arguments: Arguments, given: Map<String, Value>) -> Result<Self, String> {
        let a = &mut arguments;
        let days = a.number("days", 1, MOST_JUDGED)?.unwrap_or(JUDGED);
        let metric = a.text("metric")?;
        Ok(Self {
            scopes: scopes(a)?,
            days: i32::try_from(days).unwrap_or(i32::MAX),
            metric: metric.map_or(Ok(Metric::Amortized), |word| words::metric(Some(&word)))?,
            sensitivity: words::sensitivity(a.text("sensitivity")?.as_deref())?,
            skip: a.number("skip", 0, MOST_SKIP)?.unwrap_or_default(),
            given,
        })
    }
}

impl Asked for CommitmentsInput {
    const NAME: &'static str = "CostCommitments";
    const FIELDS: &'static [Field] = &[SCOPES, COMMITTED_PERIOD, FROM, TO];
    const LIKE: Option<(&'static str, &'static [Field])> = Some(("cost_query", QueryInput::FIELDS));

    fn read(mut arguments: Arguments, _given: Map<String, Value>) -> Result<Self, String> {
        let a = &mut arguments;
        Ok(Self { scopes: scopes(a)?, when: When::read(a)? })
    }
}

impl Asked for ForecastInput {
    const NAME: &'static str = "CostForecast";
    const FIELDS: &'static [Field] = &[SCOPES, AHEAD, AHEAD_TO, AHEAD_GRANULARITY, METRIC];
    const LIKE: Option<(&'static str, &'static [Field])> = Some(("cost_query", QueryInput::FIELDS));

    fn read(mut arguments: Arguments, _given: Map<String, Value>) -> Result<Self, String> {
        let a = &mut arguments;
        let input = Self {
            scopes: scopes(a)?,
            period: span(a.take("period"), "period")?,
            to: a.text("to")?,
            granularity: words::granularity(a.text("granularity")?.as_deref())?,
            metric: words::metric(a.text("metric")?.as_deref())?,
        };
        if input.period.is_some() && input.to.is_some() {
            return Err("give either 'period' or 'to', not both".to_owned());
        }
        Ok(input)
    }
}

impl ForecastInput {
    /// The days that are asked about, seen from a moment.
    ///
    /// # Errors
    /// Says what is wrong and what would do.
    pub(in crate::mcp::tools) fn horizon(&self, now: Timestamp) -> Result<Horizon, Failure> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let span = match &self.to {
            Some(to) => Day::try_from(to.clone()).and_then(|to| ahead::until(to.date(), today)),
            None => ahead::read(self.period.as_deref().unwrap_or("this_month"), today),
        };
        let (from, to) = span.map_err(|said| invalid(&said))?;
        let by = match self.granularity {
            Granularity::None if (to - from).get_days() < 31 => Granularity::Daily,
            Granularity::None => Granularity::Monthly,
            asked => asked,
        };
        Ok(Horizon::new(from, to, by, now).map_err(cost::Error::from)?)
    }
}

impl Asked for DimensionsInput {
    const NAME: &'static str = "ListDimensions";
    const FIELDS: &'static [Field] = &[SCOPES, DIMENSION, SEARCH, SKIP];
    const LIKE: Option<(&'static str, &'static [Field])> = Some(("cost_query", QueryInput::FIELDS));

    fn read(mut arguments: Arguments, given: Map<String, Value>) -> Result<Self, String> {
        let a = &mut arguments;
        Ok(Self {
            scopes: scopes(a)?,
            dimension: a.text("dimension")?.map(|word| dimension::read(&word)).transpose()?,
            search: a.text("search")?,
            skip: a.number("skip", 0, MOST_SKIP)?.unwrap_or_default(),
            given,
        })
    }
}

impl Asked for BudgetsInput {
    const NAME: &'static str = "ListBudgets";
    const FIELDS: &'static [Field] = &[SCOPES, LIVE, SKIP];
    const LIKE: Option<(&'static str, &'static [Field])> = Some(("cost_query", QueryInput::FIELDS));

    fn read(mut arguments: Arguments, given: Map<String, Value>) -> Result<Self, String> {
        let a = &mut arguments;
        Ok(Self {
            scopes: scopes(a)?,
            live: a.truth("live")?,
            skip: a.number("skip", 0, MOST_SKIP)?.unwrap_or_default(),
            given,
        })
    }
}

fn scopes(arguments: &mut Arguments) -> Result<Vec<String>, String> {
    let scopes = arguments.texts("scopes")?;
    if scopes.len() > MOST_SCOPES {
        let count = scopes.len();
        return Err(format!(
            "'scopes' has {count} entries and may have {MOST_SCOPES}; ask in parts, or for the management group or billing \
             account above them"
        ));
    }
    Ok(scopes.into_iter().filter(|scope| !scope.trim().is_empty()).collect())
}

fn group_by(arguments: &mut Arguments, most: usize) -> Result<Vec<Grouping>, String> {
    let words = arguments.word_list("group_by")?;
    let is_none = |word: &String| matches!(word.trim().to_lowercase().as_str(), "" | "none");
    let words: Vec<_> = words.into_iter().filter(|word| !is_none(word)).collect();
    if words.len() > most {
        return Err(format!("'group_by' has {} entries and may have {most}", words.len()));
    }
    let groups: Vec<_> = words.iter().map(|word| dimension::read(word)).collect::<Result<_, _>>()?;
    if let [one, other] = &groups[..]
        && std::mem::discriminant(one) == std::mem::discriminant(other)
        && one.name().eq_ignore_ascii_case(other.name())
    {
        return Err(format!("'group_by' names {:.60} twice", dimension::title(one)));
    }
    Ok(groups)
}

/// Which days are asked about, as they are written.
pub(in crate::mcp::tools) struct When {
    period: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl When {
    fn read(arguments: &mut Arguments) -> Result<Self, String> {
        let period = span(arguments.take("period"), "period")?;
        let period = period.filter(|word| !word.trim().eq_ignore_ascii_case("custom"));
        let when = Self { period, from: arguments.text("from")?, to: arguments.text("to")? };
        if when.period.is_some() && (when.from.is_some() || when.to.is_some()) {
            return Err("give either 'period' or 'from' and 'to', not both".to_owned());
        }
        Ok(when)
    }

    /// Whether anything was said of the days.
    pub(in crate::mcp::tools) const fn is_given(&self) -> bool {
        self.period.is_some() || self.from.is_some() || self.to.is_some()
    }

    /// The days, seen from `today`.
    ///
    /// # Errors
    /// Says what is wrong and what would do.
    pub(in crate::mcp::tools) fn days(&self, today: Date) -> Result<Days, Failure> {
        if let Some(word) = &self.period {
            return days_of(word, today);
        }
        let day = |word: &Option<String>, end: fn(when::Span) -> Date| {
            let Some(word) = word else { return Ok(None) };
            let no_day = match Day::try_from(word.clone()) {
                Ok(day) => return Ok(Some(day)),
                Err(no_day) => no_day,
            };
            when::read(word, today).map(|span| Some(Day::from(end(span)))).map_err(|_| invalid(&no_day))
        };
        PeriodInput { from: day(&self.from, |span| span.0)?, to: day(&self.to, |span| span.1)? }
            .resolve(today)
    }
}

impl When {
    /// The unit of the calendar that the period's word names: a year that began this month is still a year.
    pub(in crate::mcp::tools) fn unit(&self) -> Option<CalendarUnit> {
        self.period.as_deref().and_then(when::unit)
    }
}

/// The days of a period's word, seen from `today`.
pub(in crate::mcp::tools) fn days_of(word: &str, today: Date) -> Result<Days, Failure> {
    let (from, to) = when::read(word, today).map_err(|said| invalid(&said))?;
    Days::between(from, to, today)
}

fn invalid(said: &str) -> Failure {
    ToolError::new("invalid_period", foreign::message(&format!("{said}."))).into()
}

/// A period as a word, or as an object of its ends.
fn span(value: Option<Value>, member: &str) -> Result<Option<String>, String> {
    let Some(Value::Object(ends)) = value else {
        let mut arguments = Arguments::one(member, value);
        return arguments.text(member);
    };
    let mut ends = Arguments::read(&ends, &[FROM, TO])?;
    match (ends.text("from")?, ends.text("to")?) {
        (Some(from), Some(to)) => Ok(Some(format!("{from}..{to}"))),
        _ => Err(format!("'{member}' as an object has 'from' and 'to'")),
    }
}

fn deserialized<'de, T: Asked, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let given = Map::<String, Value>::deserialize(deserializer)?;
    Arguments::read(&given, T::FIELDS)
        .and_then(|arguments| T::read(arguments, given))
        .map_err(D::Error::custom)
}

/// serde and schemars by the table of members.
macro_rules! asked {
    ($($input:ident),*) => {$(
        impl<'de> Deserialize<'de> for $input {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialized(deserializer)
            }
        }

        impl JsonSchema for $input {
            fn schema_name() -> Cow<'static, str> {
                <Self as Asked>::NAME.into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                object(<Self as Asked>::FIELDS, <Self as Asked>::LIKE)
            }
        }
    )*};
}

asked!(
    QueryInput,
    CompareInput,
    AnomaliesInput,
    ForecastInput,
    CommitmentsInput,
    DimensionsInput,
    BudgetsInput,
    ExportInput
);

#[cfg(test)]
mod tests;
