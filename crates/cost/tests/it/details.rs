use std::time::Duration;

use cost::{Client, CostDetails, DetailsLimits, Error, Metric};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{
    PROD, TOKEN, always, client, client_with, in_turn, november, ok, prod_scope, refusal, requests, status,
    token,
};

pub(crate) const SAS: &str = "sv=2020-05-31&sr=b&sig=S3cr3tSignature%3D";

fn limits() -> DetailsLimits {
    DetailsLimits {
        deadline: Duration::from_secs(5),
        shortest_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(5),
        ..DetailsLimits::default()
    }
}

pub(crate) async fn details(client: &Client) -> Result<CostDetails, Error> {
    details_within(client, limits()).await
}

async fn details_within(client: &Client, limits: DetailsLimits) -> Result<CostDetails, Error> {
    client.cost_details(&token(), &prod_scope(), november(), Metric::Actual, limits).await
}

fn building(azure: &MockServer) -> ResponseTemplate {
    let location = format!("{}/operations/1?api-version=2025-03-01", azure.uri());
    status(202).insert_header("location", location).insert_header("retry-after", "60")
}

pub(crate) fn ready(links: &[String]) -> Value {
    let blobs: Vec<Value> = links.iter().map(|link| json!({"blobLink": link, "byteCount": 9})).collect();
    json!({
        "status": "Completed",
        "manifest": {"dataFormat": "Csv", "compressData": false, "blobCount": links.len(), "blobs": blobs},
    })
}

pub(crate) fn link(storage: &MockServer, file: &str) -> String {
    format!("{}/armreports/{file}?{SAS}", storage.uri())
}

async fn file(storage: &MockServer, name: &str, answer: ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path(format!("/armreports/{name}")))
        .respond_with(answer)
        .mount(storage)
        .await;
}

#[tokio::test]
async fn the_whole_dance() {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    let report = ready(&[link(&storage, "1"), link(&storage, "2")]);
    in_turn(&azure, [building(&azure), status(202).insert_header("retry-after", "60"), ok(&report)]).await;
    file(&storage, "1", status(200).set_body_string("\u{feff}Date,Cost\r\n2026-11-01,1.5\r\n")).await;
    file(&storage, "2", status(200).set_body_string("Date,Cost\r\n2026-11-02,2.5\r\n")).await;

    let details = details(&client_with(&azure, &[&storage])).await.unwrap();
    assert_eq!(details.csv, "Date,Cost\r\n2026-11-01,1.5\r\n2026-11-02,2.5\r\n");
    assert_eq!(details.rows, 2);

    let asked = requests(&azure).await;
    let start = format!("/subscriptions/{PROD}/providers/Microsoft.CostManagement/generateCostDetailsReport");
    let paths: Vec<_> = asked.iter().map(|request| (request.method.as_str(), request.url.path())).collect();
    assert_eq!(paths, [("POST", start.as_str()), ("GET", "/operations/1"), ("GET", "/operations/1")]);
    let expected =
        json!({"metric": "ActualCost", "timePeriod": {"start": "2026-11-01", "end": "2026-11-21"}});
    assert_eq!(asked[0].body_json::<Value>().unwrap(), expected);
    assert!(asked.iter().all(|request| request.headers["authorization"] == format!("Bearer {TOKEN}")));

    let fetched = requests(&storage).await;
    assert_eq!(fetched.len(), 2);
    for request in fetched {
        assert!(!request.headers.contains_key("authorization"));
        assert!(!request.headers.contains_key("clienttype"));
        assert_eq!(request.url.query(), Some(SAS));
    }
}

#[tokio::test]
async fn no_costs_are_an_empty_report() {
    for answer in [status(204), ok(&json!({"status": "NoDataFound"})), ok(&ready(&[]))] {
        let azure = MockServer::start().await;
        always(&azure, answer).await;
        assert_eq!(details(&client(&azure)).await.unwrap(), CostDetails::default());
    }
}

#[tokio::test]
async fn failures_are_typed() {
    let failed =
        ok(&json!({"status": "Failed", "error": {"code": "SubscriptionTypeNotSupported", "message": "m"}}));
    for (answer, code) in [
        (failed, "subscription_type_not_supported"),
        (ok(&json!({"status": "Failed"})), "report_failed"),
        (refusal(403, "AuthorizationFailed"), "no_access"),
        (status(202), "unexpected_response"),
    ] {
        let azure = MockServer::start().await;
        always(&azure, answer).await;
        assert_eq!(details(&client(&azure)).await.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn a_location_elsewhere_gets_no_token() {
    let (azure, foreign) = (MockServer::start().await, MockServer::start().await);
    always(&azure, building(&foreign)).await;
    assert_eq!(details(&client_with(&azure, &[&foreign])).await.unwrap_err().code(), "untrusted_link");
    assert_eq!(requests(&foreign).await.len(), 0);
}

#[tokio::test]
async fn files_come_from_listed_hosts_only() {
    let (azure, foreign) = (MockServer::start().await, MockServer::start().await);
    always(&azure, ok(&ready(&[link(&foreign, "1")]))).await;
    assert_eq!(details(&client(&azure)).await.unwrap_err().code(), "untrusted_link");
    assert_eq!(requests(&foreign).await.len(), 0);
}

#[tokio::test]
async fn a_file_that_moved_is_not_followed() {
    let (azure, storage, foreign) =
        (MockServer::start().await, MockServer::start().await, MockServer::start().await);
    always(&azure, ok(&ready(&[link(&storage, "1")]))).await;
    file(&storage, "1", status(302).insert_header("location", foreign.uri())).await;
    assert_eq!(details(&client_with(&azure, &[&storage])).await.unwrap_err().code(), "unexpected_response");
    assert_eq!(requests(&foreign).await.len(), 0);
}

#[tokio::test]
async fn the_storages_refusals_are_not_the_persons() {
    for (answer, code, tries) in [
        (
            status(403).set_body_string("<Error><Code>AuthenticationFailed</Code></Error>"),
            "report_link_expired",
            1,
        ),
        (status(404), "report_link_expired", 1),
        (status(418), "unexpected_response", 1),
        (status(503), "azure_unavailable", 3),
        (status(429).insert_header("retry-after", "0"), "azure_unavailable", 3),
    ] {
        let (azure, storage) = (MockServer::start().await, MockServer::start().await);
        always(&azure, ok(&ready(&[link(&storage, "1")]))).await;
        always(&storage, answer).await;
        assert_eq!(details(&client_with(&azure, &[&storage])).await.unwrap_err().code(), code);
        assert_eq!(requests(&storage).await.len(), tries);
    }
}

#[tokio::test]
async fn what_is_announced_as_too_large_is_not_fetched() {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    always(&azure, ok(&ready(&[link(&storage, "1"), link(&storage, "2")]))).await;
    let small = DetailsLimits { most_bytes: 17, ..limits() };
    let error = details_within(&client_with(&azure, &[&storage]), small).await.unwrap_err();
    assert!(matches!(error, Error::ReportTooLarge { bytes: 18, limit: 17 }), "{error}");
    assert_eq!(requests(&storage).await.len(), 0);
}

#[tokio::test]
async fn what_turns_out_too_large_is_dropped() {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    always(&azure, ok(&ready(&[link(&storage, "1"), link(&storage, "2")]))).await;
    always(&storage, status(200).set_body_string("a,b\n1,2\n3,4\n5,6\n")).await;
    let small = DetailsLimits { most_bytes: 20, ..limits() };
    let error = details_within(&client_with(&azure, &[&storage]), small).await.unwrap_err();
    assert!(matches!(error, Error::ReportTooLarge { bytes: 32, limit: 20 }), "{error}");
}

#[tokio::test]
async fn polls_are_counted() {
    let azure = MockServer::start().await;
    always(&azure, building(&azure)).await;
    let few = DetailsLimits { most_polls: 2, ..limits() };
    let error = details_within(&client(&azure), few).await.unwrap_err();
    assert!(matches!(error, Error::ReportNotReady { polls: 2, .. }), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert_eq!(requests(&azure).await.len(), 3);
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_not_begun() {
    let azure = MockServer::start().await;
    always(&azure, building(&azure)).await;
    let patient = DetailsLimits { longest_pause: Duration::from_secs(60), ..limits() };
    let error = details_within(&client(&azure), patient).await.unwrap_err();
    assert!(matches!(error, Error::ReportNotReady { polls: 0, .. }), "{error}");
    assert_eq!(requests(&azure).await.len(), 1);
}
