use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;
use crate::Money;
use crate::plan::query_units;
use crate::query::Row;
use crate::raw::{self, Raw, TODAY};

fn by(name: &str) -> Grouping {
    name.strip_prefix("tag:")
        .map_or(Grouping::Dimension(name.to_owned()), |key| Grouping::Tag(key.to_owned()))
}

fn condition(name: &str, values: &[&str]) -> Condition {
    Condition { by: by(name), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

fn period(from: Date, to: Date) -> Period {
    Period::new(from, to, TODAY).unwrap()
}

fn months(metric: Metric, name: &str) -> Comparison {
    Comparison {
        metric,
        before: period(date(2026, 9, 1), date(2026, 9, 30)),
        after: period(date(2026, 10, 1), date(2026, 10, 31)),
        by: by(name),
        filter: Vec::new(),
        exclude: Vec::new(),
    }
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn words(query: &Query) -> String {
    let names: Vec<_> = query.grouping().iter().map(Grouping::name).collect();
    format!("{} {} {:?}", query.period(), names.join("+"), query.granularity())
}

#[test]
fn two_months_take_four_units_and_a_known_month_one_less() {
    let plan = ComparePlan::new(&months(Metric::Actual, "ServiceName"), None).unwrap();
    assert_eq!(plan.queries().iter().map(query_units).sum::<u32>(), 4);
    assert_eq!(
        plan.queries().iter().map(words).collect::<Vec<_>>(),
        [
            "2026-09-01 to 2026-10-31 ServiceName+Meter Monthly",
            "2026-09-01 to 2026-09-30 ServiceName Daily",
            // What a question for the month by service asks too.
            "2026-10-01 to 2026-10-31 ServiceName None",
        ]
    );
    let amortized = ComparePlan::new(&months(Metric::Amortized, "meter"), None).unwrap();
    assert_eq!(amortized.queries().iter().map(query_units).sum::<u32>(), 6);
    assert_eq!(amortized.queries()[0].grouping().len(), 1);
}

/// A scope answers four requests a minute.
#[test]
fn a_comparison_takes_as_many_requests_as_a_scope_answers_in_a_minute() {
    for (what, before, after, actual, amortized, units, by_day) in [
        ("months", ["2026-09-01", "2026-09-30"], ["2026-10-01", "2026-10-31"], 3, 4, 4, [true, true]),
        // Months with two that are not whole, of which the later is not over.
        ("open months", ["2026-10-01", "2026-10-20"], ["2026-11-01", "2026-11-20"], 4, 6, 4, [true, true]),
        ("weeks", ["2026-11-09", "2026-11-15"], ["2026-11-16", "2026-11-22"], 4, 6, 4, [true, true]),
        ("63 days", ["2026-06-30", "2026-08-31"], ["2026-09-01", "2026-10-31"], 3, 4, 9, [false, false]),
        ("62 days", ["2026-07-01", "2026-08-31"], ["2026-09-01", "2026-10-31"], 4, 4, 8, [true, false]),
        ("quarters", ["2026-04-01", "2026-06-30"], ["2026-07-01", "2026-09-30"], 3, 4, 12, [false, false]),
        (
            "open quarters",
            ["2026-07-01", "2026-08-20"],
            ["2026-10-01", "2026-11-20"],
            4,
            6,
            8,
            [false, false],
        ),
        ("years", ["2024-01-01", "2024-12-31"], ["2025-01-01", "2025-12-31"], 4, 6, 48, [false, false]),
        ("open years", ["2025-01-01", "2025-11-20"], ["2026-01-01", "2026-11-20"], 4, 6, 44, [false, false]),
    ] {
        let day = |text: &str| text.parse::<Date>().unwrap();
        for (metric, requests, is_by_day) in
            [(Metric::Actual, actual, by_day[0]), (Metric::Amortized, amortized, by_day[1])]
        {
            let comparison = Comparison {
                before: period(day(before[0]), day(before[1])),
                after: period(day(after[0]), day(after[1])),
                ..months(metric, "ServiceName")
            };
            let plan = ComparePlan::new(&comparison, None).unwrap();
            let asked: Vec<_> = plan.queries().iter().map(words).collect();
            assert_eq!(asked.len(), requests, "{what}, {metric:?}: {asked:#?}");
            assert_eq!(plan.frame.is_by_day(), is_by_day, "{what}, {metric:?}: {asked:#?}");
            if metric == Metric::Actual {
                assert_eq!(plan.queries().iter().map(query_units).sum::<u32>(), units, "{what}: {asked:#?}");
            }
        }
    }
}

#[test]
fn what_the_agreement_lacks_is_not_asked() {
    let names: Vec<String> = ["ServiceName", "Meter", "chargetype"].map(str::to_owned).to_vec();
    let comparison = months(Metric::Amortized, "ServiceName");
    let plan = ComparePlan::new(&comparison, Some(&names)).unwrap();
    assert_eq!(plan.queries().len(), 3);
    assert!(plan.queries()[0].filter().is_some());
    assert_eq!(plan.coverage.as_ref().err(), Some(&coverage::NOT_IN_AGREEMENT));
    let plan = ComparePlan::new(&comparison, Some(&names[..2])).unwrap();
    assert!(plan.queries().iter().all(|query| query.filter().is_none()));
}

/// Of an agreement without pricing models less is asked, which leaves requests for the days.
#[test]
fn days_that_are_known_of_one_scope_alone_are_not_those_of_all() {
    let comparison = Comparison {
        before: period(date(2026, 7, 1), date(2026, 8, 31)),
        after: period(date(2026, 9, 1), date(2026, 10, 31)),
        ..months(Metric::Amortized, "ServiceName")
    };
    let (one, eur) = (Decimal::ONE, "EUR");
    let costs = [date(2026, 8, 1), date(2026, 10, 1)].map(|day| Raw {
        day,
        currency: eur,
        actual: one,
        amortized: one,
        usd: one,
        quantity: one,
        values: BTreeMap::from([("ServiceName", "SQL")]),
    });
    let names = ["ServiceName", "Meter"].map(str::to_owned);
    let [poor, rich] = [Some(&names[..]), None].map(|names| {
        let plan = ComparePlan::new(&comparison, names).unwrap();
        let answers: Vec<_> =
            plan.queries().iter().map(|query| Arc::new(raw::answer(&costs, query))).collect();
        plan.join(&answers).unwrap()
    });
    let calendar = |parts: &[&Compared]| {
        let merged = Compared::merged(parts.iter().map(|part| (*part).clone())).unwrap();
        merged.currencies(1).unwrap()[0].calendar_effect
    };
    assert!(calendar(&[&poor]).is_ok());
    for parts in [[&poor, &rich], [&rich, &poor]] {
        assert_eq!(calendar(&parts), Err(weekdays::NOT_BY_DAY));
    }
}

/// Answers to an actual comparison of two months by resource: meters before and after, then what each costs in all.
fn compared(meters: [&[(&str, &str, &str, &str)]; 2], groups: [&[(&str, &str)]; 2]) -> Vec<Difference> {
    let plan = ComparePlan::new(&months(Metric::Actual, "ResourceId"), None).unwrap();
    let row = |groups: &[&str], cost: &str, quantity: Option<&str>, date| Row {
        cost: Money::new(decimal(cost), "EUR".parse().unwrap()),
        beside: quantity.map(decimal),
        date,
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    let result = |rows: Vec<Row>| Arc::new(QueryResult { rows: rows.into(), ..QueryResult::default() });
    let months = [date(2026, 9, 1), date(2026, 10, 1)].into_iter().zip(meters);
    let meters = months.flat_map(|(month, rows)| {
        let row = |&(key, meter, cost, used): &_| row(&[key, meter], cost, Some(used), Some(month));
        rows.iter().map(row).collect::<Vec<_>>()
    });
    let meters = result(meters.collect());
    let mut day = Some(date(2026, 9, 1));
    let groups = groups.map(|rows| {
        let day = day.take();
        result(rows.iter().map(|(key, cost)| row(&[key], cost, None, day)).collect())
    });
    let answers: Vec<_> = std::iter::once(meters).chain(groups).collect();
    plan.join(&answers).unwrap().currencies(10).unwrap()
}

#[test]
fn a_change_is_usage_rate_and_the_rest() {
    let differences = compared(
        [
            &[
                ("/vm/1", "D2", "10", "10"),
                ("/vm/2", "D2", "10", "5"),
                ("/vm/3", "D4", "3", "1"),
                ("/vm/5", "D2", "1", "0"),
            ],
            &[
                ("/VM/1", "d2", "30", "20"),
                ("/vm/2", "D8", "16", "2"),
                ("/vm/4", "D4", "7", "1"),
                ("/vm/5", "D2", "4", "3"),
            ],
        ],
        [
            &[
                ("/vm/1", "10"),
                ("/vm/2", "10"),
                ("/vm/3", "3"),
                ("/vm/5", "1"),
                ("/vm/6", "5"),
                ("/vm/7", "5"),
            ],
            // The purchase of a reservation is no usage.
            &[
                ("/vm/1", "130"),
                ("/vm/2", "16"),
                ("/vm/4", "7"),
                ("/vm/5", "4"),
                ("/vm/6", "5"),
                ("/vm/7", "1"),
            ],
        ],
    );
    let words = |driver: &Driver| {
        let Driver { key, change, kind, usage_effect, rate_effect, other_effect } = driver;
        let key = key.as_deref().unwrap_or("none");
        format!("{key} {} {kind:?}: {usage_effect} {rate_effect} {other_effect}", change.change)
    };
    let [difference] = &differences[..] else { panic!("{differences:?}") };
    assert_eq!(
        difference.drivers.iter().map(words).collect::<Vec<_>>(),
        [
            // 10 more at the mean of 1 and 1.5, then 15 times half a euro more.
            "/vm/1 120 Grown: 12.5 7.5 100",
            "/vm/4 7 New: 7 0 0",
            "/vm/2 6 Resized: 6 0 0",
            "/vm/7 -4 Shrunk: 0 0 -4",
            "/vm/3 -3 Gone: -3 0 0",
            // Without a quantity before, that cost was no usage.
            "/vm/5 3 Grown: 4 0 -1",
        ]
    );
    // What costs what it did drives nothing, and is counted.
    assert_eq!(difference.rest, (1, Change { before: 5.into(), after: 5.into(), change: 0.into() }));
    assert_eq!(difference.change, Change { before: 34.into(), after: 163.into(), change: 129.into() });
    assert_eq!(
        (difference.per_day_before, difference.per_day_after),
        (decimal("1.1333333333"), decimal("5.2580645161"))
    );
    // All of September's costs were on a Tuesday, of which it had five; October has four. And one Thursday, one Friday, one
    // Saturday more, one Wednesday less, which cost nothing.
    assert_eq!(difference.calendar_effect, Ok(decimal("-6.8")));
    assert_eq!(difference.coverage_before, Err(coverage::OF_AMORTIZED_ONLY));
}

#[test]
fn nothing_is_no_difference() {
    assert!(Compared::merged([]).unwrap().currencies(5).unwrap().is_empty());
    assert!(compared([&[], &[]], [&[], &[]]).is_empty());
}

/// A ratio as ten decimals, half to even: on whole numbers, apart from what is under test.
fn ratio(above: i128, below: i128, scale: u32) -> Decimal {
    let above = above * 10_i128.pow(10 - scale);
    let (sign, below) = (above.signum() * below.signum(), below.abs());
    let (whole, left) = (above.abs() / below, above.abs() % below);
    let up = 2 * left > below || (2 * left == below && whole % 2 == 1);
    Decimal::from_i128_with_scale(sign * (whole + i128::from(up)), 10).normalize()
}

/// In units of the 8th and the 3rd decimal.
fn units(amount: Decimal, scale: u32) -> i128 {
    let mut amount = amount;
    amount.rescale(scale);
    amount.mantissa()
}

struct Expected<'a> {
    raws: Vec<&'a Raw>,
    /// Whether the agreement tells usage from other charges.
    tells_usage: bool,
    comparison: &'a Comparison,
}

impl Expected<'_> {
    fn sum(&self, period: Period, counts: impl Fn(&Raw) -> bool) -> (Decimal, Decimal) {
        let raws =
            self.raws.iter().filter(|raw| (period.from()..=period.to()).contains(&raw.day) && counts(raw));
        raws.fold((Decimal::ZERO, Decimal::ZERO), |(cost, quantity), raw| {
            (cost + raw.cost(self.comparison.metric), quantity + raw.quantity)
        })
    }

    fn is_usage(&self, raw: &Raw) -> bool {
        let kind = raw.value(&charge_type()).to_lowercase();
        !self.tells_usage || ["usage", "unusedreservation", "unusedsavingsplan"].contains(&kind.as_str())
    }

    /// Usage and rate effects of a group.
    fn effects(&self, of_group: impl Fn(&Raw) -> bool) -> (Decimal, Decimal) {
        let Comparison { before, after, .. } = self.comparison;
        let (mut usage, mut rate) = (Decimal::ZERO, Decimal::ZERO);
        for meter in ["d2", "d4", "lrs", ""] {
            let counts = |raw: &Raw| {
                of_group(raw) && self.is_usage(raw) && raw.value(&meter_name()).to_lowercase() == meter
            };
            let ((c0, q0), (c1, q1)) = (self.sum(*before, counts), self.sum(*after, counts));
            match (q0.is_zero(), q1.is_zero()) {
                (true, true) => {}
                (true, false) => usage += c1,
                (false, true) => usage -= c0,
                (false, false) => {
                    let (p, q, r, s) = (units(c0, 8), units(q0, 3), units(c1, 8), units(q1, 3));
                    let effect = ratio((s - q) * (p * s + r * q), 2 * q * s, 8);
                    usage += effect;
                    rate += c1 - c0 - effect;
                }
            }
        }
        (usage.normalize(), rate.normalize())
    }

    fn coverage(&self, period: Period, currency: &str) -> Option<Decimal> {
        let of = |models: &[&str]| {
            let counts = |raw: &Raw| {
                raw.currency == currency
                    && models.contains(&raw.value(&pricing_model()))
                    && raw.value(&charge_type()).eq_ignore_ascii_case("usage")
            };
            units(self.sum(period, counts).0, 8)
        };
        let (committed, on_demand) = (of(&["Reservation", "SavingsPlan"]), of(&["OnDemand"]));
        (committed + on_demand != 0).then(|| ratio(committed, committed + on_demand, 0))
    }

    fn calendar(&self, currency: &str) -> Option<Decimal> {
        let Comparison { before, after, .. } = self.comparison;
        let count = |period: &Period, weekday| {
            let days =
                (0..).map(|days: i32| period.from() + days.days()).take_while(|day| *day <= period.to());
            i128::try_from(days.filter(|day| day.weekday() == weekday).count()).unwrap()
        };
        // Over one line: the product of all counts of days.
        let (mut above, mut below) = (0_i128, 1_i128);
        for day in 0..7 {
            let weekday = jiff::civil::Weekday::from_monday_zero_offset(day).unwrap();
            let (old, new) = (count(before, weekday), count(after, weekday));
            if old == new {
                continue;
            }
            if old == 0 {
                return None;
            }
            let cost =
                units(self.sum(*before, |raw| raw.currency == currency && raw.day.weekday() == weekday).0, 8);
            above = above * old + (new - old) * cost * below;
            below *= old;
        }
        Some(ratio(above, below, 8))
    }
}

fn meter_name() -> Grouping {
    by("Meter")
}

fn any_comparison() -> impl Strategy<Value = Comparison> {
    let name =
        proptest::sample::select(vec!["ServiceName", "resourceid", "Meter", "tag:env", "ResourceGroupName"]);
    let condition = || {
        proptest::sample::select(vec![
            condition("ServiceName", &["storage", "virtual machines"]),
            condition("ResourceGroupName", &["RG-WEB"]),
            condition("tag:env", &["prod", "dev"]),
            condition("ChargeType", &["Usage", "refund"]),
            condition("Meter", &["d2", "lrs"]),
        ])
    };
    let conditions = || proptest::collection::vec(condition(), 0..2);
    let length = || prop_oneof![20_i32..60, 0_i32..150];
    let metric = proptest::sample::select(vec![Metric::Actual, Metric::Amortized]);
    // Most follow on each other.
    let gap = prop_oneof![Just(0), Just(0), 0_i32..40];
    let lengths = (0_i32..30, length(), length(), any::<bool>(), gap);
    (name, lengths, conditions(), conditions(), metric).prop_map(
        |(name, (back, after, before, of_months, gap), filter, exclude, metric)| {
            let to = TODAY - back.days();
            let from = to - after.days();
            // Months that tell the periods apart.
            let from = if of_months { from.first_of_month() } else { from };
            let last = from.yesterday().unwrap() - gap.days();
            Comparison {
                metric,
                before: period(last - before.days(), last),
                after: period(from, to),
                by: by(name),
                filter,
                exclude,
            }
        },
    )
}

fn check(
    expected: &Expected<'_>,
    difference: &Difference,
    (exact_groups, by_day): (bool, bool),
) -> Result<(), TestCaseError> {
    let currency = difference.currency.to_string();
    let Comparison { before, after, by, metric, .. } = expected.comparison;
    let change = |counts: &dyn Fn(&Raw) -> bool| {
        Change::of(expected.sum(*before, counts).0.normalize(), expected.sum(*after, counts).0.normalize())
            .unwrap()
    };
    prop_assert_eq!(difference.change, change(&|raw| raw.currency == currency));
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for raw in &expected.raws {
        let counts = [before, after].iter().any(|period| (period.from()..=period.to()).contains(&raw.day));
        if raw.currency == currency && counts {
            *groups.entry(raw.value(by).to_lowercase()).or_default() += 1;
        }
    }
    let (mut sum, mut drivers) = (difference.rest.1.change, 0);
    for driver in &difference.drivers {
        let key = driver.key.as_deref().unwrap_or_default().to_lowercase();
        let of_group = |raw: &Raw| raw.currency == currency && raw.value(by).to_lowercase() == key;
        prop_assert_eq!(driver.change, change(&of_group));
        let (usage, rate) = expected.effects(of_group);
        prop_assert_eq!((driver.usage_effect.normalize(), driver.rate_effect.normalize()), (usage, rate));
        prop_assert_eq!(driver.usage_effect + driver.rate_effect + driver.other_effect, driver.change.change);
        prop_assert!(groups.contains_key(&key));
        (sum, drivers) = (sum + driver.change.change, drivers + 1);
    }
    prop_assert_eq!(sum, difference.change.change);
    let sizes: Vec<_> = difference.drivers.iter().map(|driver| driver.change.change.abs()).collect();
    prop_assert!(sizes.is_sorted_by(|one, other| one >= other) && !sizes.contains(&Decimal::ZERO));
    if exact_groups {
        prop_assert_eq!(drivers + difference.rest.0, groups.len());
    }
    let days = |period: &Period| i128::from((period.to() - period.from()).get_days() + 1);
    prop_assert_eq!(difference.per_day_before, ratio(units(difference.change.before, 8), days(before), 8));
    prop_assert_eq!(difference.per_day_after, ratio(units(difference.change.after, 8), days(after), 8));
    let calendar = by_day.then(|| expected.calendar(&currency)).flatten();
    prop_assert_eq!(difference.calendar_effect.ok(), calendar);
    let known = *metric == Metric::Amortized && expected.tells_usage;
    let coverage = |period| known.then(|| expected.coverage(period, &currency)).flatten();
    prop_assert_eq!(difference.coverage_before.ok(), coverage(*before));
    prop_assert_eq!(difference.coverage_after.ok(), coverage(*after));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_figure_is_the_one_of_the_costs_themselves(
        raws in raw::raws(60), comparison in any_comparison(), top in 0_usize..5, tells_usage in any::<bool>(),
    ) {
        let names = ["PricingModel".to_owned()];
        let plan = ComparePlan::new(&comparison, (!tells_usage).then_some(&names[..])).unwrap();
        // Half of the costs in each of two scopes.
        let (one, other) = raws.split_at(raws.len() / 2);
        let scope = |raws: &[Raw]| {
            let answers: Vec<_> = plan.queries().iter().map(|query| Arc::new(raw::answer(raws, query))).collect();
            plan.join(&answers).unwrap()
        };
        let differences = Compared::merged([scope(one), scope(other)]).unwrap().currencies(top).unwrap();
        let counts = |raw: &&Raw| {
            comparison.filter.iter().all(|condition| raw.meets(condition))
                && !comparison.exclude.iter().any(|condition| raw.meets(condition))
        };
        let expected = Expected { raws: raws.iter().filter(counts).collect(), comparison: &comparison, tells_usage };
        let met: std::collections::BTreeSet<_> = expected
            .raws
            .iter()
            .filter(|raw| {
                let is_in = |period: &Period| (period.from()..=period.to()).contains(&raw.day);
                is_in(&comparison.before) || is_in(&comparison.after)
            })
            .map(|raw| raw.currency.to_owned())
            .collect();
        let found: Vec<_> = differences.iter().map(|difference| difference.currency.to_string()).collect();
        prop_assert_eq!(found, met.into_iter().collect::<Vec<_>>());
        for difference in &differences {
            prop_assert!(difference.drivers.len() <= top);
            check(&expected, difference, (comparison.exclude.is_empty(), plan.frame.is_by_day()))?;
        }
    }
}
