//! Scopes above subscriptions, and agreements: who may ask there, what lies in them, and what they can be asked.

use emulator::{Config, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION};
use serde_json::{Value, json};

use crate::harness::Stand;

const GROUP: &str = "/providers/Microsoft.Management/managementGroups/contoso";
const ENROLMENT: &str = "/providers/Microsoft.Billing/billingAccounts/8611537";
const PROFILE: &str = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD";

fn october(groupings: &[Value]) -> Value {
    json!({
        "type": "ActualCost", "timeframe": "Custom",
        "timePeriod": {"from": "2026-10-01T00:00:00Z", "to": "2026-10-31T23:59:59Z"},
        "dataset": {
            "granularity": "None",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": groupings,
        },
    })
}

fn by(dimension: &str) -> Value {
    json!({"type": "Dimension", "name": dimension})
}

struct Asked {
    status: u16,
    body: Value,
}

impl Asked {
    fn error(&self) -> (u16, &str, &str) {
        let error = &self.body["error"];
        (self.status, error["code"].as_str().unwrap(), error["message"].as_str().unwrap())
    }

    fn column(&self, name: &str) -> Vec<String> {
        let properties = &self.body["properties"];
        let columns = properties["columns"].as_array().unwrap_or_else(|| panic!("{}", self.body));
        let at = columns.iter().position(|column| column["name"] == name).unwrap_or_else(|| panic!("{name}"));
        let rows = properties["rows"].as_array().unwrap().iter();
        let mut cells: Vec<String> = rows.map(|row| row[at].to_string().replace('"', "")).collect();
        cells.sort();
        cells.dedup();
        cells
    }
}

async fn ask(stand: &Stand, person: &str, scope: &str, query: &Value) -> Asked {
    let token = stand.arm_token(person).await;
    let path = format!("{scope}/providers/Microsoft.CostManagement/query?api-version=2025-03-01");
    let response = stand.arm_post(&token, &path, query).await;
    Asked { status: response.status().as_u16(), body: response.json().await.unwrap() }
}

#[tokio::test]
async fn a_role_on_subscriptions_opens_no_group_and_no_billing_scope() {
    let stand = Stand::start().await;
    let query = october(&[by("SubscriptionName")]);
    for (scope, code) in
        [(GROUP, "RBACAccessDenied"), (ENROLMENT, "BillingAccessDenied"), (PROFILE, "BillingAccessDenied")]
    {
        assert_eq!(ask(&stand, "alice", scope, &query).await.error().1, code, "{scope}");
        assert_eq!(ask(&stand, "frank", scope, &query).await.status, 200, "{scope}");
    }
    for scope in [
        "/providers/Microsoft.Management/managementGroups/fabrikam",
        "/providers/Microsoft.Billing/billingAccounts/1",
        "/providers/Microsoft.Billing/billingAccounts/8611537/departments/1",
    ] {
        assert_eq!(ask(&stand, "frank", scope, &query).await.status, 404, "{scope}");
    }
}

#[tokio::test]
async fn a_scope_has_the_costs_of_what_lies_in_it() {
    let stand = Stand::start().await;
    let query = october(&[by("SubscriptionName")]);
    let section = format!("{PROFILE}/invoiceSections/IIII-JJJJ-KKK-LLL");
    for (scope, names, currencies) in [
        // Those of a Customer Agreement are left out of a group without a word.
        (GROUP, vec!["Contoso Factory", "Contoso Lab"], vec!["CHF", "EUR", "GBP", "USD"]),
        (ENROLMENT, vec!["Contoso Factory"], vec!["CHF", "GBP", "USD"]),
        (PROFILE, vec!["Contoso Dev", "Contoso Prod", "Contoso Retail"], vec!["EUR", "GBP", "USD"]),
        (&section, vec!["Contoso Dev"], vec!["EUR"]),
    ] {
        let answer = ask(&stand, "frank", scope, &query).await;
        assert_eq!(
            (answer.column("SubscriptionName"), answer.column("Currency")),
            (
                names.into_iter().map(str::to_owned).collect(),
                currencies.into_iter().map(str::to_owned).collect(),
            ),
            "{scope}"
        );
    }
    let empty = "/providers/Microsoft.Management/managementGroups/contoso-empty";
    let refused = ask(&stand, "frank", empty, &query).await;
    let (status, code, message) = refused.error();
    assert_eq!((status, code), (400, "BadRequest"));
    assert!(message.starts_with("Management group contoso-empty does not have any valid subscriptions."));
}

/// As in the specification's example ManagementGroupQueryGrouping: a date where none was asked for, so that one key has
/// several rows; and a next link of another version and spelling.
#[tokio::test]
async fn a_group_answers_in_a_form_of_its_own() {
    let stand = Stand::with(Config {
        max_page_rows: 9,
        today: Some(jiff::civil::date(2026, 11, 20)),
        ..Config::default()
    })
    .await;
    let mut query = october(&[by("SubscriptionName")]);
    query["timePeriod"]["from"] = "2026-09-01T00:00:00Z".into();
    let answer = ask(&stand, "frank", GROUP, &query).await;
    assert_eq!(answer.column("UsageDate"), ["20260930", "20261031"]);
    let next = answer.body["properties"]["nextLink"].as_str().unwrap();
    assert!(
        next.contains(&format!("{GROUP}/providers/Microsoft.CostManagement/Query?api-version=2021-10-01")),
        "{next}"
    );
    let token = stand.arm_token("frank").await;
    let rest = stand.http.post(next).bearer_auth(&token).json(&query).send().await.unwrap();
    let rest: Value = rest.json().await.unwrap();
    assert_eq!(rest["properties"]["rows"].as_array().unwrap().len(), 3, "{rest}");
    assert_eq!(
        rest["properties"]["nextLink"], "",
        "the end is an empty link here, and none at a subscription"
    );
}

#[tokio::test]
async fn each_agreement_has_its_own_dimensions_and_lists_them() {
    let stand = Stand::start().await;
    let subscription = |id: &str| format!("/subscriptions/{id}");
    for (scope, dimension, has) in [
        (subscription(PROD_SUBSCRIPTION), "UnitOfMeasure", true),
        (subscription(DEV_SUBSCRIPTION), "ConsumedService", false),
        (subscription(FACTORY_SUBSCRIPTION), "ConsumedService", true),
        (subscription(FACTORY_SUBSCRIPTION), "DepartmentName", true),
        (subscription(FACTORY_SUBSCRIPTION), "ServiceFamily", false),
        (subscription(LAB_SUBSCRIPTION), "DepartmentName", false),
        (subscription(LAB_SUBSCRIPTION), "ResourceId", true),
        // One resource from another is told at subscriptions and below alone.
        (ENROLMENT.to_owned(), "ResourceId", false),
        (GROUP.to_owned(), "ResourceId", false),
    ] {
        let answer = ask(&stand, "frank", &scope, &october(&[by(dimension)])).await;
        assert_eq!(answer.status == 200, has, "{scope} {dimension}: {}", answer.body);
        if !has {
            let (_, code, message) = answer.error();
            let start = format!(
                "Invalid query definition: Invalid dataset grouping: '{dimension}'; valid values: 'ResourceGroup',"
            );
            assert!(code == "BadRequest" && message.starts_with(&start), "{message}");
            assert!(
                message.contains("'ServiceName',") && message.contains(",''.\r\n\r\n (Request ID: "),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn a_filter_is_held_to_the_same_dimensions() {
    let stand = Stand::start().await;
    let filtered = |scope: &'static str, names: &'static [&'static str]| {
        let stand = &stand;
        async move {
            let one = |name: &&str| json!({"dimensions": {"name": name, "operator": "In", "values": ["Contoso Lab"]}});
            let mut query = october(&[]);
            query["dataset"]["filter"] = match names {
                [name] => one(name),
                _ => json!({"and": names.iter().map(one).collect::<Value>()}),
            };
            ask(stand, "frank", scope, &query).await.status
        }
    };
    assert_eq!(filtered(GROUP, &["NoSuchDimension"]).await, 400);
    assert_eq!(filtered(GROUP, &["SubscriptionName"]).await, 400, "an id is wanted beside the name");
    assert_eq!(filtered(ENROLMENT, &["ServiceFamily"]).await, 400);
}

#[tokio::test]
async fn a_tag_is_grouped_by_its_key() {
    let stand = Stand::start().await;
    let scope = format!("/subscriptions/{LAB_SUBSCRIPTION}");
    let tag = |kind: &str, name: &str| october(&[json!({"type": kind, "name": name})]);
    assert_eq!(ask(&stand, "frank", &scope, &tag("Tag", "team")).await.status, 400);
    let teams = ask(&stand, "frank", &scope, &tag("TagKey", "team")).await;
    assert_eq!(
        teams.column("TagValue"),
        ["", "Web", "batch", "data", "lab", "web"],
        "what has no tag is a row"
    );
    assert_eq!(ask(&stand, "frank", &scope, &tag("TagKey", "")).await.column("TagValue"), [""]);
}

#[tokio::test]
async fn cost_details_are_for_agreements_that_have_them() {
    let stand = Stand::start().await;
    let token = stand.arm_token("frank").await;
    let order = json!({"metric": "ActualCost", "timePeriod": {"start": "2026-11-01", "end": "2026-11-10"}});
    let path = |id: &str| {
        let operation = "providers/Microsoft.CostManagement/generateCostDetailsReport";
        format!("/subscriptions/{id}/{operation}?api-version=2025-03-01")
    };
    let refused = stand.arm_post(&token, &path(LAB_SUBSCRIPTION), &order).await;
    assert_eq!(refused.status(), 422);
    let body: Value = refused.json().await.unwrap();
    assert!(
        body["error"]["message"].as_str().unwrap().starts_with("Unsupported request. offer type: WebDirect")
    );
    assert_eq!(stand.arm_post(&token, &path(FACTORY_SUBSCRIPTION), &order).await.status(), 202);
}

#[tokio::test]
async fn what_no_specification_has_fails_as_in_life() {
    let stand = Stand::start().await;
    let scope = format!("/subscriptions/{LAB_SUBSCRIPTION}");
    let one = json!({"dimensions": {"name": "ServiceName", "operator": "In", "values": ["Storage"]}});
    let filtered = |filter: Value| {
        let mut query = october(&[]);
        query["dataset"]["filter"] = filter;
        query
    };
    let failed = ask(&stand, "frank", &scope, &filtered(json!({"not": one}))).await;
    assert_eq!((failed.error().0, failed.error().1), (500, "500"));
    let wrapped = ask(&stand, "frank", &scope, &filtered(json!({"and": [one]}))).await;
    let (status, _, message) = wrapped.error();
    assert_eq!(status, 400);
    assert!(message.starts_with("Invalid dataset filter; on a QueryFilter one and only one of"), "{message}");
    assert_eq!(ask(&stand, "frank", &scope, &filtered(one)).await.status, 200);
}
