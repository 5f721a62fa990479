//! Every span, metric and attribute name, once.
//!
//! Dashboards, alerts and tests refer to these; renaming one is a breaking change. A metric's Prometheus
//! name is this name with dots as underscores, its unit appended, and `_total` on a counter:
//! `gateway.tool.duration` in seconds becomes `gateway_tool_duration_seconds`.

// === Spans ===

/// Span: one HTTP request to the gateway (server).
pub const SPAN_GATEWAY_REQUEST: &str = "gateway.request";
/// Span: one MCP tool call inside a request.
pub const SPAN_GATEWAY_TOOL_CALL: &str = "gateway.tool.call";
/// Span: the gateway's call of the broker (client).
pub const SPAN_GATEWAY_EXCHANGE: &str = "gateway.exchange";
/// Span: one exchange at the broker, cached or not (server).
pub const SPAN_BROKER_EXCHANGE: &str = "broker.exchange";
/// Span: one request to Entra ID's token endpoint (client).
pub const SPAN_BROKER_ENTRA_TOKEN: &str = "broker.entra.token";
/// Span: one Cost Management query, all its pages (client). The cost crate, which knows no telemetry, writes the
/// same literals.
pub const SPAN_COST_QUERY: &str = "cost.query";
/// Span: the listing of subscriptions, all its pages (client).
pub const SPAN_COST_SUBSCRIPTIONS: &str = "cost.subscriptions";
/// Span: one cost details report, from request to download (client).
pub const SPAN_COST_DETAILS: &str = "cost.details";

// === Metrics: gateway ===

/// Counter, requests: refusals by [`ERROR_TYPE`], the `code` of the problem document.
pub const GATEWAY_REFUSALS: &str = "gateway.refusals";
/// Histogram, seconds: a tool call by [`TOOL_NAME`] and [`OUTCOME`].
pub const GATEWAY_TOOL_DURATION: &str = "gateway.tool.duration";
/// Histogram, seconds: an HTTP request by method, route and status (OpenTelemetry semantic conventions).
pub const HTTP_SERVER_REQUEST_DURATION: &str = "http.server.request.duration";

// === Metrics: broker ===

/// Counter, exchanges: answers by [`OUTCOME`], [`ERROR_TYPE`] and, where Entra gave one, [`AADSTS`].
pub const BROKER_EXCHANGES: &str = "broker.exchanges";
/// Histogram, seconds: one request to Entra's token endpoint by [`OUTCOME`].
pub const BROKER_ENTRA_DURATION: &str = "broker.entra.duration";
/// Counter, exchanges: requests to Entra's token endpoint by [`OUTCOME`] (what throttling counts).
pub const BROKER_ENTRA_REQUESTS: &str = "broker.entra.requests";
/// Histogram, seconds: an exchange by [`OUTCOME`] and [`CACHE`].
pub const BROKER_EXCHANGE_DURATION: &str = "broker.exchange.duration";
/// Counter, exchanges: answered from the cache.
pub const BROKER_CACHE_HITS: &str = "broker.cache.hits";
/// Counter, exchanges: not in the cache, or no longer fresh.
pub const BROKER_CACHE_MISSES: &str = "broker.cache.misses";
/// Gauge, entries: downstream tokens held.
pub const BROKER_CACHE_ENTRIES: &str = "broker.cache.entries";
/// Up-down counter, exchanges: exchanges being worked on.
pub const BROKER_INFLIGHT: &str = "broker.inflight";
/// Gauge, days: what is left of the broker's own certificate. Alert on this one.
pub const BROKER_CREDENTIAL_DAYS_LEFT: &str = "broker.credential.days_left";

// === Metrics: signing keys, in both services ===

/// Gauge, seconds: age of the signing keys in use; they are believed for 24 hours at most. Alert on this one.
pub const IDENTITY_JWKS_AGE: &str = "identity.jwks.age";

// === Attributes ===

/// The stable code of an error: one string in logs, metrics, gRPC `ErrorInfo.reason` and problem `code`.
pub const ERROR_TYPE: &str = "error.type";
/// How it ended: one of [`OUTCOME_OK`], [`OUTCOME_ERROR`], [`OUTCOME_CANCELLED`].
pub const OUTCOME: &str = "outcome";
/// Entra's error number, without the `AADSTS` prefix.
pub const AADSTS: &str = "aadsts";
/// Whether the cache answered: `hit` or `miss`.
pub const CACHE: &str = "cache";
/// Name of an MCP tool. Only names from the tool table: never what a client sent.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// HTTP method, or `_OTHER` for one that is not a standard method.
pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
/// The route's template, never the path that was asked for.
pub const HTTP_ROUTE: &str = "http.route";
/// HTTP status code.
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";

/// Value of [`OUTCOME`]: it worked.
pub const OUTCOME_OK: &str = "ok";
/// Value of [`OUTCOME`]: it failed or was refused.
pub const OUTCOME_ERROR: &str = "error";
/// Value of [`OUTCOME`]: the caller went away first.
pub const OUTCOME_CANCELLED: &str = "cancelled";

// === Units (UCUM) ===

/// Unit of every duration.
pub const UNIT_SECONDS: &str = "s";
