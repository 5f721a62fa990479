//! What goes wrong while the run goes on: at Redis, by whoever else writes to it, and on the way to it, at Entra ID, with keys, and with the time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::time;

use super::rng::Rng;
use super::rules::DRIFT;
use super::world::{Mood, World};
use testkit::{RedisServer, cache_keys};

use crate::heartbeats;
use identity::clock::Clock as _;
use jiff::{SignedDuration, Timestamp};

/// How long Redis is let alone after it was taken away: a replica needs up to five seconds to come back to it, and
/// most of the run is to be one with Redis.
const LET_ALONE: Duration = Duration::from_secs(8);

/// Kills, flushes, stops, fills and spoils Redis.
pub(super) async fn redis(world: Arc<World>, server: RedisServer, mut rng: Rng, stop: Arc<AtomicBool>) {
    let mut server = Some(server);
    let mut struck = Instant::now();
    while !stop.load(Ordering::SeqCst) {
        time::sleep(Duration::from_millis(rng.within(300, 1500))).await;
        let pause = Duration::from_millis(rng.within(100, 1500));
        let fault = *rng.one_of(if struck.elapsed() > LET_ALONE { &FAULTS } else { &MEANWHILE });
        let mut choices = Rng::new(rng.next(), 0);
        let mut taken = server.take().unwrap();
        // The client of the tests blocks, and so does a server that starts.
        let now = world.clock.now();
        let work = move || {
            vouch_for_the_list(&taken, now);
            strike(&mut taken, fault, pause, &mut choices);
            taken
        };
        server = Some(tokio::task::spawn_blocking(work).await.unwrap());
        if FAULTS.contains(&fault) {
            struck = Instant::now();
        }
        world.count(fault);
    }
}

const FAULTS: [&str; 4] = ["redis killed", "redis flushed", "redis stopped", "redis full"];
/// What somebody does who may write to it.
const MEANWHILE: [&str; 2] = ["redis spoilt", "redis forged"];

/// A day after Redis has lost the list of replicas, whoever is on it is all there are. Here that is known as soon as both
/// are.
fn vouch_for_the_list(server: &RedisServer, now: Timestamp) {
    let lists = server.run::<Vec<Vec<u8>>>(&[b"KEYS", b"*:replicas"]);
    let said = lists.iter().flat_map(|list| server.run::<Vec<Vec<u8>>>(&[b"HVALS", list]));
    if said.filter(|said| said.get(1) == Some(&0)).count() == 2 {
        heartbeats::vouch_for_the_list(server, now);
    }
}

/// Cuts the second replica off from Redis, and from it alone.
pub(super) async fn one_is_cut_off(world: Arc<World>, mut rng: Rng, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        time::sleep(Duration::from_millis(rng.within(5_000, 20_000))).await;
        world.way.cut();
        world.count("one replica cut off from redis");
        time::sleep(Duration::from_millis(rng.within(1_000, 8_000))).await;
        world.way.open();
    }
}

fn strike(server: &mut RedisServer, fault: &str, pause: Duration, rng: &mut Rng) {
    let limit = |bytes: &[u8]| server.run::<String>(&[b"CONFIG", b"SET", b"maxmemory", bytes]);
    match fault {
        "redis killed" => {
            server.kill();
            std::thread::sleep(pause);
            server.restart();
        }
        "redis flushed" => drop(server.run::<String>(&[b"FLUSHALL"])),
        "redis stopped" => {
            // Longer than a call waits: the link goes down, and what is stored is still there afterwards.
            server.run::<String>(&[b"CLIENT", b"PAUSE", b"2500", b"ALL"]);
            std::thread::sleep(Duration::from_millis(2500));
        }
        "redis full" => {
            limit(b"1");
            std::thread::sleep(pause);
            limit(b"0");
        }
        "redis forged" => forge(server, pause, rng),
        _ => spoil(server, rng),
    }
}

/// Confirms every purge for everybody, plays heartbeats again and passes them off as others', has the log of purges and
/// the list of replicas vanish, and takes turns that nobody has.
fn forge(server: &RedisServer, pause: Duration, rng: &mut Rng) {
    type Fields = Vec<(Vec<u8>, Vec<u8>)>;
    let keys = |kind: &str| server.run::<Vec<Vec<u8>>>(&[b"KEYS", format!("*:{kind}").as_bytes()]);
    let fields = |key: &[u8]| server.run::<Fields>(&[b"HGETALL", key]);
    let set = |key: &[u8], field: &[u8], value: &[u8]| server.run::<i64>(&[b"HSET", key, field, value]);
    let lists = keys("replicas");
    let [list] = &lists[..] else { return };
    let replicas = fields(list);
    if replicas.is_empty() {
        return;
    }
    for entry in keys("*:e:*").iter().take(3) {
        let lease = String::from_utf8_lossy(entry).replace(":e:", ":l:");
        server.run::<String>(&[b"SET", lease.as_bytes(), &rng.next().to_be_bytes().repeat(7)]);
    }
    let mut kept = vec![vec![7; 32]];
    let mut known: HashSet<_> = keys("confirmed:*").into_iter().collect();
    let until = Instant::now() + pause;
    while Instant::now() < until {
        for confirmations in keys("confirmed:*") {
            let said = fields(&confirmations);
            if known.insert(confirmations.clone()) && said.len() < 2 && rng.percent(70) {
                // Whoever has not read it shall not.
                delete_latest_purge(server, &keys("purges"));
            }
            kept.extend(said.into_iter().map(|(_, tag)| tag));
            for (replica, _) in &replicas {
                let tag: &Vec<u8> = rng.one_of(&kept[kept.len().saturating_sub(8)..]);
                // In place of those who have not said it themselves.
                server.run::<i64>(&[b"HSETNX", &confirmations, replica, tag]);
            }
        }
        match rng.within(0, 200) {
            // Seldom: whoever cannot find its purge any more says that it is incomplete, and that proves nothing.
            0 => drop(server.run::<redis::Value>(&[b"DEL", list, &keys("purges").concat()])),
            1 => drop(server.run::<redis::Value>(&[b"HDEL", list, &rng.one_of(&replicas).0])),
            2..30 => {
                let (id, (_, heartbeat)) = (&rng.one_of(&replicas).0, rng.one_of(&replicas));
                set(list, id, heartbeat);
            }
            30..34 => {
                set(list, rng.next().to_string().as_bytes(), b"made up");
            }
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Deletes the last purge from the log, if it was told just now: one that has been answered may count on being there.
fn delete_latest_purge(server: &RedisServer, logs: &[Vec<u8>]) {
    let [log] = logs else { return };
    let latest: Vec<(String, Vec<Vec<u8>>)> = server.run(&[b"XREVRANGE", log, b"+", b"-", b"COUNT", b"1"]);
    let (seconds, micros): (u64, u64) = server.run(&[b"TIME"]);
    for (id, _) in latest {
        let told: u64 = id.split('-').next().unwrap().parse().unwrap();
        if told + 1000 > seconds * 1000 + micros / 1000 {
            server.run::<i64>(&[b"XDEL", log, id.as_bytes()]);
        }
    }
}

/// Moves entries to other places, cuts them, overwrites them, and loses leases and generations.
fn spoil(server: &RedisServer, rng: &mut Rng) {
    let keys = |kind: &str| server.run::<Vec<Vec<u8>>>(&[b"KEYS", format!("*{kind}").as_bytes()]);
    let entries = keys(":e:*");
    if entries.is_empty() {
        return;
    }
    for _ in 0..50 {
        let (from, to) = (rng.one_of(&entries), rng.one_of(&entries));
        let Some(value) = server.run::<Option<Vec<u8>>>(&[b"GET", from]) else { continue };
        let value = match rng.within(0, 3) {
            0 => value,
            1 => value[..value.len() / 2].to_vec(),
            _ => rng.next().to_string().repeat(8).into_bytes(),
        };
        server.run::<String>(&[b"SET", to, &value, b"PX", b"60000"]);
    }
    for key in keys(":l:*").iter().chain(keys(":g").iter().take(20)) {
        server.run::<i64>(&[b"DEL", key]);
    }
}

/// Lets Entra ID have its moods, and change its keys.
pub(super) async fn entra(world: Arc<World>, mut rng: Rng, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        time::sleep(Duration::from_millis(rng.within(1000, 6000))).await;
        match rng.within(0, 8) {
            0 => world.mood(Mood::Down),
            1 => world.mood(Mood::Throttling),
            2 => world.mood(Mood::Refusing),
            3 => world.entra.pace(Duration::from_millis(rng.within(50, 1200))),
            4 => world.roll_signing_key_if_it_is_time(),
            _ => {}
        }
        time::sleep(Duration::from_millis(rng.within(100, 800))).await;
        world.entra.pace(Duration::ZERO);
        world.mood(Mood::Good);
    }
}

/// Rotates the cache's keys as an operator does, but with less patience.
pub(super) async fn cache_keys_rotate(world: Arc<World>, mut rng: Rng, stop: Arc<AtomicBool>) {
    let mut old = 1;
    while !stop.load(Ordering::SeqCst) {
        let new = if old == 1 { 2 } else { old + 1 };
        for content in [both(old, new), both(new, old), cache_keys(&format!("k{new}"), new)] {
            for replica in &world.replicas {
                time::sleep(Duration::from_millis(rng.within(0, 4000))).await;
                std::fs::write(&replica.key_file, &content).unwrap();
                world.count("cache key file changed");
            }
            if stop.load(Ordering::SeqCst) {
                return;
            }
        }
        old = new;
        time::sleep(Duration::from_secs(rng.within(10, 30))).await;
    }
}

/// A key file that seals with `first` and opens with both.
fn both(first: u8, second: u8) -> String {
    let second = cache_keys(&format!("k{second}"), second);
    cache_keys(&format!("k{first}"), first) + second.lines().last().unwrap() + "\n"
}

/// Moves the clock: in small steps while calls are under way, by far only when none is. So the clock moves by no more
/// than [`DRIFT`] while anything is under way, and the rules can be that strict.
pub(super) async fn time_goes_on(world: Arc<World>, mut rng: Rng, stop: Arc<AtomicBool>) {
    let mut moved = SignedDuration::ZERO;
    let every = world.calls / (250 + world.calls / 2500);
    for next in (0..).step_by(usize::try_from(every.max(1)).unwrap()) {
        // By calls, not by seconds: a slow machine has as many of them in a token's life as a fast one.
        while world.done.load(Ordering::SeqCst) < next {
            if stop.load(Ordering::SeqCst) {
                return;
            }
            time::sleep(Duration::from_millis(2)).await;
        }
        let forward = SignedDuration::from_secs(i64::try_from(rng.within(1, 9)).unwrap());
        if moved + forward <= DRIFT {
            world.clock.advance(forward);
            moved += forward;
            continue;
        }
        let _nobody_calls = world.gate.write().await;
        while world.replicas.iter().any(|replica| replica.broker.exchanger().flights() > 0) {
            time::sleep(Duration::from_millis(1)).await;
        }
        moved = SignedDuration::ZERO;
        if rng.percent(40) {
            world.clock.advance(SignedDuration::from_secs(i64::try_from(rng.within(60, 900)).unwrap()));
            world.count("clock set far ahead");
        }
    }
}
