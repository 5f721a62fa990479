//! Federated identity credentials: a token of a managed identity in place of a certificate's client assertion.
//!
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>

use super::errors::EntraError;
use super::verify;
use crate::config::{API_CLIENT_ID, FEDERATED_AUDIENCE, MANAGED_IDENTITY_ID};
use crate::state::State;

/// Proves that `assertion` is a token of the managed identity the application trusts.
///
/// # Errors
/// AADSTS50027 for a token that is not good, 700229 for a user's, 700212 and 700213 for another audience or subject.
pub(crate) fn check(state: &State, client_id: &str, assertion: &str) -> Result<(), EntraError> {
    let parsed = verify::token(state, assertion, 300)
        .map_err(|_| EntraError::invalid_client(50_027, "JWT token is invalid or malformed."))?;
    if parsed.claims.contains_key("scp") {
        let message = "Only app tokens can be used as Federated Identity Credentials.";
        return Err(EntraError::invalid_client(700_229, message));
    }
    let (audience, subject) =
        (parsed.text("aud").unwrap_or_default(), parsed.text("sub").unwrap_or_default());
    if audience != FEDERATED_AUDIENCE {
        let message = format!(
            "No matching federated identity record found for presented assertion audience '{audience}'. Please check your \
             federated identity credential Subject, Audience and Issuer against the presented assertion."
        );
        return Err(EntraError::invalid_client(700_212, message));
    }
    if client_id != API_CLIENT_ID || subject != MANAGED_IDENTITY_ID {
        let message = format!(
            "No matching federated identity record found for presented assertion subject '{subject}'. Please check your \
             federated identity credential Subject, Audience and Issuer against the presented assertion."
        );
        return Err(EntraError::invalid_client(700_213, message));
    }
    Ok(())
}
