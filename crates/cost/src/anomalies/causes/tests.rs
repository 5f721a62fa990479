use jiff::civil::date;

use super::*;
use crate::anomalies::coverage::CoveragePlan;
use crate::anomalies::events::{Event, Key};
use crate::anomalies::judge::Shape;
use crate::query::{Metric, Row};

const QUESTION: AnomalyQuestion = AnomalyQuestion {
    metric: Metric::Amortized,
    days: 30,
    until: date(2026, 11, 25),
    today: date(2026, 11, 27),
};

fn event(service: &str, group: &str, (from, to): (i8, i8)) -> Event {
    Event {
        scope: 0,
        key: Key::Service(Some(service.to_owned())),
        also: Vec::new(),
        from: date(2026, 11, from),
        to: date(2026, 11, to),
        shape: Shape::Spike,
        currency: "EUR".parse().unwrap(),
        expected: 10.into(),
        actual: 30.into(),
        excess: 20.into(),
        score: 9.0,
        history_days: 40,
        weekday_factor: None,
        lasts: false,
        places: vec![(Some(service.to_owned()), Some(group.to_owned()))],
    }
}

fn suspects(events: &[Event]) -> Vec<Suspect> {
    events.iter().enumerate().map(|(place, event)| Suspect::of(place, event, events)).collect()
}

fn plans(events: &[Event], is_wide: bool) -> Vec<CausePlan> {
    CausePlan::all(QUESTION, suspects(events), is_wide, None).unwrap()
}

#[test]
fn days_are_compared_with_quiet_ones_of_the_same_weekdays() {
    let of = |events: &[Event]| {
        let suspect = Suspect::of(0, &events[0], events);
        (suspect.before.0, suspect.before.1, suspect.after.1)
    };
    let day = |day| date(2026, 11, day);
    assert_eq!(of(&[event("VM", "rg", (20, 20))]), (day(13), day(13), day(20)));
    // At most a week of it.
    assert_eq!(of(&[event("VM", "rg", (12, 25))]), (day(5), day(11), day(18)));
    // The week before was odd itself.
    assert_eq!(of(&[event("VM", "rg", (20, 20)), event("VM", "rg", (13, 14))]), (day(6), day(6), day(20)));
    assert_eq!(of(&[event("VM", "rg", (20, 20)), event("SQL", "rg", (13, 14))]), (day(13), day(13), day(20)));
}

#[test]
fn events_are_asked_about_together_where_they_can_be_told_apart() {
    let (vm, sql, other) =
        (event("VM", "a", (20, 20)), event("SQL", "a", (20, 21)), event("SQL", "b", (20, 21)));
    let parts = |events: &[Event], is_wide| {
        plans(events, is_wide).iter().map(|plan| plan.suspects.len()).collect::<Vec<_>>()
    };
    assert_eq!(parts(&[vm.clone(), other.clone()], false), [2]);
    assert_eq!(parts(&[vm.clone(), sql.clone()], false), [1, 1], "of one group on the same days");
    assert_eq!(parts(&[vm.clone(), other.clone()], true), [1, 1], "above subscriptions groups are not told");
    assert_eq!(parts(&[vm.clone(), event("SQL", "a", (4, 4))], false), [2], "on other days");
    let mut early = event("VM", "a", (1, 1));
    (early.from, early.to) = (date(2026, 10, 20), date(2026, 10, 20));
    assert_eq!(parts(&[vm, early], false), [1, 1], "a query has 31 days");
    for plan in plans(&[sql, other], false) {
        assert_eq!(plan.queries().len(), 1);
    }
}

/// Answers to the first query: day, resource, meter, cost, quantity.
fn causes_of(event: &Event, rows: &[(i8, &str, &str, &str, &str)]) -> Vec<Cause> {
    let plan = plans(std::slice::from_ref(event), false).remove(0);
    let row = |(day, resource, meter, cost, quantity): &(i8, &str, &str, &str, &str)| Row {
        cost: Money::new(cost.parse().unwrap(), "EUR".parse().unwrap()),
        beside: Some(quantity.parse().unwrap()),
        date: Some(date(2026, 11, *day)),
        groups: [(*resource).to_owned(), (*meter).to_owned()].into(),
    };
    let answer = QueryResult { rows: rows.iter().map(row).collect(), ..QueryResult::default() };
    plan.join(&[Arc::new(answer)]).unwrap().remove(0).1
}

fn id(name: &str) -> String {
    format!("/subscriptions/s/resourcegroups/rg/providers/microsoft.compute/virtualmachines/{name}")
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn a_cause_is_split_as_a_driver_is() {
    let (one, two) = (id("vm-1"), id("vm-2"));
    let causes = causes_of(
        &event("VM", "RG", (20, 20)),
        &[
            (13, &one, "D4", "10", "10"),
            (20, &one, "d4", "30", "20"),
            (13, &two, "D4", "8", "8"),
            (20, &two, "D4", "9", "9"),
            // Neither side, another group, and what became less.
            (14, &one, "D4", "1000", "10"),
            (20, "/subscriptions/s/resourcegroups/else/providers/x/y/z", "D4", "1000", "10"),
            (13, &one, "Disk", "5", "5"),
            (20, &one, "Disk", "4", "4"),
        ],
    );
    let first = &causes[0];
    assert_eq!(
        (first.resource.as_deref(), first.kind, causes.len()),
        (Some(one.as_str()), CauseKind::Grown, 2)
    );
    assert_eq!((first.change.before, first.change.after), (10.into(), 30.into()));
    // (20 - 10) * (1 + 1.5) / 2
    assert_eq!(
        (first.usage_effect, first.rate_effect, first.other_effect),
        (decimal("12.5"), decimal("7.5"), 0.into())
    );
}

#[test]
fn a_resized_resource_is_one_cause_also_where_something_else_of_it_stays() {
    let vm = id("vm-1");
    let causes = causes_of(
        &event("VM", "rg", (20, 21)),
        &[
            (13, &vm, "D4", "10", "10"),
            (14, &vm, "D4", "10", "10"),
            // It was changed in the first night.
            (20, &vm, "D4", "1", "1"),
            (20, &vm, "D8", "18", "9"),
            (21, &vm, "D8", "20", "10"),
            (13, &vm, "Traffic", "3", "3"),
            (20, &vm, "Traffic", "3.5", "3.5"),
        ],
    );
    let [resized, traffic] = &causes[..] else { panic!("{causes:?}") };
    assert_eq!((resized.kind, traffic.kind), (CauseKind::Resized, CauseKind::Grown));
    assert_eq!((resized.meter_before.as_deref(), resized.meter.as_deref()), (Some("D4"), Some("D8")));
    assert_eq!((resized.change.before, resized.change.after), (20.into(), 39.into()));
}

#[test]
fn less_is_caused_by_what_became_less() {
    let (one, two) = (id("vm-1"), id("vm-2"));
    let less = Event { excess: Decimal::from(-20), ..event("VM", "rg", (20, 20)) };
    let causes = causes_of(
        &less,
        &[(13, &one, "D4", "10", "10"), (13, &two, "D4", "1", "1"), (20, &two, "D4", "50", "50")],
    );
    assert_eq!(causes.iter().map(|cause| cause.kind).collect::<Vec<_>>(), [CauseKind::Gone]);
}

#[test]
fn a_price_that_is_one_of_coverage_is_named() {
    let (vm, other) = (id("vm-1"), id("vm-2"));
    let spike = event("VM", "rg", (20, 20));
    let rows = [
        (13, &*vm, "D4", "6", "10"),
        (20, &*vm, "D4", "10", "10"),
        (13, &*other, "D4", "6", "10"),
        (20, &*other, "D4", "8", "10"),
    ];
    let suspect = suspects(std::slice::from_ref(&spike)).remove(0);
    let mut explained = vec![(suspect, causes_of(&spike, &rows))];
    let plan = CoveragePlan::of(QUESTION, &explained, None).unwrap().unwrap();
    assert_eq!(plan.queries().len(), 1);
    let row = |(day, resource, model, cost): (i8, &str, &str, &str)| Row {
        cost: Money::new(decimal(cost), "EUR".parse().unwrap()),
        beside: None,
        date: Some(date(2026, 11, day)),
        groups: [resource.to_owned(), model.to_owned()].into(),
    };
    let models = [
        (13, vm.as_str(), "Reservation", "6"),
        (20, vm.as_str(), "OnDemand", "10"),
        (13, other.as_str(), "OnDemand", "6"),
        (20, other.as_str(), "OnDemand", "8"),
    ];
    let answer = QueryResult { rows: models.map(row).into_iter().collect(), ..QueryResult::default() };
    plan.name(&[Arc::new(answer)], &mut explained).unwrap();
    let of = |place: usize| (explained[0].1[place].kind, explained[0].1[place].coverage);
    assert_eq!(of(0), (CauseKind::Uncovered, Some((Decimal::ONE, Decimal::ZERO))));
    assert_eq!(of(1), (CauseKind::Grown, Some((Decimal::ZERO, Decimal::ZERO))));
    // Of use alone nobody asks, nor of actual costs, nor where there are no pricing models.
    let used = vec![(explained[0].0.clone(), causes_of(&spike, &[(20, &vm, "D4", "6", "10")]))];
    assert!(CoveragePlan::of(QUESTION, &used, None).unwrap().is_none());
    let actual = AnomalyQuestion { metric: Metric::Actual, ..QUESTION };
    let dearer = vec![(explained[0].0.clone(), causes_of(&spike, &rows))];
    assert!(CoveragePlan::of(actual, &dearer, None).unwrap().is_none());
    assert!(CoveragePlan::of(QUESTION, &dearer, Some(&["ChargeType".to_owned()])).unwrap().is_none());
}
