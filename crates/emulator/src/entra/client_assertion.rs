//! Certificate client assertions (RFC 7523), checked as Entra does and as leniently: whatever msal-node, msal-python and
//! MSAL.NET send is accepted, including a replayed `jti`. Tokens of other issuers go to [`super::federated`].

use std::sync::Arc;

use super::errors::EntraError;
use super::{TenantName, federated};
use crate::jwt::{self, Unverified};
use crate::tenant::certificate::Certificate;
use crate::world::World;

/// Seconds by which a client's clock may differ: msal-node's `nbf` is ahead of its own `iat`.
const SKEW_SECONDS: f64 = 300.0;

/// Proves that `assertion` was signed with a certificate of application `client_id`, now, for this tenant.
///
/// # Errors
/// The `invalid_client` Entra answers, with its AADSTS code.
pub(crate) fn check(world: &World, client_id: &str, assertion: &str) -> Result<(), EntraError> {
    let malformed = || EntraError::invalid_client(50_027, "JWT token is invalid or malformed.");
    let parsed = Unverified::parse(assertion).ok_or_else(malformed)?;
    let names_a_certificate = parsed.header.contains_key("x5t#S256") || parsed.header.contains_key("x5t");
    let is_own = parsed.text("iss").is_none_or(|issuer| issuer.eq_ignore_ascii_case(client_id));
    if !names_a_certificate && !is_own {
        return federated::check(world, client_id, assertion, &parsed);
    }
    check_signature(world, client_id, &parsed)?;
    check_subject(client_id, &parsed)?;
    check_audience(world, &parsed)?;
    check_lifetime(world, &parsed)
}

fn check_signature(world: &World, client_id: &str, parsed: &Unverified<'_>) -> Result<(), EntraError> {
    let Some(certificate) = registered(world, client_id, parsed) else {
        return Err(key_error(client_id, "The key was not found.", &thumbprint(parsed)));
    };
    let key = match parsed.header_text("alg") {
        Some("PS256") => &certificate.pss,
        Some("RS256") => &certificate.pkcs1,
        _ => {
            let message = "Authentication failed: the client assertion's signing algorithm is not supported.";
            return Err(EntraError::invalid_client(50_012, message));
        }
    };
    if key.verify_sig(parsed.message.as_bytes(), &parsed.signature).is_err() {
        let reason = "Key was found, but use of the key to verify the signature failed.";
        return Err(key_error(client_id, reason, &thumbprint(parsed)));
    }
    if certificate.not_after < world.clock.seconds() {
        return Err(key_error(client_id, "The key used is expired.", &thumbprint(parsed)));
    }
    Ok(())
}

/// The certificate the header names by `x5t#S256` (padded or not) or `x5t`. `x5c` is not looked at, as in life.
fn registered(world: &World, client_id: &str, parsed: &Unverified<'_>) -> Option<Arc<Certificate>> {
    let unpadded = |name| parsed.header_text(name).map(|text| text.trim_end_matches('='));
    let (sha256, sha1) = (unpadded("x5t#S256"), unpadded("x5t"));
    let application = world.tenant.directory().application(client_id)?;
    let found = application.certificates.iter().find(|certificate| match (sha256, sha1) {
        (Some(thumbprint), _) => certificate.sha256 == thumbprint,
        (None, Some(thumbprint)) => certificate.sha1 == thumbprint,
        (None, None) => false,
    });
    found.cloned()
}

fn check_subject(client_id: &str, parsed: &Unverified<'_>) -> Result<(), EntraError> {
    let (issuer, subject) = (parsed.text("iss"), parsed.text("sub"));
    if issuer != subject {
        let message = "Subject must match Issuer claim in the client assertion.";
        return Err(EntraError::invalid_client(50_048, message));
    }
    if !issuer.is_some_and(|issuer| issuer.eq_ignore_ascii_case(client_id)) {
        let message = "Client assertion application identifier doesn't match 'client_id' parameter. Review the \
                       documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials.";
        return Err(EntraError::invalid_client(700_021, message));
    }
    Ok(())
}

/// The token endpoint, an issuer of the tenant, or the bare authority: Entra takes all of them.
fn check_audience(world: &World, parsed: &Unverified<'_>) -> Result<(), EntraError> {
    let ours = |audience: &String| {
        let Some(path) = audience.strip_prefix(world.endpoints.authority.as_str()) else { return false };
        let mut segments = path.trim_matches('/').splitn(2, '/');
        let tenant = segments.next().and_then(TenantName::parse);
        let rest = segments.next().unwrap_or_default();
        let rest = rest.split('?').next().unwrap_or_default();
        tenant.is_some() && matches!(rest, "" | "v2.0" | "oauth2/token" | "oauth2/v2.0/token")
    };
    if parsed.list("aud").iter().any(ours) {
        return Ok(());
    }
    let message = "Client assertion audience claim does not match Realm issuer. Review the documentation at \
                   https://learn.microsoft.com/entra/identity-platform/certificate-credentials.";
    Err(EntraError::invalid_client(700_023, message))
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in f64 for millions of years")]
pub(crate) fn check_lifetime(world: &World, parsed: &Unverified<'_>) -> Result<(), EntraError> {
    let now = world.clock.seconds() as f64;
    let ends = parsed.seconds("exp");
    let begins = parsed.seconds("nbf").unwrap_or(now);
    if ends.is_some_and(|exp| exp + SKEW_SECONDS > now) && begins - SKEW_SECONDS <= now {
        return Ok(());
    }
    let message = format!(
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {begins}, expiry \
         time of assertion {}. Review the documentation at \
         https://learn.microsoft.com/entra/identity-platform/certificate-credentials.",
        ends.unwrap_or_default()
    );
    Err(EntraError::invalid_client(700_024, message))
}

/// AADSTS700027 with its `[Reason - …]` bracket.
fn key_error(client_id: &str, reason: &str, thumbprint: &str) -> EntraError {
    let message = format!(
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - \
         {reason}, Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or \
         directly use MS Graph to see configured keys for app Id '{client_id}'.]"
    );
    EntraError::invalid_client(700_027, message)
}

/// The thumbprint the client named, as the portal shows it: hexadecimal, upper case.
fn thumbprint(parsed: &Unverified<'_>) -> String {
    use std::fmt::Write as _;
    let named = parsed.header_text("x5t").or_else(|| parsed.header_text("x5t#S256"));
    let bytes = named.and_then(jwt::decode).unwrap_or_default();
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}
