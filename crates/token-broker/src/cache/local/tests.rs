use testkit::eventually;

use super::*;
use crate::cache::key::Place;
use crate::cache::terms::terms;
use crate::error::{Evidence, ExchangeError, Kind};
use crate::testing::NOW;

const MINUTES: fn(i64) -> SignedDuration = SignedDuration::from_mins;
const MIB: u64 = 1024 * 1024;

fn cache() -> LocalCache {
    LocalCache::new(MIB, |_| {})
}

#[expect(clippy::unnecessary_wraps, reason = "an outcome is what the cache holds")]
fn token() -> Outcome {
    Ok(DownstreamToken::sample("t", NOW + MINUTES(75)))
}

fn life(minutes: i64) -> Terms {
    Terms { fresh_until: NOW + MINUTES(minutes), refresh_at: None }
}

fn user(name: &str) -> UserKey {
    let mut bytes = [0; 32];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    UserKey::from_bytes(bytes)
}

/// A place of the user who is named by the first letter.
fn place(name: &str) -> Place {
    Place { key: CacheKey::of(&[name.as_bytes()]), user: user(&name[..1]) }
}

async fn put(cache: &LocalCache, name: &str) {
    cache.put(place(name), token(), life(30), NOW, cache.asked(NOW)).await;
}

async fn holds(cache: &LocalCache, name: &str, now: Timestamp) -> bool {
    cache.get(&place(name), now).await.is_some()
}

#[tokio::test]
async fn freshness_goes_by_the_clock_that_is_passed_in() {
    let cache = cache();
    put(&cache, "a").await;
    assert!(holds(&cache, "a", NOW).await);
    assert!(holds(&cache, "a", NOW + SignedDuration::from_secs(1799)).await);
    assert!(!holds(&cache, "a", NOW + SignedDuration::from_secs(1800)).await);
    assert!(!holds(&cache, "b", NOW).await);
    assert!(!holds(&cache, "a", NOW - MINUTES(1)).await, "a clock that was set back lengthens no life");
}

#[tokio::test]
async fn what_has_no_life_is_not_kept() {
    let cache = cache();
    for minutes in [0, -1] {
        cache.put(place("a"), token(), life(minutes), NOW, cache.asked(NOW)).await;
        assert!(!holds(&cache, "a", NOW).await);
    }
}

#[tokio::test]
async fn a_stale_entry_is_replaced() {
    let cache = cache();
    cache.put(place("a"), token(), life(1), NOW, cache.asked(NOW)).await;
    cache.put(place("a"), token(), life(60), NOW + MINUTES(50), cache.asked(NOW + MINUTES(50))).await;
    assert!(holds(&cache, "a", NOW + MINUTES(55)).await);
}

#[tokio::test]
async fn what_was_asked_for_before_an_invalidation_does_not_come_back() {
    let cache = cache();
    let asked = cache.asked(NOW);
    cache.invalidate(place("a"), NOW).await;

    cache.put(place("a"), token(), life(30), NOW, asked).await;
    assert!(!holds(&cache, "a", NOW).await, "the answer belongs to the time before");

    put(&cache, "a").await;
    assert!(holds(&cache, "a", NOW).await);
}

#[tokio::test]
async fn a_purge_drops_all_of_one_user_and_nothing_of_another() {
    let cache = cache();
    for name in ["a1", "a2", "b1"] {
        put(&cache, name).await;
    }
    let asked = cache.asked(NOW);
    let before = cache.last_purge(&user("a"));

    cache.purge(user("a"), NOW);

    assert!(!holds(&cache, "a1", NOW).await && !holds(&cache, "a2", NOW).await);
    assert!(holds(&cache, "b1", NOW).await);
    assert_ne!(cache.last_purge(&user("a")), before);
    cache.put(place("a1"), token(), life(30), NOW, asked).await;
    assert!(!holds(&cache, "a1", NOW).await, "an exchange that was under way does not bring it back");
    put(&cache, "a1").await;
    assert!(holds(&cache, "a1", NOW).await);
}

#[tokio::test]
async fn more_purges_than_can_be_remembered_drop_everything() {
    let cache = cache();
    put(&cache, "a").await;
    put(&cache, "b").await;
    cache.purge(user("b"), NOW);
    for number in 0..MAX_PURGED {
        cache.purge(user(&number.to_string()), NOW);
    }
    assert!(!holds(&cache, "a", NOW).await && !holds(&cache, "b", NOW).await);
    put(&cache, "a").await;
    assert!(holds(&cache, "a", NOW).await);
}

#[tokio::test]
async fn purges_are_remembered_for_longer_than_anything_lives() {
    let cache = cache();
    cache.purge(user("a"), NOW);
    cache.purge(user("b"), NOW + MINUTES(59));
    assert_eq!(cache.purged_users().len(), 2);
    cache.purge(user("c"), NOW + MINUTES(61));
    assert_eq!(cache.purged_users().len(), 2, "the first is forgotten");
}

#[tokio::test]
async fn clearing_keeps_out_what_was_under_way() {
    let cache = cache();
    put(&cache, "a").await;
    let asked = cache.asked(NOW);
    cache.clear();
    assert!(!holds(&cache, "a", NOW).await);
    cache.put(place("a"), token(), life(30), NOW, asked).await;
    assert!(!holds(&cache, "a", NOW).await);
    put(&cache, "a").await;
    assert!(holds(&cache, "a", NOW).await);
}

#[tokio::test]
async fn out_of_contact_a_token_is_served_for_half_a_minute_at_most() {
    let cache = cache();
    let seconds = |seconds| NOW + SignedDuration::from_secs(seconds);
    put(&cache, "a").await;
    assert!(holds(&cache, "a", seconds(1000)).await, "no log of purges, no contact to lose");

    cache.in_contact(seconds(100));
    assert!(holds(&cache, "a", seconds(130)).await);
    assert!(!holds(&cache, "a", seconds(131)).await);
    cache.put(place("b"), token(), life(30), seconds(120), cache.asked(seconds(120))).await;
    assert!(holds(&cache, "b", seconds(150)).await && !holds(&cache, "b", seconds(151)).await);
    cache.in_contact(seconds(200));
    assert!(holds(&cache, "a", seconds(200)).await);
}

#[tokio::test]
async fn a_clock_that_was_set_back_counts_neither_for_nor_against_contact() {
    let cache = cache();
    let seconds = |seconds| NOW + SignedDuration::from_secs(seconds);
    cache.in_contact(NOW);
    cache.put(place("a"), token(), life(10), NOW, cache.asked(NOW)).await;
    assert!(!holds(&cache, "a", seconds(-60)).await, "nobody knows how long ago the log was read");
    cache.in_contact(seconds(-60));
    assert!(holds(&cache, "a", seconds(-60)).await);
}

#[tokio::test]
async fn who_is_not_known_to_the_others_serves_no_token() {
    let cache = cache();
    let refusal = Err(ExchangeError::from(Kind::BrokerMisconfigured));
    let held_at = async |now: Timestamp| {
        let terms = Terms { fresh_until: now + MINUTES(1), refresh_at: None };
        cache.put(place("a"), token(), terms, now, cache.asked(now)).await;
        cache.put(place("b"), refusal.clone(), terms, now, cache.asked(now)).await;
        (holds(&cache, "a", now).await, holds(&cache, "b", now).await)
    };
    cache.out_of_contact();
    assert_eq!(held_at(NOW).await, (false, true), "it has never read the log");
    cache.in_contact(NOW);
    assert_eq!(held_at(NOW + MAX_SILENCE).await, (true, true));
    assert_eq!(held_at(NOW + MAX_SILENCE + SignedDuration::from_secs(1)).await, (false, true));
    cache.in_contact(NOW + MAX_SILENCE * 2);
    assert_eq!(held_at(NOW + MAX_SILENCE * 2).await, (true, true));
}

#[tokio::test]
async fn a_remembered_outage_says_how_long_it_still_is() {
    let cache = cache();
    let outage =
        |seconds| Kind::IdentityProviderUnavailable { retry_after: Some(Duration::from_secs(seconds)) };
    let outcome = Err(ExchangeError::from(outage(30)));
    let terms = terms(&outcome, NOW, NOW).unwrap();
    cache.put(place("a"), outcome, terms, NOW, cache.asked(NOW)).await;

    let hit = cache.get(&place("a"), NOW + SignedDuration::from_secs(20)).await.unwrap();
    assert_eq!(*hit.outcome.unwrap_err().kind(), outage(10));
}

#[tokio::test]
async fn a_refresh_is_due_once_and_can_be_put_off() {
    let cache = cache();
    let terms = Terms { refresh_at: Some(NOW + MINUTES(24)), ..life(30) };
    cache.put(place("a"), token(), terms, NOW, cache.asked(NOW)).await;
    let due = async |minutes| {
        let now = NOW + MINUTES(minutes);
        cache.get(&place("a"), now).await.unwrap().is_due(now)
    };
    assert!(!due(23).await && due(24).await);

    cache.postpone_refresh(&place("a"), NOW + MINUTES(26), NOW + MINUTES(24)).await;
    assert!(!due(25).await && due(26).await);
    assert!(!holds(&cache, "a", NOW + MINUTES(30)).await, "its life is what it was");
}

#[tokio::test]
async fn the_memory_is_a_bound() {
    let cache = cache();
    let outcome = Ok(DownstreamToken::sample(&"t".repeat(10_000), NOW + MINUTES(75)));
    for number in 0..1000 {
        let place = Place { key: CacheKey::of(&[&[1], number.to_string().as_bytes()]), user: user("a") };
        cache.put(place, outcome.clone(), life(30), NOW, cache.asked(NOW)).await;
    }
    cache.entries.run_pending_tasks().await;
    assert!(cache.bytes() <= MIB, "{}", cache.bytes());
    assert!((50..=105).contains(&cache.len()), "{}", cache.len());
}

#[tokio::test]
async fn what_is_stale_takes_no_memory() {
    let cache = cache();
    let briefly = Terms { fresh_until: NOW + SignedDuration::from_millis(1), refresh_at: None };
    put(&cache, "replaced").await;
    for name in ["new", "replaced"] {
        cache.put(place(name), token(), briefly, NOW, cache.asked(NOW)).await;
    }
    // That of moka, which no test can set: a millisecond of it has passed soon enough.
    eventually("both are gone", async || {
        cache.entries.run_pending_tasks().await;
        cache.len() == 0
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_dead_makes_room_however_much_it_was_used() {
    let cache = cache();
    let outcome = Ok(DownstreamToken::sample(&"t".repeat(10_000), NOW + MINUTES(75)));
    for session in 0..2000 {
        let name = format!("a{session}");
        cache.put(place(&name), outcome.clone(), life(30), NOW, cache.asked(NOW)).await;
        cache.entries.run_pending_tasks().await;
        for _ in 0..20 {
            assert!(holds(&cache, &name, NOW).await, "{name} has found no room");
        }
    }
}

#[tokio::test]
async fn a_refusal_weighs_what_it_holds() {
    let refused = async |kind: Kind| {
        let (cache, evidence) = (cache(), Evidence { trace_id: Some("t".repeat(36)), ..Evidence::default() });
        let outcome = Err(ExchangeError::from(kind).with_evidence(evidence));
        cache.put(place("a"), outcome, life(1), NOW, cache.asked(NOW)).await;
        cache.entries.run_pending_tasks().await;
        cache.bytes()
    };
    let small = refused(Kind::AppOnlyToken).await;
    assert!(small > ENTRY_OVERHEAD_BYTES as u64 + 36, "{small}");
    assert_eq!(refused(Kind::ClaimsChallenge { claims: "c".repeat(8192).into() }).await, small + 8192);
}

#[test]
fn debug_of_an_entry_shows_no_token() {
    let secret = DownstreamToken::sample("s3cret", NOW);
    assert!(!format!("{secret:?} {:?}", place("s3cret")).contains("s3cret"));
}

#[tokio::test]
async fn out_of_contact_what_counts_is_when_it_was_asked_for() {
    let cache = cache();
    cache.in_contact(NOW);
    let asked = cache.asked(NOW + SignedDuration::from_secs(20));
    cache.put(place("slow"), token(), life(30), NOW + SignedDuration::from_secs(32), asked).await;
    assert!(cache.get(&place("slow"), NOW + SignedDuration::from_secs(50)).await.is_some());
    assert!(cache.get(&place("slow"), NOW + SignedDuration::from_secs(51)).await.is_none());
}
