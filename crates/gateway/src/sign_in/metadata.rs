//! What clients discover (RFC 8414, OpenID Connect Discovery): written here, and not copied from Entra ID.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Facade;
use super::scopes::OPENID;

/// Where clients look, for an issuer with this path.
pub(super) fn places(path: &str) -> [String; 3] {
    [
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
        format!("{path}/.well-known/openid-configuration"),
    ]
}

pub(super) async fn metadata(State(facade): State<Arc<Facade>>) -> Response {
    let issuer = &facade.parts.url;
    let base = facade.parts.refusals.base_scopes();
    let scopes: Vec<_> = base.split(' ').chain(OPENID).collect();
    // No promise of `iss` in the answer (RFC 9207): it comes from Entra ID, which sends none.
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": true,
    });
    if facade.parts.settings.registration {
        document["registration_endpoint"] = json!(format!("{issuer}/register"));
    }
    let cache = (header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    ([cache], Json(document)).into_response()
}
