//! What costs can be grouped by, and the keys of their tags: pages, refusals, and the traps of the specification's examples.

use emulator::{
    Config, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION, Quotas,
    RETAIL_SUBSCRIPTION,
};
use reqwest::Response;
use serde_json::Value;

use crate::harness::Stand;

const PROFILE: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD";

async fn asked(stand: &Stand, person: &str, scope: &str, parameters: &str) -> Response {
    let token = stand.arm_token(person).await;
    let path =
        format!("{scope}/providers/Microsoft.CostManagement/dimensions?api-version=2025-03-01{parameters}");
    stand.arm_get(&token, &path).await
}

async fn dimensions(stand: &Stand, scope: &str, parameters: &str) -> Vec<Value> {
    let response = asked(stand, "frank", scope, parameters).await;
    assert_eq!(response.status(), 200, "{scope} {parameters}");
    response.json::<Value>().await.unwrap()["value"].as_array().unwrap().clone()
}

fn subscription(id: &str) -> String {
    format!("/subscriptions/{id}")
}

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

const ALL: &str = "&$expand=properties/data";

#[tokio::test]
async fn each_agreement_lists_its_own() {
    let stand = Stand::start().await;
    for (id, has, has_not, count) in [
        (PROD_SUBSCRIPTION, "UnitOfMeasure", "DepartmentName", 43),
        (FACTORY_SUBSCRIPTION, "DepartmentName", "UnitOfMeasure", 33),
        (LAB_SUBSCRIPTION, "ResourceGroupName", "BillingPeriod", 18),
    ] {
        let all = dimensions(&stand, &subscription(id), ALL).await;
        let categories: Vec<_> =
            all.iter().map(|one| one["properties"]["category"].as_str().unwrap()).collect();
        assert!(categories.contains(&has) && !categories.contains(&has_not), "{categories:?}");
        assert_eq!(categories.len(), count);
        for one in &all {
            let properties = &one["properties"];
            assert_eq!(properties["data"].as_array().unwrap().len() as u64, properties["total"], "{one}");
        }
    }
}

#[tokio::test]
async fn a_dimension_has_the_members_of_the_specification() {
    let stand = Stand::start().await;
    let vector = include_str!("../data/2025-03-01.SubscriptionDimensionsList.json");
    let vector: Value = serde_json::from_str(vector).unwrap();
    let expected = &vector["responses"]["200"]["body"]["value"][0];
    let found = &dimensions(&stand, &subscription(DEV_SUBSCRIPTION), ALL).await[0];
    assert_eq!(names(found), names(expected));
    assert_eq!(names(&found["properties"]), names(&expected["properties"]));
    for member in ["category", "description", "filterEnabled", "groupingEnabled"] {
        assert_eq!(found["properties"][member], expected["properties"][member], "{member}");
    }
    let bare = dimensions(&stand, &subscription(DEV_SUBSCRIPTION), "").await;
    assert_eq!(bare[0]["properties"]["data"], serde_json::json!([]), "values are to be asked for");
    assert_eq!(bare[0]["properties"]["total"], found["properties"]["total"]);
}

/// The link in each dimension is of another host's taste: no TLS, spaces, an old version. Its token is good.
#[tokio::test]
async fn values_come_in_pages_by_a_token_whose_link_nobody_can_follow() {
    let stand = Stand::start().await;
    let vector = include_str!("../data/2026-06-01.BillingAccountDimensionsListWithFilter.json");
    let vector: Value = serde_json::from_str(vector).unwrap();
    let example = &vector["responses"]["200"]["body"]["value"][0]["properties"];
    let (_, example) = example["nextLink"].as_str().unwrap().split_once("/Dimensions?").unwrap();

    let filter = "&$filter=properties/category%20eq%20'resourceId'";
    let whole = &dimensions(&stand, PROFILE, &format!("{ALL}{filter}")).await[0]["properties"];
    let whole = whole["data"].as_array().unwrap().clone();
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let page = &dimensions(&stand, PROFILE, &format!("{ALL}{filter}&$top=5{token}")).await;
        assert_eq!(page.len(), 1);
        let properties = &page[0]["properties"];
        assert_eq!(properties["total"], whole.len(), "{page:?}");
        found.extend(properties["data"].as_array().unwrap().iter().cloned());
        let Some(link) = properties["nextLink"].as_str() else { break };
        assert!(link.starts_with("http://localhost:"), "{link}");
        let (_, query) = link.split_once("/Dimensions?").unwrap();
        if token.is_empty() {
            assert_eq!(query, example.replace("resourceId", "ResourceId"));
        }
        token = format!("&$skiptoken={}", query.split_once("$skiptoken=").unwrap().1);
    }
    assert!(found.len() > 10);
    assert_eq!(found, whole);
    // Those that nobody asked for by name end without a link, as in the examples.
    let all = dimensions(&stand, PROFILE, &format!("{ALL}&$top=2")).await;
    assert!(all.iter().all(|one| one["properties"]["nextLink"].is_null()));
    assert!(all.iter().any(|one| one["properties"]["total"].as_u64().unwrap() > 2));
}

#[tokio::test]
async fn what_is_not_in_the_specification_is_refused() {
    let stand = Stand::start().await;
    for wrong in [
        "&$top=0",
        "&$top=1001",
        "&$top=x",
        "&$expand=data",
        "&$filter=category%20eq%20'Meter'",
        "&$filter=properties/category%20ne%20'Meter'",
        "&$skiptoken=1",
    ] {
        let refused = asked(&stand, "frank", &subscription(PROD_SUBSCRIPTION), wrong).await;
        assert_eq!(refused.status(), 400, "{wrong}");
        assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "BadRequest");
    }
    let refused = asked(&stand, "bob", &subscription(PROD_SUBSCRIPTION), "").await;
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "RBACAccessDenied");
    let refused = asked(&stand, "bob", PROFILE, "").await;
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "BillingAccessDenied");
    let nothing = "&$filter=properties/category%20eq%20'NoSuchThing'";
    assert_eq!(asked(&stand, "frank", PROFILE, nothing).await.status(), 204);
    let empty = format!("{}/resourceGroups/rg-nothing", subscription(PROD_SUBSCRIPTION));
    assert_eq!(asked(&stand, "frank", &empty, "").await.status(), 204);
}

#[tokio::test]
async fn dimensions_are_counted_as_cost_managements_calls() {
    let quotas = Quotas { entity_per_minute: Some(1), ..Quotas::default() };
    let stand = Stand::with(Config { quotas, ..Config::default() }).await;
    let scope = subscription(PROD_SUBSCRIPTION);
    let first = asked(&stand, "alice", &scope, "").await;
    assert_eq!(first.headers()["x-ms-ratelimit-microsoft.costmanagement-qpu-consumed"], "1");
    assert_eq!(asked(&stand, "alice", &scope, "").await.status(), 429);
}

async fn tags(stand: &Stand, person: &str, scope: &str) -> Response {
    let token = stand.arm_token(person).await;
    stand
        .arm_get(&token, &format!("{scope}/providers/Microsoft.Consumption/tags?api-version=2024-08-01"))
        .await
}

#[tokio::test]
async fn the_keys_of_tags_are_listed_as_people_spelled_them() {
    let stand = Stand::start().await;
    let body: Value = tags(&stand, "frank", &subscription(RETAIL_SUBSCRIPTION)).await.json().await.unwrap();
    let all = body["properties"]["tags"].as_array().unwrap();
    let mut keys: Vec<_> = all.iter().map(|tag| tag["key"].as_str().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["TEAM", "Team", "cost-centre", "env", "team"]);
    let teams = all.iter().find(|tag| tag["key"] == "team").unwrap();
    assert!(teams["value"].as_array().unwrap().contains(&"batch".into()), "{teams}");

    let refused = tags(&stand, "alice", &subscription(RETAIL_SUBSCRIPTION)).await;
    assert_eq!(refused.status(), 401);
    let untagged = format!("{}/resourceGroups/rg-nothing", subscription(PROD_SUBSCRIPTION));
    assert_eq!(tags(&stand, "alice", &untagged).await.status(), 204);
}

#[tokio::test]
async fn the_older_provider_has_a_limit_and_a_header_of_its_own() {
    let quotas = Quotas { consumption_per_minute: Some(1), ..Quotas::default() };
    let stand = Stand::with(Config { quotas, ..Config::default() }).await;
    let scope = subscription(PROD_SUBSCRIPTION);
    assert_eq!(tags(&stand, "alice", &scope).await.status(), 200);
    let refused = tags(&stand, "alice", &scope).await;
    assert_eq!(refused.status(), 429);
    let wait = refused.headers()["x-ms-ratelimit-microsoft.consumption-retry-after"].to_str().unwrap();
    assert!((1..=60).contains(&wait.parse::<u32>().unwrap()), "{wait}");
    assert!(!refused.headers().contains_key("retry-after"));
}
