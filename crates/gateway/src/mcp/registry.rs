//! The tools there are: one table.

use std::future::Future;
use std::sync::{Arc, LazyLock};

use futures::FutureExt;
use futures::future::BoxFuture;
use rmcp::handler::server::common::{schema_for_input, schema_for_output};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Resource, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::{Answer, Failure, ToolError};
use super::context::ToolContext;
use super::pending::Pending;
use super::tools::{
    CostAnomalies, CostByService, CostCommitments, CostCompare, CostExport, CostForecast, CostQuery,
    ListBudgets, ListDimensions, ListSubscriptions,
};

/// Every tool. Who may call which is in the policy, which must have an entry for each.
pub(super) static TOOLS: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    vec![
        entry::<ListSubscriptions>(),
        entry::<CostQuery>(),
        entry::<CostCompare>(),
        entry::<ListBudgets>(),
        entry::<CostAnomalies>(),
        entry::<CostCommitments>(),
        entry::<CostForecast>(),
        entry::<ListDimensions>(),
        entry::<CostByService>(),
        entry::<CostExport>(),
    ]
});

/// The tools' names.
pub(crate) fn tool_names() -> Vec<&'static str> {
    TOOLS.iter().map(|entry| entry.name).collect()
}

/// The tool of this name.
pub(super) fn find(name: &str) -> Option<&'static Entry> {
    TOOLS.iter().find(|entry| entry.name == name)
}

/// What a tool is: its description for the assistant, and what it does.
pub(super) trait Definition: 'static {
    const NAME: &'static str;
    const TITLE: &'static str;
    const DESCRIPTION: &'static str;
    /// Whether its answer may take longer than callers wait. Then it may be told that it is still to come.
    const SLOW: bool = false;
    type Input: DeserializeOwned + JsonSchema + Send;
    type Output: Serialize + JsonSchema + Send;

    fn call(
        context: ToolContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Answer<Self::Output>, Failure>> + Send;

    /// What the answer leads to, for clients that fetch it.
    fn link(_answer: &Self::Output) -> Option<Resource> {
        None
    }
}

/// A tool in the table.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) slow: bool,
    /// As clients see it. Made once: rmcp asks at every call of the 2026-07-28 protocol.
    tool: Tool,
    pub(super) call: fn(ToolContext, JsonObject) -> BoxFuture<'static, Result<CallToolResult, Failure>>,
}

impl Entry {
    /// The tool as clients see it.
    pub(super) fn tool(&self) -> Tool {
        self.tool.clone()
    }
}

fn entry<D: Definition>() -> Entry {
    let annotations = ToolAnnotations::new().read_only(true).idempotent(true).open_world(true);
    let mut input_schema = schema_for_input::<D::Input>().unwrap_or_default();
    without_width(Arc::make_mut(&mut input_schema).values_mut());
    Entry {
        name: D::NAME,
        slow: D::SLOW,
        tool: Tool::new(D::NAME, D::DESCRIPTION, input_schema)
            .with_title(D::TITLE)
            .with_raw_output_schema(output_schema::<D::Output>(D::SLOW))
            .with_annotations(annotations),
        call: |context, arguments| {
            async move {
                let input = serde_json::from_value(Value::Object(arguments))
                    .map_err(|error| ToolError::invalid_arguments(D::NAME, &error))?;
                let answer = D::call(context, input).await?;
                let link = D::link(&answer.data).map(ContentBlock::resource_link);
                let mut result = answer.into_result()?;
                result.content.extend(link);
                Ok(result)
            }
            .boxed()
        },
    }
}

/// The answer, that it is still to come, or the error: some clients hold the content of an error against the schema too. It says
/// an answer's members and their types; what the parts hold and what it all means is in docs/tools.md, for a list of tools is read
/// anew in each conversation.
fn output_schema<T: JsonSchema + 'static>(slow: bool) -> Arc<JsonObject> {
    let mut answer = schema_for_output::<T>().as_ref().clone();
    let parts = match answer.remove("$defs") {
        Some(Value::Object(parts)) => parts,
        _ => JsonObject::new(),
    };
    // The type is the schema's own.
    for member in ["$schema", "title", "type"] {
        answer.remove(member);
    }
    types_only(answer.values_mut(), &parts);
    let mut choices = vec![Value::from(answer)];
    choices.extend(slow.then(|| json!({"required": required_of::<Pending>()})));
    choices.push(json!({"required": ["code", "detail"]}));
    let schema = [("type", json!("object")), ("anyOf", choices.into())];
    Arc::new(schema.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

/// The members that each value of a type has.
fn required_of<T: JsonSchema + 'static>() -> Value {
    schema_for_output::<T>().get("required").cloned().unwrap_or_default()
}

/// Leaves of a schema which members there are, and of which types. A part that is described elsewhere becomes its type.
fn types_only<'a>(values: impl Iterator<Item = &'a mut Value>, parts: &JsonObject) {
    const SAID: [&str; 4] = ["description", "format", "minimum", "maximum"];
    for value in values {
        if let Some(of_part) = type_of_part(value, parts) {
            *value = json!({"type": of_part});
        }
        match value {
            Value::Object(members) => {
                // A member of that name has a schema, which is an object.
                members.retain(|name, value| value.is_object() || !SAID.contains(&name.as_str()));
                // Which is so where nothing is said.
                members.retain(|name, value| name != "additionalProperties" || *value != Value::Bool(true));
                types_only(members.values_mut(), parts);
            }
            Value::Array(items) => types_only(items.iter_mut(), parts),
            _ => {}
        }
    }
}

/// The type of a part, or of one that may be null.
fn type_of_part(schema: &Value, parts: &JsonObject) -> Option<Value> {
    if let Some(name) = schema["$ref"].as_str() {
        return parts.get(name.strip_prefix("#/$defs/")?)?.get("type").cloned();
    }
    match schema["anyOf"].as_array()?.as_slice() {
        [part, null] if null["type"] == "null" => Some(json!([type_of_part(part, parts)?, "null"])),
        _ => None,
    }
}

/// Takes out what Rust says of the width of its numbers: `"format": "uint64"` is not a format of JSON Schema. Validators warn
/// at each listing, and strict ones refuse. The bounds stay.
fn without_width<'a>(values: impl Iterator<Item = &'a mut Value>) {
    const WIDTHS: [&str; 14] = [
        "int", "int8", "int16", "int32", "int64", "int128", "uint", "uint8", "uint16", "uint32", "uint64",
        "uint128", "float", "double",
    ];
    for value in values {
        match value {
            Value::Object(members) => {
                if members
                    .get("format")
                    .and_then(Value::as_str)
                    .is_some_and(|format| WIDTHS.contains(&format))
                {
                    members.remove("format");
                }
                without_width(members.values_mut());
            }
            Value::Array(items) => without_width(items.iter_mut()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All tools as a client gets them.
    fn listed() -> Value {
        json!({"tools": TOOLS.iter().map(Entry::tool).collect::<Vec<_>>()})
    }

    #[test]
    fn the_list_of_tools_is_short_enough_to_be_read() {
        const MOST: usize = 20_000;
        let listed = listed().to_string();
        let of_each: Vec<_> =
            TOOLS.iter().map(|entry| (entry.name, json!(entry.tool()).to_string().len())).collect();
        assert!(listed.len() < MOST, "{} bytes: {of_each:?}", listed.len());
    }

    #[test]
    fn clients_are_shown_the_plain_form_of_each_question() {
        let inputs: Vec<_> =
            TOOLS.iter().map(|entry| json!({entry.name: entry.tool().input_schema})).collect();
        insta::assert_snapshot!("inputs", serde_json::to_string_pretty(&inputs).unwrap());
        for entry in TOOLS.iter() {
            let schema = entry.tool().input_schema;
            for choice in ["anyOf", "oneOf", "allOf"] {
                assert!(!schema.contains_key(choice), "{}: {choice}", entry.name);
            }
        }
    }

    #[test]
    fn every_tool_describes_itself_and_both_schemas() {
        for entry in TOOLS.iter() {
            let tool = entry.tool();
            assert!(tool.description.unwrap().len() > 60, "{}", entry.name);
            assert_eq!(tool.input_schema["type"], "object", "{}", entry.name);
            assert_eq!(tool.input_schema["additionalProperties"], false, "{}", entry.name);
            let output_schema = tool.output_schema.unwrap();
            let forms = output_schema["anyOf"].as_array().unwrap();
            assert_eq!(forms.len(), if entry.slow { 3 } else { 2 }, "{}", entry.name);
            let may_wait = forms.iter().any(|form| form["required"].to_string().contains("ready_in_seconds"));
            assert_eq!(may_wait, entry.slow, "{}", entry.name);
            assert!(!json!(output_schema).to_string().contains("$ref"), "{}", entry.name);
            for schema in [&tool.input_schema, &output_schema] {
                let text = serde_json::to_string(schema).unwrap();
                assert!(
                    !text.contains("int64") && !text.contains(r#""format":"uint"#),
                    "{}: {text}",
                    entry.name
                );
            }
        }
    }
}
