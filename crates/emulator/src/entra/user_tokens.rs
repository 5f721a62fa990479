//! The tokens a signed-in person's client gets: consent and Conditional Access are asked anew each time.
//!
//! The same for codes, refresh tokens and on-behalf-of exchanges; only who proves the sign-in differs.

use std::sync::PoisonError;

use serde_json::{Map, Value, json};

use super::client::Client;
use super::errors::EntraError;
use super::form::Form;
use super::issue::{AccessToken, Subject, id_token_claims, sign};
use super::scopes::{ScopeRequest, Target};
use super::state::State;
use crate::jwt::{self, object};
use crate::tenant::conditional_access::{ClaimsRequest, Proof, Unmet, evaluate};
use crate::tenant::contoso::{TENANT_DOMAIN, TENANT_ID};
use crate::tenant::directory::{Application, OwnRefresh, Platform, TokenFormat};
use crate::tenant::people::Person;
use crate::world::World;

const REFRESH_TOKEN_SECONDS: i64 = 90 * 86_400;
/// Tokens that live at least this long are answered with `refresh_in`.
const LONG_LIFETIME_SECONDS: i64 = 2 * 3_600;

/// A sign-in as refresh tokens and codes remember it.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) oid: String,
    pub(crate) client_id: String,
    pub(crate) proof: Proof,
    pub(crate) epoch: u64,
    /// Where the code was sent; nothing where there was none.
    pub(crate) platform: Option<Platform>,
}

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub(crate) struct RefreshToken {
    pub(crate) sign_in: SignIn,
    pub(crate) scope: String,
    pub(crate) expires_at: i64,
}

/// Everything the client gets for this sign-in and scope.
///
/// # Errors
/// A revoked session, a scope nobody knows, missing consent, or an unmet policy.
pub(crate) fn user_tokens(
    state: &State,
    client: &Client,
    sign_in: &SignIn,
    scope: &str,
    form: &Form,
    nonce: Option<&str>,
) -> Result<Map<String, Value>, EntraError> {
    let person = state.world.tenant.people.by_oid(&sign_in.oid).ok_or_else(unknown_user)?;
    ensure_live_session(&state.world, person, sign_in.epoch)?;
    let request = ScopeRequest::parse(&state.world.tenant.directory(), scope)?;
    let asked = asked_claims(form)?;
    let mut answer = answer_frame(state, client, sign_in, person, &request, form, nonce);
    let Some(target) = &request.target else { return Ok(answer) };
    let granted = permitted(&state.world, &client.application, person, target, &sign_in.proof)?;
    let granted = match own_refresh(&state.world, client, target, form)? {
        Some(odd) => vec![odd],
        None => granted,
    };
    let token = AccessToken {
        subject: Subject::User { person, scopes: &granted, proof: &sign_in.proof, epoch: sign_in.epoch },
        client: &client.application,
        auth: client.auth,
        resource: &target.application,
        asked_as: &target.name,
        cp1: asked.cp1,
        format: target.application.format,
    };
    let lifetime = token.lifetime(&state.world);
    let text = sign(&state.world, token.format, &token.claims(&state.world, lifetime));
    let mut scopes = target.answered(&granted);
    scopes.extend(request.oidc.iter().filter(|oidc| *oidc != "offline_access").cloned());
    answer.extend(object(json!({
        "token_type": "Bearer", "scope": scopes.join(" "), "expires_in": lifetime, "ext_expires_in": lifetime,
        "access_token": text,
    })));
    if lifetime >= LONG_LIFETIME_SECONDS {
        answer.insert("refresh_in".to_owned(), (lifetime / 2).into());
    }
    Ok(answer)
}

/// A refresh without `scope` of an application that is its own resource: AADSTS90009, or a scope that is not a name.
fn own_refresh(
    world: &World,
    client: &Client,
    target: &Target,
    form: &Form,
) -> Result<Option<String>, EntraError> {
    let app = &client.application;
    let scopeless = form.get("grant_type") == Some("refresh_token") && form.get("scope").is_none();
    if !scopeless || app.app_id != target.application.app_id {
        return Ok(None);
    }
    match world.tenant.directory().registration().own_refresh {
        OwnRefresh::OddScope => Ok(Some(app.odd_scope())),
        OwnRefresh::Refused => {
            let message = format!(
                "Application '{}'({}) is requesting a token for itself. This scenario is supported only if resource is \
                 specified using the GUID based App Identifier.",
                app.app_id, app.display_name
            );
            Err(EntraError::invalid_request(90_009, message))
        }
    }
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
        let claims = id_token_claims(&state.world, &client.application, person, nonce);
        answer.insert("id_token".to_owned(), sign(&state.world, TokenFormat::V2, &claims).into());
    }
    if request.wants("offline_access") {
        let token = state.world.random_secret("1.Aemu.");
        let expires_at = state.world.clock.seconds() + REFRESH_TOKEN_SECONDS;
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
fn permitted(
    world: &World,
    client: &Application,
    person: &Person,
    target: &Target,
    proof: &Proof,
) -> Result<Vec<String>, EntraError> {
    let directory = world.tenant.directory();
    if directory.is_kept_out(person, &target.application) {
        return Err(not_assigned(person, &target.application));
    }
    let granted = directory.granted(client.app_id, target.application.app_id, &person.oid);
    let has = |value: &String| granted.iter().any(|have| have.eq_ignore_ascii_case(value));
    if granted.is_empty() || !target.values.iter().all(has) {
        return Err(no_consent(client));
    }
    evaluate(&directory.policies, &person.name, target.application.app_id, proof).map_err(policy_error)?;
    Ok(if target.default { granted.into_iter().collect() } else { target.values.clone() })
}

/// AADSTS50173 if the sign-in is from before the last revocation.
pub(crate) fn ensure_live_session(world: &World, person: &Person, epoch: u64) -> Result<(), EntraError> {
    let session = world.tenant.directory().session(&person.oid);
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
pub(crate) fn check_resource(world: &World, resource: Option<&str>, scope: &str) -> Result<(), EntraError> {
    let Some(resource) = resource.filter(|_| world.config.check_resource_parameter) else { return Ok(()) };
    let directory = world.tenant.directory();
    let named = directory.resource(resource).map(|app| app.app_id);
    let asked = ScopeRequest::parse(&directory, scope)?.target.map(|target| target.application.app_id);
    if named.is_some() && named == asked {
        return Ok(());
    }
    let message = "The resource parameter provided in the request doesn't match with the requested scopes.";
    Err(EntraError::new("invalid_target", 9_010_010, message))
}

/// AADSTS50105.
fn not_assigned(person: &Person, resource: &Application) -> EntraError {
    let message = format!(
        "Your administrator has configured the application {} ('{}') to block users unless they are specifically granted \
         ('assigned') access to the application. The signed-in user '{}' is blocked because they are not a direct member \
         of a group with access, nor had access directly assigned by an administrator.",
        resource.display_name, resource.app_id, person.upn
    );
    EntraError::invalid_grant(50_105, message)
}

/// AADSTS65001, naming the client that lacks consent.
fn no_consent(client: &Application) -> EntraError {
    let message = format!(
        "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive \
         authorization request for this user and resource.",
        client.app_id, client.display_name
    );
    EntraError::invalid_grant(65_001, message).with_suberror("consent_required")
}

/// An unmet policy as the token endpoint words it: live systems say `invalid_grant`.
fn policy_error(unmet: Unmet) -> EntraError {
    let error = if unmet.documented_error { "interaction_required" } else { "invalid_grant" };
    let suberror = if unmet.claims.is_some() { "basic_action" } else { "message_only" };
    EntraError::new(error, unmet.code, unmet.message).with_suberror(suberror).with_claims(unmet.claims)
}

pub(crate) fn unknown_user() -> EntraError {
    let message = format!("The user account does not exist in the {TENANT_DOMAIN} directory.");
    EntraError::invalid_grant(50_034, message)
}
