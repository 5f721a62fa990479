//! The admin port: `/healthz` (the process lives), `/readyz` (it can do its work), `/metrics`. And the health port, which has
//! the first two alone and says no more than a word.
//!
//! Serve each on its own listener: nothing here asks who is calling.

use std::future::Future;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::metrics::Metrics;

/// How long `/readyz` waits for its checks: less than the one to five seconds probes commonly allow.
const READINESS_DEADLINE: Duration = Duration::from_millis(900);

/// One thing the service needs before it can work, and whether it has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Check {
    /// What is needed, for example `signing_keys`. Shown to whoever can reach the admin port.
    pub name: &'static str,
    /// Whether it is there.
    pub ok: bool,
    /// How it stands, in a word that is shown.
    pub state: &'static str,
}

impl Check {
    /// Names a need and says whether it is met.
    pub fn new(name: &'static str, ok: bool) -> Self {
        Self { name, ok, state: if ok { "ok" } else { "failing" } }
    }

    /// The same, told in another word: for what may be amiss without keeping the service from its work.
    #[must_use]
    pub fn described(self, state: &'static str) -> Self {
        Self { state, ..self }
    }
}

/// The admin routes. `readiness` is asked on each probe and answers with every check the service has; it
/// must look at state it already holds rather than call others.
pub fn router<F, Fut>(metrics: Metrics, readiness: F) -> Router
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Vec<Check>> + Send + 'static,
{
    Router::new()
        .route("/healthz", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/readyz", get(move || ready(readiness(), READINESS_DEADLINE)))
        .route("/metrics", get(move || async move { exposition(&metrics) }))
}

/// `/healthz` and `/readyz` alone, each a status and a word. They name no check and no person, so they may be asked from
/// anywhere, in plain text. `readiness` is that of [`router`].
pub fn health_router<F, Fut>(readiness: F) -> Router
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Vec<Check>> + Send + 'static,
{
    let ready = move || {
        let ready = ready(readiness(), READINESS_DEADLINE);
        async move {
            match ready.await.status() {
                StatusCode::OK => (StatusCode::OK, "ready"),
                status => (status, "not_ready"),
            }
        }
    };
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready))
}

async fn ready(checks: impl Future<Output = Vec<Check>>, deadline: Duration) -> Response {
    let Ok(checks) = tokio::time::timeout(deadline, checks).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "timeout" }))).into_response();
    };
    let met = checks.iter().all(|check| check.ok);
    let (code, status) =
        if met { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not_ready") };
    let checks: Map<String, Value> =
        checks.into_iter().map(|check| (check.name.to_owned(), Value::from(check.state))).collect();
    (code, Json(json!({ "status": status, "checks": checks }))).into_response()
}

fn exposition(metrics: &Metrics) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn get_path(path: &str, checks: Vec<Check>) -> (StatusCode, String) {
        let metrics = Metrics::new("gateway").unwrap();
        metrics.meter("test").u64_counter("a.counter").build().add(1, &[]);
        get_of(router(metrics, move || std::future::ready(checks.clone())), path).await
    }

    async fn get_of(app: Router, path: &str) -> (StatusCode, String) {
        let response = app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn health_needs_nothing() {
        let (status, _) = get_path("/healthz", vec![Check::new("broker", false)]).await;
        assert_eq!(status, StatusCode::OK);
    }

    #[tokio::test]
    async fn readiness_names_what_is_failing() {
        let checks = vec![Check::new("signing_keys", true), Check::new("broker", false)];
        let (status, body) = get_path("/readyz", checks).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, r#"{"checks":{"broker":"failing","signing_keys":"ok"},"status":"not_ready"}"#);

        let amiss = Check::new("preflight", true).described("missing");
        let (status, body) = get_path("/readyz", vec![amiss]).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body, r#"{"checks":{"preflight":"missing"},"status":"ready"}"#);
    }

    #[tokio::test]
    async fn a_check_that_hangs_is_not_ready() {
        let response = ready(std::future::pending(), Duration::from_millis(1)).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn metrics_are_the_instances_own() {
        let (status, body) = get_path("/metrics", vec![]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("a_counter_total 1"), "{body}");
    }

    #[tokio::test]
    async fn the_health_port_says_a_word_and_nothing_else() {
        let health = |ok| health_router(move || std::future::ready(vec![Check::new("signing_keys", ok)]));
        for (ok, path, status, word) in [
            (false, "/healthz", 200, "ok"),
            (true, "/readyz", 200, "ready"),
            (false, "/readyz", 503, "not_ready"),
            (true, "/metrics", 404, ""),
        ] {
            let (got, body) = get_of(health(ok), path).await;
            assert_eq!((got.as_u16(), &*body), (status, word), "{path} where the check is {ok}");
        }
    }
}
