use std::sync::Arc;

use jiff::ToSpan;
use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::query::{Beside, Bound, Metric};
use crate::raw::{self, TODAY};

fn dimension(name: &str) -> Grouping {
    Grouping::Dimension(name.to_owned())
}

fn query(from: &str, to: &str, granularity: Granularity, by: &[&str], filter: Option<Filter>) -> Query {
    let period = Period::new(from.parse().unwrap(), to.parse().unwrap(), TODAY).unwrap();
    let mut query = Query::builder(Metric::Actual, period).granularity(granularity);
    for name in by {
        query = query.group_by(dimension(name));
    }
    match filter {
        Some(filter) => query.filter(filter),
        None => query,
    }
    .build()
    .unwrap()
}

fn october(granularity: Granularity, by: &[&str], filter: Option<Filter>) -> Query {
    query("2026-10-01", "2026-10-31", granularity, by, filter)
}

fn serves(asked: &Query, wanted: &Query) -> bool {
    derive(asked, &QueryResult::default(), wanted).is_some()
}

#[test]
fn a_finer_answer_serves_coarser_questions() {
    use Granularity::{Daily, Monthly, None as Sum};
    let daily = october(Daily, &["ServiceName", "Meter"], None);
    assert!(serves(&daily, &october(Sum, &[], None)));
    assert!(serves(&daily, &october(Monthly, &["meter"], None)));
    assert!(serves(&daily, &query("2026-10-07", "2026-10-09", Daily, &["Meter", "ServiceName"], None)));
    assert!(serves(&daily, &october(Sum, &["ServiceName"], Some(Filter::dimension("METER", ["D2"])))));
    for (asked, wanted) in [
        // A coarser one does not serve finer ones,
        (october(Sum, &[], None), october(Daily, &[], None)),
        (october(Monthly, &[], None), october(Daily, &[], None)),
        // nor other days,
        (daily.clone(), query("2026-09-30", "2026-10-02", Daily, &[], None)),
        (daily.clone(), query("2026-10-30", "2026-11-01", Daily, &[], None)),
        (october(Sum, &[], None), query("2026-10-01", "2026-10-30", Sum, &[], None)),
        // nor other groups, nor a tag of a dimension's name,
        (daily.clone(), october(Daily, &["ResourceId"], None)),
        (daily.clone(), october(Sum, &[], Some(Filter::tag("Meter", ["D2"])))),
        // nor less filtered ones.
        (
            october(Daily, &["Meter"], Some(Filter::dimension("Meter", ["D2"]))),
            october(Daily, &["Meter"], None),
        ),
    ] {
        // With a row, for conditions are looked at where there is one.
        let rows = vec![Row { groups: vec!["a".to_owned(); asked.grouping().len()].into(), ..row() }];
        let answer = QueryResult { rows: rows.into(), ..QueryResult::default() };
        assert_eq!(derive(&asked, &answer, &wanted), None, "{asked:?} {wanted:?}");
    }
}

fn row() -> Row {
    let cost = crate::Money::new(5.into(), "EUR".parse().unwrap());
    Row { cost, beside: None, date: Some(date(2026, 10, 1)), groups: Arc::from([]) }
}

#[test]
fn months_serve_whole_months() {
    let year = |from, to, grain| query(from, to, grain, &[], None);
    let asked = year("2026-01-15", "2026-10-20", Granularity::Monthly);
    for (from, to, serve) in [
        ("2026-01-15", "2026-10-20", true),
        ("2026-01-15", "2026-03-31", true),
        ("2026-09-01", "2026-10-20", true),
        ("2026-02-01", "2026-02-28", true),
        ("2026-02-02", "2026-02-28", false),
        ("2026-02-01", "2026-10-19", false),
        ("2026-01-01", "2026-01-31", false),
    ] {
        assert_eq!(serves(&asked, &year(from, to, Granularity::Monthly)), serve, "{from} {to}");
        assert_eq!(serves(&asked, &year(from, to, Granularity::None)), serve, "{from} {to}");
    }
}

#[test]
fn a_narrower_list_of_values_is_served_where_it_is_grouped_by() {
    let only = |values: &[&str]| Some(Filter::dimension("ServiceName", values.iter().copied()));
    let grouped = october(Granularity::None, &["ServiceName"], only(&["a", "b"]));
    assert!(serves(&grouped, &october(Granularity::None, &[], only(&["B", "A"]))));
    assert!(serves(&grouped, &october(Granularity::None, &[], only(&["A"]))));
    assert!(!serves(&grouped, &october(Granularity::None, &[], only(&["a", "c"]))));
    assert!(!serves(&grouped, &october(Granularity::None, &[], None)));
}

#[test]
fn an_answer_that_lacks_something_serves_all_or_nothing() {
    let asked = october(Granularity::Daily, &["ServiceName"], None);
    let all = october(Granularity::None, &[], None);
    let part = october(Granularity::None, &[], Some(Filter::dimension("ServiceName", ["a"])));
    let truncated = QueryResult { truncated: Some(Bound::Rows(5)), ..QueryResult::default() };
    assert_eq!(derive(&asked, &truncated, &all), None);
    let lacking = QueryResult { without_figure: 2, ..QueryResult::default() };
    assert_eq!(derive(&asked, &lacking, &all).unwrap().without_figure, 2);
    assert_eq!(derive(&asked, &lacking, &part), None);
    let days = query("2026-10-01", "2026-10-30", Granularity::None, &[], None);
    assert_eq!(derive(&asked, &lacking, &days), None);
}

#[test]
fn other_sums_are_not_served() {
    let build = |metric, beside: Option<Beside>, today| {
        let period = Period::new(date(2026, 10, 1), date(2026, 10, 31), today).unwrap();
        let query = Query::builder(metric, period);
        beside.map_or(query.clone(), |beside| query.beside(beside)).build().unwrap()
    };
    let usd = build(Metric::Actual, Some(Beside::Usd), TODAY);
    assert!(serves(&usd, &build(Metric::Actual, None, TODAY)));
    assert!(!serves(&usd, &build(Metric::Actual, Some(Beside::Quantity), TODAY)));
    assert!(!serves(&build(Metric::Actual, None, TODAY), &usd));
    assert!(!serves(&usd, &build(Metric::Amortized, Some(Beside::Usd), TODAY)));
    // The day on which it was asked makes no difference.
    assert!(serves(&usd, &build(Metric::Actual, Some(Beside::Usd), date(2026, 11, 25))));
}

#[test]
fn a_forecast_serves_nothing_and_is_served_by_nothing() {
    let days = |last: i32| Period::new(TODAY + 1.days(), TODAY + last.days(), TODAY).unwrap();
    let forecast = |last| Query::forecast(Metric::Actual, days(last), Granularity::Daily).unwrap();
    let costs = Query::builder(Metric::Actual, days(9)).granularity(Granularity::Daily).build().unwrap();
    assert!(!serves(&forecast(9), &forecast(5)));
    assert!(!serves(&forecast(9), &costs) && !serves(&costs, &forecast(9)));
}

fn any_query() -> impl Strategy<Value = Query> {
    let by = || {
        proptest::sample::subsequence(
            vec![dimension("ServiceName"), dimension("meter"), Grouping::Tag("env".to_owned())],
            0..=2,
        )
        .prop_shuffle()
    };
    let condition = || {
        prop_oneof![
            Just(Filter::dimension("servicename", ["STORAGE"])),
            Just(Filter::dimension("ServiceName", ["Storage", "SQL"])),
            Just(Filter::dimension("Meter", ["d2", "lrs"])),
            Just(Filter::tag("Env", ["prod"])),
            Just(Filter::Or(vec![Filter::tag("env", ["prod"]), Filter::dimension("Meter", ["D4"])])),
        ]
    };
    let filter = prop_oneof![
        3 => Just(None),
        2 => condition().prop_map(Some),
        1 => (condition(), condition()).prop_map(|(one, other)| Some(Filter::And(vec![one, other]))),
    ];
    let days = proptest::sample::select(vec![(0, 22), (21, 20), (11, 15), (21, 30), (0, 21), (52, 21)]);
    let beside = proptest::sample::select(vec![None, None, Some(Beside::Usd)]);
    (days, 0_u8..3, by(), filter, beside).prop_map(|((back, length), grain, by, filter, beside)| {
        let to = TODAY - back.days();
        let period = Period::new(to - length.days(), to, TODAY).unwrap();
        let grain = [Granularity::None, Granularity::Monthly, Granularity::Daily][usize::from(grain)];
        let mut query = Query::builder(Metric::Actual, period).granularity(grain);
        for by in by {
            query = query.group_by(by);
        }
        query = beside.map_or(query.clone(), |beside| query.beside(beside));
        filter.map_or(query.clone(), |filter| query.filter(filter)).build().unwrap()
    })
}

type Lines = Vec<(Option<Date>, String, Vec<String>, rust_decimal::Decimal, Option<rust_decimal::Decimal>)>;

fn lines(result: QueryResult) -> Lines {
    let small = |row: Row| {
        let groups = row.groups.iter().map(|group| group.to_lowercase()).collect();
        let Row { cost, beside, date, .. } = row;
        (
            date,
            cost.currency.to_string(),
            groups,
            cost.amount.normalize(),
            beside.map(|beside| beside.normalize()),
        )
    };
    let mut lines: Lines = result.summed().unwrap().rows.into_iter().map(small).collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_is_derived_is_what_azure_would_answer(
        raws in raw::raws(40), asked in any_query(), others in proptest::collection::vec(any_query(), 12),
    ) {
        let answer = raw::answer(&raws, &asked);
        for wanted in others {
            if let Some(derived) = derive(&asked, &answer, &wanted) {
                prop_assert_eq!(lines(derived), lines(raw::answer(&raws, &wanted)), "{:?}", wanted);
            }
        }
    }
}
