//! What `list_budgets` answers, for programs.

use cost::Threshold;
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::empty::Empty;
use super::standing::{Standing, kind, state};
use super::text::filtered;
use crate::mcp::foreign;
use crate::mcp::tools::money::exact;
use crate::mcp::tools::told::{AzureUse, More, Partial};

/// In a list of tools an object is an object: what each holds is in docs/tools.md.
type Object = Map<String, Value>;

/// The budgets.
#[derive(JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// The worst first.
    #[schemars(with = "Vec<Object>")]
    pub(super) budgets: Vec<BudgetOutput>,
    /// How many there are in all.
    pub(super) total: usize,
    /// The last UTC day whose costs are complete.
    pub(super) complete_until: Date,
    /// The scopes that answered.
    pub(super) scopes: Vec<String>,
    /// What was asked for and is not in it: a scope, a budget, or its live spend.
    #[schemars(with = "Vec<Object>")]
    pub(super) partial: Vec<Partial>,
    /// What a reader must know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// Why there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Object>")]
    pub(super) empty: Option<Empty>,
    #[schemars(with = "Object")]
    pub(super) azure: AzureUse,
    /// Budgets that did not fit in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Object>")]
    pub(super) more: Option<More>,
    /// Budgets of these whose live spend was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Object>")]
    pub(super) more_live: Option<More>,
}

/// A budget. What watches reservations has no amount and no spend.
#[derive(Serialize)]
pub(super) struct BudgetOutput {
    /// What tells it from others of its name.
    id: String,
    name: String,
    scope: String,
    amount: Option<String>,
    currency: Option<String>,
    time_grain: &'static str,
    period: Span,
    /// The costs it counts, where not all of its scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    /// Azure's last daily evaluation.
    evaluated_spend: Option<Spent>,
    /// What was spent by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    live_spend: Option<Spent>,
    /// Days of the period whose costs are complete.
    elapsed_days: i32,
    days: i32,
    /// Of the days after the last complete one; below zero where the amount is passed.
    needed_per_day: Option<String>,
    spent_per_day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runs_out_on: Option<Date>,
    /// Azure's forecast of the whole period.
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<String>,
    /// used_up, runs_out, on_track, unknown, not_begun, expired.
    state: &'static str,
    thresholds: Vec<Point>,
}

/// Days.
#[derive(Serialize)]
struct Span {
    from: Date,
    to: Date,
}

/// What was spent.
#[derive(Serialize)]
struct Spent {
    /// Null until the first evaluation.
    amount: Option<String>,
    /// When Azure gave it.
    as_of: Timestamp,
    /// What of it the complete days cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<String>,
}

/// A point at which people are told.
#[derive(Serialize)]
struct Point {
    percent: String,
    kind: &'static str,
    /// Null where it is not known.
    crossed: Option<bool>,
    /// Said where nobody is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
}

impl BudgetOutput {
    pub(super) fn new(standing: &Standing) -> Self {
        let Standing { budget, period, burn, live, .. } = standing;
        let planned = standing.planned();
        let evaluated = planned.map(|planned| Spent {
            amount: planned.evaluated.map(exact),
            as_of: standing.as_of,
            complete: None,
        });
        let live = live.as_ref().map(|live| Spent {
            amount: Some(exact(live.spending.now)),
            as_of: live.as_of,
            complete: Some(exact(live.spending.counted)),
        });
        Self {
            id: foreign::exact(&budget.id),
            name: foreign::exact(&budget.name),
            scope: budget
                .scope
                .as_ref()
                .map_or_else(|| foreign::exact(place(&budget.id)), ToString::to_string),
            amount: planned.map(|planned| exact(planned.amount)),
            currency: standing.currency().map(|currency| currency.to_string()),
            time_grain: budget.grain.as_str(),
            period: Span { from: period.from, to: period.to },
            filter: filtered(budget).map(|filter| foreign::exact(&filter)),
            evaluated_spend: evaluated,
            live_spend: live,
            elapsed_days: burn.elapsed_days,
            days: burn.days,
            needed_per_day: burn.needed_per_day.map(exact),
            spent_per_day: burn.spent_per_day.map(exact),
            runs_out_on: burn.runs_out_on,
            forecast: planned.and_then(|planned| planned.forecast).map(exact),
            state: state(burn.outlook),
            thresholds: standing
                .thresholds()
                .map(|(threshold, crossed)| Point::new(threshold, crossed))
                .collect(),
        }
    }
}

impl Point {
    fn new(threshold: &Threshold, crossed: Option<bool>) -> Self {
        let enabled = (!threshold.enabled).then_some(false);
        Self { percent: exact(threshold.percent), kind: kind(threshold.kind), crossed, enabled }
    }
}

/// Where a budget is whose id names no scope that is known.
fn place(id: &str) -> &str {
    id.to_ascii_lowercase().rfind("/providers/").and_then(|at| id.get(..at)).unwrap_or(id)
}
