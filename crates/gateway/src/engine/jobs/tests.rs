use std::convert::Infallible;
use std::future::ready;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::time::advance;

use super::*;
use crate::engine::tests::azure::of;

/// A refusal of the sign-in is below 0.
fn jobs() -> Jobs<i32> {
    Jobs::new(|result| *result < 0)
}

fn call(person: u32, what: u8, sign_in: u8) -> Joining {
    let now = Instant::now();
    let (soft, end) = (now + Duration::from_secs(40), now + Duration::from_secs(3000));
    Joining { key: (of(person), [what; 32]), sign_in: [sign_in; 32], soft, end }
}

/// Work of so many seconds, which counts how often it was begun, and notes that it was dropped before its end.
#[derive(Clone, Default)]
struct Work {
    begun: Arc<AtomicU32>,
    dropped: Arc<AtomicBool>,
}

impl Work {
    fn takes(&self, seconds: u64, result: i32) -> impl Fn() -> BoxFuture<'static, i32> + use<> {
        let work = self.clone();
        move || {
            work.begun.fetch_add(1, Ordering::Relaxed);
            let mut unfinished = Unfinished(Some(Arc::clone(&work.dropped)));
            async move {
                sleep(Duration::from_secs(seconds)).await;
                unfinished.0.take();
                result
            }
            .boxed()
        }
    }

    fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }
}

struct Unfinished(Option<Arc<AtomicBool>>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(dropped) = &self.0 {
            dropped.store(true, Ordering::Relaxed);
        }
    }
}

async fn run(jobs: &Jobs<i32>, call: Joining, begin: impl Fn() -> BoxFuture<'static, i32>) -> Ended<i32> {
    let Ok(ended) = jobs.run(&call, ready(Ok::<(), Infallible>(())), begin).await;
    ended
}

fn done(result: i32, told: bool) -> Ended<i32> {
    Ended::Done { result, told }
}

fn is_empty(jobs: &Jobs<i32>) -> bool {
    jobs.lock().is_empty()
}

#[tokio::test(start_paused = true)]
async fn what_is_done_in_time_is_the_answer() {
    let (jobs, work) = (jobs(), Work::default());
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(39, 7)).await, done(7, false));
    assert!(is_empty(&jobs));
    assert_eq!(
        run(&jobs, call(1, 1, 1), work.takes(1, 8)).await,
        done(8, false),
        "the next is worked at anew"
    );
}

#[tokio::test(start_paused = true)]
async fn who_was_told_gets_it_with_the_same_call_and_nobody_else_does() {
    let (jobs, work) = (jobs(), Work::default());
    let start = Instant::now();
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(100, 7)).await, Ended::Pending);
    assert_eq!(start.elapsed().as_secs(), 40);
    assert_eq!(run(&jobs, call(1, 1, 2), work.takes(100, 8)).await, Ended::Pending, "it is not begun twice");
    // Another person's, or another question.
    assert_eq!(run(&jobs, call(2, 1, 1), work.takes(1, 9)).await, done(9, false));
    assert_eq!(run(&jobs, call(1, 2, 1), work.takes(1, 10)).await, done(10, false));
    advance(Duration::from_secs(60)).await;
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(100, 11)).await, done(7, true));
    assert_eq!(work.begun(), 3);
    assert!(is_empty(&jobs), "it is fetched once");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_untold_ends_the_work_and_who_was_told_does_not() {
    let (jobs, work) = (jobs(), Work::default());
    let leaves =
        timeout_at(Instant::now() + Duration::from_secs(10), run(&jobs, call(1, 1, 1), work.takes(100, 7)));
    assert!(leaves.await.is_err());
    assert!(work.dropped.swap(false, Ordering::Relaxed) && is_empty(&jobs));
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(100, 7)).await, Ended::Pending);
    let leaves =
        timeout_at(Instant::now() + Duration::from_secs(10), run(&jobs, call(1, 1, 1), work.takes(100, 7)));
    assert!(leaves.await.is_err());
    assert!(!work.dropped.load(Ordering::Relaxed), "somebody is waiting to hear");
    advance(Duration::from_secs(60)).await;
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(100, 8)).await, done(7, true));
}

#[tokio::test(start_paused = true)]
async fn two_calls_at_once_are_one_and_the_second_goes_on_alone() {
    let (jobs, work) = (jobs(), Work::default());
    let first = tokio::spawn({
        let (jobs, work) = (jobs.clone(), work.takes(30, 7));
        async move { run(&jobs, call(1, 1, 1), work).await }
    });
    tokio::task::yield_now().await;
    let second = tokio::spawn({
        let (jobs, work) = (jobs.clone(), work.takes(30, 8));
        async move { run(&jobs, call(1, 1, 1), work).await }
    });
    tokio::task::yield_now().await;
    first.abort();
    assert_eq!(second.await.unwrap(), done(7, false));
    assert_eq!(work.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_goes_to_the_next_same_call_and_not_to_another_sign_in() {
    let (jobs, work) = (jobs(), Work::default());
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(50, -1)).await, Ended::Pending);
    advance(Duration::from_secs(60)).await;
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(1, 7)).await, done(-1, true));
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(50, -1)).await, Ended::Pending);
    advance(Duration::from_secs(60)).await;
    assert_eq!(
        run(&jobs, call(1, 1, 2), work.takes(1, 7)).await,
        done(7, false),
        "they have signed in again since"
    );
    assert!(is_empty(&jobs));
}

#[tokio::test(start_paused = true)]
async fn nobody_joins_who_is_not_admitted() {
    let (jobs, work) = (jobs(), Work::default());
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(50, 7)).await, Ended::Pending);
    advance(Duration::from_secs(60)).await;
    let refused = jobs.run(&call(1, 1, 1), ready(Err("no token")), work.takes(1, 8)).await;
    assert_eq!(refused, Err("no token"));
    assert_eq!(
        run(&jobs, call(1, 1, 1), work.takes(1, 8)).await,
        done(7, true),
        "it is there for whoever is"
    );
}

#[tokio::test(start_paused = true)]
async fn work_ends_with_the_sign_in_that_it_is_done_with() {
    let (jobs, work) = (jobs(), Work::default());
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(9_999, 7)).await, Ended::Pending);
    sleep(Duration::from_secs(2_961)).await;
    assert!(work.dropped.load(Ordering::Relaxed) && is_empty(&jobs));
}

#[tokio::test(start_paused = true)]
async fn a_result_is_not_kept_for_ever() {
    let (jobs, work) = (jobs(), Work::default());
    assert_eq!(run(&jobs, call(1, 1, 1), work.takes(50, 7)).await, Ended::Pending);
    sleep(Duration::from_secs(11)).await;
    assert!(!is_empty(&jobs));
    sleep(KEPT).await;
    assert!(is_empty(&jobs));
}

#[tokio::test(start_paused = true)]
async fn what_is_beyond_the_bounds_is_waited_for() {
    let (jobs, work) = (jobs(), Work::default());
    for what in 0..16 {
        assert_eq!(run(&jobs, call(1, what, 1), work.takes(1_000, 7)).await, Ended::Pending);
    }
    assert_eq!(run(&jobs, call(1, 99, 1), work.takes(100, 8)).await, done(8, false));
    assert_eq!(run(&jobs, call(2, 99, 1), work.takes(100, 8)).await, Ended::Pending, "others have their own");
}
