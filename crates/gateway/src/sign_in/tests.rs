//! The facade without the rest: its file, its limits, and what it makes of odd answers. Its flows are end-to-end tests.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures::StreamExt;
use http_body_util::BodyExt;
use identity::clock::ManualClock;
use identity::outbound::OutboundArgs;
use jiff::Timestamp;
use serde_json::{Value, json};
use telemetry::testing::Captured;
use tokio::net::TcpListener;
use tower::ServiceExt;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::config::{Args, Config};
use crate::mcp::tool_names;
use crate::policy::Policy;
use crate::server::parts;

mod file;
mod parameters;

const FILE: &str = r#"
[clients.assistant]
client_id = "22223333-cccc-4444-dddd-5555eeee6666"
redirect_uris = ["http://127.0.0.1/callback", "https://claude.ai/api/mcp/auth_callback"]
"#;
const REFRESH: &str =
    "grant_type=refresh_token&refresh_token=s3cret&client_id=22223333-cccc-4444-dddd-5555eeee6666";

/// A facade in front of what answers at `token`.
fn facade(token: &str) -> Arc<Facade> {
    Arc::new(impatient(token, Duration::from_secs(60)))
}

/// The same, with this patience.
fn impatient(token: &str, patience: Duration) -> Facade {
    let facade = of_file(FILE, token);
    Facade { body_deadline: patience, entra_deadline: patience, ..facade }
}

/// The same, with this file.
fn of_file(file: &str, token: &str) -> Facade {
    let args = [
        "gateway",
        "--tenant-id=aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "--client-id=11112222-bbbb-3333-cccc-4444dddd5555",
        "--public-url=https://mcp.contoso.com/mcp",
    ];
    let config = Config::try_from(<Args as clap::Parser>::parse_from(args)).unwrap();
    let policy = Policy::built_in(&tool_names()).unwrap();
    let settings = SignInSettings::of(file, "/mcp", &policy).unwrap();
    let refusals = Arc::new(parts::refusals(&config, &config.public_url));
    let clock: SharedClock = Arc::new(ManualClock::at(Timestamp::from_second(1_795_377_600).unwrap()));
    let meter = telemetry::Metrics::new("gateway").unwrap().meter("gateway");
    let parts = parts::sign_in(&config, &settings, refusals, &clock, meter);
    let client = OutboundArgs::default().observer().unwrap();
    Facade::new(Parts { token: token.parse().unwrap(), client, ..parts })
}

/// Entra ID's token endpoint, which answers this.
async fn entra(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

fn post(body: &str, from: u8) -> Request {
    let mut request = Request::post("/connect/mcp/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap();
    request.extensions_mut().insert(Asker(IpAddr::from(Ipv4Addr::new(192, 0, 2, from))));
    request
}

async fn ask(facade: &Arc<Facade>, request: Request) -> (Response, Value) {
    let response = facade.routes().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(head, Body::empty()), serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn of_ten_thousand_requests_of_one_address_a_minutes_worth_reaches_entra_id() {
    let entra = entra(ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_grant"}))).await;
    let facade = facade(&entra.uri());
    let all: Vec<_> = futures::stream::iter(0..10_000)
        .map(|_| async { ask(&facade, post(REFRESH, 1)).await.0.status() })
        .buffer_unordered(32)
        .collect()
        .await;
    let passed = usize::try_from(CALLS_PER_MINUTE).unwrap();
    assert_eq!(all.iter().filter(|status| **status == StatusCode::BAD_REQUEST).count(), passed);
    assert_eq!(entra.received_requests().await.unwrap().len(), passed);

    let (response, document) = ask(&facade, post(REFRESH, 1)).await;
    assert_eq!(
        (response.status(), &document["error"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("temporarily_unavailable"))
    );
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    let (other, _) = ask(&facade, post(REFRESH, 2)).await;
    assert_eq!(other.status(), StatusCode::BAD_REQUEST, "somebody else's limit is their own");
}

#[tokio::test]
async fn no_more_than_so_many_wait_for_entra_id() {
    let entra = entra(ResponseTemplate::new(200).set_body_json(json!({}))).await;
    let facade = facade(&entra.uri());
    let others = facade.in_flight.try_acquire_many(u32::try_from(MOST_IN_FLIGHT).unwrap()).unwrap();
    let (response, document) = ask(&facade, post(REFRESH, 1)).await;
    assert_eq!(
        (response.status(), &document["error"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("temporarily_unavailable"))
    );
    assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    assert_eq!(entra.received_requests().await.unwrap().len(), 0);
    drop(others);
    assert_eq!(ask(&facade, post(REFRESH, 1)).await.0.status(), StatusCode::OK);
    assert_eq!(facade.in_flight.available_permits(), MOST_IN_FLIGHT, "a place is given back");
}

/// Far less than the client of all requests would wait.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn entra_id_is_waited_for_so_long_and_no_longer() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", silent.local_addr().unwrap());
    let facade = Arc::new(impatient(&address, Duration::from_millis(200)));
    let asked = tokio::time::timeout(SOON, ask(&facade, post(REFRESH, 1))).await;
    let (response, document) = asked.expect("there is a deadline");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{document}");
    assert_eq!(facade.in_flight.available_permits(), MOST_IN_FLIGHT);
}

#[tokio::test]
async fn what_is_no_answer_of_a_token_endpoint_is_not_passed_on() {
    let to_elsewhere = ResponseTemplate::new(302)
        .insert_header("location", "https://elsewhere.example/")
        .set_body_json(json!({"error": "x"}));
    for odd in [
        to_elsewhere,
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(400).set_body_string("<html>"),
        ResponseTemplate::new(400).set_body_string("[]"),
        ResponseTemplate::new(200)
            .set_body_json(json!({"access_token": "x".repeat(token::MAX_ANSWER_BYTES)})),
    ] {
        let entra = entra(odd).await;
        let (response, document) = ask(&facade(&entra.uri()), post(REFRESH, 1)).await;
        assert_eq!(
            (response.status(), &document["error"]),
            (StatusCode::BAD_GATEWAY, &json!("server_error"))
        );
        assert!(!response.headers().contains_key(header::LOCATION));
        assert_eq!(entra.received_requests().await.unwrap().len(), 1, "nothing is tried twice");
    }
}

#[tokio::test]
async fn an_error_of_entra_id_is_passed_on_as_it_is_with_its_number_explained() {
    let logs = Captured::install("debug");
    let said = json!({
        "error": "invalid_grant", "suberror": "basic_action", "error_codes": [50076],
        "claims": "{\"access_token\":{\"polids\":{\"essential\":true}}}",
        "error_description": "AADSTS50076: more is needed, Alice. Trace ID: t",
    });
    let template = ResponseTemplate::new(400).set_body_json(&said).insert_header("retry-after", "7");
    let entra = entra(template).await;
    let (response, document) = ask(&facade(&entra.uri()), post(REFRESH, 1)).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.headers()[header::RETRY_AFTER], "7");
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    for name in ["error", "suberror", "claims", "error_codes"] {
        assert_eq!(document[name], said[name], "{name}");
    }
    let description = document["error_description"].as_str().unwrap();
    assert!(description.contains("sign in again"), "{description}");
    assert!(description.ends_with(said["error_description"].as_str().unwrap()), "{description}");
    let logged = logs.logs();
    assert!(!logged.contains("s3cret") && !logged.contains("Alice"), "{logged}");
}

#[tokio::test]
async fn what_is_sent_to_entra_id_is_what_is_named_here_and_nothing_else() {
    let entra = entra(ResponseTemplate::new(200).set_body_json(json!({"access_token": "t"}))).await;
    let facade = facade(&entra.uri());
    let more = format!(
        "{REFRESH}&resource=https%3A%2F%2Fmcp.contoso.com%2Fconnect%2Fmcp&redirect_uri=x&nonce=n&x=y"
    );
    let request = post(&more, 1);
    let (response, document) = ask(&facade, request).await;
    assert_eq!((response.status(), document), (StatusCode::OK, json!({"access_token": "t"})));
    let sent = &entra.received_requests().await.unwrap()[0];
    let pairs: Vec<_> = url::form_urlencoded::parse(&sent.body).into_owned().collect();
    let expected = [
        ("client_id", "22223333-cccc-4444-dddd-5555eeee6666"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "s3cret"),
        ("scope", "https://mcp.contoso.com/mcp/cost.read offline_access"),
    ];
    assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for name in ["authorization", "origin", "cookie"] {
        assert!(!sent.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let facade = Arc::new(impatient("http://127.0.0.1:9/", Duration::from_millis(200)));
    let never = futures::stream::pending::<Result<axum::body::Bytes, std::io::Error>>();
    let asked = tokio::time::timeout(SOON, ask(&facade, post("", 1).map(|_| Body::from_stream(never)))).await;
    let (response, document) = asked.expect("there is a deadline");
    assert_eq!((response.status(), &document["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")));
}

#[test]
fn the_page_of_refusals_lists_every_fault() {
    let page = include_str!("../../../../docs/refusals.md");
    for fault in Fault::ALL {
        assert!(page.contains(&format!("`{}`", fault.code())), "docs/refusals.md lacks {}", fault.code());
    }
}

#[test]
fn an_entry_says_the_scopes_of_a_client_that_names_none_and_the_most_it_may_ask_for() {
    let in_full = |scope: &str| format!("https://mcp.contoso.com/mcp/{scope}");
    let (read, export) = (in_full("cost.read"), in_full("cost.export"));
    let both = format!("{read} {export}");
    for (entry, asked, given) in [
        ("", None, Ok(&read)),
        ("", Some("cost.read cost.export"), Ok(&both)),
        (r#"scopes = ["cost.read", "cost.export"]"#, None, Ok(&both)),
        (r#"scopes = ["cost.read", "cost.export"]"#, Some("cost.read"), Ok(&read)),
        (r#"scopes = ["cost.read"]"#, Some("cost.export"), Err(Fault::ForeignScope)),
        (r#"scopes = ["cost.read"]"#, Some(export.as_str()), Err(Fault::ForeignScope)),
    ] {
        let facade = of_file(&format!("{FILE}{entry}"), "http://127.0.0.1:9/");
        let scopes = facade.scopes(&facade.parts.settings.clients[0], asked);
        assert_eq!(scopes, given.cloned(), "{entry} {asked:?}");
    }
}
