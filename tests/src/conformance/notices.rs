//! Tools that send notifications while they run, tools that change a list, and subscriptions to such changes.

use rmcp::model::{
    CallToolResponse, CallToolResult, ContentBlock, ProgressNotificationParam, ServerNotification,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer};
use serde_json::json;
use tokio::sync::watch;

use super::fixtures::from_json;

/// How often each list has changed.
#[derive(Clone, Copy, Default)]
pub(super) struct Changes {
    tools: u64,
    prompts: u64,
}

/// Runs a tool of this module. Every other module was asked before, so that any other name is unknown.
pub(super) async fn call(
    name: &str,
    context: &RequestContext<RoleServer>,
    changes: &watch::Sender<Changes>,
) -> Result<CallToolResponse, ErrorData> {
    match name {
        "test_tool_with_logging" => log(context).await,
        // Since 2026-07-28 logs are sent only if the request asks for them.
        "test_logging_tool" if context.meta.log_level().is_some() => log(context).await,
        "test_logging_tool" => {}
        "test_tool_with_progress" => report_progress(context).await,
        "test_trigger_tool_change" => changes.send_modify(|changes| changes.tools += 1),
        "test_trigger_prompt_change" => changes.send_modify(|changes| changes.prompts += 1),
        _ => return Err(ErrorData::invalid_params(format!("there is no tool `{name}`"), None)),
    }
    Ok(CallToolResult::success(vec![ContentBlock::text("Done.")]).into())
}

/// Tells the subscriber what changes, until it goes away. What it did not ask for, rmcp does not send.
pub(super) async fn listen(context: &SubscriptionContext, mut changes: watch::Receiver<Changes>) {
    let mut told = *changes.borrow();
    loop {
        tokio::select! {
            () = context.cancelled() => return,
            outcome = changes.changed() => if outcome.is_err() { return },
        }
        let now = *changes.borrow_and_update();
        if now.tools > told.tools {
            let _ = context.sink().notify_tool_list_changed().await;
        }
        if now.prompts > told.prompts {
            let _ = context.sink().notify_prompt_list_changed().await;
        }
        told = now;
    }
}

async fn log(context: &RequestContext<RoleServer>) {
    for step in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        let notification: ServerNotification = from_json(json!({
            "method": "notifications/message",
            "params": {"level": "info", "logger": "conformance-fixtures", "data": step},
        }));
        // A client that went away is not told; nothing else can fail here.
        let _ = context.peer.send_notification(notification).await;
    }
}

async fn report_progress(context: &RequestContext<RoleServer>) {
    let Some(token) = context.meta.get_progress_token() else { return };
    for progress in [0.0, 50.0, 100.0] {
        let progress = ProgressNotificationParam::new(token.clone(), progress).with_total(100.0);
        let _ = context.peer.notify_progress(progress).await;
    }
}
