//! The on-behalf-of exchange: every check Entra makes of the assertion, then consent, then Conditional Access.
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>

use std::sync::Arc;

use serde_json::{Map, Value};

use super::client::{Client, no_credential};
use super::errors::EntraError;
use super::form::Form;
use super::issue::ClientAuth;
use super::state::State;
use super::user_tokens::{SignIn, ensure_live_session, unknown_user, user_tokens};
use super::verify::{self, Rejected};
use crate::counters::bump;
use crate::jwt::Unverified;
use crate::tenant::conditional_access::Proof;
use crate::tenant::people::Person;
use crate::world::World;

/// Seconds by which Entra's servers allow clocks to differ.
const SKEW_SECONDS: i64 = 300;

/// Exchanges the assertion for a token of the one resource in `scope`.
///
/// # Errors
/// AADSTS codes as in the module's checks; 65001, 50076 and their kin with `suberror` and `claims`.
pub(crate) fn exchange(
    state: &State,
    client: &Client,
    form: &Form,
) -> Result<Map<String, Value>, EntraError> {
    if form.get("requested_token_use") != Some("on_behalf_of") {
        return Err(EntraError::missing("requested_token_use"));
    }
    if client.auth == ClientAuth::Public {
        return Err(no_credential());
    }
    if form.get("resource").is_some() {
        let message = "The 'resource' request parameter is not supported.";
        return Err(EntraError::invalid_request(901_002, message));
    }
    let assertion = form.require("assertion")?;
    let scope = form.require("scope")?;
    let (person, sign_in) = check_assertion(&state.world, client, assertion)?;
    let answer = user_tokens(state, client, &sign_in, scope, form, None)?;
    count(&state.world, &person, scope);
    Ok(answer)
}

fn check_assertion(
    world: &World,
    client: &Client,
    assertion: &str,
) -> Result<(Arc<Person>, SignIn), EntraError> {
    let parsed = verify::token(world, assertion, SKEW_SECONDS).map_err(rejected)?;
    check_audience(client, &parsed)?;
    if is_app_only(&parsed) {
        let message = format!(
            "Application '{}' is not allowed to make application on-behalf-of calls.",
            client.application.app_id
        );
        return Err(EntraError::new("unauthorized_client", 7_000_114, message));
    }
    if parsed.text("scp").is_none() {
        let message = "Input id_token cannot be used as 'urn:ietf:params:oauth:grant-type:jwt-bearer' grant.";
        return Err(EntraError::invalid_grant(240_002, message));
    }
    let person =
        parsed.text("oid").and_then(|oid| world.tenant.people.by_oid(oid)).ok_or_else(unknown_user)?;
    let epoch = verify::epoch(&parsed);
    ensure_live_session(world, person, epoch)?;
    let proof = Proof { methods: parsed.list("amr"), contexts: parsed.list("acrs") };
    let client_id = client.application.app_id.to_owned();
    Ok((Arc::clone(person), SignIn { oid: person.oid.clone(), client_id, proof, epoch, platform: None }))
}

/// The assertion must be meant for the application that presents it, by client id or identifier URI.
fn check_audience(client: &Client, parsed: &Unverified<'_>) -> Result<(), EntraError> {
    let audience = parsed.text("aud").unwrap_or_default();
    if client.application.is_named(audience) {
        return Ok(());
    }
    let message = format!(
        "Assertion audience does not match the Client app presenting the assertion. The audience in the assertion was \
         '{audience}' and the expected audience is '{}' or one of the Application Uris of this application with App ID \
         '{0}'({1}). The downstream client must request a token for the expected audience (the application that made the \
         OBO call) and this application should use that token as the assertion.",
        client.application.app_id, client.application.display_name
    );
    Err(EntraError::invalid_grant(500_131, message))
}

fn is_app_only(parsed: &Unverified<'_>) -> bool {
    let subject_is_principal = parsed.text("sub").is_some() && parsed.text("sub") == parsed.text("oid");
    parsed.text("idtyp") == Some("app") || (parsed.text("scp").is_none() && subject_is_principal)
}

fn rejected(why: Rejected) -> EntraError {
    match why {
        Rejected::Malformed => EntraError::invalid_request(50_027, "JWT token is invalid or malformed."),
        Rejected::Signature => EntraError::invalid_grant(
            50_013,
            "Assertion failed signature validation. [Reason - The key was not found.]",
        ),
        Rejected::Issuer(issuer) => EntraError::invalid_grant(
            50_013,
            format!(
                "Assertion failed signature validation. [Reason - The issuer '{issuer}' is not of this tenant.]"
            ),
        ),
        Rejected::NotYetValid | Rejected::Expired => EntraError::invalid_grant(
            500_133,
            "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for \
             user assertion, or request a new token.",
        ),
    }
}

fn count(world: &World, person: &Person, scope: &str) {
    let resource =
        scope.split_ascii_whitespace().find_map(|item| item.rsplit_once('/')).map(|(name, _)| name);
    let resource = resource.and_then(|name| world.tenant.directory().resource(name));
    let resource = resource.map_or("openid", |app| app.app_id);
    world.counters.add(|counts| {
        counts.exchanges += 1;
        bump(counts.exchanges_by_person.entry(person.name.clone()).or_default(), resource);
    });
}
