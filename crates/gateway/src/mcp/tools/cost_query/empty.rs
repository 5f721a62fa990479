//! Why there are no costs: nothing was used, nothing has come yet, no value is called so, or no cost is all of it.

use cost::{Condition, Grouping, Scope, nearest, quoted};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

use crate::mcp::answer::Failure;
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;
use crate::mcp::tools::ask::question::QueryInput;
use crate::mcp::tools::period::Days;

/// Why there are no rows.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(super) struct Empty {
    /// no_cost, no_such_value, not_there_yet or filter_too_narrow.
    reason: &'static str,
    /// The same in words, with what to do.
    pub(super) detail: String,
    /// Values that there are, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nearest: Vec<String>,
}

/// The most conditions that are looked at, and the most scopes.
const MOST_LOOKED_AT: usize = 3;
/// The most values that are named.
const MOST_NAMED: usize = 5;

/// Why these scopes have no costs. Values are looked up; that takes no query units.
pub(super) async fn explain(
    context: &ToolContext,
    scopes: &[Scope],
    input: &QueryInput,
    days: Days,
    complete_until: Date,
) -> Result<Empty, Failure> {
    for condition in input.filter.iter().take(MOST_LOOKED_AT) {
        if let Some(empty) = no_such_value(context, scopes, condition).await? {
            return Ok(empty);
        }
    }
    if days.period.from() > complete_until {
        return Ok(Empty {
            reason: "not_there_yet",
            detail: format!(
                "Azure's costs are complete up to {complete_until}; those of later days are still arriving. Ask again \
                 tomorrow. A new subscription has none for two days."
            ),
            nearest: Vec::new(),
        });
    }
    if !input.filter.is_empty() || !input.exclude.is_empty() {
        let what = if input.filter.is_empty() {
            "Every cost of the period is among what was excluded."
        } else {
            "No cost of the period passes the filter: each value may be right, but none has all of them. Ask with one \
             condition less, or for another period."
        };
        return Ok(Empty { reason: "filter_too_narrow", detail: what.to_owned(), nearest: Vec::new() });
    }
    Ok(Empty {
        reason: "no_cost",
        detail: "Nothing there cost anything in the period: no usage and no purchases. A new subscription has no costs for two \
                 days; of a subscription without usage there are none at all."
            .to_owned(),
        nearest: Vec::new(),
    })
}

/// The condition's values, if none of them is one that the scopes have.
async fn no_such_value(
    context: &ToolContext,
    scopes: &[Scope],
    condition: &Condition,
) -> Result<Option<Empty>, Failure> {
    // "None" is no value that is listed.
    let Some(wanted) = condition.values.iter().find(|value| !value.is_empty()) else { return Ok(None) };
    let is_tag = matches!(condition.by, Grouping::Tag(_));
    let Some(there) = values(context, scopes, &condition.by).await? else { return Ok(None) };
    let asked: Vec<&str> = if is_tag {
        vec![condition.by.name()]
    } else {
        condition.values.iter().map(String::as_str).collect()
    };
    let is_there = |asked: &&str| there.iter().any(|value| value.to_lowercase() == asked.to_lowercase());
    if there.is_empty() || asked.iter().any(is_there) {
        return Ok(None);
    }
    let word = if is_tag { condition.by.name() } else { wanted };
    let near: Vec<_> = nearest(word, there.iter().map(String::as_str), MOST_NAMED);
    let of = if is_tag { "tag" } else { condition.by.name() };
    let few = quoted(near.iter().copied());
    Ok(Some(Empty {
        reason: "no_such_value",
        detail: format!(
            "No cost has the {of} '{word:.100}'; the nearest are {few}. list_dimensions lists all."
        ),
        nearest: near.into_iter().map(foreign::exact).collect(),
    }))
}

/// The values that there are, or the tags' keys; nothing where not all are known.
async fn values(
    context: &ToolContext,
    scopes: &[Scope],
    by: &Grouping,
) -> Result<Option<Vec<String>>, Failure> {
    if scopes.len() > MOST_LOOKED_AT {
        return Ok(None);
    }
    let mut there = Vec::new();
    for scope in scopes {
        let found = match by {
            Grouping::Tag(_) => context.tag_keys(scope).await.map(|found| (found.keys, found.truncated)),
            Grouping::Dimension(name) => {
                let found = context.dimension_values(scope, name, None).await;
                found.map(|found| (found.values, found.truncated))
            }
        };
        match found {
            Ok((values, false)) => there.extend(values),
            Ok((_, true)) | Err(Failure::Tool(_)) => return Ok(None),
            Err(refused) => return Err(refused),
        }
    }
    Ok(Some(there))
}
