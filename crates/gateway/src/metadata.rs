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
    /// The MCP URL.
    pub(crate) resource: String,
    /// The path of that URL.
    pub(crate) path: String,
    /// Where to sign in: an issuer.
    pub(crate) authority: String,
    pub(crate) refusals: Arc<Refusals>,
}

/// The well-known path of the document, and where it is the server's own the root's as well: clients look at the path's own
/// first.
pub(crate) fn routes(document: Document, is_own: bool) -> Router {
    let of_path = format!("{WELL_KNOWN}{}", document.path);
    let document = Arc::new(document);
    let answer = move || {
        let document = document.json();
        async move {
            ([(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"))], Json(document))
                .into_response()
        }
    };
    let routes = Router::new().route(&of_path, get(answer.clone()));
    if is_own { routes.route(WELL_KNOWN, get(answer)) } else { routes }
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
