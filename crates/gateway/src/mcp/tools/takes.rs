//! What a call takes at Azure, before anybody makes it.

use cost::{ComparePlan, Plan};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ask::question::{CompareInput, QueryInput};
use super::cost_compare::{self, CostCompare};
use super::cost_query::{self, CostQuery};
use crate::mcp::answer::{Failure, ToolError};
use crate::mcp::registry::Definition;

/// The query units that a call of `cost_query` or `cost_compare` takes of each scope; other tools plan nothing.
///
/// # Errors
/// As the call itself: arguments that it does not take.
pub(in crate::mcp) fn query_units(tool: &str, arguments: &Value, now: Timestamp) -> Result<u32, Failure> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let queries = match tool {
        CostQuery::NAME => {
            let input: QueryInput = read(tool, arguments)?;
            let question = cost_query::question(&input, input.when.days(today)?.period);
            Plan::new(&question, None).map_err(cost::Error::from)?.queries().to_vec()
        }
        CostCompare::NAME => {
            let input: CompareInput = read(tool, arguments)?;
            let comparison = cost_compare::comparison(&input, cost_compare::periods(&input, today, now)?);
            ComparePlan::new(&comparison, None).map_err(cost::Error::from)?.queries().to_vec()
        }
        _ => Vec::new(),
    };
    Ok(queries.iter().map(cost::query_units).sum())
}

fn read<T: DeserializeOwned>(tool: &str, arguments: &Value) -> Result<T, Failure> {
    let read = serde_json::from_value(arguments.clone());
    read.map_err(|error| ToolError::invalid_arguments(tool, &error).into())
}
