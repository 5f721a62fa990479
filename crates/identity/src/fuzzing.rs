//! What a fuzzer throws its input at (`make fuzz`). The inputs that are kept are survived in the tests below.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::clock::{Clock, ManualClock};
use crate::error::ValidationError;
use crate::explain::Verdict;
use crate::keys::{SigningKey, Snapshot};
use crate::outbound;
use crate::proved::ProvedTokens;
use crate::token::{BearerToken, MAX_TOKEN_BYTES};
use crate::unverified::{MAX_HEADER_CHARS, Parts, UnverifiedToken};
use crate::validate::{Validator, ValidatorConfig};

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
/// 2026-11-22T20:00:00Z.
const NOW: Timestamp = Timestamp::constant(1_795_377_600, 0);
/// The modulus of the one key that is believed, `key-1`. Its other half was thrown away.
const MODULUS: &str = "5rlck6XGs5AKOBDtlkQdJerALEDEyowjGijhbYMlI_mlMXvcJtqofoUMsS-bYZGI8Iy65e-x86txo_dgfa50gvSaLClf1vMihFhGdR_xIYv_cgDJhNpK-84lHs-fFRAu523_chtNYh9Pv3Y4qmmbouPor9amkHotPkkh36EA0KyselcH78T_j5P4mab0eg55t7IEtbQgWPrOwez5eV2x_mRTHaJNIlfIGLEwdSwrPgmosLWcCeK6isiDPsjstLwMogQb0L5senAJmhESwaGG44fsHIMA8ri9lokFeCrYDG7u7_j9X25P-F9dySQJNWKnyjRLZEpwmMctDYbpkuHTcw";
/// The longest text that a pin may show: a header is shorter, and of claims a line is shown each.
const MAX_FOUND_CHARS: usize = 4096;

static STAND: LazyLock<Option<(Runtime, Validator)>> =
    LazyLock::new(|| Some((Builder::new_current_thread().enable_all().build().ok()?, validator()?)));

/// Reads the input as a token; and where it has two lines or more, the first as a token's header and the rest as its claims.
///
/// # Panics
/// If anybody is let in, for nothing here was signed; if a token does not come back as it is; or if an explanation and the
/// validation disagree.
pub fn token(input: &[u8]) {
    let input = input.strip_suffix(b"\n").unwrap_or(input);
    if let Ok(text) = str::from_utf8(input) {
        read(text);
    }
    if let Some(line) = input.iter().position(|byte| *byte == b'\n') {
        let encode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
        read(&format!("{}.{}.{}", encode(&input[..line]), encode(&input[line + 1..]), encode(b"forged")));
    }
}

fn read(text: &str) {
    let Ok(token) = BearerToken::parse(text) else { return };
    assert!(token.expose() == text && text.len() <= MAX_TOKEN_BYTES, "not the text that came");
    assert!(BearerToken::parse(token.expose()).is_ok_and(|again| again.digest() == token.digest()));
    assert_eq!(format!("{token:?}"), "BearerToken(redacted)");
    take_apart(&token);
    explain(&token);
}

fn take_apart(token: &BearerToken) {
    let dots = token.expose().matches('.').count();
    let parts = Parts::split(token);
    assert_eq!(parts.is_ok(), dots == 2, "{dots} dots");
    if let Ok(unverified) = UnverifiedToken::parse(token) {
        assert!((1..=MAX_HEADER_CHARS).contains(&unverified.kid().len()));
        assert!(parts.is_ok_and(|parts| parts.header().is_ok_and(|header| header.contains_key("alg"))));
    }
}

fn explain(token: &BearerToken) {
    let Some((runtime, validator)) = STAND.as_ref() else { panic!("there is a validator without a network") };
    let (explanation, outcome) =
        runtime.block_on(async { (validator.explain(token).await, validator.validate(token).await) });
    let Err(refusal) = outcome else { panic!("a token that nobody signed is accepted") };
    assert_eq!(explanation.outcome.as_ref().err(), Some(&refusal), "{explanation:?}");
    let failed = explanation.pins.iter().find_map(|pin| match pin.verdict {
        Verdict::Failed(invalid) => Some(invalid),
        Verdict::Passed | Verdict::Unknown(_) => None,
    });
    if let ValidationError::Invalid(invalid) = refusal {
        assert_eq!(failed, Some(invalid), "{explanation:?}");
    }
    for pin in &explanation.pins {
        let is_unknown = matches!(pin.verdict, Verdict::Unknown(_));
        assert!(is_unknown || !pin.expected.is_empty(), "{pin:?}");
        assert!(pin.found.chars().count() <= MAX_FOUND_CHARS, "{pin:?}");
    }
}

/// A validator that holds one key for both versions, and can fetch none: outgoing clients speak no plain HTTP.
fn validator() -> Option<Validator> {
    let config = ValidatorConfig {
        tenant: TENANT.parse().ok()?,
        audiences: vec!["11112222-bbbb-3333-cccc-4444dddd5555".to_owned()],
        identifier_uris: vec!["https://mcp.contoso.com/mcp".to_owned()],
        accept_v1: true,
    };
    let authority = Url::parse("http://localhost/").ok()?;
    let clock = ManualClock::at(NOW);
    let now = clock.now();
    let validator = Validator::new(config, &authority, outbound::client(None).ok()?, Arc::new(clock)).ok()?;
    let key = SigningKey { key: DecodingKey::from_rsa_components(MODULUS, "AQAB").ok()?, issuer: None };
    let snapshot = |issuer: &str| Snapshot {
        issuer: issuer.to_owned(),
        keys: HashMap::from([("key-1".to_owned(), key.clone())]),
        fetched_at: now,
        proved: ProvedTokens::default(),
    };
    validator.v2.hold(snapshot("https://login.microsoftonline.com/{tenantid}/v2.0"));
    validator.v1.as_ref()?.hold(snapshot("https://sts.windows.net/{tenantid}/"));
    Some(validator)
}

#[cfg(test)]
mod tests {
    use testkit::kept_inputs;

    use super::*;

    #[test]
    fn every_kept_input_is_survived() {
        for (file, input) in kept_inputs("token") {
            println!("{}", file.display());
            token(&input);
        }
    }
}
