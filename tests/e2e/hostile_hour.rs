//! An hour of callers who make everything up: tools, methods, paths, hosts, people, tokens. Nothing of it becomes a series, a
//! second line of the log or a record of the audit, and no memory is kept for it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use e2e::processes::{Ports, Processes, Setup};
use e2e::series::{samples, series, undeclared};
use e2e::{Caller, Era};
use futures::StreamExt as _;
use futures::stream;
use proto::v1::ExchangeRequest;
use proto::v1::token_broker_client::TokenBrokerClient;
use reqwest::Method;
use serde_json::{Value, json};
use telemetry::catalogue::{Given, METRICS};
use tonic::transport::Channel;
use uuid::Uuid;

/// How many callers there are at the same time.
const AT_ONCE: usize = 16;
/// What each kind begins with: the series that come of these are all there will be.
const FIRST: usize = 25;
/// The most that either service may take more for all the rest, in KiB.
const MOST_GROWTH: u64 = 16 * 1024;
/// What a hundred calls may have logged: a line each, and few bytes. A checkpoint of the audit comes once a minute.
const MOST_LINES: usize = 102;
const MOST_BYTES: usize = 100 * 300;
const SERVICES: [&str; 2] = ["gateway", "token-broker"];

/// What is made up, and how often: ten thousand in all.
const KINDS: [(Invented, usize); 11] = [
    (Invented::Tool, 1_200),
    (Invented::Method, 1_200),
    (Invented::HttpMethod, 800),
    (Invented::Path, 1_200),
    (Invented::Host, 1_000),
    (Invented::Person, 1_000),
    (Invented::Stranger, 400),
    (Invented::Token, 1_200),
    (Invented::GrpcMethod, 800),
    (Invented::Resource, 400),
    (Invented::Meta, 800),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Invented {
    Tool,
    Method,
    HttpMethod,
    Path,
    Host,
    /// A person whom the tenant knows, and who has not called before.
    Person,
    /// A person whom the tenant does not know, with a token that it signed.
    Stranger,
    Token,
    GrpcMethod,
    /// A downstream resource, asked for at the broker.
    Resource,
    /// Metadata and trace contexts.
    Meta,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_of_made_up_values_becomes_no_series_no_record_and_no_memory() {
    crate::leaks::build_services();
    let folder = tempfile::tempdir().unwrap();
    let hour = Hour::begin(folder.path()).await;
    assert_eq!(KINDS.iter().map(|(_, count)| count).sum::<usize>(), 10_000);

    for (kind, _) in KINDS {
        hour.run(kind, 0..FIRST).await;
    }
    let (before, memory) = (hour.metrics().await, hour.memory());
    let mut logged = BTreeMap::new();
    for (kind, count) in KINDS {
        let before = hour.logged();
        hour.run(kind, FIRST..count).await;
        let now = hour.logged();
        // In hundredths.
        let a_call = |service: usize, what: usize| {
            100 * (now[service][what] - before[service][what]) / (count - FIRST)
        };
        logged.insert(kind, [0, 1].map(|service| [0, 1].map(|what| a_call(service, what))));
    }
    let after = hour.metrics().await;

    assert_some_are_there(&after);
    println!("{} series at the gateway, {} at the broker", series(&after[0]).len(), series(&after[1]).len());
    for (kind, services) in &logged {
        for (service, [lines, bytes]) in SERVICES.iter().zip(services) {
            let bytes = bytes / 100;
            println!("{kind:?}: {lines} lines in a hundred calls, {bytes} bytes a call at the {service}");
        }
    }
    let most = |what: usize| logged.values().flatten().map(|it| it[what]).max().unwrap();
    assert!(most(0) <= MOST_LINES && most(1) <= MOST_BYTES, "the log fills: {logged:?}");
    for (service, (before, after)) in memory.iter().zip(hour.memory()).enumerate() {
        let grown = after.saturating_sub(*before);
        println!("{}: {before} KiB, and {grown} KiB more", SERVICES[service]);
        assert!(grown < MOST_GROWTH, "{grown} KiB");
    }
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(undeclared(after, &given), [""; 0]);
        let (before, after) = (series(before), series(after));
        let new: Vec<_> =
            after.difference(&before).filter(|(name, labels)| !is_of_time(name, labels)).collect();
        assert!(new.is_empty(), "made-up values became series: {new:?}");
    }
    hour.look_at_the_records();
}

/// What begins by itself when a minute is over.
fn is_of_time(name: &str, labels: &BTreeMap<String, String>) -> bool {
    let mut values = labels.values();
    match name {
        "audit_records_total" => values.any(|kind| kind == "summary"),
        "broker_cache_evictions_total" => values.any(|cause| cause == "expired"),
        _ => false,
    }
}

/// What of the table is declared by the code and by the settings of this run.
fn given(what: Given) -> Vec<String> {
    let words: &[&str] = match what {
        Given::Aadsts => return token_broker::known_aadsts().map(|number| number.to_string()).collect(),
        Given::Consumer => &["local"],
        Given::Host => &["localhost", "127.0.0.1"],
        Given::Resource => &["arm", "graph"],
        Given::Client | Given::Role => &[],
        Given::Route => &[
            "/mcp",
            "/exports/{id}",
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/mcp",
        ],
        Given::Scope => &["cost.read", "cost.export"],
        Given::Tool => &[
            "list_subscriptions",
            "cost_query",
            "cost_compare",
            "list_budgets",
            "cost_anomalies",
            "cost_commitments",
            "cost_forecast",
            "list_dimensions",
            "cost_by_service",
            "cost_export",
        ],
    };
    words.iter().map(ToString::to_string).collect()
}

/// The calls were counted, each as what it was; and what there is, is far from what there could be.
fn assert_some_are_there([gateway, broker]: &[String; 2]) {
    let count = |text: &str, name: &str, label: &str| {
        let of =
            |value: &&e2e::series::Sample| value.name == name && value.labels.values().any(|it| it == label);
        samples(text).iter().filter(of).map(|sample| sample.value).sum::<u64>()
    };
    assert_eq!(count(gateway, "gateway_refusals_total", "unknown_tool"), 1_200);
    assert_eq!(count(gateway, "gateway_refusals_total", "unknown_method"), 1_200);
    assert_eq!(count(gateway, "gateway_refusals_total", "method_not_allowed"), 800);
    assert_eq!(count(gateway, "gateway_refusals_total", "invalid_token"), 1_200);
    assert_eq!(count(broker, "broker_exchanges_total", "unknown_resource"), 400);
    for text in [gateway, broker] {
        assert!(text.lines().any(|line| line == "audit_lost_total 0"), "{text}");
    }
    let most: usize = METRICS.iter().map(|metric| metric.most(&given)).sum();
    let there = series(gateway).len() + series(broker).len();
    assert!(there < 200 && there < most, "{there} of {most} that are declared");
}

/// The stack, and who calls it.
struct Hour {
    stack: Processes,
    caller: Caller,
    over_http2: Caller,
    grpc: TokenBrokerClient<Channel>,
    alice: String,
}

impl Hour {
    async fn begin(folder: &Path) -> Self {
        // A disk that is busy with other tests must not have calls refused.
        let audit = [("AUDIT", "stdout"), ("AUDIT_WHEN_FULL", "continue")];
        let settings = [audit[0], audit[1], ("GATEWAY_CALLS_PER_MINUTE", "0"), ("RUST_LOG", "")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let setup = Setup { people: 1_000, settings, ..Setup::default() };
        let stack = Processes::start_as(folder, Ports::free().unwrap(), &setup).await.unwrap();
        let caller = Caller::new(stack.public_url());
        let grpc = TokenBrokerClient::connect(stack.broker_urls().remove(0)).await.unwrap();
        let alice = stack.control().token("alice", json!({})).await.unwrap();
        let over_http2 = caller.over_http2();
        Self { stack, caller, over_http2, grpc, alice }
    }

    /// Makes these calls, and sees to it that each was answered as it should be.
    async fn run(&self, kind: Invented, numbers: Range<usize>) {
        let calls = stream::iter(numbers).map(|number| self.call(kind, number)).buffer_unordered(AT_ONCE);
        calls.collect::<()>().await;
    }

    async fn call(&self, kind: Invented, number: usize) {
        let word = format!("invented-{}", Uuid::new_v4());
        let (alice, caller) = (Some(self.alice.as_str()), &self.caller);
        let (answer, expected) = match kind {
            Invented::Tool => {
                (caller.request(alice, "tools/call", json!({"name": word})).await, (200, "unknown_tool"))
            }
            Invented::Method => (caller.request(alice, &word, json!({})).await, (200, "unknown_method")),
            Invented::HttpMethod => {
                let method = Method::from_bytes(word.as_bytes()).unwrap();
                let request = caller.requesting(method, caller.url()).bearer_auth(&self.alice);
                (Caller::send(request).await, (405, "method_not_allowed"))
            }
            Invented::Path => {
                let url = format!("{}/{word}?{word}", caller.url());
                (Caller::send(caller.requesting(Method::GET, &url)).await, (404, "not_found"))
            }
            Invented::Host => {
                let request =
                    caller.prepared("tools/list", json!({})).header("Host", format!("{word}.example"));
                (Caller::send(request.bearer_auth(&self.alice)).await, (403, "host_not_allowed"))
            }
            Invented::Person => {
                let name = format!("person-{:04}", number + 1);
                let token = self.stack.control().token(&name, json!({})).await.unwrap();
                (caller.call(&token, "list_subscriptions", json!({})).await, (200, ""))
            }
            Invented::Stranger => {
                let claims = json!({"claims": {"oid": Uuid::new_v4().to_string()}});
                let token = self.stack.control().token("alice", claims).await.unwrap();
                (caller.call(&token, "list_subscriptions", json!({})).await, (403, "blocked_by_policy"))
            }
            Invented::Token => {
                let token = forged(&self.alice, number, &word);
                (caller.call(&token, "list_subscriptions", json!({})).await, (401, "invalid_token"))
            }
            Invented::Meta => (self.call_with_metadata(&word).await, (200, "")),
            Invented::GrpcMethod => return self.call_grpc_method(&word).await,
            Invented::Resource => return self.ask_for_resource(word).await,
        };
        assert_eq!((answer.status, answer.code()), expected, "{kind:?}: {}", answer.text);
    }

    async fn call_with_metadata(&self, word: &str) -> e2e::Answer {
        let id = Uuid::new_v4().simple().to_string();
        let traceparent = format!("00-{id}-{}-01", &id[..16]);
        let meta = json!({"traceparent": traceparent, "tracestate": format!("{word}=1"), "baggage": format!("{word}=1"),
            word: word, "progressToken": word});
        let params = json!({"name": "list_subscriptions", "arguments": {}, "_meta": meta});
        let request = self.caller.in_era(Era::Modern).prepared("tools/call", params);
        let request = request.header("traceparent", traceparent).header("tracestate", format!("{word}=2"));
        Caller::send(request.header(format!("x-{word}"), word).bearer_auth(&self.alice)).await
    }

    async fn call_grpc_method(&self, word: &str) {
        let url = format!("{}/token_broker.v1.TokenBroker/{word}", self.stack.broker_urls()[0]);
        let request = self.over_http2.requesting(Method::POST, &url);
        let request = request.header("content-type", "application/grpc").header("te", "trailers");
        let answer = Caller::send(request.body(vec![0; 5])).await;
        assert_eq!((answer.status, &answer.headers["grpc-status"]), (200, &"12".parse().unwrap()));
    }

    async fn ask_for_resource(&self, word: String) {
        let request =
            ExchangeRequest { assertion: self.alice.clone(), resource: word, claims: String::new() };
        let status = self.grpc.clone().exchange(request).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status}");
    }

    /// What gateway and broker say to Prometheus.
    async fn metrics(&self) -> [String; 2] {
        let of =
            |port: u16| async move { self.caller.get(&format!("http://127.0.0.1:{port}/metrics")).await.1 };
        let [broker, gateway] = self.stack.admin_ports()[..] else { panic!("one of each") };
        [of(gateway).await, of(broker).await]
    }

    /// What gateway and broker have in memory, in KiB.
    fn memory(&self) -> [u64; 2] {
        let pids: BTreeMap<_, _> = self.stack.pids().into_iter().collect();
        SERVICES.map(|name| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", pids[name])).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        })
    }

    fn text(&self, service: &str) -> String {
        std::fs::read_to_string(self.stack.folder.join(format!("{service}.log"))).unwrap()
    }

    /// How many lines and bytes gateway and broker have logged. Records are no such lines.
    fn logged(&self) -> [[usize; 2]; 2] {
        SERVICES.map(|service| {
            let text = self.text(service);
            let lines = text.lines().filter(|line| !is_record(line));
            lines.fold([0, 0], |[lines, bytes], line| [lines + 1, bytes + line.len()])
        })
    }

    /// A call that is let through has two records, and one of a person who is known and refused has one. All that nobody known
    /// has sent is a few lines a minute.
    fn look_at_the_records(&self) {
        for (service, most) in
            [("gateway", 2 * (1_000 + 400 + 800)), ("token-broker", 2 * (1_000 + 400 + 800))]
        {
            let text = self.text(service);
            let records: Vec<Value> = text
                .lines()
                .filter(|line| is_record(line))
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            let of_kind = |kind: &str| records.iter().filter(|record| record["kind"] == kind).count();
            let summaries = of_kind("summary");
            assert_eq!(
                records.len(),
                of_kind("decision") + of_kind("outcome") + summaries + of_kind("start")
            );
            assert_eq!(records.len() - summaries, most + 1, "{service}");
            let minutes: std::collections::BTreeSet<_> =
                records.iter().map(|record| record["time"].as_str().unwrap()[..16].to_owned()).collect();
            assert!(summaries <= 8 * minutes.len(), "{service}: {summaries} in {} minutes", minutes.len());
            assert!(!text.contains("invented-"), "{service} repeats what it was told");
        }
    }
}

fn is_record(line: &str) -> bool {
    line.starts_with(r#"{"v":1,"#)
}

/// A token that nobody signed: no token at all, one of a made-up key, or one with a made-up signature.
fn forged(genuine: &str, number: usize, word: &str) -> String {
    let parts: Vec<_> = genuine.split('.').collect();
    let of_key =
        || BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": "RS256", "typ": "JWT", "kid": word}).to_string());
    match number % 3 {
        0 => format!("{word}.{}.{}", parts[1], parts[2]),
        1 => format!("{}.{}.{}", of_key(), parts[1], parts[2]),
        _ => format!("{}.{}.{}", parts[0], parts[1], BASE64_URL_SAFE_NO_PAD.encode(word.repeat(6))),
    }
}
