//! Destinations that fail, hang, are slow or closed, in both modes: no call waits longer than its bound, what is let through
//! is written, and what is lost is counted and recorded.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use audit::{Audit, Destination, Origin, Outcome, Settings, StartError, Unavailable, WhenFull};
use telemetry::Metrics;

use crate::support::{
    Running, TestClock, call, checkpoints_of, kinds, names, pipe, read_in_the_background, records, until,
    verify_files,
};

/// A quarter of a second, and what a busy machine may add before it looks at the clock again.
const BOUND: Duration = Duration::from_millis(250 + 2_000);

/// Opens a pipe at both ends, so that whoever writes to it need not wait for a reader, and reads nothing.
fn unread(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// Fills a pipe with records until the writer hangs.
async fn fill(running: &Running) {
    // A pipe holds 64 KiB, a refusal takes more than 300 bytes.
    for number in 0..400 {
        running.audit.refused(call(number), "rate_limited");
    }
    until("a full pipe holds the writer", || !running.is_up()).await;
}

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let result = work.await;
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
    result
}

#[tokio::test]
async fn a_call_is_let_through_when_its_decision_is_in_the_file_and_its_outcome_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let running = Running::at(&path, WhenFull::Refuse).await.unwrap();
    let decided = running.audit.decide(call(3)).await.unwrap();
    assert_eq!(kinds(&path), ["start", "decision"]);
    running.clock.advance(1);
    decided.end(Outcome::new("ok").bytes(Some(12)).rows(Some(2)));
    drop(running.audit.decide(call(4)).await.unwrap());
    running.audit.refused(call(5), "missing_scope:cost.export");
    running.audit.counted("missing_bearer", None);
    running.audit.counted("missing_bearer", None);
    running.audit.close().await;

    let records = records(&path);
    let of_kind =
        |kind: &str| records.iter().filter(move |record| record["kind"] == kind).collect::<Vec<_>>();
    let [first, second] = of_kind("outcome")[..] else { panic!("{records:?}") };
    assert_eq!((&first["call"], &first["code"], &first["bytes"]), (&1.into(), &"ok".into(), &12.into()));
    assert_eq!((&second["call"], &second["code"]), (&2.into(), &"cancelled".into()), "one that was dropped");
    assert_eq!(first["oid"], "00000000-0000-0000-0000-000000000003");
    assert_eq!(of_kind("refusal")[0]["code"], "missing_scope:cost.export");
    let summary = of_kind("summary")[0];
    assert_eq!((&summary["code"], &summary["count"]), (&"missing_bearer".into(), &2.into()));
    assert_eq!(records.last().unwrap()["kind"], "end");
    assert_eq!(verify_files(&[path], &[]).findings, []);
    assert_eq!((running.lost(), running.metric("audit_records_total")), (0, 8));
}

#[tokio::test]
async fn a_full_disk_refuses_calls_at_once_and_says_so() {
    let running = Running::at(Path::new("/dev/full"), WhenFull::Refuse).await.unwrap();
    until("the first record fails", || !running.is_up()).await;
    assert!(!running.audit.is_ready());
    for _ in 0..100 {
        assert_eq!(bounded(running.audit.decide(call(1))).await.unwrap_err(), Unavailable);
    }
    bounded(running.audit.close()).await;
}

#[tokio::test]
async fn a_full_disk_lets_calls_go_on_where_they_may_and_counts_what_is_lost() {
    let running = Running::at(Path::new("/dev/full"), WhenFull::Continue).await.unwrap();
    until("the first record fails", || !running.is_up()).await;
    assert!(running.audit.is_ready(), "calls are let through");
    for number in 0..3000 {
        bounded(running.audit.decide(call(number))).await.unwrap().end(Outcome::new("ok"));
    }
    // 4,096 wait for better times.
    assert_eq!(running.lost(), 6000 - 4096);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_hangs_refuses_calls_within_the_bound_and_takes_them_again_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(folder.path());
    let reader = unread(&path);
    let running = Running::at(&path, WhenFull::Refuse).await.unwrap();
    fill(&running).await;
    for number in 0..20 {
        assert_eq!(bounded(running.audit.decide(call(number))).await.unwrap_err(), Unavailable);
    }
    assert!(!running.audit.is_ready());

    let lines = read_in_the_background(reader);
    until("the writer goes on", || running.is_up()).await;
    assert!(running.audit.is_ready());
    until("calls are taken", || running.metric("audit_records_total") > 400).await;
    let decided = running.audit.decide(call(77)).await.unwrap();
    decided.end(Outcome::new("ok"));
    running.audit.close().await;
    let text = lines.join().unwrap();
    assert_eq!(text.matches(r#""kind":"decision""#).count(), 1);
    assert_eq!(text.matches(r#""code":"audit_unavailable""#).count(), 20);
    let copy = folder.path().join("copy.jsonl");
    std::fs::write(&copy, text).unwrap();
    assert_eq!(names(&verify_files(&[copy], &[])), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_that_hangs_midway_is_refused_and_its_record_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(folder.path());
    let reader = unread(&path);
    let running = Running::at(&path, WhenFull::Refuse).await.unwrap();
    until("the start is written", || running.metric("audit_records_total") == 1).await;
    // Long enough to fill the pipe, in the same group as the decision or before it.
    for number in 0..400 {
        running.audit.refused(call(number), "rate_limited");
    }
    assert_eq!(bounded(running.audit.decide(call(7))).await.unwrap_err(), Unavailable);
    let lines = read_in_the_background(reader);
    running.audit.close().await;
    let text = lines.join().unwrap();
    let ends = text.lines().filter(|line| line.contains(r#""kind":"outcome""#));
    let refused = text.matches(r#""code":"audit_unavailable""#).count();
    assert_eq!((ends.count(), refused), (text.matches(r#""kind":"decision""#).count(), 1), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_while_a_destination_hangs_is_recorded_when_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(folder.path());
    let reader = unread(&path);
    let running = Running::at(&path, WhenFull::Continue).await.unwrap();
    fill(&running).await;
    for number in 0..3000 {
        bounded(running.audit.decide(call(number))).await.unwrap().end(Outcome::new("ok"));
    }
    let lost = running.lost();
    assert!(lost > 1000, "{lost}");
    let lines = read_in_the_background(reader);
    until("the writer goes on", || running.is_up()).await;
    running.audit.close().await;
    let text = lines.join().unwrap();
    let gaps = text.lines().filter(|line| line.contains(r#""kind":"gap""#));
    let gaps: Vec<serde_json::Value> = gaps.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(gaps.iter().map(|gap| gap["lost"].as_u64().unwrap()).sum::<u64>(), lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_destination_loses_nothing_and_holds_nobody_longer_than_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(folder.path());
    let reader = unread(&path);
    let running = Running::at(&path, WhenFull::Refuse).await.unwrap();
    fill(&running).await;
    let (mut slow, mut seen) = (BufReader::with_capacity(512, reader), Vec::new());
    let (mut through, mut refused) = (0, 0);
    // Reads a little whenever a call was made, for as long as it takes to see both.
    while through < 3 {
        if let Ok(decided) = bounded(running.audit.decide(call(1))).await {
            through += 1;
            decided.end(Outcome::new("ok"));
            continue;
        }
        refused += 1;
        for _ in 0..8 {
            slow.read_until(b'\n', &mut seen).unwrap();
        }
    }
    assert!(refused > 0);
    let lines = read_in_the_background(slow.into_inner());
    running.audit.close().await;
    assert_eq!(running.lost(), 0);
    let rest = lines.join().unwrap();
    assert_eq!(rest.matches(r#""kind":"end""#).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_pipe_refuses_calls_until_somebody_reads_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = pipe(folder.path());
    let reader = unread(&path);
    let running = Running::at(&path, WhenFull::Refuse).await.unwrap();
    until("the start is written", || running.metric("audit_records_total") == 1).await;
    drop(reader);
    // The first one finds out; it is told at once and need not wait.
    assert_eq!(bounded(running.audit.decide(call(1))).await.unwrap_err(), Unavailable);
    assert!(!running.audit.is_ready());
    let lines = read_in_the_background(unread(&path));
    until("the writer goes on", || running.is_up()).await;
    running.audit.decide(call(2)).await.unwrap().end(Outcome::new("ok"));
    running.audit.close().await;
    assert!(lines.join().unwrap().contains(r#""code":"ok""#));
}

#[tokio::test]
async fn what_cannot_be_opened_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere/audit.jsonl");
    let error = Running::at(&missing, WhenFull::Continue).await.err().unwrap();
    assert!(matches!(&error, StartError::Open { path, .. } if *path == missing), "{error}");
    assert!(error.to_string().starts_with("AUDIT: "), "{error}");
    // Nobody will ever read it: to open it would take forever.
    let error = Running::at(&pipe(folder.path()), WhenFull::Refuse).await.err().unwrap();
    assert!(matches!(error, StartError::Hangs(_)), "{error}");
}

#[tokio::test]
async fn a_file_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let first = Running::at(&path, WhenFull::Refuse).await.unwrap();
    let error = Running::at(&path, WhenFull::Refuse).await.err().unwrap();
    assert!(matches!(error, StartError::Open { .. }), "{error}");
    first.audit.close().await;
}

#[tokio::test]
async fn off_is_off() {
    let origin = Origin { service: "gateway", version: "0", settings: String::new() };
    let settings = Settings { destination: Destination::Off, ..Settings::default() };
    let meter = Metrics::new("gateway").unwrap().meter("audit");
    let audit = Audit::start(&settings, origin, TestClock::new().clock(), &meter).await.unwrap();
    audit.decide(call(1)).await.unwrap().end(Outcome::new("ok"));
    audit.refused(call(1), "x");
    audit.close().await;
    assert!(audit.is_ready() && !audit.is_on());
}

#[tokio::test]
async fn a_restart_goes_on_in_the_same_file_behind_what_it_finds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for _ in 0..3 {
        let running = Running::at(&path, WhenFull::Refuse).await.unwrap();
        running.audit.decide(call(1)).await.unwrap().end(Outcome::new("ok"));
        running.audit.close().await;
    }
    let records = records(&path);
    let starts: Vec<_> = records.iter().filter(|record| record["kind"] == "start").collect();
    assert_eq!(starts.len(), 3);
    assert!(starts[0].get("after_hash").is_none());
    for (start, end) in starts[1..].iter().zip(records.iter().filter(|record| record["kind"] == "end")) {
        assert_eq!(start["after_hash"], end["hash"]);
        assert_eq!((&start["after_chain"], &start["after_seq"]), (&end["chain"], &end["seq"]));
        assert_ne!(start["chain"], end["chain"]);
    }
    assert_eq!(verify_files(std::slice::from_ref(&path), &checkpoints_of(&path)).findings, []);
}

#[tokio::test]
async fn a_file_that_is_moved_away_ends_there_and_the_chain_goes_on_in_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("audit.jsonl"), folder.path().join("audit.jsonl.1"));
    let running = Running::at(&path, WhenFull::Refuse).await.unwrap();
    running.audit.decide(call(1)).await.unwrap().end(Outcome::new("ok"));
    std::fs::rename(&path, &old).unwrap();
    let mut number = 1;
    until("the move is noticed", || {
        number += 1;
        running.audit.refused(call(number), "rate_limited");
        path.exists()
    })
    .await;
    running.audit.close().await;
    let checkpoints = checkpoints_of(&old);
    // In either order: a shell lists the newest first.
    assert_eq!(names(&verify_files(&[path.clone(), old.clone()], &checkpoints)), [""; 0]);
    assert_eq!(names(&verify_files(&[old.clone(), path.clone()], &checkpoints)), [""; 0]);
    assert_eq!(names(&verify_files(&[path], &checkpoints)), ["gap"]);
    assert_eq!(names(&verify_files(&[old], &checkpoints)), ["cut"]);
}
