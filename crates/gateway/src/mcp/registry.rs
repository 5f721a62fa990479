//! The tools there are: one table.

use std::future::Future;
use std::sync::{Arc, LazyLock};

use futures::FutureExt;
use futures::future::BoxFuture;
use rmcp::handler::server::common::{schema_for_input, schema_for_output};
use rmcp::model::{CallToolResult, JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::{Answer, Failure, ToolError};
use super::context::ToolContext;
use super::tools::{CostByService, CostExport, ListSubscriptions};

/// Every tool. Who may call which is in the policy, which must have an entry for each.
pub(super) static TOOLS: LazyLock<Vec<Entry>> =
    LazyLock::new(|| vec![entry::<ListSubscriptions>(), entry::<CostByService>(), entry::<CostExport>()]);

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
    type Input: DeserializeOwned + JsonSchema + Send;
    type Output: Serialize + JsonSchema + Send;

    fn call(
        context: ToolContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Answer<Self::Output>, Failure>> + Send;
}

/// A tool in the table.
pub(super) struct Entry {
    pub(super) name: &'static str,
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
    let annotations = ToolAnnotations::with_title(D::TITLE).read_only(true).open_world(true);
    let input_schema = schema_for_input::<D::Input>().unwrap_or_default();
    Entry {
        name: D::NAME,
        tool: Tool::new(D::NAME, D::DESCRIPTION, input_schema)
            .with_title(D::TITLE)
            .with_raw_output_schema(output_schema::<D::Output>())
            .with_annotations(annotations),
        call: |context, arguments| {
            async move {
                let input = serde_json::from_value(Value::Object(arguments))
                    .map_err(|error| ToolError::invalid_arguments(D::NAME, &error))?;
                D::call(context, input).await?.into_result()
            }
            .boxed()
        },
    }
}

/// The answer or the error: some clients hold the content of an error against the schema too.
fn output_schema<T: JsonSchema + 'static>() -> Arc<JsonObject> {
    let mut answer = schema_for_output::<T>().as_ref().clone();
    let mut error = schema_for_output::<ToolError>().as_ref().clone();
    let mut definitions = JsonObject::new();
    for schema in [&mut answer, &mut error] {
        schema.remove("$schema");
        if let Some(Value::Object(own)) = schema.remove("$defs") {
            definitions.extend(own);
        }
    }
    let mut schema = JsonObject::new();
    schema.insert("type".into(), json!("object"));
    schema.insert("anyOf".into(), json!([answer, error]));
    if !definitions.is_empty() {
        schema.insert("$defs".into(), definitions.into());
    }
    Arc::new(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_describes_itself_and_both_schemas() {
        for entry in TOOLS.iter() {
            let tool = entry.tool();
            assert!(tool.description.unwrap().len() > 60, "{}", entry.name);
            assert_eq!(tool.input_schema["type"], "object", "{}", entry.name);
            assert_eq!(tool.input_schema["additionalProperties"], false, "{}", entry.name);
            assert_eq!(tool.output_schema.unwrap()["anyOf"].as_array().unwrap().len(), 2, "{}", entry.name);
        }
    }
}
