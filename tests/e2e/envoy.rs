//! Behind a real Envoy: TLS that ends there, what it says of its clients, and a rollout under load.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::envoy::{Endpoint, Envoy, Fronts};
use e2e::processes::Fleet;
use e2e::{Caller, Stack, StackBuilder};
use emulator::{EndpointFault, WhoCanConsent};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use testkit::{Authority, eventually};
use tokio::task::JoinSet;

use crate::sign_in::{EXPORT, LIST, assert_stepped_up, run_with};

/// Callers at the same time, each somebody else.
const CALLERS: usize = 8;
/// Of an added broker calls know within this time.
const SHARED_WITHIN: Duration = Duration::from_secs(30);

/// A client of the ingress, from this address of the machine.
#[expect(clippy::disallowed_methods, reason = "a client with an authority and an address of its own")]
fn client(authority: &str, from: IpAddr) -> Client {
    let root = Certificate::from_pem(authority.as_bytes()).unwrap();
    let builder = Client::builder().no_proxy().tls_certs_only([root]).local_address(from);
    builder.timeout(Duration::from_secs(60)).build().unwrap()
}

/// Calls without end; each that is not answered as it should be is kept.
struct Load {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<String>>>,
    callers: JoinSet<()>,
}

impl Load {
    async fn start(fleet: &Fleet) -> Self {
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (failures, mut callers) = (Arc::new(Mutex::new(Vec::new())), JoinSet::new());
        for number in 1..=CALLERS {
            let token = fleet.control().token(&format!("person-{number:04}"), json!({})).await.unwrap();
            let (http, url) = (client(&fleet.authority, Ipv4Addr::LOCALHOST.into()), fleet.url.clone());
            let (stop, calls, failures) = (Arc::clone(&stop), Arc::clone(&calls), Arc::clone(&failures));
            callers.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    if let Err(failure) = call(&http, &url, &token).await {
                        failures.lock().unwrap().push(failure);
                    }
                    calls.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
        Self { stop, calls, failures, callers }
    }

    /// Waits for some more calls.
    async fn some_more(&self) {
        let now = self.calls.load(Ordering::SeqCst);
        eventually("more calls", async || self.calls.load(Ordering::SeqCst) > now + 5 * CALLERS).await;
    }

    #[track_caller]
    fn assert_none_failed(&self, when: &str) {
        let failures = self.failures.lock().unwrap();
        assert!(
            failures.is_empty(),
            "{when}: {} of {:?}: {:?}",
            failures.len(),
            self.calls,
            failures.first()
        );
    }

    async fn end(mut self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        while self.callers.join_next().await.is_some() {}
        self.assert_none_failed("at the end");
        self.calls.load(Ordering::SeqCst)
    }
}

async fn call(http: &Client, url: &str, token: &str) -> Result<(), String> {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "list_subscriptions", "arguments": {}}});
    let request = http
        .post(url)
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .bearer_auth(token)
        .body(message.to_string());
    let response = request.send().await.map_err(|error| format!("{error:?}"))?;
    let (status, text) = (response.status(), response.text().await.map_err(|error| format!("{error:?}"))?);
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    let listed = &answer["result"]["structuredContent"]["subscriptions"];
    if status == 200 && listed.as_array().is_some_and(|all| all.len() == 1) { Ok(()) } else { Err(text) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_are_added_under_load_get_their_share_and_each_process_is_replaced_without_a_failed_call()
 {
    let folder = tempfile::tempdir().unwrap();
    let mut fleet = Fleet::start(folder.path(), 1, CALLERS).await.unwrap();
    let load = Load::start(&fleet).await;
    load.some_more().await;

    fleet.start_brokers(3).await.unwrap();
    let added = Instant::now();
    let mut shares = Vec::new();
    while !(shares.len() == 3 && shares.iter().all(|share| *share >= 0.2)) {
        assert!(added.elapsed() < SHARED_WITHIN, "{shares:?}");
        let before = fleet.exchanges().await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = fleet.exchanges().await.unwrap();
        let calls: Vec<_> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
        #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
        let share = |calls: &u64, all: u64| *calls as f64 / all.max(1) as f64;
        shares = calls.iter().map(|broker| share(broker, calls.iter().sum())).collect();
    }
    load.assert_none_failed("while brokers were added");

    for name in fleet.names() {
        fleet.replace(name).await.unwrap();
        load.some_more().await;
        load.assert_none_failed(name);
    }
    let calls = load.end().await;
    assert!(calls > 100, "{calls}");
}

/// A stack in one process with Envoy in front, which ends TLS.
struct Fronted {
    stack: Stack,
    authority: String,
    folder: tempfile::TempDir,
    _envoy: Envoy,
}

impl Fronted {
    async fn start(stack: StackBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ingress = Authority::named("authority of the ingress");
        let issued = ingress.issue("localhost");
        std::fs::write(folder.path().join("tls.pem"), &issued.certificate).unwrap();
        std::fs::write(folder.path().join("tls.key"), &issued.key).unwrap();
        let https = free_address();
        let stack = stack
            .public_url(&format!("https://localhost:{}/mcp", https.port()))
            .gateway(&["--tls-ends-at-proxy", "--trusted-proxies=127.0.0.1"])
            .start()
            .await;
        let gateways = [Endpoint { address: stack.gateway_address(), health: stack.health_addresses()[0] }];
        let fronts = Fronts { https, gateways: &gateways, tcp: None, brokers: &[] };
        let mut envoy = Envoy::start(folder.path(), &fronts).await.unwrap();
        envoy.sees("gateways", 1).await.unwrap();
        Self { stack, authority: ingress.pem(), folder, _envoy: envoy }
    }

    /// The authorities of everything that a client meets.
    fn bundle(&self) -> String {
        let path = self.folder.path().join("bundle.pem");
        let own = std::fs::read_to_string(self.stack.ca_file()).unwrap();
        std::fs::write(&path, format!("{own}{}", self.authority)).unwrap();
        path.display().to_string()
    }

    fn request(&self, from: Ipv4Addr, token: Option<&str>) -> reqwest::RequestBuilder {
        let params = json!({"name": "list_subscriptions", "arguments": {}});
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let request = client(&self.authority, from.into())
            .post(self.stack.public_url())
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(message.to_string());
        token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth)
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn clients_sign_in_step_up_and_call_where_envoy_ends_tls() {
    let consent = Stack::builder().emulator(|config| config.export_consent = WhoCanConsent::AdminsAndUsers);
    let fronted = Fronted::start(consent).await;
    let bundle = fronted.bundle();
    let environment = [("MCP_CLIENT_ID", emulator::PUBLIC_CLIENT_ID), ("CA_FILE", bundle.as_str())];
    let done =
        run_with(&fronted.stack, &["sign_in_python.py"], &[], "bob", &[LIST, EXPORT, LIST], &environment)
            .await;
    assert_stepped_up(&fronted.stack, &done);
    assert!(fronted.stack.logs().contains("TLS ends at a proxy"), "it is said at each start");
}

/// What somebody may write to look like another, or like who came in by another way.
const FORGED: [(&str, &str); 6] = [
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "http"),
    ("forwarded", "for=203.0.113.9;host=evil.example;proto=http"),
    ("x-forwarded-client-cert", "Hash=00;URI=spiffe://a.test/gateway;DNS=gateway.internal"),
    ("x-ms-client-principal-name", "alice@contoso.com"),
];

#[tokio::test]
async fn forged_forwarding_fields_change_nothing_behind_envoy() {
    let fronted = Fronted::start(Stack::builder()).await;
    let (bob, from) = (fronted.stack.token("bob"), Ipv4Addr::LOCALHOST);
    for token in [None, Some(bob.as_str())] {
        let honest = answer(fronted.request(from, token)).await;
        assert_eq!(honest.0, if token.is_some() { 200 } else { 401 }, "{honest:?}");
        for (name, value) in FORGED {
            let forged = answer(fronted.request(from, token).header(name, value)).await;
            assert_eq!(forged, honest, "{name}");
        }
    }
}

/// Status, challenge and body.
async fn answer(request: reqwest::RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.unwrap();
    let challenge =
        response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), challenge.unwrap_or_default(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_client_may_have_is_counted_behind_envoy_and_forging_helps_nobody() {
    let fronted = Fronted::start(Stack::builder().gateway(&["--max-connections-per-address=1"])).await;
    let stack = &fronted.stack;
    stack.emulator.faults().update(|faults| faults.arm = EndpointFault::slow(Duration::from_secs(5)));
    let token = stack.token("alice");
    let (one, other) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    let slow = tokio::spawn(answer(fronted.request(one, Some(&token))));
    while stack.emulator.counts().arm_requests == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Another address in the field does not make it somebody else, and nobody else is held up.
    for forged in ["203.0.113.9", "127.0.0.3", "127.0.0.1"] {
        let (status, _, body) = answer(fronted.request(one, None).header("x-forwarded-for", forged)).await;
        assert!(status == 429 && body.contains(r#""code":"too_many_requests""#), "{forged}: {status} {body}");
    }
    assert_eq!(answer(fronted.request(other, None)).await.0, 401);
    assert_eq!(slow.await.unwrap().0, 200);
    assert_eq!(answer(fronted.request(one, None)).await.0, 401, "its request is over");
}

#[tokio::test]
async fn of_who_is_no_listed_proxy_the_field_is_not_read() {
    let stack = Stack::builder()
        .gateway(&["--trusted-proxies=192.0.2.0/24", "--max-connections-per-address=1"])
        .start()
        .await;
    stack.emulator.faults().update(|faults| faults.arm = EndpointFault::slow(Duration::from_secs(3)));
    let token = stack.token("alice");
    let caller = Caller::new(stack.public_url());
    let request = || {
        let params = json!({"name": "list_subscriptions", "arguments": {}});
        caller.prepared("tools/call", params).header("x-forwarded-for", "203.0.113.9")
    };
    let slow = tokio::spawn(Caller::send(request().bearer_auth(&token)));
    while stack.emulator.counts().arm_requests == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(Caller::send(request()).await.status, 401, "nothing is counted for the address in it");
    assert_eq!(slow.await.unwrap().status, 200);
}
