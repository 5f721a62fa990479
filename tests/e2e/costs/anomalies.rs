//! `cost_anomalies` against raw rows: what is planted is found, with its figures, and its cause stands first.

use e2e::{Answer, Stack};
use emulator::{DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, PROD_SUBSCRIPTION, Planted, PlantedCause};
use identity::clock::{Clock as _, SystemClock};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::dice::Dice;
use super::random::decimal;
use super::raw::{Raw, Rows};

/// The last day that ended 36 hours ago or more: the emulator's costs end with the day it is.
fn judged_until() -> Date {
    let ended = SystemClock.now() - SignedDuration::from_hours(36);
    ended.to_zoned(TimeZone::UTC).date().yesterday().unwrap()
}

fn plant(
    subscription: &str,
    resource: &str,
    (from, to): (Date, Option<Date>),
    cause: PlantedCause,
) -> Planted {
    Planted { subscription: subscription.to_owned(), resource: resource.to_owned(), from, to, cause }
}

async fn ask(stack: &Stack, person: &str, arguments: Value) -> Answer {
    let answer = stack.caller.call(&stack.token(person), "cost_anomalies", arguments).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

fn events(data: &Value) -> &Vec<Value> {
    data["events"].as_array().unwrap_or_else(|| panic!("{data}"))
}

fn of_service<'a>(data: &'a Value, service: &str) -> Vec<&'a Value> {
    events(data).iter().filter(|event| event["keys"]["ServiceName"] == service).collect()
}

/// Amortized rows of use of a service, which is what is judged.
fn used(stack: &Stack, service: &str, days: std::ops::RangeInclusive<Date>) -> Vec<Raw> {
    let rows = Rows::of(stack, &format!("/subscriptions/{PROD_SUBSCRIPTION}"), days, "amortized");
    let is_its = |row: &Raw| {
        row.written("ServiceName") == Some(service)
            && !["Purchase", "Refund"].contains(&row.charge_type.as_str())
    };
    rows.all.into_iter().filter(is_its).collect()
}

fn sum(rows: &[Raw]) -> Decimal {
    rows.iter().map(|row| row.cost).sum()
}

#[tokio::test]
async fn a_planted_spike_is_told_with_its_figures_to_whom_may_see_it() {
    let stack = Stack::start().await;
    let until = judged_until();
    let day = until.saturating_sub(2.days());
    let asked = json!({"scopes": [PROD_SUBSCRIPTION]});
    let quiet = ask(&stack, "alice", asked.clone()).await;
    assert_eq!(of_service(quiet.data(), "Bandwidth").len(), 0, "{}", quiet.readable());
    let cause = PlantedCause::Traffic { percent: 900 };
    stack.emulator.plant(vec![plant(PROD_SUBSCRIPTION, "pip-shop", (day, Some(day)), cause)]).unwrap();
    let told = ask(&stack, "alice", asked.clone()).await;
    let data = told.data();
    assert_eq!(data["judged_until"], until.to_string(), "{data}");
    let found = of_service(data, "Bandwidth");
    let [event] = &found[..] else { panic!("{}", told.readable()) };
    assert_eq!(
        (&event["shape"], &event["from"], &event["to"]),
        (&json!("spike"), &json!(day.to_string()), &json!(day.to_string()))
    );
    let actual = sum(&used(&stack, "Bandwidth", day..=day));
    assert_eq!(decimal(&event["actual"]), actual, "{event}");
    assert_eq!(decimal(&event["excess"]), actual - decimal(&event["expected"]), "{event}");
    // One ninth of it was expected, within the noise of eight per cent and of its weekday.
    let part = decimal(&event["expected"]) * Decimal::from(9) / actual;
    assert!(part > Decimal::new(75, 2) && part < Decimal::new(130, 2), "{event}");
    assert!(event["history_days"].as_u64().unwrap() >= 28 && event["confidence"] == "high", "{event}");
    let first = &event["causes"][0];
    assert!(first["keys"]["ResourceId"].as_str().unwrap().ends_with("/pip-shop"), "{event}");
    assert_eq!(first["kind"], "grown", "{first}");
    figures_of_a_cause(&stack, event, first);
    assert!(
        told.readable().contains("pip-shop") && told.readable().contains("cost_compare"),
        "{}",
        told.readable()
    );
    // Who may not see Prod sees nothing of it, not even that there was something.
    let bob = ask(&stack, "bob", asked).await;
    assert!(bob.is_tool_error() && !bob.text.contains("pip-shop"), "{}", bob.text);
    assert_eq!(bob.data()["code"], "no_access", "{}", bob.text);
    let own = ask(&stack, "bob", json!({})).await;
    assert!(!own.is_tool_error() && !own.text.contains("pip-shop"), "{}", own.text);
    assert_eq!(own.data()["scopes"], json!([format!("/subscriptions/{DEV_SUBSCRIPTION}")]), "{}", own.text);
}

/// The cause's figures are those of its days and of the days compared with, and its split is that of the midpoint.
fn figures_of_a_cause(stack: &Stack, event: &Value, cause: &Value) {
    let day = |place: usize| event["compared"][place].as_str().unwrap().parse::<Date>().unwrap();
    let sums = |days: std::ops::RangeInclusive<Date>| {
        let rows = used(stack, "Bandwidth", days);
        (sum(&rows), rows.iter().map(|row| row.quantity).sum::<Decimal>())
    };
    let ((c1, q1), (c0, q0)) = (sums(day(0)..=day(1)), sums(day(2)..=day(3)));
    assert_eq!(
        (decimal(&cause["before"]), decimal(&cause["after"]), decimal(&cause["change"])),
        (c0, c1, c1 - c0),
        "{cause}"
    );
    let usage = ((q1 - q0) * (c0 / q0 + c1 / q1) / Decimal::TWO).round_dp(10);
    assert_eq!(decimal(&cause["usage_effect"]), usage, "{cause}");
    assert_eq!(decimal(&cause["rate_effect"]), c1 - c0 - usage, "{cause}");
}

#[tokio::test]
async fn the_default_call_takes_three_units_and_one_for_the_causes() {
    let stack = Stack::start().await;
    let until = judged_until();
    let cause = PlantedCause::Traffic { percent: 900 };
    let spike = |resource, day: i64| {
        let on = until.saturating_sub(day.days());
        plant(PROD_SUBSCRIPTION, resource, (on, Some(on)), cause.clone())
    };
    let units = |answer: &Answer| answer.data()["azure"]["query_units"].as_u64().unwrap();
    let quiet = ask(&stack, "alice", json!({"scopes": [PROD_SUBSCRIPTION]})).await;
    assert_eq!((events(quiet.data()).len(), units(&quiet)), (0, 3), "{}", quiet.readable());
    // Three incidents on three days in three places: all of them explained by one question.
    stack
        .emulator
        .plant(vec![spike("pip-shop", 2), spike("log-prod", 5), spike("sql-erp/ledger", 9)])
        .unwrap();
    let told = ask(&stack, "alice", json!({"scopes": [PROD_SUBSCRIPTION]})).await;
    assert_eq!(units(&told), 4, "{}", told.readable());
    let first: Vec<_> = events(told.data())
        .iter()
        .take(3)
        .map(|event| event["causes"][0]["keys"]["ResourceId"].as_str().unwrap_or_else(|| panic!("{event}")))
        .collect();
    for resource in ["sql-erp/ledger", "log-prod", "pip-shop"] {
        assert!(first.iter().any(|id| id.ends_with(resource)), "{first:?}");
    }
    // As often as a scope answers in a minute.
    assert!(told.data()["azure"]["calls"].as_u64().unwrap() <= 4, "{}", told.data()["azure"]);
}

/// Above subscriptions the first question tells subscriptions, and the second one the resources of the dearest of them.
#[tokio::test]
async fn a_wide_scope_names_the_resource_to_whom_may_see_its_subscription() {
    const PROFILE: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD";
    let stack = Stack::start().await;
    let day = judged_until().saturating_sub(2.days());
    let asked = json!({"scopes": [PROFILE]});
    let first = |answer: &Answer| {
        let is_its = |event: &&Value| event["from"] == day.to_string() && event["causes"].is_array();
        let found: Vec<_> = events(answer.data()).iter().filter(is_its).cloned().collect();
        let [event, ..] = &found[..] else { panic!("{}", answer.readable()) };
        event["causes"][0].clone()
    };
    let units = |answer: &Answer| answer.data()["azure"]["query_units"].as_u64().unwrap();
    let quiet = ask(&stack, "frank", asked.clone()).await;
    // Dearer than whatever else is odd there at this time of the month.
    let cause = PlantedCause::Traffic { percent: 50_000 };
    stack.emulator.plant(vec![plant(PROD_SUBSCRIPTION, "pip-shop", (day, Some(day)), cause)]).unwrap();
    let told = ask(&stack, "frank", asked.clone()).await;
    let cause = first(&told);
    assert!(cause["keys"]["ResourceId"].as_str().unwrap().ends_with("/pip-shop"), "{cause}");
    assert!(told.readable().contains("pip-shop"), "{}", told.readable());
    let explained = events(told.data()).iter().take(3).filter(|event| event["causes"].is_array()).count();
    assert!(units(&told) <= 3 + 2 * u64::try_from(explained).unwrap(), "{}", told.data()["azure"]);
    assert!(units(&quiet) >= 3, "{}", quiet.data()["azure"]);
    // Who may see the bill and not the subscription is told the subscription.
    stack.emulator.take_azure_role("frank", None, &format!("/subscriptions/{PROD_SUBSCRIPTION}")).unwrap();
    let told = ask(&stack, "frank", asked).await;
    let cause = first(&told);
    assert_eq!(cause["keys"]["SubscriptionId"], PROD_SUBSCRIPTION, "{cause}");
    assert!(!told.text.contains("pip-shop"), "{}", told.text);
}

#[tokio::test]
async fn purchases_and_refunds_stand_apart() {
    let stack = Stack::start().await;
    let answer = ask(&stack, "frank", json!({"scopes": [FACTORY_SUBSCRIPTION], "metric": "actual"})).await;
    let data = answer.data();
    let until = judged_until();
    let days = until.saturating_sub(29.days())..=until;
    let rows = Rows::of(&stack, &format!("/subscriptions/{FACTORY_SUBSCRIPTION}"), days, "actual").all;
    let mut at_once: Vec<Decimal> = rows
        .iter()
        .filter(|row| ["Purchase", "Refund"].contains(&row.charge_type.as_str()))
        .map(|row| row.cost)
        .collect();
    let mut told: Vec<Decimal> =
        data["one_offs"].as_array().unwrap().iter().map(|one| decimal(&one["amount"])).collect();
    at_once.sort();
    told.sort();
    assert!(!at_once.is_empty(), "there is a refund or a purchase in any thirty days");
    assert_eq!(at_once.iter().sum::<Decimal>(), told.iter().sum::<Decimal>(), "{data}");
    // None of them is in an event: its figures are those of use alone.
    let rows = Rows::of(
        &stack,
        &format!("/subscriptions/{FACTORY_SUBSCRIPTION}"),
        until.saturating_sub(61.days())..=until,
        "actual",
    );
    let mut checked = 0;
    for event in events(data).iter().filter(|event| event["keys"]["ServiceName"].is_string()) {
        let day = |name: &str| event[name].as_str().unwrap().parse::<Date>().unwrap();
        let days = day("from")..=day("to");
        let is_its = |row: &&Raw| {
            row.written("ServiceName") == event["keys"]["ServiceName"].as_str()
                && event["currency"] == row.currency
                && days.contains(&row.date)
                && !["Purchase", "Refund"].contains(&row.charge_type.as_str())
        };
        let used: Decimal = rows.all.iter().filter(is_its).map(|row| row.cost).sum();
        assert_eq!(decimal(&event["actual"]), used, "{event}");
        checked += 1;
    }
    assert!(checked > 0, "the factory's machines come and go with the months: {data}");
}

/// Causes in the subscriptions of generated people, one in each; and those of coverage, in Prod, which has a reservation.
const PEOPLE: usize = 180;
const COVERAGES: usize = 20;
const SEED: u64 = 18;
/// What a generated person has.
const OWN: [&str; 5] = ["vm-own", "stown", "sql-own/main", "pip-own", "log-own"];

/// Some days of the last three weeks: one, three, or all from one on.
fn days(dice: &mut Dice, until: Date) -> (Date, Option<Date>) {
    let from = until.saturating_sub(dice.days(20));
    let more = [Some(0_i64), Some(2), None][dice.below(3)];
    (from, more.map(|days| from.saturating_add(days.days()).min(until)))
}

/// A cause, and the end of the id of the resource that it is of.
fn cause(dice: &mut Dice, until: Date, subscription: &str) -> (Planted, String) {
    let mut percent = |least: usize, most: usize| i64::try_from(least + dice.below(most - least)).unwrap();
    let cause = match percent(0, 4) {
        0 => PlantedCause::NewResource { percent: percent(100, 400) },
        1 => PlantedCause::PriceChange { percent: percent(160, 400) },
        2 => PlantedCause::Traffic { percent: percent(200, 600) },
        _ => PlantedCause::Resize { to: ["vm-d8", "gpu"][dice.below(2)].to_owned(), percent: 200 },
    };
    let resource = if matches!(cause, PlantedCause::Resize { .. }) { OWN[0] } else { dice.pick(&OWN) };
    let end = match cause {
        PlantedCause::NewResource { .. } => format!("/{resource}-new"),
        _ => format!("/{resource}"),
    };
    (plant(subscription, resource, days(dice, until), cause), end)
}

/// The first cause of each event that has the planted days.
fn first_causes(data: &Value, planted: &Planted, until: Date) -> Vec<String> {
    let to = planted.to.unwrap_or(until);
    let is_its = |event: &&Value| {
        let day = |name: &str| event[name].as_str().unwrap().parse::<Date>().unwrap();
        day("from") <= to && planted.from <= day("to") && event["causes"].is_array()
    };
    let first =
        |event: &Value| event["causes"][0]["keys"]["ResourceId"].as_str().unwrap_or_default().to_owned();
    events(data).iter().filter(is_its).map(first).collect()
}

#[tokio::test]
async fn a_planted_cause_stands_first() {
    let stack = Stack::builder().people(PEOPLE).start().await;
    let (mut dice, until) = (Dice::new(SEED), judged_until());
    let people: Vec<String> = (1..=PEOPLE).map(|number| format!("person-{number:04}")).collect();
    let of = |person: &String| stack.emulator.subscriptions_of(person).unwrap().remove(0);
    let causes: Vec<_> = people.iter().map(|person| cause(&mut dice, until, &of(person))).collect();
    stack.emulator.plant(causes.iter().map(|(planted, _)| planted.clone()).collect()).unwrap();
    let (mut first, mut missed) = (0, Vec::new());
    for (person, (planted, end)) in people.iter().zip(causes) {
        let answer = ask(&stack, person, json!({})).await;
        let found = first_causes(answer.data(), &planted, until);
        if found.iter().any(|id| id.ends_with(&end)) { first += 1 } else { missed.push((planted, found)) }
    }
    let mut named = 0;
    for _ in 0..COVERAGES {
        let planted =
            plant(PROD_SUBSCRIPTION, "ri-d4s-v5", days(&mut dice, until), PlantedCause::CoverageLost);
        stack.emulator.plant(vec![planted.clone()]).unwrap();
        let answer = ask(&stack, "alice", json!({"scopes": [PROD_SUBSCRIPTION]})).await;
        let found = first_causes(answer.data(), &planted, until);
        // The reservation that is not used any more. What it covered is among the causes where its group is the event's.
        named += usize::from(answer.text.contains("uncovered"));
        if found.iter().any(|id| id.ends_with("/ri-d4s-v5")) {
            first += 1;
        } else {
            missed.push((planted, found));
        }
    }
    let all = PEOPLE + COVERAGES;
    println!("of {all} causes {first} stand first; in {named} of {COVERAGES} coverage is named");
    assert!(named * 2 >= COVERAGES, "{named}");
    assert!(first * 100 >= all * 95, "of {all} causes {first} stand first; not these: {missed:#?}");
}
