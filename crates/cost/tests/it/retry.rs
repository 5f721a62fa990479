use std::time::{Duration, Instant};

use cost::{Client, Error, Settings};
use wiremock::MockServer;

use crate::support::{
    always, by_service, client, closed_port, http, in_turn, prod_scope, refusal, requests, settings, status,
    token,
};

async fn ask(client: &Client) -> Result<(), Error> {
    client.query(&token(), &prod_scope(), &by_service()).await.map(|_| ())
}

/// What counts against no quota of Cost Management: the client waits by itself.
async fn list(client: &Client) -> Result<(), Error> {
    client.subscriptions(&token()).await.map(|_| ())
}

const ENTITY: &str = "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after";

#[tokio::test]
async fn a_wait_that_fits_is_waited() {
    let azure = MockServer::start().await;
    let throttled = || refusal(429, "429").insert_header("retry-after", "0");
    in_turn(&azure, [throttled(), refusal(503, "ServerTimeout"), status(204)]).await;
    list(&client(&azure)).await.unwrap();
    assert_eq!(requests(&azure).await.len(), 3);
}

#[tokio::test]
async fn who_asks_for_costs_waits_for_their_turn_and_the_client_does_not() {
    let azure = MockServer::start().await;
    let throttled = || refusal(429, "429").insert_header("retry-after", "0").insert_header(ENTITY, "1");
    in_turn(&azure, [refusal(503, "ServerTimeout"), throttled(), status(204)]).await;
    let Err(Error::Throttled { quota, retry_after, .. }) = ask(&client(&azure)).await else { panic!() };
    assert_eq!(quota.waits.entity, Some(Duration::from_secs(1)));
    assert_eq!(retry_after, Duration::from_secs(1));
    assert_eq!(requests(&azure).await.len(), 2, "what broke is asked again, what is refused is not");
}

#[tokio::test]
async fn a_wait_of_a_second_is_a_wait_of_a_second() {
    let azure = MockServer::start().await;
    in_turn(
        &azure,
        [refusal(429, "429").insert_header("retry-after", "0").insert_header(ENTITY, "1"), status(204)],
    )
    .await;
    let start = Instant::now();
    list(&client(&azure)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn three_tries_are_enough() {
    let azure = MockServer::start().await;
    always(&azure, refusal(429, "429").insert_header("retry-after", "0")).await;
    let error = list(&client(&azure)).await.unwrap_err();
    assert_eq!((error.code(), error.retry_after()), ("throttled", Some(Duration::ZERO)));
    // One number for people and programs, and never at once.
    assert_eq!(error.retry_after_seconds(), Some(1));
    assert!(error.detail().contains("in 1 seconds"), "{}", error.detail());
    assert_eq!(requests(&azure).await.len(), 3);
}

#[tokio::test]
async fn a_wait_that_does_not_fit_is_passed_on_at_once() {
    let azure = MockServer::start().await;
    let answer = refusal(429, "429").insert_header("retry-after", "7").insert_header(ENTITY, "41");
    always(&azure, answer).await;
    let error = ask(&client(&azure)).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { .. }), "{error}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(41)));
    assert!(error.detail().contains("41 seconds"));
    assert_eq!(requests(&azure).await.len(), 1);
}

#[tokio::test]
async fn a_wait_may_be_a_date() {
    let azure = MockServer::start().await;
    let answer = refusal(429, "429")
        .insert_header("date", "Sun, 22 Nov 2026 20:00:00 GMT")
        .insert_header("retry-after", "Sun, 22 Nov 2026 20:02:00 GMT");
    always(&azure, answer).await;
    assert_eq!(ask(&client(&azure)).await.unwrap_err().retry_after(), Some(Duration::from_secs(120)));
}

#[tokio::test]
async fn a_429_without_a_header_waits_the_default() {
    let azure = MockServer::start().await;
    in_turn(&azure, [refusal(429, "429"), status(204)]).await;
    list(&client(&azure)).await.unwrap();

    let azure = MockServer::start().await;
    always(&azure, refusal(429, "429")).await;
    let Settings { throttled_wait, .. } = Settings::default();
    let error =
        list(&client(&azure).with_settings(Settings { throttled_wait, ..settings() })).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(10)));
    assert_eq!(requests(&azure).await.len(), 1);
}

#[tokio::test]
async fn an_outage_is_told_after_three_tries() {
    let azure = MockServer::start().await;
    always(&azure, refusal(504, "GatewayTimeout")).await;
    assert_eq!(ask(&client(&azure)).await.unwrap_err().code(), "azure_timeout");
    assert_eq!(requests(&azure).await.len(), 3);
}

#[tokio::test]
async fn other_errors_are_not_tried_again() {
    for code in [400, 401, 403, 404, 409, 500] {
        let azure = MockServer::start().await;
        always(&azure, status(code)).await;
        ask(&client(&azure)).await.unwrap_err();
        assert_eq!(requests(&azure).await.len(), 1, "{code}");
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let azure = MockServer::start().await;
    always(&azure, status(204).set_delay(Duration::from_secs(30))).await;
    let hurried =
        client(&azure).with_settings(Settings { deadline: Duration::from_millis(50), ..settings() });
    let error = ask(&hurried).await.unwrap_err();
    assert!(matches!(error, Error::DeadlineExceeded(_)), "{error}");
    assert_eq!(error.code(), "azure_timeout");
}

#[tokio::test]
async fn nobody_there_is_an_outage() {
    let arm = format!("http://{}", closed_port()).parse().unwrap();
    let error = ask(&Client::new(http(), arm, Vec::new())).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
    assert_eq!(error.code(), "azure_unavailable");
}
