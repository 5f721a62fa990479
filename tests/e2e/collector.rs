//! What both processes send to a collector that we did not write, over gRPC and over HTTP: exactly the written trees, the
//! series that can be scraped, and the audit's checkpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use audit::Checkpoint;
use e2e::processes::{Ports, Processes, Setup};
use e2e::rotel::Rotel;
use e2e::{Answer, Caller, Era};
use emulator::DEV_SUBSCRIPTION;
use serde_json::{Value, json};
use telemetry::names;
use telemetry::testing::FinishedSpan;
use testkit::eventually;
use tokio::time::{Instant, sleep};

mod failing;

/// The span that a client says its calls belong to.
const PARENT: &str = "b7ad6b7169203331";

/// How long spans may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

const EXCHANGE: &str = "token_broker.v1.TokenBroker/Exchange";
const ENTRA: &str = "POST /{tenant}/oauth2/v2.0/token";
const QUERY: &str = "POST /{scope}/providers/Microsoft.CostManagement/query";

/// What is done, and the tree that it is: service, kind and name of each span, where a token came from, what went wrong, and
/// how often a request had been sent before.
struct Story {
    what: &'static str,
    /// Short name of the person.
    person: &'static str,
    /// What is wrong with Azure or Entra ID meanwhile.
    faults: fn() -> Value,
    /// The broker forgets what it holds, but not what is in Redis.
    is_broker_new: bool,
    tree: &'static [&'static str],
}

const STORIES: &[Story] = &[
    Story {
        what: "a cold call",
        person: "alice",
        faults: || json!({}),
        is_broker_new: false,
        tree: &[
            "gateway server tools/call cost_by_service",
            "  gateway client EXCHANGE",
            "    token-broker server EXCHANGE (miss)",
            "      token-broker client ENTRA",
            "  gateway internal cost.query",
            "    gateway client QUERY",
        ],
    },
    Story {
        what: "a challenge of Azure's",
        person: "alice",
        faults: || {
            let claims = json!({"access_token": {"xms_rp_ipaddr": {"value": "1.2.3.4"}}});
            json!({"arm_challenge": {"claims": claims, "times": 1}})
        },
        is_broker_new: false,
        tree: &[
            "gateway server tools/call cost_by_service",
            "  gateway client EXCHANGE",
            "    token-broker server EXCHANGE (held)",
            "  gateway internal cost.query !claims_challenge",
            "    gateway client QUERY !401",
            "  gateway client EXCHANGE",
            "    token-broker server EXCHANGE (miss)",
            "      token-broker client ENTRA",
            "  gateway internal cost.query",
            "    gateway client QUERY",
        ],
    },
    Story {
        what: "a token that Redis holds, and no memory",
        person: "alice",
        faults: || json!({}),
        is_broker_new: true,
        tree: &[
            "gateway server tools/call cost_by_service",
            "  gateway client EXCHANGE",
            "    token-broker server EXCHANGE (held)",
            "  gateway internal cost.query",
            "    gateway client QUERY",
        ],
    },
    Story {
        what: "a refusal that asks for a step-up",
        person: "dave",
        faults: || json!({}),
        is_broker_new: false,
        tree: &[
            "gateway server tools/call cost_by_service !claims_challenge",
            "  gateway client EXCHANGE !claims_challenge",
            "    token-broker server EXCHANGE (miss) !claims_challenge",
            "      token-broker client ENTRA !400",
        ],
    },
    Story {
        what: "a request that the broker sends again",
        person: "bob",
        faults: || json!({"token_endpoint": {"status": 500, "times": 1}}),
        is_broker_new: false,
        tree: &[
            "gateway server tools/call cost_by_service",
            "  gateway client EXCHANGE",
            "    token-broker server EXCHANGE (miss)",
            "      token-broker client ENTRA !500",
            "      token-broker client ENTRA #1",
            "  gateway internal cost.query",
            "    gateway client QUERY",
        ],
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_grpc_a_collector_of_others_gets_the_written_trees_the_series_and_the_checkpoints() {
    tell_the_stories("grpc").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_a_collector_of_others_gets_the_written_trees_the_series_and_the_checkpoints() {
    tell_the_stories("http/protobuf").await;
}

async fn tell_the_stories(protocol: &str) {
    crate::leaks::build_services();
    let folder = tempfile::tempdir().unwrap();
    let rotel = Rotel::start(folder.path()).await.unwrap();
    let address = if protocol == "grpc" { rotel.grpc } else { rotel.http };
    let mut stack = start(&format!("http://{address}"), protocol, folder.path()).await;
    redis_is_in_use(&stack).await;
    let mut tokens = BTreeMap::new();
    for (number, story) in (1..).zip(STORIES) {
        let trace = format!("{number:032x}");
        stack.control().fault((story.faults)()).await.unwrap();
        if story.is_broker_new {
            stack.kill("token-broker").unwrap();
            stack.restart("token-broker").unwrap();
            stack.ready().await.unwrap();
            redis_is_in_use(&stack).await;
        }
        // One token of each person: what is held is held for that.
        if !tokens.contains_key(story.person) {
            tokens.insert(story.person, stack.control().token(story.person, json!({})).await.unwrap());
        }
        let answer = call(&stack.public_url(), &tokens[story.person], &trace).await;
        let expected = story.tree.join("\n").replace("EXCHANGE", EXCHANGE).replace("ENTRA", ENTRA);
        let expected = expected.replace("QUERY", QUERY);
        let tree = settled(&rotel, &trace, &expected).await;
        assert_eq!(tree, expected, "{}: {} {}", story.what, answer.status, answer.text);
    }
    the_same_series(&stack, &rotel).await;
    the_checkpoints(&rotel, folder.path()).await;
    nobody_is_named(&stack, &rotel, tokens.into_values()).await;
    let instance =
        |(_, said): &(String, String)| said.strip_prefix("service.instance.id=").map(str::to_owned);
    let instances: BTreeSet<_> = rotel.resources().iter().filter_map(instance).collect();
    // Two processes, of which one was started anew: each has one id, whatever it sends.
    assert_eq!(instances.len(), 3, "{instances:?}");
    for service in ["gateway", "token-broker"] {
        let said = (service.to_owned(), "deployment.environment.name=test".to_owned());
        assert!(rotel.resources().contains(&said), "{service}: {:?}", rotel.resources());
    }
}

async fn start(endpoint: &str, protocol: &str, folder: &Path) -> Processes {
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "50"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ("AUDIT", "stdout"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let setup = Setup { redis: true, settings, ..Setup::default() };
    Processes::start_as(folder, Ports::free().unwrap(), &setup).await.unwrap()
}

async fn redis_is_in_use(stack: &Processes) {
    let url = format!("http://127.0.0.1:{}/metrics", stack.ports.broker_admin);
    let is_up =
        |text: &str| text.lines().any(|line| line.starts_with("broker_redis_up") && line.ends_with(" 1"));
    eventually("the broker uses Redis", async || is_up(&Caller::new("").get(&url).await.1)).await;
}

/// A call within this trace.
async fn call(url: &str, token: &str, trace: &str) -> Answer {
    let arguments = json!({"subscription": DEV_SUBSCRIPTION, "from": "2026-10-01", "to": "2026-10-31"});
    let meta = json!({"traceparent": format!("00-{trace}-{PARENT}-00")});
    let params = json!({"name": "cost_by_service", "arguments": arguments, "_meta": meta});
    Caller::new(url).in_era(Era::Modern).request(Some(token), "tools/call", params).await
}

/// The tree of this trace, once it is as expected, or after a while.
async fn settled(rotel: &Rotel, trace: &str, expected: &str) -> String {
    let limit = Instant::now() + PATIENCE;
    loop {
        let tree = drawn(&rotel.spans(), trace);
        if tree == expected || Instant::now() > limit {
            return tree;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn drawn(spans: &[(String, FinishedSpan)], trace: &str) -> String {
    let mut lines = Vec::new();
    draw(spans, trace, PARENT, 0, &mut lines);
    // Whatever of the trace hangs on nothing would be missed by the drawing.
    let all = spans.iter().filter(|(_, span)| span.trace_id == trace).count();
    assert!(all >= lines.len());
    if all > lines.len() {
        lines.push(format!("and {} that hang on nothing yet", all - lines.len()));
    }
    lines.join("\n")
}

fn draw(spans: &[(String, FinishedSpan)], trace: &str, parent: &str, depth: usize, lines: &mut Vec<String>) {
    for (service, span) in spans.iter().filter(|(_, span)| span.trace_id == trace && span.parent_id == parent)
    {
        let error = span.attribute(names::ERROR_TYPE).map(|code| format!(" !{code}")).unwrap_or_default();
        let again = span.attribute("http.request.resend_count").map(|count| format!(" #{count}"));
        // Whether from memory or from Redis: who has just been started may not trust its memory yet.
        let held = |cache| if cache == "miss" { " (miss)" } else { " (held)" };
        let cache = span.attribute(names::CACHE).map(held).unwrap_or_default();
        let (indent, again) = ("  ".repeat(depth), again.unwrap_or_default());
        lines.push(format!("{indent}{service} {} {}{cache}{error}{again}", span.kind, span.name));
        draw(spans, trace, &span.span_id, depth + 1, lines);
    }
}

/// No signal holds a token or says who a person is, and no span an attribute that is on no list.
async fn nobody_is_named(stack: &Processes, rotel: &Rotel, tokens: impl Iterator<Item = String>) {
    for (service, span) in rotel.spans() {
        for (key, _) in &span.attributes {
            assert!(
                names::SPAN_ATTRIBUTES.contains(&key.as_str()),
                "{service} {}: {key} is on no list",
                span.name
            );
        }
    }
    let people = stack.control().people().await.unwrap();
    let oids = people.iter().map(|person| person["oid"].as_str().unwrap().to_owned());
    let needles: Vec<_> = tokens.chain(oids).collect();
    assert!(needles.len() > STORIES.len());
    let bytes = rotel.bytes();
    let found = AhoCorasick::new(&needles).unwrap().find(&bytes).map(|found| &needles[found.pattern()]);
    assert_eq!(found, None);
}

/// Each metric that can be scraped was sent.
async fn the_same_series(stack: &Processes, rotel: &Rotel) {
    let caller = Caller::new("");
    for (service, port) in
        [("token-broker", stack.ports.broker_admin), ("gateway", stack.ports.gateway_admin)]
    {
        eventually(&format!("{service}: what is scraped is sent"), async || {
            let (_, text) = caller.get(&format!("http://127.0.0.1:{port}/metrics")).await;
            let scraped: BTreeSet<_> = text.lines().filter_map(family).collect();
            let sent = rotel.metrics();
            let sent: BTreeSet<_> = sent
                .iter()
                .filter(|(from, _)| from == service)
                .map(|(_, name)| name.replace('.', "_"))
                .collect();
            scraped.is_subset(&sent)
        })
        .await;
    }
}

/// The name of a metric without what Prometheus' form adds to it.
fn family(line: &str) -> Option<String> {
    let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
    let name = if kind == "counter" { name.trim_end_matches("_total") } else { name };
    let units = ["_seconds", "_bytes"];
    let bare = units.into_iter().find_map(|unit| name.strip_suffix(unit)).unwrap_or(name);
    (name != "target_info").then(|| bare.to_owned())
}

/// Each checkpoint in the logs was sent as well, and can be held against the records.
async fn the_checkpoints(rotel: &Rotel, folder: &Path) {
    eventually("each checkpoint that was logged was sent", async || {
        let logged: BTreeSet<_> = ["gateway", "token-broker"]
            .iter()
            .flat_map(|name| {
                let log = std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap();
                heads(&log)
            })
            .collect();
        logged.len() == 3 && heads(&rotel.logs()).is_superset(&logged)
    })
    .await;
}

fn heads(log: &str) -> BTreeSet<String> {
    Checkpoint::read_all(log).into_iter().map(|checkpoint| checkpoint.head).collect()
}
