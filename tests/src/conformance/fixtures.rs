//! The MCP server of the fixtures. Nothing is decided here but which module answers.

#![expect(deprecated, reason = "requests that 2026-07-28 removed are still part of 2025-11-25")]

use std::sync::{Arc, OnceLock};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, CompletionInfo,
    GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig, SetLevelRequestParams,
    SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::notices::{self, Changes};
use super::rounds::{self, Seal};
use super::{library, questions, tools};

/// The server. rmcp makes a clone of it for every request; the clones share what is behind the `Arc`s.
#[derive(Clone)]
pub(super) struct Fixtures {
    seal: Arc<Seal>,
    changes: watch::Sender<Changes>,
    /// This request's view of the changes. Taken before a subscription is acknowledged, so that what changes
    /// right afterwards is not missed.
    seen: OnceLock<watch::Receiver<Changes>>,
}

impl Fixtures {
    pub(super) fn new() -> Self {
        Self {
            seal: Arc::new(Seal::new()),
            changes: watch::Sender::new(Changes::default()),
            seen: OnceLock::new(),
        }
    }
}

type Context = RequestContext<RoleServer>;

/// What the suite asks for, besides what the product has.
pub(super) const METHODS: &[&str] = &[
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
];

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let capabilities: ServerCapabilities = from_json(json!({
            "completions": {},
            "logging": {},
            "prompts": {"listChanged": true},
            "resources": {"subscribe": true},
            "tools": {"listChanged": true},
        }));
        ServerConfig::new(capabilities).with_server_info(Implementation::new("conformance-fixtures", "1.0.0"))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(cacheable(json!({"tools": tools::all()})))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::all().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.clone();
        if let Some(answer) = tools::call(&name) {
            return answer;
        }
        if let Some(answer) = rounds::call(&self.seal, &request, &context) {
            return answer;
        }
        if let Some(question) = questions::of(&name, request.arguments.as_ref()) {
            return questions::ask(question, &context).await;
        }
        notices::call(&name, &context, &self.changes).await
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(cacheable(library::resources()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(cacheable(library::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let contents = library::read(&request.uri)?;
        Ok(ReadResourceResponse::Complete(cacheable(json!({"contents": [contents]}))))
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(cacheable(library::prompts()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        if let Some(answer) = rounds::prompt(&request) {
            return Ok(answer);
        }
        library::prompt(&request.name, &request.arguments.unwrap_or_default())
            .map(|prompt| GetPromptResponse::Complete(complete(prompt)))
    }

    async fn complete(&self, _: CompleteRequestParams, _: Context) -> Result<CompleteResult, ErrorData> {
        let values = ["paris", "park", "party"].map(str::to_owned).to_vec();
        let values =
            CompletionInfo::with_all_values(values).map_err(|e| ErrorData::internal_error(e, None))?;
        Ok(CompleteResult::new(values))
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.seen.get_or_init(|| self.changes.subscribe());
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let changes = self.seen.get_or_init(|| self.changes.subscribe()).clone();
        notices::listen(&context, changes).await;
        Ok(())
    }
}

/// Fixtures are written as they look on the wire.
pub(super) fn from_json<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("the fixture is what MCP says it is")
}

/// A result that says that it is not of another type (SEP-2322); rmcp does not tell clients to which this is new.
pub(super) fn complete<T: DeserializeOwned>(mut result: Value) -> T {
    result["resultType"] = json!("complete");
    from_json(result)
}

fn cacheable<T: DeserializeOwned>(mut result: Value) -> T {
    result["ttlMs"] = json!(60_000);
    result["cacheScope"] = json!("public");
    complete(result)
}
