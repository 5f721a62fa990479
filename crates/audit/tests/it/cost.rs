//! What a record costs a call: run by hand, `cargo test --release -p audit --test it -- --ignored --nocapture cost`.

use std::time::{Duration, Instant};

use audit::{Outcome, WhenFull};

use crate::support::{Running, call};

const CALLS: u32 = 4_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, of the disk that the folder for temporary files is on"]
async fn what_a_decision_costs() {
    for at_once in [1, 16, 128_u32] {
        let folder = tempfile::tempdir().unwrap();
        let running = Running::at(&folder.path().join("audit.jsonl"), WhenFull::Continue).await.unwrap();
        let began = Instant::now();
        let callers = (0..at_once).map(|_| {
            let audit = running.audit.clone();
            tokio::spawn(async move {
                let mut waits = Vec::new();
                for number in 0..CALLS / at_once {
                    let began = Instant::now();
                    let decided = audit.decide(call(number.into())).await.unwrap();
                    waits.push(began.elapsed());
                    decided.end(Outcome::new("ok"));
                }
                waits
            })
        });
        let mut waits: Vec<Duration> = Vec::new();
        for caller in callers.collect::<Vec<_>>() {
            waits.extend(caller.await.unwrap());
        }
        let took = began.elapsed();
        waits.sort_unstable();
        let [median, slow] = [waits.len() / 2, waits.len() * 99 / 100].map(|at| waits[at]);
        println!(
            "{at_once} at once: median {median:?}, p99 {slow:?}, {:.0} calls/s",
            f64::from(CALLS) / took.as_secs_f64()
        );
        running.audit.close().await;
    }
}
