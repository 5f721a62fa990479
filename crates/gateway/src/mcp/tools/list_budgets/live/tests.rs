use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::mcp::tools::list_budgets::testing::{DAYS, PROD, azure, entry, standing};

#[test]
fn a_call_asks_for_what_its_units_are_enough_for_and_for_one_at_least() {
    for (takes, enough) in [
        (&[][..], 0),
        (&[13], 1),
        (&[13, 1], 1),
        (&[5, 7, 1], 2),
        (&[5, 8, 1], 1),
        (&[1; 20], 12),
        (&[u32::MAX, u32::MAX], 1),
    ] {
        assert_eq!(enough_for(takes.iter().copied()), enough, "{takes:?}");
    }
}

/// What is told of a budget whose unit Azure names, or not, where its costs are these.
async fn counted(unit: &Value, rows: &Value) -> (Standing, Vec<String>) {
    let unnamed = json!({"currentSpend": {"amount": null, "unit": unit}});
    let mut all = standing(&[entry("b", 100.0, &json!(null), &unnamed)]).await;
    let columns = ["Cost", "UsageDate", "Currency"].map(|name| json!({"name": name}));
    let (_azure, client) =
        azure(&json!({"properties": {"columns": columns, "rows": rows, "nextLink": null}})).await;
    let question = Question::of(&all[0], DAYS).unwrap();
    let plan = question.plan(None).unwrap();
    let scope = Scope::Subscription(PROD.parse().unwrap());
    let mut answers = Vec::new();
    for query in plan.queries() {
        answers.push(Arc::new(client.query(&"token".into(), &scope, query).await.unwrap()));
    }
    let spend = plan.join(&answers).unwrap();
    let missing = count(&mut all[0], &spend, &Used::default(), DAYS)
        .unwrap_or_else(|failure| panic!("{}", failure.code()));
    (all.remove(0), missing.into_iter().map(|part| part.code).collect())
}

#[tokio::test]
async fn a_budget_has_one_currency_and_no_other_is_counted() {
    let rows = json!([[30, 20_261_109, "EUR"], [7, 20_261_109, "USD"], [80, 20_261_112, "EUR"]]);
    let (budget, missing) = counted(&json!("EUR"), &rows).await;
    let live = budget.live.unwrap();
    assert_eq!(
        (live.spending.now.to_string(), live.spending.counted.to_string()),
        ("110".to_owned(), "30".to_owned())
    );
    assert_eq!((live.beside.len(), live.beside[0].to_string(), missing), (1, "7 USD".to_owned(), Vec::new()));
    // Until the first evaluation Azure does not name it: where there is one alone, it is that.
    let (budget, missing) = counted(&json!(null), &rows).await;
    assert!(budget.live.is_none());
    assert_eq!(missing, ["currency_unknown"]);
    let (budget, missing) = counted(&json!(null), &json!([[30, 20_261_109, "CHF"]])).await;
    assert_eq!((budget.currency().unwrap().to_string(), missing.len()), ("CHF".to_owned(), 0));
}

#[tokio::test]
async fn rows_without_a_figure_are_told() {
    let (budget, missing) =
        counted(&json!("EUR"), &json!([[null, 20_261_109, "EUR"], [3, 20_261_109, "EUR"]])).await;
    assert_eq!(
        (budget.live.unwrap().spending.now.to_string(), missing),
        ("3".to_owned(), vec!["rows_without_figure".to_owned()])
    );
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_asked_for_by_nothing() {
    let filter = json!({"filter": {"not": {"tags": {"name": "env", "operator": "In", "values": ["prod"]}}}});
    let all = standing(&[entry("b", 100.0, &json!(1), &filter)]).await;
    assert!(all[0].can_be_live());
    assert!(Question::of(&all[0], DAYS).is_err());
}
