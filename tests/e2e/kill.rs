//! `kill -9` of any process under load: no wrong answer ever, and recovery within the bounds of docs/shared-cache.md.
//!
//! Two broker replicas, Redis, the emulator and the gateway are real processes. `KILL_SEED` repeats a run's moments.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use e2e::Caller;
use e2e::processes::{Ports, Processes, Setup};

use self::load::{Load, MARGIN, Outcome, PEOPLE, SERVED_FOR};

mod load;

/// Who is killed, and what must hold then.
struct Case {
    victim: &'static str,
    /// Kinds of answers allowed, besides good ones, by way.
    allowed: &'static [(&'static str, &'static [&'static str])],
    /// From the restart until the last bad answer, at most: docs/shared-cache.md has it. What a process takes to start on a
    /// machine that is busy is in it.
    bound: Duration,
    /// The longest that a call may take.
    slowest: Duration,
}

/// What an exchange, or a refusal, takes on a machine that is busy with all of this, and then some.
const EXCHANGE: Duration = Duration::from_secs(5);
/// How long a replica waits for an exchange that another one was at when it was killed: its lease (docs/shared-cache.md).
const LEASE: Duration = Duration::from_secs(3);

/// The longest pause between two tries, and the longest a connect takes.
const REDIS_BACK: Duration = Duration::from_secs(7);

/// Gone, and then without the signing keys for a moment.
const BROKER_GONE: &[&str] = &["broker_unavailable", "identity_provider_unavailable"];
const ENTRA_GONE: &[&str] = &["identity_provider_unavailable"];
const AZURE_GONE: &[&str] =
    &["identity_provider_unavailable", "azure: azure_unavailable", "azure: azure_timeout"];

const CASES: &[Case] = &[
    Case { victim: "redis", allowed: &[], bound: Duration::ZERO, slowest: EXCHANGE },
    Case {
        victim: "token-broker-2",
        allowed: &[("broker 2", &["unreachable", "identity_provider_unavailable"])],
        bound: Duration::from_secs(10),
        slowest: LEASE.saturating_add(EXCHANGE),
    },
    Case {
        victim: "token-broker",
        allowed: &[("broker 1", &["unreachable", "identity_provider_unavailable"]), ("gateway", BROKER_GONE)],
        bound: Duration::from_secs(10),
        slowest: LEASE.saturating_add(EXCHANGE),
    },
    Case {
        victim: "emulator",
        allowed: &[("broker 1", ENTRA_GONE), ("broker 2", ENTRA_GONE), ("gateway", AZURE_GONE)],
        bound: Duration::from_secs(10),
        slowest: LEASE.saturating_add(EXCHANGE),
    },
    Case {
        victim: "gateway",
        // The second without the signing keys for a moment.
        allowed: &[("gateway", &["unreachable", "identity_provider_unavailable"])],
        bound: Duration::from_secs(10),
        slowest: EXCHANGE,
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_process_may_be_killed_under_load() {
    let seed = seed();
    say(&format!("KILL_SEED={seed}"));
    let folder = tempfile::tempdir().unwrap();
    crate::leaks::build_services();
    // The load is as fast as the machine, and what a person may call is none of this test's business.
    let settings = vec![("GATEWAY_CALLS_PER_MINUTE".to_owned(), "0".to_owned())];
    // Tokens that are served for a while and then no more, several times in this run.
    let life = MARGIN + SERVED_FOR;
    let emulator = vec![format!("--cae-token-lifetime={}", life.as_secs())];
    let setup = Setup { people: PEOPLE, replicas: 2, redis: true, emulator, settings, ..Setup::default() };
    let mut stack = Processes::start_as(folder.path(), Ports::free().unwrap(), &setup).await.unwrap();
    for (number, case) in CASES.iter().enumerate() {
        let at = Duration::from_millis(500 + (seed >> (number * 8) & 0xff) * 4);
        kill(&mut stack, case, at).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a run is repeated by its seed")]
fn seed() -> u64 {
    match std::env::var("KILL_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from_le_bytes(*uuid::Uuid::new_v4().as_bytes().first_chunk().unwrap()),
    }
}

async fn kill(stack: &mut Processes, case: &Case, at: Duration) {
    let load = Load::start(stack).await;
    load.all_well().await;
    tokio::time::sleep(at).await;
    let killed = Instant::now();
    stack.kill(case.victim).unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let restarted = Instant::now();
    stack.restart(case.victim).unwrap();
    if case.victim == "redis" {
        let back = back_in_use(stack, restarted).await;
        say(&format!("redis: in use by both brokers {back:.1?} after the restart (bound {REDIS_BACK:?})"));
        assert!(back <= REDIS_BACK);
    }
    load.all_well().await;
    let outcomes = load.stop().await;
    judge(case, &outcomes, killed, restarted);
}

/// How long after its restart Redis is in use again by every broker.
async fn back_in_use(stack: &Processes, restarted: Instant) -> Duration {
    let caller = Caller::new("");
    for port in stack.admin_ports().into_iter().take(2) {
        loop {
            let (_, metrics) = caller.get(&format!("http://127.0.0.1:{port}/metrics")).await;
            if metrics.lines().any(|line| line.starts_with("broker_redis_up") && line.ends_with(" 1")) {
                break;
            }
            assert!(restarted.elapsed() < REDIS_BACK * 4, "a broker does not come back to Redis");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    restarted.elapsed()
}

fn judge(case: &Case, outcomes: &[Outcome], killed: Instant, restarted: Instant) {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry((&outcome.way, &outcome.kind)).or_default() += 1;
    }
    let bad: Vec<_> = outcomes.iter().filter(|outcome| outcome.kind != "ok").collect();
    let last = bad.iter().map(|outcome| outcome.ended).max();
    let recovery = last.map_or(Duration::ZERO, |last| last.saturating_duration_since(restarted));
    let slowest = outcomes.iter().map(|outcome| outcome.ended - outcome.began).max().unwrap_or_default();
    say(&format!(
        "{}: {} calls, last bad answer {recovery:.1?} after the restart (bound {:?}), slowest {slowest:.1?} (bound {:?})",
        case.victim,
        outcomes.len(),
        case.bound,
        case.slowest
    ));
    for ((way, kind), count) in &counts {
        say(&format!("{count:>9} {way}: {kind}"));
    }
    for outcome in bad {
        let allowed = case
            .allowed
            .iter()
            .any(|(way, kinds)| *way == outcome.way && kinds.contains(&outcome.kind.as_str()));
        assert!(allowed && outcome.ended >= killed, "{}: {outcome:?}", case.victim);
    }
    assert!(recovery <= case.bound, "{}: {recovery:?}", case.victim);
    assert!(slowest <= case.slowest, "{}: {slowest:?}", case.victim);
}

#[expect(clippy::print_stderr, reason = "a run is read by its counts")]
fn say(line: &str) {
    eprintln!("{line}");
}
