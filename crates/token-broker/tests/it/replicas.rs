//! Several replicas on one real Redis.

use futures::future::join_all;
use jiff::SignedDuration;
use proto::v1::{ExchangeRequest, PurgeUserRequest, PurgeUserResponse, TokenSource};
use proto::{BrokerError, Reason};
use serde_json::json;
use telemetry::testing::Captured;
use testkit::{NOW, RedisServer, RedisWay, cache_keys, eventually, key_and_cert};
use tonic::Status;

use crate::heartbeats::{is_vouched_for, vouch_for_the_list};
use crate::support::{ALICE, BOB, Broker, Entra, TENANT};

/// Replicas that share a Redis; each of them has its connection.
async fn replicas<const N: usize>(entra: &Entra, redis: &RedisServer) -> [Broker; N] {
    let replicas: Vec<_> = join_all((0..N).map(|_| replica(entra, redis))).await;
    know_each_other(redis).await;
    replicas.try_into().unwrap_or_else(|_| unreachable!())
}

/// As if the replicas had known each other for long.
async fn know_each_other(redis: &RedisServer) {
    assert!(vouch_for_the_list(redis, NOW));
    eventually("each has heard that it knows all", async || is_vouched_for(redis)).await;
    // A look later each counts the others, and serves from memory.
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
}

async fn replica(entra: &Entra, redis: &RedisServer) -> Broker {
    replica_at(entra, &redis.url()).await
}

async fn replica_at(entra: &Entra, url: &str) -> Broker {
    // A busy machine is not an outage.
    replica_with(entra, url, &["--redis-timeout", "10000"]).await
}

async fn replica_with(entra: &Entra, url: &str, more: &[&str]) -> Broker {
    let keys = entra.dir.path().join("keys.toml");
    std::fs::write(&keys, cache_keys("k1", 1)).unwrap();
    let keys = keys.display().to_string();
    let flags = ["--redis-url", url, "--cache-key-file", &keys];
    let broker = Broker::start_with(entra.config(&[&flags, more].concat())).await;
    broker.shares().await;
    broker
}

async fn purge(broker: &Broker, oid: &str) -> Result<PurgeUserResponse, Status> {
    let request = PurgeUserRequest { tenant_id: TENANT.to_owned(), user_oid: oid.to_owned() };
    broker.client.clone().purge_user(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn what_one_replica_exchanged_the_other_answers() {
    let entra = Entra::start().await;
    let redis = RedisServer::start();
    let [a, b] = replicas(&entra, &redis).await;
    let assertion = entra.token(ALICE);
    let first = a.exchange(&assertion).await.unwrap();
    assert_eq!(first.source(), TokenSource::Entra);

    eventually("b answers from the shared cache", async || {
        let answer = b.exchange(&assertion).await.unwrap();
        assert_eq!(answer.access_token, first.access_token);
        answer.source() == TokenSource::Cache
    })
    .await;

    assert_eq!(entra.count(), 1);
    let metrics = b.admin("/metrics").await;
    assert!(metrics.contains(r#"broker_cache_hits_total{level="shared""#), "{metrics}");
}

#[tokio::test]
async fn a_thousand_first_calls_spread_over_two_replicas_are_one_exchange() {
    let entra = Entra::start().await;
    let redis = RedisServer::start();
    let [a, b] = replicas(&entra, &redis).await;
    let assertion = entra.token(ALICE);
    let calls = (0..1000).map(|n| if n % 2 == 0 { &a } else { &b }.exchange(&assertion));

    let answers = join_all(calls).await;

    let mut tokens: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().access_token).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    assert_eq!(entra.count(), 1);
}

#[tokio::test]
async fn without_redis_they_are_two() {
    let entra = Entra::start().await;
    let mut redis = RedisServer::start();
    let [a, b] = replicas(&entra, &redis).await;
    redis.kill();
    let assertion = entra.token(ALICE);
    let calls = (0..1000).map(|n| if n % 2 == 0 { &a } else { &b }.exchange(&assertion));

    let answers = join_all(calls).await;

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(entra.count(), 2);
}

#[tokio::test]
async fn a_redis_that_hangs_delays_a_call_by_one_timeout() {
    let entra = Entra::start().await;
    let redis = RedisServer::start();
    let way = RedisWay::to(&redis);
    let a = replica_with(&entra, &way.url(), &[]).await;
    let users = [ALICE, BOB].map(|oid| entra.token(oid));
    a.exchange(&entra.token(ALICE)).await.unwrap();
    way.stall();
    let started = std::time::Instant::now();

    let answers = join_all(users.iter().cycle().take(50).map(|assertion| a.exchange(assertion))).await;

    // A quarter of a second, and what 50 calls take on a busy machine.
    let took = started.elapsed();
    assert!(took < std::time::Duration::from_millis(1500), "{took:?}");
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(entra.count(), 3);
}

#[tokio::test]
async fn a_refusal_is_shared_too() {
    let entra = Entra::start().await;
    let redis = RedisServer::start();
    let [a, b] = replicas(&entra, &redis).await;
    let assertion = entra.token(ALICE);
    let claims = r#"{"access_token":{"polids":{"essential":true,"values":["x"]}}}"#;
    entra.refuse(400, json!({"error": "invalid_grant", "error_codes": [50076], "claims": claims}));

    let all = join_all([&a, &b].iter().cycle().take(100).map(|broker| broker.exchange(&assertion))).await;

    for answer in all {
        let error = BrokerError::from_status(&answer.unwrap_err());
        assert_eq!((error.reason(), error.claims()), (Some(Reason::ClaimsChallenge), Some(claims)));
        assert_eq!(error.metadata("aadsts"), Some("50076"));
    }
    assert_eq!(entra.count(), 1);
}

/// Calls each until it has answered with this token from its memory once more.
async fn answers_from_memory(brokers: [&Broker; 2], assertion: &str, token: &str) {
    for broker in brokers {
        let before = local_hits(broker).await;
        eventually("it is answered from memory", async || {
            assert_eq!(broker.exchange(assertion).await.unwrap().access_token, token);
            local_hits(broker).await > before
        })
        .await;
    }
}

async fn local_hits(broker: &Broker) -> u64 {
    let metrics = broker.admin("/metrics").await;
    let count = |line: &str| {
        line.strip_prefix(r#"broker_cache_hits_total{level="local""#)?.rsplit(' ').next()?.parse().ok()
    };
    metrics.lines().find_map(count).unwrap_or(0)
}

#[tokio::test]
async fn one_replica_refreshes_for_all() {
    let entra = Entra::start().await;
    let redis = RedisServer::start();
    let [a, b] = replicas(&entra, &redis).await;
    let assertion = entra.token(ALICE);
    let first = a.exchange(&assertion).await.unwrap().access_token;
    answers_from_memory([&a, &b], &assertion, &first).await;
    assert_eq!(entra.count(), 1);

    // Both hold what is due, and both look who refreshes it while Entra ID has not answered yet.
    entra.gate(false);
    for broker in [&a, &b] {
        broker.clock.advance(SignedDuration::from_mins(25));
    }
    answers_from_memory([&a, &b], &assertion, &first).await;
    eventually("one has begun", async || entra.count() == 2).await;
    entra.gate(true);

    for broker in [&a, &b] {
        // Who found another at it looks again half a minute later.
        broker.clock.advance(SignedDuration::from_secs(31));
        eventually("the refresh is in force", async || {
            broker.exchange(&assertion).await.unwrap().access_token != first
        })
        .await;
    }
    assert_eq!(entra.count(), 2);
}

#[tokio::test]
async fn new_keys_of_the_cache_are_in_force_without_a_restart() {
    let captured = Captured::install("info");
    let entra = Entra::start().await;
    let redis = RedisServer::start();
    let a = replica(&entra, &redis).await;
    let (alice, bob) = (entra.token(ALICE), entra.token(BOB));
    a.exchange(&alice).await.unwrap();
    let old = cache_keys("k1", 1);
    let both = format!("{}{}\n", cache_keys("k2", 2), old.lines().last().unwrap());

    std::fs::write(entra.dir.path().join("keys.toml"), &both).unwrap();
    let reloaded = |line: &str| line.contains("reloaded") && line.contains("cache keys");
    eventually("a has read it", async || captured.logs().lines().any(reloaded)).await;

    let other = entra.dir.path().join("other.toml");
    std::fs::write(&other, &both).unwrap();
    let other = other.display().to_string();
    let flags = ["--redis-url", &redis.url(), "--cache-key-file", &other, "--redis-timeout", "10000"];
    let b = Broker::start_with(entra.config(&flags)).await;
    b.shares().await;
    let of_b = b.exchange(&bob).await.unwrap().access_token;
    eventually("b has left it", async || redis.run::<Vec<Vec<u8>>>(&[b"KEYS", b"*:e:*"]).len() == 2).await;
    assert_eq!(a.exchange(&bob).await.unwrap().access_token, of_b, "a opens what the new key seals");
    assert_eq!(entra.count(), 2);
}

#[tokio::test]
async fn a_purge_holds_everywhere_and_for_one_user_only() {
    let entra = Entra::start().await;
    let redis = RedisServer::start();
    let [a, b, c] = replicas(&entra, &redis).await;
    let (alice, bob) = (entra.token(ALICE), entra.token(BOB));
    for broker in [&a, &b] {
        for assertion in [&alice, &bob] {
            broker.exchange(assertion).await.unwrap();
        }
    }
    let before = entra.count();

    let answer = purge(&c, ALICE).await.unwrap();

    assert_eq!(answer.effective_at.unwrap().seconds, NOW.as_second(), "every replica has confirmed");
    for broker in [&a, &b, &c] {
        assert_eq!(broker.exchange(&bob).await.unwrap().source(), TokenSource::Cache);
    }
    assert_eq!(entra.count(), before);
    assert_eq!(a.exchange(&alice).await.unwrap().source(), TokenSource::Entra);
    assert_eq!(entra.count(), before + 1);
}

#[tokio::test]
async fn a_purge_holds_when_it_says_so_where_one_replica_is_cut_off() {
    let entra = Entra::start().await;
    let redis = RedisServer::start();
    let way = RedisWay::to(&redis);
    let (a, b) = (replica(&entra, &redis).await, replica_at(&entra, &way.url()).await);
    know_each_other(&redis).await;
    let alice = entra.token(ALICE);
    way.cut();
    // A minute later: b goes on by itself.
    b.clock.advance(SignedDuration::from_mins(1));
    b.exchange(&alice).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;

    let effective_at = purge(&a, ALICE).await.unwrap().effective_at.unwrap().seconds;

    assert_eq!(b.exchange(&alice).await.unwrap().source(), TokenSource::Cache, "b has not heard of it");
    assert_eq!(effective_at, NOW.as_second() + 30);
    b.clock.advance(SignedDuration::from_secs(31));
    assert_eq!(b.exchange(&alice).await.unwrap().source(), TokenSource::Entra);
    way.open();
    eventually("b reads the log again", async || {
        purge(&a, ALICE).await.unwrap().effective_at.unwrap().seconds == NOW.as_second()
    })
    .await;
}

#[tokio::test]
async fn a_purge_that_cannot_be_told_says_so_and_holds_here() {
    let entra = Entra::start().await;
    let mut redis = RedisServer::start();
    let [a] = replicas(&entra, &redis).await;
    let alice = entra.token(ALICE);
    a.exchange(&alice).await.unwrap();
    redis.kill();

    let error = BrokerError::from_status(&purge(&a, ALICE).await.unwrap_err());

    assert_eq!(error.reason(), Some(Reason::PurgeIncomplete));
    assert!(error.retry_after().is_some());
    assert_eq!(a.exchange(&alice).await.unwrap().source(), TokenSource::Entra);
}

#[tokio::test]
async fn what_a_call_found_during_a_purge_that_redis_refuses_is_purged_too() {
    let entra = Entra::start().await;
    let redis = RedisServer::start_with(&["--maxmemory-policy", "noeviction"]);
    let way = RedisWay::to(&redis);
    let a = replica_at(&entra, &way.url()).await;
    let alice = entra.token(ALICE);
    a.exchange(&alice).await.unwrap();
    eventually("it is in Redis", async || !redis.run::<Vec<Vec<u8>>>(&[b"KEYS", b"*:e:*"]).is_empty()).await;
    // Full, it still reads.
    redis.run::<String>(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    way.stall();
    let call = |after: u64| {
        let (client, alice) = (a.client.clone(), alice.clone());
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(after)).await;
            let request = ExchangeRequest { assertion: alice, resource: "arm".into(), claims: String::new() };
            client.clone().exchange(request).await.map(tonic::Response::into_inner)
        }
    };
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        way.open();
    };

    let (purged, meanwhile, ()) = tokio::join!(purge(&a, ALICE), call(300), release);

    assert_eq!(BrokerError::from_status(&purged.unwrap_err()).reason(), Some(Reason::PurgeIncomplete));
    let found = meanwhile.unwrap();
    assert_eq!(found.source(), TokenSource::Cache, "the call found what Redis still held");
    let after = a.exchange(&alice).await.unwrap();
    assert_eq!(after.source(), TokenSource::Entra);
    assert_ne!(after.access_token, found.access_token);
}

#[tokio::test]
async fn a_purge_names_a_user_by_guids() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    for (tenant_id, user_oid) in [(TENANT, "alice@contoso.com"), ("contoso.com", ALICE), (TENANT, "")] {
        let request = PurgeUserRequest { tenant_id: tenant_id.into(), user_oid: user_oid.into() };
        let status = broker.client.clone().purge_user(request).await.unwrap_err();
        assert_eq!(BrokerError::from_status(&status).reason(), Some(Reason::InvalidRequest));
    }
    assert!(purge(&broker, ALICE).await.is_ok());
}

#[tokio::test]
async fn a_forged_assertion_gets_nothing_out_of_the_shared_cache() {
    let entra = Entra::start().await;
    let redis = RedisServer::start();
    let [a, b] = replicas(&entra, &redis).await;
    let assertion = entra.token(ALICE);
    a.exchange(&assertion).await.unwrap();
    let forged = crate::support::sign(&key_and_cert(), &entra.claims(ALICE));
    let cut = assertion.rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    for assertion in [forged, cut] {
        let request = ExchangeRequest { assertion, resource: "arm".into(), claims: String::new() };
        let status = b.client.clone().exchange(request).await.unwrap_err();
        assert_eq!(BrokerError::from_status(&status).reason(), Some(Reason::InvalidToken));
    }
    assert_eq!(entra.count(), 1);
}
