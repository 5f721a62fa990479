use cost::{Client, Dimension, Page, Paged, Scope, TagKeys};
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::support::{always, client, in_turn, ok, prod_scope, refusal, requests, status, token};

async fn all<P: Paged>(mut pages: P) -> P::Whole {
    while !matches!(pages.next_page(&token()).await.unwrap(), Page::Last(_)) {}
    pages.whole()
}

fn body(example: &str) -> Value {
    serde_json::from_str::<Value>(example).unwrap()["responses"]["200"]["body"].take()
}

fn billing() -> Scope {
    "/providers/Microsoft.Billing/billingAccounts/100".parse().unwrap()
}

#[tokio::test]
async fn the_specifications_examples_are_read() {
    for (example, first, total) in [
        (include_str!("../data/2025-03-01.SubscriptionDimensionsList.json"), "dcrg", 68),
        (
            include_str!("../data/2026-06-01.BillingAccountDimensionsListExpandAndTop.json"),
            "thoroetrg01",
            377,
        ),
    ] {
        let azure = MockServer::start().await;
        always(&azure, ok(&body(example))).await;
        let found = all(client(&azure).dimension_pages(&prod_scope())).await;
        let group = &found[0];
        assert_eq!(
            (group.name.as_str(), group.values[0].as_str(), group.total),
            ("ResourceGroup", first, total)
        );
        assert!(group.groups && group.filters && found.len() > 1);
        let seen = requests(&azure).await;
        assert_eq!(seen.len(), 1);
        let query: Vec<_> =
            seen[0].url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(query, ["api-version=2025-03-01", "$expand=properties/data", "$top=20"]);
    }
}

/// Its link is `http` and holds spaces: only the place in the list is taken from it.
#[tokio::test]
async fn values_go_on_at_an_address_of_our_own() {
    let azure = MockServer::start().await;
    let example = body(include_str!("../data/2026-06-01.BillingAccountDimensionsListWithFilter.json"));
    let mut last = example.clone();
    last["value"][0]["properties"]["nextLink"] = Value::Null;
    last["value"][0]["properties"]["data"] = json!(["the last"]);
    in_turn(&azure, [ok(&example), refusal(429, "429").insert_header("retry-after", "7"), ok(&last)]).await;
    let mut pages = client(&azure).value_pages(&billing(), "resource'Id").unwrap();
    assert!(matches!(pages.next_page(&token()).await.unwrap(), Page::More(_)));
    let Page::NotNow { retry_after, .. } = pages.next_page(&token()).await.unwrap() else { panic!() };
    assert_eq!(retry_after.as_secs(), 7);
    assert!(matches!(pages.next_page(&token()).await.unwrap(), Page::Last(_)));
    let found = pages.whole();
    assert_eq!((found.len(), found[0].values.len(), found[0].total), (1, 6, 1409));
    assert_eq!(found[0].clone().holding("STORAGEACCOUNTS").total, 2);

    let seen = requests(&azure).await;
    let asked = |index: usize| -> Vec<String> {
        // At Azure itself, over its own scheme: the link's host answers to nobody here.
        assert!(seen[index].url.path().ends_with("/providers/Microsoft.CostManagement/dimensions"));
        seen[index].url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect()
    };
    let first = [
        "api-version=2025-03-01",
        "$expand=properties/data",
        "$top=1000",
        "$filter=properties/category eq 'resource''Id'",
    ];
    assert_eq!(asked(0), first);
    assert_eq!(asked(1)[..4], first);
    assert_eq!(asked(1)[4], "$skiptoken=AQAAAA==");
    assert_eq!(asked(2), asked(1), "the same page, and not those before it");
}

#[tokio::test]
async fn a_scope_without_costs_has_no_values() {
    let azure = MockServer::start().await;
    always(&azure, status(204)).await;
    assert!(all(client(&azure).value_pages(&prod_scope(), "ServiceName").unwrap()).await.is_empty());
    assert!(client(&azure).value_pages(&prod_scope(), "").is_err());
    let none = Dimension::without_values("ServiceName");
    assert_eq!((none.total, none.groups), (0, false));
}

#[tokio::test]
async fn a_list_that_does_not_move_on_is_an_error() {
    let azure = MockServer::start().await;
    always(&azure, ok(&body(include_str!("../data/2026-06-01.BillingAccountDimensionsListWithFilter.json"))))
        .await;
    let mut pages = client(&azure).value_pages(&billing(), "ResourceId").unwrap();
    pages.next_page(&token()).await.unwrap();
    assert_eq!(pages.next_page(&token()).await.unwrap_err().code(), "answer_incomplete");
}

#[tokio::test]
async fn the_keys_of_tags_are_listed_once() {
    let azure = MockServer::start().await;
    let page = |keys: &[&str], next: Option<String>| {
        let tags: Vec<_> = keys.iter().map(|key| json!({"key": key, "value": ["a"]})).collect();
        ok(&json!({"properties": {"tags": tags, "nextLink": next}}))
    };
    let next = format!("{}/more?page=2", azure.uri());
    in_turn(&azure, [page(&["env", "team"], Some(next)), page(&["team", "owner"], None)]).await;
    let found = all(client(&azure).tag_pages(&prod_scope())).await;
    assert_eq!(
        found,
        TagKeys { keys: ["env", "team", "owner"].map(str::to_owned).to_vec(), truncated: false }
    );
    assert!(requests(&azure).await[0].url.path().ends_with("/providers/Microsoft.Consumption/tags"));

    let azure = MockServer::start().await;
    always(&azure, status(204)).await;
    assert_eq!(all(client(&azure).tag_pages(&prod_scope())).await, TagKeys::default());
}

#[tokio::test]
async fn a_list_of_more_pages_than_are_read_says_that_it_goes_on() {
    for (pages, truncated) in [(40, false), (41, true)] {
        let azure = MockServer::start().await;
        let link = |next: usize| format!("{}/more?page={next}", azure.uri());
        let tags = |number: usize| {
            let next = (number < pages).then(|| link(number + 1));
            ok(&json!({"properties": {"tags": [{"key": format!("k{number}")}], "nextLink": next}}))
        };
        in_turn(&azure, (1..=pages).map(tags)).await;
        let found = all(client(&azure).tag_pages(&prod_scope())).await;
        assert_eq!((found.keys.len(), found.truncated), (40, truncated));
        assert_eq!(requests(&azure).await.len(), 40);

        let azure = MockServer::start().await;
        let values = |number: usize| {
            let next = (number < pages).then(|| format!("http://azure/x?$skiptoken={number}"));
            let properties =
                json!({"category": "ResourceId", "data": [format!("v{number}")], "nextLink": next});
            ok(&json!({"value": [{"properties": properties}]}))
        };
        in_turn(&azure, (1..=pages).map(values)).await;
        let found = all(client(&azure).value_pages(&billing(), "ResourceId").unwrap()).await.remove(0);
        assert_eq!((found.values.len(), found.truncated), (40, truncated));
        assert_eq!(found.holding("v4").truncated, truncated, "what was not read may hold it too");
    }
}

async fn may_read(client: &Client, scope: &Scope) -> Option<bool> {
    client.may_read_costs(&token(), scope).await.unwrap()
}

#[tokio::test]
async fn the_callers_permissions_say_whether_they_may_read() {
    let list = |actions: &[&str], not: &[&str], next: Option<String>| {
        ok(
            &json!({"value": [{"actions": actions, "notActions": not, "dataActions": [], "notDataActions": []}], "nextLink": next}),
        )
    };
    let azure = MockServer::start().await;
    let next = format!("{}/more?page=2", azure.uri());
    in_turn(
        &azure,
        [
            list(&["*/read"], &[], None),
            list(&["Microsoft.Compute/*"], &[], Some(next)),
            list(&["Microsoft.CostManagement/*/read"], &[], None),
            list(&["*"], &["Microsoft.CostManagement/*"], None),
            ok(&json!({"value": []})),
            refusal(403, "AuthorizationFailed"),
            refusal(404, "SubscriptionNotFound"),
        ],
    )
    .await;
    let client = client(&azure);
    for expected in [true, true, false, false, false, false] {
        assert_eq!(may_read(&client, &prod_scope()).await, Some(expected));
    }
    let seen = requests(&azure).await;
    assert_eq!(
        seen[0].url.path_segments().unwrap().skip(2).collect::<Vec<_>>(),
        ["providers", "Microsoft.Authorization", "permissions"]
    );
    assert_eq!(seen[0].url.query(), Some("api-version=2022-04-01"));
    assert_eq!(may_read(&client, &billing()).await, None);
    assert_eq!(requests(&azure).await.len(), seen.len(), "where it cannot be asked it is not asked");
}

#[tokio::test]
async fn where_azure_does_not_say_there_is_no_answer() {
    let azure = MockServer::start().await;
    always(&azure, status(500)).await;
    assert!(client(&azure).may_read_costs(&token(), &prod_scope()).await.is_err());
}
