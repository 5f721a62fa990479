use rmcp::model::CallToolResult;
use serde_json::Value;

use super::*;
use crate::mcp::tools::list_budgets::testing::{DAYS, PROD, entry, standing};

/// Text and data.
fn answered(all: Vec<Standing>, arguments: &Value, live: Option<Asked>) -> (String, Value) {
    answered_with(all, arguments, live, Vec::new())
}

fn answered_with(
    all: Vec<Standing>,
    arguments: &Value,
    live: Option<Asked>,
    partial: Vec<Partial>,
) -> (String, Value) {
    let input: BudgetsInput = serde_json::from_value(arguments.clone()).unwrap();
    let scopes = Scopes::of_subscription(PROD.parse().unwrap(), "Contoso Prod");
    let answered = scopes.all.clone();
    let azure = AzureUse { calls: 1, ..AzureUse::default() };
    let known = Known { input: &input, scopes, answered, days: DAYS, all, partial, azure, live };
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
        entry("ended", 10.0, &json!(20), &json!({
            "timePeriod": {"startDate": "2026-01-01", "endDate": "2026-03-31"}, "notifications": notices(&[("Actual", 100)]),
        })),
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

#[tokio::test]
async fn one_budget_in_two_lists_is_one() {
    let one = entry("same", 10.0, &json!(20), &json!({}));
    let mut other = one.clone();
    other["id"] = one["id"].as_str().unwrap().to_uppercase().into();
    let (_, data) = answered(standing(&[one, other]).await, &json!({}), None);
    assert_eq!(data["total"], 1);
}

#[test]
fn of_much_that_is_not_in_it_some_is_named_and_the_rest_counted() {
    let partial: Vec<_> =
        (0..200).map(|n| Partial::named(&format!("b{n}"), "unreadable_budget", "x")).collect();
    let (text, data) = answered_with(Vec::new(), &json!({}), None, partial);
    let both = text.len() + data.to_string().len();
    assert!(both < 6_000 && text.contains("188 more things are not in it"), "{both}: {text}");
    assert_eq!(
        (data["partial"].as_array().unwrap().len(), &data["empty"]),
        (12, &Value::Null),
        "one that cannot be read is one"
    );
}
