//! Protected resource metadata (RFC 9728): how a client that was refused learns where to sign in, and for what.

use std::sync::Arc;

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
pub(crate) fn routes(config: &Config, refusals: &Arc<Refusals>) -> Router {
    let document = Arc::new(Document::new(config, refusals));
    let answer = move || {
        let document = document.json();
        async move {
            ([(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"))], Json(document))
                .into_response()
        }
    };
    let of_path = format!("{WELL_KNOWN}{}", config.args.public_url.path());
    Router::new().route(WELL_KNOWN, get(answer.clone())).route(&of_path, get(answer))
}

struct Document {
    resource: String,
    authority: String,
    refusals: Arc<Refusals>,
}

impl Document {
    fn new(config: &Config, refusals: &Arc<Refusals>) -> Self {
        let authority = config.endpoints.authority.as_str().trim_end_matches('/');
        Self {
            resource: config.args.public_url.to_string(),
            authority: format!("{authority}/{}/v2.0", config.args.tenant_id),
            refusals: Arc::clone(refusals),
        }
    }

    fn json(&self) -> Value {
        let scopes = self.refusals.base_scopes();
        json!({
            "resource": self.resource,
            "resource_name": "Azure cost data",
            "authorization_servers": [self.authority],
            // The least everybody needs; more is asked for when a tool needs it (MCP authorization, step-up).
            "scopes_supported": scopes.split(' ').collect::<Vec<_>>(),
            "bearer_methods_supported": ["header"],
        })
    }
}
