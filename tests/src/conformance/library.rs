//! Resources and prompts.

use rmcp::ErrorData;
use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::tools::{PNG, embedded};

/// `resources/list`.
pub(super) fn resources() -> Value {
    json!({"resources": [
        {"uri": "test://static-text", "name": "A text", "mimeType": "text/plain"},
        {"uri": "test://static-binary", "name": "An image", "mimeType": "image/png"},
        {"uri": "test://watched-resource", "name": "A text to subscribe to", "mimeType": "text/plain"},
    ]})
}

/// `resources/templates/list`.
pub(super) fn templates() -> Value {
    json!({"resourceTemplates": [
        {"uriTemplate": "test://template/{id}/data", "name": "Data by id", "mimeType": "application/json"},
    ]})
}

/// The contents of a resource.
pub(super) fn read(uri: &str) -> Result<Value, ErrorData> {
    let text = |mime_type: &str, text: String| json!({"uri": uri, "mimeType": mime_type, "text": text});
    let data_of = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
    match (uri, data_of) {
        ("test://static-text" | "test://watched-resource", _) => {
            Ok(text("text/plain", "This is the content of the static text resource.".to_owned()))
        }
        ("test://static-binary", _) => Ok(json!({"uri": uri, "mimeType": "image/png", "blob": PNG})),
        (_, Some(id)) => {
            let data = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            Ok(text("application/json", data.to_string()))
        }
        _ => Err(ErrorData::resource_not_found("there is no such resource", Some(json!({"uri": uri})))),
    }
}

/// `prompts/list`.
pub(super) fn prompts() -> Value {
    let required = |name: &str| json!({"name": name, "description": "A value", "required": true});
    json!({"prompts": [
        {"name": "test_simple_prompt", "description": "No arguments"},
        {
            "name": "test_prompt_with_arguments",
            "description": "Two arguments",
            "arguments": [required("arg1"), required("arg2")],
        },
        {
            "name": "test_prompt_with_embedded_resource",
            "description": "A resource within",
            "arguments": [required("resourceUri")],
        },
        {"name": "test_prompt_with_image", "description": "An image within"},
        {"name": "test_input_required_result_prompt", "description": "Asks back"},
    ]})
}

/// A prompt with its arguments filled in.
pub(super) fn prompt(name: &str, arguments: &JsonObject) -> Result<Value, ErrorData> {
    let argument = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
    let text = |text: String| json!({"type": "text", "text": text});
    let contents = match name {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.".to_owned())],
        "test_prompt_with_arguments" => {
            let (first, second) = (argument("arg1"), argument("arg2"));
            vec![text(format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        "test_prompt_with_embedded_resource" => vec![
            embedded(argument("resourceUri"), "text/plain", "Embedded resource content for testing."),
            text("Please process the embedded resource above.".to_owned()),
        ],
        "test_prompt_with_image" => vec![
            json!({"type": "image", "data": PNG, "mimeType": "image/png"}),
            text("Please analyze the image above.".to_owned()),
        ],
        _ => return Err(ErrorData::invalid_params(format!("there is no prompt `{name}`"), None)),
    };
    let messages: Vec<_> =
        contents.into_iter().map(|content| json!({"role": "user", "content": content})).collect();
    Ok(json!({"messages": messages}))
}
