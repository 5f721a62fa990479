use std::collections::HashMap;

use jiff::civil::date;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::period::Period;
use crate::query::{Beside, CostColumn, Granularity, Metric, QueryBuilder};

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

fn answer(body: &[u8]) -> Answer {
    let (status, headers) = (reqwest::StatusCode::OK, reqwest::header::HeaderMap::new());
    Answer { status, headers, body: bytes::Bytes::copy_from_slice(body) }
}

fn read(body: &[u8], query: QueryBuilder) -> Result<Vec<Row>, Error> {
    let mut result = QueryResult::default();
    let mut known = KnownGroups::default();
    read_page(&answer(body), &query.build().unwrap(), &mut known, &mut result)?;
    Ok(result.rows.into_iter().collect())
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

macro_rules! example {
    ($name:literal) => {
        body_of(include_str!(concat!("../../../tests/data/", $name, ".json")))
    };
}

fn body_of(text: &str) -> Vec<u8> {
    let example: Example<'_> = serde_json::from_str(text).unwrap();
    example.responses["200"].body.unwrap().get().as_bytes().to_vec()
}

#[test]
fn the_specifications_examples_are_read() {
    let daily =
        query().column(CostColumn::PreTaxCost).granularity(Granularity::Daily).group_by(by("resourcegroup"));
    let rows = read(&example!("2025-03-01.SubscriptionQuery"), daily).unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[1].cost.to_string(), "218.68795741935486 USD");
    assert_eq!(rows[1].date, Some(date(2018, 3, 31)));
    assert_eq!(*rows[1].groups, ["Ict_StratAndPlan_GoldSprova_Prod"]);

    let grouped = query().column(CostColumn::PreTaxCost).group_by(by("ResourceGroup"));
    let rows = read(&example!("2025-03-01.SubscriptionQueryGrouping"), grouped).unwrap();
    assert_eq!(rows[0].cost.to_string(), "0.009865586851323632 USD");
    assert_eq!((rows[3].date, &*rows[3].groups), (None, ["Ssbciotelement01".to_owned()].as_slice()));
}

#[test]
fn examples_of_scopes_above_subscriptions_are_read() {
    let by_group = || query().column(CostColumn::PreTaxCost).group_by(by("ResourceGroup"));
    for (name, page, rows, first) in [
        ("EA", example!("2026-06-01.BillingAccountQueryGrouping"), 3, "19.545363672276512 USD"),
        // A date column, although none was asked for.
        ("group", example!("2026-06-01.ManagementGroupQueryGrouping"), 3, "20.35941656262545 USD"),
        ("MCA", example!("2026-06-01.MCACustomerQueryGrouping"), 3, "19.545363672276512 USD"),
    ] {
        let found = read(&page, by_group()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (found.len(), found[0].cost.to_string().as_str(), found[0].date),
            (rows, first, None),
            "{name}"
        );
    }
}

fn forecast(granularity: Granularity) -> Query {
    let period = Period::new(date(2026, 11, 23), date(2026, 11, 30), date(2026, 11, 22)).unwrap();
    Query::forecast(Metric::Actual, period, granularity).unwrap()
}

fn read_forecast(body: &[u8], granularity: Granularity) -> Result<Vec<String>, Error> {
    let mut result = QueryResult::default();
    read_page(&answer(body), &forecast(granularity), &mut KnownGroups::default(), &mut result)?;
    Ok(result.rows.iter().map(|row| format!("{} {}", row.date.unwrap(), row.cost)).collect())
}

/// They ask for `Cost` and get `PreTaxCost`, and have two rows of one day.
#[test]
fn the_specifications_forecasts_are_read() {
    for (page, next) in [
        (example!("2025-03-01.SubscriptionForecast"), false),
        (example!("2026-06-01.InvoiceSectionForecast"), true),
    ] {
        let rows = read_forecast(&page, Granularity::Daily).unwrap();
        assert_eq!(
            rows,
            [
                "2018-03-31 2.10333307059661 USD",
                "2018-03-31 218.68795741935486 USD",
                "2018-04-01 0.14384913581657052 USD",
                "2018-04-29 0.009865586851323632 USD",
            ]
        );
        let link = read_page(
            &answer(&page),
            &forecast(Granularity::Daily),
            &mut KnownGroups::default(),
            &mut QueryResult::default(),
        )
        .unwrap();
        assert_eq!(link.is_some(), next);
    }
}

#[test]
fn what_was_is_no_forecast() {
    let columns = ["Cost", "UsageDate", "CostStatus", "Currency"];
    let rows = r#"[[1, 20261123, "Actual", "EUR"], [2, 20261124, "actual ", "EUR"], [3, 20261125, "Forecast", "EUR"],
        [4, 20261126, null, "EUR"], [null, 20261127, "Forecast", "EUR"]]"#;
    let told = read_forecast(&page(&columns, rows), Granularity::Daily).unwrap();
    assert_eq!(told, ["2026-11-25 3 EUR", "2026-11-26 4 EUR"]);
    // In a query it is any column.
    let found = read(&page(&columns, rows), query().granularity(Granularity::Daily)).unwrap();
    assert_eq!(found.len(), 4);
    // Without the column all is what was asked for; a month's date may be called as a day's.
    let months = page(&["PreTaxCost", "UsageDate", "Currency"], r#"[[5, "2026-11-01T00:00:00", "EUR"]]"#);
    assert_eq!(read_forecast(&months, Granularity::Monthly).unwrap(), ["2026-11-01 5 EUR"]);
}

#[test]
fn hostile_forecasts_are_refused_with_a_reason() {
    let columns = ["Cost", "UsageDate", "CostStatus", "Currency"];
    for (columns, rows, expected) in [
        (&columns[..], "[[1, 20261123]]", "a row with cells missing"),
        (&columns[..], r#"[[1, 20261323, "Forecast", "EUR"]]"#, "a date that is not a date"),
        (&columns[..], r#"[[1, 20261123, ["Forecast"], "EUR"]]"#, "a cell that is not a plain value"),
        (&columns[..], r#"[["much", 20261123, "Forecast", "EUR"]]"#, "a figure that is not a number"),
        (&["Cost", "CostStatus", "Currency"], r#"[[1, "Forecast", "EUR"]]"#, "costs without the date column"),
        (&["UsageDate", "Currency"], r#"[[20261123, "EUR"]]"#, "costs without the cost column"),
    ] {
        let error = read_forecast(&page(columns, rows), Granularity::Daily).unwrap_err();
        let Error::UnexpectedResponse { what, .. } = error else { panic!("{error}") };
        assert_eq!(what, expected, "{rows}");
    }
}

#[test]
fn a_second_sum_stands_beside_the_cost() {
    let quantity = |names: &[&str], rows: &str| {
        let rows = read(&page(names, rows), query().beside(Beside::Quantity))?;
        Ok::<_, Error>(rows.iter().map(|row| row.beside.map(|figure| figure.to_string())).collect::<Vec<_>>())
    };
    let columns = ["Cost", "UsageQuantity", "Currency"];
    let read_back = quantity(&columns, r#"[[1, 2.5e-1, "EUR"], [1, null, "EUR"]]"#).unwrap();
    assert_eq!(read_back, [Some("0.25".to_owned()), None]);
    assert_eq!(
        quantity(&["Quantity", "Cost", "Currency"], r#"[[3, 1, "EUR"]]"#).unwrap(),
        [Some("3".to_owned())]
    );
    let missing = quantity(&["Cost", "Currency"], r#"[[1, "EUR"]]"#).unwrap_err();
    assert!(missing.to_string().contains("costs without the second sum"), "{missing}");
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
    assert_eq!(*rows[0].groups, ["Storage"]);
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
    assert_eq!(*rows[0].groups, ["prod", "red"]);
    assert_eq!(*rows[1].groups, ["", ""]);
    let named = page(&["Cost", "env", "Currency"], r#"[[1, "prod", "EUR"]]"#);
    assert_eq!(read(&named, query().group_by(tag("env"))).unwrap()[0].groups[..], ["prod"]);
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
        let Error::UnexpectedResponse { what, .. } = error else { panic!("{error}") };
        what
    };
    assert_eq!(expect(&["Currency", "s"], "[[1]]"), "costs without the cost column");
    assert_eq!(expect(&["Cost", "s"], "[[1]]"), "costs without a currency");
    assert_eq!(expect(&["Cost", "Currency"], "[[1]]"), "costs without the column of a group");
    assert_eq!(expect(&["Cost", "Currency", "s"], r#"[[1, "EUR"]]"#), "a row with cells missing");
    assert_eq!(expect(&["Cost", "Currency", "s"], r#"[["x", "EUR", ""]]"#), "a figure that is not a number");
    assert_eq!(expect(&["Cost", "Currency", "s"], r#"[[1, null, ""]]"#), "a cost without a currency");
    assert_eq!(expect(&["Cost", "Currency", "s"], "[null]"), "a row with cells missing");
    assert_eq!(
        expect(&["Cost", "Currency", "s"], r#"[[1, "Euro", ""]]"#),
        "a currency that is not a currency code"
    );
    assert_eq!(expect(&["Cost", "Currency", "s"], r#"[[1, "EUR", []]]"#), "a cell that is not a plain value");
    for body in ["", "{}", "[]", r#"{"value":[]}"#, r#"{"properties":1}"#] {
        assert!(read(body.as_bytes(), query()).is_err(), "{body}");
    }
}

#[test]
fn no_rows_need_no_columns() {
    assert_eq!(read(br#"{"properties":{"columns":[],"rows":[]}}"#, query().group_by(by("s"))).unwrap(), []);
    for body in
        [r#"{"properties":{}}"#, r#"{"properties":null}"#, r#"{"type":"Microsoft.CostManagement/query"}"#]
    {
        assert_eq!(read(body.as_bytes(), query()).unwrap(), [], "{body}");
    }
}

/// A member of the specification: there, null or absent. A table's cell likewise, but it cannot be absent.
fn member(name: &'static str, value: impl Strategy<Value = String>) -> impl Strategy<Value = Option<String>> {
    let there = value.prop_map(move |value| Some(format!("\"{name}\":{value}")));
    prop_oneof![4 => there, 1 => Just(Some(format!("\"{name}\":null"))), 1 => Just(None)]
}

/// An amount in cents, and the ways to write it: plain, with an exponent, as text.
fn written(cents: i64, how: usize) -> String {
    let plain = Decimal::new(cents, 2).to_string();
    [plain.clone(), format!("{cents}e-2"), format!("\"{plain}\""), format!("\"{cents}E-2\"")][how % 4].clone()
}

prop_compose! {
    /// A page as the specification allows it, and the sum of its costs in each currency.
    fn pages()(
        rows in proptest::collection::vec((-10_000_i64..10_000, 0_usize..4, 0_usize..3, 0_usize..4), 0..12),
        order in Just(vec![0_usize, 1, 2, 3]).prop_shuffle(),
        null_rows in proptest::bool::weighted(0.1),
    )(
        next in member("nextLink", Just("\"\"".to_owned())),
        kind in member("type", Just("\"Microsoft.CostManagement/query\"".to_owned())),
        rows in Just(rows), order in Just(order), null_rows in Just(null_rows),
    ) -> (String, Vec<(i64, usize)>) {
        const NAMES: [&str; 4] = ["Cost", "s", "Currency", "Extra"];
        let columns: Vec<_> = order.iter().map(|i| format!("{{\"name\":\"{}\",\"type\":null}}", NAMES[*i])).collect();
        let lines: Vec<_> = rows.iter().map(|(cents, how, currency, group)| {
            let cells = [
                written(*cents, *how),
                ["null", "\"\"", "\"Storage\"", "\"storage\""][*group].to_owned(),
                ["\"EUR\"", "\"usd\"", "\"Gbp\""][*currency].to_owned(),
                "{\"x\":[1]}".to_owned(),
            ];
            format!("[{}]", order.iter().map(|i| cells[*i].clone()).collect::<Vec<_>>().join(","))
        }).collect();
        let lines = if null_rows { "null".to_owned() } else { format!("[{}]", lines.join(",")) };
        let table = format!("\"columns\":[{}],\"rows\":{lines}", columns.join(","));
        let properties: Vec<_> = next.into_iter().chain([table]).collect();
        let members: Vec<_> = kind.into_iter().chain([format!("\"properties\":{{{}}}", properties.join(","))]).collect();
        let sums = if null_rows { Vec::new() } else { rows.iter().map(|row| (row.0, row.2)).collect() };
        (format!("{{{}}}", members.join(",")), sums)
    }
}

/// JSON of any shape in the places of the specification.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zA-Z0-9.eE+-]{0,6}".prop_map(Value::from),
        prop_oneof!["Cost", "Currency", "EUR", "s", "1e-3"].prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let name = prop_oneof![
            "properties",
            "columns",
            "rows",
            "name",
            "nextLink",
            "error",
            "code",
            "message",
            "type"
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(name, inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_the_specification_allows_adds_up((body, costs) in pages()) {
        let mut result = QueryResult::default();
        read_page(&answer(body.as_bytes()), &query().group_by(by("s")).build().unwrap(), &mut KnownGroups::default(), &mut result).unwrap();
        let totals = result.totals().unwrap();
        let summed = result.summed().unwrap();
        prop_assert_eq!(&summed.totals().unwrap(), &totals);
        for (index, currency) in ["EUR", "USD", "GBP"].into_iter().enumerate() {
            let cents: i64 = costs.iter().filter(|cost| cost.1 == index).map(|cost| cost.0).sum();
            let sum = totals.get(currency.parse().unwrap()).map(|sum| sum.amount).unwrap_or_default();
            prop_assert_eq!(sum, Decimal::new(cents, 2), "{}: {}", currency, body);
        }
    }

    #[test]
    fn any_json_is_read_or_refused_with_a_reason(body in anything()) {
        if let Err(error) = read(body.to_string().as_bytes(), query().group_by(by("s"))) {
            prop_assert!(error.azure().is_some(), "{}", error);
            prop_assert!(error.to_string().len() > 20, "{}", error);
        }
    }

    #[test]
    fn hostile_pages_never_panic(body in "\\PC{0,200}", cell in "\\PC{0,20}") {
        let _ = read(body.as_bytes(), query());
        let _ = text(&cell);
        let _ = super::date(&cell);
    }
}
