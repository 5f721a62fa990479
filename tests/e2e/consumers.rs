//! The examples of `crates/proto`: small services that call the broker as consumers of their own, over mutual TLS.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser as _;
use e2e::{Hop, Stack};
use emulator::{SignedBy, TokenSpec};
use serde_json::{Value, json};
use telemetry::testing::Captured;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::AbortHandle;

#[path = "../../crates/proto/examples/who_am_i/service.rs"]
mod who_am_i;

/// An example that runs. It ends when this is dropped.
struct Consumer {
    url: String,
    _running: Running,
}

enum Running {
    Task(AbortHandle),
    Process(#[expect(dead_code, reason = "held: it is killed when dropped")] Child),
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Task(task) = self {
            task.abort();
        }
    }
}

impl Consumer {
    async fn rust(stack: &Stack, certificate: &str) -> Self {
        let path = |name: &str| stack.hop_file(name).display().to_string();
        let flags = [
            "who_am_i".to_owned(),
            format!("--broker-url={}", stack.broker_url()),
            format!("--broker-ca-file={}", path("servers.pem")),
            format!("--broker-cert-file={}", path(&format!("{certificate}.pem"))),
            format!("--broker-key-file={}", path(&format!("{certificate}.key"))),
            format!("--downstream-url={}", downstream(stack)),
            format!("--downstream-ca-file={}", stack.ca_file().display()),
            "--listen=127.0.0.1:0".to_owned(),
        ];
        let settings = who_am_i::Settings::try_parse_from(flags).unwrap();
        let listener = TcpListener::bind(settings.listen).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { who_am_i::serve(settings, listener).await.unwrap() });
        Self { url, _running: Running::Task(task.abort_handle()) }
    }

    async fn python(stack: &Stack) -> Self {
        let run = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/run");
        let mut process = Command::new(run)
            .arg("../../crates/proto/examples/python/who_am_i.py")
            .env("BROKER_TARGET", stack.broker_url().strip_prefix("https://").unwrap())
            .env("BROKER_CA_FILE", stack.hop_file("servers.pem"))
            .env("BROKER_CERT_FILE", stack.hop_file("who-am-i-python.pem"))
            .env("BROKER_KEY_FILE", stack.hop_file("who-am-i-python.key"))
            .env("DOWNSTREAM_URL", downstream(stack))
            .env("DOWNSTREAM_CA_FILE", stack.ca_file())
            .env("LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("tests/clients/setup.sh installs what it needs (make setup)");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line());
        let line = line.await.expect("it listens within 30 s").unwrap().expect("it starts");
        let url = line.strip_prefix("listening on ").unwrap().to_owned();
        Self { url, _running: Running::Process(process) }
    }

    /// Status, challenge and document.
    async fn ask(&self, token: &str, traceparent: &str) -> (u16, String, Value) {
        let request = reqwest::Client::default().get(&self.url).bearer_auth(token);
        let response = request.header("traceparent", traceparent).send().await.unwrap();
        let status = response.status().as_u16();
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        (status, challenge, response.json().await.unwrap())
    }
}

fn downstream(stack: &Stack) -> String {
    let arm = stack.emulator.endpoints().arm.trim_end_matches('/');
    format!("{arm}/subscriptions?api-version=2022-12-01")
}

async fn stack() -> Stack {
    Stack::builder().hop(Hop::MutualTls).start().await
}

const UNTRACED: &str = "";

async fn is_a_consumer(stack: &Stack, consumer: &Consumer) {
    // Success, and the caller's trace is carried into the broker's span.
    let trace = uuid::Uuid::new_v4().simple().to_string();
    let (status, _, document) =
        consumer.ask(&stack.token("alice"), &format!("00-{trace}-b7ad6b7169203331-01")).await;
    assert_eq!(status, 200, "{document}");
    // The first page of Azure's list: one subscription that is alice's.
    assert_eq!(document["value"][0]["displayName"], "Contoso Prod", "{document}");
    broker_span_of(&trace).await;

    // Somebody who forges a token gets nothing, a moment after the real one was answered.
    let exchanges = stack.emulator.counts().exchanges;
    let forged = stack.mint(&TokenSpec::for_person("alice").signed_by(SignedBy::Forged));
    let (status, challenge, document) = consumer.ask(&forged, UNTRACED).await;
    assert_eq!((status, challenge.as_str()), (401, "Bearer error=\"invalid_token\""), "{document}");
    assert_eq!(document, json!({"code": "invalid_token", "reason": "bad_signature"}));
    assert_eq!(stack.emulator.counts().exchanges, exchanges);

    // Conditional Access wants more of dave: the claims arrive as Entra ID sent them.
    let (status, challenge, document) = consumer.ask(&stack.token("dave"), UNTRACED).await;
    assert_eq!((status, &document["code"]), (401, &json!("claims_challenge")), "{document}");
    let claims = document["claims"].as_str().unwrap();
    assert!(claims.starts_with('{') && claims.contains("access_token"), "{claims}");
    let encoded = STANDARD.encode(claims);
    assert_eq!(challenge, format!("Bearer error=\"insufficient_claims\", claims=\"{encoded}\""));
    let satisfied = stack.mint(&TokenSpec::for_person("dave").after_mfa());
    assert_eq!(consumer.ask(&satisfied, UNTRACED).await.0, 200);

    // A permission nobody granted: its name, for the administrator.
    stack.emulator.set_arm_consent(false);
    let (status, _, document) = consumer.ask(&stack.token("bob"), UNTRACED).await;
    assert_eq!((status, &document["code"]), (403, &json!("consent_required")), "{document}");
    assert!(document["permission"].as_str().unwrap().contains("user_impersonation"), "{document}");
    stack.emulator.set_arm_consent(true);
}

/// A span ends after its answer was sent: waits for it.
async fn broker_span_of(trace: &str) {
    let captured = Captured::install("");
    let arrived = async {
        let found = |span: &telemetry::testing::FinishedSpan| {
            span.name == telemetry::names::RPC_EXCHANGE && span.trace_id == trace
        };
        while !captured.spans().iter().any(found) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let limit = Duration::from_secs(10);
    assert!(tokio::time::timeout(limit, arrived).await.is_ok(), "no span of the broker in trace {trace}");
}

#[tokio::test]
async fn the_rust_example_is_a_consumer_of_its_own() {
    let stack = stack().await;
    is_a_consumer(&stack, &Consumer::rust(&stack, "who-am-i-rust").await).await;
}

#[tokio::test]
async fn the_python_example_is_a_consumer_of_its_own_among_real_clients() {
    let stack = stack().await;
    is_a_consumer(&stack, &Consumer::python(&stack).await).await;
}

#[tokio::test]
async fn a_service_that_nobody_gave_an_entry_gets_no_token_for_any_user() {
    let stack = stack().await;
    let known = Consumer::rust(&stack, "who-am-i-rust").await;
    assert_eq!(known.ask(&stack.token("alice"), UNTRACED).await.0, 200);
    let stranger = Consumer::rust(&stack, "stranger").await;
    let (status, _, document) = stranger.ask(&stack.token("alice"), UNTRACED).await;
    assert_eq!((status, document), (503, json!({"code": "misconfigured"})));
    assert!(stack.logs().contains("consumer_not_allowed"), "its operator reads why");
    assert_eq!(stack.emulator.counts().exchanges, 1);
}

#[tokio::test]
async fn a_challenge_of_the_downstream_api_is_answered_once_and_then_passed_on() {
    let stack = stack().await;
    let consumer = Consumer::rust(&stack, "who-am-i-rust").await;
    let challenge = |times| {
        let claims = json!({"access_token": {"xms_rp_ipaddr": {"value": "1.2.3.4"}}});
        stack.emulator.faults().update(|faults| {
            faults.arm_challenge =
                Some(emulator::ArmChallenge { claims, times, ..emulator::ArmChallenge::default() });
        });
    };
    challenge(Some(1));
    assert_eq!(consumer.ask(&stack.token("alice"), UNTRACED).await.0, 200);
    assert_eq!(stack.emulator.counts().exchanges, 2, "one more exchange, with the claims");

    challenge(None);
    let (status, _, document) = consumer.ask(&stack.token("alice"), UNTRACED).await;
    assert_eq!((status, &document["code"]), (401, &json!("claims_challenge")), "{document}");
    assert!(document["claims"].as_str().unwrap().contains("xms_rp_ipaddr"), "{document}");
}
