use std::collections::HashMap;

use jiff::civil::date;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{CostColumn, Granularity, Metric, Period, QueryBuilder};

fn query() -> QueryBuilder {
    let period = Period::new(date(2026, 11, 1), date(2026, 11, 21), date(2026, 11, 22)).unwrap();
    Query::builder(Metric::Actual, period)
}

fn by(name: &str) -> Grouping {
    Grouping::Dimension(name.to_owned())
}

fn page(columns: &[&str], rows: &str) -> Vec<u8> {
    let columns: Vec<Value> = columns.iter().map(|name| json!({"name": name, "type": "String"})).collect();
    format!(r#"{{"properties":{{"nextLink":"","columns":{},"rows":{rows}}}}}"#, json!(columns)).into_bytes()
}

fn read(body: &[u8], query: QueryBuilder) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    read_page(body, &query.build().unwrap(), &mut rows).map(|_| rows)
}

/// An example file, with the body's raw text: parsing it and writing it again would round the numbers.
#[derive(Deserialize)]
struct Example<'a> {
    #[serde(borrow)]
    responses: HashMap<String, ExampleResponse<'a>>,
}

#[derive(Deserialize)]
struct ExampleResponse<'a> {
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

fn example(name: &str) -> Vec<u8> {
    let text = match name {
        "query" => include_str!("../../../tests/data/2025-03-01.SubscriptionQuery.json"),
        _ => include_str!("../../../tests/data/2025-03-01.SubscriptionQueryGrouping.json"),
    };
    let example: Example<'_> = serde_json::from_str(text).unwrap();
    example.responses["200"].body.unwrap().get().as_bytes().to_vec()
}

#[test]
fn the_specifications_examples_are_read() {
    let daily =
        query().column(CostColumn::PreTaxCost).granularity(Granularity::Daily).group_by(by("resourcegroup"));
    let rows = read(&example("query"), daily).unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[1].cost.to_string(), "218.68795741935486 USD");
    assert_eq!(rows[1].date, Some(date(2018, 3, 31)));
    assert_eq!(rows[1].groups, ["Ict_StratAndPlan_GoldSprova_Prod"]);

    let grouped = query().column(CostColumn::PreTaxCost).group_by(by("ResourceGroup"));
    let rows = read(&example("grouping"), grouped).unwrap();
    assert_eq!(rows[0].cost.to_string(), "0.009865586851323632 USD");
    assert_eq!((rows[3].date, rows[3].groups.as_slice()), (None, ["Ssbciotelement01".to_owned()].as_slice()));
}

#[test]
fn columns_are_found_by_name_in_any_order_and_case() {
    let body = page(
        &["CURRENCY", "more", "ServiceName", "UsageDate", "cost"],
        r#"[["EUR", {}, "Storage", "20261101", 1.5]]"#,
    );
    let rows = read(&body, query().granularity(Granularity::Daily).group_by(by("ServiceName"))).unwrap();
    assert_eq!(rows[0].cost.to_string(), "1.5 EUR");
    assert_eq!(rows[0].date, Some(date(2026, 11, 1)));
    assert_eq!(rows[0].groups, ["Storage"]);
}

#[test]
fn dates_come_in_several_forms() {
    for text in ["20261101", "2026-11-01", "2026-11-01T00:00:00", "2026-11-01T00:00:00Z"] {
        assert_eq!(super::date(text), Some(date(2026, 11, 1)), "{text}");
    }
    for text in ["", "2026", "20261301", "20260000", "２０２６", "T", "2026-13-01T00:00:00"] {
        assert_eq!(super::date(text), None, "{text}");
    }
    let body = page(&["Cost", "BillingMonth", "Currency"], r#"[[1, "2026-11-01T00:00:00", "EUR"]]"#);
    let rows = read(&body, query().granularity(Granularity::Monthly)).unwrap();
    assert_eq!(rows[0].date, Some(date(2026, 11, 1)));
}

#[test]
fn tags_have_a_pair_of_columns_or_one_of_their_name() {
    let tag = |name: &str| Grouping::Tag(name.to_owned());
    let pairs = page(
        &["Cost", "TagKey", "TagValue", "TagKey", "TagValue", "Currency"],
        r#"[[1, "env", "prod", "team", "red", "EUR"], [2, "env", null, "team", "", "EUR"]]"#,
    );
    let rows = read(&pairs, query().group_by(tag("env")).group_by(tag("team"))).unwrap();
    assert_eq!(rows[0].groups, ["prod", "red"]);
    assert_eq!(rows[1].groups, ["", ""]);
    let named = page(&["Cost", "env", "Currency"], r#"[[1, "prod", "EUR"]]"#);
    assert_eq!(read(&named, query().group_by(tag("env"))).unwrap()[0].groups, ["prod"]);
}

#[test]
fn escaped_and_plain_texts_are_read() {
    let body = page(
        &["Cost", "Currency", "x"],
        r#"[[1e-7, "EUR", "a\"\u00e9"], ["2.5", "EUR", true], [3, "EUR", 4]]"#,
    );
    let rows = read(&body, query().group_by(by("x"))).unwrap();
    let groups: Vec<_> = rows.iter().map(|row| row.groups[0].as_str()).collect();
    assert_eq!(groups, ["a\"é", "true", "4"]);
    assert_eq!(rows[0].cost.amount.to_string(), "0.0000001");
    assert_eq!(rows[1].cost.amount.to_string(), "2.5");
}

#[test]
fn what_is_missing_or_odd_is_told() {
    let expect = |columns: &[&str], rows: &str| {
        let error = read(&page(columns, rows), query().group_by(by("s"))).unwrap_err();
        let Error::UnexpectedResponse { what } = error else { panic!("{error}") };
        what
    };
    assert_eq!(expect(&["Currency", "s"], "[[1]]"), "costs without the cost column");
    assert_eq!(expect(&["Cost", "s"], "[[1]]"), "costs without a currency");
    assert_eq!(expect(&["Cost", "Currency"], "[[1]]"), "costs without the column of a group");
    assert_eq!(expect(&["Cost", "Currency", "s"], r#"[[1, "EUR"]]"#), "a row with cells missing");
    assert_eq!(expect(&["Cost", "Currency", "s"], r#"[[null, "EUR", ""]]"#), "a cost that is no number");
    assert_eq!(
        expect(&["Cost", "Currency", "s"], r#"[[1, "Euro", ""]]"#),
        "a currency that is no currency code"
    );
    assert_eq!(expect(&["Cost", "Currency", "s"], r#"[[1, "EUR", []]]"#), "a cell that is no plain value");
    for body in ["", "{}", "[]", r#"{"properties":null}"#] {
        assert!(read(body.as_bytes(), query()).is_err(), "{body}");
    }
}

#[test]
fn no_rows_need_no_columns() {
    assert_eq!(read(br#"{"properties":{"columns":[],"rows":[]}}"#, query().group_by(by("s"))).unwrap(), []);
    assert_eq!(read(br#"{"properties":{}}"#, query()).unwrap(), []);
}

proptest! {
    #[test]
    fn hostile_pages_never_panic(body in "\\PC{0,200}", cell in "\\PC{0,20}") {
        let _ = read(body.as_bytes(), query());
        let _ = text(&cell);
        let _ = super::date(&cell);
    }
}
