//! Exports as resources of MCP: the person's own that are ready, for clients that list and read. Decided as `cost_export` is.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rmcp::model::{CallToolResult, ContentBlock, ReadResourceResult, Resource, ResourceContents};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::json;
use tokio::time::Instant;

use super::answer::{Failure, ToolError};
use super::context::ToolContext;
use super::prompted::refused;
use super::registry::{Definition as _, find};
use super::tools::{CostExport, is_text, no_export, whole_text};
use super::{Call, CostServer, PATIENCE};
use crate::caller::Caller;
use crate::exports::{ExportId, Kept};

impl CostServer {
    /// The exports of this person that are ready. Clients ask when they connect: for whoever may not export, and for whoever has
    /// none, there are none, and nobody is sent to sign in for it.
    pub(super) async fn resources(
        &self,
        caller: &Caller,
        context: &RequestContext<RoleServer>,
    ) -> Result<Vec<Resource>, ErrorData> {
        let may = self.services.policies.current().decide(CostExport::NAME, &caller.principal).is_ok();
        let person = (caller.principal.tenant(), caller.principal.oid());
        let kept = if may { self.services.exports.list(&person) } else { Vec::new() };
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        let vouched = |context: ToolContext| {
            async move { context.vouched().await.map(|()| Vec::new()).map_err(Failure::Refused) }.boxed()
        };
        self.as_export("resources/list", caller, context, vouched).await?;
        Ok(kept.iter().map(|kept| self.described(kept)).collect())
    }

    /// The whole of an export, where it is a text and short. Those of others, and those that are none, are one answer.
    pub(super) async fn resource(
        &self,
        uri: String,
        caller: &Caller,
        context: &RequestContext<RoleServer>,
    ) -> Result<ReadResourceResult, ErrorData> {
        let read = |context: ToolContext| {
            async move { Ok(vec![ContentBlock::resource(contents(&context, uri).await?)]) }.boxed()
        };
        let read = self.as_export("resources/read", caller, context, read).await?;
        let contents = read.content.into_iter().filter_map(|block| match block {
            ContentBlock::Resource(read) => Some(read.resource),
            _ => None,
        });
        Ok(ReadResourceResult::new(contents.collect()))
    }

    fn described(&self, kept: &Kept) -> Resource {
        let (rows, until) = (kept.about.rows, kept.expires_at.strftime("%Y-%m-%d %H:%M UTC"));
        Resource::new(self.services.exports.url(kept.id), kept.about.file_name.clone())
            .with_mime_type(kept.about.media_type)
            .with_size(kept.size)
            .with_description(format!("Cost details: {rows} charges, kept until {until}."))
    }

    /// Does something as if it were asked of `cost_export`: the policy decides, and the audit has it, before anything is looked up.
    async fn as_export(
        &self,
        method: &'static str,
        caller: &Caller,
        context: &RequestContext<RoleServer>,
        work: impl FnOnce(ToolContext) -> BoxFuture<'static, Result<Vec<ContentBlock>, Failure>>,
    ) -> Result<CallToolResult, ErrorData> {
        let entry = find(CostExport::NAME).ok_or_else(|| ErrorData::internal_error("no exports", None))?;
        let call = Call { method, entry, caller, arguments: None };
        let services = Arc::clone(&self.services);
        let outcome = self.run(call, context, |usage| {
            let context = ToolContext::new(caller.clone(), services, &usage, Instant::now() + PATIENCE);
            work(context).map(|done| done.map(CallToolResult::success)).boxed()
        });
        outcome.await.map_err(|failure| match failure {
            Failure::Refused(refusal) => refused(refusal, caller),
            Failure::Tool(error) => said(&error),
            Failure::Cancelled => ErrorData::internal_error("cancelled", None),
        })
    }
}

async fn contents(context: &ToolContext, uri: String) -> Result<ResourceContents, Failure> {
    context.vouched().await.map_err(Failure::Refused)?;
    let exports = context.exports();
    let id = uri.rsplit('/').next().and_then(|id| id.parse().ok());
    let id: ExportId = id.filter(|id| exports.url(*id) == uri).ok_or_else(no_export)?;
    let kept = exports.find(&context.person(), id).ok_or_else(no_export)?;
    if !is_text(kept.about.format) || kept.size > exports.settings().inline_bytes {
        let detail = "The file is too long to be read here, or no text: GET its uri with the bearer token of the same sign-in.";
        return Err(ToolError::new("export_not_inline", detail.to_owned()).into());
    }
    let text = whole_text(context, id).await?;
    Ok(ResourceContents::text(text, uri).with_mime_type(kept.about.media_type))
}

fn said(error: &ToolError) -> ErrorData {
    let (detail, data) = (error.detail().to_owned(), Some(json!({"code": error.code()})));
    if error.code() == no_export().code() {
        ErrorData::resource_not_found(detail, data)
    } else {
        ErrorData::invalid_request(detail, data)
    }
}
