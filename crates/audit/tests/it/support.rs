//! What several tests need: an audit on a file, calls, and numbers that look random and are always the same.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use audit::verify::{Verdict, verify};
use audit::{
    Audit, Call, Checkpoint, Clock, Destination, Origin, Outcome, Person, Settings, StartError, WhenFull,
};
use jiff::{SignedDuration, Timestamp};
use telemetry::Metrics;
use telemetry::testing::Captured;
use uuid::Uuid;

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-11-27T10:00:00Z".parse().unwrap())))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    pub(crate) fn clock(&self) -> Clock {
        let it = Arc::clone(&self.0);
        Arc::new(move || *it.lock().unwrap())
    }
}

/// An audit on a file, with what it counts.
pub(crate) struct Running {
    pub(crate) audit: Audit,
    pub(crate) clock: TestClock,
    metrics: Metrics,
}

impl Running {
    pub(crate) async fn at(path: &Path, when_full: WhenFull) -> Result<Self, StartError> {
        // Before anything is logged: checkpoints are read from there.
        Captured::install("info");
        let settings =
            Settings { destination: Destination::File(path.to_owned()), when_full, key_file: None };
        let (clock, metrics) = (TestClock::new(), Metrics::new("gateway").unwrap());
        let origin = Origin { service: "gateway", version: "0.1.0", settings: "Config".to_owned() };
        let audit = Audit::start(&settings, origin, clock.clock(), &metrics.meter("audit")).await?;
        Ok(Self { audit, clock, metrics })
    }

    /// The value of a metric.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.metrics.render();
        let is_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        text.lines().filter(is_it).map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.metric("audit_lost_total")
    }

    pub(crate) fn is_up(&self) -> bool {
        self.metric("audit_up") == 1
    }
}

/// Waits until something is so. There is a deadline for what never is.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let in_time = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !is_so() {
        assert!(tokio::time::Instant::now() < in_time, "{what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// A call of the person of this number.
pub(crate) fn call(person: u64) -> Call {
    let person = Person {
        tenant: Uuid::from_u128(1),
        oid: Uuid::from_u128(person.into()),
        client: Some(Uuid::from_u128(9)),
    };
    Call::new("tools/call").by(person).tool("cost_by_service").subscription(Some(Uuid::from_u128(5)))
}

/// One process's life: so many calls, some of them at the same time, and the end. Everything else there is as well.
pub(crate) async fn life(path: &Path, calls: u64) {
    // Go on: a machine that is busy must not decide what stands in the file.
    let running = Running::at(path, WhenFull::Continue).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..calls {
        let audit = running.audit.clone();
        tasks.spawn(async move {
            let decided = audit.decide(call(number)).await.unwrap();
            let outcome = Outcome::new("ok").bytes(Some(number * 10)).rows(Some(number));
            decided.end(outcome.requests(["8f2d1b64-0c5e-4a51-9d43-000000000001"]));
        });
        if number % 7 == 0 {
            running.audit.refused(call(number), "missing_scope:cost.export");
        }
        if number % 5 == 0 {
            running.audit.counted("invalid_token:expired", None);
        }
        if number % 100 == 99 {
            while tasks.join_next().await.is_some() {}
            running.clock.advance(40);
        }
    }
    while tasks.join_next().await.is_some() {}
    running.audit.close().await;
    assert_eq!(running.lost(), 0);
}

/// The checkpoints that this process has logged of the chains in a file.
pub(crate) fn checkpoints_of(path: &Path) -> Vec<Checkpoint> {
    let text = std::fs::read_to_string(path).unwrap();
    let of_file = |checkpoint: &Checkpoint| text.contains(&checkpoint.chain.to_string());
    Checkpoint::read_all(&Captured::install("info").logs()).into_iter().filter(of_file).collect()
}

pub(crate) fn verify_files(paths: &[PathBuf], checkpoints: &[Checkpoint]) -> Verdict {
    let open = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, BufReader::new(File::open(path).unwrap()))
    };
    verify(paths.iter().map(open), checkpoints, None).unwrap()
}

/// The names of what is wrong, each once.
pub(crate) fn names(verdict: &Verdict) -> Vec<&'static str> {
    let mut names: Vec<_> = verdict.findings.iter().map(|finding| finding.fault.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The records of a file, as JSON.
pub(crate) fn records(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn kinds(path: &Path) -> Vec<String> {
    records(path).iter().map(|record| record["kind"].as_str().unwrap().to_owned()).collect()
}

/// A pipe by its path.
pub(crate) fn pipe(folder: &Path) -> PathBuf {
    let path = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Reads a pipe until its chain ends.
pub(crate) fn read_in_the_background(reader: File) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let (mut reader, mut text) = (BufReader::new(reader), String::new());
        let mut line = String::new();
        while !line.contains(r#""kind":"end""#) {
            line.clear();
            reader.read_line(&mut line).unwrap();
            text.push_str(&line);
        }
        text
    })
}

/// Numbers that look random: splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}
