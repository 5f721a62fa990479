//! The rows are what the modules around say, and what they were.

use jiff::Timestamp;
use jiff::civil::{Date, date};

use super::row::{ChargeType, PricingModel};
use super::rows::Wanted;
use super::{Basis, Inheritance, Row, Subscription, Subscriptions, View, decimal, rows};
use crate::tenant::contoso::{
    DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION, RETAIL_SUBSCRIPTION,
};
use crate::tenant::people::generated_subscription;

fn noon(day: Date) -> View {
    View::at(format!("{day}T12:00:00Z").parse::<Timestamp>().unwrap())
}

fn of<'a>(
    subscription: &'a Subscription,
    (from, to): (Date, Date),
    basis: Basis,
    view: &'a View,
) -> Vec<Row<'a>> {
    rows(subscription, None, Wanted { from, to, basis, view }).collect()
}

fn cost(rows: &[Row<'_>]) -> i64 {
    rows.iter().map(|row| row.cost).sum()
}

const NOVEMBER: (Date, Date) = (date(2026, 11, 1), date(2026, 11, 30));
const OCTOBER: (Date, Date) = (date(2026, 10, 1), date(2026, 10, 31));

#[test]
fn what_contoso_spends_stays_what_it_was() {
    let (all, later, noon) = (Subscriptions::new(7), noon(date(2027, 11, 20)), noon(date(2026, 11, 20)));
    let totals = [PROD_SUBSCRIPTION, DEV_SUBSCRIPTION, &generated_subscription(7)].map(|id| {
        let subscription = all.find(id).unwrap();
        let rows = |basis| {
            let mut rows = of(&subscription, (super::FIRST_DAY, date(2026, 11, 19)), basis, &later);
            rows.extend(of(&subscription, (date(2026, 11, 20), date(2026, 11, 20)), basis, &noon));
            rows
        };
        let (actual, amortized) = (rows(Basis::Actual), rows(Basis::Amortized));
        let used = |row: &&Row<'_>| row.commitment.is_none() || row.charge_type != ChargeType::Usage;
        let quantity: i64 = actual.iter().filter(used).map(|row| row.quantity).sum();
        [cost(&actual), cost(&amortized), actual.iter().map(Row::usd).sum(), quantity]
    });
    assert_eq!(
        totals,
        [
            [19_644_259_299_460, 19_622_349_099_460, 21_130_030_585_529, 9_455_922_889_012_888],
            [2_130_221_818_599, 2_130_221_818_599, 2_300_639_560_794, 29_861_851_183_087],
            [2_981_184_601_060, 2_981_184_601_060, 3_219_679_367_513, 27_457_244_250_272],
        ]
    );
}

#[test]
fn costs_come_late_and_end_today() {
    let all = Subscriptions::new(0);
    let dev = all.find(DEV_SUBSCRIPTION).unwrap();
    let seen = |day, now: &str| {
        let view = View::at(now.parse().unwrap());
        cost(&of(&dev, (day, day), Basis::Actual, &view))
    };
    let whole = seen(date(2026, 11, 18), "2026-11-20T12:00:00Z");
    assert_eq!(whole, seen(date(2026, 11, 18), "2027-11-20T12:00:00Z"));
    let yesterday = seen(date(2026, 11, 18), "2026-11-19T12:00:00Z");
    let today = seen(date(2026, 11, 18), "2026-11-18T12:00:00Z");
    assert!(today < yesterday && yesterday < whole, "{today} {yesterday} {whole}");
    assert!((whole * 9 / 10 - yesterday).abs() < 20 && (whole * 4 / 10 - today).abs() < 20);
    assert_eq!(seen(date(2026, 11, 21), "2026-11-20T12:00:00Z"), 0);
    assert_eq!(seen(date(2024, 12, 31), "2026-11-20T12:00:00Z"), 0);
    let burst = seen(date(2026, 11, 11), "2026-11-20T12:00:00Z");
    assert!(burst > 2 * seen(date(2026, 11, 10), "2026-11-20T12:00:00Z"), "the burst is visible");
}

#[test]
fn a_month_changes_until_the_fifth_of_the_next() {
    let all = Subscriptions::new(0);
    for id in [FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, RETAIL_SUBSCRIPTION] {
        let subscription = all.find(id).unwrap();
        let seen =
            |now: &str| cost(&of(&subscription, NOVEMBER, Basis::Actual, &View::at(now.parse().unwrap())));
        let estimate = seen("2026-12-04T23:00:00Z");
        assert_eq!(estimate, seen("2026-12-03T12:00:00Z"));
        assert!(seen("2026-12-05T00:00:00Z") < estimate);
        assert_eq!(seen("2026-12-05T00:00:00Z"), seen("2027-12-05T00:00:00Z"));
    }
}

#[test]
fn commitments_cost_the_same_either_way_over_a_month() {
    let (all, view) = (Subscriptions::new(0), noon(date(2026, 11, 20)));
    for (id, models) in [
        (PROD_SUBSCRIPTION, vec![PricingModel::Reservation]),
        (FACTORY_SUBSCRIPTION, vec![PricingModel::Reservation, PricingModel::SavingsPlan]),
        (RETAIL_SUBSCRIPTION, vec![PricingModel::Reservation, PricingModel::SavingsPlan]),
    ] {
        let subscription = all.find(id).unwrap();
        let actual = of(&subscription, OCTOBER, Basis::Actual, &view);
        let amortized = of(&subscription, OCTOBER, Basis::Amortized, &view);
        assert_eq!(cost(&actual), cost(&amortized), "{id}");
        for model in models {
            let committed = |rows: &[Row<'_>], charge_type| {
                let of_it = |row: &&Row<'_>| row.pricing_model == model && row.charge_type == charge_type;
                let rows: Vec<_> = rows.iter().filter(of_it).copied().collect();
                (rows.len(), cost(&rows), rows.iter().all(|row| row.quantity > 0))
            };
            let unused = match model {
                PricingModel::SavingsPlan => ChargeType::UnusedSavingsPlan,
                _ => ChargeType::UnusedReservation,
            };
            let (count, paid, _) = committed(&actual, ChargeType::Purchase);
            assert_eq!(count, 1, "bought on one day");
            let (covered, free, used) = committed(&actual, ChargeType::Usage);
            assert!(covered >= 31 && free == 0 && used, "covered usage is there and costs nothing");
            let ((days, used, _), (_, left, _)) =
                (committed(&amortized, ChargeType::Usage), committed(&amortized, unused));
            assert_eq!((days, used + left), (covered, paid));
            assert!(used > left && left > 0);
            assert_eq!(committed(&amortized, ChargeType::Purchase).0, 0);
        }
    }
}

#[test]
fn a_bill_has_what_real_ones_have() {
    let (all, view) = (Subscriptions::new(0), noon(date(2026, 11, 20)));
    for (id, currencies) in [
        (FACTORY_SUBSCRIPTION, ["CHF", "GBP", "USD"]),
        (LAB_SUBSCRIPTION, ["EUR", "GBP", "USD"]),
        (RETAIL_SUBSCRIPTION, ["EUR", "GBP", "USD"]),
    ] {
        let subscription = all.find(id).unwrap();
        let rows = of(&subscription, OCTOBER, Basis::Actual, &view);
        let has = |test: &dyn Fn(&Row<'_>) -> bool| rows.iter().any(test);
        assert!(has(&|row| row.charge_type == ChargeType::Refund && row.cost < 0));
        assert!(has(&|row| row.charge_type == ChargeType::Purchase && row.is_marketplace()));
        assert!(has(&|row| row.pricing_model == PricingModel::Spot));
        assert!(has(&|row| row.cost == 0 && row.quantity > 0 && row.unit_price == 0));
        assert!(has(&|row| row.tags().is_empty()));
        let mut found: Vec<_> = rows.iter().map(|row| row.line.currency).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, currencies, "{id}");
        let meters_of = |id: &str, day| {
            let of_it = |row: &&Row<'_>| row.line.id("s").ends_with(id) && row.date == day;
            rows.iter().filter(of_it).map(|row| row.line.service.meter).collect::<Vec<_>>()
        };
        assert!(meters_of("/vm-web-01", date(2026, 10, 14)).contains(&"D4s v5"));
        assert!(meters_of("/vm-web-01", date(2026, 10, 15)).contains(&"D8s v5"), "resized");
        let ids: std::collections::BTreeSet<_> = rows
            .iter()
            .filter(|row| row.line.service.meter == "Hot LRS Data Stored")
            .map(|row| (row.meter_id(), row.unit_price))
            .collect();
        assert!(ids.len() >= 2, "one name, a meter in each region: {ids:?}");
    }
}

#[test]
fn a_price_changes_with_the_month_and_what_is_used_does_not() {
    let (all, view) = (Subscriptions::new(0), noon(date(2026, 11, 20)));
    let lab = all.find(LAB_SUBSCRIPTION).unwrap();
    let tokens = |day| {
        let rows = of(&lab, (day, day), Basis::Actual, &view);
        let found = rows.into_iter().find(|row| row.line.service.meter == "gpt inp glbl Tokens").unwrap();
        (found.unit_price, found.quantity)
    };
    let (september, october) = (tokens(date(2026, 9, 30)), tokens(date(2026, 10, 1)));
    assert_eq!((september.0, october.0), (250_000_000, 200_000_000));
    assert!((october.1 - september.1).abs() < september.1 / 5);
}

#[test]
fn quantities_times_prices_are_costs() {
    let (all, view) = (Subscriptions::new(1), noon(date(2026, 11, 20)));
    for subscription in all.iter() {
        for row in of(subscription, NOVEMBER, Basis::Amortized, &view) {
            let product = i128::from(row.quantity) * i128::from(row.unit_price) / 100_000_000;
            let off = (product - i128::from(row.cost)).abs();
            assert!(off <= 1 + i128::from(row.unit_price) / 100_000_000, "{row:?}");
        }
    }
}

#[test]
fn tags_are_inherited_from_groups_and_subscriptions() {
    let all = Subscriptions::new(0);
    let retail = all.find(RETAIL_SUBSCRIPTION).unwrap();
    let mut view = noon(date(2026, 11, 20));
    let tags = |view: &View, name: &str| {
        let rows = of(&retail, (date(2026, 11, 16), date(2026, 11, 16)), Basis::Actual, view);
        let row = rows.iter().find(|row| row.line.name == name).unwrap();
        row.tags().into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(tags(&view, "vm-web-02"), "Team=Web env=blue");
    assert_eq!(tags(&view, "syn-mixed"), "");
    view.switch(Inheritance { enabled: true, prefer_container_tags: false });
    assert_eq!(tags(&view, "syn-mixed"), "", "not yet");
    let mut view = view.moved("2026-11-21T12:00:00Z".parse().unwrap());
    assert_eq!(tags(&view, "syn-mixed"), "cost-centre=1300 environment=retail");
    assert_eq!(tags(&view, "vm-web-02"), "Team=Web env=blue cost-centre=1200 environment=retail");
    view.switch(Inheritance { enabled: true, prefer_container_tags: true });
    let view = view.moved("2026-11-22T12:00:00Z".parse().unwrap());
    assert_eq!(tags(&view, "vm-web-02"), "Team=storefront env=blue cost-centre=1200 environment=retail");
}

#[test]
fn no_two_subscriptions_cost_the_same() {
    let (all, view) = (Subscriptions::new(50), noon(date(2026, 11, 20)));
    let day = date(2026, 10, 7);
    let mut totals: Vec<i64> =
        all.iter().map(|one| cost(&of(one, (day, day), Basis::Actual, &view))).collect();
    totals.sort_unstable();
    totals.dedup();
    assert_eq!(totals.len(), 55);
}

#[test]
fn a_big_subscription_has_a_row_a_day_for_each_resource() {
    let (all, view) = (Subscriptions::written(0, "", 8_000), noon(date(2026, 11, 20)));
    let big = all.iter().last().unwrap();
    let rows = of(big, (date(2026, 10, 1), date(2026, 10, 25)), Basis::Actual, &view);
    assert_eq!(rows.len(), 200_000);
}

#[test]
fn decimals_are_exact() {
    assert_eq!(decimal(1_234_567_890), "12.3456789");
    assert_eq!(decimal(500_000_000), "5");
    assert_eq!(decimal(1), "0.00000001");
    assert_eq!(decimal(-1), "-0.00000001");
    assert_eq!(decimal(0), "0");
}
