//! Registration (RFC 7591) that registers nothing: a client that asks for redirect URIs of the table is told the id that they
//! have there.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::Facade;
use super::fault::Fault;
use super::settings::Client;

/// What is read of a client's own metadata. Whatever else it asks for, it gets what the table's clients get.
#[derive(Deserialize)]
struct Asked {
    redirect_uris: Vec<String>,
}

pub(super) async fn register(State(facade): State<Arc<Facade>>, body: Body) -> Response {
    match facade.registered(body).await {
        Ok((client, response)) => facade.note("register", Some(client), None, response),
        Err(fault) => facade.note("register", None, Some(fault.code()), fault.as_json()),
    }
}

impl Facade {
    async fn registered(&self, body: Body) -> Result<(&Client, Response), Fault> {
        let body = self.read(body).await?;
        let asked: Asked = serde_json::from_slice(&body).map_err(|_| Fault::NoMetadata)?;
        let uris = &asked.redirect_uris;
        let is_theirs = |client: &&Client| uris.iter().all(|uri| client.takes(uri));
        let client = self.parts.settings.clients.iter().find(is_theirs).filter(|_| !uris.is_empty());
        let client = client.ok_or(Fault::ForeignRegistration)?;
        let document = json!({
            "client_id": client.id().to_string(),
            "redirect_uris": uris,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        Ok((client, (StatusCode::CREATED, Json(document)).into_response()))
    }
}
