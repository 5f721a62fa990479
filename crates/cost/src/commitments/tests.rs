use std::sync::Arc;

use jiff::ToSpan as _;
use jiff::civil::date;
use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};

use super::*;
use crate::breakdown::{Breakdown, Line, Quantity};
use crate::money::Money;
use crate::plan::Plan;
use crate::raw::{self, Raw, TODAY};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn costs(lines: &[(&str, &str, &str)]) -> Breakdown {
    let line = |(model, charge, amount): &(&str, &str, &str)| Line {
        keys: Arc::new([Some((*model).to_owned()), Some((*charge).to_owned())]),
        date: None,
        cost: Money::new(decimal(amount), "EUR".parse().unwrap()),
        quantity: Quantity::NotAsked,
        usd: None,
    };
    Breakdown { lines: lines.iter().map(line).collect(), without_figure: 0 }
}

#[test]
fn what_is_used_is_held_against_what_is_paid_and_what_is_not_covered() {
    let told = committed(&costs(&[
        ("Reservation", "Usage", "30"),
        ("savingsplan", "USAGE", "10"),
        ("Reservation", "UnusedReservation", "10"),
        ("SavingsPlan", "UnusedSavingsPlan", "0.5"),
        ("OnDemand", "Usage", "80"),
        ("Spot", "Usage", "7"),
        ("OnDemand", "Purchase", "3"),
        ("Reservation", "Refund", "-2"),
    ]))
    .unwrap();
    let [euros] = &told[..] else { panic!("{told:?}") };
    let CommittedFigures { coverage, utilization, .. } = &euros.whole;
    assert_eq!(*coverage, Ok(decimal("0.3333333333")));
    // 40 of 50.5.
    assert_eq!(*utilization, Ok(decimal("0.7920792079")));
    assert_eq!(euros.other_cost, decimal("8"));
    let [(CommitmentKind::Reservation, reserved), (CommitmentKind::SavingsPlan, planned)] =
        &euros.by_kind[..]
    else {
        panic!("{euros:?}")
    };
    assert_eq!((reserved.coverage, reserved.utilization), (Ok(decimal("0.2727272727")), Ok(decimal("0.75"))));
    assert_eq!((planned.coverage, planned.unused_cost), (Ok(decimal("0.1111111111")), decimal("0.5")));
}

#[test]
fn of_nothing_there_are_no_parts() {
    let told = committed(&costs(&[("OnDemand", "Purchase", "3")])).unwrap();
    assert_eq!(told[0].whole.coverage, Err("no usage that a commitment could cover"));
    assert_eq!(told[0].whole.utilization, Err("no reservation or savings plan is charged here"));
    assert!(told[0].by_kind.is_empty());
    let plain = committed(&costs(&[("OnDemand", "Usage", "3")])).unwrap();
    assert_eq!((plain[0].whole.coverage, plain[0].whole.utilization.is_err()), (Ok(Decimal::ZERO), true));
    // All of it unused: it is charged, and covers nothing.
    let idle = committed(&costs(&[("Reservation", "UnusedReservation", "3")])).unwrap();
    assert_eq!((idle[0].whole.utilization, idle[0].whole.coverage.is_err()), (Ok(Decimal::ZERO), true));
    assert!(committed(&Breakdown::default()).unwrap().is_empty());
}

fn period() -> Period {
    Period::new(TODAY.saturating_sub(60.days()), TODAY, TODAY).unwrap()
}

fn asked(raws: &[Raw], question: &Question) -> Breakdown {
    let plan = Plan::new(question, None).unwrap();
    let answers: Vec<_> = plan.queries().iter().map(|query| Arc::new(raw::answer(raws, query))).collect();
    plan.join(&answers).unwrap()
}

/// Of a currency, the amortized costs of these models and charges.
fn sum(raws: &[Raw], currency: &str, models: &[&str], charges: &[&str]) -> Decimal {
    let is = |raw: &Raw, name: &str, words: &[&str]| {
        let value = raw.value(&Grouping::Dimension(name.to_owned()));
        words.is_empty() || words.iter().any(|word| word.eq_ignore_ascii_case(value))
    };
    let counts = |raw: &&Raw| {
        raw.currency == currency
            && (period().from()..=period().to()).contains(&raw.day)
            && is(raw, "PricingModel", models)
            && is(raw, "ChargeType", charges)
    };
    raws.iter().filter(counts).map(|raw| raw.amortized).sum()
}

fn quotient(above: Decimal, below: Decimal) -> Option<Decimal> {
    let quotient = above.checked_div(below)?;
    Some(quotient.round_dp_with_strategy(10, RoundingStrategy::MidpointNearestEven).normalize())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_figure_is_that_of_the_costs(raws in raw::raws(60)) {
        for one in committed(&asked(&raws, &commitment_question(period()))).unwrap() {
            let currency = one.currency.to_string();
            let of = |models: &[&str], charges: &[&str]| sum(&raws, &currency, models, charges);
            let used = of(&["Reservation", "SavingsPlan"], &["Usage"]);
            let unused = of(&[], &["UnusedReservation", "UnusedSavingsPlan"]);
            let on_demand = of(&["OnDemand"], &["Usage"]);
            let whole = &one.whole;
            prop_assert_eq!(whole.committed_cost, used);
            prop_assert_eq!((whole.unused_cost, whole.on_demand_cost), (unused, on_demand));
            prop_assert_eq!(whole.coverage.ok(), quotient(used, used + on_demand));
            prop_assert_eq!(whole.utilization.ok(), quotient(used, used + unused));
            prop_assert_eq!(used + unused + on_demand + one.other_cost, of(&[], &[]));
        }
    }
}

#[test]
fn a_benefit_of_many_days_is_used_by_its_hours_or_by_the_mean_of_its_days() {
    let day = |id: &str, used: [&str; 3], hours: Option<[&str; 2]>| BenefitDay {
        id: id.to_owned(),
        kind: CommitmentKind::of_benefit(id),
        sku: None,
        date: Some(date(2026, 10, 1)),
        used: used.map(decimal),
        hours: hours.map(|hours| hours.map(decimal)),
    };
    let reserved = "/providers/Microsoft.Capacity/reservationOrders/o/reservations/r";
    let plan = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/o/savingsPlans/p";
    let uses = benefit_uses([
        day(plan, ["0.9", "0.8", "1"], None),
        day(reserved, ["0.5", "0.4", "0.6"], Some(["24", "12"])),
        day(&reserved.to_lowercase(), ["1", "1", "1"], Some(["12", "12"])),
        day(plan, ["0.6", "0.5", "0.7"], None),
    ])
    .unwrap();
    let told: Vec<_> = uses.iter().map(|one| (one.kind, one.utilization, one.lowest, one.highest)).collect();
    assert_eq!(
        told,
        [
            (Some(CommitmentKind::Reservation), decimal("0.6666666667"), decimal("0.4"), decimal("1")),
            (Some(CommitmentKind::SavingsPlan), decimal("0.75"), decimal("0.5"), decimal("1")),
        ]
    );
    // Not reserved for a single hour.
    let none = benefit_uses([day(reserved, ["0", "0", "0"], Some(["0", "0"]))]).unwrap();
    assert_eq!(none[0].utilization, Decimal::ZERO);
}
