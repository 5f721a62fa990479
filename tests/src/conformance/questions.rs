//! Tools that ask the client something over the connection, while the call is open (until 2025-11-25).
//!
//! The client's reply is a request of its own, which must find the call that waits for it: that takes a session,
//! and the gateway has none. They are here so that the suite shows it, and shows how it fails.

use std::time::Duration;

use rmcp::model::{CallToolResponse, CallToolResult, ClientResult, ContentBlock, JsonObject, ServerRequest};
use rmcp::service::{PeerRequestOptions, RequestContext, ServiceError};
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

use super::fixtures::from_json;

/// Long for a reply on loopback; and for one that finds nobody, short enough.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a tool of this module asks.
pub(super) fn of(tool: &str, arguments: Option<&JsonObject>) -> Option<ServerRequest> {
    let argument = |name| arguments.and_then(|all| all.get(name)).cloned().unwrap_or_default();
    let request = match tool {
        "test_sampling" => json!({
            "method": "sampling/createMessage",
            "params": {
                "messages": [{"role": "user", "content": {"type": "text", "text": argument("prompt")}}],
                "maxTokens": 100,
            },
        }),
        "test_elicitation" => elicitation(
            &argument("message"),
            &json!({"username": {"type": "string"}, "email": {"type": "string"}}),
        ),
        "test_elicitation_sep1034_defaults" => elicitation(&json!("Please check the values"), &defaults()),
        "test_elicitation_sep1330_enums" => elicitation(&json!("Please choose"), &enums()),
        _ => return None,
    };
    Some(from_json(request))
}

/// Asks, and answers with what came back. A reply that does not come fails the call: an answer that merely said so
/// would be a pass in the eyes of the suite, which looks at the question alone.
pub(super) async fn ask(
    question: ServerRequest,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let reply = send(question, context).await;
    let reply = reply.map_err(|error| ErrorData::internal_error(format!("no reply: {error}"), None))?;
    let reply = serde_json::to_string(&reply).expect("a reply is JSON");
    Ok(CallToolResult::success(vec![ContentBlock::text(reply)]).into())
}

async fn send(
    question: ServerRequest,
    context: &RequestContext<RoleServer>,
) -> Result<ClientResult, ServiceError> {
    let options = PeerRequestOptions::with_timeout(PATIENCE);
    context.peer.send_request_with_option(question, options).await?.await_response().await
}

fn elicitation(message: &Value, properties: &Value) -> Value {
    let schema = json!({"type": "object", "properties": properties});
    json!({"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}})
}

fn defaults() -> Value {
    json!({
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": true},
    })
}

fn enums() -> Value {
    let titled = json!([
        {"const": "value1", "title": "First Option"},
        {"const": "value2", "title": "Second Option"},
        {"const": "value3", "title": "Third Option"},
    ]);
    json!({
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {
            "type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]},
        },
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    })
}
