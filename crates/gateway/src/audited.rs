//! What of a request goes into the audit: who by tenant and object id, which tool, which subscription by its id, and how it
//! ended. Nothing else of the arguments, of the token or of the answer.
//!
//! A refusal that anybody can cause is counted, and not a record of its own: one of nobody who is proved, or of a person who
//! is over their limit or sends what is no call.

use audit::{Audit, Call, Outcome, Person};
use identity::{ObjectId, Principal, TenantId};
use rmcp::model::CallToolResult;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// What people do here, unless it is said to be something else.
const TOOL_CALL: &str = "tools/call";

/// What is asked of a tool by a method of MCP, for its decision.
pub(crate) fn call(
    method: &'static str,
    principal: &Principal,
    tool: &str,
    arguments: Option<&Map<String, Value>>,
) -> Call {
    let argument = |name| arguments.and_then(|arguments| arguments.get(name));
    let of_scopes = || match argument("scopes")? {
        Value::Array(scopes) => scopes.first().filter(|_| scopes.len() == 1),
        scope => Some(scope),
    };
    let subscription =
        argument("subscription").or_else(|| argument("scope")).or_else(of_scopes).and_then(Value::as_str);
    // By name it would say what somebody called it.
    by(method, principal).tool(tool).subscription(subscription.and_then(|id| id.parse().ok()))
}

/// What is done in the name of a person who need not be there, for its decision.
pub(crate) fn of_person(method: &'static str, (tenant, oid): (TenantId, ObjectId), tool: &str) -> Call {
    let person = Person { tenant: *tenant.as_uuid(), oid: *oid.as_uuid(), client: None };
    Call::new(method).by(person).tool(tool).trace(telemetry::trace_id().as_deref())
}

/// How a call ended: its code, the length of the answer and of the longest list in it, and the ids that Azure gave its
/// requests, or Entra ID the one that it refused.
pub(crate) fn outcome(code: &str, result: Option<&CallToolResult>, requests: &[String]) -> Outcome {
    let data = result.and_then(|result| result.structured_content.as_ref());
    let number = |name| data.and_then(|data| data.get(name)).and_then(Value::as_u64);
    let longest = || {
        let lists = data?.as_object()?.values().filter_map(Value::as_array);
        lists.map(|list| list.len() as u64).max()
    };
    let text = || {
        let texts = result?.content.iter().filter_map(|part| part.as_text());
        Some(texts.map(|part| part.text.len() as u64).sum())
    };
    let bytes = number("bytes").or_else(|| number("size")).or_else(text);
    Outcome::new(code)
        .bytes(bytes)
        .rows(number("rows").or_else(longest))
        .requests(requests.iter().map(String::as_str))
}

/// Counts a request that went no further than the door.
pub(crate) fn turned_away(audit: &Audit, refusal: &Refusal) {
    audit.counted(&cause(refusal), None);
}

/// Records a refusal of somebody whose requests are counted, or counts one of anybody else.
pub(crate) fn refused(audit: &Audit, who: Option<&Principal>, tool: Option<&str>, refusal: &Refusal) {
    refused_as(TOOL_CALL, audit, who, tool, refusal);
}

/// The same, of what is no call of a tool.
pub(crate) fn refused_as(
    method: &'static str,
    audit: &Audit,
    who: Option<&Principal>,
    tool: Option<&str>,
    refusal: &Refusal,
) {
    match (who, refusal) {
        (None, _) | (_, Refusal::RateLimited { .. } | Refusal::Request(_)) => {
            audit.counted(&cause(refusal), None);
        }
        (Some(principal), _) => {
            let call = by(method, principal);
            audit.refused(tool.map_or(call.clone(), |tool| call.tool(tool)), &refusal.code());
        }
    }
}

fn by(method: &'static str, principal: &Principal) -> Call {
    Call::new(method)
        .by(Person {
            tenant: *principal.tenant().as_uuid(),
            oid: *principal.oid().as_uuid(),
            client: Some(*principal.client().as_uuid()),
        })
        .trace(telemetry::trace_id().as_deref())
}

fn cause(refusal: &Refusal) -> String {
    match refusal {
        Refusal::InvalidToken { reason, .. } => format!("{}:{reason}", refusal.code()),
        _ => refusal.code(),
    }
}
