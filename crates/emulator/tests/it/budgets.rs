//! Budgets as a client lists them: who may, whose are in a list, and what the last evaluation says against the raw rows.

use std::collections::BTreeMap;

use emulator::{
    Config, CostRefusal, CostRefusalKind, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION,
    PROD_SUBSCRIPTION, Quotas,
};
use jiff::civil::{Date, date};
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::Stand;

const PROFILE: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD";
const COST_MANAGEMENT: &str = "Microsoft.CostManagement";
const CONSUMPTION: &str = "Microsoft.Consumption";
const HOUR: i64 = 3_600;

fn subscription(id: &str) -> String {
    format!("/subscriptions/{id}")
}

async fn asked(stand: &Stand, person: &str, (scope, provider): (&str, &str), more: &str) -> Response {
    let token = stand.arm_token(person).await;
    let version = if provider == CONSUMPTION { "2024-08-01" } else { "2025-03-01" };
    let (name, parameters) = more.split_once('?').unwrap_or((more, ""));
    let path = format!("{scope}/providers/{provider}/budgets{name}?api-version={version}{parameters}");
    stand.arm_get(&token, &path).await
}

/// All pages of a list.
async fn listed(stand: &Stand, person: &str, place: (&str, &str), parameters: &str) -> Vec<Value> {
    let token = stand.arm_token(person).await;
    let mut response = asked(stand, person, place, parameters).await;
    let mut all = Vec::new();
    loop {
        assert_eq!(response.status(), 200, "{place:?} {parameters}");
        let page: Value = response.json().await.unwrap();
        let value = page["value"].as_array().unwrap();
        assert!(value.len() <= 2, "{page}");
        all.extend(value.iter().cloned());
        let Some(next) = page["nextLink"].as_str() else { return all };
        response = stand.arm_get(&token, next).await;
    }
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"]["code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

fn ids(budgets: &[Value]) -> Vec<&str> {
    budgets.iter().map(|budget| budget["id"].as_str().unwrap()).collect()
}

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// A budget of a subscription as it is ordered.
fn order(scope: &str, name: &str, properties: &Value) -> Value {
    let mut all = json!({"category": "Cost", "amount": 100, "timeGrain": "Monthly",
                         "timePeriod": {"startDate": "2026-01-01T00:00:00Z"}});
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    json!({"scope": scope, "name": name, "properties": all})
}

#[tokio::test]
async fn who_may_not_read_costs_reads_no_budgets() {
    let stand = Stand::start().await;
    for provider in [COST_MANAGEMENT, CONSUMPTION] {
        for more in ["", "/monthly-cost"] {
            let prod = asked(&stand, "bob", (&subscription(PROD_SUBSCRIPTION), provider), more).await;
            assert_eq!(code(prod).await, (401, "RBACAccessDenied".to_owned()), "{provider}{more}");
        }
        let profile = asked(&stand, "alice", (PROFILE, provider), "").await;
        assert_eq!(code(profile).await, (400, "BillingAccessDenied".to_owned()), "{provider}");
    }
    let prod = subscription(PROD_SUBSCRIPTION);
    for wrong in
        ["?&$filter=category%20eq%20'Cost'", "?&$filter=properties/category%20eq%20'Usage'", "?&$skiptoken=x"]
    {
        let refused = asked(&stand, "alice", (&prod, COST_MANAGEMENT), wrong).await;
        assert_eq!(code(refused).await, (400, "BadRequest".to_owned()), "{wrong}");
    }
    // One of a resource group is none of its subscription.
    let trial = asked(&stand, "alice", (&prod, COST_MANAGEMENT), "/trial").await;
    assert_eq!(code(trial).await.0, 404);
    let training =
        asked(&stand, "alice", (&subscription(DEV_SUBSCRIPTION), COST_MANAGEMENT), "/training").await;
    assert_eq!(code(training).await.0, 404);
    stand.emulator.faults().update(|faults| {
        let kind = CostRefusalKind::TooManyRequests(BTreeMap::from([("entity".to_owned(), "7".to_owned())]));
        faults.cost_refusal =
            Some(CostRefusal { operation: Some("budgets".to_owned()), ..CostRefusal::of(kind) });
    });
    let refused = asked(&stand, "alice", (&prod, COST_MANAGEMENT), "").await;
    assert_eq!(refused.headers()["x-ms-ratelimit-microsoft.costmanagement-entity-retry-after"], "7");
    assert_eq!(code(refused).await, (429, "429".to_owned()));
}

#[tokio::test]
async fn a_subscriptions_list_has_those_of_its_groups_under_equal_names() {
    let stand = Stand::start().await;
    let prod = subscription(PROD_SUBSCRIPTION);
    let group = format!("{prod}/resourceGroups/rg-shop");
    for provider in [COST_MANAGEMENT, CONSUMPTION] {
        let all = listed(&stand, "alice", (&prod, provider), "").await;
        let shop: Vec<_> = all.iter().filter(|budget| budget["name"] == "team-shop").collect();
        let expected = [&prod, &group].map(|scope| format!("{scope}/providers/{provider}/budgets/team-shop"));
        assert_eq!(
            shop.iter().map(|budget| &budget["id"]).collect::<Vec<_>>(),
            expected.iter().collect::<Vec<_>>()
        );
        let of_group = listed(&stand, "alice", (&group, provider), "").await;
        assert_eq!(ids(&of_group), [expected[1].as_str()]);
        let one: Value = asked(&stand, "alice", (&group, provider), "/TEAM-shop").await.json().await.unwrap();
        assert_eq!(one, of_group[0]);
        assert_ne!(one["properties"]["amount"], shop[0]["properties"]["amount"]);
        assert_ne!(one["eTag"], shop[0]["eTag"]);
    }
    let dev = listed(&stand, "bob", (&subscription(DEV_SUBSCRIPTION), COST_MANAGEMENT), "").await;
    assert_eq!(dev.len(), 3, "{dev:?}");
}

#[tokio::test]
async fn a_budget_has_the_members_of_the_specification() {
    let stand = Stand::start().await;
    let body = |text: &str| -> Value {
        serde_json::from_str::<Value>(text).unwrap()["responses"]["200"]["body"].take()
    };
    let vector = body(include_str!("../data/2026-06-01.SubscriptionBudgetsList.json"));
    let prod = listed(&stand, "alice", (&subscription(PROD_SUBSCRIPTION), COST_MANAGEMENT), "").await;
    let shop = prod.iter().find(|budget| budget["name"] == "team-shop").unwrap();
    assert_eq!(names(shop), names(&vector["value"][0]));
    assert_eq!(names(&shop["properties"]), names(&vector["value"][0]["properties"]));
    let first = &shop["properties"]["notifications"]["Actual_GreaterThanOrEqualTo_50_Percent"];
    assert!(first["thresholdType"].is_null(), "one without it stands for Actual: {first}");

    let vector = body(include_str!("../data/2026-06-01.Get-ReservationUtilization-AlertRule.json"));
    let only = "?&$filter=properties/category%20eq%20'ReservationUtilization'";
    let watched = listed(&stand, "frank", (PROFILE, COST_MANAGEMENT), only).await;
    assert_eq!(watched.len(), 1);
    assert_eq!(names(&watched[0]["properties"]), names(&vector["properties"]));
    assert!(
        listed(&stand, "frank", (PROFILE, CONSUMPTION), "")
            .await
            .iter()
            .all(|one| one["properties"]["category"] == "Cost")
    );
    let costs =
        listed(&stand, "frank", (PROFILE, COST_MANAGEMENT), "?&$filter=properties/category%20eq%20'Cost'")
            .await;
    assert_eq!(costs.len(), 1);
}

#[tokio::test]
async fn each_provider_counts_its_own_calls() {
    let quotas = Quotas { entity_per_minute: Some(1), consumption_per_minute: Some(1), ..Quotas::default() };
    let stand = Stand::with(Config { quotas, ..Config::default() }).await;
    let dev = subscription(DEV_SUBSCRIPTION);
    for (provider, header) in [
        (COST_MANAGEMENT, "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after"),
        (CONSUMPTION, "x-ms-ratelimit-microsoft.consumption-retry-after"),
    ] {
        assert_eq!(asked(&stand, "alice", (&dev, provider), "").await.status(), 200);
        let refused = asked(&stand, "alice", (&dev, provider), "").await;
        assert!(refused.headers().contains_key(header), "{provider}");
        assert_eq!(code(refused).await, (429, "429".to_owned()));
    }
}

#[tokio::test]
async fn what_is_made_at_one_provider_shows_at_the_other_on_a_switch() {
    let dev = subscription(DEV_SUBSCRIPTION);
    for (are_shared, seen) in [(true, 2), (false, 1)] {
        let stand = Stand::with(Config { budgets_are_shared: are_shared, ..Config::default() }).await;
        let mut older = order(&dev, "older", &json!({}));
        older["provider"] = CONSUMPTION.into();
        stand.emulator.set_budgets(vec![order(&dev, "newer", &json!({})), older]).unwrap();
        for provider in [COST_MANAGEMENT, CONSUMPTION] {
            assert_eq!(listed(&stand, "bob", (&dev, provider), "").await.len(), seen, "{provider}");
        }
    }
}

/// 10^-8 of a decimal text.
fn units(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    sign * format!("{whole}{part:0<8}").parse::<i128>().unwrap()
}

/// Costs in 10^-8, of the raw rows of these days that pass.
fn summed(stand: &Stand, scope: &str, days: (Date, Date), passes: impl Fn(&Value) -> bool) -> i128 {
    let rows = stand.emulator.raw_rows(scope, days.0..=days.1, false).unwrap();
    rows.iter().filter(|row| passes(row)).map(|row| units(row["cost"].as_str().unwrap())).sum()
}

fn amount(value: &Value) -> i128 {
    units(&format!("{:.8}", value.as_f64().unwrap_or_else(|| panic!("{value}"))))
}

async fn spent(stand: &Stand, scope: &str, name: &str) -> Value {
    let name = format!("/{name}");
    let one: Value = asked(stand, "frank", (scope, COST_MANAGEMENT), &name).await.json().await.unwrap();
    one["properties"].clone()
}

#[tokio::test]
async fn what_is_spent_is_what_the_last_daily_evaluation_found() {
    // Looked at from noon on: at seven the next day the evaluation of six is an hour old, and no update came since.
    let stand = Stand::start().await;
    stand.emulator.advance_clock(19 * HOUR);
    let today = date(2026, 11, 21);
    let prod = subscription(PROD_SUBSCRIPTION);
    let november = (date(2026, 11, 1), today);
    let whole = summed(&stand, &prod, november, |row| row["currency"] == "EUR");
    assert_eq!(amount(&spent(&stand, &prod, "monthly-cost").await["currentSpend"]["amount"]), whole);
    let shop = summed(&stand, &prod, november, |row| row["tags"]["team"] == "shop");
    let found = spent(&stand, &prod, "team-shop").await;
    assert_eq!(
        (amount(&found["currentSpend"]["amount"]), &found["currentSpend"]["unit"]),
        (shop, &json!("EUR"))
    );
    assert!(found["forecastSpend"].is_null(), "nobody is told of forecasts: {found}");
    let databases =
        |row: &Value| ["SQL Database", "Azure Cosmos DB"].iter().any(|name| row["serviceName"] == *name);
    // Its quarters begin in February.
    let quarter = summed(&stand, &prod, (date(2026, 11, 1), today), databases);
    let found = spent(&stand, &prod, "databases").await;
    assert_eq!(amount(&found["currentSpend"]["amount"]), quarter);
    assert!(found["forecastSpend"]["amount"].as_f64() > found["currentSpend"]["amount"].as_f64(), "{found}");
    let group = format!("{prod}/resourceGroups/rg-shop");
    let both = summed(&stand, &group, november, |row| {
        ["SQL Database", "Storage"].iter().any(|name| row["serviceName"] == *name)
            && row["tags"]["env"] == "prod"
    });
    assert_eq!(amount(&spent(&stand, &group, "team-shop").await["currentSpend"]["amount"]), both);
    // Of an enrolment in Swiss francs, and by the days of invoices.
    let factory = subscription(FACTORY_SUBSCRIPTION);
    let lines = summed(&stand, &factory, november, |row| {
        row["currency"] == "CHF" && row["resourceGroup"] == "rg-line-1" && row["tags"]["team"] == "line"
    });
    let found = spent(&stand, &factory, "lines").await;
    assert_eq!(
        (amount(&found["currentSpend"]["amount"]), &found["currentSpend"]["unit"]),
        (lines, &json!("CHF"))
    );
    let lab = subscription(LAB_SUBSCRIPTION);
    let invoice = summed(&stand, &lab, (date(2026, 11, 19), today), |row| row["currency"] == "EUR");
    assert_eq!(amount(&spent(&stand, &lab, "invoice").await["currentSpend"]["amount"]), invoice);
    // Hours later there is more, and the figure is the same.
    let before = spent(&stand, &prod, "monthly-cost").await;
    stand.emulator.advance_clock(14 * HOUR);
    assert!(summed(&stand, &prod, november, |row| row["currency"] == "EUR") > whole);
    assert_eq!(spent(&stand, &prod, "monthly-cost").await, before);
    stand.emulator.advance_clock(10 * HOUR);
    assert_ne!(spent(&stand, &prod, "monthly-cost").await["currentSpend"], before["currentSpend"]);
}

#[tokio::test]
async fn nothing_is_known_on_the_day_of_creation_and_when_it_begins_anew() {
    let stand = Stand::with(Config { today: Some(date(2026, 12, 1)), ..Config::default() }).await;
    let dev = subscription(DEV_SUBSCRIPTION);
    let mut new = order(&dev, "new", &json!({"timeGrain": "Annually"}));
    new["created"] = "2026-12-01T09:00:00Z".into();
    let old = order(&dev, "old", &json!({}));
    stand.emulator.set_budgets(vec![new, old]).unwrap();
    assert_eq!(spent(&stand, &dev, "new").await["currentSpend"], json!({"amount": null, "unit": "EUR"}));
    assert_eq!(spent(&stand, &dev, "old").await["currentSpend"], json!({"amount": 0.0, "unit": "EUR"}));
    stand.emulator.advance_clock(24 * HOUR);
    for name in ["new", "old"] {
        assert!(amount(&spent(&stand, &dev, name).await["currentSpend"]["amount"]) > 0, "{name}");
    }
}

#[tokio::test]
async fn what_azure_would_not_take_is_no_budget() {
    let stand = Stand::start().await;
    let dev = subscription(DEV_SUBSCRIPTION);
    let notifications: Value =
        (0..6).map(|n| (n.to_string(), json!({"threshold": n}))).collect::<serde_json::Map<_, _>>().into();
    let one = json!({"dimensions": {"name": "ServiceName", "operator": "In", "values": ["Storage"]}});
    for (wrong, why) in [
        (json!({"category": "Usage"}), "no such category"),
        (json!({"amount": null}), "an amount"),
        (json!({"timeGrain": "Daily"}), "no such time grain"),
        (json!({"timeGrain": "Last7Days"}), "other time grains"),
        (json!({"timeGrain": "BillingMonth"}), "pay-as-you-go alone"),
        (json!({"timePeriod": {"startDate": "2026-01-02"}}), "the first of a month"),
        (json!({"timePeriod": {"startDate": "2017-05-01"}}), "2017-06-01"),
        (json!({"timePeriod": {"startDate": "2026-02-01", "endDate": "2026-01-31"}}), "before the end"),
        (json!({"notifications": notifications}), "at most five"),
        (json!({"filter": {"and": [one]}}), "one and only one"),
        (json!({"filter": {"not": one}}), "internal server error"),
        (json!({"budget": 5}), "unknown field"),
    ] {
        let refused = stand.emulator.set_budgets(vec![order(&dev, "wrong", &wrong)]).unwrap_err().to_string();
        assert!(refused.starts_with("the budget wrong: ") && refused.contains(why), "{wrong}: {refused}");
    }
    let twice = vec![order(&dev, "one", &json!({})), order(&dev, "one", &json!({}))];
    assert!(stand.emulator.set_budgets(twice).is_err());
    assert!(stand.emulator.set_budgets(vec![order("/subscriptions/1", "x", &json!({}))]).is_err());
    assert!(stand.emulator.set_budgets(vec![order(&dev, "a b", &json!({}))]).is_err());
    // Over the control API, and back.
    let url = format!("{}/_emulator/budgets", stand.emulator.endpoints().authority);
    let before = stand.get_json(&url).await;
    assert_eq!(before, json!(stand.emulator.budgets()));
    let refused = stand
        .http
        .put(&url)
        .json(&json!([order(&dev, "x", &json!({"category": "Usage"}))]))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(stand.get_json(&url).await, before, "nothing was replaced");
    let put = stand.http.put(&url).json(&json!([before[0]])).send().await.unwrap();
    assert_eq!((put.status().as_u16(), stand.emulator.budgets().len()), (204, 1));
}
