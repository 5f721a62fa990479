//! What a purge says, and that it holds.

use std::time::Instant;

use super::*;

/// Two that know each other.
pub(super) async fn two(server: &RedisServer) -> (Replica, Replica) {
    let (a, b) = (Replica::up(server).await, Replica::up(server).await);
    a.know_each_other(&b).await;
    (a, b)
}

#[tokio::test]
async fn a_purge_reaches_every_replica_and_both_levels() {
    let server = RedisServer::start();
    let (a, b) = two(&server).await;
    let (mine, other) = (place(1, "x"), place(2, "x"));
    for place in [mine, other] {
        a.leaves(&place).await;
        b.remembers(&place).await;
    }
    let late = match b.shared.claim_anew(&mine).await {
        Claim::Granted(ticket) => ticket,
        other => panic!("{other:?}"),
    };

    assert_eq!(a.shared.purge(&mine.user).await, Purged::By(NOW), "every replica has confirmed");

    assert!(!b.holds(&mine).await && b.holds(&other).await);
    assert!(!matches!(a.claim(&mine).await, Claim::Found(_)));
    a.finds(&other).await;
    // An exchange that was under way leaves nothing behind.
    b.shared.finish(late, &token(), Some(terms()));
    eventually("the turn is given back", async || matches!(a.claim(&mine).await, Claim::Granted(_))).await;
    assert!(!a.reports_forgery() && !b.reports_forgery());
}

#[tokio::test]
async fn a_purge_is_taken_to_heart_once() {
    let server = RedisServer::start();
    let (a, b) = two(&server).await;
    let mine = place(1, "x");
    assert_eq!(a.shared.purge(&mine.user).await, Purged::By(NOW));
    b.remembers(&mine).await;
    // Not what comes true in time, but what must never: more looks make nothing right that is wrong.
    for _ in 0..5 {
        time::sleep(purge_log::BEAT_EVERY).await;
        assert!(b.holds(&mine).await, "a token of after the purge");
    }
}

#[tokio::test]
async fn a_purge_says_when_it_will_hold_on_a_replica_that_is_gone() {
    let server = RedisServer::start();
    let (a, b) = two(&server).await;
    b.remembers(&place(1, "x")).await;
    b.keeper.abort();

    assert_eq!(a.shared.purge(&place(1, "x").user).await, Purged::By(NOW + FENCE));

    b.clock.advance(FENCE + SignedDuration::from_secs(1));
    assert!(!b.holds(&place(1, "x")).await, "out of contact, it has stopped by itself");
}

#[tokio::test]
async fn a_replica_that_may_still_serve_is_not_forgotten() {
    let server = RedisServer::start();
    let (a, b) = two(&server).await;
    let mine = place(1, "x");
    // Out of contact, it exchanges by itself, and serves that for a while.
    b.keeper.abort();
    let goes_on = async |forward: SignedDuration| {
        a.clock.advance(forward);
        time::sleep(purge_log::BEAT_EVERY * 2).await;
    };
    goes_on(MAX_SILENCE).await;
    b.remembers(&mine).await;
    let started = Instant::now();
    assert_eq!(a.shared.purge(&mine.user).await, Purged::By(NOW + MAX_SILENCE + FENCE));
    assert!(started.elapsed() < CONFIRM_WITHIN, "nobody waits for one who is gone");

    goes_on(SignedDuration::from_mins(3)).await;
    let at = NOW + MAX_SILENCE + SignedDuration::from_mins(3);
    assert_eq!(a.shared.purge(&mine.user).await, Purged::By(at), "it is forgotten");
    let replicas = a.shared.names().replicas();
    eventually("b is off the list", async || server.run::<u64>(&[b"HLEN", replicas.as_bytes()]) == 1).await;
    b.clock.advance(MAX_SILENCE + SignedDuration::from_mins(3));
    let terms = Terms { fresh_until: at + SignedDuration::from_mins(5), refresh_at: None };
    b.local.put(mine, token(), terms, at, b.local.asked(at)).await;
    assert!(!b.holds(&mine).await, "who is not on the list serves nothing");
}

#[tokio::test]
async fn a_replica_that_redis_never_heard_of_serves_nothing_from_memory() {
    let server = RedisServer::start();
    let way = RedisWay::to(&server);
    way.cut();
    let (a, b) = (Replica::up(&server).await, Replica::at(&way.url(), &cache_keys("k1", 1)));
    b.remembers(&place(1, "x")).await;
    assert!(!b.holds(&place(1, "x")).await);
    assert_eq!(a.shared.purge(&place(1, "x").user).await, Purged::By(NOW));
    way.open();
    b.is_up().await;
    a.know_each_other(&b).await;
    eventually("b serves what it holds from then on", async || {
        b.remembers(&place(1, "x")).await;
        b.holds(&place(1, "x")).await
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_stops_is_not_waited_for() {
    let server = RedisServer::start();
    let (a, b) = two(&server).await;
    b.remembers(&place(1, "x")).await;
    b.keeper.abort();
    b.shared.leave(&b.local).await;
    let started = Instant::now();
    assert_eq!(a.shared.purge(&place(1, "x").user).await, Purged::By(NOW));
    assert!(started.elapsed() < CONFIRM_WITHIN);
    assert!(!b.holds(&place(1, "x")).await);
}

#[tokio::test]
async fn a_purge_without_redis_is_incomplete_and_caught_up_on_later() {
    let mut server = RedisServer::start();
    let (a, b) = two(&server).await;
    let mine = place(1, "x");
    b.remembers(&mine).await;
    server.kill();
    eventually("a has noticed", async || !a.shared.is_up()).await;
    a.local.purge(mine.user, NOW);
    assert_eq!(a.shared.purge(&mine.user).await, Purged::Incomplete);
    assert!(b.holds(&mine).await, "nobody could tell b");

    server.restart();

    eventually("b was told", async || !b.holds(&mine).await).await;
}

#[tokio::test]
async fn a_purge_that_redis_did_not_take_holds_here_though_an_earlier_one_is_in_the_log() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "noeviction"]);
    let a = Replica::up(&server).await;
    let mine = place(1, "x");
    assert_eq!(a.shared.purge(&mine.user).await, Purged::By(NOW));
    a.leaves(&mine).await;
    // Full, it still reads: what was purged is there to be found.
    server.run::<String>(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    assert_eq!(a.shared.purge(&mine.user).await, Purged::Incomplete);
    assert!(matches!(a.claim(&mine).await, Claim::Down));

    server.run::<String>(&[b"CONFIG", b"SET", b"maxmemory", b"0"]);

    a.is_up().await;
    drop(a.granted(&mine).await);
}

#[tokio::test]
async fn a_purge_does_not_count_on_a_redis_that_has_just_lost_its_memory() {
    let server = RedisServer::start();
    let (a, b) = two(&server).await;
    let mine = place(1, "x");
    b.remembers(&mine).await;
    b.keeper.abort();
    server.run::<String>(&[b"FLUSHALL"]);
    let known = a.shared.names().replicas();
    eventually("a is written down again", async || server.run::<u64>(&[b"HLEN", known.as_bytes()]) == 1)
        .await;

    // All that Redis knows have confirmed, and b serves on. But a has not forgotten it.
    assert_eq!(a.shared.purge(&mine.user).await, Purged::By(NOW + FENCE));

    assert!(b.holds(&mine).await);
    b.clock.advance(FENCE + SignedDuration::from_secs(1));
    assert!(!b.holds(&mine).await);
}

#[tokio::test]
async fn purges_of_long_ago_are_forgotten() {
    let server = RedisServer::start();
    let a = Replica::up(&server).await;
    let log = a.shared.names().log();
    // As if of 1970, and sealed with a key that is long gone: it would have everything dropped at each connect.
    server.run::<String>(&[b"XADD", log.as_bytes(), b"1-1", b"p", b"old"]);
    assert_eq!(a.shared.purge(&place(1, "x").user).await, Purged::By(NOW));
    eventually("only the new one is left", async || server.run::<u64>(&[b"XLEN", log.as_bytes()]) == 1).await;
}

#[tokio::test]
async fn a_purge_is_in_the_log_for_longer_than_anything_lives() {
    let server = RedisServer::start();
    let (now, _): (i64, i64) = server.run(&[b"TIME"]);
    let a = Replica::new(&server);
    let log = a.shared.names().log();
    a.keeper.abort();
    for (minutes, name) in [(61, 1), (59, 2)] {
        let entry = Entry::new(place(name, "x").user).unwrap();
        let envelope = purge_log::seal(&a.shared.keys.current(), &entry).unwrap();
        let id = format!("{}-0", (now - minutes * 60) * 1000);
        server.run::<String>(&[b"XADD", log.as_bytes(), id.as_bytes(), b"p", &envelope]);
    }
    let b = Replica::up(&server).await;
    assert_eq!(b.local.purged_users(), [place(2, "x").user]);
    assert_eq!(server.run::<u64>(&[b"XLEN", log.as_bytes()]), 1);
}

/// More than is read at once.
fn fill(server: &RedisServer, a: &Replica) {
    let (log, keys) = (a.shared.names().log(), a.shared.keys.current());
    for number in 0..=1000 {
        let mut user = [9; 32];
        user[..4].copy_from_slice(&u32::to_be_bytes(number));
        let envelope = purge_log::seal(&keys, &Entry::new(UserKey::from_bytes(user)).unwrap()).unwrap();
        server.run::<String>(&[b"XADD", log.as_bytes(), b"*", b"p", &envelope]);
    }
}

#[tokio::test]
async fn a_long_log_is_read_to_its_end_before_it_is_told_what_it_lacks() {
    let server = RedisServer::start();
    let way = RedisWay::to(&server);
    let a = Replica::at(&way.url(), &cache_keys("k1", 1));
    a.is_up().await;
    let log = a.shared.names().log();
    let entries = || server.run::<u64>(&[b"XLEN", log.as_bytes()]);
    fill(&server, &a);
    let mine = place(1, "x");
    a.local.purge(mine.user, NOW);
    assert!(matches!(a.shared.purge(&mine.user).await, Purged::By(_)));
    // On another connection it reads all of it anew. What it knows stands at the end.
    a.shared.link.give_up();
    a.is_up().await;
    assert_eq!(entries(), 1002);

    // Another Redis has as long a log, and that purge is not in it.
    way.cut();
    eventually("a has noticed", async || !a.shared.is_up()).await;
    server.run::<String>(&[b"FLUSHALL"]);
    fill(&server, &a);
    way.open();
    eventually("it is told", async || entries() == 1002).await;
}

#[tokio::test]
async fn purges_during_an_outage_do_not_hold_off_its_end() {
    let mut server = RedisServer::start();
    let a = Replica::up(&server).await;
    server.kill();
    eventually("a has noticed", async || !a.shared.is_up()).await;
    for user in 0..20 {
        assert_eq!(a.shared.purge(&place(user, "x").user).await, Purged::Incomplete);
    }
    server.restart();
    a.is_up().await;
    // Nothing said of the link of before takes down the new one.
    assert_eq!(a.shared.purge(&place(1, "x").user).await, Purged::By(NOW));
    let log: u64 = server.run(&[b"XLEN", a.shared.names().log().as_bytes()]);
    assert_eq!(log, 21);
}

#[tokio::test]
async fn so_many_purges_are_remembered_for_later_and_no_more() {
    let mut server = RedisServer::start();
    let a = Replica::up(&server).await;
    server.kill();
    eventually("a has noticed", async || !a.shared.is_up()).await;
    for number in 0..=u64::try_from(MAX_UNTOLD).unwrap() {
        let mut user = [0; 32];
        user[..8].copy_from_slice(&number.to_be_bytes());
        a.shared.tell_later(UserKey::from_bytes(user));
    }
    assert_eq!(a.shared.untold.lock().unwrap().len(), MAX_UNTOLD);
}

#[tokio::test]
async fn a_redis_that_lost_its_memory_is_told_again() {
    let server = RedisServer::start();
    let (a, b) = two(&server).await;
    let mine = place(1, "x");
    a.leaves(&mine).await;
    a.local.purge(mine.user, NOW);
    assert_eq!(a.shared.purge(&mine.user).await, Purged::By(NOW));
    server.run::<String>(&[b"FLUSHALL"]);
    let c = Replica::new(&server);
    c.remembers(&mine).await;
    eventually("a newcomer learns of the purge", async || !c.local.purged_users().is_empty()).await;
    b.granted(&mine).await;
}

#[tokio::test]
async fn a_log_that_begins_anew_on_an_older_clock_is_read_from_its_beginning() {
    let server = RedisServer::start();
    let (a, b) = two(&server).await;
    let (mine, other) = (place(1, "x"), place(2, "x"));
    // As by a Redis whose clock is an hour ahead.
    let log = a.shared.names().log();
    let (now, _): (i64, i64) = server.run(&[b"TIME"]);
    let entry = Entry::new(other.user).unwrap();
    let envelope = purge_log::seal(&a.shared.keys.current(), &entry).unwrap();
    let id = format!("{}-0", (now + 3600) * 1000);
    server.run::<String>(&[b"XADD", log.as_bytes(), id.as_bytes(), b"p", &envelope]);
    let read = async || [&a, &b].iter().all(|replica| replica.local.purged_users() == [other.user]);
    eventually("both have read it", read).await;
    b.remembers(&mine).await;

    // Another one takes over, on the connections that stand. It knows the replicas, and not that purge.
    server.run::<u64>(&[b"DEL", log.as_bytes()]);

    assert!(matches!(a.shared.purge(&mine.user).await, Purged::By(_)));
    eventually("b has heard of it", async || !b.holds(&mine).await).await;
    eventually("the purge that was lost is told again", async || {
        server.run::<u64>(&[b"XLEN", log.as_bytes()]) >= 2
    })
    .await;
}

#[tokio::test]
async fn who_was_out_of_contact_for_longer_than_it_serves_begins_anew() {
    for (silence, begins_anew) in [(FENCE, false), (FENCE + SignedDuration::from_secs(1), true)] {
        let server = RedisServer::start();
        let way = RedisWay::to(&server);
        let a = Replica::at(&way.url(), &cache_keys("k1", 1));
        a.is_up().await;
        a.shared.members().resume(NOW - members::REMEMBERED_FOR);
        let mine = place(1, "x");
        assert_eq!(a.shared.purge(&place(2, "x").user).await, Purged::By(NOW));
        a.remembers(&mine).await;
        assert!(a.holds(&mine).await);
        way.cut();
        eventually("a has noticed", async || !a.shared.is_up()).await;
        a.clock.advance(silence);
        server.run::<String>(&[b"FLUSHALL"]);

        way.open();

        a.is_up().await;
        assert_eq!(a.holds(&mine).await, !begins_anew, "its purge may have come, and gone with the log");
        let wait = if begins_anew { FENCE } else { SignedDuration::ZERO };
        let purged = a.shared.purge(&mine.user).await;
        assert_eq!(purged, Purged::By(a.clock.now() + wait), "another replica may have come and gone, too");
    }
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_told_of_every_purge() {
    for silence in [SignedDuration::ZERO, FENCE + SignedDuration::from_secs(1)] {
        let mut server = RedisServer::start();
        let a = Replica::up(&server).await;
        let mine = place(1, "x");
        a.local.purge(mine.user, NOW);
        assert_eq!(a.shared.purge(&mine.user).await, Purged::By(NOW));
        server.kill();
        eventually("a has noticed", async || !a.shared.is_up()).await;
        a.clock.advance(silence);

        server.restart();

        let log = a.shared.names().log();
        eventually("it stands in the log", async || server.run::<u64>(&[b"XLEN", log.as_bytes()]) == 1).await;
    }
}
