//! A forecast on the wire.

use cost::{Error, Granularity, Metric, Period, Query};
use jiff::civil::date;
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{PROD, always, client, in_turn, prod_scope, refusal, requests, settings, status, token};

fn ahead() -> Query {
    let period = Period::new(date(2026, 11, 23), date(2026, 11, 30), date(2026, 11, 22)).unwrap();
    Query::forecast(Metric::Actual, period, Granularity::Daily).unwrap()
}

fn page(rows: &str, next_link: Option<&str>) -> ResponseTemplate {
    let columns =
        json!([{"name": "PreTaxCost"}, {"name": "UsageDate"}, {"name": "CostStatus"}, {"name": "Currency"}]);
    let next = json!(next_link);
    let body = format!(r#"{{"properties": {{"nextLink": {next}, "columns": {columns}, "rows": {rows}}}}}"#);
    status(200).set_body_raw(body, "application/json")
}

#[tokio::test]
async fn its_pages_are_asked_for_with_the_same_body() {
    let azure = MockServer::start().await;
    let next = format!("{}/any/Forecast?api-version=2019-10-01&$skiptoken=AQAAAA%3D%3D", azure.uri());
    let first = page(r#"[[1.5, 20261123, "Forecast", "EUR"]]"#, Some(&next));
    in_turn(&azure, [first, page(r#"[[2, 20261124, "Forecast", "EUR"]]"#, Some(""))]).await;
    let result = client(&azure).query(&token(), &prod_scope(), &ahead()).await.unwrap();
    assert_eq!((result.rows.len(), result.pages, result.truncated), (2, 2, None));
    let seen = requests(&azure).await;
    assert_eq!(
        (seen[0].url.path(), seen[0].url.query()),
        (
            &*format!("/subscriptions/{PROD}/providers/Microsoft.CostManagement/forecast"),
            Some("api-version=2025-03-01")
        )
    );
    assert_eq!(seen[1].url.query(), Some("api-version=2019-10-01&$skiptoken=AQAAAA%3D%3D"));
    assert!(seen.iter().all(|request| request.method.as_str() == "POST" && request.body == seen[0].body));
    let body: Value = seen[0].body_json().unwrap();
    assert_eq!(body["timePeriod"], json!({"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T23:59:59Z"}));
}

#[tokio::test]
async fn none_is_no_error_and_a_failure_has_a_name() {
    let azure = MockServer::start().await;
    in_turn(&azure, [status(204), page("[]", None)]).await;
    for _ in 0..2 {
        let result = client(&azure).query(&token(), &prod_scope(), &ahead()).await.unwrap();
        assert!(result.rows.is_empty());
    }
    let azure = MockServer::start().await;
    always(&azure, refusal(424, "FailedDependency")).await;
    let failed = client(&azure).with_settings(settings()).query(&token(), &prod_scope(), &ahead()).await;
    let error = failed.unwrap_err();
    assert!(matches!(error, Error::ForecastFailed(_)), "{error}");
    assert!(error.detail().contains("no forecast"), "{}", error.detail());
    assert_eq!(requests(&azure).await.len(), 1);
}
