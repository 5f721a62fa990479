//! Every span, metric and attribute name, once.
//!
//! Names of OpenTelemetry's semantic conventions are those of [`SCHEMA_URL`], and for MCP and generative AI of
//! open-telemetry/semantic-conventions-genai as of August 2026, where all is in development: they change here and nowhere else.
//!
//! Dashboards, alerts and tests refer to these; renaming one is a breaking change. A metric's Prometheus
//! name is this name with dots as underscores, its unit appended, and `_total` on a counter:
//! `gateway.tool.duration` in seconds becomes `gateway_tool_duration_seconds`.

/// The version of the semantic conventions that these names are of.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.45.0";

// === Spans ===

/// Span: one HTTP request to the gateway (server).
pub const SPAN_GATEWAY_REQUEST: &str = "gateway.request";
/// Span: one MCP tool call (server); to a collector it is `tools/call <tool>`.
pub const SPAN_GATEWAY_TOOL_CALL: &str = "gateway.tool.call";
/// Span: the gateway's call of the broker (client); to a collector it is the method's full name, [`RPC_EXCHANGE`].
pub const SPAN_GATEWAY_EXCHANGE: &str = "gateway.exchange";
/// Span: one exchange at the broker, cached or not (server); to a collector [`RPC_EXCHANGE`].
pub const SPAN_BROKER_EXCHANGE: &str = "broker.exchange";
/// Span: the purge of one user at the broker (server); to a collector [`RPC_PURGE_USER`].
pub const SPAN_BROKER_PURGE: &str = "broker.purge";
/// Span: one request to Entra ID's token endpoint (client); to a collector `POST` and the path without the tenant.
pub const SPAN_BROKER_ENTRA_TOKEN: &str = "broker.entra.token";
/// Span: one page of a Cost Management query (client). The cost crate, which knows no telemetry, writes the
/// same literals.
pub const SPAN_COST_QUERY: &str = "cost.query";
/// Span: a question waits for its turn at Azure.
pub const SPAN_COST_WAIT: &str = "cost.wait";
/// Span: a page of the dimensions of a scope (client).
pub const SPAN_COST_DIMENSIONS: &str = "cost.dimensions";
/// Span: a page of the tags of a scope (client).
pub const SPAN_COST_TAGS: &str = "cost.tags";
/// Span: a page of a list of a scope's benefits, recommendations or lots (client).
pub const SPAN_COST_LIST: &str = "cost.list";
/// Span: a page of the budgets of a scope (client).
pub const SPAN_COST_BUDGETS: &str = "cost.budgets";
/// Span: what a person may do at a scope (client).
pub const SPAN_COST_PERMISSIONS: &str = "cost.permissions";
/// Span: the listing of subscriptions, all its pages (client).
pub const SPAN_COST_SUBSCRIPTIONS: &str = "cost.subscriptions";
/// Span: one request to Azure (client); to a collector the method and the path without its ids.
pub const SPAN_COST_REQUEST: &str = "cost.request";
/// Span: one export, from the first report to the last byte of its file (client).
pub const SPAN_COST_EXPORT: &str = "cost.export";

// === Log records ===

/// Target of the log line that holds a checkpoint of the audit: it goes to the collector as well.
pub const AUDIT_CHECKPOINT: &str = "audit::checkpoint";

// === Metrics: gateway ===

/// Counter, requests: refusals by [`ERROR_TYPE`], the `code` of the problem document.
pub const GATEWAY_REFUSALS: &str = "gateway.refusals";
/// Histogram, seconds: a tool call by [`TOOL_NAME`], [`OUTCOME`] and, where it failed, [`ERROR_TYPE`].
pub const GATEWAY_TOOL_DURATION: &str = "gateway.tool.duration";
/// Histogram, seconds: an MCP operation by [`MCP_METHOD_NAME`], [`TOOL_NAME`] and, where it failed, [`ERROR_TYPE`]
/// (OpenTelemetry semantic conventions).
pub const MCP_SERVER_OPERATION_DURATION: &str = "mcp.server.operation.duration";
/// Histogram, seconds: a call of another service of ours, by [`RPC_METHOD`], [`RPC_STATUS_CODE`] and, where it failed,
/// [`ERROR_TYPE`] (OpenTelemetry semantic conventions).
pub const RPC_CLIENT_CALL_DURATION: &str = "rpc.client.call.duration";
/// Histogram, seconds: a call answered, by the same (OpenTelemetry semantic conventions).
pub const RPC_SERVER_CALL_DURATION: &str = "rpc.server.call.duration";
/// Histogram, seconds: a request to Entra ID or Azure, by method, [`URL_TEMPLATE`], host and status or [`ERROR_TYPE`]
/// (OpenTelemetry semantic conventions).
pub const HTTP_CLIENT_REQUEST_DURATION: &str = "http.client.request.duration";
/// Up-down counter, connections: open connections of MCP clients.
pub const GATEWAY_CONNECTIONS: &str = "gateway.connections";
/// Counter, connections: not let in, or ended so that another could be, by [`CAUSE`]: `full`, `address_full`,
/// `descriptors`, `handshake`, `slow` or `not_a_proxy`. Alert on `full` and `descriptors`.
pub const GATEWAY_CONNECTIONS_REFUSED: &str = "gateway.connections.refused";
/// Gauge, by [`FILE`]: 1 while a followed file holds something else than what is in force, because it cannot be used or
/// cannot be read. Alert on this one.
pub const GATEWAY_FILES_STALE: &str = "gateway.files.stale";
/// Gauge, people: who called within the last two minutes, about, where each person's calls are limited. How many, never who.
pub const GATEWAY_PEOPLE: &str = "gateway.people";
/// Gauge, query units: what the directory has left at Azure, by [`WINDOW`]. Alert on `h`.
pub const GATEWAY_COST_UNITS_LEFT: &str = "gateway.cost.units.left";
/// Histogram, seconds: a question waited for its turn at Azure, by [`KIND`]: `interactive`, `bulk`, `page` (the next of an answer)
/// or `refused` (Azure sent it away once).
pub const GATEWAY_COST_WAIT_DURATION: &str = "gateway.cost.wait.duration";
/// Gauge, questions: that wait for their turn.
pub const GATEWAY_COST_QUEUE: &str = "gateway.cost.queue";
/// Counter, lookups: into the answers that are kept, by [`RESULT`]: `hit`, `derived` (made of another answer), `miss` or `refused` (it
/// was not proved that the person may still see it).
pub const GATEWAY_COST_CACHE_LOOKUPS: &str = "gateway.cost.cache.lookups";
/// Counter, answers: that were still to come, by [`RESULT`]: `given` (the call was told so) or `collected` (a later call had it).
pub const GATEWAY_COST_PENDING: &str = "gateway.cost.pending";
/// Gauge, exports: that are kept, by [`KIND`]: `ready` or `written` (not ready yet).
pub const GATEWAY_EXPORTS: &str = "gateway.exports";
/// Gauge, bytes: on disk, of all exports, by [`KIND`]: `taken`, and the `most` that they may take.
pub const GATEWAY_EXPORT_DISK: &str = "gateway.export.disk";
/// Counter, exports: that could not be kept, by [`ERROR_TYPE`].
pub const GATEWAY_EXPORTS_REFUSED: &str = "gateway.exports.refused";
/// Counter, answers: with an export or a part of one, by [`OUTCOME`]: `ok`, `cancelled` (who fetched it left), `too_slow` or
/// `export_store_unavailable`.
pub const GATEWAY_EXPORT_DOWNLOADS: &str = "gateway.export.downloads";
/// Counter, bytes: of exports that were sent to those who fetched them.
pub const GATEWAY_EXPORT_SENT: &str = "gateway.export.sent";
/// Counter, requests: to the sign-in facade, by [`OPERATION`] (`authorize`, `token` or `register`), [`CLIENT`] and, where it was
/// refused, [`ERROR_TYPE`].
pub const GATEWAY_SIGN_IN_REQUESTS: &str = "gateway.sign_in.requests";
/// Histogram, seconds: an HTTP request by method, route and status (OpenTelemetry semantic conventions).
pub const HTTP_SERVER_REQUEST_DURATION: &str = "http.server.request.duration";

/// Gauge, by [`VERSION`]: 1, what runs. `target_info` has the same, and what else the resource says.
pub const GATEWAY_BUILD_INFO: &str = "gateway.build.info";

// === Metrics: broker ===

/// Counter, exchanges: answers by [`CONSUMER`], [`OUTCOME`], [`ERROR_TYPE`] and, where Entra gave one, [`AADSTS`].
pub const BROKER_EXCHANGES: &str = "broker.exchanges";
/// Histogram, seconds: one request to Entra's token endpoint by [`OUTCOME`].
pub const BROKER_ENTRA_DURATION: &str = "broker.entra.duration";
/// Counter, exchanges: requests to Entra's token endpoint by [`OUTCOME`] (what throttling counts).
pub const BROKER_ENTRA_REQUESTS: &str = "broker.entra.requests";
/// Counter, pauses: all calls to Entra of one [`RESOURCE`] began to hold back, by [`CAUSE`].
pub const BROKER_ENTRA_PAUSES: &str = "broker.entra.pauses";
/// Counter, exchanges: not sent to Entra because calls of that [`RESOURCE`] hold back.
pub const BROKER_ENTRA_THROTTLED: &str = "broker.entra.throttled";
/// Histogram, seconds: an exchange by [`OUTCOME`] and [`CACHE`].
pub const BROKER_EXCHANGE_DURATION: &str = "broker.exchange.duration";
/// Counter, exchanges: answered from a cache, by [`LEVEL`].
pub const BROKER_CACHE_HITS: &str = "broker.cache.hits";
/// Counter, exchanges: in no cache, or no longer fresh there.
pub const BROKER_CACHE_MISSES: &str = "broker.cache.misses";
/// Gauge, entries: tokens and refusals in this process's memory.
pub const BROKER_CACHE_ENTRIES: &str = "broker.cache.entries";
/// Gauge, bytes: what they take, about.
pub const BROKER_CACHE_SIZE: &str = "broker.cache.size";
/// Counter, entries: left this process's memory, by [`CAUSE`]: `size` means that it is too small.
pub const BROKER_CACHE_EVICTIONS: &str = "broker.cache.evictions";
/// Counter, refreshes: exchanges in the background, before an entry ended, by [`OUTCOME`].
pub const BROKER_CACHE_REFRESHES: &str = "broker.cache.refreshes";
/// Counter, purges: of users, by [`OUTCOME`].
pub const BROKER_PURGES: &str = "broker.purges";
/// Gauge: 1 while Redis answers, 0 while this replica goes on by itself. Alert on this one.
pub const BROKER_REDIS_UP: &str = "broker.redis.up";
/// Histogram, seconds: one operation at Redis by [`OPERATION`] and [`OUTCOME`].
pub const BROKER_REDIS_DURATION: &str = "broker.redis.duration";
/// Counter, entries: found in Redis and of no use, by [`CAUSE`]: `unknown_key` or `forged`. Alert on `forged`.
pub const BROKER_REDIS_UNUSABLE: &str = "broker.redis.unusable";
/// Up-down counter, exchanges: exchanges being worked on.
pub const BROKER_INFLIGHT: &str = "broker.inflight";
/// Counter, calls: calling services turned away, by [`CAUSE`] (`unknown_consumer`, `ambiguous_consumer`, `resource`,
/// `purge`, `overloaded`) and, where it is known, [`CONSUMER`].
pub const BROKER_CONSUMER_REFUSALS: &str = "broker.consumer.refusals";
/// Up-down counter, connections: open gRPC connections.
pub const BROKER_CONNECTIONS: &str = "broker.connections";
/// Counter, connections: not let in, by [`CAUSE`]: `handshake`, `slow`, `certificate`, `full` or `peer_full`.
pub const BROKER_CONNECTIONS_REFUSED: &str = "broker.connections.refused";
/// Gauge, by [`FILE`]: 1 while a followed file holds something else than what is in force, because it cannot be used or
/// cannot be read. Alert on this one.
pub const BROKER_FILES_STALE: &str = "broker.files.stale";
/// Gauge, days: what is left of the certificate that gRPC and the admin address are served with, over TLS. Alert on this one.
pub const BROKER_TLS_DAYS_LEFT: &str = "broker.tls.days_left";
/// Gauge, days: what is left of the broker's own certificate; absent where the credential is another kind, which
/// renews itself. Alert on this one.
pub const BROKER_CREDENTIAL_DAYS_LEFT: &str = "broker.credential.days_left";
/// Gauge, findings: what the last look at the tenant found, by [`CHECK`] and [`RESULT`]. Alert on `missing`.
pub const BROKER_PREFLIGHT_FINDINGS: &str = "broker.preflight.findings";
/// Gauge, by [`VERSION`]: 1, what runs. `target_info` has the same, and what else the resource says.
pub const BROKER_BUILD_INFO: &str = "broker.build.info";

// === Metrics: signing keys, in both services ===

/// Gauge, seconds: age of the signing keys in use; they are believed for 24 hours at most. Alert on this one.
pub const IDENTITY_JWKS_AGE: &str = "identity.jwks.age";

// === Metrics: the audit, in both services ===

/// Counter, records: written to the audit, by [`KIND`].
pub const AUDIT_RECORDS: &str = "audit.records";
/// Counter, records: there was no room for them; a gap record says so as well. Alert on this one.
pub const AUDIT_LOST: &str = "audit.lost";
/// Gauge: 1 while audit records can be written. Alert on this one.
pub const AUDIT_UP: &str = "audit.up";
/// Histogram, seconds: writing one group of audit records, flush included.
pub const AUDIT_WRITE_DURATION: &str = "audit.write.duration";

// === Metrics: what is sent to the collector, in both services ===

/// Counter, spans: the collector took them.
pub const TELEMETRY_SPANS_EXPORTED: &str = "telemetry.spans.exported";
/// Counter, spans: the collector did not get them, by [`CAUSE`]: `full` (it is slower than they come) or `failed` (it was
/// not reached, or refused them). Alert on this one.
pub const TELEMETRY_SPANS_DROPPED: &str = "telemetry.spans.dropped";
/// Counter, exports: failed, by [`SIGNAL`].
pub const TELEMETRY_EXPORTS_FAILED: &str = "telemetry.exports.failed";

// === Attributes ===

/// The stable code of an error: one string in logs, metrics, gRPC `ErrorInfo.reason` and problem `code`.
pub const ERROR_TYPE: &str = "error.type";
/// How it ended: one of [`OUTCOME_OK`], [`OUTCOME_ERROR`], [`OUTCOME_CANCELLED`].
pub const OUTCOME: &str = "outcome";
/// Entra's error number, without the `AADSTS` prefix; `other` for a number that the broker does not know.
pub const AADSTS: &str = "aadsts";
/// A calling service, by its name in the broker's consumers file: never by what it says of itself.
pub const CONSUMER: &str = "consumer";
/// A client of the sign-in facade, by its name in the gateway's file, or `unknown`: never what it says of itself.
pub const CLIENT: &str = "client";
/// Name of a downstream resource, from configuration.
pub const RESOURCE: &str = "resource";
/// Who answered an exchange: `local`, `shared` (both caches) or `miss` (Entra ID).
pub const CACHE: &str = "cache";
/// Which cache: `local` (this process's memory) or `shared` (Redis).
pub const LEVEL: &str = "level";
/// A check of the preflight by its stable name.
pub const CHECK: &str = "check";
/// What a check or a look found; a few fixed words for each metric.
pub const RESULT: &str = "result";
/// Why it happened; a few fixed words for each metric.
pub const CAUSE: &str = "cause";
/// What was done; a few fixed words for each metric.
pub const OPERATION: &str = "operation";
/// A followed file, or several that belong together: one of a few fixed words, never a path.
pub const FILE: &str = "file";
/// Kind of an audit record, or of a wait; a few fixed words.
pub const KIND: &str = "kind";
/// A window that Azure counts in: `10s`, `min` or `h`.
pub const WINDOW: &str = "window";
/// Kind of telemetry: `traces`, `metrics` or `logs`.
pub const SIGNAL: &str = "signal";
/// Version of a service.
pub const VERSION: &str = "version";
/// Name of an MCP tool. Only names from the tool table: never what a client sent.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// Method of MCP. Only those that the server has.
pub const MCP_METHOD_NAME: &str = "mcp.method.name";
/// System of a remote call: `grpc`.
pub const RPC_SYSTEM_NAME: &str = "rpc.system.name";
/// Full name of a method of gRPC.
pub const RPC_METHOD: &str = "rpc.method";
/// Name of a gRPC code.
pub const RPC_STATUS_CODE: &str = "rpc.status_code";
/// Value of [`RPC_METHOD`].
pub const RPC_EXCHANGE: &str = "token_broker.v1.TokenBroker/Exchange";
/// Value of [`RPC_METHOD`].
pub const RPC_PURGE_USER: &str = "token_broker.v1.TokenBroker/PurgeUser";
/// Value of [`RPC_METHOD`].
pub const RPC_PREFLIGHT: &str = "token_broker.v1.TokenBroker/Preflight";
/// Host of another service, from configuration.
pub const SERVER_ADDRESS: &str = "server.address";
/// A path with its ids left out.
pub const URL_TEMPLATE: &str = "url.template";
/// HTTP method, or `_OTHER` for one that is not a standard method.
pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
/// The route's template, never the path that was asked for.
pub const HTTP_ROUTE: &str = "http.route";
/// HTTP status code.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";

/// Every attribute that a span of ours may have. Nothing else reaches a collector: a new one is a decision.
pub const SPAN_ATTRIBUTES: &[&str] = &[
    "aadsts",
    "azure.client.request.id",
    "azure.query_units",
    "azure.requests",
    "azure.service.request.id",
    "bytes",
    "cache",
    "challenged",
    "consumer",
    "correlation_id",
    "error.type",
    "expected_seconds",
    "format",
    "gen_ai.operation.name",
    "gen_ai.tool.name",
    "http.request.method",
    "http.request.resend_count",
    "http.response.status_code",
    "http.route",
    "jsonrpc.request.id",
    "kind",
    "mcp.method.name",
    "mcp.protocol.version",
    "network.protocol.name",
    "network.transport",
    "page",
    "pages",
    "reason",
    "resource",
    "rows",
    "rpc.method",
    "rpc.status_code",
    "rpc.system.name",
    "scope.kind",
    "server.address",
    "server.port",
    "status",
    "subscription",
    "units",
    "url.template",
    "user.hash",
];

/// Value of [`OUTCOME`]: it worked.
pub const OUTCOME_OK: &str = "ok";
/// Value of [`OUTCOME`]: it failed or was refused.
pub const OUTCOME_ERROR: &str = "error";
/// Value of [`OUTCOME`]: the caller went away first.
pub const OUTCOME_CANCELLED: &str = "cancelled";

/// Value of [`CAUSE`]: Entra asked for it.
pub const CAUSE_THROTTLED: &str = "throttled";
/// Value of [`CAUSE`]: several faults in a row.
pub const CAUSE_FAULTS: &str = "faults";

// === Units (UCUM) ===

/// Unit of every duration.
pub const UNIT_SECONDS: &str = "s";
/// Unit of every size.
pub const UNIT_BYTES: &str = "By";
