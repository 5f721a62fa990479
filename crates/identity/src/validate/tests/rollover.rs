//! Keys that change, vanish, or cannot be had: the bounds the cache promises, by a clock that is moved by hand.

use std::ops::RangeInclusive;

use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::json;

use super::support::{Authority, TestKey, claims, token};
use crate::error::{Reason, ValidationError};
use crate::keys::{FAILED_FETCH_PAUSE, KEY_MAX_AGE, UNKNOWN_KEY_PAUSE};
use crate::token::BearerToken;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

#[tokio::test]
async fn a_new_key_is_fetched_when_first_seen() {
    let authority = Authority::start().await;
    assert!(authority.validator().validate(&token(&authority.key, &claims(&authority))).await.is_ok());
    let next = TestKey::generate("key-2");
    authority.clock.advance(UNKNOWN_KEY_PAUSE);
    authority.publish_keys(&[&authority.key, &next]).await;
    assert!(authority.validator().validate(&token(&next, &claims(&authority))).await.is_ok());
    assert!(authority.validator().validate(&token(&authority.key, &claims(&authority))).await.is_ok());
    assert_eq!(authority.fetches().await, 1);
}

#[tokio::test]
async fn after_an_emergency_rollover_the_old_key_is_gone() {
    let authority = Authority::start().await;
    let old = token(&authority.key, &claims(&authority));
    assert!(authority.validator().validate(&old).await.is_ok());
    let next = TestKey::generate("key-2");
    authority.clock.advance(UNKNOWN_KEY_PAUSE);
    authority.publish_keys(&[&next]).await;
    assert!(authority.validator().validate(&token(&next, &claims(&authority))).await.is_ok());
    assert_eq!(authority.refusal(&old).await, Reason::UnknownKey);
}

/// A token of a key that nobody published, under the id `kid`.
fn forged(forger: &TestKey, kid: &str, authority: &Authority) -> BearerToken {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
    forger.sign_raw(&header.to_string(), &claims(authority).to_string())
}

/// Sends two forged ids, each new, in each second.
async fn flood(authority: &Authority, forger: &TestKey, seconds: RangeInclusive<u32>) {
    for second in seconds {
        for n in 0..2 {
            let token = forged(forger, &format!("forged-{second}-{n}"), authority);
            assert_eq!(authority.refusal(&token).await, Reason::UnknownKey);
        }
        authority.clock.advance(SECOND);
    }
}

#[tokio::test]
async fn forged_key_ids_cause_18_fetches_in_five_minutes() {
    let authority = Authority::start().await;
    authority.refresh().await;
    authority.publish_keys(&[&authority.key]).await;
    flood(&authority, &TestKey::generate("forged"), 0..=300).await;
    assert_eq!(authority.fetches().await, 18);
}

#[tokio::test]
async fn one_forged_key_id_holds_nothing_back() {
    let authority = Authority::start().await;
    authority.refresh().await;
    let (forger, next) = (TestKey::generate("forged"), TestKey::generate("key-2"));
    for _ in 0..10 {
        assert_eq!(authority.refusal(&forged(&forger, "forged", &authority)).await, Reason::UnknownKey);
    }
    authority.publish_keys(&[&next]).await;
    for _ in 0..10 {
        assert_eq!(authority.refusal(&forged(&forger, "forged", &authority)).await, Reason::UnknownKey);
    }
    assert_eq!(authority.fetches().await, 0, "the id was looked for a moment ago");
    assert!(authority.validator().validate(&token(&next, &claims(&authority))).await.is_ok());
}

#[tokio::test]
async fn however_many_keys_are_forged_a_new_key_is_known_within_the_bound() {
    let authority = Authority::start().await;
    authority.refresh().await;
    let (forger, next) = (TestKey::generate("forged"), TestKey::generate("key-2"));
    flood(&authority, &forger, 0..=100).await;
    authority.publish_keys(&[&next]).await;
    let mut waited = 0_u32;
    while authority.validator().validate(&token(&next, &claims(&authority))).await.is_err() {
        flood(&authority, &forger, 1000 + waited..=1000 + waited).await;
        waited += 1;
    }
    let pause = u32::try_from(UNKNOWN_KEY_PAUSE.as_secs()).unwrap();
    assert!((1..=pause).contains(&waited), "{waited} seconds");
}

#[tokio::test]
async fn an_outage_with_warm_keys_is_not_noticed() {
    let authority = Authority::start().await;
    assert!(authority.validator().validate(&token(&authority.key, &claims(&authority))).await.is_ok());
    authority.go_down().await;
    let forger = TestKey::generate("forged");
    for _ in 0..23 {
        authority.clock.advance(SignedDuration::from_hours(1));
        // Nothing can be said of a key that could not be looked for.
        let outcome = authority.validator().validate(&token(&forger, &claims(&authority))).await;
        assert_eq!(outcome.unwrap_err(), ValidationError::KeysUnavailable);
        assert!(authority.validator().validate(&token(&authority.key, &claims(&authority))).await.is_ok());
    }
    authority.clock.advance(KEY_MAX_AGE);
    let outcome = authority.validator().validate(&token(&authority.key, &claims(&authority))).await;
    assert_eq!(outcome.unwrap_err(), ValidationError::KeysUnavailable);
}

#[tokio::test]
async fn a_failed_first_fetch_is_remembered() {
    let authority = Authority::start().await;
    authority.go_down().await;
    for _ in 0..20 {
        let outcome = authority.validator().validate(&token(&authority.key, &claims(&authority))).await;
        assert_eq!(outcome.unwrap_err(), ValidationError::KeysUnavailable);
    }
    assert_eq!(authority.fetches().await, 1);
    authority.publish_keys(&[&authority.key]).await;
    authority.clock.advance(SignedDuration::from_secs(5));
    assert!(authority.validator().validate(&token(&authority.key, &claims(&authority))).await.is_ok());
}

#[tokio::test]
async fn concurrent_callers_share_one_fetch() {
    let authority = Authority::start().await;
    let token = token(&authority.key, &claims(&authority));
    let calls = (0..500).map(|_| authority.validator().validate(&token));
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(authority.fetches().await, 1);
}

#[tokio::test]
async fn a_failed_fetch_holds_back_a_rollover_for_seconds_not_minutes() {
    let authority = Authority::start().await;
    assert!(authority.validator().validate(&token(&authority.key, &claims(&authority))).await.is_ok());
    authority.clock.advance(UNKNOWN_KEY_PAUSE);
    authority.go_down().await;
    let next = TestKey::generate("key-2");
    for _ in 0..10 {
        let outcome = authority.validator().validate(&token(&next, &claims(&authority))).await;
        assert_eq!(outcome.unwrap_err(), ValidationError::KeysUnavailable, "no reason to sign in again");
    }
    assert_eq!(authority.fetches().await, 1, "the failure is remembered");
    authority.publish_keys(&[&next]).await;
    authority.clock.advance(FAILED_FETCH_PAUSE);
    assert!(authority.validator().validate(&token(&next, &claims(&authority))).await.is_ok());
}

#[tokio::test]
async fn a_clock_set_back_holds_nothing_back() {
    let authority = Authority::start().await;
    let forger = TestKey::generate("forged");
    authority.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(authority.refusal(&token(&forger, &claims(&authority))).await, Reason::UnknownKey);
    let next = TestKey::generate("key-2");
    authority.publish_keys(&[&next]).await;
    authority.clock.advance(-SignedDuration::from_hours(1));
    assert!(authority.validator().validate(&token(&next, &claims(&authority))).await.is_ok());
}
