use std::sync::{Arc, Mutex};

use cost::{UnitsLeft, Waits};
use telemetry::Metrics;
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep};

use super::*;
use crate::engine::settings::UnitQuota;

fn governor_of(per_ten_seconds: u32, scope_per_minute: u32) -> Governor {
    let units = UnitQuota { per_ten_seconds, per_minute: 60, per_hour: 600 };
    let quotas = Quotas { units, scope_per_minute, user_per_minute: 20 };
    let meter = Metrics::new("gateway").unwrap().meter("test");
    Governor::new(quotas, CostInstruments::new(&meter))
}

fn wanted(person: u32, scope: u32, units: u32) -> Wanted {
    let person = crate::engine::tests::azure::of(person);
    let scope = ScopeKey::from(&crate::engine::tests::azure::subscription(scope));
    Wanted { person, scope, units, patience: Instant::now() + Duration::from_secs(7200) }
}

/// Who had their turn, and after how many seconds.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(String, u64)>>>);

impl Log {
    /// Asks in a task, for an answer that takes no time.
    fn ask(&self, governor: &Governor, name: &str, wanted: Wanted, start: Instant) -> JoinHandle<()> {
        let (governor, log, name) = (governor.clone(), self.clone(), name.to_owned());
        tokio::spawn(async move {
            let Ok(mut turn) = governor.turn(wanted).await else { return };
            turn.sends();
            log.0.lock().unwrap().push((name, start.elapsed().as_secs()));
            turn.answered(&Quota::default());
        })
    }

    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }

    fn seconds(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().map(|(_, at)| *at).collect()
    }
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn people_are_served_in_turn() {
    let (governor, log, start) = (governor_of(1, 100), Log::default(), Instant::now());
    let mut asks = vec![log.ask(&governor, "first", wanted(9, 9, 1), start)];
    settle().await;
    for name in ["a0", "a1", "a2", "b0", "b1"] {
        let person = if name.starts_with('a') { 1 } else { 2 };
        asks.push(log.ask(&governor, name, wanted(person, 1, 1), start));
        settle().await;
    }
    for ask in asks {
        ask.await.unwrap();
    }
    assert_eq!(log.names(), ["first", "a0", "b0", "a1", "b1", "a2"]);
    assert_eq!(log.seconds(), [0, 10, 20, 30, 40, 50]);
}

#[tokio::test(start_paused = true)]
async fn what_came_in_a_heap_is_asked_after_what_somebody_waits_for() {
    let (governor, log, start) = (governor_of(1, 100), Log::default(), Instant::now());
    let mut asks = Vec::new();
    for number in 0..7 {
        asks.push(log.ask(&governor, &format!("a{number}"), wanted(1, number, 1), start));
        settle().await;
    }
    // Five of them were asked when somebody else comes.
    sleep(Duration::from_secs(41)).await;
    for number in 0..3 {
        asks.push(log.ask(&governor, &format!("b{number}"), wanted(2, number, 1), start));
        settle().await;
    }
    for ask in asks {
        ask.await.unwrap();
    }
    assert_eq!(log.names(), ["a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "a5", "a6"]);
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_is_full_holds_nobody_else_up() {
    let (governor, log, start) = (governor_of(100, 2), Log::default(), Instant::now());
    let asks: Vec<_> = [("a", 1), ("b", 1), ("c", 1), ("d", 2)]
        .map(|(name, scope)| log.ask(&governor, name, wanted(1, scope, 1), start))
        .into_iter()
        .collect();
    for ask in asks {
        ask.await.unwrap();
    }
    assert_eq!(log.names(), ["a", "b", "d", "c"]);
    assert_eq!(log.seconds(), [0, 0, 0, 60]);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_much_is_not_overtaken_for_ever() {
    let (governor, log, start) = (governor_of(12, 100), Log::default(), Instant::now());
    log.ask(&governor, "first", wanted(9, 9, 1), start).await.unwrap();
    let large = log.ask(&governor, "large", wanted(1, 1, 12), start);
    settle().await;
    let small = log.ask(&governor, "small", wanted(2, 2, 1), start);
    large.await.unwrap();
    small.await.unwrap();
    assert_eq!(log.names(), ["first", "large", "small"]);
    assert_eq!(log.seconds(), [0, 10, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_person_has_a_limit_of_their_own() {
    let (governor, log, start) = (governor_of(100, 100), Log::default(), Instant::now());
    let asks: Vec<_> = (0..21).map(|n| log.ask(&governor, "a", wanted(1, n, 1), start)).collect();
    for ask in asks {
        ask.await.unwrap();
    }
    let seconds = log.seconds();
    assert_eq!((seconds[19], seconds[20]), (0, 60));
}

#[tokio::test(start_paused = true)]
async fn so_many_of_one_person_are_at_azure_and_no_more() {
    let (governor, mut turns) = (governor_of(100, 100), Vec::new());
    for number in 0..6 {
        turns.push(governor.turn(wanted(1, number, 1)).await.unwrap());
    }
    let next = tokio::spawn({
        let governor = governor.clone();
        async move { governor.turn(wanted(1, 7, 1)).await.map(drop) }
    });
    settle().await;
    assert!(!next.is_finished());
    drop(governor.turn(wanted(2, 8, 1)).await.unwrap());
    turns.pop();
    assert_eq!(next.await.unwrap(), Ok(()));
}

/// Each kind of wait holds what it is of, to the second, and the question itself for the longest.
#[tokio::test(start_paused = true)]
async fn no_kind_of_wait_is_cut_short() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let none = Waits::default();
    // What waits; and when another question may go: of the same scope, of the same person, of neither.
    for (waits, own, scope, person, other) in [
        (Waits { units: seconds(9), ..none }, 9, 9, 9, 9),
        (Waits { tenant: seconds(9), ..none }, 9, 9, 9, 9),
        (Waits { client_type: seconds(9), ..none }, 9, 9, 9, 9),
        (Waits { entity: seconds(9), ..none }, 9, 9, 0, 0),
        (Waits { other: seconds(9), ..none }, 9, 9, 9, 0),
        (Waits { entity: seconds(23), units: seconds(5), other: seconds(7), ..none }, 23, 23, 7, 5),
        (none, 10, 10, 10, 10),
    ] {
        let (governor, log, start) = (governor_of(100, 100), Log::default(), Instant::now());
        let mut turn = governor.turn(wanted(1, 1, 1)).await.unwrap();
        turn.sends();
        let quota = Quota { waits, ..Quota::default() };
        let wait = waits.longest().unwrap_or(Duration::from_secs(10));
        let again = tokio::spawn(async move {
            turn.again(wait, &quota).await.unwrap();
            start.elapsed().as_secs()
        });
        settle().await;
        let asks = [("scope", 2, 1), ("person", 1, 2), ("other", 3, 3)]
            .map(|(name, person, scope)| log.ask(&governor, name, wanted(person, scope, 1), start));
        assert_eq!(again.await.unwrap(), own, "{waits:?}");
        for ask in asks {
            ask.await.unwrap();
        }
        let mut seen = log.0.lock().unwrap().clone();
        seen.sort();
        let expected = [("other", other), ("person", person), ("scope", scope)];
        assert_eq!(seen, expected.map(|(name, at)| (name.to_owned(), at)), "{waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_page_comes_at_once_unless_azure_says_that_nothing_is_left() {
    let governor = governor_of(2, 100);
    let start = Instant::now();
    let mut turn = governor.turn(wanted(1, 1, 2)).await.unwrap();
    for _ in 0..5 {
        turn.sends();
        turn.answered(&Quota { consumed: Some(2.into()), ..Quota::default() });
        turn.next_page().await.unwrap();
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "the own count does not hold it");
    let units = UnitsLeft { per_ten_seconds: Some(0), ..UnitsLeft::default() };
    turn.answered(&Quota { consumed: Some(2.into()), units, ..Quota::default() });
    turn.next_page().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn the_next_page_waits_where_azure_sent_another_question_away() {
    let governor = governor_of(100, 100);
    let (mut paged, mut other) =
        (governor.turn(wanted(1, 1, 1)).await.unwrap(), governor.turn(wanted(2, 2, 1)).await.unwrap());
    let start = Instant::now();
    let waits = Waits { units: Some(Duration::from_secs(9)), ..Waits::default() };
    let quota = Quota { waits, ..Quota::default() };
    let sent_away = tokio::spawn(async move { other.again(Duration::from_secs(9), &quota).await });
    settle().await;
    paged.sends();
    paged.answered(&Quota::default());
    paged.next_page().await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(9));
    sent_away.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_azure_sends_away_again_and_again_is_given_up() {
    let governor = governor_of(100, 100);
    let mut turn = governor.turn(wanted(1, 1, 1)).await.unwrap();
    let mut refused = 0;
    let waits = Waits { entity: Some(Duration::from_secs(1)), ..Waits::default() };
    let quota = Quota { waits, ..Quota::default() };
    let ended = loop {
        turn.sends();
        refused += 1;
        if let Err(busy) = turn.again(Duration::from_secs(1), &quota).await {
            break busy;
        }
    };
    assert_eq!((refused, ended), (10, Busy { retry_after: Duration::from_secs(1) }));
    drop(turn);
    assert_eq!(governor.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_leaves_gives_their_turn_to_the_next() {
    let (governor, log, start) = (governor_of(1, 100), Log::default(), Instant::now());
    log.ask(&governor, "first", wanted(9, 9, 1), start).await.unwrap();
    let gone = log.ask(&governor, "gone", wanted(1, 1, 1), start);
    settle().await;
    let next = log.ask(&governor, "next", wanted(2, 2, 1), start);
    settle().await;
    gone.abort();
    next.await.unwrap();
    assert_eq!(log.seconds(), [0, 10]);
    // A turn that was given and not used costs nothing; one that was used does, answered or not.
    advance(Duration::from_secs(10)).await;
    drop(governor.turn(wanted(1, 1, 1)).await.unwrap());
    assert_eq!(governor.units_left(), [1, 58, 598]);
    let mut used = governor.turn(wanted(1, 1, 1)).await.unwrap();
    used.sends();
    drop(used);
    assert_eq!(governor.units_left(), [0, 57, 597]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_beyond_their_patience_or_in_a_queue_that_is_full() {
    let (governor, log, start) = (governor_of(1, 100), Log::default(), Instant::now());
    log.ask(&governor, "first", wanted(9, 9, 1), start).await.unwrap();
    let impatient = Wanted { patience: start + Duration::from_secs(5), ..wanted(1, 1, 1) };
    let refused = governor.turn(impatient).await.map(drop);
    assert_eq!(refused, Err(Busy { retry_after: Duration::from_secs(10) }));
    assert_eq!(start.elapsed(), Duration::ZERO, "it is told at once");
    assert_eq!(governor.waiting(), 0);
    let asks: Vec<_> = (0..250).map(|n| log.ask(&governor, "a", wanted(1, n, 1), start)).collect();
    settle().await;
    while governor.waiting() < 250 {
        settle().await;
    }
    let full = governor.turn(wanted(1, 1, 1)).await.map(drop);
    assert!(
        matches!(full, Err(Busy { retry_after }) if retry_after > Duration::from_secs(2_000)),
        "{full:?}"
    );
    assert_eq!(governor.waiting(), 250);
    asks.iter().for_each(JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn a_question_knows_its_place_and_about_how_long_it_takes() {
    let (governor, log, start) = (governor_of(2, 100), Log::default(), Instant::now());
    log.ask(&governor, "first", wanted(9, 9, 2), start).await.unwrap();
    let asks: Vec<_> = (1..=5).map(|n| log.ask(&governor, "x", wanted(n, n, 1), start)).collect();
    settle().await;
    let outlook = governor.outlook(wanted(5, 5, 1).person).unwrap();
    assert_eq!((outlook.ahead, outlook.units_per_minute, outlook.scope_per_minute), (4, 60, None));
    for ask in asks {
        ask.await.unwrap();
    }
    let last = log.seconds()[5];
    let error = outlook.first.as_secs().abs_diff(last);
    assert!(error <= 3, "foreseen {:?}, {last} s", outlook.first);
    assert_eq!(governor.outlook(wanted(5, 5, 1).person), None);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_their_scope_is_told_so() {
    let (governor, log, start) = (governor_of(12, 4), Log::default(), Instant::now());
    let asks: Vec<_> = (0..5).map(|_| log.ask(&governor, "x", wanted(1, 1, 1), start)).collect();
    settle().await;
    let outlook = governor.outlook(wanted(1, 1, 1).person).unwrap();
    assert_eq!((outlook.ahead, outlook.scope_per_minute), (0, Some(4)));
    asks.iter().for_each(JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn azure_corrects_the_count_in_both_directions() {
    let governor = governor_of(12, 100);
    let answer = |left| {
        let units = UnitsLeft { per_ten_seconds: Some(left), ..UnitsLeft::default() };
        Quota { consumed: Some(1.into()), units, ..Quota::default() }
    };
    let told = async |left| {
        let mut turn = governor.turn(wanted(1, 1, 1)).await.unwrap();
        turn.sends();
        turn.answered(&answer(left));
        governor.units_left()[0]
    };
    assert_eq!(told(3).await, 3, "another tool took eight");
    assert_eq!(told(10).await, 10, "and its window is over");
    assert_eq!(told(40).await, 38, "the agreement has more than is documented");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(governor.units_left()[0], 41);
}
