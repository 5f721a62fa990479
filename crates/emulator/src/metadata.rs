//! Tokens of the managed identity over plain HTTP, as a virtual machine's instance metadata service (`/metadata`) and
//! the endpoint of App Service and Container Apps (`/msi/token`) give them out. Both write numbers as strings.
//!
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>,
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use std::sync::Arc;

use axum::extract::{Query, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::entra::mint::{self, TokenKind, TokenSpec};
use crate::faults::{Endpoint, Strike};
use crate::tenant::contoso::{FEDERATED_AUDIENCE, MANAGED_IDENTITY_CLIENT_ID, MANAGED_IDENTITY_LIFETIME};
use crate::world::World;

/// The least version of the metadata service that knows managed identities.
const IMDS_VERSION: &str = "2018-02-01";
const APP_SERVICE_VERSION: &str = "2019-08-01";

/// Routes of the metadata listener.
pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/metadata/identity/oauth2/token", get(imds))
        .route("/msi/token", get(app_service))
        .fallback(async || StatusCode::NOT_FOUND)
        .with_state(world)
}

#[derive(Deserialize)]
struct TokenQuery {
    #[serde(rename = "api-version")]
    version: Option<String>,
    resource: Option<String>,
    client_id: Option<String>,
}

impl TokenQuery {
    /// Whether the identity that is asked for is the one this machine has.
    fn names_the_identity(&self) -> bool {
        self.client_id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(MANAGED_IDENTITY_CLIENT_ID))
    }
}

async fn imds(
    Shared(world): Shared<Arc<World>>,
    Query(query): Query<TokenQuery>,
    headers: HeaderMap,
) -> Response {
    world.counters.add(|counts| counts.metadata_requests += 1);
    let refused = |status: StatusCode, error: &str, description: &str| {
        (status, Json(json!({"error": error, "error_description": description}))).into_response()
    };
    if let Some(strike) = world.faults.strike(Endpoint::Metadata).await {
        return struck(strike, json!({"error": "unknown", "error_description": "Failed to retrieve token"}));
    }
    // A request that a web page or a proxy was talked into making has no such header, or has this one.
    if headers.get("metadata").is_none_or(|value| value != "true") || headers.contains_key("x-forwarded-for")
    {
        let message = "Required metadata header not specified";
        return refused(StatusCode::BAD_REQUEST, "bad_request_102", message);
    }
    if query.version.as_deref() != Some(IMDS_VERSION) {
        return refused(StatusCode::BAD_REQUEST, "bad_request_104", "Invalid api-version");
    }
    let Some(resource) = query.resource.as_deref() else {
        return refused(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Required audience parameter not specified",
        );
    };
    if !query.names_the_identity() {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "Identity not found");
    }
    let Some(token) = identity_token(&world, resource) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_resource", &unknown_resource(resource));
    };
    let now = world.clock.seconds();
    Json(json!({
        "access_token": token, "client_id": MANAGED_IDENTITY_CLIENT_ID, "resource": resource, "token_type": "Bearer",
        "expires_in": MANAGED_IDENTITY_LIFETIME.to_string(), "ext_expires_in": MANAGED_IDENTITY_LIFETIME.to_string(),
        "expires_on": (now + MANAGED_IDENTITY_LIFETIME).to_string(), "not_before": now.to_string(),
    }))
    .into_response()
}

async fn app_service(
    Shared(world): Shared<Arc<World>>,
    Query(query): Query<TokenQuery>,
    headers: HeaderMap,
) -> Response {
    world.counters.add(|counts| counts.metadata_requests += 1);
    let body = |status: StatusCode, message: &str| json!({"statusCode": status.as_u16(), "message": message, "correlationId": Uuid::new_v4()});
    let refused = |status: StatusCode, message: &str| (status, Json(body(status, message))).into_response();
    if let Some(strike) = world.faults.strike(Endpoint::Metadata).await {
        let status = StatusCode::from_u16(strike.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return struck(strike, body(status, "An unexpected error occurred while fetching the AAD Token."));
    }
    if headers.get("x-identity-header").is_none_or(|value| *value != *world.identity_header) {
        return refused(StatusCode::UNAUTHORIZED, "Unauthorized");
    }
    if query.version.as_deref() != Some(APP_SERVICE_VERSION) {
        return refused(StatusCode::BAD_REQUEST, "Unsupported API version.");
    }
    let Some(resource) = query.resource.as_deref() else {
        return refused(StatusCode::BAD_REQUEST, "The resource parameter is required.");
    };
    if !query.names_the_identity() {
        let message = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";
        return refused(StatusCode::BAD_REQUEST, message);
    }
    let Some(token) = identity_token(&world, resource) else {
        return refused(StatusCode::BAD_REQUEST, &unknown_resource(resource));
    };
    let expires_on = world.clock.seconds() + MANAGED_IDENTITY_LIFETIME;
    Json(json!({
        "access_token": token, "client_id": MANAGED_IDENTITY_CLIENT_ID, "resource": resource, "token_type": "Bearer",
        "expires_on": expires_on.to_string(),
    }))
    .into_response()
}

/// The identity's token; nothing for a resource other than the token exchange.
fn identity_token(world: &World, resource: &str) -> Option<String> {
    if resource != FEDERATED_AUDIENCE {
        return None;
    }
    mint::mint(world, &TokenSpec { kind: TokenKind::ManagedIdentity, ..TokenSpec::default() }).ok()
}

fn unknown_resource(resource: &str) -> String {
    format!(
        "AADSTS500011: The resource principal named {resource} was not found in the tenant named Contoso. This can happen \
         if the application has not been installed by the administrator of the tenant or consented to by any user in the \
         tenant."
    )
}

fn struck(strike: Strike, body: Value) -> Response {
    let status = StatusCode::from_u16(strike.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    if let Some(seconds) = strike.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}
