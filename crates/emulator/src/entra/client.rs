//! Who a client is: proven by certificate, by secret, or public and proven not at all.

use std::sync::{Arc, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, ORIGIN};

use super::client_assertion;
use super::errors::EntraError;
use super::form::Form;
use super::issue::ClientAuth;
use super::state::State;
use crate::tenant::directory::{Application, Platform};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that has proven itself.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) application: Arc<Application>,
    pub(crate) auth: ClientAuth,
}

/// Who the client is, proven by certificate, by secret (in the form or as Basic), or not at all if it is public.
pub(crate) fn authenticate(state: &State, headers: &HeaderMap, form: &Form) -> Result<Client, EntraError> {
    let basic = basic_credentials(headers);
    let named = form.get("client_id").or(basic.as_ref().map(|(id, _)| id.as_str()));
    let client_id = named.ok_or_else(|| EntraError::missing("client_id"))?;
    let application =
        state.world.tenant.directory().application(client_id).ok_or_else(|| unknown_client(client_id))?;
    if !application.installed && !application.microsofts {
        return Err(unknown_client(client_id));
    }
    if !application.enabled {
        let message = format!("Application '{client_id}' is disabled.");
        return Err(EntraError::new("unauthorized_client", 7_000_112, message));
    }
    let secret = form.get("client_secret").or(basic.as_ref().map(|(_, secret)| secret.as_str()));
    let platform = platform(state, form).or(application.public_client.then_some(Platform::MobileAndDesktop));
    let auth = match (form.get("client_assertion"), secret) {
        (None, None) => without_secret(platform, headers)?,
        (Some(_), _) | (_, Some(_)) if application.public_client => {
            let message =
                "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
            return Err(EntraError::invalid_client(700_025, message));
        }
        (Some(assertion), _) => {
            if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
                return Err(EntraError::missing("client_assertion_type"));
            }
            client_assertion::check(&state.world, application.app_id, assertion)?;
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
    };
    Ok(Client { application, auth })
}

/// The platform of the redirect URI that a code, or the sign-in behind a refresh token, was sent to.
fn platform(state: &State, form: &Form) -> Option<Platform> {
    match form.get("grant_type")? {
        "authorization_code" => {
            let codes = state.codes.lock().unwrap_or_else(PoisonError::into_inner);
            codes.get(form.get("code")?)?.sign_in.platform
        }
        "refresh_token" => {
            let tokens = state.refresh_tokens.lock().unwrap_or_else(PoisonError::into_inner);
            tokens.get(form.get("refresh_token")?)?.sign_in.platform
        }
        _ => None,
    }
}

/// A client that proves nothing: what it may do depends on where its code was sent, and on whether a page in a browser,
/// which sends `Origin`, is what asks.
fn without_secret(platform: Option<Platform>, headers: &HeaderMap) -> Result<ClientAuth, EntraError> {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    match (platform, origin) {
        (Some(Platform::MobileAndDesktop), None) | (Some(Platform::SinglePage), Some(_)) => {
            Ok(ClientAuth::Public)
        }
        (Some(Platform::MobileAndDesktop), Some(origin)) => {
            let message = format!(
                "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request \
                 origin: '{origin}'."
            );
            Err(EntraError::invalid_request(9_002_326, message))
        }
        (Some(Platform::SinglePage), None) => {
            let message = "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via \
                           cross-origin requests.";
            Err(EntraError::invalid_request(9_002_327, message))
        }
        (Some(Platform::Web) | None, _) => Err(no_credential()),
    }
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

/// AADSTS7000218.
pub(crate) fn no_credential() -> EntraError {
    let message =
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
    EntraError::invalid_client(7_000_218, message)
}

fn unknown_client(client_id: &str) -> EntraError {
    let message = format!(
        "Application with identifier '{client_id}' was not found in the directory 'Contoso'. This can happen if the \
         application has not been installed by the administrator of the tenant or consented to by any user in the tenant."
    );
    EntraError::new("unauthorized_client", 700_016, message)
}
