//! Which services may call, and for what: over real mutual TLS, real unix sockets, and loopback.

use std::{
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use identity::clock::ManualClock;
use jiff::SignedDuration;
use proto::{
    BrokerError, Reason,
    v1::{PreflightRequest, PurgeUserRequest, token_broker_client::TokenBrokerClient},
};
use telemetry::testing::Captured;
use token_broker::{Config, Listeners, serve};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, transport::Endpoint};

use crate::{
    mutual_tls::{CONSUMERS, Consumer, MutualTls},
    support::{ALICE, BOB, Entra, admin, eventually},
    testing::NOW,
};

const GATEWAY: &[&str] = &["dns:gateway.test"];

fn assert_refused(error: &BrokerError, cause: &str) {
    assert_eq!(error.code(), Code::PermissionDenied, "{error}");
    assert_eq!(error.reason(), Some(Reason::ConsumerNotAllowed), "{error}");
    assert_eq!(error.metadata("cause"), Some(cause), "{error}");
}

async fn purge(consumer: &Consumer) -> Result<(), Status> {
    let request = PurgeUserRequest { tenant_id: crate::support::TENANT.into(), user_oid: ALICE.into() };
    consumer.0.clone().purge_user(request).await.map(drop)
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
async fn a_consumer_is_known_by_a_dns_name_or_a_spiffe_id() {
    let broker = MutualTls::start().await;
    let alice = broker.entra.token(ALICE);
    for names in [
        GATEWAY,
        &["dns:Gateway.TEST"],
        &["spiffe://a.test/gateway"],
        &["dns:gateway.test", "spiffe://a.test/gateway", "dns:elsewhere.test"],
    ] {
        broker.consumer(names).exchange(&alice, "arm").await.unwrap();
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
    broker.entra.gate(false);

    let waiting = tokio::spawn({
        let (reporter, bob) = (reporter.clone(), bob.clone());
        async move { reporter.exchange(&bob, "arm").await }
    });
    broker.entra.arrival().await;
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
    broker.entra.gate(false);
    let leaver = tokio::spawn({
        let (reporter, bob) = (reporter.clone(), bob.clone());
        async move { reporter.exchange(&bob, "arm").await }
    });
    broker.entra.arrival().await;
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
        captured.logs().contains("`armm` is no resource; there are: arm, graph")
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
    broker.entra.gate(false);
    let waiting = tokio::spawn({
        let reporter = reporter.clone();
        async move { reporter.exchange(&bob, "arm").await }
    });
    broker.entra.arrival().await;
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
async fn a_user_of_a_unix_socket_is_known_by_its_id() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    let own = fs::metadata(entra.dir.path()).unwrap().uid();
    socket.write(&format!("[consumers.gateway]\nuids = [{own}]\nresources = [\"arm\"]"));
    let config = entra.config(&[
        "--listen",
        &socket.listen(),
        "--socket-mode=0660",
        "--consumers-file",
        &socket.consumers,
    ]);
    let _serving = start(config).await;
    assert_eq!(fs::metadata(&socket.path).unwrap().permissions().mode() & 0o777, 0o660);

    let alice = entra.token(ALICE);
    let client = socket.client().await;
    client.exchange(&alice, "arm").await.unwrap();
    assert_refused(&client.refusal(&alice, "graph").await, "resource");
    assert_refused(&BrokerError::from_status(&purge(&client).await.unwrap_err()), "purge");

    // The same connection, after this user was taken out of the file.
    socket.write(&format!("[consumers.gateway]\nuids = [{}]\nresources = [\"arm\"]", own + 1));
    eventually("it is in force", async || client.exchange(&alice, "arm").await.is_err()).await;
    let error = client.refusal(&alice, "arm").await;
    assert_refused(&error, "unknown_consumer");
    assert!(error.message().contains(&format!("user id {own}")), "{error}");
}

/// Who runs this as root, as CI does, has a second user to call as. Others call as themselves, who are not named at
/// first: then it is not shown that the owner's rights are not everybody's.
#[tokio::test]
async fn another_user_of_a_unix_socket_gets_nothing_unless_it_is_named() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    let own = fs::metadata(entra.dir.path()).unwrap().uid();
    let (other, named) = if own == 0 { (65533, own) } else { (own, own + 1) };
    let named_is =
        |uid: u32| format!("[consumers.gateway]\nuids = [{uid}]\nresources = [\"arm\"]\npurge = true");
    socket.write(&named_is(named));
    let flags = ["--listen", &socket.listen(), "--socket-mode=0666", "--consumers-file", &socket.consumers];
    let _serving = start(entra.config(&flags)).await;
    let relay = Relay::start(&entra, other, &socket.path);
    let (through, alice) = (relay.client(), entra.token(ALICE));

    let error = through.refusal(&alice, "arm").await;
    assert_refused(&error, "unknown_consumer");
    assert!(error.message().contains(&format!("user id {other}")), "{error}");
    assert_refused(&BrokerError::from_status(&purge(&through).await.unwrap_err()), "unknown_consumer");
    assert_eq!(entra.count(), 0);
    if other != own {
        // What the owner got stays the owner's.
        socket.client().await.exchange(&alice, "arm").await.unwrap();
        assert_refused(&through.refusal(&alice, "arm").await, "unknown_consumer");
    }

    socket.write(&named_is(other));
    eventually("it is in force", async || through.exchange(&alice, "arm").await.is_ok()).await;
    purge(&through).await.unwrap();
    if other != own {
        let error = socket.client().await.refusal(&alice, "arm").await;
        assert_refused(&error, "unknown_consumer");
        assert!(error.message().contains(&format!("user id {own}")), "not even root: {error}");
    }
}

#[tokio::test]
async fn a_private_socket_lets_no_other_user_connect() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    if fs::metadata(entra.dir.path()).unwrap().uid() != 0 {
        // Only root has a second user to call as; `a_socket_is_private_and_goes_with_its_owner` shows the mode.
        return;
    }
    let _serving = start(entra.config(&["--listen", &socket.listen()])).await;
    let relay = Relay::start(&entra, 65533, &socket.path);
    let (through, alice) = (relay.client(), entra.token(ALICE));
    let status = through.exchange(&alice, "arm").await.unwrap_err();
    assert_ne!(status.code(), Code::PermissionDenied, "the call gets nowhere: {status}");
    assert_eq!(entra.count(), 0);
    socket.client().await.exchange(&alice, "arm").await.unwrap();
}

#[tokio::test]
async fn without_a_file_the_own_user_may_do_everything() {
    let entra = Entra::start().await;
    let socket = Socket::new(&entra);
    let _serving = start(entra.config(&["--listen", &socket.listen()])).await;
    let client = socket.client().await;
    let alice = entra.token(ALICE);
    for resource in ["arm", "graph"] {
        client.exchange(&alice, resource).await.unwrap();
    }
    let error = client.refusal(&alice, "nonesuch").await;
    assert_eq!(error.reason(), Some(Reason::UnknownResource), "who may ask for all may know what there is");
    purge(&client).await.unwrap();
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
        let listeners = Listeners::bind(&config).await.unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let error = serve(config, listeners, clock, CancellationToken::new()).await.unwrap_err();
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

/// Places for a unix socket and a consumers file.
struct Socket {
    path: std::path::PathBuf,
    consumers: String,
}

impl Socket {
    fn new(entra: &Entra) -> Self {
        let consumers = entra.dir.path().join("consumers.toml").display().to_string();
        Self { path: entra.dir.path().join("broker.sock"), consumers }
    }

    fn write(&self, consumers: &str) {
        fs::write(&self.consumers, consumers).unwrap();
    }

    fn listen(&self) -> String {
        format!("unix:{}", self.path.display())
    }

    async fn client(&self) -> Consumer {
        let channel = Endpoint::from_shared(self.listen()).unwrap().connect().await.unwrap();
        Consumer(TokenBrokerClient::new(channel))
    }
}

/// Another user's process, which hands on whatever reaches its socket: the broker sees that user connect.
struct Relay {
    path: std::path::PathBuf,
    process: Child,
}

impl Relay {
    fn start(entra: &Entra, uid: u32, broker: &Path) -> Self {
        let folder = entra.dir.path().join("relay");
        fs::create_dir(&folder).unwrap();
        // The other user must find the way to both sockets.
        fs::set_permissions(entra.dir.path(), Permissions::from_mode(0o711)).unwrap();
        let mut command = Command::new("perl");
        if fs::metadata(&folder).unwrap().uid() == 0 {
            std::os::unix::fs::chown(&folder, Some(uid), Some(uid)).unwrap();
            command.uid(uid).gid(uid);
        }
        let path = folder.join("s");
        let command = command.args(["-e", RELAY]).arg(&path).arg(broker);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("perl is there");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "listening\n");
        Self { path, process }
    }

    fn client(&self) -> Consumer {
        let address = format!("unix:{}", self.path.display());
        Consumer(TokenBrokerClient::new(Endpoint::from_shared(address).unwrap().connect_lazy()))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

const RELAY: &str = r#"
    use strict; use Socket; use IO::Socket::UNIX;
    my ($own, $broker) = @ARGV;
    $SIG{CHLD} = 'IGNORE';
    my $listener = IO::Socket::UNIX->new(Local => $own, Listen => 8) or die "$own: $!";
    $| = 1; print "listening
";
    sub pump {
        my ($from, $to, $bytes) = @_;
        while (sysread($from, $bytes, 65536)) { syswrite($to, $bytes) // last }
        shutdown($to, 1);
    }
    while (my $client = $listener->accept) {
        next if fork;
        my $server = IO::Socket::UNIX->new(Peer => $broker) or exit 1;
        if (fork) { pump($server, $client) } else { pump($client, $server) }
        exit;
    }
"#;

async fn start(config: Config) -> DropGuard {
    let listeners = Listeners::bind(&config).await.unwrap();
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(config, listeners, Arc::new(ManualClock::at(NOW)), shutdown.clone()));
    shutdown.drop_guard()
}
