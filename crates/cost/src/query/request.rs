//! What can be asked. A [`Query`] that exists is one that Azure answers in full: limits are checked when it is
//! built, because Azure's own tools cut a question down without a word.

use serde_json::{Value, json};

use super::filter::{Filter, check_name};
use crate::invalid::InvalidQuery;
use crate::period::Period;

/// A checked question to Cost Management.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    operation: Operation,
    metric: Metric,
    column: CostColumn,
    beside: Option<Beside>,
    period: Period,
    granularity: Granularity,
    grouping: Vec<Grouping>,
    filter: Option<Filter>,
}

impl Query {
    /// Asks for the sum over a period; see the builder for more.
    pub fn builder(metric: Metric, period: Period) -> QueryBuilder {
        QueryBuilder(Self {
            operation: Operation::Query,
            metric,
            column: CostColumn::default(),
            beside: None,
            period,
            granularity: Granularity::default(),
            grouping: Vec::new(),
            filter: None,
        })
    }

    /// Asks what days that lie ahead will cost, by day or month. Azure takes no groups here.
    ///
    /// # Errors
    /// Days that are over, and more rows than one answer has.
    pub fn forecast(metric: Metric, ahead: Period, granularity: Granularity) -> Result<Self, InvalidQuery> {
        let query = Self::builder(metric, ahead).granularity(granularity).0;
        let forecast = Self { operation: Operation::Forecast, ..query };
        forecast.check_forecast().map(|()| forecast)
    }

    /// Which of Azure's operations answers it.
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// The kind of cost asked for.
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// The days asked for.
    pub const fn period(&self) -> Period {
        self.period
    }

    /// What the costs are split by in time.
    pub const fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// What the costs are split by; [`super::Row::groups`] has the values in this order.
    pub fn grouping(&self) -> &[Grouping] {
        &self.grouping
    }

    /// What is summed beside the cost.
    pub const fn beside(&self) -> Option<Beside> {
        self.beside
    }

    pub(crate) const fn column(&self) -> CostColumn {
        self.column
    }

    /// Which costs count.
    pub(crate) const fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// The request's body. Paging sends the same bytes again, so it is made once per query.
    pub(super) fn body(&self) -> Value {
        let mut dataset = json!({
            "granularity": self.granularity.as_str(),
            "aggregation": {"totalCost": {"name": self.column.as_str(), "function": "Sum"}},
        });
        if let Some(beside) = self.beside {
            let name = beside.columns(self.column)[0];
            dataset["aggregation"]["beside"] = json!({"name": name, "function": "Sum"});
        }
        if !self.grouping.is_empty() {
            dataset["grouping"] = self.grouping.iter().map(Grouping::json).collect();
        }
        if let Some(filter) = &self.filter {
            dataset["filter"] = filter.json();
        }
        let mut body = json!({
            "type": self.metric.as_str(),
            "timeframe": "Custom",
            "timePeriod": {
                "from": format!("{}T00:00:00Z", self.period.from()),
                "to": format!("{}T23:59:59Z", self.period.to()),
            },
            "dataset": dataset,
        });
        if self.operation == Operation::Forecast {
            // What was is asked for with the other operation, which knows more of it.
            body["includeActualCost"] = false.into();
            body["includeFreshPartialCost"] = false.into();
        }
        body
    }

    fn check_forecast(&self) -> Result<(), InvalidQuery> {
        self.period.lies_ahead()?;
        match self.granularity {
            Granularity::Daily => {
                self.period.lasts_days(MOST_FORECAST_ROWS, "a forecast by day goes up to 40 days")
            }
            Granularity::None | Granularity::Monthly => {
                self.period.lasts_months(MOST_FORECAST_ROWS, "a forecast by month goes up to 40 months")
            }
        }
    }

    fn check(&self) -> Result<(), InvalidQuery> {
        match self.granularity {
            Granularity::Daily => self.period.lasts_days(31, "daily costs go up to 31 days")?,
            Granularity::None | Granularity::Monthly => {
                self.period.lasts_months(12, "one question goes up to 12 months")?;
            }
        }
        if self.grouping.len() > 2 {
            return Err(InvalidQuery::TooManyGroupings(self.grouping.len()));
        }
        self.grouping.iter().try_for_each(|grouping| check_name(grouping.name()))?;
        if let [first, second] = &self.grouping[..]
            && first.is_same(second)
        {
            return Err(InvalidQuery::DuplicateGrouping);
        }
        self.filter.as_ref().map_or(Ok(()), Filter::check)
    }
}

/// The most rows of a forecast: <https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation>.
pub(crate) const MOST_FORECAST_ROWS: i32 = 40;

/// An operation of Cost Management. Both take the same body and answer in the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// What was: `query`.
    Query,
    /// What will be: `forecast`.
    Forecast,
}

impl Operation {
    /// Azure's word for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Forecast => "forecast",
        }
    }

    /// Where a question goes, without the ids.
    pub(super) const fn template(self) -> &'static str {
        match self {
            Self::Query => "/{scope}/providers/Microsoft.CostManagement/query",
            Self::Forecast => "/{scope}/providers/Microsoft.CostManagement/forecast",
        }
    }
}

/// Collects a question; [`QueryBuilder::build`] checks it.
#[derive(Clone, Debug)]
#[must_use]
pub struct QueryBuilder(Query);

impl QueryBuilder {
    /// Splits the costs by day or month. Without it there is one sum per group.
    pub fn granularity(mut self, granularity: Granularity) -> Self {
        self.0.granularity = granularity;
        self
    }

    /// Splits the costs by a dimension or a tag; up to two times.
    pub fn group_by(mut self, grouping: Grouping) -> Self {
        self.0.grouping.push(grouping);
        self
    }

    /// Counts only the costs that pass the filter.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.0.filter = Some(filter);
        self
    }

    /// The column that is summed. [`CostColumn::Cost`] unless said otherwise.
    pub fn column(mut self, column: CostColumn) -> Self {
        self.0.column = column;
        self
    }

    /// Sums something else in the same call: Azure takes two sums, and one query counts as one.
    pub fn beside(mut self, beside: Beside) -> Self {
        self.0.beside = Some(beside);
        self
    }

    /// The question, if Azure answers it in full.
    pub fn build(self) -> Result<Query, InvalidQuery> {
        self.0.check().map(|()| self.0)
    }
}

/// The kind of cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metric {
    /// As billed: a reservation counts on the day it was bought.
    #[default]
    Actual,
    /// Reservations and savings plans spread over the time they cover.
    Amortized,
}

impl Metric {
    /// Azure's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actual => "ActualCost",
            Self::Amortized => "AmortizedCost",
        }
    }
}

/// The column of amounts in billing currency. `CostUSD` is not a choice: Azure lists it beside the billing currency's
/// code, so its amounts would pass for something they are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CostColumn {
    /// `Cost`: every agreement type has it.
    #[default]
    Cost,
    /// `PreTaxCost`: the older name, for agreements that answer to it only.
    PreTaxCost,
}

impl CostColumn {
    /// The column's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "Cost",
            Self::PreTaxCost => "PreTaxCost",
        }
    }

    /// The column that Azure sends where it does not send the one that was asked for: an invoice section answers with
    /// `PreTaxCost` to a question for `Cost` (example InvoiceSectionForecast of the specification, 2026-06-01).
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Cost => Self::PreTaxCost,
            Self::PreTaxCost => Self::Cost,
        }
    }
}

/// What can be summed beside the cost in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Beside {
    /// The quantity used. It adds up within one meter and unit, and nowhere else.
    Quantity,
    /// The cost in US dollars, by Microsoft's own conversion: the one total across currencies. Azure names the billing currency
    /// beside it all the same (<https://github.com/Azure/azure-sdk-for-js/issues/29948>).
    Usd,
}

impl Beside {
    /// The column to ask for beside this cost column, and the other name that an answer may have.
    pub(super) const fn columns(self, cost: CostColumn) -> [&'static str; 2] {
        match (self, cost) {
            (Self::Quantity, _) => ["UsageQuantity", "Quantity"],
            (Self::Usd, CostColumn::Cost) => ["CostUSD", "PreTaxCostUSD"],
            (Self::Usd, CostColumn::PreTaxCost) => ["PreTaxCostUSD", "CostUSD"],
        }
    }
}

/// What the costs are split by in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// One sum for the whole period; up to 12 months.
    #[default]
    None,
    /// Per day; up to 31 days.
    Daily,
    /// Per calendar month; up to 12 months.
    Monthly,
}

impl Granularity {
    /// Azure's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Daily => "Daily",
            Self::Monthly => "Monthly",
        }
    }

    /// The column that holds the date, and the name that a forecast by month was seen to have for it.
    pub(super) const fn date_columns(self) -> Option<[&'static str; 2]> {
        match self {
            Self::None => None,
            Self::Daily => Some(["UsageDate", "UsageDate"]),
            Self::Monthly => Some(["BillingMonth", "UsageDate"]),
        }
    }
}

/// What the costs are split by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Grouping {
    /// A dimension such as `ServiceName`, `ResourceGroupName` or `ResourceLocation`.
    Dimension(String),
    /// A tag, by its key.
    Tag(String),
}

impl Grouping {
    /// The dimension's name or the tag's key.
    pub fn name(&self) -> &str {
        match self {
            Self::Dimension(name) | Self::Tag(name) => name,
        }
    }

    /// Azure ignores case in both.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && self.name().eq_ignore_ascii_case(other.name())
    }

    fn json(&self) -> Value {
        let kind = match self {
            Self::Dimension(_) => "Dimension",
            Self::Tag(_) => "TagKey",
        };
        json!({"type": kind, "name": self.name()})
    }
}

#[cfg(test)]
mod tests;
