//! Server spans and the duration metric for an axum router.
//!
//! Recorded: method, route template, status, error code. Never the path as asked for, the query, a header
//! or a body: an MCP request carries a bearer token and OAuth redirects carry codes.

use std::borrow::Cow;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use clap::ValueEnum;
use opentelemetry::metrics::{Histogram, Meter};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tracing::{Instrument, Span, field, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{names, propagation};

/// Put this into a response's extensions where the error is known: it becomes `error.type` on the span and
/// the metric. The vocabulary must be closed, for each value is a time series.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ErrorType(pub Cow<'static, str>);

/// The state of [`observe`]: the instruments it records into.
#[derive(Clone, Debug)]
pub struct ServerMetrics {
    duration: Histogram<f64>,
}

impl ServerMetrics {
    /// Makes the instruments.
    pub fn new(meter: &Meter) -> Self {
        let duration = meter
            .f64_histogram(names::HTTP_SERVER_REQUEST_DURATION)
            .with_unit(names::UNIT_SECONDS)
            .with_description("Duration of HTTP server requests")
            .build();
        Self { duration }
    }
}

/// Middleware: a server span around each request, in the caller's trace, and its duration.
///
/// ```
/// # use axum::{Router, middleware::from_fn_with_state, routing::get};
/// # let metrics = telemetry::Metrics::new("gateway").unwrap();
/// use telemetry::http::{ServerMetrics, observe};
/// let app: Router = Router::new()
///     .route("/mcp", get(|| async {}))
///     .layer(from_fn_with_state(ServerMetrics::new(&metrics.meter("http")), observe));
/// ```
pub async fn observe(State(metrics): State<ServerMetrics>, request: Request, next: Next) -> Response {
    let mut observation = Observation::start(metrics, &request);
    let span = server_span(&observation, &request);
    let response = next.run(request).instrument(span.clone()).await;
    observation.finish(&response, &span);
    response
}

/// What the trace that a caller from outside names is to ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TraceContext {
    /// The parent, once the caller is proved: their trace goes on here.
    Parent,
    /// A link: our trace is our own.
    Link,
}

/// Puts the span of an operation where the caller wants it, whose word counts from here on: into the trace that `said` names
/// (of MCP, `_meta.traceparent`), else the header. The span that it is made in is linked then. What is malformed is ignored: a
/// fault of telemetry fails no call. Call it before the span is entered.
pub fn belong_to(span: &Span, said: Option<&str>, headers: Option<&HeaderMap>, caller_is: TraceContext) {
    if span.is_disabled() {
        return;
    }
    let header = || headers?.get(propagation::TRACEPARENT)?.to_str().ok();
    let caller = said.and_then(propagation::remote).or_else(|| propagation::remote(header()?));
    let Some(caller) = caller else { return };
    if caller_is == TraceContext::Link {
        return span.add_link(caller);
    }
    let around = Span::current().context().span().span_context().clone();
    // An error says that the span is not recorded: then there is nothing to place.
    if span.set_parent(Context::new().with_remote_span_context(caller)).is_ok() && around.is_valid() {
        span.add_link(around);
    }
}

fn server_span(observation: &Observation, request: &Request) -> Span {
    let name = match &observation.route {
        Some(route) => format!("{} {route}", observation.method),
        None => observation.method.to_owned(),
    };
    let span = info_span!(
        names::SPAN_GATEWAY_REQUEST,
        otel.name = name,
        otel.kind = "server",
        http.request.method = observation.method,
        http.route = observation.route.as_deref(),
        http.response.status_code = field::Empty,
        error.type = field::Empty,
        otel.status_code = field::Empty,
    );
    propagation::link(&span, request.headers());
    span
}

/// One request under way. Dropped before it finished, the caller went away: that is counted too, and not
/// as a success.
struct Observation {
    metrics: ServerMetrics,
    started: Instant,
    method: &'static str,
    route: Option<String>,
    outcome: Vec<KeyValue>,
}

impl Observation {
    fn start(metrics: ServerMetrics, request: &Request) -> Self {
        Self {
            metrics,
            started: Instant::now(),
            method: known_method(request.method()),
            route: request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()),
            outcome: vec![KeyValue::new(names::ERROR_TYPE, names::OUTCOME_CANCELLED)],
        }
    }

    fn finish(&mut self, response: &Response, span: &Span) {
        let status = response.status();
        span.record(names::HTTP_RESPONSE_STATUS_CODE, status.as_u16());
        self.outcome = vec![KeyValue::new(names::HTTP_RESPONSE_STATUS_CODE, i64::from(status.as_u16()))];
        let error = match response.extensions().get::<ErrorType>() {
            Some(ErrorType(code)) => Some(code.to_string()),
            None if status.is_server_error() => Some(status.as_str().to_owned()),
            None => None,
        };
        if let Some(error) = error {
            span.record(names::ERROR_TYPE, error.as_str());
            self.outcome.push(KeyValue::new(names::ERROR_TYPE, error));
        }
        if status.is_server_error() {
            // Semantic conventions: for a server only 5xx is an error of the span.
            span.record("otel.status_code", "ERROR");
        }
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let mut attributes = std::mem::take(&mut self.outcome);
        attributes.push(KeyValue::new(names::HTTP_REQUEST_METHOD, self.method));
        if let Some(route) = self.route.take() {
            attributes.push(KeyValue::new(names::HTTP_ROUTE, route));
        }
        self.metrics.duration.record(self.started.elapsed().as_secs_f64(), &attributes);
    }
}

/// A method a caller made up must not become a label: `_OTHER`, as the semantic conventions say.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::response::IntoResponse;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::metrics::Metrics;
    use crate::testing::Captured;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    async fn refuse() -> Response {
        let code = ErrorType("missing_scope:cost.export".into());
        (StatusCode::FORBIDDEN, axum::Extension(code), "no").into_response()
    }

    fn app(metrics: &Metrics) -> Router {
        Router::new()
            .route("/items/{id}", get(refuse))
            .route("/slow", get(std::future::pending::<()>))
            .layer(from_fn_with_state(ServerMetrics::new(&metrics.meter("http")), observe))
    }

    #[tokio::test]
    async fn a_request_is_observed_by_template_status_and_code() {
        let captured = Captured::install("info");
        let metrics = Metrics::new("gateway").unwrap();
        let request = Request::get("/items/s3cret?code=s3cret")
            .header("authorization", "Bearer s3cret")
            .header("traceparent", TRACEPARENT)
            .body(Body::empty())
            .unwrap();
        app(&metrics).oneshot(request).await.unwrap();

        let text = metrics.render();
        for label in [
            r#"http_route="/items/{id}""#,
            r#"http_response_status_code="403""#,
            r#"error_type="missing_scope:cost.export""#,
            r#"http_request_method="GET""#,
        ] {
            assert!(text.contains(label), "{label} in {text}");
        }
        let span = captured.spans().into_iter().find(|span| span.name == "GET /items/{id}").unwrap();
        // Nobody outside chooses the trace; it is linked.
        assert_ne!(span.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span.links, ["4bf92f3577b34da6a3ce929d0e0e4736"]);
        assert_eq!(span.attribute(names::ERROR_TYPE), Some("missing_scope:cost.export"));
        assert!(!text.contains("s3cret"));
        assert!(!format!("{span:?}").contains("s3cret"));
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_counts_as_cancelled() {
        let metrics = Metrics::new("gateway").unwrap();
        let call = app(&metrics).oneshot(Request::get("/slow").body(Body::empty()).unwrap());
        tokio::select! {
            biased;
            _ = call => unreachable!("the handler never answers"),
            () = tokio::task::yield_now() => {}
        }
        assert!(metrics.render().contains(r#"error_type="cancelled""#));
    }

    #[test]
    fn an_invented_method_is_no_label() {
        assert_eq!(known_method(&Method::from_bytes(b"INVENTED").unwrap()), "_OTHER");
    }
}
