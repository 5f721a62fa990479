//! Who a client is: proven by certificate, by secret, or public and proven not at all.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::client_assertion;
use super::errors::EntraError;
use super::issue::ClientAuth;
use super::token::Form;
use crate::config::API_CLIENT_ID;
use crate::directory::Application;
use crate::state::State;

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
    let application = state.directory().application(client_id).ok_or_else(|| unknown_client(client_id))?;
    if application.app_id == API_CLIENT_ID && !state.directory().registration().installed {
        return Err(unknown_client(client_id));
    }
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
