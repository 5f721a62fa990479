//! A Redis that is gone, hangs, is full or lies costs little, and no answer is wrong.

use std::time::Instant;

use super::*;

/// How long a call waits for one answer here. On a busy machine that is soon past, so where nothing hangs it is longer.
const SOON: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_redis_that_is_killed_costs_nothing_and_comes_back() {
    let mut server = RedisServer::start();
    let a = Replica::up(&server).await;
    a.leaves(&place(1, "x")).await;
    server.kill();
    eventually("the claim is answered", async || matches!(a.claim(&place(1, "x")).await, Claim::Down)).await;
    server.restart();
    a.is_up().await;
    a.leaves(&place(1, "x")).await;
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_timeout() {
    let server = RedisServer::start();
    let a = Replica::waiting(&server.url(), &cache_keys("k1", 1), SOON);
    a.is_up().await;
    server.run::<String>(&[b"CLIENT", b"PAUSE", b"3000", b"ALL"]);
    let started = Instant::now();
    let place = place(1, "x");
    let claims = futures::future::join_all((0..50).map(|_| a.claim(&place))).await;
    assert!(claims.iter().all(|claim| matches!(claim, Claim::Down)));
    assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
    assert!(matches!(a.claim(&place).await, Claim::Down));
    a.is_up().await;
}

#[tokio::test]
async fn a_way_that_holds_everything_up_costs_one_timeout_and_what_was_held_up_harms_nobody() {
    let server = RedisServer::start();
    let way = RedisWay::to(&server);
    let a = Replica::waiting(&way.url(), &cache_keys("k1", 1), SOON);
    a.is_up().await;
    a.leaves(&place(1, "x")).await;
    way.stall();
    let started = Instant::now();
    assert!(matches!(a.claim(&place(1, "x")).await, Claim::Down));
    assert_eq!(a.shared.purge(&place(1, "x").user).await, Purged::Incomplete);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    way.open();
    a.is_up().await;
    drop(a.granted(&place(1, "x")).await);
}

#[tokio::test]
async fn an_error_that_redis_answers_with_is_no_broken_connection() {
    let server = RedisServer::start();
    let a = Replica::up(&server).await;
    let ask =
        async |connection: &mut MultiplexedConnection| redis::cmd("NOSUCH").query_async(connection).await;
    assert_eq!(a.shared.link.ask::<()>("test", ask).await, Err(Down));
    assert!(a.shared.is_up());
}

#[tokio::test]
async fn a_redis_that_is_full_is_done_without() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "noeviction"]);
    let a = Replica::up(&server).await;
    server.run::<String>(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    eventually("it is done without", async || matches!(a.claim(&place(1, "x")).await, Claim::Down)).await;
    server.run::<String>(&[b"CONFIG", b"SET", b"maxmemory", b"0"]);
    a.is_up().await;
    a.leaves(&place(1, "x")).await;
}

#[tokio::test]
async fn a_redis_that_lies_is_not_believed() {
    let server = RedisServer::start();
    let a = Replica::up(&server).await;
    let names = a.shared.names();
    let (mine, other) = (place(1, "x"), place(2, "x"));
    a.leaves(&mine).await;
    let entry: Vec<u8> = server.run(&[b"GET", names.entry(&mine).as_bytes()]);
    let generation: Vec<u8> = server.run(&[b"GET", names.generation(&mine.user).as_bytes()]);

    // My entry, and my generation with it, at another user's place.
    server.run::<String>(&[b"SET", names.entry(&other).as_bytes(), &entry]);
    server.run::<String>(&[b"SET", names.generation(&other.user).as_bytes(), &generation]);
    drop(a.granted(&other).await);

    for broken in [&entry[..40], b"", b"garbage of more than sixteen bytes"] {
        let place = place(1, &format!("{}", broken.len()));
        server.run::<String>(&[b"SET", names.entry(&place).as_bytes(), broken]);
        drop(a.granted(&place).await);
    }
    // Out of its time: by the clock of whoever reads it.
    a.clock.advance(SignedDuration::from_mins(30));
    drop(a.granted(&mine).await);
}
