use jiff::ToSpan;
use jiff::civil::date;

use super::*;
use crate::Money;
use crate::anomalies::plan::AnomalyQuestion;
use crate::breakdown::Quantity;
use crate::period::Period;
use crate::query::Metric;

const FIRST: Date = date(2026, 9, 25);
const QUESTION: AnomalyQuestion = AnomalyQuestion {
    metric: Metric::Amortized,
    days: 30,
    until: date(2026, 11, 25),
    today: date(2026, 11, 27),
};

fn on(day: usize) -> Date {
    FIRST + i64::try_from(day).unwrap().days()
}

/// Service, resource group, currency, and what it costs on each of 62 days, of which the last 30 are judged.
type Costs<'a> = (&'a str, &'a str, &'a str, &'a dyn Fn(usize) -> i64);

fn daily(costs: &[Costs<'_>]) -> Daily {
    let mut lines = Vec::new();
    for (service, group, currency, cost) in costs {
        for day in 0..62 {
            // A few cents more or less: no service costs the same each day.
            let amount = Decimal::new(cost(day) * 100 + i64::try_from(day * 7 % 5).unwrap(), 2);
            lines.push(Line {
                keys: Arc::from([Some((*service).to_owned()), Some((*group).to_owned())]),
                date: Some(on(day)),
                cost: Money::new(amount, currency.parse().unwrap()),
                quantity: Quantity::NotAsked,
                usd: None,
            });
        }
    }
    let span = Period::new(FIRST, QUESTION.until, QUESTION.today).unwrap();
    let costs = Breakdown { lines: lines.into(), without_figure: 0 };
    Daily { question: QUESTION, span, costs, one_offs: Vec::new(), tells_one_offs: true }
}

fn told(scopes: &[Daily]) -> Odds {
    Odds::of(scopes, Sensitivity::Normal).unwrap()
}

fn service(name: &str) -> Key {
    Key::Service(Some(name.to_owned()))
}

fn group(name: &str) -> Key {
    Key::Group(Some(name.to_owned()))
}

fn at(odd: usize, usual: i64, cost: i64) -> impl Fn(usize) -> i64 {
    move |day| if day == odd { cost } else { usual }
}

#[test]
fn one_incident_is_told_once_with_all_that_it_is_seen_in() {
    let odds = told(&[daily(&[
        ("VM", "rg-a", "EUR", &at(50, 100, 300)),
        ("SQL", "rg-a", "EUR", &|_| 20),
        ("Storage", "rg-b", "EUR", &|_| 30),
    ])]);
    let [event] = &odds.events[..] else { panic!("{odds:#?}") };
    assert_eq!((&event.key, &event.also[..]), (&service("VM"), &[group("rg-a"), Key::Total][..]));
    assert_eq!((event.from, event.to, event.shape), (on(50), on(50), Shape::Spike));
    // 300 and the cents of that day, exact; the rest is an estimate of two decimals.
    assert_eq!(event.actual, Decimal::new(30_000, 2));
    assert!(event.expected.scale() <= 2 && event.actual - event.expected == event.excess, "{event:?}");
    assert!((event.excess - Decimal::from(200)).abs() < Decimal::ONE, "{event:?}");
    assert_eq!(event.places, [(Some("VM".to_owned()), Some("rg-a".to_owned()))]);
    // Two groups, three services, the whole.
    assert_eq!((odds.series, odds.unjudged.len()), (6, 0));
}

#[test]
fn incidents_in_two_places_are_two_and_the_larger_is_first() {
    let odds = told(&[daily(&[
        ("VM", "rg-a", "EUR", &at(50, 100, 300)),
        ("SQL", "rg-b", "EUR", &at(50, 100, 500)),
        ("Storage", "rg-c", "EUR", &at(55, 90, 10)),
    ])]);
    let keys: Vec<_> = odds.events.iter().map(|event| (event.key.clone(), event.shape)).collect();
    assert_eq!(
        keys,
        [(service("SQL"), Shape::Spike), (service("VM"), Shape::Spike), (service("Storage"), Shape::Drop)]
    );
}

#[test]
fn a_group_of_many_small_services_is_an_event_of_its_own() {
    let small: Vec<String> = (0..8).map(|number| format!("Service {number}")).collect();
    let spike = at(50, 5, 8);
    let mut costs: Vec<Costs<'_>> = vec![("VM", "rg-b", "EUR", &|_| 400)];
    costs.extend(small.iter().map(|name| (name.as_str(), "rg-a", "EUR", &spike as &dyn Fn(usize) -> i64)));
    let odds = told(&[daily(&costs)]);
    let keys: Vec<_> = odds.events.iter().map(|event| event.key.clone()).collect();
    assert_eq!(
        keys,
        [group("rg-a")],
        "three euros of a service are less than a hundredth of the scope's day"
    );
}

#[test]
fn currencies_and_scopes_stay_apart() {
    let spike = at(50, 100, 300);
    let one = daily(&[("VM", "rg-a", "EUR", &spike), ("VM", "rg-a", "USD", &|_| 100)]);
    let odds = told(&[one.clone(), one]);
    let told: Vec<_> = odds.events.iter().map(|event| (event.scope, event.currency.to_string())).collect();
    assert_eq!(told, [(0, "EUR".to_owned()), (1, "EUR".to_owned())]);
    assert!(odds.cut > told_of_one(&spike).cut, "more series raise the cut");
}

fn told_of_one(cost: &dyn Fn(usize) -> i64) -> Odds {
    told(&[daily(&[("VM", "rg-a", "EUR", cost)])])
}

#[test]
fn what_is_young_is_not_judged_and_said_to_be() {
    let young = |day: usize| if day < 20 { 0 } else { 100 };
    let mut daily = daily(&[("VM", "rg-a", "EUR", &|_| 100), ("New", "rg-b", "EUR", &young)]);
    let is_told = |line: &Line| line.keys[0].as_deref() != Some("New") || line.date >= Some(on(20));
    daily.costs.lines = daily.costs.lines.into_iter().filter(is_told).collect();
    let odds = told(&[daily]);
    let young: Vec<_> = odds.unjudged.iter().map(|one| (one.key.clone(), one.since)).collect();
    assert_eq!(young, [(service("New"), on(20)), (group("rg-b"), on(20))]);
}
