//! Somebody else writes to Redis, knows every name there, and has kept what stood there before. No "now" is wrong, and
//! nobody is held up for long.

use std::collections::HashMap;
use std::time::Instant;

use super::purges::two;
use super::*;

type Fields = HashMap<Vec<u8>, Vec<u8>>;

fn fields(server: &RedisServer, key: &[u8]) -> Fields {
    server.run(&[b"HGETALL", key])
}

fn name_of(replica: &Replica) -> Vec<u8> {
    replica.shared.replica.simple().to_string().into_bytes()
}

/// Does what `forge` does to each list of confirmations, until it is told to stop.
struct Forger {
    stop: Arc<std::sync::atomic::AtomicBool>,
    task: Option<std::thread::JoinHandle<()>>,
}

impl Forger {
    fn start(
        server: Arc<RedisServer>,
        forge: impl Fn(&RedisServer, &[u8], &Fields) + Send + 'static,
    ) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = std::thread::spawn(move || {
            while !stopped.load(std::sync::atomic::Ordering::SeqCst) {
                for list in server.run::<Vec<Vec<u8>>>(&[b"KEYS", b"*:confirmed:*"]) {
                    forge(&server, &list, &fields(&server, &list));
                }
            }
        });
        Self { stop, task: Some(task) }
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::SeqCst);
        self.task.take().unwrap().join().unwrap();
    }
}

#[tokio::test]
async fn only_who_has_read_a_purge_confirms_it() {
    let server = Arc::new(RedisServer::start());
    let (a, b) = two(&server).await;
    let mine = place(1, "x");
    // What b once said of another purge, and of itself.
    assert_eq!(a.shared.purge(&place(2, "x").user).await, Purged::By(NOW));
    let earlier = server.run::<Vec<Vec<u8>>>(&[b"KEYS", b"*:confirmed:*"]);
    let earlier = fields(&server, &earlier[0])[&name_of(&b)].clone();
    let replicas = a.shared.names().replicas();
    let heartbeats = fields(&server, replicas.as_bytes());
    b.remembers(&mine).await;
    // It does not get to read what comes now, as if that were deleted each time it looks. It serves on.
    b.keeper.abort();

    let (me, other) = (name_of(&a), name_of(&b));
    let forger = Forger::start(Arc::clone(&server), move |server, list, said| {
        let tag = said.get(&me).unwrap_or(&earlier);
        for forged in [tag, &earlier, &vec![0; 32], &Vec::new()] {
            server.run::<i64>(&[b"HSET", list, &other, forged]);
            std::thread::sleep(Duration::from_millis(30));
        }
        // As if there were no b, as if it were a, and as if it had said something new.
        let replicas = replicas.as_bytes();
        server.run::<i64>(&[b"HDEL", replicas, &other]);
        server.run::<i64>(&[b"HSET", replicas, &other, &heartbeats[&me]]);
        server.run::<i64>(&[b"HSET", replicas, &other, &heartbeats[&other]]);
        server.run::<i64>(&[b"DEL", replicas]);
    });
    let purged = a.shared.purge(&mine.user).await;
    drop(forger);

    assert_eq!(purged, Purged::By(NOW + FENCE));
    assert!(b.holds(&mine).await, "that is why");
}

#[tokio::test]
async fn a_replica_that_nobody_is_blocks_no_purge_and_is_taken_off_the_list() {
    let server = RedisServer::start();
    let (a, _b) = two(&server).await;
    let replicas = a.shared.names().replicas();
    let replicas = replicas.as_bytes();
    let real = fields(&server, replicas)[&name_of(&a)].clone();
    let made_up = Uuid::from_u128(7).simple().to_string();
    let forge = |name: &[u8], value: &[u8]| server.run::<i64>(&[b"HSET", replicas, name, value]);
    forge(made_up.as_bytes(), &real);
    forge(b"no id", &real);
    forge(b"", b"");
    forge(&made_up.to_uppercase().into_bytes(), b"x");
    forge(&[&name_of(&a)[..8], b"-", &name_of(&a)[8..]].concat(), &real);

    let started = Instant::now();
    assert_eq!(a.shared.purge(&place(1, "x").user).await, Purged::By(NOW));
    assert!(started.elapsed() < CONFIRM_WITHIN);
    eventually("they are taken off", async || fields(&server, replicas).len() == 2).await;

    for number in 0..2 * members::MAX_MEMBERS {
        forge(format!("{number}").as_bytes(), b"flood");
    }
    eventually("a flood goes too", async || fields(&server, replicas).len() <= 2).await;
    assert_eq!(a.shared.purge(&place(1, "x").user).await, Purged::By(NOW));
    assert!(a.reports_forgery());
}

#[tokio::test]
async fn who_is_hidden_from_another_replica_serves_nothing_from_memory() {
    // Two lists, as if all that b says were deleted before a can look.
    let (server, hidden) = (RedisServer::start(), RedisServer::start());
    let (a, b) = (Replica::up(&server).await, Replica::up(&hidden).await);
    let mine = place(1, "x");
    b.remembers(&mine).await;
    assert!(b.holds(&mine).await);
    let replicas = a.shared.names().replicas();
    let shows_a_to_b = async || {
        a.clock.advance(SignedDuration::from_millis(1));
        time::sleep(Duration::from_millis(20)).await;
        let heartbeat = &fields(&server, replicas.as_bytes())[&name_of(&a)];
        hidden.run::<i64>(&[b"HSET", replicas.as_bytes(), &name_of(&a), heartbeat]);
    };
    eventually("b has stopped", async || {
        shows_a_to_b().await;
        !b.holds(&mine).await
    })
    .await;

    assert!(matches!(a.shared.purge(&mine.user).await, Purged::By(at) if at <= a.clock.now()));

    // Once a is silent, b goes on: without what it held when nobody counted on it.
    b.clock.advance(SignedDuration::from_secs(10));
    eventually("b goes on", async || {
        // What it was shown last of a may have come only now.
        b.clock.advance(SignedDuration::from_millis(20));
        b.remembers(&place(2, "x")).await;
        b.holds(&place(2, "x")).await
    })
    .await;
    assert!(!b.holds(&mine).await);
}

#[tokio::test]
async fn a_forged_lease_is_waited_for_no_longer_than_a_lease_lasts() {
    let server = RedisServer::start();
    let (a, b) = two(&server).await;
    let names = a.shared.names();
    let (mine, other) = (place(1, "x"), place(1, "y"));
    // One that a broker made, kept from before.
    drop(b.granted(&other).await);
    let real: Vec<u8> = server.run(&[b"GET", names.lease(&other).as_bytes()]);
    for (place, forged) in [
        (mine, &b"0123456789abcdef and so on"[..]),
        (place(1, "of another place"), &real),
        (place(1, "short"), b"x"),
        (other, &real),
    ] {
        // Nothing ends it by itself.
        server.run::<String>(&[b"SET", names.lease(&place).as_bytes(), forged]);
        let (started, mut wait) = (Instant::now(), Wait::begin());
        let ticket = loop {
            match a.shared.claim(&place, &mut wait).await {
                Claim::Granted(ticket) => break ticket,
                Claim::Taken => time::sleep(Duration::from_millis(25)).await,
                other => panic!("{other:?}"),
            }
            assert!(started.elapsed() < LEASE + Duration::from_secs(2), "waited for {forged:?}");
        };
        assert!(started.elapsed() > LEASE, "it may be one of another version");
        a.shared.finish(ticket, &token(), Some(terms()));
        b.finds(&place).await;
    }
}

#[tokio::test]
async fn a_purge_in_the_midst_of_a_rotation_says_what_is_so() {
    let server = RedisServer::start();
    let a = Replica::up(&server).await;
    let both = format!("{}{}", cache_keys("k2", 2), cache_keys("k1", 1).lines().last().unwrap());
    let b = Replica::with_keys(&server, &both);
    b.is_up().await;
    a.know_each_other(&b).await;
    let mine = place(1, "x");
    a.remembers(&mine).await;

    // Out of order: a does not have the key, drops everything, and cannot say so.
    assert_eq!(b.shared.purge(&mine.user).await, Purged::By(NOW + FENCE));
    assert!(!a.holds(&mine).await);

    assert_eq!(a.shared.purge(&mine.user).await, Purged::By(NOW), "the old key goes on to be good");
    std::fs::write(a.dir.path().join("keys.toml"), &both).unwrap();
    while a.shared.keys.look() != Look::Replaced {}
    assert_eq!(b.shared.purge(&mine.user).await, Purged::By(NOW));
}
