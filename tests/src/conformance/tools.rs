//! The list of tools, and those that answer at once and always the same.

use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, CallToolResult, ClientCapabilities, Tool};
use serde_json::{Value, json};

use super::fixtures::{complete, from_json};

/// A grey pixel.
pub(super) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgAB5Sfe/AAAAABJRU5ErkJggg==";
/// No samples at all.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

const WITHOUT_ARGUMENTS: [&str; 24] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_missing_capability",
    "test_reconnection",
    "test_tool_with_logging",
    "test_logging_tool",
    "test_tool_with_progress",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_streaming_elicitation",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
];

/// Every tool, whichever module runs it.
pub(super) fn all() -> Vec<Tool> {
    let without = WITHOUT_ARGUMENTS.map(|name| tool(name, &json!({"type": "object"})));
    let with = [
        tool("test_sampling", &one_argument("prompt", &json!({"type": "string"}))),
        tool("test_elicitation", &one_argument("message", &json!({"type": "string"}))),
        tool(
            "test_custom_header",
            &one_argument("region", &json!({"type": "string", "x-mcp-header": "Region"})),
        ),
        tool("json_schema_2020_12_tool", &json_schema_2020_12()),
    ];
    without.into_iter().chain(with).collect()
}

/// The answer, if the tool is one of this module.
pub(super) fn call(name: &str) -> Option<Result<CallToolResponse, ErrorData>> {
    let text = |text: &str| json!({"type": "text", "text": text});
    let image = json!({"type": "image", "data": PNG, "mimeType": "image/png"});
    let content = match name {
        "test_simple_text" => json!([text("This is a simple text response for testing.")]),
        "test_image_content" => json!([image]),
        "test_audio_content" => json!([{"type": "audio", "data": WAV, "mimeType": "audio/wav"}]),
        "test_embedded_resource" => json!([embedded(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content."
        )]),
        "test_multiple_content_types" => json!([
            text("Multiple content types test:"),
            image,
            embedded("test://mixed-content-resource", "application/json", r#"{"test":"data","value":123}"#),
        ]),
        "test_error_handling" => {
            let why = "This tool intentionally returns an error for testing";
            let result = json!({"content": [text(why)], "isError": true});
            return Some(Ok(complete::<CallToolResult>(result).into()));
        }
        "test_missing_capability" => {
            let sampling: ClientCapabilities = from_json(json!({"sampling": {}}));
            return Some(Err(ErrorData::missing_required_client_capability(sampling)));
        }
        "test_reconnection" | "test_custom_header" | "json_schema_2020_12_tool" => json!([text("Done.")]),
        _ => return None,
    };
    Some(Ok(complete::<CallToolResult>(json!({"content": content})).into()))
}

/// A resource within a content list.
pub(super) fn embedded(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": text}})
}

fn tool(name: &str, input_schema: &Value) -> Tool {
    let description = format!("Fixture {name} of the conformance suite");
    from_json(json!({"name": name, "description": description, "inputSchema": input_schema}))
}

fn one_argument(name: &str, schema: &Value) -> Value {
    json!({"type": "object", "properties": {name: schema}, "required": [name]})
}

/// Keywords that a server which models schemas loses (SEP-1613, SEP-2106).
fn json_schema_2020_12() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}
