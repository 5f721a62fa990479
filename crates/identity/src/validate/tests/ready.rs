//! Whether there are keys to prove tokens with, and how old they are.

use std::time::Duration;

use jiff::SignedDuration;

use super::support::{Authority, claims, token};
use crate::keys::KEY_MAX_AGE;
use crate::validate::Validator;

async fn until_ready(validator: &Validator) {
    while !validator.is_ready() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_age_is_that_of_the_oldest_keys() {
    let authority = Authority::start().await;
    let validator = authority.validator_accepting_v1();
    assert_eq!((validator.keys_age_seconds(), validator.is_ready()), (None, false));
    validator.v1.as_ref().unwrap().refresh().await.unwrap();
    authority.clock.advance(SignedDuration::from_secs(100));
    assert_eq!((validator.keys_age_seconds(), validator.is_ready()), (Some(100), false), "2.0 has none");
    validator.v2.refresh().await.unwrap();
    authority.clock.advance(SignedDuration::from_secs(20));
    assert_eq!((validator.keys_age_seconds(), validator.is_ready()), (Some(120), true));
    authority.clock.advance(KEY_MAX_AGE - SignedDuration::from_secs(120));
    assert!(!validator.is_ready(), "those of 1.0 are too old");
}

#[tokio::test]
async fn keys_are_fetched_before_anybody_calls() {
    let authority = Authority::start().await;
    for validator in [authority.another_validator(), authority.validator_accepting_v1()] {
        let refresh = validator.spawn_refresh();
        tokio::time::timeout(Duration::from_secs(20), until_ready(&validator)).await.unwrap();
        refresh.abort();
    }
    let fetched = authority.fetches().await;
    assert_eq!(fetched, 3, "one for each set, and then none for an hour");
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_tried_again_soon() {
    let authority = Authority::start().await;
    authority.go_down().await;
    let validator = authority.another_validator();
    let refresh = validator.spawn_refresh();
    while authority.fetches().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!validator.is_ready());
    authority.publish_keys(&[&authority.key]).await;
    tokio::time::timeout(Duration::from_secs(20), until_ready(&validator)).await.unwrap();
    refresh.abort();
    assert!(validator.validate(&token(&authority.key, &claims(&authority))).await.is_ok());
}
