//! The command `token-broker purge`: over each kind of door, by the broker's own settings, and what it says where it may not.

use std::net::TcpListener;
use std::process::{Command, Output};

use identity::clock::ManualClock;
use proto::v1::TokenSource;
use testkit::NOW;
use token_broker::Listeners;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::mutual_tls::MutualTls;
use crate::serving::served;
use crate::support::{ALICE, API, Entra, TENANT};

/// Runs `token-broker purge` with the settings that every broker has, and these.
async fn purge(entra: &Entra, settings: &[&str], whom: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_token-broker"));
    command.env_clear().env("AZURE_TENANT_ID", TENANT).env("AZURE_CLIENT_ID", API);
    command.env("AZURE_CLIENT_CERTIFICATE_PATH", entra.dir.path().join("app.pem"));
    command.args(settings).arg("purge").args(whom);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn error(output: &Output) -> String {
    assert_eq!((output.status.code(), out(output)), (Some(1), String::new()));
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A broker with these settings, and the one that says where it listens.
async fn start(entra: &Entra, flags: &[&str]) -> (String, DropGuard) {
    let config = entra.config(flags);
    let listeners = Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await.unwrap();
    let address = listeners.grpc_address().unwrap();
    let admin = listeners.admin_address().unwrap().to_string();
    let shutdown = CancellationToken::new();
    served(config, listeners, ManualClock::at(NOW), shutdown.clone());
    crate::support::admin(&admin, "/healthz").await;
    (format!("--listen={address}"), shutdown.drop_guard())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mutual_tls_the_brokers_own_settings_are_enough() {
    let entra = Entra::start().await;
    let socket = format!("unix:{}", entra.dir.path().join("broker.sock").display());
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = format!("--otlp-metrics-endpoint=http://{}", collector.local_addr().unwrap());
    for listen in ["127.0.0.1:0", &socket] {
        let (listen, _serving) = start(&entra, &["--listen", listen]).await;
        let output = purge(&entra, &[&listen, &metrics], &["--user", ALICE]).await;
        assert!(output.status.success(), "{listen}: {}", String::from_utf8_lossy(&output.stderr));
        let said = out(&output);
        assert!(said.contains(&format!("The tokens of {ALICE} are forgotten.")), "{said}");
        assert!(said.contains("ask each replica"), "{said}");
    }
    collector.set_nonblocking(true).unwrap();
    assert!(collector.accept().is_err(), "a command that is over at once has no series");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_mutual_tls_a_consumer_that_may_purge_does() {
    let broker = MutualTls::start().await;
    let file = |name: &str| broker.path(name).display().to_string();
    broker.replace("servers.pem", &broker.servers.pem());
    let identity = |name: &str| {
        let (cert, key) = broker.clients.issue_to(&[&format!("dns:{name}")]).pems();
        broker.replace(&format!("{name}.pem"), &cert);
        broker.replace(&format!("{name}.key"), &key);
    };
    identity("help-desk.test");
    identity("gateway.test");
    let listen = format!("--listen={}", broker.address);
    let settings = [
        &*listen,
        "--tls-cert-file",
        &file("tls.pem"),
        "--tls-key-file",
        &file("tls.key"),
        "--tls-client-ca-file",
        &file("clients.pem"),
    ];
    let (alice, gateway) = (broker.entra.token(ALICE), broker.consumer(&["dns:gateway.test"]));
    let source = async || gateway.exchange(&alice, "arm").await.unwrap().source();
    assert_eq!((source().await, source().await), (TokenSource::Entra, TokenSource::Cache));

    let as_one = |name: &str| {
        let (cert, key) = (file(&format!("{name}.pem")), file(&format!("{name}.key")));
        [
            "--user",
            ALICE,
            "--ca-file",
            &file("servers.pem"),
            "--cert-file",
            &cert,
            "--key-file",
            &key,
            "--json",
        ]
        .map(str::to_owned)
    };
    let run = async |whom: &[String]| {
        let whom: Vec<_> = whom.iter().map(String::as_str).collect();
        purge(&broker.entra, &settings, &whom).await
    };
    let refused = error(&run(&as_one("gateway.test")).await);
    for words in ["consumer_not_allowed", "the name of this certificate in `sans`", "`purge = true`"] {
        assert!(refused.contains(words), "{words}: {refused}");
    }
    assert_eq!(source().await, TokenSource::Cache);

    let output = run(&as_one("help-desk.test")).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["user"], &said["replicas"]), (&ALICE.into(), &"one".into()));
    assert_eq!(source().await, TokenSource::Entra);

    // The broker's own certificate is nobody's here, and its authority is not the one that consumers come from.
    let lost = error(&run(&["--user".to_owned(), ALICE.to_owned()]).await);
    assert!(lost.contains("--ca-file is the authority of its certificate"), "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_object_id_is_nobody_and_where_nobody_listens_is_said() {
    let entra = Entra::start().await;
    let output = purge(&entra, &[], &["--user", "alice@contoso.com"]).await;
    assert!(error(&output).contains("az ad user show"));
    let output = purge(&entra, &["--listen=127.0.0.1:1"], &["--user", ALICE]).await;
    assert!(error(&output).contains("Is the broker running, with these settings?"));
}
