//! Sign-in: the authorize endpoint with its pages.
//!
//! A person is chosen on a page, or without one: `prompt=none` with `login_hint` acts as an existing browser session, and
//! the parameters of [`Choices`] may stand in the URL, so that a test needs no browser.

use std::sync::{Arc, PoisonError};

use axum::extract::{Path, RawQuery, State as Shared};
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use url::Url;
use uuid::Uuid;

use self::code::{CODE_SECONDS, Code};
use super::errors::EntraError;
use super::form::Form;
use super::scopes::ScopeRequest;
use super::state::State;
use super::user_tokens::{SignIn, asked_claims, check_resource};
use super::{TenantName, discovery};
use crate::tenant::conditional_access::{ClaimsRequest, Proof, Unmet, evaluate};
use crate::tenant::contoso::TENANT_ID;
use crate::tenant::directory::{Application, Platform};
use crate::tenant::people::Person;
use crate::world::World;

pub(crate) mod code;
mod explain;
mod pages;

/// A request whose client and redirect URI are known to be good, so that errors may go there.
struct Request {
    form: Form,
    client: Arc<Application>,
    redirect_uri: Url,
    platform: Platform,
}

/// What the person at the browser chose: `emulator_person`, `emulator_mfa`, `emulator_consent` (`accept` or `decline`).
struct Choices {
    person: Option<Arc<Person>>,
    mfa: bool,
    consent: Option<bool>,
}

/// What happens next in a sign-in.
enum Step {
    ChooseAccount,
    ProveMore(Arc<Person>),
    Consent(Arc<Person>, Vec<String>),
    AdminMustConsent(Arc<Person>, Vec<String>, pages::Approval),
    Refuse(EntraError),
    Done(SignIn),
}

pub(crate) async fn authorize(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    respond(&state, &tenant, Form::parse(query.unwrap_or_default().as_bytes()))
}

/// The pages post back here, with the original request in hidden fields.
pub(crate) async fn submit(
    Shared(state): Shared<Arc<State>>,
    Path(tenant): Path<String>,
    _headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    respond(&state, &tenant, Form::parse(&body))
}

fn respond(state: &State, tenant: &str, form: Form) -> Response {
    state.world.counters.add(|counts| counts.authorize_requests += 1);
    let request = match Request::read(&state.world, tenant, form) {
        Ok(request) => request,
        Err(error) => return pages::error(&state.world, &error),
    };
    let choices = Choices::read(&state.world, &request.form);
    let silent = request.form.get("prompt") == Some("none");
    match next_step(&state.world, &request, &choices) {
        Step::Done(sign_in) => request.redirect_with_code(state, sign_in),
        Step::Refuse(error) => request.redirect_with_error(&state.world, &error),
        _ if silent => {
            let message = "Silent authentication failed: the person must be shown a page.";
            request
                .redirect_with_error(&state.world, &EntraError::new("interaction_required", 50_058, message))
        }
        Step::ChooseAccount => pages::choose_account(&state.world, &request.form, &request.client),
        Step::ProveMore(person) => pages::prove_more(&request.form, &request.client, &person),
        Step::Consent(person, scopes) => {
            pages::consent(&state.world, &request.form, &request.client, &person, &scopes)
        }
        Step::AdminMustConsent(person, scopes, approval) => {
            pages::admin_must_consent(&request.form, &request.client, &person, &scopes, approval)
        }
    }
}

fn next_step(world: &World, request: &Request, choices: &Choices) -> Step {
    let (scopes, asked) = match request.check(world) {
        Ok(checked) => checked,
        Err(error) => return Step::Refuse(error),
    };
    let Some(person) = &choices.person else { return Step::ChooseAccount };
    let mut proof = Proof { methods: vec!["pwd".to_owned()], contexts: Vec::new() };
    if choices.mfa {
        proof.methods.push("mfa".to_owned());
        proof.contexts.clone_from(&asked.contexts);
    }
    if !choices.mfa && (asked.mfa || !asked.contexts.is_empty()) {
        return Step::ProveMore(Arc::clone(person));
    }
    if let Some(target) = &scopes.target {
        match policy_step(world, person, target.application.app_id, &proof) {
            Some(unmet) if unmet.claims.is_some() && !choices.mfa => {
                return Step::ProveMore(Arc::clone(person));
            }
            Some(unmet) => return Step::Refuse(EntraError::new("access_denied", unmet.code, unmet.message)),
            None => {}
        }
    }
    if let Some(step) = consent_step(world, request, &scopes, person, choices.consent) {
        return step;
    }
    let epoch = world.tenant.directory().session(&person.oid).epoch;
    let client_id = request.client.app_id.to_owned();
    let platform = Some(request.platform);
    Step::Done(SignIn { oid: person.oid.clone(), client_id, proof, epoch, platform })
}

fn policy_step(world: &World, person: &Person, resource: &str, proof: &Proof) -> Option<Unmet> {
    evaluate(&world.tenant.directory().policies, &person.name, resource, proof).err()
}

/// What consent still stands between the person and the scopes; grants it when the person just accepted.
fn consent_step(
    world: &World,
    request: &Request,
    scopes: &ScopeRequest,
    person: &Arc<Person>,
    choice: Option<bool>,
) -> Option<Step> {
    let target = scopes.target.as_ref()?;
    let (client, resource) = (request.client.app_id, target.application.app_id);
    let granted = world.tenant.directory().granted(client, resource, &person.oid);
    let required =
        request.client.required.iter().filter(|(of, _)| *of == resource).map(|(_, scope)| scope.clone());
    let wanted: Vec<String> = match target.default {
        true if granted.is_empty() => required.collect(),
        true => Vec::new(),
        false => target.values.clone(),
    };
    let forced = request.form.get("prompt") == Some("consent");
    let missing: Vec<String> = wanted.iter().filter(|scope| !granted.contains(*scope)).cloned().collect();
    if missing.is_empty() && !forced {
        return None;
    }
    // `prompt=consent` asks anew for what was granted already; whoever could not have granted it is stuck, even
    // where an administrator has (AADSTS90094; Microsoft Q&A 5847660).
    let asked = if forced { &wanted } else { &missing };
    let admin_only = |scope: &String| target.application.scope(scope).is_some_and(|scope| scope.admin_only);
    let approval = match world.config.users_may_consent {
        true if asked.iter().any(admin_only) => Some(pages::Approval::OfScope),
        true => None,
        // Whatever was granted before: whoever comes with `prompt=consent` is stuck as well.
        false => Some(pages::Approval::OfAnything),
    };
    if let Some(approval) = approval {
        return Some(match choice {
            Some(_) => Step::Refuse(declined()),
            None => Step::AdminMustConsent(Arc::clone(person), asked.clone(), approval),
        });
    }
    match choice {
        Some(true) => {
            world.tenant.directory_mut().grants.add(client, resource, Some(&person.oid), &missing);
            None
        }
        Some(false) => Some(Step::Refuse(declined())),
        None => Some(Step::Consent(Arc::clone(person), asked.clone())),
    }
}

fn declined() -> EntraError {
    EntraError::new("access_denied", 65_004, "User declined to consent to access the app.")
}

impl Choices {
    fn read(world: &World, form: &Form) -> Self {
        let silent = form.get("login_hint").filter(|_| form.get("prompt") == Some("none"));
        let name = form.get("emulator_person").or(silent);
        Self {
            person: name.and_then(|name| world.tenant.people.find(name)),
            mfa: form.get("emulator_mfa").is_some_and(|value| value == "true"),
            consent: form.get("emulator_consent").map(|value| value == "accept"),
        }
    }
}

impl Request {
    /// Finds client and redirect URI. Until both are good, nothing may be sent to the URI: the error is a page.
    fn read(world: &World, tenant: &str, form: Form) -> Result<Self, EntraError> {
        TenantName::parse(tenant).ok_or_else(|| discovery::no_such_tenant(tenant))?;
        let client_id = form.require("client_id")?;
        let client = world.tenant.directory().application(client_id).ok_or_else(|| {
            let message = format!(
                "Application with identifier '{client_id}' was not found in the directory 'Contoso'."
            );
            EntraError::new("unauthorized_client", 700_016, message)
        })?;
        let given = form.require("redirect_uri")?;
        let registered = Url::parse(given).ok().and_then(|uri| client.platform_of(&uri).map(|of| (uri, of)));
        let (redirect_uri, platform) = registered.ok_or_else(|| {
            let message = format!(
                "The redirect URI '{given}' specified in the request does not match the redirect URIs configured for the \
                 application '{client_id}'."
            );
            EntraError::invalid_request(50_011, message)
        })?;
        Ok(Self { form, client, redirect_uri, platform })
    }

    /// What can go wrong before anybody is asked to sign in.
    fn check(&self, world: &World) -> Result<(ScopeRequest, ClaimsRequest), EntraError> {
        if self.form.require("response_type")? != "code" {
            let message = "The provided value for the input parameter 'response_type' is not valid. Expected value: 'code'.";
            return Err(EntraError::new("unsupported_response_type", 700_051, message));
        }
        if self.form.get("code_challenge").is_some() && self.form.get("code_challenge_method") != Some("S256")
        {
            let message = "The provided value for the input parameter 'code_challenge_method' is not valid.";
            return Err(EntraError::invalid_request(9_002_344, message));
        }
        let scope = self.form.require("scope")?;
        check_resource(world, self.form.get("resource"), scope)?;
        let scopes = ScopeRequest::parse(&world.tenant.directory(), scope)?;
        Ok((scopes, asked_claims(&self.form)?))
    }

    fn redirect_with_code(&self, state: &State, sign_in: SignIn) -> Response {
        let code = state.world.random_secret("1.Ac.");
        let owned = |name: &str| self.form.get(name).map(str::to_owned);
        let kept = Code {
            sign_in,
            redirect_uri: owned("redirect_uri").unwrap_or_default(),
            scope: owned("scope").unwrap_or_default(),
            challenge: owned("code_challenge"),
            nonce: owned("nonce"),
            claims: owned("claims"),
            expires_at: state.world.clock.seconds() + CODE_SECONDS,
        };
        state.codes.lock().unwrap_or_else(PoisonError::into_inner).insert(code.clone(), kept);
        self.send(&state.world, &[("code", &code), ("session_state", &Uuid::new_v4().to_string())])
    }

    fn redirect_with_error(&self, world: &World, error: &EntraError) -> Response {
        let description = error.description(world.clock.now(), Uuid::new_v4(), &Uuid::new_v4().to_string());
        self.send(world, &[("error", error.error), ("error_description", &description)])
    }

    /// Sends `parameters` and the client's `state` to the redirect URI, in the response mode it asked for.
    fn send(&self, world: &World, parameters: &[(&str, &str)]) -> Response {
        let issuer = world.config.authorization_response_iss.then(|| world.issuer_v2(TENANT_ID));
        let issuer = issuer.as_deref().map(|issuer| ("iss", issuer));
        let asked = self.form.get("state").map(|state| ("state", state));
        let all: Vec<_> = parameters.iter().copied().chain(issuer).chain(asked).collect();
        let mut target = self.redirect_uri.clone();
        match self.form.get("response_mode") {
            Some("form_post") => return pages::post_back(&target, &all),
            Some("fragment") => {
                let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&all).finish();
                target.set_fragment(Some(&text));
            }
            _ => {
                target.query_pairs_mut().extend_pairs(&all);
            }
        }
        (StatusCode::FOUND, [(LOCATION, target.to_string())]).into_response()
    }
}
