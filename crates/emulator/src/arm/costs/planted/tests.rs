use jiff::civil::date;

use super::*;
use crate::arm::costs::row::{ChargeType, PricingModel};
use crate::arm::costs::rows::Wanted;
use crate::arm::costs::{Basis, Row, View, rows};
use crate::tenant::contoso::PROD_SUBSCRIPTION;

const FROM: Date = date(2026, 10, 12);
const TO: Date = date(2026, 10, 20);

fn planted(resource: &str, cause: PlantedCause) -> Planted {
    let subscription = PROD_SUBSCRIPTION.to_owned();
    Planted { subscription, resource: resource.to_owned(), from: FROM, to: Some(TO), cause }
}

/// The rows of Prod's October, without the cause and with it.
fn both(resource: &str, cause: PlantedCause, check: impl Fn(&[Row<'_>], &[Row<'_>])) {
    let all = Subscriptions::new(0);
    let prod = all.find(PROD_SUBSCRIPTION).unwrap();
    let quiet = View::at("2026-11-20T12:00:00Z".parse().unwrap());
    let mut view = quiet.clone();
    view.plant(vec![planted(resource, cause)], &all).unwrap();
    assert_ne!(view.version(), quiet.version(), "kept answers are of other rows");
    let october =
        |view| Wanted { from: date(2026, 10, 1), to: date(2026, 10, 31), basis: Basis::Amortized, view };
    let made = |view| -> Vec<Row<'_>> { rows(&prod, None, october(view)).collect() };
    let (before, after) = (made(&quiet), made(&view));
    let costs = |rows: &[Row<'_>]| -> Vec<i64> {
        rows.iter().filter(|row| !is_on_the_days(row)).map(|row| row.cost).collect()
    };
    assert_eq!(costs(&before), costs(&after), "other days stay as they were");
    let (before, after) = (on_the_days(before), on_the_days(after));
    check(&before, &after);
}

fn is_on_the_days(row: &Row<'_>) -> bool {
    (FROM..=TO).contains(&row.date)
}

fn on_the_days(rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    rows.into_iter().filter(is_on_the_days).collect()
}

fn of<'a, 'b>(rows: &'b [Row<'a>], name: &str) -> Vec<&'b Row<'a>> {
    rows.iter().filter(|row| row.line.name == name).collect()
}

fn sums(rows: &[&Row<'_>]) -> (i64, i64) {
    (rows.iter().map(|row| row.cost).sum(), rows.iter().map(|row| row.quantity).sum())
}

#[test]
fn a_new_resource_is_charged_beside_the_one_it_is_like() {
    both("vm-shop-01", PlantedCause::NewResource { percent: 300 }, |before, after| {
        assert_eq!(sums(&of(before, "vm-shop-01")), sums(&of(after, "vm-shop-01")));
        let new = of(after, "vm-shop-01-new");
        assert_eq!((new.len(), of(before, "vm-shop-01-new").len()), (9, 0));
        assert!(new.iter().all(|row| row.line.group == "rg-shop"));
    });
}

#[test]
fn a_resized_resource_is_on_another_meter() {
    both("vm-shop-01", PlantedCause::Resize { to: "vm-d8".to_owned(), percent: 200 }, |before, after| {
        let meters = |rows: &[Row<'_>]| -> Vec<&str> {
            of(rows, "vm-shop-01").iter().map(|row| row.line.service.meter).collect()
        };
        assert_eq!((meters(before), meters(after)), (vec!["D4s v5"; 9], vec!["D8s v5"; 9]));
        let (was, is) = (sums(&of(before, "vm-shop-01")).0, sums(&of(after, "vm-shop-01")).0);
        assert!((is - 2 * was).abs() < 100, "{was} {is}");
    });
}

#[test]
fn a_price_changes_and_the_use_does_not() {
    both("pip-shop", PlantedCause::PriceChange { percent: 150 }, |before, after| {
        let ((cost, used), (dearer, still)) = (sums(&of(before, "pip-shop")), sums(&of(after, "pip-shop")));
        assert!(
            (dearer * 2 - cost * 3).abs() < 100 && (used - still).abs() < 1_000,
            "{cost} {dearer} {used} {still}"
        );
    });
}

#[test]
fn traffic_is_use_at_the_same_price() {
    both("pip-shop", PlantedCause::Traffic { percent: 400 }, |before, after| {
        let ((cost, used), (dearer, more)) = (sums(&of(before, "pip-shop")), sums(&of(after, "pip-shop")));
        assert!((dearer - cost * 4).abs() < 100 && (more - used * 4).abs() < 1_000);
    });
}

#[test]
fn what_no_commitment_covers_is_paid_on_demand() {
    both("ri-d4s-v5", PlantedCause::CoverageLost, |before, after| {
        let committed = |rows: &[Row<'_>], charge_type| {
            let is_its = |row: &&Row<'_>| row.commitment.is_some() && row.charge_type == charge_type;
            let rows: Vec<_> = rows.iter().filter(is_its).collect();
            (rows.len(), sums(&rows).0)
        };
        let whole: i64 = 9 * 2_067_000_000;
        assert!(committed(before, ChargeType::Usage).0 > 0 && committed(after, ChargeType::Usage).0 == 0);
        assert!(committed(before, ChargeType::UnusedReservation).1 < whole);
        assert_eq!(committed(after, ChargeType::UnusedReservation), (9, whole));
        let covered =
            before.iter().filter(|row| row.commitment.is_some() && row.charge_type == ChargeType::Usage);
        let covered: Vec<_> = covered.collect();
        let (cost, used) = sums(&covered);
        let is_its = |row: &&Row<'_>| {
            row.pricing_model == PricingModel::OnDemand
                && covered.iter().any(|other| std::ptr::eq(other.line, row.line))
        };
        let (paid, still) = sums(&after.iter().filter(is_its).collect::<Vec<_>>());
        assert!(
            (paid * 60 - cost * 100).abs() < 10_000 && (used - still).abs() < 1_000,
            "{cost} {paid} {used} {still}"
        );
    });
}

#[test]
fn what_cannot_be_is_refused() {
    let all = Subscriptions::new(0);
    for (resource, cause) in [
        ("nobody", PlantedCause::Traffic { percent: 200 }),
        ("vm-shop-01", PlantedCause::CoverageLost),
        ("ri-d4s-v5", PlantedCause::Traffic { percent: 200 }),
        ("vm-shop-01", PlantedCause::Resize { to: "sql".to_owned(), percent: 200 }),
        ("vm-shop-01", PlantedCause::Resize { to: "vm".to_owned(), percent: 200 }),
    ] {
        let order = planted(resource, cause);
        let refused = Plants::default().next(vec![order.clone()], &all).err();
        assert_eq!(refused, Some(NothingToPlant(order)));
    }
}
