//! Protected resource metadata (RFC 9728): how a client that was refused learns where to sign in, and for what.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::{Value, json};

use crate::refusal::Refusals;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What the document says.
pub(crate) struct Document {
    /// The canonical MCP URL.
    pub(crate) resource: String,
    /// The path of that URL.
    pub(crate) path: String,
    /// Where to sign in: the issuer of version 2.0.
    pub(crate) authority: String,
    pub(crate) refusals: Arc<Refusals>,
}

/// The two well-known paths, with one body: clients look at the path's own first, then at the root.
pub(crate) fn routes(document: Document) -> Router {
    let of_path = format!("{WELL_KNOWN}{}", document.path);
    let document = Arc::new(document);
    let answer = move || {
        let document = document.json();
        async move {
            ([(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"))], Json(document))
                .into_response()
        }
    };
    Router::new().route(WELL_KNOWN, get(answer.clone())).route(&of_path, get(answer))
}

impl Document {
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
