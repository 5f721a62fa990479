use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use secrecy::SecretString;

use super::*;
use crate::testing::NOW;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[expect(clippy::unnecessary_wraps, reason = "an outcome is what the cache holds")]
fn token(life: SignedDuration) -> Outcome {
    Ok(DownstreamToken { access_token: Arc::new(SecretString::from("t")), expires_at: NOW + life })
}

fn key(name: &str) -> CacheKey {
    CacheKey::of(&[name.as_bytes()])
}

proptest! {
    /// Two users, sessions or scopes never share an entry: different parts give different bytes to hash.
    #[test]
    fn different_parts_give_different_bytes(a in parts(), b in parts()) {
        let slices = |parts: &[Vec<u8>]| length_prefixed(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        prop_assert_eq!(a == b, slices(&a) == slices(&b));
    }

    /// The same where only the borders between the parts differ.
    #[test]
    fn moving_a_border_changes_the_bytes(text in vec(any::<u8>(), 1..20), cut in 0_usize..20, other in 0_usize..20) {
        let (cut, other) = (cut.min(text.len()), other.min(text.len()));
        let split = |at: usize| length_prefixed(&[&text[..at], &text[at..]]);
        prop_assert_eq!(cut == other, split(cut) == split(other));
    }
}

/// Few distinct bytes and short parts, so that equal lists and near misses do come up.
fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(0_u8..3, 0..3), 5)
}

#[test]
fn a_token_lives_for_the_least_of_three_terms() {
    let minutes = SignedDuration::from_mins;
    for (token_left, assertion_left, expected) in [
        (minutes(75), minutes(75), minutes(30)),
        (minutes(20), minutes(75), minutes(15)),
        (minutes(75), minutes(3), minutes(3)),
        (minutes(4), minutes(75), minutes(-1)),
        (minutes(75), minutes(-1), minutes(-1)),
    ] {
        assert_eq!(lifetime(&token(token_left), NOW + assertion_left, NOW), expected);
    }
}

#[test]
fn refusals_live_briefly_and_outages_as_long_as_entra_says() {
    let life = |kind: Kind| lifetime(&Err(kind.into()), NOW, NOW).as_secs();
    let outage = |seconds: Option<u64>| Kind::IdentityProviderUnavailable {
        retry_after: seconds.map(Duration::from_secs),
    };
    assert_eq!(life(Kind::BlockedByPolicy { cause: crate::error::Block::Policy }), 60);
    assert_eq!(life(Kind::ConsentRequired { permission: "p" }), 60);
    assert_eq!(life(Kind::ClaimsChallenge { claims: Arc::from("{}") }), 60);
    assert_eq!(life(Kind::BrokerMisconfigured), 60);
    assert_eq!(life(outage(None)), 2);
    assert_eq!(life(outage(Some(0))), 2);
    assert_eq!(life(outage(Some(30))), 30);
    assert_eq!(life(outage(Some(u64::MAX))), 60);
}

#[tokio::test]
async fn freshness_goes_by_the_clock_that_is_passed_in() {
    let cache = ExchangeCache::new(10);
    cache.put(key("a"), token(HOUR), SignedDuration::from_mins(30), NOW, cache.sequence()).await;

    let fresh = |after| cache.get(&const { CacheKey([0; 32]) }, after);
    assert!(fresh(NOW).await.is_none());
    assert!(cache.get(&key("a"), NOW + SignedDuration::from_secs(1799)).await.is_some());
    assert!(cache.get(&key("a"), NOW + SignedDuration::from_secs(1800)).await.is_none());
    assert!(cache.get(&key("b"), NOW).await.is_none());
}

#[tokio::test]
async fn what_has_no_life_is_not_kept() {
    let cache = ExchangeCache::new(10);
    cache.put(key("a"), token(HOUR), SignedDuration::from_secs(-1), NOW, cache.sequence()).await;
    cache.put(key("b"), token(HOUR), SignedDuration::ZERO, NOW, cache.sequence()).await;
    assert!(cache.get(&key("a"), NOW).await.is_none());
    assert!(cache.get(&key("b"), NOW).await.is_none());
}

#[tokio::test]
async fn a_stale_entry_is_replaced() {
    let cache = ExchangeCache::new(10);
    let later = NOW + HOUR;
    cache.put(key("a"), token(HOUR), SignedDuration::from_mins(1), NOW, cache.sequence()).await;
    cache.put(key("a"), token(HOUR), SignedDuration::from_mins(1), later, cache.sequence()).await;
    assert!(cache.get(&key("a"), later).await.is_some());
}

#[tokio::test]
async fn what_was_asked_for_before_an_invalidation_does_not_come_back() {
    let cache = ExchangeCache::new(10);
    let life = SignedDuration::from_mins(30);
    let asked = cache.sequence();
    cache.invalidate(key("a"), NOW).await;

    cache.put(key("a"), token(HOUR), life, NOW, asked).await;
    assert!(cache.get(&key("a"), NOW).await.is_none(), "the answer belongs to the time before");

    cache.put(key("a"), token(HOUR), life, NOW, cache.sequence()).await;
    assert!(cache.get(&key("a"), NOW).await.is_some());
}

#[tokio::test]
async fn a_remembered_outage_says_how_long_it_still_is() {
    let cache = ExchangeCache::new(10);
    let error =
        ExchangeError::from(Kind::IdentityProviderUnavailable { retry_after: Some(Duration::from_secs(30)) });
    cache.put(key("a"), Err(error), SignedDuration::from_secs(30), NOW, cache.sequence()).await;

    let error = cache.get(&key("a"), NOW + SignedDuration::from_secs(20)).await.unwrap().unwrap_err();
    let left = Kind::IdentityProviderUnavailable { retry_after: Some(Duration::from_secs(10)) };
    assert_eq!(*error.kind(), left);
}

#[tokio::test]
async fn the_capacity_is_a_bound() {
    let cache = ExchangeCache::new(10);
    for i in 0..1000 {
        cache.put(key(&i.to_string()), token(HOUR), HOUR, NOW, cache.sequence()).await;
    }
    cache.entries.run_pending_tasks().await;
    assert!(cache.len() <= 10, "{}", cache.len());
}

#[test]
fn debug_of_an_entry_shows_no_token() {
    let secret = DownstreamToken { access_token: Arc::new(SecretString::from("s3cret")), expires_at: NOW };
    assert!(!format!("{secret:?} {:?}", key("s3cret")).contains("s3cret"));
}
