//! A tool call as it is seen from outside: its span, its measure, and the one line of the log that it gets.

use std::time::Instant;

use axum::http::request::Parts;
use cost::Usage;
use rmcp::RoleServer;
use rmcp::model::{ProtocolVersion, RequestId};
use rmcp::service::RequestContext;
use telemetry::http::belong_to;
use telemetry::names;
use tracing::{Span, field, info_span};

use super::SUPPORTED;
use super::answer::Failure;
use super::context::Services;
use super::registry::Entry;
use crate::caller::Caller;

/// The longest id of a request that is noted: a counter, a UUID. A longer one is the caller's text.
const MAX_ID: usize = 40;

/// One tool call under way.
pub(super) struct Observed<'a> {
    services: &'a Services,
    method: &'static str,
    tool: &'static str,
    user: String,
    started: Instant,
    pub(super) span: Span,
    /// What it uses at Azure.
    pub(super) usage: Usage,
}

impl<'a> Observed<'a> {
    pub(super) fn begin(
        services: &'a Services,
        method: &'static str,
        entry: &'static Entry,
        caller: &Caller,
        context: &RequestContext<RoleServer>,
    ) -> Self {
        let (tool, user) = (entry.name, services.users.word_for(&caller.principal));
        let parts = context.extensions.get::<Parts>();
        let span = info_span!(
            names::SPAN_GATEWAY_TOOL_CALL,
            otel.name = %format_args!("{method} {tool}"),
            otel.kind = "server",
            mcp.method.name = method,
            mcp.protocol.version = version(parts, context),
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = tool,
            jsonrpc.request.id = id(&context.id),
            network.transport = "tcp",
            network.protocol.name = "http",
            user.hash = user,
            azure.requests = field::Empty,
            azure.query_units = field::Empty,
            error.type = field::Empty,
            otel.status_code = field::Empty,
            otel.status_description = field::Empty
        );
        belong_to(
            &span,
            context.meta.get_traceparent(),
            parts.map(|parts| &parts.headers),
            services.trace_context,
        );
        Self { services, method, tool, user, started: Instant::now(), span, usage: Usage::default() }
    }

    /// Notes how it ended.
    pub(super) fn end<T>(self, outcome: &Result<T, Failure>) {
        let Self { services, method, tool, user, started, span, usage } = self;
        let took = started.elapsed();
        // Who left was failed by nobody.
        let code = outcome
            .as_ref()
            .err()
            .filter(|failure| !matches!(failure, Failure::Cancelled))
            .map(Failure::code);
        let word = match outcome {
            Ok(_) => names::OUTCOME_OK,
            Err(Failure::Cancelled) => names::OUTCOME_CANCELLED,
            Err(_) => names::OUTCOME_ERROR,
        };
        services.instruments.tool_called(method, tool, word, code.as_deref(), took);
        // Whoever fetches an answer that was still to come tells what it took after this.
        let told = Usage::default();
        told.adopt(&usage);
        let (requests, units) = (told.requests(), told.query_units());
        span.record("azure.requests", requests).record("azure.query_units", field::display(units));
        if let Some(code) = &code {
            span.record("error.type", &**code).record("otel.status_code", "ERROR");
        }
        let _entered = span.enter();
        tracing::info!(
            method,
            tool,
            outcome = word,
            code = code.as_deref(),
            duration_ms = took.as_millis(),
            azure_requests = requests,
            query_units = %units,
            user,
            "tool called"
        );
    }
}

/// The version of the protocol that the request says it follows: one of those there are, never the caller's text.
fn version(parts: Option<&Parts>, context: &RequestContext<RoleServer>) -> Option<&'static str> {
    let meta = context.meta.get("io.modelcontextprotocol/protocolVersion").and_then(|value| value.as_str());
    let header = || parts?.headers.get("mcp-protocol-version")?.to_str().ok();
    let said = meta.or_else(header)?;
    SUPPORTED.iter().map(ProtocolVersion::as_str).find(|version| *version == said)
}

/// The id that the client gave the request, where it can be nothing but an id.
fn id(id: &RequestId) -> Option<String> {
    let id = id.to_string();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (id.len() <= MAX_ID && id.bytes().all(is_plain)).then_some(id)
}
