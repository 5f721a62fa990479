//! The token endpoint: client authentication, then one function per grant.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::conditional_access::{ClaimsRequest, Proof, Unmet, evaluate};
use super::errors::{EntraError, no_store};
use super::issue::{AccessToken, ClientAuth, Subject, id_token_claims, sign};
use super::scopes::{ScopeRequest, Target};
use super::{TenantName, authorize, client_assertion, discovery, obo};
use crate::config::{TENANT_DOMAIN, TENANT_ID};
use crate::counters::bump;
use crate::directory::{Application, TokenFormat};
use crate::faults::{Endpoint, Strike};
use crate::jwt;
use crate::people::Person;
use crate::state::State;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const REFRESH_TOKEN_SECONDS: i64 = 90 * 86_400;

/// A sign-in as refresh tokens and codes remember it.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) oid: String,
    pub(crate) client_id: String,
    pub(crate) proof: Proof,
    pub(crate) epoch: u64,
}

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub(crate) struct RefreshToken {
    pub(crate) sign_in: SignIn,
    pub(crate) scope: String,
    expires_at: i64,
}

/// The form of a token request. Members nobody knows are ignored: MSAL sends a dozen.
#[derive(Debug, Default)]
pub(crate) struct Form(HashMap<String, String>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The form with a parameter added, unless it is there already.
    pub(crate) fn or(&self, name: &str, value: Option<&str>) -> Self {
        let mut members = self.0.clone();
        if let (None, Some(value)) = (self.get(name), value) {
            members.insert(name.to_owned(), value.to_owned());
        }
        Self(members)
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, EntraError> {
        self.get(name).ok_or_else(|| EntraError::missing(name))
    }
}

/// A client that has proven itself.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) application: Arc<Application>,
    pub(crate) auth: ClientAuth,
}

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
        accept_resource_parameter(&mut form);
    }
    let grant = grant_name(&form);
    state.counters.add(|counts| bump(&mut counts.token_requests, grant));
    for name in ["assertion", "client_assertion", "client_secret", "code", "refresh_token", "code_verifier"] {
        state.secrets.remember(form.get(name).unwrap_or_default());
    }
    let struck = state.faults.strike(Endpoint::Token).await;
    let outcome = match struck {
        Some(strike) => Err(unavailable(strike)),
        None => answer(&state, &tenant, &headers, &form),
    };
    let query = Form::parse(query.unwrap_or_default().as_bytes());
    match outcome {
        Ok(mut tokens) => {
            if version == TokenFormat::V1 {
                stringify(&state, &mut tokens, &form);
            }
            (no_store(), Json(tokens)).into_response()
        }
        Err(error) => {
            let error = if struck.is_none() { detect_loop(&state, &form, error) } else { error };
            state.counters.add(|counts| bump(&mut counts.token_errors, error.code));
            tracing::debug!(grant, code = error.code, "token request refused");
            error.into_answer(state.clock.now(), correlation(&headers, &form, &query))
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
        "authorization_code" => authorize::redeem(state, &client, form),
        "refresh_token" => refresh(state, &client, form),
        "client_credentials" if tenant_name == TenantName::Any => Err(EntraError::invalid_request(
            50_059,
            "No tenant-identifying information found in either the request or implied by any provided credentials.",
        )),
        "client_credentials" => client_credentials(state, &client, form),
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

/// The v1 endpoint's `resource` means every permission on it.
fn accept_resource_parameter(form: &mut Form) {
    if form.get("scope").is_none_or(|scope| scope == "openid")
        && let Some(resource) = form.0.remove("resource")
    {
        form.0.insert("v1_resource".to_owned(), resource.clone());
        form.0.insert("scope".to_owned(), format!("{resource}/.default"));
    }
}

/// The v1 endpoint's answer: numbers as strings, and what the token is for.
fn stringify(state: &State, tokens: &mut Map<String, Value>, form: &Form) {
    let lifetime = tokens.get("expires_in").and_then(Value::as_i64).unwrap_or_default();
    let now = state.clock.seconds();
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

/// Who the client is, proven by certificate, by secret (in the form or as Basic), or not at all if it is public.
fn authenticate(state: &State, headers: &HeaderMap, form: &Form) -> Result<Client, EntraError> {
    let basic = basic_credentials(headers);
    let named = form.get("client_id").or(basic.as_ref().map(|(id, _)| id.as_str()));
    let client_id = named.ok_or_else(|| EntraError::missing("client_id"))?;
    let application = state.directory().application(client_id).ok_or_else(|| unknown_client(client_id))?;
    if !application.enabled {
        let message = format!("Application '{client_id}' is disabled.");
        return Err(EntraError::new("unauthorized_client", 7_000_112, message));
    }
    let secret = form.get("client_secret").or(basic.as_ref().map(|(_, secret)| secret.as_str()));
    let auth = match (form.get("client_assertion"), secret) {
        (None, None) if application.public_client => ClientAuth::Public,
        (Some(_), _) | (_, Some(_)) if application.public_client => {
            let message =
                "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
            return Err(EntraError::invalid_client(700_025, message));
        }
        (Some(assertion), _) => {
            if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(EntraError::missing("client_assertion_type"));
            }
            client_assertion::check(state, application.app_id, assertion)?;
            ClientAuth::Certificate
        }
        (None, Some(secret)) if application.secret == Some(secret) => ClientAuth::Secret,
        (None, Some(_)) => {
            let message = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
                 not the client secret ID, for a secret added to app '{client_id}'."
            );
            return Err(EntraError::invalid_client(7_000_215, message));
        }
        (None, None) => {
            let message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            return Err(EntraError::invalid_client(7_000_218, message));
        }
    };
    Ok(Client { application, auth })
}

/// `Authorization: Basic`, both halves form-encoded (RFC 6749 section 2.3.1).
fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain =
        |text: &str| url::form_urlencoded::parse(text.as_bytes()).next().map(|(key, _)| key.into_owned());
    Some((plain(id)?, plain(secret)?))
}

fn client_credentials(state: &State, client: &Client, form: &Form) -> Result<Map<String, Value>, EntraError> {
    let scope = form.require("scope")?;
    let request = ScopeRequest::parse(&state.directory(), scope)?;
    let Some(target) = request.target.filter(|target| target.default) else {
        let message = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        return Err(EntraError::new("invalid_scope", 1_002_012, message));
    };
    if client.auth == ClientAuth::Public {
        let message =
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        return Err(EntraError::invalid_client(7_000_218, message));
    }
    let held = |role: &&crate::directory::AppRole| role.held_by.contains(&client.application.app_id);
    let roles: Vec<_> = target.application.roles.iter().filter(held).map(|role| role.value).collect();
    let token = AccessToken {
        subject: Subject::App { roles: &roles },
        client: &client.application,
        auth: client.auth,
        resource: &target.application,
        asked_as: &target.name,
        cp1: false,
        format: target.application.format,
    };
    let lifetime = token.lifetime(state);
    let text = sign(state, token.format, &token.claims(state, lifetime));
    Ok(super::issue::object(json!({
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
    if known.expires_at <= state.clock.seconds() {
        let message = "The refresh token has expired due to inactivity.";
        return Err(EntraError::invalid_grant(700_082, message));
    }
    let scope = form.get("scope").unwrap_or(&known.scope);
    check_resource(state, form.get("resource"), scope)?;
    user_tokens(state, client, &known.sign_in, scope, form, None)
}

/// The tokens a signed-in person's client gets: consent and Conditional Access are asked anew each time.
pub(crate) fn user_tokens(
    state: &State,
    client: &Client,
    sign_in: &SignIn,
    scope: &str,
    form: &Form,
    nonce: Option<&str>,
) -> Result<Map<String, Value>, EntraError> {
    let person = state.people.by_oid(&sign_in.oid).ok_or_else(unknown_user)?;
    ensure_live_session(state, person, sign_in.epoch)?;
    let request = ScopeRequest::parse(&state.directory(), scope)?;
    let asked = asked_claims(form)?;
    let mut answer = answer_frame(state, client, sign_in, person, &request, form, nonce);
    let Some(target) = &request.target else { return Ok(answer) };
    let granted = permitted(state, &client.application, person, target, &sign_in.proof)?;
    let token = AccessToken {
        subject: Subject::User { person, scopes: &granted, proof: &sign_in.proof, epoch: sign_in.epoch },
        client: &client.application,
        auth: client.auth,
        resource: &target.application,
        asked_as: &target.name,
        cp1: asked.cp1,
        format: target.application.format,
    };
    let lifetime = token.lifetime(state);
    let text = sign(state, token.format, &token.claims(state, lifetime));
    let mut scopes = target.answered(&granted);
    scopes.extend(request.oidc.iter().filter(|oidc| *oidc != "offline_access").cloned());
    answer.extend(super::issue::object(json!({
        "token_type": "Bearer", "scope": scopes.join(" "), "expires_in": lifetime, "ext_expires_in": lifetime,
        "access_token": text,
    })));
    if lifetime >= 2 * 3_600 {
        answer.insert("refresh_in".to_owned(), (lifetime / 2).into());
    }
    Ok(answer)
}

/// What stands in an answer beside the access token: ID token, refresh token, client info.
fn answer_frame(
    state: &State,
    client: &Client,
    sign_in: &SignIn,
    person: &Person,
    request: &ScopeRequest,
    form: &Form,
    nonce: Option<&str>,
) -> Map<String, Value> {
    let mut answer = Map::new();
    if request.wants("openid") {
        let claims = id_token_claims(state, &client.application, person, nonce);
        answer.insert("id_token".to_owned(), sign(state, TokenFormat::V2, &claims).into());
    }
    if request.wants("offline_access") {
        let token = state.random_secret("1.Aemu.");
        let expires_at = state.clock.seconds() + REFRESH_TOKEN_SECONDS;
        let kept = RefreshToken { sign_in: sign_in.clone(), scope: request.text.clone(), expires_at };
        state.refresh_tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(token.clone(), kept);
        answer.insert("refresh_token".to_owned(), token.into());
    }
    if form.get("client_info") == Some("1") {
        let info = jwt::encode(json!({"uid": person.oid, "utid": TENANT_ID}).to_string());
        answer.insert("client_info".to_owned(), info.into());
    }
    answer
}

/// The scopes the client may have on `target` for this person, after consent and Conditional Access.
///
/// # Errors
/// AADSTS65001 without consent; the policy's error if one is not met.
pub(crate) fn permitted(
    state: &State,
    client: &Application,
    person: &Person,
    target: &Target,
    proof: &Proof,
) -> Result<Vec<String>, EntraError> {
    let directory = state.directory();
    let granted = directory.grants.granted(client.app_id, target.application.app_id, &person.oid);
    let has = |value: &String| granted.iter().any(|have| have.eq_ignore_ascii_case(value));
    if granted.is_empty() || !target.values.iter().all(has) {
        return Err(no_consent(client));
    }
    evaluate(&directory.policies, &person.name, target.application.app_id, proof).map_err(policy_error)?;
    Ok(if target.default { granted.into_iter().collect() } else { target.values.clone() })
}

/// AADSTS50173 if the sign-in is from before the last revocation.
pub(crate) fn ensure_live_session(state: &State, person: &Person, epoch: u64) -> Result<(), EntraError> {
    let session = state.directory().session(&person.oid);
    if epoch >= session.epoch {
        return Ok(());
    }
    let message = format!(
        "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed \
         or reset their password. The TokensValidFrom date (before which tokens are not valid) for this user is '{}'.",
        session.revoked_at.unwrap_or_default()
    );
    Err(EntraError::invalid_grant(50_173, message).with_suberror("bad_token"))
}

/// The `claims` parameter, understood.
pub(crate) fn asked_claims(form: &Form) -> Result<ClaimsRequest, EntraError> {
    ClaimsRequest::parse(form.get("claims")).map_err(|()| {
        EntraError::invalid_request(9_002_325, "The 'claims' parameter is not a valid JSON object.")
    })
}

/// RFC 8707's `resource` must name the application the scopes belong to: AADSTS9010010.
pub(crate) fn check_resource(state: &State, resource: Option<&str>, scope: &str) -> Result<(), EntraError> {
    let Some(resource) = resource.filter(|_| state.config.check_resource_parameter) else { return Ok(()) };
    let directory = state.directory();
    let named = directory.resource(resource).map(|app| app.app_id);
    let asked = ScopeRequest::parse(&directory, scope)?.target.map(|target| target.application.app_id);
    if named.is_some() && named == asked {
        return Ok(());
    }
    let message = "The resource parameter provided in the request doesn't match with the requested scopes.";
    Err(EntraError::new("invalid_target", 9_010_010, message))
}

/// AADSTS65001, naming the client that lacks consent.
pub(crate) fn no_consent(client: &Application) -> EntraError {
    let message = format!(
        "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive \
         authorization request for this user and resource.",
        client.app_id, client.display_name
    );
    EntraError::invalid_grant(65_001, message).with_suberror("consent_required")
}

/// An unmet policy as the token endpoint words it: live systems say `invalid_grant`.
pub(crate) fn policy_error(unmet: Unmet) -> EntraError {
    let error = if unmet.documented_error { "interaction_required" } else { "invalid_grant" };
    let suberror = if unmet.claims.is_some() { "basic_action" } else { "message_only" };
    EntraError::new(error, unmet.code, unmet.message).with_suberror(suberror).with_claims(unmet.claims)
}

pub(crate) fn unknown_user() -> EntraError {
    let message = format!("The user account does not exist in the {TENANT_DOMAIN} directory.");
    EntraError::invalid_grant(50_034, message)
}

fn unknown_client(client_id: &str) -> EntraError {
    let message = format!(
        "Application with identifier '{client_id}' was not found in the directory 'Contoso'. This can happen if the \
         application has not been installed by the administrator of the tenant or consented to by any user in the tenant."
    );
    EntraError::new("unauthorized_client", 700_016, message)
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
fn detect_loop(state: &State, form: &Form, error: EntraError) -> EntraError {
    let shape = ["client_id", "grant_type", "scope", "claims", "assertion", "refresh_token"];
    let key = jwt::sha256(shape.map(|name| form.get(name).unwrap_or_default()).join("\n").as_bytes());
    if !state.faults.is_loop(&key, state.clock.seconds()) {
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
