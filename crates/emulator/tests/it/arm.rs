//! ARM and Cost Management: who is let in, what they see, how answers are paged and refused.

use emulator::{
    ArmChallenge, CaeDialect, Config, DEV_SUBSCRIPTION, EndpointFault, PROD_SUBSCRIPTION, Quotas, TokenKind,
    TokenSpec,
};
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::Stand;

const SUBSCRIPTIONS: &str = "/subscriptions?api-version=2022-12-01";

fn query_path(subscription: &str) -> String {
    format!("/subscriptions/{subscription}/providers/Microsoft.CostManagement/query?api-version=2025-03-01")
}

fn by(dimension: &str, granularity: &str) -> Value {
    json!({
        "type": "ActualCost", "timeframe": "Custom",
        "timePeriod": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-19T23:59:59Z"},
        "dataset": {
            "granularity": granularity,
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [{"type": "Dimension", "name": dimension}],
        },
    })
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body["error"]["code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

fn challenge(response: &Response) -> Option<&str> {
    response.headers().get("www-authenticate").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn everyone_sees_their_own_subscriptions_page_by_page() {
    let stand = Stand::with(Config { extra_people: 2, ..Config::default() }).await;
    for (person, expected) in [
        ("alice", vec!["Contoso Prod", "Contoso Dev"]),
        ("bob", vec!["Contoso Dev"]),
        ("carol", vec![]),
        ("erin", vec!["Contoso Dev"]),
        ("person-0002", vec!["Person 0002"]),
    ] {
        let token = stand.arm_token(person).await;
        let (mut names, mut next) = (Vec::new(), Some(SUBSCRIPTIONS.to_owned()));
        while let Some(path) = next {
            let page: Value = stand.arm_get(&token, &path).await.json().await.unwrap();
            names.extend(page["value"].as_array().unwrap().iter().map(|one| one["displayName"].clone()));
            next = page["nextLink"].as_str().map(str::to_owned);
        }
        assert_eq!(names, expected, "{person}");
    }
}

#[tokio::test]
async fn tokens_are_proven_and_refused_with_a_challenge() {
    let stand = Stand::start().await;
    let arm = || TokenSpec::for_person("alice").kind(TokenKind::Arm);
    for (token, expected) in [
        (stand.mint(&TokenSpec::for_person("alice")), "InvalidAuthenticationTokenAudience"),
        (stand.mint(&arm().expired()), "ExpiredAuthenticationToken"),
        (stand.mint(&arm().signed_by(emulator::SignedBy::Forged)), "InvalidAuthenticationToken"),
        (
            stand.mint(&arm().claim("iss", "https://sts.windows.net/other/")),
            "InvalidAuthenticationTokenTenant",
        ),
        ("nonsense".to_owned(), "InvalidAuthenticationToken"),
    ] {
        let response = stand.arm_get(&token, SUBSCRIPTIONS).await;
        let header = challenge(&response).unwrap();
        assert!(header.starts_with("Bearer authorization_uri=") && !header.contains("claims="), "{header}");
        assert_eq!(code(response).await, (401, expected.to_owned()));
    }
    let bare = stand.http.get(stand.arm_url(SUBSCRIPTIONS)).send().await.unwrap();
    assert_eq!(code(bare).await, (401, "AuthenticationFailed".to_owned()));
}

#[tokio::test]
async fn rbac_refuses_in_azures_two_ways() {
    let stand = Stand::start().await;
    let bob = stand.arm_token("bob").await;
    let query = stand.arm_post(&bob, &query_path(PROD_SUBSCRIPTION), &by("ServiceName", "None")).await;
    assert_eq!(challenge(&query), None, "an authorization failure with status 401 and no challenge");
    assert_eq!(code(query).await, (401, "RBACAccessDenied".to_owned()));

    let read =
        stand.arm_get(&bob, &format!("/subscriptions/{PROD_SUBSCRIPTION}?api-version=2022-12-01")).await;
    assert_eq!(code(read).await, (403, "AuthorizationFailed".to_owned()));

    let unknown = query_path("10000000-0000-4000-8000-00000000ffff");
    let unknown = stand.arm_post(&bob, &unknown, &by("ServiceName", "None")).await;
    assert_eq!(code(unknown).await, (404, "SubscriptionNotFound".to_owned()));
}

#[tokio::test]
async fn api_versions_are_checked() {
    let stand = Stand::start().await;
    let token = stand.arm_token("alice").await;
    let missing = stand.arm_get(&token, "/subscriptions").await;
    assert_eq!(code(missing).await, (400, "MissingApiVersionParameter".to_owned()));
    let wrong = stand.arm_get(&token, "/subscriptions?api-version=1999-01-01").await;
    assert_eq!(code(wrong).await, (400, "InvalidApiVersionParameter".to_owned()));
}

#[tokio::test]
async fn columns_stand_in_the_live_order_and_currencies_apart() {
    let stand = Stand::start().await;
    let token = stand.arm_token("alice").await;
    let answer: Value = stand
        .arm_post(&token, &query_path(PROD_SUBSCRIPTION), &by("ServiceName", "Daily"))
        .await
        .json()
        .await
        .unwrap();
    let names: Vec<_> =
        answer["properties"]["columns"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["Cost", "UsageDate", "ServiceName", "Currency"]);
    let rows = answer["properties"]["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row[3] == "EUR") && rows.iter().any(|row| row[3] == "USD"));
    assert!(rows.iter().all(|row| (20_261_101..=20_261_119).contains(&row[1].as_i64().unwrap())));

    let monthly: Value = stand
        .arm_post(&token, &query_path(DEV_SUBSCRIPTION), &by("ResourceGroupName", "Monthly"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(monthly["properties"]["rows"][0][1], "2026-11-01T00:00:00");
}

#[tokio::test]
async fn answers_repeat_and_end_today() {
    let stand = Stand::start().await;
    let other = Stand::start().await;
    let (here, there) = (stand.arm_token("alice").await, other.arm_token("alice").await);
    let path = query_path(DEV_SUBSCRIPTION);
    let rows = |response: Response| async move {
        response.json::<Value>().await.unwrap()["properties"]["rows"].take()
    };
    let one = rows(stand.arm_post(&here, &path, &by("ServiceName", "Daily")).await).await;
    let two = rows(other.arm_post(&there, &path, &by("ServiceName", "Daily")).await).await;
    assert_eq!(one, two);

    let mut future = by("ServiceName", "None");
    future["timePeriod"] = json!({"from": "2026-11-21", "to": "2026-11-30"});
    assert_eq!(stand.arm_post(&here, &path, &future).await.status(), 204);
}

#[tokio::test]
async fn pages_are_got_by_posting_the_same_body() {
    let stand = Stand::start().await;
    let token = stand.arm_token("alice").await;
    let body = by("ResourceId", "Daily");
    let whole: Value =
        stand.arm_post(&token, &query_path(PROD_SUBSCRIPTION), &body).await.json().await.unwrap();
    assert_eq!(whole["properties"]["nextLink"], Value::Null);

    let (mut rows, mut next) = (Vec::new(), format!("{}&$top=100", query_path(PROD_SUBSCRIPTION)));
    let mut pages = 0;
    let second_page = loop {
        let page: Value = stand.arm_post(&token, &next, &body).await.json().await.unwrap();
        rows.extend(page["properties"]["rows"].as_array().unwrap().clone());
        pages += 1;
        match page["properties"]["nextLink"].as_str() {
            Some(link) => next = link.to_owned(),
            None => break next,
        }
    };
    assert!(pages > 3);
    assert_eq!(&rows, whole["properties"]["rows"].as_array().unwrap());

    let got = stand.arm_get(&token, &second_page).await;
    assert_eq!(code(got).await, (400, "BadRequest".to_owned()));
    let other = stand.arm_post(&token, &second_page, &by("ServiceName", "Daily")).await;
    assert_eq!(code(other).await, (400, "BadRequest".to_owned()));
}

#[tokio::test]
async fn definitions_are_read_without_regard_to_case_and_checked() {
    let stand = Stand::start().await;
    let token = stand.arm_token("alice").await;
    let path = query_path(DEV_SUBSCRIPTION).replace("Microsoft.CostManagement", "microsoft.costmanagement");
    let odd = json!({
        "Type": "actualcost", "TimeFrame": "TheLastMonth",
        "dataSet": {
            "Granularity": "none", "Aggregation": {"a": {"Name": "CostUSD", "Function": "sum"}},
            "Grouping": [{"Type": "TagKey", "Name": "team"}],
            "Filter": {"And": [
                {"Dimensions": {"Name": "ServiceName", "Operator": "In", "Values": ["Storage", "Virtual Machines"]}},
                {"Tags": {"Name": "env", "Operator": "In", "Values": ["dev"]}},
            ]},
            "Sorting": [{"Direction": "Descending", "Name": "CostUSD"}],
        },
    });
    let answer: Value = stand.arm_post(&token, &path, &odd).await.json().await.unwrap();
    let rows = answer["properties"]["rows"].as_array().unwrap();
    assert_eq!(answer["properties"]["columns"][1]["name"], "TagKey");
    assert!(rows.len() >= 3 && rows[0][0].as_f64() > rows[1][0].as_f64(), "{rows:?}");

    for (member, value) in [
        ("dataset", Value::Null),
        ("type", "FocusCost".into()),
        ("timeframe", "Someday".into()),
        ("timePeriod", json!({"from": "2020-01-01", "to": "2026-01-01"})),
    ] {
        let mut wrong = by("ServiceName", "None");
        wrong[member] = value;
        assert_eq!(
            code(stand.arm_post(&token, &path, &wrong).await).await,
            (400, "BadRequest".to_owned()),
            "{member}"
        );
    }
}

#[tokio::test]
async fn a_request_of_the_specification_is_answered() {
    let stand = Stand::start().await;
    let token = stand.arm_token("alice").await;
    let vector: Value =
        serde_json::from_str(include_str!("../data/2025-03-01.SubscriptionQueryGrouping.json")).unwrap();
    let path = query_path(PROD_SUBSCRIPTION);
    let body = &vector["parameters"]["parameters"];
    let answer: Value = stand.arm_post(&token, &path, body).await.json().await.unwrap();
    let expected = &vector["responses"]["200"]["body"]["properties"]["columns"];
    assert_eq!(&answer["properties"]["columns"], expected);
}

#[tokio::test]
async fn a_resource_group_is_a_scope() {
    let stand = Stand::start().await;
    let token = stand.arm_token("alice").await;
    let scope = format!("/subscriptions/{PROD_SUBSCRIPTION}/resourceGroups/rg-shop");
    let path = format!("{scope}/providers/Microsoft.CostManagement/query?api-version=2025-03-01");
    let answer: Value =
        stand.arm_post(&token, &path, &by("ResourceGroup", "None")).await.json().await.unwrap();
    let groups: Vec<_> = answer["properties"]["rows"].as_array().unwrap().iter().map(|row| &row[1]).collect();
    assert_eq!(groups, ["rg-shop"]);
}

#[tokio::test]
async fn quotas_tell_when_to_come_back() {
    let quotas = Quotas { entity_per_minute: Some(2), client_type_per_minute: Some(3), ..Quotas::default() };
    let stand = Stand::with(Config { quotas, ..Config::default() }).await;
    let token = stand.arm_token("alice").await;
    let path = query_path(DEV_SUBSCRIPTION);
    let first = stand.arm_post(&token, &path, &by("ServiceName", "None")).await;
    let remaining = &first.headers()["x-ms-ratelimit-remaining-microsoft.costmanagement-entity-requests"];
    assert_eq!(remaining, "DefaultQuota:1");
    stand.arm_post(&token, &path, &by("ServiceName", "None")).await;
    let third = stand.arm_post(&token, &path, &by("ServiceName", "None")).await;
    let wait =
        third.headers()["x-ms-ratelimit-microsoft.costmanagement-entity-retry-after"].to_str().unwrap();
    assert!((1..=60).contains(&wait.parse::<u32>().unwrap()));
    assert!(!third.headers().contains_key("retry-after"));
    assert_eq!(code(third).await, (429, "429".to_owned()));
    stand.emulator.advance_clock(61);
    assert_eq!(stand.arm_post(&token, &path, &by("ServiceName", "None")).await.status(), 200);
}

#[tokio::test]
async fn query_units_are_one_budget_for_all_programs() {
    let quotas = Quotas { entity_per_minute: None, ..Quotas::DOCUMENTED };
    let stand = Stand::with(Config { quotas, ..Config::default() }).await;
    let token = stand.arm_token("alice").await;
    let ask = async |days: &str| {
        let mut query = by("ServiceName", "None");
        query["timePeriod"]["from"] = days.into();
        stand.arm_post(&token, &query_path(DEV_SUBSCRIPTION), &query).await
    };
    let first = ask("2026-11-01T00:00:00Z").await;
    let headers = first.headers();
    assert_eq!(headers["x-ms-ratelimit-microsoft.costmanagement-qpu-consumed"], "1");
    let left = &headers["x-ms-ratelimit-microsoft.costmanagement-qpu-remaining"];
    assert_eq!(left, "QueriesPerHour:599,QueriesPerMin:59,QueriesPer10Sec:11");

    stand.emulator.take_query_units(8);
    let second = ask("2026-09-01T00:00:00Z").await;
    let left = &second.headers()["x-ms-ratelimit-microsoft.costmanagement-qpu-remaining"];
    assert_eq!(left, "QueriesPerHour:588,QueriesPerMin:48,QueriesPer10Sec:0", "80 days are 3 units");
    // What is not left of one window, nobody can take from another.
    stand.emulator.take_query_units(600);
    for left in [36, 24, 12, 0] {
        stand.emulator.advance_clock(10);
        stand.emulator.take_query_units(11);
        let next = ask("2026-11-01T00:00:00Z").await;
        let units = &next.headers()["x-ms-ratelimit-microsoft.costmanagement-qpu-remaining"];
        assert!(units.to_str().unwrap().contains(&format!("QueriesPerMin:{left},")), "{units:?}");
    }
    stand.emulator.advance_clock(10);
    let third = ask("2026-11-01T00:00:00Z").await;
    let wait = &third.headers()["x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after"];
    assert!((1..=20).contains(&wait.to_str().unwrap().parse::<u32>().unwrap()), "{wait:?}: of the minute");
    assert_eq!(code(third).await, (429, "429".to_owned()));
}

#[tokio::test]
async fn a_foreign_program_has_its_part_of_every_window() {
    let quotas = Quotas { qpu_per_10_seconds: Some(12), foreign_percent: 50, ..Quotas::default() };
    let stand = Stand::with(Config { quotas, ..Config::default() }).await;
    let token = stand.arm_token("alice").await;
    for _ in 0..2 {
        let answer = stand.arm_post(&token, &query_path(DEV_SUBSCRIPTION), &by("ServiceName", "None")).await;
        let left = &answer.headers()["x-ms-ratelimit-microsoft.costmanagement-qpu-remaining"];
        assert_eq!(left, "QueriesPer10Sec:5");
        stand.emulator.advance_clock(10);
    }
}

#[tokio::test]
async fn a_fault_throttles_some_calls() {
    let stand = Stand::start().await;
    let token = stand.arm_token("alice").await;
    stand.emulator.faults().update(|faults| faults.arm = EndpointFault::throttled(4, 1));
    let path = query_path(DEV_SUBSCRIPTION);
    let struck = stand.arm_post(&token, &path, &by("ServiceName", "None")).await;
    assert_eq!(struck.headers()["x-ms-ratelimit-microsoft.costmanagement-entity-retry-after"], "4");
    assert_eq!(code(struck).await, (429, "429".to_owned()));
    assert_eq!(stand.arm_post(&token, &path, &by("ServiceName", "None")).await.status(), 200);
}

#[tokio::test]
async fn revoked_sessions_are_challenged_if_the_client_can_handle_it() {
    let stand = Stand::start().await;
    let plain = stand.arm_token("alice").await;
    let claims = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
    let assertion = stand.mint(&TokenSpec::for_person("alice"));
    let (_, capable) = stand.exchange(&assertion, &[("claims", claims)]).await;
    let capable = capable["access_token"].as_str().unwrap().to_owned();
    stand.emulator.revoke_sessions("alice").unwrap();

    assert_eq!(stand.arm_get(&plain, SUBSCRIPTIONS).await.status(), 200, "lives on until it expires");
    let challenged = stand.arm_get(&capable, SUBSCRIPTIONS).await;
    assert_eq!(challenged.status(), 401);
    let header = challenge(&challenged).unwrap();
    assert!(header.contains("error=\"invalid_token\"") && header.contains("claims=\""), "{header}");

    stand.emulator.faults().update(|faults| faults.cae_dialect = CaeDialect::InsufficientClaims);
    let challenged = stand.arm_get(&capable, SUBSCRIPTIONS).await;
    assert!(challenge(&challenged).unwrap().contains("error=\"insufficient_claims\""));

    let fresh = stand.mint(&TokenSpec::for_person("alice"));
    let (_, fresh) = stand.exchange(&fresh, &[("claims", claims)]).await;
    assert_eq!(stand.arm_get(fresh["access_token"].as_str().unwrap(), SUBSCRIPTIONS).await.status(), 200);
}

#[tokio::test]
async fn challenges_can_be_ordered() {
    let stand = Stand::start().await;
    let token = stand.arm_token("bob").await;
    let order = ArmChallenge {
        person: Some("bob".into()),
        claims: json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}}),
        header: None,
        times: Some(1),
        until_satisfied: false,
    };
    stand.emulator.faults().update(|faults| faults.arm_challenge = Some(order));
    assert_eq!(stand.arm_get(&token, SUBSCRIPTIONS).await.status(), 401);
    assert_eq!(stand.arm_get(&token, SUBSCRIPTIONS).await.status(), 200);
}
