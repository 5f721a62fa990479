//! Budgets for tests, as Azure lists them.

use cost::{Client, Page, Paged, Scope};
use jiff::civil::date;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::standing::{Days, Standing, in_order};

pub(super) const PROD: &str = "10000000-0000-4000-8000-000000000001";
pub(super) const DAYS: Days = Days { today: date(2026, 11, 12), complete: date(2026, 11, 10) };

/// A budget of November as Azure lists it.
pub(super) fn entry(name: &str, amount: f64, spent: &Value, more: &Value) -> Value {
    let mut properties = json!({
        "category": "Cost", "amount": amount, "timeGrain": "Monthly", "filter": {}, "notifications": {},
        "timePeriod": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2030-12-31T00:00:00Z"},
        "currentSpend": {"amount": spent, "unit": "EUR"},
    });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let id = format!("/subscriptions/{PROD}/providers/Microsoft.CostManagement/budgets/{name}");
    json!({"id": id, "name": name, "properties": properties})
}

/// What stands in the list, as it stands.
pub(super) async fn standing(entries: &[Value]) -> Vec<Standing> {
    let (_azure, client) = azure(&json!({"value": entries})).await;
    let mut pages = client.budget_pages(&Scope::Subscription(PROD.parse().unwrap()));
    assert!(matches!(pages.next_page(&"token".into()).await.unwrap(), Page::Last(_)));
    let as_of = "2026-11-12T09:00:00Z".parse().unwrap();
    let budgets = pages.whole().budgets;
    assert_eq!(budgets.len(), entries.len());
    let mut all: Vec<_> = budgets.into_iter().map(|one| Standing::of(one, as_of, DAYS).unwrap()).collect();
    in_order(&mut all);
    all
}

/// Azure that answers everything with this.
pub(super) async fn azure(body: &Value) -> (MockServer, Client) {
    let azure = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(body);
    Mock::given(any()).respond_with(answer).mount(&azure).await;
    let http = identity::outbound::local_client().unwrap();
    let client = Client::new(http, azure.uri().parse().unwrap(), Vec::new());
    (azure, client)
}
