//! `list_budgets` against raw rows: what was spent by each budget's own filter, what is left a day, and when it runs out.

use std::collections::BTreeMap;

use e2e::schema::misfits;
use e2e::{Answer, Stack};
use emulator::{DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};
use identity::clock::{Clock as _, SystemClock};
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::burn_down::{check, day, sum, text};
use super::random::decimal;
use super::raw::{Raw, Rows};

/// Scopes of every kind that Contoso has budgets at.
const SCOPES: [&str; 7] = [
    "Contoso Prod",
    "Contoso Dev",
    "Contoso Factory",
    "Contoso Lab",
    "Contoso Retail",
    "managementGroups/contoso-factory",
    "billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD",
];
/// The most query units of one call.
const MOST_UNITS: u64 = 12;

/// A stack whose costs are looked at from today's noon, however late it is, so that they stay as they are during a test.
async fn stack(flags: &[&str]) -> (Stack, Date) {
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    (Stack::builder().emulator(|azure| azure.today = Some(today)).gateway(flags).start().await, today)
}

async fn ask(stack: &Stack, person: &str, arguments: &Value) -> Answer {
    let answer = stack.caller.call(&stack.token(person), "list_budgets", arguments.clone()).await;
    assert_eq!(answer.status, 200, "{arguments}: {}", answer.text);
    let both = answer.readable().len() + answer.data().to_string().len();
    assert!(answer.readable().len() <= 6_000 && both <= 24_000, "{arguments}: {both} bytes");
    answer
}

async fn told(stack: &Stack, person: &str, arguments: Value) -> Value {
    let answer = ask(stack, person, &arguments).await;
    assert!(!answer.is_tool_error(), "{arguments}: {}", answer.readable());
    answer.data().clone()
}

fn budgets(data: &Value) -> &Vec<Value> {
    data["budgets"].as_array().unwrap_or_else(|| panic!("{data}"))
}

fn queries(stack: &Stack) -> u64 {
    let counts = stack.emulator.counts().arm_by_operation;
    counts.get("Microsoft.CostManagement/query").copied().unwrap_or_default()
}

/// A budget as it was made, by its id.
fn orders(stack: &Stack) -> BTreeMap<String, Value> {
    let id = |order: &Value| {
        format!("{}/providers/Microsoft.CostManagement/budgets/{}", text(order, "scope"), text(order, "name"))
    };
    stack.emulator.budgets().into_iter().map(|order| (id(&order), order)).collect()
}

#[tokio::test]
async fn every_figure_of_every_budget_is_that_of_the_raw_rows() {
    let (stack, today) = stack(&[]).await;
    let orders = orders(&stack);
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    let (mut arguments, mut calls) = (json!({"scopes": SCOPES, "live": true}), 0);
    let mut complete = today;
    loop {
        let asked = queries(&stack);
        let data = told(&stack, "frank", arguments).await;
        calls += 1;
        complete = day(&data["complete_until"]).min(complete);
        let units = data["azure"]["query_units"].as_u64().unwrap();
        assert!(units <= MOST_UNITS, "{}", data["azure"]);
        assert!(
            data["azure"]["calls"].as_u64().unwrap() > queries(&stack) - asked,
            "the lists count: {}",
            data["azure"]
        );
        for budget in budgets(&data) {
            let known = seen.entry(text(budget, "id").to_owned()).or_insert_with(|| budget.clone());
            if known["live_spend"].is_null() {
                *known = budget.clone();
            }
        }
        let next = [&data["more_live"], &data["more"]].into_iter().find(|more| !more.is_null());
        match next {
            Some(next) => arguments = next["arguments"].clone(),
            None => break,
        }
    }
    assert!(calls > 1, "they take more units than one call may");
    assert_eq!(seen.keys().collect::<Vec<_>>(), orders.keys().collect::<Vec<_>>(), "each by its id");
    let mut checked = 0;
    for (id, found) in &seen {
        let order = &orders[id];
        match (text(&order["properties"], "category"), text(found, "state")) {
            ("ReservationUtilization", _) => {
                let figures = ["amount", "currency", "evaluated_spend", "live_spend", "needed_per_day"];
                assert!(figures.iter().all(|name| found[name].is_null()), "{found}");
                assert_eq!(
                    found["thresholds"],
                    json!([{"percent": "95", "kind": "actual", "crossed": null}])
                );
            }
            (_, "expired") => {
                assert!(day(&order["properties"]["timePeriod"]["endDate"]) < today, "{found}");
                assert!(found["live_spend"].is_null() && found["needed_per_day"].is_null(), "{found}");
            }
            _ => checked += check(&stack, found, order, (today, complete)),
        }
    }
    assert!(checked > 80, "{checked} figures");
    let of = |id: &str, name: &str| text(&seen[id], name).to_owned();
    let prod = format!("/subscriptions/{PROD_SUBSCRIPTION}");
    let two = [prod.clone(), format!("{prod}/resourceGroups/rg-shop")]
        .map(|scope| format!("{scope}/providers/Microsoft.CostManagement/budgets/team-shop"));
    assert_eq!((of(&two[0], "name"), of(&two[0], "scope")), (of(&two[1], "name"), prod));
    assert_ne!(seen[&two[0]]["live_spend"]["amount"], seen[&two[1]]["live_spend"]["amount"]);
}

#[tokio::test]
async fn what_azure_found_last_is_told_beside_what_was_spent_since() {
    let (stack, today) = stack(&[]).await;
    // Seven in the morning: what the evaluation of six counted is what there is.
    stack.advance(SignedDuration::from_hours(19));
    let tomorrow = today.tomorrow().unwrap();
    let prod = format!("/subscriptions/{PROD_SUBSCRIPTION}");
    let evaluated = || async {
        let data = told(&stack, "alice", json!({"scopes": [&prod]})).await;
        let whole = format!("{prod}/providers/Microsoft.CostManagement/budgets/monthly-cost");
        let found = budgets(&data).iter().find(|one| one["id"] == *whole).unwrap().clone();
        assert!(found["live_spend"].is_null(), "{found}");
        (decimal(&found["evaluated_spend"]["amount"]), found["forecast"].clone())
    };
    let counted = || {
        let rows = Rows::of(&stack, &prod, tomorrow.first_of_month()..=tomorrow, "actual").all;
        let rows: Vec<Raw> = rows.into_iter().filter(|row| row.currency == "EUR").collect();
        if tomorrow.day() == 1 { Decimal::ZERO } else { sum(&rows, |_| true) }
    };
    let first = evaluated().await;
    assert_eq!(first.0, counted());
    assert!(first.1.is_string(), "somebody is told of forecasts");
    stack.advance(SignedDuration::from_hours(8));
    assert_eq!(evaluated().await, first, "it stays until the next evaluation");
    assert!(tomorrow.day() == 1 || counted() > first.0);
}

#[tokio::test]
async fn each_person_sees_the_budgets_of_their_own_scopes() {
    let (stack, _) = stack(&[]).await;
    let listed = stack.caller.request(Some(&stack.token("bob")), "tools/list", json!({})).await;
    let tools = listed.document["result"]["tools"].as_array().unwrap();
    let schema = &tools.iter().find(|tool| tool["name"] == "list_budgets").unwrap()["outputSchema"];
    let names = |data: &Value| -> Vec<String> {
        let mut names: Vec<_> = budgets(data)
            .iter()
            .map(|one| text(one, "id").replace("/providers/Microsoft.CostManagement/budgets", ""))
            .collect();
        names.sort();
        names
    };
    let (prod, dev) =
        (format!("/subscriptions/{PROD_SUBSCRIPTION}"), format!("/subscriptions/{DEV_SUBSCRIPTION}"));
    let of_dev = [
        format!("{dev}/monthly-cost"),
        format!("{dev}/resourceGroups/rg-ml-sandbox/training"),
        format!("{dev}/trial"),
    ];
    let bob = told(&stack, "bob", json!({})).await;
    assert!(misfits(schema, &bob).is_empty(), "{bob}");
    assert_eq!(names(&bob), of_dev);
    let alice = told(&stack, "alice", json!({})).await;
    assert_eq!(names(&alice).len(), 7, "{alice}");
    // What one scope refuses fails nothing else, and is named.
    let both = told(&stack, "bob", json!({"scopes": [&prod, &dev]})).await;
    assert_eq!((names(&both), &both["partial"][0]["code"]), (of_dev.to_vec(), &json!("no_access")), "{both}");
    let refused = ask(&stack, "bob", &json!({"scopes": prod})).await;
    assert!(refused.is_tool_error() && refused.data()["code"] == "no_access", "{}", refused.text);
    // A group beside its subscription is in that one's list; a role that is taken away counts at once.
    let group = format!("{dev}/resourceGroups/rg-ml-sandbox");
    assert_eq!(names(&told(&stack, "bob", json!({"scopes": [&group, &dev]})).await), of_dev);
    assert_eq!(names(&told(&stack, "bob", json!({"scopes": group})).await), of_dev[1..2]);
    stack.emulator.take_azure_role("bob", None, &dev).unwrap();
    assert!(ask(&stack, "bob", &json!({"scopes": dev})).await.is_tool_error());
    // Somebody with a role on the group alone.
    stack.emulator.give_azure_role("bob", None, &group).unwrap();
    let live = told(&stack, "bob", json!({"scopes": group, "live": true})).await;
    assert_eq!(
        (names(&live), live["partial"].as_array().unwrap().len()),
        (of_dev[1..2].to_vec(), 0),
        "{live}"
    );
    assert!(live["budgets"][0]["live_spend"]["amount"].is_string(), "{live}");
}

#[tokio::test]
async fn a_budget_takes_one_unit_a_month_and_none_for_what_is_known() {
    let (stack, today) = stack(&["--cost-cache-seconds=14400"]).await;
    let dev = format!("/subscriptions/{DEV_SUBSCRIPTION}");
    let order = |name: &str, amount: u32, filter: Value| {
        let start = format!("{}T00:00:00Z", today.first_of_month());
        json!({"scope": dev, "name": name, "properties": {"category": "Cost", "amount": amount, "timeGrain": "Monthly",
               "timePeriod": {"startDate": start}, "filter": filter, "notifications": {}}})
    };
    let service =
        |name: &str| json!({"dimensions": {"name": "ServiceName", "operator": "In", "values": [name]}});
    let orders =
        vec![order("a", 1, json!({})), order("b", 2, service("Storage")), order("c", 3, service("Storage"))];
    stack.emulator.set_budgets(orders).unwrap();
    let units = |data: &Value| {
        (data["azure"]["query_units"].as_u64().unwrap(), data["azure"]["calls"].as_u64().unwrap())
    };
    // Two pages of the list, and two questions: two budgets of one filter ask the same.
    let listed = told(&stack, "bob", json!({"scopes": dev})).await;
    assert_eq!(units(&listed), (0, 2), "{}", listed["azure"]);
    let live = told(&stack, "bob", json!({"scopes": dev, "live": true})).await;
    assert_eq!(queries(&stack), 2);
    assert_eq!(budgets(&live)[1]["live_spend"]["amount"], budgets(&live)[2]["live_spend"]["amount"]);
    let again = told(&stack, "bob", json!({"scopes": dev, "live": true})).await;
    assert_eq!((units(&again), queries(&stack)), ((0, 2), 2), "{}", again["azure"]);
    assert_eq!(again["budgets"][0]["live_spend"], live["budgets"][0]["live_spend"], "with its age");
    // What somebody looked at before holds the costs of a budget by service.
    let alice = json!({"scopes": dev, "group_by": "service", "granularity": "daily"});
    stack.caller.call(&stack.token("alice"), "cost_query", alice).await;
    let asked = queries(&stack);
    told(&stack, "alice", json!({"scopes": dev, "live": true})).await;
    assert_eq!(queries(&stack), asked);
}

/// Azure whose providers do not share their budgets, with one of the older.
async fn older() -> Stack {
    let stack = Stack::builder().emulator(|azure| azure.budgets_are_shared = false).start().await;
    let prod = format!("/subscriptions/{PROD_SUBSCRIPTION}");
    let made = json!({"scope": prod, "name": "made-there", "provider": "Microsoft.Consumption", "properties": {"category": "Cost",
        "amount": 100, "timeGrain": "Monthly", "timePeriod": {"startDate": "2026-01-01T00:00:00Z"}}});
    stack.emulator.set_budgets(vec![made]).unwrap();
    stack
}

#[tokio::test]
async fn what_cannot_be_counted_is_named_and_costs_no_other_budget() {
    let (stack, today) = stack(&[]).await;
    let prod = format!("/subscriptions/{PROD_SUBSCRIPTION}");
    let start = format!("{}T00:00:00Z", today.first_of_month());
    let order = |name: &str, created: Option<&str>, filter: Value| {
        json!({"scope": prod, "name": name, "created": created, "properties": {"category": "Cost", "amount": 100, "timeGrain": "Monthly",
               "timePeriod": {"startDate": start}, "filter": filter, "notifications": {}}})
    };
    let by = |name: &str| json!({"dimensions": {"name": name, "operator": "In", "values": ["x"]}});
    let mut all: Vec<Value> = (0..40).map(|n| order(&format!("of-team-{n:02}"), None, json!({}))).collect();
    all.push(order("wrong", None, by("DepartmentName")));
    all.push(order("nothing", None, by("ServiceName")));
    stack.emulator.set_budgets(all).unwrap();
    let mut arguments = json!({"scopes": prod, "live": true});
    let (mut found, mut partial) = (BTreeMap::new(), Vec::new());
    loop {
        let data = told(&stack, "alice", arguments).await;
        partial.extend(data["partial"].as_array().unwrap().iter().cloned());
        found.extend(
            budgets(&data)
                .iter()
                .filter(|one| !one["live_spend"].is_null())
                .map(|one| (text(one, "name").to_owned(), one.clone())),
        );
        match [&data["more_live"], &data["more"]].into_iter().find(|more| !more.is_null()) {
            Some(next) => arguments = next["arguments"].clone(),
            None => break,
        }
    }
    assert_eq!(found.len(), 41, "{:?}", found.keys());
    assert_eq!(found["nothing"]["live_spend"]["amount"], "0");
    let wrong: Vec<_> =
        partial.iter().filter(|part| text(part, "scope").ends_with("/budgets/wrong")).collect();
    assert!(!wrong.is_empty() && text(wrong[0], "detail").starts_with("Live spend: "), "{partial:?}");
    assert!(partial.iter().all(|part| text(part, "scope").ends_with("/budgets/wrong")), "{partial:?}");
    // What was made with the older provider, where the newer one does not show it.
    let apart = older().await;
    let told_of = told(&apart, "alice", json!({"scopes": prod, "live": true})).await;
    assert_eq!(
        (text(&told_of["budgets"][0], "name"), budgets(&told_of).len()),
        ("made-there", 1),
        "{told_of}"
    );
    assert!(told_of["budgets"][0]["live_spend"]["amount"].is_string(), "{told_of}");
    assert!(told_of["notes"].to_string().contains("USD too, which is not counted"), "{told_of}");
    // Nowhere a budget.
    stack.emulator.set_budgets(Vec::new()).unwrap();
    let none = ask(&stack, "alice", &json!({"scopes": prod})).await;
    assert_eq!(none.data()["empty"]["reason"], "no_budgets");
    assert!(none.readable().contains("billing profiles"), "{}", none.readable());
    for (wrong, said) in [
        (json!({"live": "perhaps"}), "true or false"),
        (json!({"scopes": "/subscriptions/x"}), "is no scope"),
    ] {
        let answer = ask(&stack, "alice", &wrong).await;
        assert!(answer.is_tool_error() && answer.readable().contains(said), "{}", answer.readable());
    }
}
