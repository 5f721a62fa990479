//! Calls whose answer may take longer than their caller waits: they are told so, the work goes on, and the same call of the same
//! person gets the result.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use cost::Usage;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::Instrument;

use super::answer::Failure;
use super::context::{Seen, Services, ToolContext};
use super::registry::Entry;
use crate::caller::Caller;
use crate::engine::{Ended, Jobs, Joining, Outlook};

/// The longest that work goes on by itself.
const LONGEST: Duration = Duration::from_secs(3600);
/// When to ask again where nobody knows.
const SOON: Duration = Duration::from_secs(5);

/// The calls that take long.
#[derive(Clone)]
pub(super) struct LongCalls(Jobs<Worked>);

/// What a call came to.
#[derive(Clone)]
struct Worked {
    result: Result<CallToolResult, Failure>,
    /// What it used at Azure: that of the call that began it.
    usage: Usage,
    seen: Seen,
}

/// The answer is still to come: the same call gets it later.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Pending {
    /// Always true.
    #[serde(rename = "pending")]
    is_to_come: bool,
    /// Seconds after which the same call, with the same arguments, is likely to get the answer.
    ready_in_seconds: u64,
    /// What it waits for.
    reason: String,
}

impl LongCalls {
    pub(super) fn new() -> Self {
        Self(Jobs::new(|worked| matches!(worked.result, Err(Failure::Refused(_)))))
    }

    /// Runs a call for as long as its caller waits, and on by itself after that. What it uses at Azure is counted in `usage`.
    pub(super) async fn run(
        &self,
        entry: &'static Entry,
        caller: &Caller,
        services: &Arc<Services>,
        arguments: &JsonObject,
        usage: &Usage,
    ) -> Result<CallToolResult, Failure> {
        let call = joining(entry, caller, services, arguments);
        let begin = || {
            let usage = usage.clone();
            let context = ToolContext::new(caller.clone(), Arc::clone(services), &usage, call.end);
            let (seen, work) = (context.seen(), (entry.call)(context, arguments.clone()));
            async move { Worked { result: work.await, usage, seen } }.in_current_span()
        };
        let own = ToolContext::new(caller.clone(), Arc::clone(services), usage, call.soft);
        loop {
            // Nobody gets what another call worked at before the broker vouched for this one.
            let ended = self.0.run(&call, own.vouched(), begin).await;
            let Ended::Done { result: worked, told } = ended.map_err(Failure::Refused)? else {
                services.engine.told_pending();
                let outlook = services.engine.outlook(call.key.0);
                return Ok(Pending::new(outlook).into_result(entry.name));
            };
            usage.adopt(&worked.usage);
            if !told {
                return worked.result;
            }
            if own.may_still_see(&worked.seen).await.map_err(Failure::Refused)? {
                services.engine.collected();
                return worked.result;
            }
            // Time has passed and the right is gone: it is asked anew, as the person is allowed.
        }
    }
}

fn joining(entry: &Entry, caller: &Caller, services: &Services, arguments: &JsonObject) -> Joining {
    let now = Instant::now();
    let left = caller.deadline.saturating_duration_since(now);
    let margin = (left / 10).max(Duration::from_secs(1));
    let soft = services.soft_deadline.min(left.saturating_sub(margin));
    let principal = &caller.principal;
    let signed_in = caller.signed_in_for(services.clock.now());
    Joining {
        key: ((principal.tenant(), principal.oid()), fingerprint(entry.name, arguments)),
        sign_in: caller.assertion.digest(),
        soft: now + soft,
        end: now + signed_in.min(LONGEST),
    }
}

/// Stands for a tool and its arguments, in whatever order they are written.
fn fingerprint(tool: &str, arguments: &JsonObject) -> [u8; 32] {
    let text = format!("{tool} {}", ordered(&Value::Object(arguments.clone())));
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

fn ordered(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> =
                members.iter().map(|(name, value)| (name, ordered(value))).collect();
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(ordered).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

impl Pending {
    fn new(outlook: Option<Outlook>) -> Self {
        let reason = match outlook {
            Some(Outlook { scope_per_minute: Some(limit), .. }) => {
                format!(
                    "Azure allows {limit} requests a minute for one scope, and this scope was asked so often already."
                )
            }
            Some(Outlook { ahead, units_per_minute, .. }) => format!(
                "Azure allows {units_per_minute} units a minute for the whole directory; {} before yours.",
                match ahead {
                    0 => "no question is".to_owned(),
                    1 => "1 question is".to_owned(),
                    more => format!("{more} questions are"),
                }
            ),
            None => "Azure is still answering.".to_owned(),
        };
        let wait = outlook.map_or(SOON, |outlook| outlook.last);
        Self { is_to_come: true, ready_in_seconds: wait.as_secs().max(1), reason }
    }

    fn into_result(self, tool: &str) -> CallToolResult {
        let text = format!(
            "Not ready yet. {} Call {tool} again with the same arguments in {} seconds: the work goes on, and that call gets the \
             answer.",
            self.reason, self.ready_in_seconds
        );
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = Some(json!(self));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> JsonObject {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn arguments_are_the_same_in_any_order_and_no_others_are() {
        let one = fingerprint("cost_query", &object(r#"{"a":1,"b":{"c":[1,2],"d":"x"}}"#));
        assert_eq!(one, fingerprint("cost_query", &object(r#"{"b":{"d":"x","c":[1,2]},"a":1}"#)));
        for (tool, other) in [
            ("cost_query", r#"{"a":1,"b":{"c":[2,1],"d":"x"}}"#),
            ("cost_query", r#"{"a":"1","b":{"c":[1,2],"d":"x"}}"#),
            ("cost_query", r#"{"a":1}"#),
            ("cost_compare", r#"{"a":1,"b":{"c":[1,2],"d":"x"}}"#),
        ] {
            assert_ne!(one, fingerprint(tool, &object(other)), "{tool} {other}");
        }
    }

    #[test]
    fn what_is_still_to_come_says_why_and_when() {
        let outlook = |ahead| Outlook {
            ahead,
            first: Duration::from_secs(50),
            last: Duration::from_secs(52),
            units_per_minute: 60,
            scope_per_minute: None,
        };
        for (outlook, seconds, reason) in [
            (
                Some(outlook(7)),
                52,
                "Azure allows 60 units a minute for the whole directory; 7 questions are before yours.",
            ),
            (
                Some(outlook(1)),
                52,
                "Azure allows 60 units a minute for the whole directory; 1 question is before yours.",
            ),
            (
                Some(outlook(0)),
                52,
                "Azure allows 60 units a minute for the whole directory; no question is before yours.",
            ),
            (
                Some(Outlook { scope_per_minute: Some(4), ..outlook(0) }),
                52,
                "Azure allows 4 requests a minute for one scope, and this scope was asked so often already.",
            ),
            (None, 5, "Azure is still answering."),
        ] {
            let data = Pending::new(outlook).into_result("cost_query").structured_content.unwrap();
            assert_eq!(data, json!({"pending": true, "ready_in_seconds": seconds, "reason": reason}));
        }
    }
}
