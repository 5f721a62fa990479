use cost::{
    Budget, BudgetFilter, BudgetList, Condition, Grain, Grouping, Page, Paged, Threshold, ThresholdKind,
    Watches,
};
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::support::{PROD, always, client, in_turn, ok, prod_scope, refusal, requests, status, token};

async fn all(azure: &MockServer) -> BudgetList {
    let mut pages = client(azure).budget_pages(&prod_scope());
    while !matches!(pages.next_page(&token()).await.unwrap(), Page::Last(_)) {}
    pages.whole()
}

/// The budgets of a list with these entries, which are JSON text: amounts must not be rounded on the way into the test.
async fn listed(entries: &[String]) -> BudgetList {
    let azure = MockServer::start().await;
    let body = format!(r#"{{"value": [{}]}}"#, entries.join(","));
    always(&azure, status(200).set_body_raw(body, "application/json")).await;
    all(&azure).await
}

fn body(example: &str) -> Value {
    serde_json::from_str::<Value>(example).unwrap()["responses"]["200"]["body"].take()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn costs(budget: &Budget) -> (Decimal, String, Option<Decimal>, Option<Decimal>) {
    match &budget.watches {
        Watches::Costs { amount, currency, evaluated, forecast } => {
            (*amount, currency.map(|code| code.to_string()).unwrap_or_default(), *evaluated, *forecast)
        }
        Watches::Reservations => panic!("{budget:?}"),
    }
}

/// Percent, kind and whether it is crossed with so much spent of a hundred.
fn crossed(threshold: &Threshold, spent: i64) -> (String, ThresholdKind, Option<bool>) {
    let crossed = threshold.is_crossed(Decimal::ONE_HUNDRED, Some(spent.into()), None);
    (threshold.percent.to_string(), threshold.kind, crossed)
}

#[tokio::test]
async fn the_specifications_list_is_read_with_equal_names_apart() {
    let azure = MockServer::start().await;
    always(&azure, ok(&body(include_str!("../data/2026-06-01.SubscriptionBudgetsList.json")))).await;
    let BudgetList { budgets, unread, pages } = all(&azure).await;
    assert_eq!((budgets.len(), unread.len(), pages), (3, 0, 1));
    let whole = "/subscriptions/00000000-0000-0000-0000-000000000000";
    let group = format!("{whole}/resourceGroups/MYDEVTESTRG");
    let scopes: Vec<_> = budgets.iter().map(|one| one.scope.as_ref().unwrap().to_string()).collect();
    assert_eq!(scopes, [whole, &group, &group]);
    assert_eq!((&budgets[0].name, &budgets[1].name), (&"TestBudget".to_owned(), &"TestBudget".to_owned()));
    assert_eq!(budgets[1].id, format!("{group}/providers/Microsoft.CostManagement/budgets/TestBudget"));
    assert_eq!(costs(&budgets[0]), (decimal("600.65"), "USD".to_owned(), Some(decimal("120.89")), None));
    assert_eq!(
        (budgets[0].grain, budgets[0].starts, budgets[0].ends),
        (Grain::Monthly, date(2023, 4, 1), Some(date(2024, 10, 31)))
    );
    assert_eq!(budgets[0].filter, BudgetFilter::Costs(Vec::new()), "an empty filter is none");
    let BudgetFilter::Costs(conditions) = &budgets[1].filter else { panic!("{:?}", budgets[1]) };
    let by = |place: usize| -> &Condition { &conditions[place] };
    assert_eq!((conditions.len(), by(0).values.len()), (3, 2));
    assert_eq!(by(0).by, Grouping::Dimension("ResourceId".to_owned()));
    assert_eq!(by(2).by, Grouping::Tag("department".to_owned()));
    let points: Vec<_> = budgets[1].thresholds.iter().map(|one| crossed(one, 90)).collect();
    // The one of 80 % has no type: it is of actual costs.
    let actual = ThresholdKind::Actual;
    assert_eq!(points, [("80".to_owned(), actual, Some(true)), ("90".to_owned(), actual, Some(true))]);
    let seen = requests(&azure).await;
    assert!(seen[0].url.path().ends_with(&format!("/{PROD}/providers/Microsoft.CostManagement/budgets")));
    assert_eq!(seen[0].url.query(), Some("api-version=2025-03-01"));
}

#[tokio::test]
async fn the_older_providers_list_is_read_too() {
    let azure = MockServer::start().await;
    let id = format!("/subscriptions/{PROD}/resourceGroups/web/providers/Microsoft.Consumption/budgets/b");
    let properties =
        json!({"amount": 5.0, "timeGrain": "Monthly", "timePeriod": {"startDate": "2026-01-01T00:00:00Z"}});
    always(&azure, ok(&json!({"value": [{"id": id, "name": "b", "properties": properties}]}))).await;
    let mut pages = client(&azure).older_budget_pages(&prod_scope());
    assert!(matches!(pages.next_page(&token()).await.unwrap(), Page::Last(_)));
    let found = pages.whole();
    assert_eq!(
        found.budgets[0].scope.as_ref().unwrap().to_string(),
        format!("/subscriptions/{PROD}/resourceGroups/web")
    );
    assert!(!found.is_empty() && BudgetList::default().is_empty());
    let seen = requests(&azure).await;
    assert!(seen[0].url.path().ends_with("/providers/Microsoft.Consumption/budgets"));
    assert_eq!(seen[0].url.query(), Some("api-version=2024-08-01"));
}

#[tokio::test]
async fn one_that_watches_reservations_has_no_amount() {
    let entries = [
        include_str!("../data/2026-06-01.Get-Cost-Budget.json"),
        include_str!("../data/2026-06-01.Get-ReservationUtilization-AlertRule.json"),
    ];
    let found = listed(&entries.map(|entry| body(entry).to_string())).await;
    assert_eq!(found.unread, []);
    let [cost, reservations] = &found.budgets[..] else { panic!("{found:?}") };
    assert_eq!(costs(cost).0, decimal("100.65"));
    assert_eq!((&reservations.watches, reservations.grain), (&Watches::Reservations, Grain::Last30Days));
    assert!(reservations.scope.as_ref().unwrap().to_string().ends_with("/billingProfiles/KKKK-LLLL-MMM-NNN"));
    assert_eq!(crossed(&reservations.thresholds[0], 98).2, Some(true), "less than is passed from above");
}

/// A budget as the service writes one, with other members in its properties.
fn entry(more: &Value) -> String {
    let mut properties = json!({
        "category": "Cost", "amount": 10, "timeGrain": "Monthly",
        "timePeriod": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2027-01-01T00:00:00Z"},
        "currentSpend": {"amount": 5, "unit": "EUR"}, "notifications": {}, "filter": {},
    });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"id": format!("/subscriptions/{PROD}/providers/Microsoft.CostManagement/budgets/b"), "name": "b", "properties": properties}).to_string()
}

#[tokio::test]
async fn figures_are_read_to_the_last_digit_and_what_is_not_there_is_not_nothing() {
    let long = entry(&json!({"amount": "A"})).replace("\"A\"", "12345678901234567890.12345678");
    let found = listed(&[
        long,
        entry(&json!({"amount": "70.50", "currentSpend": {"amount": null, "unit": "CHF"}})),
        entry(&json!({"currentSpend": null, "filter": null, "notifications": null})),
        entry(&json!({"currentSpend": {"amount": 0, "unit": ""}, "forecastSpend": {"amount": 12.5, "unit": "GBP"}})),
        entry(&json!({"somethingNew": {"a": [1]}, "timePeriod": {"startDate": "2026-01-01"}, "category": "cost"})),
    ])
    .await;
    assert_eq!(found.unread, []);
    let figures: Vec<_> = found.budgets.iter().map(costs).collect();
    assert_eq!(figures[0].0, decimal("12345678901234567890.12345678"));
    assert_eq!(figures[1], (decimal("70.50"), "CHF".to_owned(), None, None));
    assert_eq!(figures[2], (decimal("10"), String::new(), None, None));
    assert_eq!(figures[3], (decimal("10"), "GBP".to_owned(), Some(Decimal::ZERO), Some(decimal("12.5"))));
    assert_eq!(found.budgets[4].ends, None);
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_costs_no_other() {
    let cases = [
        (json!({"amount": null}), "it has no amount"),
        (json!({"amount": "much"}), "a figure is not a number"),
        (json!({"amount": {"value": 5}}), "a figure is not a number"),
        (json!({"category": "Carbon"}), "its category is not known"),
        (json!({"timeGrain": "Fortnightly"}), "its time grain is not known"),
        (json!({"timePeriod": null}), "it has no start"),
        (json!({"timePeriod": {"startDate": "2026-01-01", "endDate": "soon"}}), "its end is no date"),
        (json!({"currentSpend": 5}), "it has another form"),
        (json!({"notifications": {"a": {"operator": "GreaterThan"}}}), "a notification has no threshold"),
    ];
    let mut entries: Vec<_> = cases.iter().map(|(more, _)| entry(more)).collect();
    entries.extend(
        ["null", "5", r#"{"name": "nameless id"}"#, r#"{"id": "/x", "properties": null}"#].map(str::to_owned),
    );
    entries.push(entry(&json!({})));
    let found = listed(&entries).await;
    assert_eq!(found.budgets.len(), 1, "the last one");
    let whats: Vec<_> = found.unread.iter().map(|one| one.what).collect();
    let mut expected: Vec<_> = cases.iter().map(|(_, what)| *what).collect();
    expected.extend(["it has no id", "it has no id", "it has no id", "it has another form"]);
    assert_eq!(whats, expected);
    let called: Vec<_> = found.unread.iter().map(|one| one.called.as_deref()).collect();
    assert!(called[0].unwrap().ends_with("/budgets/b"));
    assert_eq!(called[9..], [None, None, Some("nameless id"), Some("/x")]);
}

#[tokio::test]
async fn pages_are_followed_at_azure_alone_and_half_a_list_is_none() {
    let azure = MockServer::start().await;
    let page = |next: Option<String>| {
        ok(&json!({"value": [serde_json::from_str::<Value>(&entry(&json!({}))).unwrap()], "nextLink": next}))
    };
    let link = |number: u32| Some(format!("{}/more?page={number}", azure.uri()));
    in_turn(
        &azure,
        [page(link(2)), refusal(429, "429").insert_header("retry-after", "7"), page(Some(String::new()))],
    )
    .await;
    let mut pages = client(&azure).budget_pages(&prod_scope());
    assert!(matches!(pages.next_page(&token()).await.unwrap(), Page::More(_)));
    assert!(matches!(pages.next_page(&token()).await.unwrap(), Page::NotNow { .. }));
    assert!(matches!(pages.next_page(&token()).await.unwrap(), Page::Last(_)));
    let found = pages.whole();
    assert_eq!((found.budgets.len(), found.pages), (2, 2));

    for (next, code) in [("https://evil.example/x", "untrusted_link"), ("not a link", "untrusted_link")] {
        let azure = MockServer::start().await;
        always(&azure, page(Some(next.to_owned()))).await;
        let refused = client(&azure).budget_pages(&prod_scope()).next_page(&token()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{next}");
    }
    let azure = MockServer::start().await;
    always(&azure, page(Some(format!("{}/more", azure.uri())))).await;
    let mut pages = client(&azure).budget_pages(&prod_scope());
    pages.next_page(&token()).await.unwrap();
    assert_eq!(
        pages.next_page(&token()).await.unwrap_err().code(),
        "answer_incomplete",
        "it does not move on"
    );
    let settings = cost::Settings { most_pages: 1, ..crate::support::settings() };
    let mut pages = client(&azure).with_settings(settings).budget_pages(&prod_scope());
    assert_eq!(pages.next_page(&token()).await.unwrap_err().code(), "too_large");
}

#[tokio::test]
async fn no_budgets_is_an_empty_list_and_an_error_inside_is_an_error() {
    for none in [status(204), ok(&json!({"value": []})), ok(&json!({"value": null}))] {
        let azure = MockServer::start().await;
        always(&azure, none).await;
        assert!(all(&azure).await.budgets.is_empty());
    }
    for (answer, code) in [
        (ok(&json!({"error": {"code": "AuthorizationFailed", "message": "m"}})), "no_access"),
        (refusal(401, "RBACAccessDenied"), "no_access"),
        (
            status(400).set_body_json(json!({"error": {"code": "400", "message": "Cost Management supports only Enterprise Agreement, Web direct and Microsoft Customer Agreement offer types. offerId: MS-AZR-0036P is associated with offerType: None (Request ID: 1)"}})),
            "subscription_type_not_supported",
        ),
        (ok(&json!({"value": 5})), "unexpected_response"),
    ] {
        let azure = MockServer::start().await;
        always(&azure, answer).await;
        let refused = client(&azure).budget_pages(&prod_scope()).next_page(&token()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
}
