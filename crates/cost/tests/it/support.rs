//! A stand-in for Azure on a free port.

use std::net::TcpListener;
use std::time::Duration;

use cost::{Client, Grouping, Metric, Period, Query, ReportBounds, Scope, Settings, SubscriptionId};
use jiff::civil::date;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const TOKEN: &str = "eyJ-the-callers-token";
pub(crate) const PROD: &str = "10000000-0000-4000-8000-000000000001";

pub(crate) fn token() -> SecretString {
    TOKEN.into()
}

pub(crate) fn prod() -> SubscriptionId {
    PROD.parse().unwrap()
}

pub(crate) fn prod_scope() -> Scope {
    prod().into()
}

pub(crate) fn november() -> Period {
    Period::new(date(2026, 11, 1), date(2026, 11, 21), date(2026, 11, 22)).unwrap()
}

pub(crate) fn by_service() -> Query {
    let service = Grouping::Dimension("ServiceName".to_owned());
    Query::builder(Metric::Actual, november()).group_by(service).build().unwrap()
}

/// The client that the services build: it follows no redirect.
#[expect(clippy::disallowed_methods, reason = "stands for the client that a service passes in")]
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// Bounds that let a test see each of them within milliseconds.
pub(crate) fn settings() -> Settings {
    Settings {
        deadline: Duration::from_secs(5),
        throttled_wait: Duration::from_millis(1),
        unavailable_wait: Duration::from_millis(1),
        broken_pause: Duration::from_millis(1),
        reports: ReportBounds {
            shortest_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(5),
            ..ReportBounds::default()
        },
        ..Settings::default()
    }
}

pub(crate) fn client(arm: &MockServer) -> Client {
    client_with(arm, &[])
}

pub(crate) fn client_with(arm: &MockServer, blob_servers: &[&MockServer]) -> Client {
    let blob_hosts = blob_servers.iter().map(|server| server.address().to_string()).collect();
    Client::new(http(), arm.uri().parse().unwrap(), blob_hosts).with_settings(settings())
}

/// Answers everything with this.
pub(crate) async fn always(server: &MockServer, answer: ResponseTemplate) {
    Mock::given(any()).respond_with(answer).mount(server).await;
}

/// Answers the first requests with these, one each, in this order.
pub(crate) async fn in_turn(server: &MockServer, answers: impl IntoIterator<Item = ResponseTemplate>) {
    for answer in answers {
        Mock::given(any()).respond_with(answer).up_to_n_times(1).mount(server).await;
    }
}

pub(crate) async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

pub(crate) fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

pub(crate) fn ok(body: &Value) -> ResponseTemplate {
    status(200).set_body_json(body)
}

/// ARM's error envelope.
pub(crate) fn refusal(http: u16, code: &str) -> ResponseTemplate {
    status(http).set_body_json(json!({"error": {"code": code, "message": format!("{code}. Request ID: 1")}}))
}

/// A page of costs by service. The rows are JSON text: costs must not be rounded on the way into the test.
pub(crate) fn costs(rows: &str, next_link: Option<&str>) -> ResponseTemplate {
    let columns = json!([{"name": "Cost"}, {"name": "ServiceName"}, {"name": "Currency"}]);
    let body = format!(
        r#"{{"properties": {{"nextLink": {}, "columns": {columns}, "rows": {rows}}}}}"#,
        json!(next_link)
    );
    status(200).set_body_raw(body, "application/json")
}

/// An address where nobody listens.
pub(crate) fn closed_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
