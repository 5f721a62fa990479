//! What is offered while somebody types an argument of a prompt: periods, the names of their subscriptions, the keys of their tags.
//!
//! Names and keys are asked for as the person, by what lists them as a tool, and who may not call that tool is offered none.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;
use rmcp::model::{CallToolResult, CompletionInfo};
use serde_json::{Value, json};

use super::{Argument, Kind, Prompt};
use crate::mcp::answer::{Answer, Failure, ToolError};
use crate::mcp::context::ToolContext;
use crate::mcp::foreign;
use crate::mcp::tools::{Scopes, subscriptions};

/// Nobody waits longer while typing.
pub(in crate::mcp) const PATIENCE: Duration = Duration::from_secs(5);
/// How many scopes are asked for their tags, where none is named.
const MOST_SCOPES: usize = 3;
const MONTHS: i32 = 13;
const PERIODS: [&str; 6] =
    ["last_month", "month_to_date", "last_7_days", "last_30_days", "last_3_months", "year_to_date"];

/// An argument that is being typed.
pub(in crate::mcp) struct Completed {
    kind: Kind,
    typed: String,
    /// The scope that was said before.
    scope: Option<String>,
}

impl Completed {
    /// The argument of a prompt; `None` where it has none of that name.
    pub(in crate::mcp) fn of(prompt: &Prompt, name: &str, typed: &str, scope: Option<&str>) -> Option<Self> {
        let Argument { kind, .. } = prompt.arguments.iter().find(|argument| argument.name == name)?;
        let scope = scope.map(str::trim).filter(|scope| !scope.is_empty()).map(str::to_owned);
        Some(Self { kind: *kind, typed: typed.trim().to_lowercase(), scope })
    }

    /// The tool that lists what is wanted, if Azure must be asked for it.
    pub(in crate::mcp) const fn tool(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Period => None,
            Kind::Scope => Some("list_subscriptions"),
            Kind::TagKey => Some("list_dimensions"),
        }
    }

    /// Periods, for which nobody is asked.
    pub(in crate::mcp) fn periods(&self, today: Date) -> CompletionInfo {
        let months = (0..MONTHS).map(|back| today.first_of_month().saturating_sub(back.months()));
        let months = months.map(|month| month.strftime("%Y-%m").to_string());
        self.offered(PERIODS.map(str::to_owned).into_iter().chain(months).collect())
    }

    /// What Azure lists for the person, as the result of a call.
    ///
    /// # Errors
    /// As the tool that lists it.
    pub(in crate::mcp) async fn ask(&self, context: ToolContext) -> Result<CallToolResult, Failure> {
        let asked = tokio::time::timeout(PATIENCE, self.values(&context)).await;
        let late = || {
            ToolError::new("azure_timeout", "Azure did not list them while somebody was typing.".to_owned())
        };
        let values = asked.map_err(|_| Failure::from(late()))??;
        let offered = self.offered(values);
        Answer { text: String::new(), data: json!({"values": offered.values, "total": offered.total}) }
            .into_result()
    }

    async fn values(&self, context: &ToolContext) -> Result<Vec<String>, Failure> {
        match self.kind {
            Kind::Period => Ok(Vec::new()),
            Kind::Scope => {
                let seen = subscriptions(context).await?;
                let mut named: BTreeMap<String, usize> = BTreeMap::new();
                for one in &seen {
                    *named.entry(one.display_name.to_lowercase()).or_default() += 1;
                }
                // A name that is that of several says nothing.
                let called = |one: &cost::Subscription| match named.get(&one.display_name.to_lowercase()) {
                    Some(1) => foreign::exact(&one.display_name),
                    _ => format!("{} ({})", foreign::exact(&one.display_name), one.id),
                };
                Ok(seen.iter().map(called).collect())
            }
            Kind::TagKey => {
                let asked: Vec<_> = self.scope.iter().cloned().collect();
                let scopes = Scopes::resolve(context, &asked).await?;
                let mut keys: Vec<String> = Vec::new();
                for scope in scopes.all.iter().take(MOST_SCOPES) {
                    for key in context.tag_keys(scope).await?.keys {
                        if !keys.iter().any(|known| known.eq_ignore_ascii_case(&key)) {
                            keys.push(foreign::exact(&key));
                        }
                    }
                }
                Ok(keys)
            }
        }
    }

    /// Those that hold what was typed, those first that begin with it, as many as one answer may have.
    fn offered(&self, mut values: Vec<String>) -> CompletionInfo {
        values.retain(|value| value.to_lowercase().contains(&self.typed));
        values.sort_by_key(|value| !value.to_lowercase().starts_with(&self.typed));
        let total = values.len();
        values.truncate(CompletionInfo::MAX_VALUES);
        let has_more = total > values.len();
        CompletionInfo::with_pagination(values, u32::try_from(total).ok(), has_more).unwrap_or_default()
    }
}

/// What [`Completed::ask`] found.
pub(in crate::mcp) fn found(result: &CallToolResult) -> CompletionInfo {
    let data = result.structured_content.as_ref();
    let values = data.and_then(|data| data["values"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let values: Vec<_> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let total = data.and_then(|data| data["total"].as_u64()).and_then(|total| u32::try_from(total).ok());
    let has_more = total.is_some_and(|total| total as usize > values.len());
    CompletionInfo::with_pagination(values, total, has_more).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::prompts::table::PROMPTS;

    fn typed(name: &str, typed: &str) -> Completed {
        Completed::of(&PROMPTS[0], name, typed, None).unwrap()
    }

    #[test]
    fn periods_are_offered_by_what_they_hold() {
        let today = "2026-11-27".parse().unwrap();
        let offered = |what: &str| typed("period", what).periods(today).values;
        assert_eq!(offered("").len(), PERIODS.len() + 13);
        assert_eq!(offered(" 2026-1 "), ["2026-11", "2026-10"]);
        assert_eq!(offered("MONTH"), ["month_to_date", "last_month", "last_3_months"]);
        assert!(offered("x").is_empty());
        assert!(Completed::of(&PROMPTS[0], "nothing", "", None).is_none());
    }

    #[test]
    fn no_more_is_offered_than_one_answer_may_have() {
        let offered = typed("scope", "").offered((0..150).map(|number| format!("Sub {number}")).collect());
        assert_eq!((offered.values.len(), offered.total, offered.has_more), (100, Some(150), Some(true)));
    }
}
