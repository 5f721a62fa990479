//! Answers that are right but odd: one entry must not cost the others.

use cost::{CostByService, Metric, Settings, Subscription};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{
    PROD, always, client, costs, in_turn, november, ok, prod, requests, settings, status, token,
};

const OTHER: &str = "20000000-0000-4000-8000-000000000002";

async fn by_service(
    answers: impl IntoIterator<Item = ResponseTemplate>,
) -> Result<CostByService, cost::Error> {
    let azure = MockServer::start().await;
    in_turn(&azure, answers).await;
    client(&azure).cost_by_service(&token(), prod(), november(), Metric::Actual).await
}

fn lines(costs: &CostByService) -> Vec<String> {
    costs.services.iter().map(|line| format!("{}={}", line.service, line.cost)).collect()
}

async fn list(entries: Value) -> Vec<Subscription> {
    let azure = MockServer::start().await;
    always(&azure, ok(&json!({"value": entries}))).await;
    client(&azure).subscriptions(&token()).await.unwrap()
}

#[tokio::test]
async fn one_odd_subscription_does_not_cost_the_list() {
    for odd in [
        json!({"subscriptionId": OTHER, "displayName": null, "state": "Enabled"}),
        json!({"subscriptionId": OTHER, "displayName": "", "state": null}),
        json!({"subscriptionId": OTHER, "tenantId": ""}),
        json!({"subscriptionId": OTHER, "tenantId": null, "subscriptionPolicies": null}),
        json!({"subscriptionId": OTHER, "subscriptionPolicies": {"quotaId": null}}),
        json!({"id": format!("/subscriptions/{OTHER}")}),
    ] {
        let found =
            list(json!([{"subscriptionId": PROD, "displayName": "Prod", "state": "Enabled"}, odd])).await;
        assert_eq!(found.len(), 2, "{odd}");
        assert_eq!((found[0].display_name.as_str(), found[1].display_name.as_str()), ("Prod", ""), "{odd}");
        assert_eq!(found[1].id.to_string(), OTHER, "{odd}");
        let state = if odd["state"] == "Enabled" { "Enabled" } else { "unknown" };
        assert_eq!(found[1].state.as_str(), state, "{odd}");
    }
    // What has no id can be neither shown nor asked for.
    assert_eq!(list(json!([{"displayName": "x"}, {"subscriptionId": PROD}, null])).await.len(), 1);
    assert!(list(Value::Null).await.is_empty());
}

#[tokio::test]
async fn one_subscription_is_in_the_list_once() {
    let twice = json!([
        {"subscriptionId": PROD, "displayName": "Prod", "authorizationSource": "RoleBased"},
        {"subscriptionId": OTHER, "displayName": "Prod"},
        {"subscriptionId": PROD.to_uppercase(), "displayName": "Prod", "authorizationSource": "Legacy"},
    ]);
    assert_eq!(list(twice).await.len(), 2);
}

#[tokio::test]
async fn nulls_are_what_is_absent() {
    for body in [
        json!({"properties": {"nextLink": null, "columns": null, "rows": null}}),
        json!({"properties": null}),
        json!({"properties": {"rows": []}}),
    ] {
        let costs = by_service([ok(&body)]).await.unwrap();
        assert!(costs.services.is_empty(), "{body}");
    }
}

#[tokio::test]
async fn a_zero_without_a_currency_is_no_money() {
    for currency in ["\"\"", "null"] {
        let rows = format!(r#"[[1.5, "Storage", "EUR"], [0.0, "Bandwidth", {currency}]]"#);
        assert_eq!(lines(&by_service([costs(&rows, None)]).await.unwrap()), ["Storage=1.5 EUR"]);
        let money = format!(r#"[[1.5, "Storage", "EUR"], [0.1, "Bandwidth", {currency}]]"#);
        let error = by_service([costs(&money, None)]).await.unwrap_err();
        assert_eq!(error.code(), "unexpected_response");
        assert!(error.to_string().contains("a cost without a currency"), "{error}");
    }
}

#[tokio::test]
async fn a_row_without_a_figure_is_counted() {
    let rows = r#"[[1.5, "Storage", "EUR"], [null, "Bandwidth", "EUR"]]"#;
    let costs = by_service([costs(rows, None)]).await.unwrap();
    assert_eq!((lines(&costs), costs.without_figure), (vec!["Storage=1.5 EUR".to_owned()], 1));
}

#[tokio::test]
async fn a_service_is_one_line() {
    let azure = MockServer::start().await;
    let next = format!("{}/more", azure.uri());
    in_turn(
        &azure,
        [
            costs(
                r#"[[10,"Storage","EUR"],[5,"Storage","EUR"],[400,"","EUR"],[3,"Storage","USD"]]"#,
                Some(&next),
            ),
            costs(r#"[[2,"Storage","EUR"],[1,"storage","EUR"],[7,null,"EUR"]]"#, None),
        ],
    )
    .await;
    let costs = client(&azure).cost_by_service(&token(), prod(), november(), Metric::Actual).await.unwrap();
    assert_eq!(lines(&costs), ["=407 EUR", "Storage=18 EUR", "Storage=3 USD"]);
    let shares: rust_decimal::Decimal =
        costs.services.iter().take(2).filter_map(|service| service.share).sum();
    assert_eq!(shares, rust_decimal::Decimal::ONE);
}

#[tokio::test]
async fn sums_do_not_depend_on_their_order() {
    let (large, small) = ("123456789012345.67", "0.000002327970961");
    let mut sums = Vec::new();
    for rows in [[large, small, "-123456789012345.67"], [large, "-123456789012345.67", small]] {
        let rows: Vec<_> = rows.iter().map(|amount| format!(r#"[{amount},"Storage","EUR"]"#)).collect();
        let costs = by_service([costs(&format!("[{}]", rows.join(",")), None)]).await.unwrap();
        sums.push(costs.totals.iter().map(|total| total.to_string()).collect::<Vec<_>>());
    }
    assert_eq!(sums, [["0.000002327970961 EUR"], ["0.000002327970961 EUR"]]);
}

#[tokio::test]
async fn the_amount_may_be_in_the_other_column() {
    let body = json!({"properties": {
        "columns": [{"name": "PreTaxCost"}, {"name": "ServiceName"}, {"name": "Currency"}],
        "rows": [[1.5, "Storage", "EUR"]],
    }});
    assert_eq!(lines(&by_service([ok(&body)]).await.unwrap()), ["Storage=1.5 EUR"]);
}

#[tokio::test]
async fn a_byte_order_mark_is_no_obstacle() {
    let body = "\u{feff}{\"properties\":{\"columns\":[],\"rows\":[]}}";
    by_service([status(200).set_body_raw(body, "application/json")]).await.unwrap();
}

#[tokio::test]
async fn the_reason_and_the_request_are_in_the_error() {
    for (columns, rows, reason) in [
        (json!(["ServiceName", "Currency"]), json!([["Storage", "EUR"]]), "costs without the cost column"),
        (
            json!(["Cost", "ServiceName", "Currency"]),
            json!([[1, "Storage", "Euro"]]),
            "a currency that is not a currency code",
        ),
    ] {
        let columns: Vec<_> = columns.as_array().unwrap().iter().map(|name| json!({"name": name})).collect();
        let body = json!({"properties": {"columns": columns, "rows": rows}});
        let error = by_service([ok(&body).insert_header("x-ms-request-id", "r-1")]).await.unwrap_err();
        assert_eq!(error.code(), "unexpected_response");
        assert_eq!(error.to_string(), format!("unexpected answer: {reason} (HTTP 200, request id r-1)"));
        let azure = error.azure().unwrap();
        assert_eq!((azure.status, azure.request_id.as_deref()), (200, Some("r-1")));
    }
}

/// Pages of 50, as ARM sent them: `page` is which, `of` how many there are.
fn fifty(azure: &MockServer, page: usize, of: usize) -> ResponseTemplate {
    let entries: Vec<_> = (page * 50..(page + 1) * 50)
        .map(|number| json!({"subscriptionId": format!("30000000-0000-4000-8000-{number:012}"), "displayName": format!("Subscription {number}")}))
        .collect();
    let next = (page + 1 < of).then(|| format!("{}/subscriptions?%24skiptoken={}", azure.uri(), page + 1));
    ok(&json!({"value": entries, "nextLink": next, "count": {"type": "Partial", "value": 50}}))
}

async fn list_of(pages: usize) -> MockServer {
    let azure = MockServer::start().await;
    let answers: Vec<_> = (0..pages).map(|page| fifty(&azure, page, pages)).collect();
    let pages = move |request: &wiremock::Request| {
        let token = request.url.query_pairs().find(|(name, _)| name == "$skiptoken");
        answers[token.map_or(0, |(_, page)| page.parse().unwrap())].clone()
    };
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(pages).mount(&azure).await;
    azure
}

#[tokio::test]
async fn twenty_thousand_subscriptions_on_400_pages_are_listed() {
    let azure = list_of(400).await;
    let client =
        client(&azure).with_settings(Settings { deadline: std::time::Duration::from_secs(60), ..settings() });
    assert_eq!(client.subscriptions(&token()).await.unwrap().len(), 20_000);
    assert_eq!(requests(&azure).await.len(), 400);
}

#[tokio::test]
async fn more_than_that_are_told_as_subscriptions() {
    let azure = list_of(3).await;
    let client = client(&azure).with_settings(Settings { most_subscriptions: 120, ..settings() });
    let error = client.subscriptions(&token()).await.unwrap_err();
    assert_eq!(error.code(), "too_large");
    assert!(error.detail().contains("more than 120 subscriptions"), "{}", error.detail());
    assert!(!error.detail().contains("period"), "{}", error.detail());
}

#[tokio::test]
async fn a_name_is_found_without_reading_on() {
    let azure = list_of(400).await;
    let found = client(&azure).subscriptions_named(&token(), " subscription 120 ").await.unwrap();
    assert_eq!(found.matching.len(), 1);
    assert_eq!(found.matching[0].display_name, "Subscription 120");
    assert!(!found.whole);
    assert_eq!(requests(&azure).await.len(), 3);
}

#[tokio::test]
async fn names_are_compared_as_people_read_them() {
    let azure = MockServer::start().await;
    always(&azure, ok(&json!({"value": [{"subscriptionId": PROD, "displayName": "Prod "}, {"subscriptionId": OTHER, "displayName": "GRÖẞE"}]}))).await;
    for (asked, id) in [("Prod ", PROD), ("prod", PROD), ("größe", OTHER)] {
        let found = client(&azure).subscriptions_named(&token(), asked).await.unwrap();
        let ids: Vec<_> = found.matching.iter().map(|subscription| subscription.id.to_string()).collect();
        assert_eq!(ids, [id], "{asked}");
    }
    let none = client(&azure).subscriptions_named(&token(), "nothing").await.unwrap();
    assert_eq!((none.matching.len(), none.first.len(), none.total, none.whole), (0, 2, 2, true));
}
