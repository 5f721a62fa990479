//! What is remembered of a proved token, and everything that ends it. The last test compares a validator that
//! remembers with one that never does, over random histories.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use jiff::SignedDuration;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::support::{Authority, TestKey, V1_ISSUER, claims, token, without};
use crate::clock::Clock;
use crate::error::{Reason, ValidationError};
use crate::keys::KEY_MAX_AGE;
use crate::principal::Principal;
use crate::token::BearerToken;
use crate::validate::{LEEWAY, Validator};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// An authority, and a token whose proof is remembered.
async fn remembered() -> (Authority, BearerToken) {
    let authority = Authority::start().await;
    let token = token(&authority.key, &claims(&authority));
    assert!(authority.validator().remembered(&token).is_none());
    assert!(authority.validator().validate(&token).await.is_ok());
    assert!(authority.validator().remembered(&token).is_some());
    (authority, token)
}

#[tokio::test]
async fn who_is_remembered_is_who_was_proved() {
    let (authority, token) = remembered().await;
    let first = authority.validator().prove(&token).await.unwrap().1;
    let again = authority.validator().validate(&token).await.unwrap();
    assert_eq!(format!("{again:?}"), format!("{first:?}"));
    assert!(authority.validator().clone().remembered(&token).is_some(), "clones share what they know");
}

#[tokio::test]
async fn a_key_that_vanishes_takes_what_it_had_vouched_for() {
    let (authority, token) = remembered().await;
    authority.publish_keys(&[&TestKey::generate("key-2")]).await;
    assert!(authority.validator().validate(&token).await.is_ok(), "nobody knows yet");
    authority.refresh().await;
    assert_eq!(authority.refusal(&token).await, Reason::UnknownKey);
    assert!(authority.validator().remembered(&token).is_none());
}

#[tokio::test]
async fn so_does_another_key_of_the_same_id() {
    let (authority, token) = remembered().await;
    authority.publish_keys(&[&TestKey::generate(&authority.key.kid)]).await;
    authority.refresh().await;
    assert_eq!(authority.refusal(&token).await, Reason::BadSignature);
}

#[tokio::test]
async fn so_does_a_key_that_is_limited_to_another_issuer() {
    let (authority, token) = remembered().await;
    let consumers = authority.issuer_of("9188040d-6c67-4c5b-b112-36a304b66dad");
    authority.publish(&[authority.key.jwk(Some(&consumers))]).await;
    authority.refresh().await;
    assert_eq!(authority.refusal(&token).await, Reason::WrongIssuer);
}

#[tokio::test]
async fn a_key_that_stays_is_asked_once_more_and_remembered_again() {
    let (authority, token) = remembered().await;
    authority.refresh().await;
    assert!(authority.validator().remembered(&token).is_none(), "the new set vouches for nothing yet");
    assert!(authority.validator().validate(&token).await.is_ok());
    assert!(authority.validator().remembered(&token).is_some());
}

#[tokio::test]
async fn keys_that_grew_too_old_vouch_for_nothing() {
    let authority = Authority::start().await;
    let mut claims = claims(&authority);
    claims["exp"] = json!((authority.now() + KEY_MAX_AGE * 2).as_second());
    let token = token(&authority.key, &claims);
    assert!(authority.validator().validate(&token).await.is_ok());
    authority.go_down().await;
    authority.clock.advance(KEY_MAX_AGE - SECOND);
    assert!(authority.validator().remembered(&token).is_some(), "they are the last good ones");
    authority.clock.advance(SECOND);
    assert_eq!(authority.validator().validate(&token).await.unwrap_err(), ValidationError::KeysUnavailable);
}

#[tokio::test]
async fn a_remembered_token_expires_at_the_second() {
    let (authority, token) = remembered().await;
    authority.clock.advance(SignedDuration::from_secs(3600) + LEEWAY - SECOND);
    assert!(authority.validator().remembered(&token).is_some());
    authority.clock.advance(SECOND);
    assert!(authority.validator().remembered(&token).is_none());
    assert_eq!(authority.refusal(&token).await, Reason::Expired);
}

#[tokio::test]
async fn a_clock_set_back_makes_a_remembered_token_not_valid_yet() {
    let (authority, token) = remembered().await;
    authority.clock.advance(-LEEWAY);
    assert!(authority.validator().remembered(&token).is_some());
    authority.clock.advance(-SECOND);
    assert_eq!(authority.refusal(&token).await, Reason::NotYetValid);
    authority.clock.advance(SECOND);
    assert!(authority.validator().validate(&token).await.is_ok());
}

#[tokio::test]
async fn what_is_remembered_is_one_token_to_the_letter() {
    let (authority, known) = remembered().await;
    let (message, signature) = known.expose().rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", B64.encode(vec![7; 256]));
    assert_eq!(authority.refusal(&BearerToken::parse(forged).unwrap()).await, Reason::BadSignature);
    let unsigned = BearerToken::parse(format!("{message}.")).unwrap();
    assert_eq!(authority.refusal(&unsigned).await, Reason::BadSignature);
    let mallory = {
        let mut claims = claims(&authority);
        claims["oid"] = json!("00000000-0000-4000-8000-0000000000ff");
        B64.encode(claims.to_string())
    };
    let (header, _) = message.split_once('.').unwrap();
    let swapped = BearerToken::parse(format!("{header}.{mallory}.{signature}")).unwrap();
    assert_eq!(authority.refusal(&swapped).await, Reason::BadSignature);
    // The same claims, signed by the same key, in other letters: another token.
    let header = json!({"kid": authority.key.kid, "alg": "RS256", "typ": "at+jwt"});
    let spelled = authority.key.sign_raw(&header.to_string(), &claims(&authority).to_string());
    assert!(authority.validator().remembered(&spelled).is_none());
    assert!(authority.validator().validate(&spelled).await.is_ok());
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let authority = Authority::start().await;
    let mut early = claims(&authority);
    early["nbf"] = json!((authority.now() + LEEWAY + SECOND).as_second());
    let token = token(&authority.key, &early);
    assert_eq!(authority.refusal(&token).await, Reason::NotYetValid);
    authority.clock.advance(SECOND);
    assert!(authority.validator().validate(&token).await.is_ok());
}

#[tokio::test]
async fn tokens_of_version_1_are_remembered_with_their_own_keys() {
    let authority = Authority::start().await;
    let validator = authority.validator_accepting_v1();
    let mut v1 = without(claims(&authority), "azp");
    v1["ver"] = json!("1.0");
    v1["appid"] = json!("22223333-cccc-4444-dddd-5555eeee6666");
    v1["iss"] = json!(V1_ISSUER);
    let token = token(&authority.key, &v1);
    assert!(validator.validate(&token).await.is_ok());
    assert!(validator.remembered(&token).is_some());
    assert!(authority.validator().remembered(&token).is_none());
    assert_eq!(authority.refusal(&token).await, Reason::UnsupportedVersion);
}

/// No call that begins after the key was withdrawn may still be answered from memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_outlives_its_key_however_many_there_are() {
    let (authority, token) = remembered().await;
    let withdrawn = Arc::new(AtomicBool::new(false));
    let callers = (0..8).map(|_| {
        let (validator, token) = (authority.validator().clone(), token.clone());
        let withdrawn = Arc::clone(&withdrawn);
        tokio::spawn(async move {
            let (mut before, mut after) = (0_u32, 0_u32);
            while after < 200 {
                let too_late = withdrawn.load(Ordering::SeqCst);
                let outcome = validator.validate(&token).await;
                assert!(!(too_late && outcome.is_ok()), "answered after {before} and {after} calls");
                if too_late {
                    after += 1;
                } else {
                    before += 1;
                }
                tokio::task::yield_now().await;
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    authority.publish_keys(&[&TestKey::generate("key-2")]).await;
    authority.refresh().await;
    withdrawn.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
}

/// Something that happens between two looks at all tokens.
#[derive(Clone, Debug)]
enum Step {
    /// The clock moves, perhaps back.
    Wait(SignedDuration),
    /// These keys are published, each perhaps limited to another issuer, and fetched.
    Publish(Vec<(usize, bool)>),
    /// The authority fails to answer a fetch.
    Outage,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = (0..KEYS, proptest::bool::weighted(0.2));
    let step = prop_oneof![
        6 => (-900_i64..1800).prop_map(|seconds| Step::Wait(SignedDuration::from_secs(seconds))),
        1 => (-30_i64..30).prop_map(|hours| Step::Wait(SignedDuration::from_hours(hours))),
        2 => proptest::collection::vec(key, 1..3).prop_map(Step::Publish),
        1 => Just(Step::Outage),
    ];
    proptest::collection::vec(step, 1..20)
}

const KEYS: usize = 3;
const TOKENS: usize = 6;

/// Three keys, two of which have the same id, and tokens of each, with lives of their own.
fn keys_and_tokens(authority: &Authority) -> (Vec<TestKey>, Vec<BearerToken>) {
    let keys: Vec<_> = ["key-1", "key-1", "key-2"].map(TestKey::generate).into();
    let tokens = (0..TOKENS).map(|n| {
        let mut claims = claims(authority);
        let begin = authority.now().as_second() + i64::try_from(n).unwrap() * 600 - 1200;
        claims["nbf"] = json!(begin);
        claims["exp"] = json!(begin + if n < KEYS { 200_000 } else { 4000 });
        claims["uti"] = json!(format!("uti-{n}"));
        token(&keys[n % KEYS], &claims)
    });
    let tokens = tokens.collect();
    (keys, tokens)
}

#[test]
fn remembering_changes_no_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let authority = runtime.block_on(Authority::start());
    let (keys, tokens) = keys_and_tokens(&authority);
    let (start, remembered) = (authority.now(), Cell::new(0_usize));
    let history = async |steps: Vec<Step>| {
        authority.clock.set(start);
        authority.publish_keys(&[&keys[0], &keys[2]]).await;
        let validator = authority.another_validator();
        for step in steps {
            take(&authority, &validator, &keys, step).await;
            for (n, token) in tokens.iter().enumerate() {
                remembered.set(remembered.get() + usize::from(validator.remembered(token).is_some()));
                let (with, without) = look(&validator, token).await;
                assert_eq!(with, without, "token {n} at {}", authority.clock.now());
            }
        }
    };
    let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(history(steps));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(remembered.get() > 100, "{} looks were at a remembered token", remembered.get());
}

async fn take(authority: &Authority, validator: &Validator, keys: &[TestKey], step: Step) {
    match step {
        Step::Wait(step) => return authority.clock.advance(step),
        Step::Publish(these) => {
            let consumers = authority.issuer_of("9188040d-6c67-4c5b-b112-36a304b66dad");
            let jwk = |(n, limited): (usize, bool)| keys[n].jwk(limited.then_some(consumers.as_str()));
            authority.publish(&these.into_iter().map(jwk).collect::<Vec<_>>()).await;
        }
        Step::Outage => authority.go_down().await,
    }
    let _fails_in_an_outage = validator.v2.refresh().await;
}

/// The answers of the same validator, with its memory and without. In this order, so that a fetch which the first one
/// causes is seen by both.
async fn look(validator: &Validator, token: &BearerToken) -> (String, String) {
    let text = |outcome: Result<Principal, ValidationError>| format!("{outcome:?}");
    let with = text(validator.validate(token).await);
    let without = text(validator.prove(token).await.map(|(_, principal)| principal));
    (with, without)
}
