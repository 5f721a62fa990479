//! Authorization codes and their redemption, with PKCE.

use std::sync::PoisonError;

use serde_json::{Map, Value};

use crate::entra::client::Client;
use crate::entra::errors::EntraError;
use crate::entra::form::Form;
use crate::entra::state::State;
use crate::entra::user_tokens::{SignIn, check_resource, user_tokens};
use crate::jwt;

/// How long a code can be redeemed.
pub(super) const CODE_SECONDS: i64 = 600;

/// What an authorization code stands for.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) sign_in: SignIn,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) claims: Option<String>,
    pub(super) expires_at: i64,
}

/// Exchanges a code for tokens, once.
pub(crate) fn redeem(state: &State, client: &Client, form: &Form) -> Result<Map<String, Value>, EntraError> {
    let presented = form.require("code")?;
    let code =
        state.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(presented).ok_or_else(|| {
            EntraError::invalid_grant(
                54_005,
                "OAuth2 Authorization code was already redeemed, please retry with a new one.",
            )
        })?;
    if code.expires_at <= state.world.clock.seconds() {
        return Err(EntraError::invalid_grant(70_008, "The provided authorization code has expired."));
    }
    if code.sign_in.client_id != client.application.app_id {
        let message = "The provided authorization code is intended to be used with other resource or client.";
        return Err(EntraError::invalid_grant(70_002, message));
    }
    if form.require("redirect_uri")? != code.redirect_uri {
        let message = "The reply address does not match the one of the authorization request.";
        return Err(EntraError::invalid_grant(500_112, message));
    }
    check_verifier(&code, form.get("code_verifier"))?;
    check_resource(&state.world, form.get("resource"), &code.scope)?;
    let form = form.or("claims", code.claims.as_deref());
    user_tokens(state, client, &code.sign_in, &code.scope, &form, code.nonce.as_deref())
}

/// PKCE with S256 (RFC 7636 section 4.6).
fn check_verifier(code: &Code, verifier: Option<&str>) -> Result<(), EntraError> {
    let proven = verifier.map(|verifier| jwt::sha256(verifier.as_bytes()));
    match (&code.challenge, proven) {
        (None, _) => Ok(()),
        (Some(challenge), Some(proven)) if *challenge == proven => Ok(()),
        (Some(_), Some(_)) => {
            let message =
                "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
            Err(EntraError::invalid_grant(501_481, message))
        }
        (Some(_), None) => {
            let message = "A code_verifier is required to redeem this authorization code.";
            Err(EntraError::invalid_grant(501_482, message))
        }
    }
}
