//! The engine against a model of Azure, by a clock that stands still until nobody has anything to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cost::{Page, Paged, Quota, Waits};
use futures::future::join_all;
use tokio::time::{Instant, advance, sleep};

use self::azure::{Azure, engine, months, patient, query, settings, subscription, whole};
use super::{Asker, Counted, Engine, Unanswered};
use crate::engine::settings::{CostSettings, Quotas, UnitQuota};

pub(crate) mod azure;

/// One question of each of so many people on so many scopes, all at once.
async fn crowd(engine: &Engine, azure: &Azure, people: u32, scopes: u32) -> Vec<u64> {
    let asks = (0..people).map(|person| {
        let (engine, person) = (engine.clone(), azure.as_person(person));
        let scope = subscription(person_number(&person) % scopes);
        tokio::spawn(async move { engine.costs(&person, &scope, &query(25), patient()).await })
    });
    let answers = join_all(asks).await;
    answers.into_iter().map(|answer| answer.unwrap().unwrap().result.without_figure).collect()
}

fn person_number(person: &impl Asker) -> u32 {
    let oid = person.person().1.to_string();
    u32::from_str_radix(&oid[oid.len() - 8..], 16).unwrap()
}

#[tokio::test(start_paused = true)]
async fn fifty_people_ask_at_once_and_azure_refuses_none() {
    // Windows that begin with their first request, and windows of a clock that began some time before.
    for phase in [None, Some(0), Some(1), Some(7), Some(9)] {
        let azure = Azure::new();
        let azure = phase.map_or(azure.clone(), |seconds| azure.aligned(Duration::from_secs(seconds)));
        let answers = crowd(&engine(settings()), &azure, 50, 13).await;
        assert_eq!(answers, (0..50).collect::<Vec<u64>>(), "to each their own");
        assert_eq!((azure.asked().len(), azure.refusals()), (50, 0), "{phase:?}");
        let last = azure.seconds();
        println!("windows of {phase:?}: the last of 50 after {last:.1} s");
        assert!(last <= 60.0, "{phase:?}: {last}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_naive_way_beside_it_is_refused() {
    use cost::Paged as _;
    let azure = Azure::new();
    let asks = (0..50).map(|number| {
        let person = azure.as_person(number);
        async move { person.query(&subscription(number % 13), &query(25)).next_page(&"token".into()).await }
    });
    join_all(asks).await;
    println!("all at once: {} of 50 are refused", azure.refusals());
    assert_eq!(azure.refusals(), 38);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_tool_takes_half_and_nobody_sees_an_error() {
    let azure = Azure::new().shared_with_a_foreign_tool(5);
    let answers = crowd(&engine(settings()), &azure, 50, 13).await;
    assert_eq!(answers, (0..50).collect::<Vec<u64>>());
    println!(
        "with half the budget: the last of 50 after {:.1} s, {} requests refused on the way",
        azure.seconds(),
        azure.refusals()
    );
    assert_eq!(azure.asked().iter().filter(|asked| !asked.refused).count(), 50);
    assert!(azure.seconds() <= 180.0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_again_to_whom_it_was_given() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let scope = subscription(1);
    let ask =
        async |person| engine.costs(&azure.as_person(person), &scope, &query(25), patient()).await.unwrap();
    let first = ask(1).await;
    sleep(Duration::from_secs(100)).await;
    let again = ask(1).await;
    assert_eq!((first.cached, again.cached, again.as_of), (false, true, first.as_of));
    assert!(!ask(2).await.cached);
    assert_eq!((azure.asked().len(), azure.proofs()), (2, 0), "the answer itself proved the right to see it");
    // Four hours later it is old.
    sleep(Duration::from_secs(14_400)).await;
    assert!(!ask(1).await.cached);
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_holds_is_not_asked_again() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let ask = async |person, query| {
        engine.costs(&azure.as_person(person), &subscription(1), &query, patient()).await.unwrap().cached
    };
    assert!(!ask(1, query(25)).await);
    // The same days without the services; and what it does not hold: a part of the days, which have no date in it.
    assert!(ask(1, whole(25)).await && !ask(1, whole(24)).await);
    assert!(!ask(2, whole(25)).await, "another person's is another's");
    assert_eq!(azure.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_month_that_no_longer_changes_is_kept_six_times_as_long() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let ask = async |query| {
        engine.costs(&azure.as_person(1), &subscription(1), &query, patient()).await.unwrap().cached
    };
    let (open, closed) = (query(25), months(1));
    assert!(!ask(open.clone()).await && !ask(closed.clone()).await);
    sleep(Duration::from_secs(5 * 3600)).await;
    assert!(!ask(open).await && ask(closed.clone()).await);
    sleep(Duration::from_secs(19 * 3600)).await;
    assert!(!ask(closed).await);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_up_without_a_token_for_this_very_call() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let ask = async || engine.costs(&azure.as_person(1), &subscription(1), &query(25), patient()).await;
    assert!(!ask().await.unwrap().cached);
    azure.sign_out();
    assert!(matches!(ask().await, Err(Unanswered::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn who_lost_the_role_sees_nothing_five_minutes_later() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let ask = async || engine.costs(&azure.as_person(1), &subscription(1), &query(25), patient()).await;
    ask().await.unwrap();
    sleep(Duration::from_secs(200)).await;
    azure.permissions(Some(false));
    let taken = Instant::now();
    let refused = loop {
        match ask().await {
            Ok(answer) => assert!(answer.cached),
            Err(_) => break taken.elapsed(),
        }
        sleep(Duration::from_millis(500)).await;
    };
    println!("refused {:.1} s after the role was gone", refused.as_secs_f64());
    assert!(refused <= Duration::from_secs(301), "{refused:?}");
    // And the data is gone: who gets the role back asks anew.
    azure.permissions(Some(true));
    assert!(!ask().await.unwrap().cached);
}

#[tokio::test(start_paused = true)]
async fn where_azure_does_not_say_nothing_comes_out_of_the_cache() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let ask =
        async || engine.costs(&azure.as_person(1), &subscription(1), &query(25), patient()).await.unwrap();
    ask().await;
    sleep(Duration::from_secs(300)).await;
    assert!(ask().await.cached, "the role is there");
    assert_eq!(azure.proofs(), 1);
    sleep(Duration::from_secs(300)).await;
    azure.permissions(None);
    assert!(!ask().await.cached);
}

#[tokio::test(start_paused = true)]
async fn where_it_cannot_be_asked_an_answer_is_as_old_as_its_proof() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let group = "/providers/Microsoft.Management/managementGroups/all".parse().unwrap();
    let ask = async || engine.costs(&azure.as_person(1), &group, &query(25), patient()).await.unwrap().cached;
    assert!(!ask().await);
    sleep(Duration::from_secs(299)).await;
    assert!(ask().await);
    sleep(Duration::from_secs(1)).await;
    assert!(!ask().await);
}

#[tokio::test(start_paused = true)]
async fn proofs_at_once_are_one() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let ask = || async {
        engine.costs(&azure.as_person(1), &subscription(1), &query(25), patient()).await.unwrap()
    };
    ask().await;
    sleep(Duration::from_secs(300)).await;
    assert!(join_all((0..20).map(|_| ask())).await.iter().all(|answer| answer.cached));
    assert_eq!(azure.proofs(), 1);
}

#[tokio::test(start_paused = true)]
async fn equal_questions_of_one_person_are_asked_once() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let ask = |person: u32| {
        let (person, engine) = (azure.as_person(person), &engine);
        async move {
            engine.costs(&person, &subscription(1), &query(25), patient()).await.unwrap();
            person.usage().request_ids()
        }
    };
    let ids = join_all([ask(1), ask(1), ask(1), ask(2)]).await;
    assert_eq!(azure.asked().len(), 2);
    assert_eq!(ids.concat().len(), 4, "each call names the request that answered it");
    assert!(ids[0] == ids[1] && ids[0] == ids[2] && ids[0] != ids[3], "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn what_keeps_one_call_does_not_keep_an_equal_one() {
    let (azure, engine) = (Azure::new().at_once(), engine(settings()));
    let ask = async |asker: &_| engine.costs(asker, &subscription(1), &query(25), patient()).await;
    for person in 10..14 {
        ask(&azure.as_person(person)).await.unwrap();
    }
    // The scope is full for a minute. One sign-in of the person ends meanwhile, and another does not.
    let (first, second) = (azure.as_person(1), azure.as_person(1));
    let (ended, other, ()) = futures::join!(ask(&first), ask(&second), async {
        sleep(Duration::from_secs(30)).await;
        first.sign_out();
    });
    assert!(matches!(ended, Err(Unanswered::Refused(_))), "{ended:?}");
    assert!(other.is_ok(), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn who_waited_long_shows_a_token_again() {
    let (azure, engine) = (Azure::new().at_once(), engine(settings()));
    let ask = async |person, scope| {
        engine.costs(&azure.as_person(person), &subscription(scope), &query(25), patient()).await
    };
    for person in 0..4 {
        ask(person, 1).await.unwrap();
    }
    let (waited, ()) = futures::join!(ask(5, 1), async {
        sleep(Duration::from_secs(30)).await;
        azure.sign_out();
    });
    assert!(matches!(waited, Err(Unanswered::Refused(_))), "{waited:?}");
    assert_eq!(azure.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_fetches_later_they_must_still_be_allowed_to_see() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let asker = azure.as_person(1);
    let answer = engine.costs(&asker, &subscription(1), &query(25), patient()).await.unwrap();
    let seen = [(subscription(1), answer.as_of)];
    sleep(Duration::from_secs(301)).await;
    assert_eq!(engine.may_still_see(&asker, &seen).await, Ok(true));
    azure.permissions(Some(false));
    assert_eq!(engine.may_still_see(&asker, &seen).await, Ok(true), "it was proved a moment ago");
    sleep(Duration::from_secs(300)).await;
    assert_eq!(engine.may_still_see(&asker, &seen).await, Ok(false));
    azure.sign_out();
    assert!(engine.may_still_see(&asker, &seen).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_where_it_is_switched_off() {
    let mut off = settings();
    off.cache.data = Duration::ZERO;
    let (azure, engine) = (Azure::new(), engine(off));
    let ask =
        async || engine.costs(&azure.as_person(1), &subscription(1), &query(25), patient()).await.unwrap();
    assert!(!ask().await.cached && !ask().await.cached);
}

/// A list of one page, and how often it was asked for.
struct List(Arc<AtomicU32>);

impl Paged for List {
    type Whole = u32;

    async fn next_page(&mut self, _token: &secrecy::SecretString) -> Result<Page, cost::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Page::Last(Quota::default()))
    }

    fn whole(self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_kept_as_long_as_a_proof_for_one_person_and_address() {
    for (data, kept) in [(14_400, true), (0, false)] {
        let mut settings = settings();
        settings.cache.data = Duration::from_secs(data);
        let (azure, engine) = (Azure::new(), engine(settings));
        let asked = Arc::new(AtomicU32::new(0));
        let ask = async |person: u32, address: &str| {
            let list = (address.to_owned(), List(Arc::clone(&asked)));
            let scope = (&subscription(1), Counted::WithCosts);
            let known =
                engine.list_by_role(&azure.as_person(person), scope, list, |_| 1, patient()).await.unwrap();
            known.cached
        };
        assert_eq!((ask(1, "a").await, ask(1, "a").await), (false, kept));
        assert_eq!((ask(2, "a").await, ask(1, "b").await), (false, false), "of others");
        sleep(Duration::from_secs(299)).await;
        assert_eq!(ask(1, "a").await, kept);
        sleep(Duration::from_secs(2)).await;
        assert!(!ask(1, "a").await);
    }
}

/// The older provider counts its own requests: they need not wait for those of Cost Management, nor those for them.
#[tokio::test(start_paused = true)]
async fn the_older_providers_lists_take_nothing_from_questions_about_costs() {
    let (azure, engine) = (Azure::new(), engine(settings()));
    let (person, asked) = (azure.as_person(1), Arc::new(AtomicU32::new(0)));
    let ask = async |of, number: u32| {
        let list = (format!("{of:?} {number}"), List(Arc::clone(&asked)));
        engine.list_by_role(&person, (&subscription(1), of), list, |_| 1, patient()).await.unwrap();
    };
    for number in 0..4 {
        ask(Counted::WithCosts, number).await;
        ask(Counted::ByTheOlderProvider, number).await;
    }
    assert!(azure.seconds() < 1.0, "{}", azure.seconds());
    ask(Counted::ByTheOlderProvider, 9).await;
    assert!(azure.seconds() > 50.0, "a fifth of either waits for the next minute: {}", azure.seconds());
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_refused_is_asked_again_and_those_before_it_are_not() {
    let waits = Waits { units: Some(Duration::from_secs(17)), ..Waits::default() };
    let azure = Azure::new().at_once().with_pages(4).refusing(2, waits);
    let engine = engine(settings());
    let answer = engine.costs(&azure.as_person(1), &subscription(1), &query(25), patient()).await.unwrap();
    assert_eq!(answer.result.pages, 4);
    let pages: Vec<_> = azure.asked().iter().map(|asked| (asked.at.as_secs(), asked.page)).collect();
    assert_eq!(pages, [(0, 0), (0, 1), (0, 2), (17, 2), (17, 3)]);
}

/// Equal bodies of many people, mixed: whose answer it is stands in it.
#[tokio::test(start_paused = true)]
async fn of_ten_thousand_calls_none_gets_the_answer_of_another() {
    let units = UnitQuota { per_ten_seconds: 1_000_000, per_minute: 1_000_000, per_hour: 1_000_000 };
    let quota = Quotas { units, scope_per_minute: 1_000_000, user_per_minute: 1_000_000 };
    let (azure, engine) = (Azure::new().without_limits(), engine(CostSettings { quota, ..settings() }));
    let mut wrong = 0;
    for round in 0..10_u32 {
        let asks = (0..1_000_u32).map(|call| {
            let person = call.wrapping_mul(7_919).wrapping_add(round * 31) % 251;
            let (engine, azure) = (engine.clone(), azure.clone());
            tokio::spawn(async move {
                let scope = subscription(call % 3);
                let days = i8::try_from(call % 2).unwrap() + 20;
                let answer =
                    engine.costs(&azure.as_person(person), &scope, &query(days), patient()).await.unwrap();
                (u64::from(person), answer.result.without_figure, answer.cached)
            })
        });
        let answers = join_all(asks).await;
        wrong +=
            answers.iter().filter(|answer| matches!(answer, Ok((asked, told, _)) if asked != told)).count();
        if round > 0 {
            assert!(answers.iter().any(|answer| matches!(answer, Ok((_, _, true)))), "the cache is in use");
        }
        advance(Duration::from_secs(100)).await;
    }
    assert_eq!(wrong, 0);
}
