//! The forecast of Cost Management: what it refuses, what it is made of, and how it may look.

use std::collections::BTreeMap;

use emulator::{
    Config, CostRefusal, CostRefusalKind, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, ForecastForm,
    PROD_SUBSCRIPTION, Quotas,
};
use jiff::civil::{Date, date};
use jiff::{Span, ToSpan as _};
use serde_json::{Value, json};

use crate::harness::Stand;

const GROUP: &str = "/providers/Microsoft.Management/managementGroups/contoso";
const ENROLMENT: &str = "/providers/Microsoft.Billing/billingAccounts/8611537";
/// Noon of this day is now; costs are complete up to the 18th.
const TODAY: Date = date(2026, 11, 20);

fn dev() -> String {
    format!("/subscriptions/{DEV_SUBSCRIPTION}")
}

/// From tomorrow to the end of the month, as a body.
fn november() -> Value {
    json!({
        "type": "ActualCost", "timeframe": "Custom",
        "timePeriod": {"from": "2026-11-21T00:00:00Z", "to": "2026-11-30T23:59:59Z"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
        },
        "includeActualCost": false, "includeFreshPartialCost": false,
    })
}

/// The same with other values at some places.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut body = november();
    for (place, value) in changes {
        body[place.split('/').next().unwrap()] = match place.split_once('/') {
            None => value.clone(),
            Some((member, name)) => {
                let mut inner = body[member].clone();
                inner[name] = value.clone();
                inner
            }
        };
    }
    body
}

struct Asked {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Asked {
    fn rows(&self) -> Vec<Vec<Value>> {
        let rows = self.body["properties"]["rows"].as_array().unwrap_or_else(|| panic!("{}", self.body));
        rows.iter().map(|row| row.as_array().unwrap().clone()).collect()
    }

    fn columns(&self) -> Vec<&str> {
        let columns =
            self.body["properties"]["columns"].as_array().unwrap_or_else(|| panic!("{}", self.body));
        columns.iter().map(|column| column["name"].as_str().unwrap()).collect()
    }
}

async fn ask(stand: &Stand, person: &str, scope: &str, body: &Value) -> Asked {
    let token = stand.arm_token(person).await;
    let path = format!("{scope}/providers/Microsoft.CostManagement/forecast?api-version=2025-03-01");
    let response = stand.arm_post(&token, &path, body).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Asked { status, headers, body: serde_json::from_str(&text).unwrap_or_default() }
}

#[tokio::test]
async fn what_it_does_not_forecast_it_refuses() {
    let stand = Stand::start().await;
    let period = |from: &str, to: &str| ("timePeriod", json!({"from": from, "to": to}));
    let aggregation =
        |name: &str| ("dataset/aggregation", json!({"totalCost": {"name": name, "function": "Sum"}}));
    let past = "CantForecastOnThePast";
    for (change, code, words) in [
        (period("2026-11-01", "2026-11-19"), past, past),
        (period("2026-11-01", "2026-11-20"), past, past),
        (period("2026-11-21", "2036-11-21"), "BadRequest", "at most 120 months"),
        (
            ("dataset/grouping", json!([{"type": "Dimension", "name": "ServiceName"}])),
            "BadRequest",
            "grouping",
        ),
        (aggregation("UsageQuantity"), "BadRequest", "Invalid column 'UsageQuantity'"),
        (aggregation("Costs"), "BadRequest", "Invalid column 'Costs'"),
        (("dataset/aggregation", json!({})), "BadRequest", "aggregation is required"),
        (("dataset/granularity", json!("None")), "BadRequest", "Invalid granularity"),
        (("dataset/filter", json!({"not": {}})), "500", ""),
        (("type", json!("Forecast")), "BadRequest", "type must be"),
        (("dataset", Value::Null), "BadRequest", "Dataset is invalid or not supplied"),
    ] {
        let refused = ask(&stand, "alice", &dev(), &with(std::slice::from_ref(&change))).await;
        assert_eq!(refused.body["error"]["code"], code, "{change:?}: {}", refused.body);
        let message = refused.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{change:?}: {message}");
    }
    for name in ["Cost", "CostUSD", "PreTaxCost", "PreTaxCostUSD"] {
        let told = ask(&stand, "alice", &dev(), &with(&[aggregation(name)])).await;
        assert_eq!((told.status, told.columns()[0]), (200, name));
    }
}

#[tokio::test]
async fn the_same_roles_open_it_as_a_query() {
    let stand = Stand::start().await;
    for (person, scope, status, code) in [
        ("carol", dev(), 401, "RBACAccessDenied"),
        ("bob", format!("/subscriptions/{FACTORY_SUBSCRIPTION}"), 401, "RBACAccessDenied"),
        ("alice", GROUP.to_owned(), 401, "RBACAccessDenied"),
        ("alice", ENROLMENT.to_owned(), 400, "BillingAccessDenied"),
    ] {
        let refused = ask(&stand, person, &scope, &november()).await;
        assert_eq!((refused.status, &refused.body["error"]["code"]), (status, &json!(code)), "{scope}");
    }
    let group = format!("/subscriptions/{PROD_SUBSCRIPTION}/resourceGroups/rg-shop");
    for (person, scope) in
        [("bob", dev()), ("alice", group), ("frank", GROUP.to_owned()), ("frank", ENROLMENT.to_owned())]
    {
        assert_eq!(ask(&stand, person, &scope, &november()).await.status, 200, "{scope}");
    }
}

/// Calculated anew from the raw rows: the middle of the last four such weekdays that are complete.
#[tokio::test]
async fn a_day_is_forecast_from_the_raw_rows() {
    let stand = Stand::start().await;
    let scope = format!("/subscriptions/{FACTORY_SUBSCRIPTION}");
    let told = ask(&stand, "frank", &scope, &with(&[("type", json!("AmortizedCost"))])).await;
    assert_eq!(told.columns(), ["Cost", "UsageDate", "CostStatus", "Currency"]);
    let mut costs: BTreeMap<(String, Date), i64> = BTreeMap::new();
    for row in stand.emulator.raw_rows(&scope, date(2026, 9, 1)..=date(2026, 11, 18), true).unwrap() {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        *costs.entry((text("currency"), text("date").parse().unwrap())).or_default() += units(&text("cost"));
    }
    let mut rows = told.rows().into_iter();
    for day in date(2026, 11, 21).series(Span::new().days(1)).take_while(|day| *day <= date(2026, 11, 30)) {
        for currency in ["CHF", "GBP", "USD"] {
            let weekdays = (1_i64..=11).map(|weeks| day - weeks.weeks());
            let same = weekdays.filter(|day| *day <= date(2026, 11, 18)).take(4);
            let mut same: Vec<i64> =
                same.map(|day| costs.get(&(currency.to_owned(), day)).copied().unwrap_or_default()).collect();
            same.sort_unstable();
            let row = rows.next().unwrap();
            let number: i64 = day.strftime("%Y%m%d").to_string().parse().unwrap();
            assert_eq!(row[1..], [json!(number), json!("Forecast"), json!(currency)]);
            assert_eq!(units(&row[0].to_string()), same[1].midpoint(same[2]), "{day} {currency}");
        }
    }
    assert_eq!(rows.next(), None);
}

/// 10⁻⁸ of a decimal's text.
fn units(text: &str) -> i64 {
    if let Some((digits, exponent)) = text.split_once("e-") {
        return units(digits) / 10_i64.pow(exponent.parse().unwrap());
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction:0<8}");
    digits.parse().unwrap()
}

#[tokio::test]
async fn what_was_is_told_where_it_is_wanted() {
    let stand = Stand::start().await;
    let asked = |actual: Value, fresh: bool| {
        with(&[
            ("timePeriod/from", json!("2026-11-16")),
            ("timePeriod/to", json!("2026-11-22")),
            ("includeActualCost", actual),
            ("includeFreshPartialCost", json!(fresh)),
        ])
    };
    for (actual, fresh, expected) in [
        (json!(false), false, "20F 21F 22F"),
        (json!(true), false, "16A 17A 18A 20F 21F 22F"),
        (json!(true), true, "16A 17A 18A 19A 20A 21F 22F"),
        (Value::Null, false, "16A 17A 18A 20F 21F 22F"),
    ] {
        let told = ask(&stand, "bob", &dev(), &asked(actual.clone(), fresh)).await;
        let word = |row: &Vec<Value>| {
            format!("{}{}", row[1].as_i64().unwrap() % 100, &row[2].as_str().unwrap()[..1])
        };
        let words: Vec<_> = told.rows().iter().map(word).collect();
        assert_eq!(words.join(" "), expected, "{actual} {fresh}");
    }
    let monthly = with(&[
        ("timePeriod", json!({"from": "2026-11-01", "to": "2027-01-31"})),
        ("dataset/granularity", json!("Monthly")),
        ("includeActualCost", json!(true)),
    ]);
    let told = ask(&stand, "bob", &dev(), &monthly).await;
    assert_eq!(told.columns()[1], "BillingMonth");
    let months: Vec<_> = told.rows().iter().map(|row| format!("{} {}", row[1], row[2])).collect();
    let month = |month: &str, status: &str| format!("\"{month}-01T00:00:00\" \"{status}\"");
    assert_eq!(
        months,
        [
            month("2026-11", "Actual"),
            month("2026-11", "Forecast"),
            month("2026-12", "Forecast"),
            month("2027-01", "Forecast")
        ]
    );
}

#[tokio::test]
async fn an_answer_has_forty_rows_and_no_more() {
    let stand = Stand::start().await;
    let long = with(&[("timePeriod/to", json!("2027-01-19"))]);
    let told = ask(&stand, "bob", &dev(), &long).await;
    assert_eq!((told.rows().len(), &told.body["properties"]["nextLink"]), (40, &Value::Null));
    let form = ForecastForm { pages: true, ..ForecastForm::default() };
    stand.emulator.faults().update(|faults| faults.forecast = form);
    let told = ask(&stand, "bob", &dev(), &long).await;
    let next = told.body["properties"]["nextLink"].as_str().unwrap();
    assert!(next.contains("/forecast?api-version=2025-03-01&$skiptoken="), "{next}");
    let token = stand.arm_token("bob").await;
    let rest: Value = stand.arm_post(&token, next, &long).await.json().await.unwrap();
    assert_eq!(rest["properties"]["rows"].as_array().unwrap().len(), 20);
    // As in the specification's example of an invoice section.
    let told = ask(&stand, "frank", ENROLMENT, &long).await;
    let next = told.body["properties"]["nextLink"].as_str().unwrap();
    assert!(next.contains("/Forecast?api-version=2021-10-01"), "{next}");
}

#[tokio::test]
async fn too_little_history_is_no_error() {
    let young = Config { today: Some(date(2025, 1, 29)), ..Config::default() };
    let stand = Stand::with(young).await;
    let body = with(&[("timePeriod", json!({"from": "2025-01-30", "to": "2025-01-31"}))]);
    // Of 27 days all costs are known.
    assert_eq!(ask(&stand, "bob", &dev(), &body).await.status, 204);
    let form = ForecastForm { empty_page: true, ..ForecastForm::default() };
    stand.emulator.faults().update(|faults| faults.forecast = form);
    let told = ask(&stand, "bob", &dev(), &body).await;
    assert_eq!((told.status, told.rows().len()), (200, 0));
    let form = ForecastForm { least_history: 27, ..ForecastForm::default() };
    stand.emulator.faults().update(|faults| faults.forecast = form);
    assert_eq!(ask(&stand, "bob", &dev(), &body).await.rows().len(), 2);
}

#[tokio::test]
async fn an_offer_may_have_none_and_bad_data_too() {
    let stand = Stand::start().await;
    for (kind, status) in [
        (CostRefusalKind::FailedDependency, 424),
        (CostRefusalKind::UnsupportedOffer, 422),
        (CostRefusalKind::NotSupported, 404),
        (CostRefusalKind::AccessDenied, 401),
    ] {
        let refusal = CostRefusal { operation: Some("forecast".to_owned()), ..CostRefusal::of(kind) };
        stand.emulator.faults().update(|faults| faults.cost_refusal = Some(refusal));
        assert_eq!(ask(&stand, "bob", &dev(), &november()).await.status, status);
    }
}

/// The request of the specification's example, moved ahead, has the answer's columns.
#[tokio::test]
async fn the_example_of_the_specification_is_answered() {
    let stand = Stand::start().await;
    let vector = include_str!("../data/2026-06-01.InvoiceSectionForecast.json");
    let vector: Value = serde_json::from_str(vector).unwrap();
    let mut body = vector["parameters"]["parameters"].clone();
    body["timePeriod"] = json!({"from": "2026-11-21T00:00:00+00:00", "to": "2026-11-30T23:59:59+00:00"});
    let form = ForecastForm { pretax_column: true, empty_page: true, ..ForecastForm::default() };
    stand.emulator.faults().update(|faults| faults.forecast = form);
    let told = ask(&stand, "bob", &dev(), &body).await;
    let expected = &vector["responses"]["200"]["body"];
    assert_eq!(told.body["properties"]["columns"], expected["properties"]["columns"]);
    assert_eq!(told.body["type"], expected["type"]);
}

#[tokio::test]
async fn it_takes_query_units_and_turns_as_a_query_does() {
    let stand =
        Stand::with(Config { today: Some(TODAY), quotas: Quotas::DOCUMENTED, ..Config::default() }).await;
    let long = with(&[("timePeriod/to", json!("2027-01-19"))]);
    let told = ask(&stand, "bob", &dev(), &long).await;
    assert_eq!(told.headers["x-ms-ratelimit-microsoft.costmanagement-qpu-consumed"], "2");
    let refused = with(&[("timePeriod/to", json!("2026-11-20"))]);
    for body in [november(), refused, november(), november()] {
        ask(&stand, "bob", &dev(), &body).await;
    }
    let throttled = ask(&stand, "bob", &dev(), &november()).await;
    assert_eq!(throttled.status, 429);
    assert!(throttled.headers.contains_key("x-ms-ratelimit-microsoft.costmanagement-entity-retry-after"));
}
