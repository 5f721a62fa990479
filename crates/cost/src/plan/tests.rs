use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::breakdown::{Line, OfOneMeter, Quantity};
use crate::period::Period;
use crate::query::{Bound, Granularity, Metric};
use crate::question::{Condition, Measures};
use crate::raw::{self, Raw, TODAY};

const QUANTITY: Measures = Measures { quantity: true, unit_price: false, usd: false };
const ALL: Measures = Measures { quantity: true, unit_price: true, usd: true };

fn by(name: &str) -> Grouping {
    name.strip_prefix("tag:")
        .map_or(Grouping::Dimension(name.to_owned()), |key| Grouping::Tag(key.to_owned()))
}

fn condition(name: &str, values: &[&str]) -> Condition {
    Condition { by: by(name), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

fn october(grouping: &[&str], measures: Measures) -> Question {
    Question {
        metric: Metric::Actual,
        period: Period::new(date(2026, 10, 1), date(2026, 10, 31), TODAY).unwrap(),
        granularity: Granularity::None,
        grouping: grouping.iter().map(|name| by(name)).collect(),
        filter: Vec::new(),
        exclude: Vec::new(),
        measures,
    }
}

/// What each query asks: its groups, and what is summed beside.
fn asked(question: &Question, dimensions: Option<&[String]>) -> Vec<String> {
    let plan = Plan::new(question, dimensions).unwrap();
    let words = |query: &Query| {
        let groups: Vec<_> = query.grouping().iter().map(Grouping::name).collect();
        format!("{} {:?}", groups.join("+"), query.beside())
    };
    plan.queries().iter().map(words).collect()
}

#[test]
fn both_measures_come_in_one_call() {
    let usd = Measures { usd: true, ..Measures::default() };
    let known = ["UnitOfMeasure".to_owned()];
    for (grouping, measures, dimensions, expected) in [
        (vec!["ServiceName"], Measures::default(), None, vec!["ServiceName None"]),
        (vec!["ServiceName"], usd, None, vec!["ServiceName Some(Usd)"]),
        (vec!["ServiceName"], QUANTITY, None, vec!["ServiceName+Meter Some(Quantity)"]),
        (vec!["meter"], QUANTITY, None, vec!["meter Some(Quantity)"]),
        (vec!["meter"], QUANTITY, Some(&known[..]), vec!["meter+UnitOfMeasure Some(Quantity)"]),
        (vec![], QUANTITY, Some(&known[..]), vec!["Meter+UnitOfMeasure Some(Quantity)"]),
        (vec!["ServiceName"], QUANTITY, Some(&known[..]), vec!["ServiceName+Meter Some(Quantity)"]),
        (vec!["ServiceName", "Meter"], QUANTITY, None, vec!["ServiceName+Meter Some(Quantity)"]),
        (vec!["A", "B"], QUANTITY, None, vec!["A+B None"]),
        (vec!["A", "B"], ALL, None, vec!["A+B Some(Usd)"]),
        (vec!["A"], ALL, None, vec!["A+Meter Some(Quantity)", "A Some(Usd)"]),
    ] {
        assert_eq!(asked(&october(&grouping, measures), dimensions), expected, "{grouping:?} {measures:?}");
    }
}

#[test]
fn units_are_those_of_the_days() {
    for (from, to, granularity, units) in [
        ("2026-10-01", "2026-10-31", Granularity::Daily, vec![1]),
        ("2026-10-01", "2026-11-01", Granularity::None, vec![2]),
        ("2025-11-23", "2026-11-22", Granularity::None, vec![12]),
        ("2026-08-01", "2026-10-31", Granularity::Daily, vec![1, 1, 1]),
        ("2026-08-01", "2026-10-31", Granularity::Monthly, vec![3]),
    ] {
        let period = Period::new(from.parse().unwrap(), to.parse().unwrap(), TODAY).unwrap();
        let question = Question { period, granularity, ..october(&[], Measures::default()) };
        let plan = Plan::new(&question, None).unwrap();
        assert_eq!(plan.queries().iter().map(query_units).collect::<Vec<_>>(), units, "{from} {to}");
    }
}

#[test]
fn what_is_no_question_is_refused() {
    let three = october(&["A", "B", "C"], Measures::default());
    assert_eq!(Plan::new(&three, None).map(|_| ()), Err(InvalidQuery::TooManyGroupings(3)));
    let twice = october(&["A", "a"], Measures::default());
    assert_eq!(Plan::new(&twice, None).map(|_| ()), Err(InvalidQuery::DuplicateGrouping));
}

#[test]
fn what_nothing_can_meet_is_not_asked() {
    let filter = vec![condition("A", &["a"]), condition("A", &["b"])];
    let question = Question { filter, ..october(&["A"], ALL) };
    let plan = Plan::new(&question, None).unwrap();
    assert!(plan.queries().is_empty());
    assert_eq!(plan.join(&[]).unwrap(), Breakdown::default());
}

#[test]
fn a_part_of_an_answer_is_none() {
    let plan = Plan::new(&october(&[], Measures::default()), None).unwrap();
    let part = QueryResult { truncated: Some(Bound::Rows(7)), ..QueryResult::default() };
    assert!(matches!(plan.join(&[Arc::new(part)]), Err(Error::TooMany { limit: 7, .. })));
    assert!(matches!(plan.join(&[]), Err(Error::UnexpectedResponse { .. })));
}

/// A line as the tests compare it.
type Expected = BTreeMap<(Vec<String>, Option<Date>, String), (Decimal, Quantity, Option<Decimal>)>;

/// The lines of a question, from the costs themselves.
fn expected(raws: &[Raw], question: &Question, units: bool) -> Expected {
    let mut groups: BTreeMap<_, Vec<&Raw>> = BTreeMap::new();
    let period = question.period;
    for raw in raws.iter().filter(|raw| {
        (period.from()..=period.to()).contains(&raw.day)
            && question.filter.iter().all(|condition| raw.meets(condition))
            && !question.exclude.iter().any(|condition| raw.meets(condition))
    }) {
        let date = match question.granularity {
            Granularity::None => None,
            Granularity::Daily => Some(raw.day),
            Granularity::Monthly => Some(date(raw.day.year(), raw.day.month(), 1)),
        };
        let keys: Vec<String> = question.grouping.iter().map(|by| raw.value(by).to_lowercase()).collect();
        groups.entry((keys, date, raw.currency.to_owned())).or_default().push(raw);
    }
    let line = |raws: Vec<&Raw>| {
        let cost: Decimal = raws.iter().map(|raw| raw.cost(question.metric)).sum();
        let usd = question.measures.usd.then(|| raws.iter().map(|raw| raw.usd).sum::<Decimal>().normalize());
        (cost.normalize(), expected_quantity(&raws, question, units), usd)
    };
    groups.into_iter().map(|(key, raws)| (key, line(raws))).collect()
}

fn expected_quantity(raws: &[&Raw], question: &Question, units: bool) -> Quantity {
    if !question.measures.quantity && !question.measures.unit_price {
        return Quantity::NotAsked;
    }
    let by_meter = question.grouping.iter().any(|by| by.name().eq_ignore_ascii_case("meter"));
    // A condition on the empty value takes the place of the meter. Here the one tag can have any.
    let env = by("tag:env");
    let of_env = |conditions: &[Condition]| -> Vec<bool> {
        let of_env = conditions.iter().filter(|condition| condition.by == env);
        of_env.map(|condition| condition.values.iter().any(String::is_empty)).collect()
    };
    let (filter, exclude) = (of_env(&question.filter), of_env(&question.exclude));
    let needs_env = if filter.is_empty() { exclude.contains(&true) } else { !filter.contains(&false) };
    let room = 2 - question.grouping.len() - usize::from(needs_env && !question.grouping.contains(&env));
    if !by_meter && room == 0 {
        return Quantity::NotAskable;
    }
    let mut meters: Vec<(String, Option<String>)> = raws
        .iter()
        .map(|raw| (raw.value(&meter()).to_lowercase(), units.then(|| raw.value(&unit()).to_lowercase())))
        .collect();
    meters.sort();
    meters.dedup();
    match &meters[..] {
        [(meter, unit)] => Quantity::Of(Box::new(OfOneMeter {
            meter: (!meter.is_empty()).then(|| meter.clone()),
            unit: unit.clone(),
            amount: raws.iter().map(|raw| raw.quantity).sum::<Decimal>().normalize(),
        })),
        _ => Quantity::SeveralMeters,
    }
}

fn found(breakdown: Breakdown) -> Expected {
    let line = |line: Line| {
        let keys = line.keys.iter().map(|key| key.as_deref().unwrap_or_default().to_lowercase()).collect();
        let small = |text: Option<String>| text.map(|text| text.to_lowercase());
        let quantity = match line.quantity {
            Quantity::Of(of) => Quantity::Of(Box::new(OfOneMeter {
                meter: small(of.meter),
                unit: small(of.unit),
                amount: of.amount.normalize(),
            })),
            other => other,
        };
        let usd = line.usd.map(|usd| usd.normalize());
        ((keys, line.date, line.cost.currency.to_string()), (line.cost.amount.normalize(), quantity, usd))
    };
    let count = breakdown.lines.len();
    let lines: Expected = breakdown.lines.into_iter().map(line).collect();
    assert_eq!(lines.len(), count, "a line twice");
    lines
}

fn any_question() -> impl Strategy<Value = Question> {
    let names = vec![by("ServiceName"), by("ResourceGroupName"), by("Meter"), by("tag:env")];
    let grouping = proptest::sample::subsequence(names, 0..=2).prop_shuffle();
    let condition = || {
        proptest::sample::select(vec![
            condition("ServiceName", &["storage", "sql"]),
            condition("servicename", &["Storage", "Virtual Machines"]),
            condition("ResourceGroupName", &["RG-WEB"]),
            condition("tag:env", &["prod"]),
            condition("tag:env", &["dev", "test"]),
            condition("tag:env", &["", "dev"]),
            condition("Meter", &["d2", "lrs"]),
            condition("ChargeType", &["Purchase", "refund"]),
        ])
    };
    let conditions = || proptest::collection::vec(condition(), 0..3);
    let days = prop_oneof![0_i32..40, 0_i32..390];
    (days, 0_i32..40, 0_u8..3, grouping, conditions(), conditions(), any::<[bool; 3]>()).prop_map(
        |(length, back, grain, grouping, filter, exclude, [quantity, usd, amortized])| {
            let to = TODAY - back.days();
            Question {
                metric: if amortized { Metric::Amortized } else { Metric::Actual },
                period: Period::new(to - length.days(), to, TODAY).unwrap(),
                granularity: [Granularity::None, Granularity::Monthly, Granularity::Daily]
                    [usize::from(grain)],
                grouping,
                filter,
                exclude,
                measures: Measures { quantity, unit_price: false, usd },
            }
        },
    )
}

fn sums<'a>(lines: impl IntoIterator<Item = &'a Line>) -> BTreeMap<String, Decimal> {
    lines.into_iter().fold(BTreeMap::new(), |mut sums, line| {
        *sums.entry(line.cost.currency.to_string()).or_default() += line.cost.amount;
        sums
    })
}

/// Whatever is shown and whatever is left out, it is all there is.
fn check_sums(breakdown: &Breakdown) {
    let all = sums(&breakdown.lines);
    let totals = breakdown.totals().unwrap();
    assert_eq!(
        totals.iter().map(|money| (money.currency.to_string(), money.amount)).collect::<BTreeMap<_, _>>(),
        all
    );
    let ranked = breakdown.ranked(2).unwrap();
    let mut shown = sums(&ranked.lines);
    for other in &ranked.other {
        *shown.entry(other.currency.to_string()).or_default() += other.amount;
    }
    assert_eq!(shown, all);
    let dated: Decimal = breakdown.totals_by_date().unwrap().iter().map(|(_, money)| money.amount).sum();
    let has_dates = breakdown.lines.iter().all(|line| line.date.is_some());
    assert_eq!(dated, if has_dates { all.values().sum() } else { Decimal::ZERO });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_figure_is_the_one_of_the_costs_themselves(
        raws in raw::raws(40), question in any_question(), agreement in any::<bool>(),
    ) {
        let dimensions = agreement.then(|| vec!["UnitOfMeasure".to_owned()]);
        let Ok(plan) = Plan::new(&question, dimensions.as_deref()) else { return Ok(()) };
        let answers: Vec<_> = plan.queries().iter().map(|query| Arc::new(raw::answer(&raws, query))).collect();
        let breakdown = plan.join(&answers).unwrap();
        check_sums(&breakdown);
        let units = plan.costs.selection().is_some_and(|selection| selection.place(&unit()).is_some());
        let mut expected = expected(&raws, &question, units);
        let mut found = found(breakdown);
        if plan.costs.selection().is_some_and(|selection| selection.taken.is_some()) {
            // What is left of a group may be zero costs: they cannot be told from none.
            expected.retain(|_, line| !line.0.is_zero());
            found.retain(|_, line| !line.0.is_zero());
        }
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn what_was_used_for_nothing_cost_no_dollars_either_where_the_rest_is_taken_off() {
    let raw = |charge: &'static str, cost: i64| Raw {
        day: date(2026, 10, 5),
        currency: "EUR",
        actual: cost.into(),
        amortized: cost.into(),
        usd: cost.into(),
        quantity: 3.into(),
        values: [("ServiceName", "Bandwidth"), ("Meter", "Out"), ("ChargeType", charge)].into(),
    };
    let all = [raw("Usage", 0), raw("Purchase", 5)];
    // Service and meter take both places, so that purchases are asked for and taken off.
    let question =
        Question { exclude: vec![condition("ChargeType", &["Purchase"])], ..october(&["ServiceName"], ALL) };
    let plan = Plan::new(&question, None).unwrap();
    let answers: Vec<_> = plan.queries().iter().map(|query| Arc::new(raw::answer(&all, query))).collect();
    let lines = plan.join(&answers).unwrap().lines;
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].cost.amount, lines[0].usd), (Decimal::ZERO, Some(Decimal::ZERO)));
    assert!(matches!(&lines[0].quantity, Quantity::Of(of) if of.amount == Decimal::from(3)));
}

/// A month of days of 6,500 resources.
fn large_answer() -> QueryResult {
    let mut answer = QueryResult::default();
    for day in 0_i32..31 {
        for resource in 0_i32..6_500 {
            let name = format!(
                "/subscriptions/10000000-0000-4000-8000-000000000001/resourcegroups/rg-{}/providers/microsoft.compute/virtualmachines/vm-{resource}",
                resource / 10
            );
            answer.rows.push(crate::Row {
                cost: crate::Money::new(Decimal::new((resource + day).into(), 8), "EUR".parse().unwrap()),
                beside: None,
                date: Some(date(2026, 10, 1) + day.days()),
                groups: [name].into(),
            });
        }
    }
    answer
}

/// Memory in KiB, by its name in the process's own status.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap()
}

#[test]
fn two_hundred_thousand_rows_are_joined_in_64_mib() {
    let question =
        Question { granularity: Granularity::Daily, ..october(&["ResourceId"], Measures::default()) };
    let plan = Plan::new(&question, None).unwrap();
    let answers = [Arc::new(large_answer())];
    // The peak from here on.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS:");
    let breakdown = plan.join(&answers).unwrap();
    let ranked = breakdown.ranked(20).unwrap();
    let more = memory("VmHWM:").saturating_sub(before);
    assert_eq!(
        (breakdown.lines.len(), ranked.lines.len(), ranked.other[0].groups),
        (201_500, 20 * 31, 6_480)
    );
    assert!((1..64 * 1024).contains(&more), "{more} KiB");
}
