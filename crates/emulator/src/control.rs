//! The control API below `/_emulator` on the Entra listener: everything the Rust handle can do, as JSON over HTTPS.

use std::sync::Arc;

use axum::extract::{Path, Query, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm;
use crate::cluster;
use crate::counters::Counts;
use crate::entra::mint::{self, TokenSpec};
use crate::faults::FaultSettings;
use crate::jwt::object;
use crate::keys::Rollover;
use crate::tenant::UnknownRole;
use crate::tenant::conditional_access::Policy;
use crate::tenant::contoso::{API_CLIENT_ID, PUBLIC_CLIENT_ID, TENANT_ID};
use crate::tenant::directory::Registration;
use crate::tenant::federation::{self, FederatedCredential, ServiceAccountToken};
use crate::tenant::graph_settings::GraphSettings;
use crate::tenant::people::UnknownPerson;
use crate::world::World;

mod azure;

type App = Shared<Arc<World>>;

/// Routes of the control API.
pub(crate) fn router(world: Arc<World>, arm: Arc<arm::state::State>) -> Router {
    Router::new()
        .route("/_emulator", get(describe))
        .route("/_emulator/ca.pem", get(async |Shared(world): App| world.ca_pem.clone()))
        .route("/_emulator/people", get(people))
        .route("/_emulator/token", get(token_for).post(token))
        .route("/_emulator/secrets", get(async |Shared(world): App| Json(world.secrets.all())))
        .route("/_emulator/counters", get(counters).delete(reset_counters))
        .route("/_emulator/faults", get(faults).put(set_faults).patch(patch_faults).delete(clear_faults))
        .route("/_emulator/keys", post(roll_keys))
        .route("/_emulator/sessions/{person}", delete(revoke_sessions))
        .route("/_emulator/consent", get(consents).post(grant_consent).delete(withdraw_consent))
        .route("/_emulator/roles", post(give_role).delete(take_role))
        .route("/_emulator/policies", get(policies).put(set_policies))
        .route("/_emulator/federated-credentials", get(federated_credentials).put(set_federated_credentials))
        .route("/_emulator/service-account-token", post(service_account_token))
        .route("/_emulator/app-credentials", post(add_app_credential).delete(remove_app_credential))
        .route("/_emulator/clock", post(advance_clock))
        .route("/_emulator/registration", get(registration).put(set_registration))
        .route("/_emulator/graph", get(graph).put(set_graph))
        .route("/_emulator/identifier-uris", post(add_identifier_uri))
        .with_state(world)
        .merge(azure::router(arm))
}

/// What the control API answers when it cannot do what was asked.
fn refused(status: StatusCode, why: impl std::fmt::Display) -> Response {
    (status, Json(json!({"error": why.to_string()}))).into_response()
}

fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

async fn describe(Shared(world): App) -> Json<Value> {
    let endpoints = &world.endpoints;
    Json(json!({
        "tenant_id": TENANT_ID, "api_client_id": API_CLIENT_ID, "public_client_id": PUBLIC_CLIENT_ID,
        "authority": endpoints.authority, "arm": endpoints.arm, "graph": endpoints.graph, "blob": endpoints.blob,
        "metadata": endpoints.metadata, "identity_endpoint": endpoints.identity_endpoint(),
        "identity_header": world.identity_header, "cluster_issuer": federation::issuer(&endpoints.authority),
        "today": world.today().to_string(), "now": world.clock.now().to_string(),
    }))
}

async fn people(Shared(world): App) -> Json<Value> {
    let describe = |person: &Arc<crate::tenant::people::Person>| {
        json!({"name": person.name, "oid": person.oid, "upn": person.upn, "subscriptions": person.subscriptions,
               "roles": person.roles})
    };
    Json(world.tenant.people.iter().map(describe).collect())
}

/// `GET /_emulator/token?person=alice`: the token alone, for a shell.
#[derive(Deserialize)]
struct TokenQuery {
    person: String,
}

async fn token_for(Shared(world): App, Query(query): Query<TokenQuery>) -> Response {
    match mint::mint(&world, &TokenSpec::for_person(query.person)) {
        Ok(token) => token.into_response(),
        Err(error) => refused(StatusCode::NOT_FOUND, error),
    }
}

async fn token(Shared(world): App, Json(spec): Json<TokenSpec>) -> Response {
    match mint::mint(&world, &spec) {
        Ok(token) => Json(json!({"access_token": token, "token_type": "Bearer"})).into_response(),
        Err(error) => refused(StatusCode::NOT_FOUND, error),
    }
}

async fn counters(Shared(world): App) -> Json<Counts> {
    Json(world.counters.snapshot())
}

async fn reset_counters(Shared(world): App) -> Response {
    world.counters.reset();
    done()
}

async fn faults(Shared(world): App) -> Json<FaultSettings> {
    Json(world.faults.settings())
}

async fn set_faults(Shared(world): App, Json(settings): Json<FaultSettings>) -> Response {
    world.faults.set(settings);
    done()
}

/// Replaces the members that are named, such as `{"jwks":{"status":503}}`.
async fn patch_faults(Shared(world): App, Json(patch): Json<serde_json::Map<String, Value>>) -> Response {
    let current = serde_json::to_value(world.faults.settings()).unwrap_or_default();
    let mut merged = object(current);
    merged.extend(patch);
    match serde_json::from_value(Value::Object(merged)) {
        Ok(settings) => {
            world.faults.set(settings);
            done()
        }
        Err(error) => refused(StatusCode::BAD_REQUEST, error),
    }
}

async fn clear_faults(Shared(world): App) -> Response {
    world.faults.clear();
    done()
}

#[derive(Deserialize)]
struct RollKeys {
    rollover: Rollover,
}

async fn roll_keys(Shared(world): App, Json(order): Json<RollKeys>) -> Response {
    match tokio::task::spawn_blocking(move || world.roll_keys(order.rollover)).await {
        Ok(Ok(())) => done(),
        Ok(Err(error)) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

async fn revoke_sessions(Shared(world): App, Path(person): Path<String>) -> Response {
    let Some(person) = world.tenant.people.find(&person) else {
        return refused(StatusCode::NOT_FOUND, UnknownPerson(person));
    };
    world.tenant.directory_mut().revoke_sessions(&person.oid, world.clock.seconds());
    done()
}

/// A grant to add or to take away. Default: of the pre-registered client on the API, for everyone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    person: Option<String>,
    #[serde(default = "public_client")]
    client: String,
    #[serde(default = "api")]
    resource: String,
    #[serde(default)]
    scopes: Vec<String>,
}

impl Consent {
    /// Object id of the person, if one is named.
    fn principal(&self, world: &World) -> Result<Option<String>, UnknownPerson> {
        let Some(name) = &self.person else { return Ok(None) };
        let found = world.tenant.people.find(name).ok_or_else(|| UnknownPerson(name.clone()))?;
        Ok(Some(found.oid.clone()))
    }
}

async fn consents(Shared(world): App) -> Json<Value> {
    let describe = |grant: &crate::tenant::grants::Grant| json!({"client": grant.client, "resource": grant.resource, "principal": grant.principal, "scopes": grant.scopes});
    Json(world.tenant.directory().grants.iter().map(describe).collect())
}

async fn grant_consent(Shared(world): App, Json(consent): Json<Consent>) -> Response {
    let principal = match consent.principal(&world) {
        Ok(principal) => principal,
        Err(error) => return refused(StatusCode::NOT_FOUND, error),
    };
    let grants = &mut world.tenant.directory_mut().grants;
    grants.add(&consent.client, &consent.resource, principal.as_deref(), &consent.scopes);
    done()
}

async fn withdraw_consent(Shared(world): App, Json(consent): Json<Consent>) -> Response {
    let principal = match consent.principal(&world) {
        Ok(principal) => principal,
        Err(error) => return refused(StatusCode::NOT_FOUND, error),
    };
    let grants = &mut world.tenant.directory_mut().grants;
    grants.remove(&consent.client, &consent.resource, principal.as_deref(), &consent.scopes);
    done()
}

/// A role in Azure to give, or to take away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AzureRoleOrder {
    person: String,
    /// Default: `Reader` to give, and every role to take away.
    role: Option<String>,
    /// `/subscriptions/…`, or the path of a management group or a billing account.
    scope: String,
}

async fn give_role(Shared(world): App, Json(order): Json<AzureRoleOrder>) -> Response {
    let role = order.role.as_deref();
    answered(world.tenant.give_azure_role(&order.person, role, &order.scope))
}

async fn take_role(Shared(world): App, Json(order): Json<AzureRoleOrder>) -> Response {
    let role = order.role.as_deref();
    answered(world.tenant.take_azure_role(&order.person, role, &order.scope))
}

fn answered(done_or_not: Result<(), UnknownRole>) -> Response {
    match done_or_not {
        Ok(()) => done(),
        Err(error) => refused(StatusCode::NOT_FOUND, error),
    }
}

async fn policies(Shared(world): App) -> Json<Vec<Policy>> {
    Json(world.tenant.directory().policies.clone())
}

async fn set_policies(Shared(world): App, Json(policies): Json<Vec<Policy>>) -> Response {
    world.tenant.directory_mut().policies = policies;
    done()
}

async fn federated_credentials(Shared(world): App) -> Json<Vec<FederatedCredential>> {
    Json(world.tenant.directory().federated_credentials(API_CLIENT_ID).to_vec())
}

async fn set_federated_credentials(
    Shared(world): App,
    Json(credentials): Json<Vec<FederatedCredential>>,
) -> Response {
    if credentials.len() > federation::MOST_CREDENTIALS {
        return refused(
            StatusCode::BAD_REQUEST,
            "an application has at most 20 federated identity credentials",
        );
    }
    *world.tenant.directory_mut().federated_credentials_mut(API_CLIENT_ID) = credentials;
    done()
}

async fn service_account_token(Shared(world): App, Json(order): Json<ServiceAccountToken>) -> String {
    cluster::mint(&world, &order)
}

/// Registers the certificate in a PEM, as uploading it to the app registration does.
async fn add_app_credential(Shared(world): App, pem: String) -> Response {
    match world.tenant.register_certificate(&pem) {
        Ok(()) => done(),
        Err(error) => refused(StatusCode::BAD_REQUEST, error),
    }
}

async fn remove_app_credential(Shared(world): App, pem: String) -> Response {
    match world.tenant.remove_certificate(&pem) {
        Ok(()) => done(),
        Err(error) => refused(StatusCode::BAD_REQUEST, error),
    }
}

#[derive(Deserialize)]
struct AdvanceClock {
    advance_seconds: i64,
}

async fn advance_clock(Shared(world): App, Json(order): Json<AdvanceClock>) -> Response {
    world.clock.advance(order.advance_seconds);
    done()
}

async fn registration(Shared(world): App) -> Json<Registration> {
    Json(world.tenant.directory().registration().clone())
}

async fn set_registration(Shared(world): App, Json(registration): Json<Registration>) -> Response {
    match world.tenant.directory_mut().set_registration(registration) {
        Ok(()) => done(),
        Err(error) => refused(StatusCode::BAD_REQUEST, error),
    }
}

async fn graph(Shared(world): App) -> Json<GraphSettings> {
    Json(world.tenant.graph().clone())
}

async fn set_graph(Shared(world): App, Json(settings): Json<GraphSettings>) -> Response {
    world.tenant.set_graph(settings);
    done()
}

#[derive(Deserialize)]
struct IdentifierUri {
    uri: String,
}

async fn add_identifier_uri(Shared(world): App, Json(order): Json<IdentifierUri>) -> Response {
    world.tenant.directory_mut().add_identifier_uri(&order.uri);
    done()
}

fn public_client() -> String {
    PUBLIC_CLIENT_ID.to_owned()
}

fn api() -> String {
    API_CLIENT_ID.to_owned()
}
