//! Every panel and every rule has something to show: a real Prometheus scrapes real services that have seen everything.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::{Hop, Prometheus, Scrape, Stack};
use emulator::EndpointFault;
use jiff::SignedDuration;
use proto::Reason;
use proto::client::{Client, ClientConfig, Exchange, Purge, TlsFiles};
use serde_json::{Value, json};
use telemetry::catalogue::{METRICS, underscored};
use testkit::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const DASHBOARDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/dashboards");
const POLICY: &str = include_str!("../../crates/gateway/src/policy/default.toml");
const SIGN_IN: &str = "[clients.assistant]\nclient_id = \"00000000-0000-0000-0000-000000000001\"\nredirect_uris = [\"http://localhost/\"]";
/// Labels that a scrape adds.
const SCRAPED: [&str; 4] = ["__name__", "instance", "job", "le"];
/// What a process counts that sends to a collector: its tests see those.
const OF_A_COLLECTOR: &str = "telemetry_";
/// Two scrapes and an evaluation of rules, with room to spare on a busy machine.
const SCRAPED_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_panel_and_rule_has_something_to_show() {
    let audit = tempfile::tempdir().unwrap();
    let stack = stack(audit.path()).await;
    let prometheus = scraped(&stack, audit.path());
    see_everything(&stack).await;

    until_scraped(&prometheus).await;
    for metric in METRICS.iter().filter(|metric| !metric.prometheus().starts_with(OF_A_COLLECTOR)) {
        let allowed: BTreeSet<_> = metric.label_names().map(underscored).collect();
        for name in metric.series() {
            let series = prometheus.query(&name).await.unwrap();
            assert!(!series.is_empty(), "nothing made a {name}");
            for label in series.iter().flat_map(labels) {
                assert!(
                    allowed.contains(&label) || SCRAPED.contains(&label.as_str()),
                    "the catalogue has no label {label} of {name}"
                );
            }
        }
    }
    let panels = panels();
    assert!(panels.len() > 50, "{}", panels.len());
    for (panel, expression) in panels.into_iter().filter(|(_, of)| !of.contains(OF_A_COLLECTOR)) {
        let series = prometheus.query(&expression).await.unwrap();
        assert!(!series.is_empty(), "{panel} shows nothing: {expression}");
    }
    let rules = prometheus.rules().await.unwrap();
    assert!(rules.len() > 25, "{}", rules.len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        if rule["type"] == "recording" {
            let series = prometheus.query(rule["name"].as_str().unwrap()).await.unwrap();
            assert!(!series.is_empty(), "{rule}");
        }
    }
}

/// Grafana's own types, as its makers publish them.
#[test]
fn grafanas_types_take_the_dashboards() {
    let files = ["operations.json", "use.json"].map(|name| Path::new(DASHBOARDS).join(name));
    let mut check = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/clients/run"));
    let output = check.arg("grafana_types.mjs").args(files).output().unwrap();
    let told =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(
        output.status.success() && told.contains("2 dashboards, 0 faults"),
        "{told} (tests/setup.sh clients)"
    );
}

async fn stack(audit: &Path) -> Stack {
    let (gateway, broker) = (audit.join("gateway.jsonl"), audit.join("broker.jsonl"));
    let to = |path: &Path| format!("--audit=file:{}", path.display());
    // A busy machine may take longer for a record than a call would wait.
    let patient = "--audit-when-full=continue";
    Stack::builder()
        .hop(Hop::MutualTls)
        .redis()
        .preflight()
        .policy(POLICY)
        .sign_in(SIGN_IN)
        .calls_per_minute(10_000)
        .gateway(&[&to(&gateway), patient, "--max-connections=8", "--export-count=1"])
        .broker(&[&to(&broker), patient])
        .start()
        .await
}

fn scraped(stack: &Stack, folder: &Path) -> Prometheus {
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let [gateway, broker] = stack.admin_addresses();
    Prometheus::start(folder, Scrape { listen, gateway, broker, every: 1 }).unwrap()
}

/// Everything that some metric counts.
async fn see_everything(stack: &Stack) {
    calls(stack).await;
    exports(stack).await;
    strangers(stack).await;
    forged(stack);
    purge(stack).await;
    refresh(stack).await;
    throttled(stack).await;
}

/// Good ones, refused ones and failed ones.
async fn calls(stack: &Stack) {
    let day = json!({"subscription": "Contoso Dev", "from": "2026-11-01", "to": "2026-11-02"});
    let (alice, bob) = (stack.token("alice"), stack.token("bob"));
    for tool in ["list_subscriptions", "cost_by_service"] {
        let arguments = if tool == "list_subscriptions" { json!({}) } else { day.clone() };
        stack.caller.call(&alice, tool, arguments).await;
    }
    let wrong = stack.caller.call(&alice, "cost_export", json!({"subscription": "nobody's"})).await;
    assert!(wrong.is_tool_error(), "{}", wrong.text);
    assert_eq!(stack.caller.call(&bob, "cost_export", day).await.status, 403);
    assert_eq!(stack.caller.request(None, "tools/list", json!({})).await.status, 401);
    let unknown = format!("http://{}/connect/mcp/authorize?client_id=x", stack.gateway_address());
    assert_eq!(stack.caller.get(&unknown).await.0, 400);
    // Azure fails once, and is asked again.
    let once = EndpointFault { times: Some(1), ..EndpointFault::outage() };
    stack.emulator.faults().update(|faults| faults.arm = once);
    stack.caller.call(&bob, "list_subscriptions", json!({})).await;
    // Conditional Access wants more of dave: Entra ID's own number.
    assert_eq!(stack.caller.call(&stack.token("dave"), "list_subscriptions", json!({})).await.status, 403);
}

/// One that is fetched, and one that there is no room for.
async fn exports(stack: &Stack) {
    let alice = stack.token("alice");
    let export = |from: &str, to: &str| {
        stack.caller.export(&alice, json!({"subscription": "Contoso Dev", "from": from, "to": to}))
    };
    let one = export("2026-11-01", "2026-11-02").await;
    let file = stack.caller.fetch(Some(&alice), one.data()["uri"].as_str().unwrap(), &[]).await;
    assert_eq!(file.status, 200);
    let other = export("2026-11-03", "2026-11-04").await;
    assert!(other.is_tool_error() && other.text.contains("export_too_many"), "{}", other.text);
}

/// Connections that are not let in, and a consumer that asks for what it may not have.
async fn strangers(stack: &Stack) {
    let broker = stack.broker_url().replace("https://localhost", "127.0.0.1");
    let mut socket = TcpStream::connect(broker).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _closed = socket.read_to_end(&mut Vec::new()).await;

    let mut held = Vec::new();
    for _ in 0..9 {
        held.push(TcpStream::connect(stack.gateway_address()).await.unwrap());
    }
    let counted = "gateway_connections_refused_total{cause=\"full\"";
    eventually("one is too many", async || stack.metrics().await.0.contains(counted)).await;

    let assertion = &stack.token("alice");
    let asked = consumer(stack).exchange(Exchange { assertion, resource: "graph", claims: None }).await;
    assert_eq!(asked.unwrap_err().reason(), Some(Reason::ConsumerNotAllowed));
}

/// A heartbeat in Redis of somebody who is no broker.
fn forged(stack: &Stack) {
    let redis = stack.redis.as_ref().unwrap();
    let (replicas, _) =
        redis.dump().unwrap().into_iter().find(|(name, _)| name.ends_with(":replicas")).unwrap();
    redis.set_field(&replicas, "somebody", "else").unwrap();
}

/// Of alice's tokens, once the consumers file lets the gateway.
async fn purge(stack: &Stack) {
    let file = stack.hop_file("consumers.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let allowed = text.replace("[consumers.gateway]", "[consumers.gateway]\npurge = true");
    std::fs::write(&file, allowed).unwrap();
    let client = consumer(stack);
    let alice = stack.emulator.oid("alice").unwrap();
    let purge = Purge { tenant_id: emulator::TENANT_ID, user_oid: &alice };
    eventually("the change is in force", async || {
        client
            .purge_user(purge)
            .await
            .err()
            .is_none_or(|error| error.reason() != Some(Reason::ConsumerNotAllowed))
    })
    .await;
}

/// A call late in the life of a token.
async fn refresh(stack: &Stack) {
    let bob = stack.token("bob");
    stack.caller.call(&bob, "list_subscriptions", json!({})).await;
    stack.advance(SignedDuration::from_mins(25));
    let refreshed = async || stack.metrics().await.1.contains("broker_cache_refreshes_total{");
    eventually("a refresh in the background", async || {
        stack.caller.call(&bob, "list_subscriptions", json!({})).await;
        refreshed().await
    })
    .await;
}

/// Entra ID asks for a pause; who comes meanwhile is held back. What it answered is forgotten when the pause ends.
async fn throttled(stack: &Stack) {
    stack.emulator.faults().update(|faults| faults.token_endpoint = EndpointFault::throttled(2, 1));
    let [carol, erin] = ["carol", "erin"].map(|person| stack.token(person));
    for token in [&carol, &erin] {
        let answer = stack.caller.call(token, "list_subscriptions", json!({})).await;
        assert_eq!(answer.code(), "identity_provider_unavailable", "{}", answer.text);
    }
    eventually("it is forgotten", async || {
        stack.caller.call(&carol, "list_subscriptions", json!({})).await;
        stack.metrics().await.1.contains("broker_cache_evictions_total{")
    })
    .await;
}

/// Calls the broker as the gateway does.
fn consumer(stack: &Stack) -> Client {
    let [authority, certificate, key] =
        ["servers.pem", "caller.pem", "caller.key"].map(|name| stack.hop_file(name));
    let files = TlsFiles::new(authority).with_identity(certificate, key);
    Client::new(ClientConfig::new(stack.broker_url().parse().unwrap()).with_tls(files)).unwrap()
}

/// Until the last that was counted has been scraped twice, and the rules were worked out after that.
async fn until_scraped(prometheus: &Prometheus) {
    let last = "max(count_over_time(broker_cache_evictions_total[1m])) >= 3";
    let scraped = async {
        while prometheus.query(last).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    assert!(tokio::time::timeout(SCRAPED_WITHIN, scraped).await.is_ok(), "Prometheus does not scrape");
}

/// Title and expression of each query, with values for what Grafana fills in.
fn panels() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in ["operations.json", "use.json"] {
        let text = std::fs::read_to_string(Path::new(DASHBOARDS).join(name)).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expression = target["expr"].as_str().unwrap();
                let expression = expression
                    .replace("$__rate_interval", "1m")
                    .replace("$__range", "1m")
                    .replace("$instance", ".*");
                found.push((panel["title"].to_string(), expression));
            }
        }
    }
    found
}

fn labels(series: &Value) -> impl Iterator<Item = String> {
    series["metric"].as_object().unwrap().keys().cloned()
}
