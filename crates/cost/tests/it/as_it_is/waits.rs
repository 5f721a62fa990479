//! Waits that Azure asks for, in each of its dialects.

use std::time::Duration;

use cost::Client;
use wiremock::MockServer;

use crate::raw::{Raw, whole};
use crate::support::{always, by_service, client, http, prod_scope, refusal, settings, token};

#[tokio::test]
async fn a_wait_is_never_shortened() {
    for (fields, seconds) in [
        (&[("retry-after", "17.5")][..], 18),
        (&[("retry-after", "17.0")], 17),
        (&[("retry-after-ms", "16000")], 16),
        (&[("x-ms-retry-after-ms", "16001")], 17),
        (&[("retry-after", "7"), ("x-ms-retry-after-ms", "16000")], 16),
        (&[("retry-after", "Sun, 22 Nov 2026 20:02:00 GMT"), ("date", "Sun, 22 Nov 2026 20:01:00 GMT")], 60),
    ] {
        let azure = MockServer::start().await;
        let answer = fields
            .iter()
            .fold(refusal(429, "429"), |answer, (name, value)| answer.insert_header(*name, *value));
        always(&azure, answer).await;
        let error = client(&azure).query(&token(), &prod_scope(), &by_service()).await.unwrap_err();
        assert_eq!(error.retry_after_seconds(), Some(seconds), "{fields:?}");
        let wait = error.retry_after().unwrap();
        assert!(
            wait <= Duration::from_secs(seconds) && wait > Duration::from_secs(seconds - 1),
            "{fields:?}"
        );
    }
}

#[tokio::test]
async fn a_date_without_a_date_to_count_from_is_counted_from_the_own_clock() {
    let azure = Raw::start(vec![whole(429, "retry-after: Sun, 22 Nov 2026 20:02:00 GMT\r\n", ""); 2]).await;
    let arm: url::Url = format!("http://{}", azure.address).parse().unwrap();
    let ask = async |client: Client| client.query(&token(), &prod_scope(), &by_service()).await.unwrap_err();
    let clock = || "2026-11-22T20:00:00Z".parse().unwrap();
    let client = Client::new(http(), arm, Vec::new()).with_settings(settings()).with_clock(clock);
    assert_eq!(ask(client).await.retry_after(), Some(Duration::from_secs(120)));
}
