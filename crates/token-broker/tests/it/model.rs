//! A run of very many mixed calls over two replicas while everything around them fails, each answer checked against a
//! model of what may be answered.
//!
//! | module | what it holds |
//! |---|---|
//! | `world` | two replicas with clocks apart, a pretend Entra ID, people and their assertions |
//! | `ledger` | what is known for sure: tokens handed out, refusals, purges |
//! | `rules` | what an answer must obey, and the test that wrong answers are caught |
//! | `weather` | what goes wrong: Redis and who else writes to it, Entra ID, keys, time |
//!
//! `MODEL_CALLS` says how many, `MODEL_LOG` names a file for the brokers' warnings. `MODEL_SEED` repeats the choices of a
//! run that failed: who calls, with what, and what goes wrong in which order.
//! How tasks, sockets and Redis interleave is the machine's, and so when in the run a fault strikes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use identity::clock::Clock as _;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use telemetry::testing::Captured;
use token_broker::{ExchangeCommand, Kind, Source};
use tokio::task::JoinSet;

use self::ledger::Purge;
use self::rng::Rng;
use self::rules::{Answer, Call, SKEW, check};
use self::world::{World, oid};
use testkit::{NOW, RedisServer};

use crate::support::TENANT;

mod ledger;
mod rng;
mod rules;
mod weather;
mod world;

/// For a million calls; fewer have fewer, so that each still calls often enough to meet what is held.
const USERS: u64 = 5_000;
/// One user in so many is busy: half of the calls are theirs.
const BUSY_SHARE: u64 = 20;
/// In `make test`; `make hold` makes a million.
const CALLS: u64 = 100_000;
const CALLERS: u64 = 96;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_a_long_run_full_of_faults_is_right() {
    let calls = number("MODEL_CALLS").unwrap_or(CALLS);
    let seed = number("MODEL_SEED")
        .unwrap_or_else(|| u64::from_le_bytes(*uuid::Uuid::new_v4().as_bytes().first_chunk().unwrap()));
    let logs = Captured::install("token_broker=warn");
    let started = Instant::now();
    say(&format!("MODEL_SEED={seed} MODEL_CALLS={calls}"));
    let redis = RedisServer::start();
    let world = Arc::new(World::new(USERS.min(calls / 100).max(100), calls, &redis, seed).await);
    let stop = Arc::new(AtomicBool::new(false));
    let weather = [
        tokio::spawn(weather::redis(
            Arc::clone(&world),
            redis,
            Rng::new(seed, u64::MAX - 1),
            Arc::clone(&stop),
        )),
        tokio::spawn(weather::one_is_cut_off(
            Arc::clone(&world),
            Rng::new(seed, u64::MAX - 5),
            Arc::clone(&stop),
        )),
        tokio::spawn(weather::entra(Arc::clone(&world), Rng::new(seed, u64::MAX - 2), Arc::clone(&stop))),
        tokio::spawn(weather::cache_keys_rotate(
            Arc::clone(&world),
            Rng::new(seed, u64::MAX - 3),
            Arc::clone(&stop),
        )),
        tokio::spawn(weather::time_goes_on(
            Arc::clone(&world),
            Rng::new(seed, u64::MAX - 4),
            Arc::clone(&stop),
        )),
    ];
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let mut callers = JoinSet::new();
    for stream in 0..CALLERS {
        let caller =
            Caller { world: Arc::clone(&world), rng: Rng::new(seed, stream), wrong: Arc::clone(&wrong) };
        callers.spawn(caller.run());
    }
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    for task in weather {
        task.await.unwrap();
    }
    report(&world, calls, started);
    if let Some(path) = setting("MODEL_LOG") {
        std::fs::write(path, logs.logs()).unwrap();
    }
    let wrong = wrong.lock().unwrap();
    assert!(
        wrong.is_empty(),
        "{} wrong answers, repeat with MODEL_SEED={seed}: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(5)]
    );
}

/// Calls one after the other, and checks each answer.
struct Caller {
    world: Arc<World>,
    rng: Rng,
    wrong: Arc<Mutex<Vec<String>>>,
}

impl Caller {
    async fn run(mut self) {
        while self.world.done.fetch_add(1, Ordering::SeqCst) < self.world.calls {
            let world = Arc::clone(&self.world);
            let _under_way = world.gate.read().await;
            let users = if self.rng.percent(50) { world.busy } else { world.users };
            let user = u32::try_from(self.rng.within(0, users)).unwrap();
            let replica = usize::from(self.rng.percent(50));
            if self.rng.within(0, 1000) < 2 {
                self.purge(user, replica).await;
            } else {
                self.call(user, replica).await;
            }
            if self.wrong.lock().unwrap().len() > 100 {
                return;
            }
        }
    }

    async fn call(&mut self, user: u32, replica: usize) {
        let slot = usize::from(u64::from(user) < self.world.busy && self.rng.percent(30));
        let assertion = self.world.assertion(user, slot, &mut self.rng);
        let mut text = assertion.text.to_string();
        let (mut claims, mut resource, mut forged) = (String::new(), "arm", false);
        match self.rng.within(0, 1000) {
            0..10 => claims = challenge(&mut self.rng),
            10..60 => resource = "graph",
            60..63 => resource = "nothing",
            63..66 => {
                // In the midst of the signature.
                let at = text.len() - 100;
                let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
                text.replace_range(at..=at, other);
                forged = true;
            }
            _ => {}
        }
        let command = ExchangeCommand {
            consumer: Arc::from("local"),
            assertion: text,
            resource: resource.to_owned(),
            claims: claims.clone(),
        };
        let began = self.world.now();
        let result = self.world.replicas[replica].broker.exchanger().exchange(command).await;
        let ended = self.world.now();
        let answer = match result {
            Ok(granted) => {
                let text = granted.token.access_token.expose_secret().to_owned();
                Answer::Token { text, source: granted.source }
            }
            Err(error) => {
                let reason = match error.kind() {
                    Kind::InvalidToken { reason, .. } => Some(*reason),
                    _ => None,
                };
                Answer::Refused { code: error.code(), reason }
            }
        };
        let (session, expires_at) = (assertion.session, assertion.expires_at);
        let withdrawn = self.world.is_withdrawn(&assertion);
        let call =
            Call { user, session, expires_at, resource, claims, replica, forged, withdrawn, began, ended };
        self.world.count(name_of(&answer));
        if let Err(wrong) = check(&self.world.ledger, &call, &answer) {
            self.wrong.lock().unwrap().push(format!("{wrong:?}: {call:?} {}", shown(&self.world, &answer)));
        }
    }

    async fn purge(&mut self, user: u32, replica: usize) {
        let began = self.world.ledger.next();
        let now = self.world.clock.now();
        let (tenant, oid) = (TENANT.parse().unwrap(), oid(user).parse().unwrap());
        let result = self.world.replicas[replica].broker.exchanger().purge(tenant, oid).await;
        // A replica says it by its own clock.
        let effective_at = match &result {
            Ok(at) if *at > self.world.clock.now() + SKEW => *at + SKEW,
            _ => Timestamp::MIN,
        };
        let completed = self.world.ledger.next();
        let only_on = result.is_err().then_some(replica);
        self.world.ledger.purge(user, Purge { began, completed, effective_at, only_on });
        self.world.count(match result {
            Ok(_) if effective_at > now => "purge, effective later",
            Ok(_) => "purge",
            Err(_) => "purge, incomplete",
        });
    }
}

/// A claims challenge as a downstream API words it, with a value nobody else asks for.
fn challenge(rng: &mut Rng) -> String {
    format!(r#"{{"access_token":{{"nbf":{{"essential":true,"value":"nonce-{}"}}}}}}"#, rng.next())
}

fn name_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Token { source: Source::Local, .. } => "token from memory",
        Answer::Token { source: Source::Shared, .. } => "token from redis",
        Answer::Token { source: Source::Entra, .. } => "token from entra",
        Answer::Refused { code, .. } => code,
    }
}

/// What is known of an answer, for the report of a wrong one.
fn shown(world: &World, answer: &Answer) -> String {
    match answer {
        Answer::Token { text, source } => {
            let issue = world.ledger.find(text);
            let purges = issue.as_ref().map(|issue| world.ledger.purges(issue.user));
            format!("{source:?} {issue:?} {purges:?}")
        }
        refused @ Answer::Refused { .. } => format!("{refused:?}"),
    }
}

fn report(world: &World, calls: u64, started: Instant) {
    let counts = world.counts();
    for (what, count) in &counts {
        say(&format!("{count:>9} {what}"));
    }
    let simulated = world.clock.now().duration_since(NOW);
    say(&format!(
        "{calls} calls, {} tokens handed out, {simulated:#} by the clock, {:.1?} by the wall",
        world.ledger.issued(),
        started.elapsed()
    ));
    // A purge holds at once only where both replicas read the log: a short run may have no such time.
    let seen: [&[&str]; 6] = [
        &["token from memory"],
        &["token from redis"],
        &["token from entra"],
        &["purge", "purge, effective later"],
        &["invalid_token"],
        &["claims_challenge"],
    ];
    for any in seen.iter().filter(|_| calls >= CALLS) {
        let shown = any.iter().any(|what| counts.contains_key(what));
        assert!(shown, "the run has shown nothing of {any:?}");
    }
}

fn number(name: &str) -> Option<u64> {
    setting(name).map(|value| value.parse().expect("a number"))
}

#[expect(clippy::disallowed_methods, reason = "a run is repeated by its seed")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::print_stderr, reason = "a run is repeated by its seed, and read by its counts")]
fn say(line: &str) {
    eprintln!("{line}");
}
