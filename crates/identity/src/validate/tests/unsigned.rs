//! What nobody signed costs one signature check, whatever is in it; what somebody did sign is bounded all the same.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use serde_json::{Value, json};

use super::support::{Authority, TestKey, V1_ISSUER, claims, token, without};
use crate::claims::MAX_LISTED;
use crate::error::{Reason, ValidationError};
use crate::strict_json::MAX_VALUES;
use crate::token::BearerToken;
use crate::unverified::MAX_HEADER_CHARS;
use crate::validate::Validator;

fn header(kid: &str) -> String {
    json!({"alg": "RS256", "typ": "JWT", "kid": kid}).to_string()
}

/// This many different words, as short as can be: up to 3,844 of two letters.
fn words(count: usize) -> Vec<String> {
    let letters = || ('0'..='9').chain('a'..='z').chain('A'..='Z');
    letters().flat_map(|a| letters().map(move |b| format!("{a}{b}"))).take(count).collect()
}

/// The same header and claims under the signature of others.
fn forged(authority: &Authority, claims: &str) -> BearerToken {
    let (header, other) = (header(&authority.key.kid), authority.key.sign_raw("{}", "{}"));
    let (_, signature) = other.expose().rsplit_once('.').unwrap();
    BearerToken::parse(format!("{}.{}.{signature}", B64.encode(header), B64.encode(claims))).unwrap()
}

async fn outcome(validator: &Validator, token: &BearerToken) -> Result<(), Reason> {
    match validator.validate(token).await {
        Ok(_) => Ok(()),
        Err(ValidationError::Invalid(invalid)) => Err(invalid.reason()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn nothing_is_read_of_claims_that_nobody_signed() {
    let authority = Authority::start().await;
    let with = |name: &str, value: Value| {
        let mut claims = claims(&authority);
        claims[name] = value;
        claims.to_string()
    };
    let twice = format!(r#"{{"oid":"x",{}"#, &claims(&authority).to_string()[1..]);
    for (text, once_signed) in [
        ("no JSON".to_owned(), Reason::Malformed),
        ("[]".to_owned(), Reason::Malformed),
        ("[".repeat(5000), Reason::Malformed),
        (twice, Reason::Malformed),
        (with("scp", json!(words(3800).join(" "))), Reason::TooManyValues),
        (with("groups", json!(words(MAX_VALUES))), Reason::TooManyValues),
        (with("roles", json!(words(MAX_LISTED + 1))), Reason::TooManyValues),
        (with("ver", json!("1.0")), Reason::UnsupportedVersion),
        (with("ver", json!({})), Reason::UnsupportedVersion),
        (with("tid", json!("contoso.com")), Reason::Malformed),
        (with("aud", json!("another")), Reason::WrongAudience),
        (without(claims(&authority), "exp").to_string(), Reason::MissingClaim),
    ] {
        for validator in [authority.validator(), &authority.validator_accepting_v1()] {
            let outcome = outcome(validator, &forged(&authority, &text)).await;
            assert_eq!(outcome, Err(Reason::BadSignature), "{text:.60}");
        }
        let signed = authority.key.sign_raw(&header(&authority.key.kid), &text);
        assert_eq!(authority.refusal(&signed).await, once_signed, "{text:.60}");
    }
    // Not even as text.
    let message = format!("{}.=", B64.encode(header(&authority.key.kid)));
    assert_eq!(BearerToken::parse(format!("{message}.x")).unwrap_err().reason(), Reason::Malformed);
    let odd = format!("{}.a.x", B64.encode(header(&authority.key.kid)));
    assert_eq!(authority.refusal(&BearerToken::parse(odd).unwrap()).await, Reason::BadSignature);
}

#[tokio::test]
async fn a_header_is_read_up_to_its_bound() {
    let authority = Authority::start().await;
    let of_length = |chars: usize| {
        let bare = json!({"alg": "RS256", "kid": authority.key.kid, "pad": ""}).to_string();
        let padding = "a".repeat(chars * 3 / 4 - bare.len());
        let header = json!({"alg": "RS256", "kid": authority.key.kid, "pad": padding}).to_string();
        assert_eq!(B64.encode(&header).len(), chars);
        authority.key.sign_raw(&header, &claims(&authority).to_string())
    };
    assert_eq!(outcome(authority.validator(), &of_length(MAX_HEADER_CHARS)).await, Ok(()));
    let over = outcome(authority.validator(), &of_length(MAX_HEADER_CHARS + 2)).await;
    assert_eq!(over, Err(Reason::HeaderTooLarge));
}

#[tokio::test]
async fn every_list_is_read_up_to_its_bound() {
    let authority = Authority::start().await;
    for name in ["scp", "roles", "acrs", "xms_cc"] {
        for (count, expected) in [(MAX_LISTED, Ok(())), (MAX_LISTED + 1, Err(Reason::TooManyValues))] {
            let mut claims = claims(&authority);
            claims[name] = if name == "scp" { json!(words(count).join(" ")) } else { json!(words(count)) };
            let token = token(&authority.key, &claims);
            assert_eq!(outcome(authority.validator(), &token).await, expected, "{count} of {name}");
        }
    }
}

#[tokio::test]
async fn what_a_list_holds_is_all_there() {
    let authority = Authority::start().await;
    let mut claims = claims(&authority);
    claims["scp"] = json!(words(MAX_LISTED).join(" "));
    claims["roles"] = json!(words(MAX_LISTED));
    let principal = authority.validator().validate(&token(&authority.key, &claims)).await.unwrap();
    assert!(words(MAX_LISTED).iter().all(|word| principal.scopes().contains(word)));
    assert_eq!(principal.roles().len(), MAX_LISTED);
}

/// A token of version 1.0.
fn version_1(authority: &Authority) -> Value {
    let mut v1 = without(claims(authority), "azp");
    v1["ver"] = json!("1.0");
    v1["appid"] = json!("22223333-cccc-4444-dddd-5555eeee6666");
    v1["iss"] = json!(V1_ISSUER);
    v1
}

#[tokio::test]
async fn the_set_of_a_tokens_own_version_judges_its_key() {
    let authority = Authority::start().await;
    let (v2_only, v1_only) = (TestKey::generate("of-v2"), TestKey::generate("of-v1"));
    let limited = authority.issuer_of("{tenantid}");
    let both = |issuer| authority.key.jwk(issuer);
    authority
        .publish_each(&[both(Some(&limited)), v2_only.jwk(None)], &[both(None), v1_only.jwk(None)])
        .await;
    let validator = authority.validator_accepting_v1();
    for (key, v2, v1) in [
        // In the set of version 2.0 it is limited to that version's issuer, which says nothing of version 1.0.
        (&authority.key, Ok(()), Ok(())),
        (&v2_only, Ok(()), Err(Reason::UnknownKey)),
        (&v1_only, Err(Reason::UnknownKey), Ok(())),
    ] {
        let kid = &key.kid;
        assert_eq!(outcome(&validator, &token(key, &claims(&authority))).await, v2, "2.0 by {kid}");
        assert_eq!(outcome(&validator, &token(key, &version_1(&authority))).await, v1, "1.0 by {kid}");
    }
    let forger = TestKey::generate("of-v1");
    let outcome = outcome(&validator, &token(&forger, &version_1(&authority))).await;
    assert_eq!(outcome, Err(Reason::BadSignature));
}

#[tokio::test]
async fn one_id_for_two_keys_lets_neither_vouch_for_the_other_version() {
    let authority = Authority::start().await;
    let other = TestKey::generate(&authority.key.kid);
    authority.publish_each(&[authority.key.jwk(None)], &[other.jwk(None)]).await;
    let validator = authority.validator_accepting_v1();
    assert_eq!(outcome(&validator, &token(&authority.key, &claims(&authority))).await, Ok(()));
    for (key, claims) in [
        (&authority.key, version_1(&authority)),
        (&other, claims(&authority)),
        // It would be right, had it an id of its own: see `Validator::signer`.
        (&other, version_1(&authority)),
    ] {
        assert_eq!(outcome(&validator, &token(key, &claims)).await, Err(Reason::BadSignature));
    }
}

#[tokio::test]
async fn without_the_keys_of_its_version_nothing_is_said_of_a_token() {
    let authority = Authority::start().await;
    let validator = authority.validator_accepting_v1();
    validator.v2.refresh().await.unwrap();
    authority.go_down().await;
    // Its key is known, from the other set.
    let v1 = token(&authority.key, &version_1(&authority));
    assert_eq!(validator.validate(&v1).await.unwrap_err(), ValidationError::KeysUnavailable);
    let unknown = token(&TestKey::generate("new"), &claims(&authority));
    assert_eq!(validator.validate(&unknown).await.unwrap_err(), ValidationError::KeysUnavailable);
}

#[tokio::test]
async fn a_key_that_one_set_has_is_not_looked_for_at_the_authority() {
    let authority = Authority::start().await;
    let v1_only = TestKey::generate("of-v1");
    authority.publish_each(&[authority.key.jwk(None)], &[v1_only.jwk(None)]).await;
    let validator = authority.validator_accepting_v1();
    for keys in validator.sets().map(|(_, keys)| keys) {
        keys.refresh().await.unwrap();
    }
    let fetched = authority.fetches().await;
    validator.validate(&token(&v1_only, &version_1(&authority))).await.unwrap();
    assert_eq!(authority.fetches().await, fetched, "the other set's budget is for keys that nobody has");
}
