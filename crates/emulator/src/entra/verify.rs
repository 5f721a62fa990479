//! Proving a token the emulator issued: signature, issuer and lifetime. Audiences are the caller's business.

use crate::jwt::Unverified;
use crate::tenant::contoso::TENANT_ID;
use crate::world::World;

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rejected {
    Malformed,
    /// Unknown key, other algorithm, or a signature that is not the key's.
    Signature,
    /// From another tenant's issuer, which is named.
    Issuer(String),
    NotYetValid,
    Expired,
}

/// Takes `token` apart and proves it.
///
/// # Errors
/// The first check that fails, in the order of the variants.
pub(crate) fn token<'a>(
    world: &World,
    token: &'a str,
    skew_seconds: i64,
) -> Result<Unverified<'a>, Rejected> {
    let parsed = Unverified::parse(token).ok_or(Rejected::Malformed)?;
    if parsed.header_text("alg") != Some("RS256") {
        return Err(Rejected::Signature);
    }
    let ring = world.keys.load();
    let key = parsed.header_text("kid").and_then(|kid| ring.find(kid)).ok_or(Rejected::Signature)?;
    if !key.verifies_rs256(parsed.message, &parsed.signature) {
        return Err(Rejected::Signature);
    }
    let issuer = parsed.text("iss").unwrap_or_default();
    if issuer != world.issuer_v2(TENANT_ID) && issuer != world.issuer_v1(TENANT_ID) {
        return Err(Rejected::Issuer(issuer.to_owned()));
    }
    let now = world.clock.seconds();
    let moment = |name| parsed.claims.get(name).and_then(serde_json::Value::as_i64);
    if moment("nbf").is_some_and(|nbf| nbf > now + skew_seconds) {
        return Err(Rejected::NotYetValid);
    }
    if moment("exp").is_none_or(|exp| exp + skew_seconds <= now) {
        return Err(Rejected::Expired);
    }
    Ok(parsed)
}

/// The sign-in epoch a token carries in its opaque `aio` claim; see [`crate::entra::issue`].
pub(crate) fn epoch(parsed: &Unverified<'_>) -> u64 {
    let aio = parsed.text("aio").and_then(|aio| aio.strip_prefix(super::issue::AIO_PREFIX));
    aio.and_then(|epoch| epoch.parse().ok()).unwrap_or_default()
}
