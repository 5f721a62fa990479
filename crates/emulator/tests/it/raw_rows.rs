//! The raw rows of the control API, from which a test can calculate what a query answers.

use emulator::{
    Config, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION, Quotas, RETAIL_SUBSCRIPTION,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::harness::Stand;

/// All rows of a scope in a period, page by page.
async fn raw(stand: &Stand, scope: &str, (from, to): (&str, &str), metric: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut skip = Some(0);
    while let Some(at) = skip {
        let authority = &stand.emulator.endpoints().authority;
        let query = format!("scope={scope}&from={from}&to={to}&metric={metric}&skip={at}&limit={limit}");
        let page = stand.get_json(&format!("{authority}/_emulator/rows?{query}")).await;
        rows.extend(page["rows"].as_array().unwrap_or_else(|| panic!("{page}")).iter().cloned());
        skip = page["next"].as_u64();
    }
    rows
}

/// 10^-8 of a decimal text.
fn units(text: &Value) -> i128 {
    let text = text.as_str().unwrap();
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    sign * format!("{whole}{part:0<8}").parse::<i128>().unwrap()
}

/// 10^-8 of a number, as it stands in an answer.
fn number(value: &Value) -> i128 {
    let text = match value.as_f64() {
        // Without an exponent.
        Some(number) => format!("{number:.8}"),
        None => panic!("{value}"),
    };
    units(&text.into())
}

/// Every row of a query's answer: cells by column name, over all pages.
async fn queried(stand: &Stand, scope: &str, body: &Value) -> Vec<BTreeMap<String, Value>> {
    let token = stand.arm_token("frank").await;
    let mut next =
        Some(format!("{scope}/providers/Microsoft.CostManagement/query?api-version=2025-03-01&$top=500"));
    let mut rows = Vec::new();
    while let Some(path) = next {
        let page: Value = stand.arm_post(&token, &path, body).await.json().await.unwrap();
        let properties = &page["properties"];
        let columns: Vec<_> =
            properties["columns"].as_array().unwrap_or_else(|| panic!("{page}")).iter().collect();
        for row in properties["rows"].as_array().unwrap() {
            let cells = columns.iter().zip(row.as_array().unwrap());
            rows.push(
                cells
                    .map(|(column, cell)| (column["name"].as_str().unwrap().to_owned(), cell.clone()))
                    .collect(),
            );
        }
        next = properties["nextLink"].as_str().filter(|link| !link.is_empty()).map(str::to_owned);
    }
    rows
}

#[tokio::test]
async fn every_figure_of_a_query_follows_from_the_raw_rows() {
    let stand = Stand::start().await;
    let period = ("2026-10-27", "2026-11-20");
    let group = format!("/subscriptions/{RETAIL_SUBSCRIPTION}/resourceGroups/RG-WEB");
    for (scope, dimensions) in [
        (format!("/subscriptions/{PROD_SUBSCRIPTION}"), ["ServiceName", "ResourceGroupName"]),
        (format!("/subscriptions/{RETAIL_SUBSCRIPTION}"), ["ChargeType", "PricingModel"]),
        (format!("/subscriptions/{FACTORY_SUBSCRIPTION}"), ["MeterId", "BillingPeriod"]),
        (format!("/subscriptions/{LAB_SUBSCRIPTION}"), ["ResourceId", "Meter"]),
        (group, ["ResourceGroupName", "UnitOfMeasure"]),
        (
            "/providers/Microsoft.Management/managementGroups/contoso".to_owned(),
            ["SubscriptionName", "Meter"],
        ),
        (
            "/providers/Microsoft.Billing/billingAccounts/8611537".to_owned(),
            ["DepartmentName", "ReservationName"],
        ),
    ] {
        for (kind, metric) in [("ActualCost", "actual"), ("AmortizedCost", "amortized")] {
            let mut expected: BTreeMap<String, [i128; 2]> = BTreeMap::new();
            for row in raw(&stand, &scope, period, metric, 700).await {
                let names = dimensions.map(|name| row["dimensions"][name].as_str().unwrap().to_owned());
                let key = format!("{} {names:?} {}", &row["date"].as_str().unwrap()[..7], row["currency"]);
                let sum = expected.entry(key).or_default();
                sum[0] += units(&row["cost"]);
                sum[1] += units(&row["quantity"]);
            }
            let body = json!({
                "type": kind, "timeframe": "Custom",
                "timePeriod": {"from": period.0, "to": period.1},
                "dataset": {
                    "granularity": "Monthly",
                    "aggregation": {"a": {"name": "Cost", "function": "Sum"},
                                    "b": {"name": "UsageQuantity", "function": "Sum"}},
                    "grouping": dimensions.map(|name| json!({"type": "Dimension", "name": name})),
                },
            });
            let mut found: BTreeMap<String, [i128; 2]> = BTreeMap::new();
            for row in queried(&stand, &scope, &body).await {
                let names = dimensions.map(|name| row[name].as_str().unwrap().to_owned());
                let key =
                    format!("{} {names:?} {}", &row["BillingMonth"].as_str().unwrap()[..7], row["Currency"]);
                let sum = found.entry(key).or_default();
                sum[0] += number(&row["Cost"]);
                sum[1] += number(&row["UsageQuantity"]);
            }
            assert_eq!(found, expected, "{scope} {kind}");
            assert!(!found.is_empty());
        }
    }
}

#[tokio::test]
async fn tag_inheritance_is_a_switch() {
    let stand = Stand::start().await;
    let url = format!("{}/_emulator/tag-inheritance", stand.emulator.endpoints().authority);
    let on = json!({"enabled": true, "prefer_container_tags": true});
    assert_eq!(stand.http.put(&url).json(&on).send().await.unwrap().status(), 204);
    assert_eq!(stand.get_json(&url).await, on);
    stand.emulator.advance_clock(12 * 3_600);
    let scope = format!("/subscriptions/{RETAIL_SUBSCRIPTION}");
    let teams = |rows: Vec<Value>| {
        let mut teams: Vec<_> =
            rows.iter().map(|row| row["inheritedTags"]["team"].as_str().unwrap_or("-").to_owned()).collect();
        teams.sort();
        teams.dedup();
        teams
    };
    let november = raw(&stand, &scope, ("2026-11-03", "2026-11-03"), "actual", 1_000).await;
    assert_eq!(teams(november), ["-", "storefront"]);
    let october = raw(&stand, &scope, ("2026-10-03", "2026-10-03"), "actual", 1_000).await;
    assert_eq!(teams(october), ["-"], "not in months before");
    let by_tag = json!({
        "type": "ActualCost", "timeframe": "Custom", "timePeriod": {"from": "2026-11-03", "to": "2026-11-03"},
        "dataset": {"granularity": "None", "aggregation": {"a": {"name": "Cost", "function": "Sum"}},
                    "grouping": [{"type": "TagKey", "name": "TEAM"}]},
    });
    let rows = queried(&stand, &scope, &by_tag).await;
    let has = |value: &str| rows.iter().any(|row| row["TagKey"] == "team" && row["TagValue"] == value);
    assert!(has("storefront") && has("data") && has("") && !has("web"), "{rows:?}");
}

#[tokio::test]
async fn figures_grow_with_the_emulators_clock() {
    let stand = Stand::start().await;
    let scope = format!("/subscriptions/{PROD_SUBSCRIPTION}");
    let mut last = 0;
    for _ in 0..4 {
        let rows = raw(&stand, &scope, ("2026-11-20", "2026-11-20"), "actual", 1_000).await;
        let cost: i128 = rows.iter().map(|row| units(&row["cost"])).sum();
        assert!(cost > last, "{cost} {last}");
        last = cost;
        stand.emulator.advance_clock(16 * 3_600);
    }
    let url = format!("{}/_emulator/rows", stand.emulator.endpoints().authority);
    let unknown = format!("{url}?scope=/subscriptions/none&from=2026-11-01&to=2026-11-02");
    assert_eq!(stand.http.get(unknown).send().await.unwrap().status(), 400);
}

/// 20,000 rows in 40 pages: with ten times as many resources and pages of the real size they are 200,000.
#[tokio::test]
async fn a_big_answer_comes_in_pages() {
    let config = Config {
        big_subscription: 800,
        max_page_rows: 500,
        quotas: Quotas::default(),
        today: Some(jiff::civil::date(2026, 11, 20)),
        ..Config::default()
    };
    let stand = Stand::with(config).await;
    let body = json!({
        "type": "ActualCost", "timeframe": "Custom", "timePeriod": {"from": "2026-10-01", "to": "2026-10-25"},
        "dataset": {"granularity": "Daily", "aggregation": {"a": {"name": "Cost", "function": "Sum"}},
                    "grouping": [{"type": "Dimension", "name": "ResourceId"}]},
    });
    let scope = format!("/subscriptions/{}", emulator::BIG_SUBSCRIPTION);
    let rows = queried(&stand, &scope, &body).await;
    assert_eq!(rows.len(), 20_000);
    let different: std::collections::BTreeSet<_> =
        rows.iter().map(|row| format!("{} {}", row["ResourceId"], row["UsageDate"])).collect();
    assert_eq!(different.len(), 20_000);
}

#[tokio::test]
async fn planted_causes_are_a_switch() {
    let stand = Stand::start().await;
    let url = format!("{}/_emulator/planted", stand.emulator.endpoints().authority);
    let scope = format!("/subscriptions/{PROD_SUBSCRIPTION}");
    let orders = json!([{"subscription": PROD_SUBSCRIPTION, "resource": "pip-shop", "from": "2026-11-10",
                         "to": "2026-11-10", "cause": {"traffic": {"percent": 400}}}]);
    let day = ("2026-11-10", "2026-11-10");
    let quiet = raw(&stand, &scope, day, "actual", 1_000).await;
    assert_eq!(stand.get_json(&url).await, json!([]), "off until somebody plants");
    assert_eq!(stand.http.put(&url).json(&orders).send().await.unwrap().status(), 204);
    assert_eq!(stand.get_json(&url).await, orders);
    let loud = raw(&stand, &scope, day, "actual", 1_000).await;
    let changed: Vec<_> = quiet.iter().zip(&loud).filter(|(quiet, loud)| quiet != loud).collect();
    let [(one, other)] = &changed[..] else { panic!("{changed:?}") };
    assert!(one["resourceId"].as_str().unwrap().ends_with("/pip-shop"), "{one}");
    let cost = |row: &Value| row["cost"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((cost(other) / cost(one) - 4.0).abs() < 1e-4, "{one} {other}");
    // What nothing can have is refused, and leaves what is planted.
    let nothing = json!([{"subscription": PROD_SUBSCRIPTION, "resource": "nobody", "from": "2026-11-10",
                          "cause": "coverage_lost"}]);
    assert_eq!(stand.http.put(&url).json(&nothing).send().await.unwrap().status(), 400);
    assert_eq!(raw(&stand, &scope, day, "actual", 1_000).await, loud);
    assert_eq!(stand.http.put(&url).json(&json!([])).send().await.unwrap().status(), 204);
    assert_eq!(raw(&stand, &scope, day, "actual", 1_000).await, quiet);
}
