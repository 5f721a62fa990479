//! An order for a budget, held to the rules of the service.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/budgets/create-or-update>

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::{Timestamp, civil};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::kept::{Budget, CATEGORIES, Provider, RESERVATIONS};
use super::window::Grain;
use crate::arm::costs::Subscriptions;
use crate::arm::query::{Filter, QueryScope, day};

const LONGEST_NAME: usize = 63;
const MOST_NOTIFICATIONS: usize = 5;
const FIRST_START: Date = civil::date(2017, 6, 1);

/// The service would not take such a budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the budget {name}: {why}")]
pub struct BudgetError {
    name: String,
    why: String,
}

impl BudgetError {
    pub(super) fn new(name: &str, why: impl std::fmt::Display) -> Self {
        Self { name: name.to_owned(), why: why.to_string() }
    }
}

/// What is ordered. The properties are those of Azure's own request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    scope: String,
    name: String,
    /// Default: so long ago that it was evaluated before.
    created: Option<Timestamp>,
    /// Default: `Microsoft.CostManagement`.
    provider: Option<String>,
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Properties {
    category: String,
    amount: Option<Number>,
    time_grain: String,
    time_period: TimePeriod,
    #[serde(default)]
    filter: Map<String, Value>,
    #[serde(default)]
    notifications: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimePeriod {
    start_date: String,
    end_date: Option<String>,
}

impl Order {
    pub(super) fn parse(order: Value) -> Result<Self, BudgetError> {
        let name = order["name"].as_str().unwrap_or("without a name").to_owned();
        serde_json::from_value(order).map_err(|error| BudgetError::new(&name, error))
    }
}

/// The budget that is ordered.
pub(super) fn read(order: Order, subscriptions: &Subscriptions) -> Result<Budget, BudgetError> {
    let Order { scope, name, created, provider, properties } = order;
    let wrong = |why: &str| BudgetError::new(&name, why);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_name) {
        return Err(wrong("a name has 1 to 63 letters, digits, underscores and hyphens"));
    }
    let found = QueryScope::parse(&scope, subscriptions).map_err(|_| wrong("there is no such scope"))?;
    let provider = provider.as_deref().map_or(Some(Provider::CostManagement), Provider::named);
    let grain = Grain::named(&properties.time_grain).ok_or_else(|| wrong("no such time grain"))?;
    let date = |text: &str| day(text).map_err(|_| wrong("a date that is none"));
    let start = date(&properties.time_period.start_date)?;
    // https://learn.microsoft.com/rest/api/consumption/budgets/create-or-update: ten years, where none is given.
    let end = properties
        .time_period
        .end_date
        .as_deref()
        .map_or_else(|| Ok(start.saturating_add(10.years())), date)?;
    let filter_text = Value::Object(properties.filter.clone());
    let budget = Budget {
        provider: provider.ok_or_else(|| wrong("no such provider"))?,
        created: created.unwrap_or(Timestamp::UNIX_EPOCH),
        filter: filter(properties.filter).map_err(|why| BudgetError::new(&name, why))?,
        category: properties.category,
        amount: properties.amount,
        notifications: properties.notifications,
        scope: found.path().to_owned(),
        name: name.clone(),
        grain,
        start,
        end,
        filter_text,
    };
    check(&budget, &found).map_err(wrong)?;
    Ok(budget)
}

/// `{}` is none.
fn filter(members: Map<String, Value>) -> Result<Option<Filter>, String> {
    if members.is_empty() {
        return Ok(None);
    }
    Filter::parse(Value::Object(members)).map(Some).map_err(|error| error.message().to_owned())
}

fn check(budget: &Budget, scope: &QueryScope) -> Result<(), &'static str> {
    let of_reservations = budget.category == RESERVATIONS;
    let of_kind = |kind: &str| {
        let kind_of = |one: &&Value| one["thresholdType"].as_str().unwrap_or("Actual") == kind;
        budget.notifications.values().filter(kind_of).count()
    };
    let rules = [
        (CATEGORIES.contains(&budget.category.as_str()), "no such category"),
        (budget.amount.is_some() != of_reservations, "an amount has what watches costs, and nothing else"),
        (budget.grain.is_rolling() == of_reservations, "this category has other time grains"),
        (
            !budget.grain.is_billing() || scope.is_pay_as_you_go(),
            "billing grains are those of pay-as-you-go alone",
        ),
        (
            budget.grain.is_billing() || budget.grain.is_rolling() || budget.start.day() == 1,
            "the start is the first of a month",
        ),
        (budget.start >= FIRST_START, "the start is on 2017-06-01 or later"),
        (budget.start < budget.end, "the start is before the end"),
        (
            of_kind("Actual") <= MOST_NOTIFICATIONS && of_kind("Forecasted") <= MOST_NOTIFICATIONS,
            "at most five notifications of a kind",
        ),
    ];
    rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, why)| Err(*why))
}
