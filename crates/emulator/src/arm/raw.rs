//! The raw usage rows of a scope, for tests that calculate every figure anew. Not a part of Azure.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use super::costs::{Basis, Row, Wanted};
use super::errors::ArmError;
use super::query::{QueryScope, day};
use super::state::State;

const MOST_ROWS: usize = 10_000;

/// Which rows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// Path of the scope.
    scope: String,
    /// First and last day.
    from: String,
    to: String,
    /// Default: actual.
    #[serde(default)]
    metric: Metric,
    /// How many rows to leave out: `next` of the answer before.
    #[serde(default)]
    skip: usize,
    /// Most rows of this answer.
    #[serde(default = "most_rows")]
    limit: usize,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Metric {
    #[default]
    Actual,
    Amortized,
}

/// The rows as they are to be seen now, and where the next ones begin.
pub(crate) fn rows(state: &State, order: &Order) -> Result<Value, ArmError> {
    let scope = QueryScope::parse(&order.scope, &state.subscriptions)?;
    let basis = match order.metric {
        Metric::Actual => Basis::Actual,
        Metric::Amortized => Basis::Amortized,
    };
    let view = state.view();
    let wanted = Wanted { from: day(&order.from)?, to: day(&order.to)?, basis, view: &view };
    let mut rows = scope.rows(wanted).skip(order.skip);
    let limit = order.limit.clamp(1, MOST_ROWS);
    let given: Vec<Value> = rows.by_ref().take(limit).map(Row::to_json).collect();
    let next = rows.next().map(|_| order.skip + given.len());
    Ok(
        json!({"as_of": view.now().to_string(), "today": view.today().to_string(), "rows": given, "next": next}),
    )
}

/// No scope of Contoso has this path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scope {0}")]
pub struct UnknownScope(pub String);

/// All rows of a scope, as they are to be seen now.
pub(crate) fn all(
    state: &State,
    scope: &str,
    (from, to): (Date, Date),
    basis: Basis,
) -> Result<Vec<Value>, UnknownScope> {
    let found = QueryScope::parse(scope, &state.subscriptions).map_err(|_| UnknownScope(scope.to_owned()))?;
    let view = state.view();
    let rows = found.rows(Wanted { from, to, basis, view: &view });
    Ok(rows.map(Row::to_json).collect())
}

fn most_rows() -> usize {
    MOST_ROWS
}
