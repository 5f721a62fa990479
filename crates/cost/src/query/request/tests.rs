use jiff::civil::{Date, date};

use super::*;

fn period(from: Date, to: Date) -> Period {
    Period::new(from, to, date(2026, 11, 22)).unwrap()
}

fn november() -> QueryBuilder {
    Query::builder(Metric::Actual, period(date(2026, 11, 1), date(2026, 11, 21)))
}

fn by(name: &str) -> Grouping {
    Grouping::Dimension(name.to_owned())
}

#[test]
fn the_body_is_what_azure_documents() {
    let query = november()
        .granularity(Granularity::Daily)
        .group_by(by("ServiceName"))
        .group_by(Grouping::Tag("env".to_owned()))
        .filter(Filter::tag("env", ["prod"]))
        .build()
        .unwrap();
    let expected = json!({
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-21T23:59:59Z"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [{"type": "Dimension", "name": "ServiceName"}, {"type": "TagKey", "name": "env"}],
            "filter": {"tags": {"name": "env", "operator": "In", "values": ["prod"]}},
        },
    });
    assert_eq!(query.body(), expected);
}

#[test]
fn the_plain_body_has_no_empty_members() {
    let body = Query::builder(Metric::Amortized, period(date(2026, 11, 1), date(2026, 11, 1)))
        .build()
        .unwrap()
        .body();
    assert_eq!(body["type"], "AmortizedCost");
    let members: Vec<_> = body["dataset"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["aggregation", "granularity"]);
}

#[test]
fn a_period_too_long_is_refused_not_cut() {
    let (from, to) = (date(2026, 10, 1), date(2026, 11, 1));
    let daily = Query::builder(Metric::Actual, period(from, to)).granularity(Granularity::Daily).build();
    assert!(matches!(daily, Err(InvalidQuery::TooLong { .. })));
    assert!(Query::builder(Metric::Actual, period(from, to)).build().is_ok());
    let years = Query::builder(Metric::Actual, period(date(2025, 11, 1), to)).build();
    assert!(matches!(years, Err(InvalidQuery::TooLong { .. })));
}

#[test]
fn groupings_are_two_and_differ() {
    let two = || november().group_by(by("ServiceName")).group_by(by("ResourceLocation"));
    assert!(two().build().is_ok());
    assert_eq!(two().group_by(by("MeterId")).build(), Err(InvalidQuery::TooManyGroupings(3)));
    let twice = november().group_by(by("ServiceName")).group_by(by("servicename")).build();
    assert_eq!(twice, Err(InvalidQuery::DuplicateGrouping));
    let namesakes = november().group_by(by("env")).group_by(Grouping::Tag("env".to_owned()));
    assert!(namesakes.build().is_ok());
    assert_eq!(november().group_by(by("")).build(), Err(InvalidQuery::BadName));
}

#[test]
fn a_second_sum_is_asked_for_by_its_column() {
    for (beside, column, name) in [
        (Beside::Quantity, CostColumn::Cost, "UsageQuantity"),
        (Beside::Usd, CostColumn::Cost, "CostUSD"),
        (Beside::Usd, CostColumn::PreTaxCost, "PreTaxCostUSD"),
    ] {
        let body = november().column(column).beside(beside).build().unwrap().body();
        let sums = body["dataset"]["aggregation"].as_object().unwrap();
        assert_eq!((sums.len(), &sums["beside"]), (2, &json!({"name": name, "function": "Sum"})));
    }
}

#[test]
fn a_forecast_is_of_days_ahead_and_of_forty_rows() {
    let ask = |from, to, granularity| Query::forecast(Metric::Amortized, period(from, to), granularity);
    let (today, tomorrow) = (date(2026, 11, 22), date(2026, 11, 23));
    let last = tomorrow.saturating_add(jiff::Span::new().days(39));
    let query = ask(tomorrow, last, Granularity::Daily).unwrap();
    assert_eq!(query.operation(), Operation::Forecast);
    let body = query.body();
    assert_eq!(
        (&body["includeActualCost"], &body["includeFreshPartialCost"]),
        (&json!(false), &json!(false))
    );
    assert_eq!((&body["type"], &body["timeframe"]), (&json!("AmortizedCost"), &json!("Custom")));
    assert_eq!(body["dataset"].get("grouping"), None);
    assert!(ask(tomorrow, last.tomorrow().unwrap(), Granularity::Daily).is_err());
    assert!(ask(tomorrow, last.tomorrow().unwrap(), Granularity::Monthly).is_ok());
    assert!(matches!(ask(today, today, Granularity::Daily), Err(InvalidQuery::NotAhead { .. })));
    let plain = Query::builder(Metric::Actual, period(today, today)).build().unwrap();
    assert_eq!((plain.operation(), plain.body().get("includeActualCost")), (Operation::Query, None));
}
