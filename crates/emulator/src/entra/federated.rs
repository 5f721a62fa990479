//! Federated identity credentials: a token of a managed identity or of a cluster's service account in place of
//! a certificate's client assertion.
//!
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity>,
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust>

use super::client_assertion::check_lifetime;
use super::errors::EntraError;
use super::verify::{self, Rejected};
use crate::jwt::Unverified;
use crate::tenant::contoso::TENANT_ID;
use crate::tenant::federation;
use crate::world::World;

const MORE: &str = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. \
                    https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

/// Proves that `assertion` is a token that one of the application's federated identity credentials names.
///
/// # Errors
/// AADSTS70025 if it has none; 700211, 700212 and 700213 for another issuer, audience or subject; 50027 for a token that
/// is not good, 700024 for one that is not of now, 700229 for a user's.
pub(crate) fn check(
    world: &World,
    client_id: &str,
    assertion: &str,
    parsed: &Unverified<'_>,
) -> Result<(), EntraError> {
    if parsed.claims.contains_key("scp") {
        let message = "Only app tokens can be used as Federated Identity Credentials.";
        return Err(EntraError::invalid_client(700_229, message));
    }
    check_match(world, client_id, parsed)?;
    check_token(world, assertion, parsed)
}

/// Issuer, audience and subject, compared as they are: case counts, and so does a trailing slash.
fn check_match(world: &World, client_id: &str, parsed: &Unverified<'_>) -> Result<(), EntraError> {
    let directory = world.tenant.directory();
    let credentials = directory.federated_credentials(client_id);
    if credentials.is_empty() {
        let message = format!("The client '{client_id}' has no configured federated identity credentials.");
        return Err(EntraError::invalid_client(70_025, message));
    }
    let (issuer, subject) = (parsed.text("iss").unwrap_or_default(), parsed.text("sub").unwrap_or_default());
    let audiences = parsed.list("aud");
    let of_issuer: Vec<_> = credentials.iter().filter(|credential| credential.issuer == issuer).collect();
    if of_issuer.is_empty() {
        return Err(no_match(700_211, "issuer", issuer));
    }
    let of_audience: Vec<_> = of_issuer
        .into_iter()
        .filter(|credential| credential.audiences.iter().any(|audience| audiences.contains(audience)))
        .collect();
    if of_audience.is_empty() {
        return Err(no_match(700_212, "audience", &audiences.join(",")));
    }
    if !of_audience.iter().any(|credential| credential.subject == subject) {
        return Err(no_match(700_213, "subject", subject));
    }
    Ok(())
}

fn check_token(world: &World, assertion: &str, parsed: &Unverified<'_>) -> Result<(), EntraError> {
    let malformed = || EntraError::invalid_client(50_027, "JWT token is invalid or malformed.");
    let issuer = parsed.text("iss").unwrap_or_default();
    if issuer == world.issuer_v2(TENANT_ID) {
        return match verify::token(world, assertion, 300) {
            Ok(_) => Ok(()),
            Err(Rejected::Expired | Rejected::NotYetValid) => check_lifetime(world, parsed),
            Err(_) => Err(malformed()),
        };
    }
    if issuer != federation::issuer(&world.endpoints.authority) {
        let message = format!("Request to External OIDC endpoint failed. Issuer: '{issuer}'.");
        return Err(EntraError::invalid_request(50_166, message));
    }
    let key = &world.cluster_key;
    let names_it = parsed.header_text("alg") == Some("RS256") && parsed.header_text("kid") == Some(key.kid());
    if !names_it || !key.verifies_rs256(parsed.message, &parsed.signature) {
        return Err(malformed());
    }
    check_lifetime(world, parsed)
}

fn no_match(code: u32, what: &str, presented: &str) -> EntraError {
    let message = format!(
        "No matching federated identity record found for presented assertion {what} '{presented}'. {MORE}"
    );
    EntraError::invalid_client(code, message)
}
