//! Who may do what in Azure, while roles come and go: the permissions that ARM lists, and what follows from them.

use emulator::{Config, DEV_SUBSCRIPTION, EndpointFault, PROD_SUBSCRIPTION, Quotas};
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::Stand;

const GROUP: &str = "/providers/Microsoft.Management/managementGroups/contoso";
const ENROLMENT: &str = "/providers/Microsoft.Billing/billingAccounts/8611537";

fn prod() -> String {
    format!("/subscriptions/{PROD_SUBSCRIPTION}")
}

async fn permissions(stand: &Stand, person: &str, scope: &str) -> Response {
    let token = stand.arm_token(person).await;
    let path = format!("{scope}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01");
    stand.arm_get(&token, &path).await
}

async fn query(stand: &Stand, person: &str, scope: &str) -> (u16, Value) {
    let token = stand.arm_token(person).await;
    let body = json!({"type": "ActualCost", "timeframe": "MonthToDate",
                      "dataset": {"granularity": "None", "aggregation": {"a": {"name": "Cost", "function": "Sum"}}}});
    let path = format!("{scope}/providers/Microsoft.CostManagement/query?api-version=2025-03-01");
    let response = stand.arm_post(&token, &path, &body).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"]["code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

async fn control(stand: &Stand, method: reqwest::Method, body: &Value) -> u16 {
    let url = format!("{}/_emulator/roles", stand.emulator.endpoints().authority);
    stand.http.request(method, url).json(body).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_callers_own_actions_are_listed() {
    let stand = Stand::start().await;
    for scope in [prod(), format!("{}/resourceGroups/RG-Shop", prod())] {
        let answer: Value = permissions(&stand, "alice", &scope).await.json().await.unwrap();
        let reader =
            json!({"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []});
        assert_eq!(answer, json!({"value": [reader]}), "{scope}");
    }
    stand.emulator.give_azure_role("alice", Some("Cost Management Reader"), &prod()).unwrap();
    let answer: Value = permissions(&stand, "alice", &prod()).await.json().await.unwrap();
    assert_eq!(answer["value"].as_array().unwrap().len(), 2, "one for each role");
    assert_eq!(answer["value"][1]["actions"][1], "Microsoft.CostManagement/*/read");
}

#[tokio::test]
async fn who_sees_nothing_is_refused_in_arms_words() {
    let stand = Stand::start().await;
    let refused = permissions(&stand, "bob", &prod()).await;
    assert_eq!(code(refused).await, (403, "AuthorizationFailed".to_owned()));
    let group = format!("{}/resourceGroups/rg-shop", prod());
    assert_eq!(code(permissions(&stand, "bob", &group).await).await.0, 403, "not told whether there is one");
    let unknown = permissions(&stand, "alice", "/subscriptions/10000000-0000-4000-8000-00000000ffff").await;
    assert_eq!(code(unknown).await, (404, "SubscriptionNotFound".to_owned()));
    let unknown = permissions(&stand, "alice", &format!("{}/resourceGroups/rg-nothing", prod())).await;
    assert_eq!(code(unknown).await, (404, "ResourceGroupNotFound".to_owned()));
    let above = permissions(&stand, "frank", GROUP).await;
    assert_eq!(above.status(), 404);
    let path = format!("{}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01", prod());
    let bare = stand.http.get(stand.arm_url(&path)).send().await.unwrap();
    assert!(bare.headers().contains_key("www-authenticate"));
    assert_eq!(bare.status(), 401);
}

#[tokio::test]
async fn a_role_is_taken_away_and_given_while_it_runs() {
    let stand = Stand::start().await;
    let role = json!({"person": "alice", "scope": prod()});
    assert_eq!(query(&stand, "alice", &prod()).await.0, 200);
    assert_eq!(control(&stand, reqwest::Method::DELETE, &role).await, 204);
    assert_eq!(query(&stand, "alice", &prod()).await.1["error"]["code"], "RBACAccessDenied");
    assert_eq!(permissions(&stand, "alice", &prod()).await.status(), 403);
    assert_eq!(query(&stand, "alice", &format!("/subscriptions/{DEV_SUBSCRIPTION}")).await.0, 200);
    assert_eq!(query(&stand, "frank", &prod()).await.0, 200, "it was hers alone");
    assert_eq!(control(&stand, reqwest::Method::POST, &role).await, 204);
    assert_eq!(query(&stand, "alice", &prod()).await.0, 200);

    for (wrong, status) in [
        (json!({"person": "nobody", "scope": prod()}), 404),
        (json!({"person": "alice", "scope": prod(), "role": "King"}), 404),
    ] {
        assert_eq!(control(&stand, reqwest::Method::POST, &wrong).await, status, "{wrong}");
    }
}

#[tokio::test]
async fn roles_above_subscriptions_come_and_go_too() {
    let stand = Stand::start().await;
    for scope in [GROUP, ENROLMENT] {
        stand.emulator.take_azure_role("frank", None, scope).unwrap();
        assert!(query(&stand, "frank", scope).await.0 != 200, "{scope}");
        stand.emulator.give_azure_role("bob", None, scope).unwrap();
        assert_eq!(query(&stand, "bob", scope).await.0, 200, "{scope}");
    }
}

#[tokio::test]
async fn a_role_on_a_resource_group_reaches_no_further() {
    let stand = Stand::start().await;
    let group = format!("{}/resourceGroups/rg-Shop", prod());
    for role in [None, Some("Cost Management Reader")] {
        assert_eq!(query(&stand, "carol", &group).await.0, 401);
        stand.emulator.give_azure_role("carol", role, &group).unwrap();
        assert_eq!(query(&stand, "carol", &group).await.0, 200, "{role:?}");
        assert_eq!(
            permissions(&stand, "carol", &group.to_lowercase().replace("subscriptions", "Subscriptions"))
                .await
                .status(),
            200
        );
        assert_eq!(query(&stand, "carol", &prod()).await.0, 401);
        assert_eq!(permissions(&stand, "carol", &prod()).await.status(), 403);
        assert_eq!(query(&stand, "carol", &format!("{}/resourceGroups/rg-erp", prod())).await.0, 401);
        let token = stand.arm_token("carol").await;
        let listed: Value =
            stand.arm_get(&token, "/subscriptions?api-version=2022-12-01").await.json().await.unwrap();
        assert_eq!(listed["value"][0]["displayName"], "Contoso Prod");
        stand.emulator.take_azure_role("carol", None, &group).unwrap();
    }
}

/// It lists permissions and shows the subscription, and no cost.
#[tokio::test]
async fn not_every_role_reads_costs() {
    let stand = Stand::start().await;
    let role = Some("Virtual Machine Contributor");
    stand.emulator.give_azure_role("carol", role, &prod()).unwrap();
    let answer: Value = permissions(&stand, "carol", &prod()).await.json().await.unwrap();
    assert!(
        answer["value"][0]["actions"]
            .as_array()
            .unwrap()
            .contains(&"Microsoft.Compute/virtualMachines/*".into())
    );
    assert_eq!(query(&stand, "carol", &prod()).await.1["error"]["code"], "RBACAccessDenied");
    let token = stand.arm_token("carol").await;
    let read = stand.arm_get(&token, &format!("{}?api-version=2022-12-01", prod())).await;
    assert_eq!(read.status(), 200);
    stand.emulator.take_azure_role("carol", role, &prod()).unwrap();
    assert_eq!(permissions(&stand, "carol", &prod()).await.status(), 403);
}

#[tokio::test]
async fn the_permissions_api_fails_on_a_switch_and_nothing_else_does() {
    let stand = Stand::start().await;
    stand.emulator.faults().update(|faults| {
        faults.permissions = EndpointFault { times: Some(1), ..EndpointFault::outage() };
    });
    assert_eq!(query(&stand, "alice", &prod()).await.0, 200);
    assert_eq!(
        code(permissions(&stand, "alice", &prod()).await).await,
        (503, "ServiceUnavailable".to_owned())
    );
    assert_eq!(permissions(&stand, "alice", &prod()).await.status(), 200);
}

#[tokio::test]
async fn reads_have_a_bucket_of_their_own_and_cost_no_query_units() {
    let quotas = Quotas { arm_read_bucket: Some(2), qpu_per_10_seconds: Some(1), ..Quotas::default() };
    let stand = Stand::with(Config { quotas, ..Config::default() }).await;
    let first = permissions(&stand, "alice", &prod()).await;
    assert_eq!(first.headers()["x-ms-ratelimit-remaining-subscription-reads"], "1");
    assert_eq!(permissions(&stand, "alice", &prod()).await.status(), 200);
    let third = permissions(&stand, "alice", &prod()).await;
    assert!((1..=5).contains(&third.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap()));
    assert_eq!(code(third).await, (429, "SubscriptionRequestsThrottled".to_owned()));
    assert_eq!(query(&stand, "alice", &prod()).await.0, 200, "its units are all there");
    stand.emulator.advance_clock(5);
    assert_eq!(permissions(&stand, "alice", &prod()).await.status(), 200);
}

#[tokio::test]
async fn a_groups_subscriptions_are_told_to_who_has_a_role_there() {
    let stand = Stand::start().await;
    let path = |id: &str| {
        format!("/providers/Microsoft.Management/managementGroups/{id}/descendants?api-version=2020-05-01")
    };
    let token = stand.arm_token("frank").await;
    let (mut found, mut next) = (Vec::new(), Some(path("Contoso")));
    while let Some(path) = next {
        let page: Value = stand.arm_get(&token, &path).await.json().await.unwrap();
        found.extend(page["value"].as_array().unwrap_or_else(|| panic!("{page}")).iter().cloned());
        next = page["nextLink"].as_str().map(str::to_owned);
    }
    let told: Vec<_> = found
        .iter()
        .map(|one| {
            let parent = one["properties"]["parent"]["id"].as_str().unwrap().rsplit('/').next().unwrap();
            format!("{} {} in {parent}", one["type"].as_str().unwrap(), one["properties"]["displayName"])
        })
        .collect();
    assert_eq!(
        told,
        [
            "Microsoft.Management/managementGroups \"contoso-factory\" in contoso",
            "Microsoft.Management/managementGroups \"contoso-empty\" in contoso",
            "/subscriptions \"Contoso Prod\" in contoso",
            "/subscriptions \"Contoso Dev\" in contoso",
            "/subscriptions \"Contoso Factory\" in contoso-factory",
            "/subscriptions \"Contoso Lab\" in contoso-factory",
            "/subscriptions \"Contoso Retail\" in contoso",
        ]
    );
    for (person, id) in [("alice", "contoso"), ("frank", "fabrikam")] {
        let token = stand.arm_token(person).await;
        let refused = stand.arm_get(&token, &path(id)).await;
        assert_eq!(code(refused).await, (403, "AuthorizationFailed".to_owned()), "{person} {id}");
    }
}
