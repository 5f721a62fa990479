//! Tests of who has an export, and for how long.

use std::future::pending;
use std::time::Duration;

use cost::{Format, Metric, Period};
use jiff::Timestamp;
use jiff::civil::date;
use tokio::sync::oneshot;

use super::*;
use crate::exports::About;

fn person(number: u128) -> Person {
    let id = format!("00000000-0000-4000-8000-{number:012}");
    (id.parse().unwrap(), id.parse().unwrap())
}

fn order(number: u128, day: i8) -> Order {
    let scope = "/subscriptions/10000000-0000-4000-8000-000000000001".parse().unwrap();
    let period = Period::new(date(2026, 10, day), date(2026, 10, day), date(2026, 11, 22)).unwrap();
    let plan = ExportPlan::new(scope, Format::Csv, period, Metric::Actual).unwrap();
    Order { person: person(number), plan, title: String::new(), note: String::new() }
}

fn id(number: u8) -> ExportId {
    format!("00000000-{number:032x}").parse().unwrap()
}

fn kept(id: ExportId) -> Kept {
    let about = About { format: "csv", media_type: "text/csv", file_name: "costs.csv".to_owned(), rows: 1 };
    Kept { id, size: 1, sha256: String::new(), expires_at: Timestamp::UNIX_EPOCH, about }
}

fn in_seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// One that never ends by itself, and tells when it is given up.
fn endless(jobs: &ExportJobs, order: Order, number: u8) -> (Waiting, oneshot::Receiver<()>) {
    let (alive, gone) = oneshot::channel::<()>();
    let work = |_| async move {
        let _alive = alive;
        pending().await
    };
    (jobs.enter(order, id(number), in_seconds(3_600), work).unwrap_or_else(|_| panic!()), gone)
}

#[tokio::test(start_paused = true)]
async fn the_same_question_of_the_same_person_is_one_export() {
    let jobs = ExportJobs::default();
    let (first, _gone) = endless(&jobs, order(1, 1), 1);
    let (same, _gone) = endless(&jobs, order(1, 1), 2);
    let (other_day, _gone) = endless(&jobs, order(1, 2), 3);
    let (other_person, _gone) = endless(&jobs, order(2, 1), 4);
    assert_eq!(
        [&first, &same, &other_day, &other_person].map(|one| one.job.id),
        [id(1), id(1), id(3), id(4)]
    );
    assert!(jobs.watch(person(1), id(1)).is_some() && jobs.watch(person(2), id(1)).is_none());
    assert!(jobs.watch(person(1), id(4)).is_none() && jobs.watch(person(2), id(4)).is_some());
}

#[tokio::test(start_paused = true)]
async fn who_leaves_untold_ends_it_and_who_was_told_does_not() {
    let jobs = ExportJobs::default();
    let (untold, gone) = endless(&jobs, order(1, 1), 1);
    let (also, _) = endless(&jobs, order(1, 1), 1);
    drop(untold);
    assert!(jobs.watch(person(1), id(1)).is_some(), "somebody waits for it yet");
    drop(also);
    assert!(gone.await.is_err());
    assert!(jobs.watch(person(1), id(1)).is_none());

    let (told, mut gone) = endless(&jobs, order(1, 2), 2);
    told.told();
    drop(told);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(gone.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
    assert!(jobs.watch(person(1), id(2)).unwrap().job.state().is_running());
    drop(jobs);
    assert!(gone.await.is_err(), "with the service, all ends");
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_when_it_is_or_fails_with_the_sign_in() {
    let jobs = ExportJobs::default();
    let ready = jobs.enter(order(1, 1), id(1), in_seconds(60), |_| async { Ok(kept(id(1))) });
    let ready = ready.unwrap_or_else(|_| panic!());
    assert!(matches!(ready.state(in_seconds(5)).await, State::Ready(kept) if kept.id == id(1)));
    // What has ended is not joined.
    let (anew, _gone) = endless(&jobs, order(1, 1), 2);
    assert_eq!(anew.job.id, id(2));

    let work = |_| async { pending::<Result<Kept, Failure>>().await };
    let late = jobs.enter(order(1, 3), id(3), in_seconds(60), work).unwrap_or_else(|_| panic!());
    assert!(late.state(in_seconds(59)).await.is_running());
    let State::Failed(failure) = late.state(in_seconds(5)).await else { panic!("it goes on") };
    assert_eq!(failure.code(), "export_sign_in_ended");
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_made_at_a_time() {
    let jobs = ExportJobs::default();
    let refused = |number, day| {
        let entered = jobs.enter(order(number, day), id(99), in_seconds(60), |_| pending());
        entered.err().map(|failure| match failure {
            Failure::Tool(error) => error.detail().to_owned(),
            _ => panic!("it is the tool's own refusal"),
        })
    };
    let own: Vec<_> = (1..=4).map(|day| endless(&jobs, order(1, day), day.unsigned_abs())).collect();
    assert!(refused(1, 9).unwrap().starts_with("4 of your exports"));
    let others: Vec<_> = (1..=4).map(|day| endless(&jobs, order(2, day), 10 + day.unsigned_abs())).collect();
    assert!(refused(3, 1).unwrap().starts_with("This server makes 8 exports"));
    drop(others);
    assert_eq!(refused(3, 1), None);
    drop(own);
    assert_eq!(refused(1, 9), None);
}
