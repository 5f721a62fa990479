//! Which services may call, and for what: over real mutual TLS and loopback. Unix sockets are in `sockets`.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use identity::clock::ManualClock;
use jiff::SignedDuration;
use proto::v1::{ExchangeResponse, PreflightRequest, PurgeUserRequest};
use proto::{BrokerError, Reason};
use telemetry::Metrics;
use telemetry::testing::Captured;
use testkit::{NOW, eventually};
use token_broker::{Listeners, serve};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::mutual_tls::{CONSUMERS, Consumer, MutualTls};
use crate::sockets::Socket;
use crate::support::{ALICE, BOB, Entra, admin};

const GATEWAY: &[&str] = &["dns:gateway.test"];

pub(crate) fn assert_refused(error: &BrokerError, cause: &str) {
    assert_eq!(error.code(), Code::PermissionDenied, "{error}");
    assert_eq!(error.reason(), Some(Reason::ConsumerNotAllowed), "{error}");
    assert_eq!(error.metadata("cause"), Some(cause), "{error}");
}

pub(crate) async fn purge(consumer: &Consumer) -> Result<(), Status> {
    let request = PurgeUserRequest { tenant_id: crate::support::TENANT.into(), user_oid: ALICE.into() };
    consumer.0.clone().purge_user(request).await.map(drop)
}

/// A call that Entra ID has received, and keeps waiting.
async fn under_way(
    broker: &MutualTls,
    consumer: &Consumer,
    assertion: &str,
) -> JoinHandle<Result<ExchangeResponse, Status>> {
    broker.entra.gate(false);
    let (consumer, assertion) = (consumer.clone(), assertion.to_owned());
    let call = tokio::spawn(async move { consumer.exchange(&assertion, "arm").await });
    broker.entra.arrival().await;
    call
}

#[tokio::test]
async fn a_certificate_of_the_right_authority_but_no_consumer_gets_nothing() {
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    broker.consumer(GATEWAY).exchange(&alice, "arm").await.unwrap();

    for names in [
        &["dns:intruder.test"][..],
        &["dns:x.gateway.test"],
        &["dns:*.test"],
        &["spiffe://a.test/Gateway"],
        &["spiffe://b.test/gateway"],
        &["https://gateway.test/"],
        &[],
    ] {
        let error = broker.consumer(names).refusal(&alice, "arm").await;
        assert_refused(&error, "unknown_consumer");
    }
    let error = broker.consumer(&["dns:intruder.test"]).refusal(&alice, "arm").await;
    assert!(error.message().contains("dns:intruder.test"), "{error}");
    assert_refused(
        &BrokerError::from_status(&purge(&broker.consumer(&["dns:intruder.test"])).await.unwrap_err()),
        "unknown_consumer",
    );
    assert_eq!(broker.entra.count(), 1, "only the gateway's call reached Entra ID");
}

#[tokio::test]
async fn certificates_that_are_no_consumers_share_a_few_places() {
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    let strangers: Vec<_> =
        (0..160).map(|number| broker.consumer(&[&format!("dns:n{}.test", number % 4)])).collect();
    let answers = join_all(strangers.iter().map(|stranger| stranger.exchange(&alice, "arm"))).await;

    let refused =
        |answer: &Result<_, Status>| BrokerError::from_status(answer.as_ref().unwrap_err()).reason();
    let heard = answers.iter().filter(|answer| refused(answer) == Some(Reason::ConsumerNotAllowed)).count();
    assert!((1..=64).contains(&heard), "{heard} connections of four certificates stand");
    broker.consumer(GATEWAY).exchange(&alice, "arm").await.unwrap();
    let text = admin(&broker.admin, "/metrics").await;
    assert!(text.contains(r#"cause="strangers_full""#), "{text}");
}

#[tokio::test]
async fn a_consumer_is_known_by_a_dns_name_or_a_spiffe_id() {
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    for names in [
        GATEWAY,
        &["dns:Gateway.TEST"],
        &["spiffe://a.test/gateway"],
        &["dns:reporter.test", "spiffe://a.test/gateway", "dns:elsewhere.test"],
    ] {
        broker.consumer(names).exchange(&alice, "arm").await.unwrap();
    }
    for names in
        [&["dns:gateway.test", "spiffe://a.test/other"][..], &["dns:gateway.test", "spiffe://a.test"]]
    {
        assert_refused(&broker.consumer(names).refusal(&alice, "arm").await, "unknown_consumer");
    }
}

#[tokio::test]
async fn a_certificate_of_several_consumers_is_none_of_them() {
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    for names in [
        &["dns:gateway.test", "dns:reporter.test"][..],
        &["spiffe://a.test/gateway", "spiffe://a.test/other"],
    ] {
        assert_refused(&broker.consumer(names).refusal(&alice, "arm").await, "ambiguous_consumer");
    }
    assert_eq!(broker.entra.count(), 0);
}

#[tokio::test]
async fn a_resource_that_is_not_granted_is_refused_before_the_assertion_is_looked_at() {
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    broker.consumer(&["dns:reporter.test"]).exchange(&alice, "graph").await.unwrap();
    let gateway = broker.consumer(GATEWAY);
    let mut texts = Vec::new();
    // One that there is, one that there is not, none: nothing tells them apart. Nor is the assertion read.
    for (assertion, resource) in
        [(alice.as_str(), "graph"), (&alice, "nonesuch"), (&alice, ""), ("no token", "graph"), ("", "graph")]
    {
        let error = gateway.refusal(assertion, resource).await;
        assert_refused(&error, "resource");
        texts.push(error.message().to_owned());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(broker.entra.count(), 1);
}

#[tokio::test]
async fn only_who_may_purge_purges() {
    let broker = MutualTls::start().await;
    let refused = purge(&broker.consumer(GATEWAY)).await.unwrap_err();
    assert_refused(&BrokerError::from_status(&refused), "purge");
    let help_desk = broker.consumer(&["dns:help-desk.test"]);
    purge(&help_desk).await.unwrap();
    assert_refused(&help_desk.refusal(&broker.entra.token(ALICE), "arm").await, "resource");
}

#[tokio::test]
async fn every_consumer_and_nobody_else_may_ask_about_the_tenant() {
    let broker = MutualTls::start().await;
    let preflight = async |names: &[&str]| {
        let request = PreflightRequest { refresh: false };
        broker.consumer(names).0.preflight(request).await.err()
    };
    let refused = preflight(&["dns:intruder.test"]).await.unwrap();
    assert_refused(&BrokerError::from_status(&refused), "unknown_consumer");
    for names in [GATEWAY, &["dns:help-desk.test"]] {
        assert!(preflight(names).await.is_none_or(|status| status.code() != Code::PermissionDenied));
    }
}

#[tokio::test]
async fn a_consumer_at_its_limit_is_told_so_at_once_and_others_are_not_held_up() {
    let broker = MutualTls::start().await;
    let (alice, bob) = (broker.entra.token(ALICE), broker.entra.token(BOB));
    let (reporter, gateway) = (broker.consumer(&["dns:reporter.test"]), broker.consumer(GATEWAY));
    gateway.exchange(&alice, "arm").await.unwrap();
    broker.entra.arrival().await;
    let waiting = under_way(&broker, &reporter, &bob).await;
    // On another connection as well: it is the consumer that is counted.
    let error = broker.consumer(&["dns:reporter.test"]).refusal(&alice, "arm").await;
    assert_eq!((error.code(), error.reason()), (Code::ResourceExhausted, Some(Reason::Overloaded)));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    gateway.exchange(&alice, "arm").await.unwrap();

    broker.entra.gate(true);
    waiting.await.unwrap().unwrap();
    reporter.exchange(&alice, "arm").await.unwrap();
}

#[tokio::test]
async fn nobody_has_more_under_way_by_going_away() {
    let broker = MutualTls::start().await;
    let (alice, bob) = (broker.entra.token(ALICE), broker.entra.token(BOB));
    let (reporter, gateway) = (broker.consumer(&["dns:reporter.test"]), broker.consumer(GATEWAY));
    gateway.exchange(&alice, "arm").await.unwrap();
    broker.entra.arrival().await;
    let leaver = under_way(&broker, &reporter, &bob).await;
    leaver.abort();
    assert!(leaver.await.unwrap_err().is_cancelled());

    // The exchange goes on, and its call counts.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(reporter.refusal(&alice, "arm").await.reason(), Some(Reason::Overloaded));
    }
    gateway.exchange(&alice, "arm").await.unwrap();
    broker.entra.gate(true);
    eventually("it has ended", async || reporter.exchange(&alice, "arm").await.is_ok()).await;
}

#[tokio::test]
async fn a_refresh_in_the_background_is_nobodys_call() {
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    let reporter = broker.consumer(&["dns:reporter.test"]);
    reporter.exchange(&alice, "arm").await.unwrap();
    broker.entra.arrival().await;
    broker.clock.advance(SignedDuration::from_mins(25));
    broker.entra.gate(false);
    reporter.exchange(&alice, "arm").await.unwrap();
    broker.entra.arrival().await;
    eventually("its last call has ended", async || reporter.exchange(&alice, "arm").await.is_ok()).await;
    broker.entra.gate(true);
}

#[tokio::test]
async fn a_changed_file_holds_on_connections_that_stand() {
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    let gateway = broker.consumer(GATEWAY);
    gateway.exchange(&alice, "arm").await.unwrap();
    assert_refused(&gateway.refusal(&alice, "graph").await, "resource");

    broker.replace("consumers.toml", &CONSUMERS.replacen("[\"arm\"]", "[\"arm\", \"graph\"]", 1));
    eventually("it is in force", async || gateway.exchange(&alice, "graph").await.is_ok()).await;

    broker.replace("consumers.toml", &CONSUMERS.replace("gateway.test", "elsewhere.test"));
    eventually("it is in force", async || gateway.exchange(&alice, "arm").await.is_err()).await;
    assert_refused(&gateway.refusal(&alice, "arm").await, "unknown_consumer");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_leaves_the_old_one_in_force() {
    let captured = Captured::install("info");
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    let gateway = broker.consumer(GATEWAY);
    broker.replace("consumers.toml", &CONSUMERS.replace("\"arm\"", "\"armm\""));
    eventually("it is in force", async || {
        captured.logs().contains("`armm` is not a resource; there are: arm, graph")
    })
    .await;
    gateway.exchange(&alice, "arm").await.unwrap();
    assert!(captured.logs().contains("[consumers.gateway]"), "{}", captured.logs());
}

#[tokio::test]
async fn a_file_that_is_not_in_force_shows_in_the_metrics() {
    let captured = Captured::install("info");
    let broker = MutualTls::start().await;
    let shown = async |file: &str| {
        let label = format!("file=\"{file}\"");
        let text = admin(&broker.admin, "/metrics").await;
        let mut lines = text.lines().filter(|line| line.starts_with("broker_files_stale{"));
        lines.find(|line| line.contains(&label)).and_then(|line| Some(line.rsplit_once(' ')?.1.to_owned()))
    };
    for file in ["consumers_file", "tls_files", "client_certificate"] {
        assert_eq!(shown(file).await.as_deref(), Some("0"), "{file}");
    }
    fs::remove_file(broker.path("consumers.toml")).unwrap();
    eventually("it is shown", async || shown("consumers_file").await.as_deref() == Some("1")).await;
    assert!(captured.logs().contains("a followed file cannot be read any more"), "{}", captured.logs());
    assert_eq!(shown("tls_files").await.as_deref(), Some("0"));
    // What was in force, is.
    broker.consumer(GATEWAY).exchange(&broker.entra.token(ALICE), "arm").await.unwrap();
    broker.replace("consumers.toml", CONSUMERS);
    eventually("it is well", async || shown("consumers_file").await.as_deref() == Some("0")).await;

    broker.replace("tls.key", "torn");
    eventually("it is shown", async || shown("tls_files").await.as_deref() == Some("1")).await;
}

#[tokio::test]
async fn a_call_under_way_is_counted_when_the_file_changes() {
    let broker = MutualTls::start().await;
    let (alice, bob) = (broker.entra.token(ALICE), broker.entra.token(BOB));
    let reporter = broker.consumer(&["dns:reporter.test"]);
    let waiting = under_way(&broker, &reporter, &bob).await;
    // The new file also takes the gateway's rights away, by which it is known to be in force.
    let (_, others) = CONSUMERS.split_once("[consumers.reporter]").unwrap();
    broker.replace("consumers.toml", &format!("[consumers.reporter]{others}"));
    let gateway = broker.consumer(GATEWAY);
    eventually("it is in force", async || {
        gateway.refusal(&alice, "nonesuch").await.metadata("cause") == Some("unknown_consumer")
    })
    .await;
    assert_eq!(reporter.refusal(&alice, "arm").await.reason(), Some(Reason::Overloaded));
    broker.entra.gate(true);
    waiting.await.unwrap().unwrap();
    reporter.exchange(&alice, "arm").await.unwrap();
}

#[tokio::test]
async fn metrics_and_spans_name_the_consumer() {
    let captured = Captured::install("info");
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    broker.consumer(GATEWAY).exchange(&alice, "arm").await.unwrap();
    broker.consumer(GATEWAY).refusal(&alice, "graph").await;
    broker.consumer(&["dns:intruder.test"]).refusal(&alice, "arm").await;

    let text = admin(&broker.admin, "/metrics").await;
    let has = |name: &str, labels: &[&str]| {
        text.lines().any(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)))
    };
    assert!(has("broker_exchanges_total", &[r#"consumer="gateway""#, r#"outcome="ok""#]), "{text}");
    let refusals = "broker_consumer_refusals_total";
    assert!(has(refusals, &[r#"consumer="gateway""#, r#"cause="resource""#]), "{text}");
    assert!(has(refusals, &[r#"cause="unknown_consumer""#]), "{text}");
    assert!(!text.contains("intruder"), "{text}");
    eventually("it is in force", async || {
        captured.spans().iter().any(|span| format!("{span:?}").contains("gateway"))
    })
    .await;
    assert!(captured.logs().contains("dns:intruder.test"), "the operator sees who it was");
}

#[tokio::test]
async fn any_process_on_loopback_is_the_consumer_that_says_so() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    socket.write("[consumers.development]\nloopback = true\nresources = [\"arm\"]");
    let config = entra.config(&["--consumers-file", &socket.consumers]);
    let broker = crate::support::Broker::start_with(config).await;
    let alice = entra.token(ALICE);
    broker.exchange(&alice).await.unwrap();
    let error = BrokerError::from_status(&broker.call(&alice, "graph", "").await.unwrap_err());
    assert_refused(&error, "resource");
}

#[tokio::test]
async fn a_consumers_file_that_cannot_be_used_stops_the_start() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    for (text, said) in [
        (
            "[consumers.gateway]\nuids = [1]\nresources = [\"armm\"]",
            "line 1: [consumers.gateway] `resources`: `armm`",
        ),
        (
            "[consumers.gateway]\nsans = [\"dns:a\"]\nresources = [\"arm\"]",
            "no consumer has `loopback = true`",
        ),
    ] {
        socket.write(text);
        let config = entra.config(&["--consumers-file", &socket.consumers]);
        let listeners =
            Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await.unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let error =
            serve(config, listeners, clock, Metrics::new("token-broker").unwrap(), CancellationToken::new())
                .await
                .unwrap_err();
        let chain = format!("{:#}", anyhow::Error::from(error));
        assert!(chain.starts_with("BROKER_CONSUMERS_FILE cannot be used: "), "{chain}");
        assert!(chain.contains(&socket.consumers) && chain.contains(said), "{chain}");
    }
}

#[tokio::test]
async fn a_resource_of_the_file_is_asked_for_with_its_scopes() {
    let entra = Entra::start().await;
    let path = entra.dir.path().join("resources.toml");
    let scopes = ["https://storage.azure.com/user_impersonation", "https://storage.azure.com/read"];
    let text = format!("[resources.storage]\nscopes = {scopes:?}\npermission = \"Azure Storage\"");
    fs::write(&path, text).unwrap();
    let config = entra.config(&["--resources-file", &path.display().to_string()]);
    let broker = crate::support::Broker::start_with(config).await;
    let alice = entra.token(ALICE);
    let tokens = [
        broker.call(&alice, "storage", "").await.unwrap().access_token,
        broker.call(&alice, "arm", "").await.unwrap().access_token,
        broker.call(&alice, "graph", "").await.unwrap().access_token,
    ];
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2] && tokens[0] != tokens[2]);
    let asked: Vec<_> = entra.requests().iter().map(|fields| fields["scope"].clone()).collect();
    assert_eq!(
        asked,
        [
            scopes.join(" ").as_str(),
            "https://management.azure.com/user_impersonation",
            "https://graph.microsoft.com/User.Read"
        ]
    );

    entra.refuse(400, serde_json::json!({"error": "invalid_grant", "error_codes": [65001]}));
    let bob = entra.token(BOB);
    let error = BrokerError::from_status(&broker.call(&bob, "storage", "").await.unwrap_err());
    assert_eq!(error.metadata("permission"), Some("Azure Storage"));
}
