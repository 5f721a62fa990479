//! The token endpoint: client authentication, then one function per grant.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::client::{Client, authenticate, no_credential};
use super::errors::{EntraError, no_store};
use super::form::Form;
use super::issue::{AccessToken, ClientAuth, Subject, sign};
use super::scopes::ScopeRequest;
use super::state::State;
use super::user_tokens::{check_resource, user_tokens};
use super::{TenantName, authorize, discovery, obo};
use crate::counters::bump;
use crate::faults::{Endpoint, Strike};
use crate::jwt::{self, object};
use crate::tenant::directory::{AppRole, TokenFormat};
use crate::world::World;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(crate) async fn v2(
    shared: Shared<Arc<State>>,
    path: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    endpoint(shared, path, query, headers, body, TokenFormat::V2).await
}

/// The v1 endpoint takes `resource` instead of `scope` and answers numbers as strings.
pub(crate) async fn v1(
    shared: Shared<Arc<State>>,
    path: Path<String>,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    endpoint(shared, path, query, headers, body, TokenFormat::V1).await
}

async fn endpoint(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
    version: TokenFormat,
) -> Response {
    let mut form = Form::parse(&body);
    if version == TokenFormat::V1 {
        form.accept_resource_parameter();
    }
    let grant = grant_name(&form);
    state.world.counters.add(|counts| bump(&mut counts.token_requests, grant));
    for name in ["assertion", "client_assertion", "client_secret", "code", "refresh_token", "code_verifier"] {
        state.world.secrets.remember(form.get(name).unwrap_or_default());
    }
    let struck = state.world.faults.strike(Endpoint::Token).await;
    let outcome = match struck {
        Some(strike) => Err(unavailable(strike)),
        None => answer(&state, &tenant, &headers, &form),
    };
    let query = Form::parse(query.unwrap_or_default().as_bytes());
    match outcome {
        Ok(mut tokens) => {
            if version == TokenFormat::V1 {
                stringify(&state.world, &mut tokens, &form);
            }
            (no_store(), Json(tokens)).into_response()
        }
        Err(error) => {
            let error = if struck.is_none() { detect_loop(&state.world, &form, error) } else { error };
            state.world.counters.add(|counts| bump(&mut counts.token_errors, error.code));
            tracing::debug!(grant, code = error.code, "token request refused");
            let odd = state.world.faults.settings().odd_refusals;
            error.into_answer(state.world.clock.now(), correlation(&headers, &form, &query), odd)
        }
    }
}

fn answer(
    state: &State,
    tenant: &str,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Map<String, Value>, EntraError> {
    let tenant_name = TenantName::parse(tenant).ok_or_else(|| discovery::no_such_tenant(tenant))?;
    let grant = form.require("grant_type")?;
    let client = authenticate(state, headers, form)?;
    match grant {
        JWT_BEARER => obo::exchange(state, &client, form),
        "authorization_code" => authorize::code::redeem(state, &client, form),
        "refresh_token" => refresh(state, &client, form),
        "client_credentials" if tenant_name == TenantName::Any => Err(EntraError::invalid_request(
            50_059,
            "No tenant-identifying information found in either the request or implied by any provided credentials.",
        )),
        "client_credentials" => client_credentials(&state.world, &client, form),
        other => Err(EntraError::new(
            "unsupported_grant_type",
            70_003,
            format!("The app requested an unsupported grant type '{other}'."),
        )),
    }
}

fn grant_name(form: &Form) -> &'static str {
    match form.get("grant_type") {
        Some(JWT_BEARER) => "on_behalf_of",
        Some("authorization_code") => "authorization_code",
        Some("refresh_token") => "refresh_token",
        Some("client_credentials") => "client_credentials",
        _ => "unknown",
    }
}

/// The v1 endpoint's answer: numbers as strings, and what the token is for.
fn stringify(world: &World, tokens: &mut Map<String, Value>, form: &Form) {
    let lifetime = tokens.get("expires_in").and_then(Value::as_i64).unwrap_or_default();
    let now = world.clock.seconds();
    for name in ["expires_in", "ext_expires_in", "refresh_in"] {
        if let Some(number) = tokens.get(name).and_then(Value::as_i64) {
            tokens.insert(name.to_owned(), number.to_string().into());
        }
    }
    tokens.insert("expires_on".to_owned(), (now + lifetime).to_string().into());
    tokens.insert("not_before".to_owned(), now.to_string().into());
    if let Some(resource) = form.get("v1_resource") {
        tokens.insert("resource".to_owned(), resource.into());
    }
}

fn client_credentials(world: &World, client: &Client, form: &Form) -> Result<Map<String, Value>, EntraError> {
    let scope = form.require("scope")?;
    let request = ScopeRequest::parse(&world.tenant.directory(), scope)?;
    let Some(target) = request.target.filter(|target| target.default) else {
        let message = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        return Err(EntraError::new("invalid_scope", 1_002_012, message));
    };
    if client.auth == ClientAuth::Public {
        return Err(no_credential());
    }
    let held = |role: &&AppRole| role.held_by.contains(&client.application.app_id);
    let roles: Vec<_> =
        target.application.roles.iter().filter(held).map(|role| role.value.as_str()).collect();
    let token = AccessToken {
        subject: Subject::App { roles: &roles },
        client: &client.application,
        auth: client.auth,
        resource: &target.application,
        asked_as: &target.name,
        cp1: false,
        format: target.application.format,
    };
    let lifetime = token.lifetime(world);
    let text = sign(world, token.format, &token.claims(world, lifetime));
    Ok(object(json!({
        "token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": text,
    })))
}

fn refresh(state: &State, client: &Client, form: &Form) -> Result<Map<String, Value>, EntraError> {
    let presented = form.require("refresh_token")?;
    let known = state
        .refresh_tokens
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(presented)
        .cloned()
        .ok_or_else(|| {
        EntraError::invalid_grant(9_002_313, "Invalid request. Request is malformed or invalid.")
    })?;
    if known.sign_in.client_id != client.application.app_id {
        let message = "The refresh token was issued to another client.";
        return Err(EntraError::invalid_grant(700_005, message));
    }
    if known.expires_at <= state.world.clock.seconds() {
        let message = "The refresh token has expired due to inactivity.";
        return Err(EntraError::invalid_grant(700_082, message));
    }
    let scope = form.get("scope").unwrap_or(&known.scope);
    check_resource(&state.world, form.get("resource"), scope)?;
    user_tokens(state, client, &known.sign_in, scope, form, None)
}

/// An outage or throttling of the endpoint.
fn unavailable(strike: Strike) -> EntraError {
    let (code, message) = match strike.status {
        429 => {
            (90_055, "Tenant throttled: the server is terminating the request because it exceeded a limit.")
        }
        _ => (90_033, "A transient error has occurred. Please try again."),
    };
    let status = StatusCode::from_u16(strike.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let error = EntraError::new("temporarily_unavailable", code, message);
    EntraError { status, retry_after: strike.retry_after, ..error }
}

/// The same failing request again and again is AADSTS50196.
fn detect_loop(world: &World, form: &Form, error: EntraError) -> EntraError {
    let shape = ["client_id", "grant_type", "scope", "claims", "assertion", "refresh_token"];
    let key = jwt::sha256(shape.map(|name| form.get(name).unwrap_or_default()).join("\n").as_bytes());
    if !world.faults.is_loop(&key, world.clock.seconds()) {
        return error;
    }
    let message = "The server terminated an operation because it encountered a client request loop. Please contact your \
                   app vendor.";
    EntraError::invalid_grant(50_196, message)
}

/// `client-request-id`, wherever MSAL put it.
fn correlation(headers: &HeaderMap, form: &Form, query: &Form) -> Option<String> {
    const NAME: &str = "client-request-id";
    let header = headers.get(NAME).and_then(|value| value.to_str().ok());
    let found = header.or_else(|| form.get(NAME)).or_else(|| query.get(NAME))?;
    uuid::Uuid::parse_str(found).ok().map(|id| id.to_string())
}
