use cost::{Client, Page, Paged};
use jiff::civil::date;
use rmcp::model::CallToolResult;
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const PROD: &str = "10000000-0000-4000-8000-000000000001";
const DAYS: Days = Days { today: date(2026, 11, 12), complete: date(2026, 11, 10) };

/// A budget of November as Azure lists it.
fn entry(name: &str, amount: f64, spent: &Value, more: &Value) -> Value {
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
async fn standing(entries: &[Value]) -> Vec<Standing> {
    let azure = MockServer::start().await;
    let body = ResponseTemplate::new(200).set_body_json(json!({"value": entries}));
    Mock::given(any()).respond_with(body).mount(&azure).await;
    let http = identity::outbound::local_client().unwrap();
    let client = Client::new(http, azure.uri().parse().unwrap(), Vec::new());
    let mut pages = client.budget_pages(&Scope::Subscription(PROD.parse().unwrap()));
    assert!(matches!(pages.next_page(&"token".into()).await.unwrap(), Page::Last(_)));
    let as_of = "2026-11-12T09:00:00Z".parse().unwrap();
    let budgets = pages.whole().budgets;
    assert_eq!(budgets.len(), entries.len());
    let mut all: Vec<_> = budgets.into_iter().map(|one| Standing::of(one, as_of, DAYS).unwrap()).collect();
    all.sort_by(Standing::worst_first);
    all
}

/// Text and data.
fn answered(all: Vec<Standing>, arguments: &Value, live: Option<Asked>) -> (String, Value) {
    let input: BudgetsInput = serde_json::from_value(arguments.clone()).unwrap();
    let scopes = Scopes::of_subscription(PROD.parse().unwrap(), "Contoso Prod");
    let answered = scopes.all.clone();
    let azure = AzureUse { calls: 1, ..AzureUse::default() };
    let known = Known { input: &input, scopes, answered, days: DAYS, all, partial: Vec::new(), azure, live };
    let result = known.answer().into_result().unwrap_or_else(|failure| panic!("{}", failure.code()));
    let CallToolResult { content, structured_content, .. } = result;
    (content[0].as_text().unwrap().text.clone(), structured_content.unwrap())
}

fn notices(points: &[(&str, u32)]) -> Value {
    let notice = |(kind, percent): &(&str, u32)| {
        let one =
            json!({"enabled": true, "operator": "GreaterThan", "threshold": percent, "thresholdType": kind});
        (format!("{kind}{percent}"), one)
    };
    Value::Object(points.iter().map(notice).collect())
}

#[tokio::test]
async fn the_worst_stands_first_with_what_to_do() {
    let filter = json!({"and": [
        {"dimensions": {"name": "ServiceName", "operator": "In", "values": ["Storage", "SQL | Database"]}},
        {"tags": {"name": "env", "operator": "In", "values": ["prod"]}},
    ]});
    let forecast = json!({"amount": 3_300.5, "unit": "EUR"});
    let all = standing(&[
        entry("kept", 5_000.0, &json!(1_100), &json!({})),
        entry("soon", 2_500.0, &json!(1_100), &json!({
            "notifications": notices(&[("Actual", 40), ("Actual", 90), ("Forecasted", 100)]), "forecastSpend": forecast,
        })),
        entry("over", 1_000.0, &json!(1_100), &json!({"filter": filter, "notifications": notices(&[("Actual", 100)])})),
        entry("new", 10.0, &json!(null), &json!({})),
        entry("ended", 10.0, &json!(20), &json!({"timePeriod": {"startDate": "2026-01-01", "endDate": "2026-03-31"}})),
        entry("reservations", 0.0, &json!(null), &json!({
            "category": "ReservationUtilization", "amount": null, "currentSpend": null, "timeGrain": "Last30Days",
        })),
    ])
    .await;
    let (text, data) = answered(all, &json!({"scopes": ["Contoso Prod"]}), None);
    insta::assert_snapshot!("text", text);
    insta::assert_snapshot!("data", serde_json::to_string_pretty(&data).unwrap());
}

#[tokio::test]
async fn two_hundred_budgets_come_in_parts_and_none_is_lost() {
    let entries: Vec<_> = (0..200)
        .map(|n| {
            let more = json!({"notifications": notices(&[("Actual", 50), ("Actual", 80), ("Actual", 100)])});
            entry(&format!("budget-of-team-{n:03}"), 500.0 + f64::from(n), &json!(n * 3), &more)
        })
        .collect();
    let mut found = Vec::new();
    let mut arguments = json!({"scopes": ["Contoso Prod"]});
    loop {
        let (text, data) = answered(standing(&entries).await, &arguments, None);
        let both = text.len() + data.to_string().len();
        assert!(text.len() <= 6_000 && both <= 24_000, "{} and {both}", text.len());
        let budgets = data["budgets"].as_array().unwrap();
        assert!(budgets.len() > 15 || data["more"].is_null(), "{} in a part", budgets.len());
        found.extend(budgets.iter().map(|one| one["name"].as_str().unwrap().to_owned()));
        assert_eq!(data["total"], 200);
        if data["more"].is_null() {
            break;
        }
        assert_eq!(data["more"]["left_out"], 200 - found.len(), "{}", data["more"]);
        let next = found.len();
        assert!(text.contains(&format!("the same call with \"skip\": {next} gets them")), "{text}");
        arguments = data["more"]["arguments"].clone();
        assert_eq!(arguments["scopes"], json!(["Contoso Prod"]));
    }
    assert_eq!(found[0], "budget-of-team-199", "the worst is the first");
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 200);
    let (_, data) = answered(standing(&entries[..1]).await, &json!({"skip": 7}), None);
    assert_eq!((&data["empty"]["reason"], &data["total"]), (&json!("none_left"), &json!(1)));
}

#[tokio::test]
async fn what_was_not_asked_for_is_told_with_the_call_that_does() {
    let entries: Vec<_> = (0..5).map(|n| entry(&format!("b{n}"), 100.0, &json!(n), &json!({}))).collect();
    let asked = Asked { next: Some(3), left: 2 };
    let (text, data) = answered(standing(&entries).await, &json!({"live": "yes", "skip": 0}), Some(asked));
    assert_eq!((&data["more"], &data["more_live"]["left_out"]), (&Value::Null, &json!(2)));
    assert_eq!(data["more_live"]["arguments"], json!({"live": "yes", "skip": 3}));
    assert!(text.contains("Of 2 budgets the live spend was not asked for"), "{text}");
    assert_eq!(data["budgets"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn names_that_people_chose_break_no_row() {
    let odd = "a | b\n# c\u{202e} [x](https://evil.example)";
    let (text, data) =
        answered(standing(&[entry(odd, 10.0, &json!(20), &json!({}))]).await, &json!({}), None);
    assert_eq!(data["budgets"][0]["name"], odd);
    assert!(!text.contains('\u{202e}') && !text.contains(" | b #") && !text.contains("[x]("), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with('|')).count(), 3, "{text}");
}

#[test]
fn no_budgets_is_an_answer_that_says_where_they_may_be() {
    let (text, data) = answered(Vec::new(), &json!({}), None);
    assert_eq!((&data["empty"]["reason"], &data["budgets"]), (&json!("no_budgets"), &json!([])));
    assert!(text.starts_with("Contoso Prod: 0 budgets.\nNobody made a budget there"), "{text}");
    assert!(text.contains("billing profiles"), "{text}");
}
