//! Protected resource metadata (RFC 9728): how a client that was refused learns where to sign in, and for what.

use axum::Json;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};

use crate::config::Config;
use crate::refusal::Refusals;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The two well-known paths, with one body: clients look at the path's own first, then at the root.
pub(crate) fn routes(config: &Config, refusals: &Refusals) -> Router {
    let document = document(config, refusals);
    let answer = move || {
        let document = document.clone();
        async move {
            ([(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"))], Json(document))
                .into_response()
        }
    };
    let of_path = format!("{WELL_KNOWN}{}", config.args.public_url.path());
    Router::new().route(WELL_KNOWN, get(answer.clone())).route(&of_path, get(answer))
}

fn document(config: &Config, refusals: &Refusals) -> Value {
    let authority = config.endpoints.authority.as_str().trim_end_matches('/');
    json!({
        "resource": config.args.public_url.to_string(),
        "resource_name": "Azure cost data",
        "authorization_servers": [format!("{authority}/{}/v2.0", config.args.tenant_id)],
        // The least everybody needs; more is asked for when a tool needs it (MCP authorization, step-up).
        "scopes_supported": config.policy.base_scopes().iter()
            .map(|scope| refusals.qualified(std::slice::from_ref(scope))).collect::<Vec<_>>(),
        "bearer_methods_supported": ["header"],
    })
}
