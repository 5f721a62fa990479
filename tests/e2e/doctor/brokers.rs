//! The broker as the doctor sees it: away, not ready, not willing; what its own preflight says; and the exchange.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use e2e::{Hop, ShiftedClock, Stack};
use emulator::EndpointFault;
use telemetry::Metrics;
use telemetry::report::Outcome;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{doctor, missing, named, only, unknown};

#[tokio::test]
async fn with_the_broker_s_preflight_all_is_known_and_all_is_well() {
    let stack = Stack::builder().preflight().start().await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let report = loop {
        let report = doctor(&stack, &[], Some(&stack.token("alice"))).await;
        // The broker looks in the background: until it has, its lines are unknown.
        if report.outcome() == Outcome::Ok || Instant::now() > deadline {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(report.outcome().exit_code(), 0, "{}", report.table(false));
    for name in ["preflight.downstream_consent", "preflight.clock"] {
        assert_eq!(named(&report, name).outcome, Outcome::Ok);
    }
    assert!(named(&report, "preflight").detail.starts_with("looked at 2"), "{}", report.table(false));
}

#[tokio::test]
async fn a_broker_that_is_down_or_wants_a_certificate_is_named() {
    let mut stack = Stack::start().await;
    stack.stop_broker().await;
    let report = doctor(&stack, &[], None).await;
    assert!(only(&report, "broker").detail.contains("refused"), "{}", report.table(false));

    let stack = Stack::builder().hop(Hop::MutualTls).start().await;
    let report = doctor(&stack, &["--broker-cert-file", "--broker-key-file"], None).await;
    let finding = only(&report, "broker");
    assert!(finding.fix.contains("GATEWAY_BROKER_CERT_FILE"), "{finding:?}");

    let plain = format!("--broker-url={}", stack.broker_url().replace("https://", "http://"));
    let changed = ["--broker-cert-file", "--broker-key-file", "--broker-ca-file", &plain];
    let report = doctor(&stack, &changed, None).await;
    assert!(only(&report, "broker").fix.contains("https://"), "{}", report.table(false));

    let other_authority = format!("--broker-ca-file={}", stack.ca_file().display());
    let report = doctor(&stack, &[&other_authority], None).await;
    assert!(only(&report, "broker").fix.contains("GATEWAY_BROKER_CA_FILE"), "{}", report.table(false));
}

/// One more broker of the stack's tenant, which need not be ready. It ends when the guard is dropped.
async fn another_broker(stack: &Stack, more: &[&str]) -> (String, DropGuard) {
    let shared = ["--tenant-id", "--client-id", "--authority-host", "--arm-endpoint", "--graph-endpoint"];
    let of_tenant = |flag: &String| shared.iter().any(|name| flag.starts_with(name));
    let mut flags = vec!["token-broker".to_owned()];
    flags.extend(stack.gateway_flags().into_iter().filter(of_tenant));
    flags.extend(["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"].map(str::to_owned));
    flags.push(format!("--extra-ca-file={}", stack.ca_file().display()));
    flags.push(format!("--client-certificate-path={}", stack.credential_file().display()));
    flags.push(format!("--public-url={}", stack.public_url()));
    flags.extend(more.iter().map(ToString::to_string));
    let config = token_broker::Config::try_from(token_broker::Args::parse_from(flags)).unwrap();
    let listeners =
        token_broker::Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await.unwrap();
    let url = format!("--broker-url=http://{}", listeners.grpc_address().unwrap());
    let shutdown = CancellationToken::new();
    let (clock, stop) = (Arc::new(ShiftedClock::default()), shutdown.clone());
    let metrics = Metrics::new("token-broker").unwrap();
    tokio::spawn(async move { token_broker::serve(config, listeners, clock, metrics, stop).await.unwrap() });
    (url, shutdown.drop_guard())
}

#[tokio::test]
async fn a_broker_that_is_not_ready_says_why_all_the_same() {
    let stack = Stack::start().await;
    stack.emulator.set_arm_consent(false);
    let (url, _running) = another_broker(&stack, &["--preflight-required"]).await;
    let report = doctor(&stack, &[&url], Some(&stack.token("alice"))).await;
    let faults = ["broker", "preflight.downstream_consent", "exchange"];
    assert_eq!(missing(&report), faults, "{}", report.table(false));
    assert_eq!(unknown(&report), [""; 0], "{}", report.table(false));
    assert_eq!(named(&report, "broker").detail, "answers, but is not ready; the lines below say why");
    assert!(named(&report, "broker").fix.contains("/readyz"));
    for name in ["preflight.downstream_consent", "exchange"] {
        assert!(named(&report, name).url.as_ref().is_some_and(|url| url.contains("adminconsent")), "{name}");
    }
    assert!(named(&report, "exchange").detail.contains("AADSTS65001"));
}

#[tokio::test]
async fn a_credential_that_entra_id_refuses_is_named_though_the_broker_is_not_ready() {
    let stack = Stack::start().await;
    stack.emulator.remove_app_credential(stack.emulator.app_credential_pem()).unwrap();
    let (url, _running) = another_broker(&stack, &[]).await;
    let token = stack.token("alice");
    let deadline = Instant::now() + Duration::from_secs(20);
    let report = loop {
        let report = doctor(&stack, &[&url], Some(&token)).await;
        // The first exchange shows the broker that its credential is refused; its health follows.
        if named(&report, "broker").outcome == Outcome::Missing || Instant::now() > deadline {
            break report;
        }
    };
    let faults = ["broker", "preflight.credential", "exchange"];
    assert_eq!(missing(&report), faults, "{}", report.table(false));
    let exchange = named(&report, "exchange");
    assert!(exchange.detail.starts_with("broker_misconfigured (AADSTS700027)"), "{exchange:?}");
    assert!(exchange.fix.contains("preflight"), "{exchange:?}");
}

/// A tenant that is right is looked at again after an hour: what is seen sooner was looked for because of the doctor.
#[tokio::test]
async fn the_tenant_is_looked_at_anew() {
    let stack = Stack::builder().preflight().start().await;
    stack.emulator.set_arm_consent(false);
    let deadline = Instant::now() + Duration::from_secs(30);
    let report = loop {
        let report = doctor(&stack, &[], None).await;
        // A look younger than ten seconds is new enough for the broker.
        if report.outcome() != Outcome::Ok || Instant::now() > deadline {
            break report;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    only(&report, "preflight.downstream_consent");
}

#[tokio::test]
async fn a_gateway_that_the_broker_does_not_know_is_named() {
    let stack = Stack::builder().hop(Hop::MutualTls).start().await;
    let flag = |name: &str, file: &str| format!("--broker-{name}-file={}", stack.hop_file(file).display());
    let stranger = [flag("cert", "stranger.pem"), flag("key", "stranger.key")];
    let stranger = stranger.each_ref().map(String::as_str);
    let report = doctor(&stack, &stranger, None).await;
    let finding = only(&report, "consumer");
    assert!(finding.detail.starts_with("consumer_not_allowed (unknown_consumer)"), "{finding:?}");
    assert!(finding.fix.contains("consumers file"), "{finding:?}");

    // With a token it is still one fault.
    let report = doctor(&stack, &stranger, Some(&stack.token("alice"))).await;
    assert_eq!((missing(&report), unknown(&report)), (vec!["consumer"], vec!["exchange"]));
    assert!(named(&report, "exchange").detail.starts_with("follows from the line `consumer`"));
    assert_eq!(stack.emulator.counts().exchanges, 0);
}

#[tokio::test]
async fn an_exchange_that_entra_id_does_not_answer_is_unknown() {
    let stack = Stack::start().await;
    let token = stack.token("alice");
    stack.emulator.faults().update(|faults| faults.token_endpoint = EndpointFault::outage());
    let report = doctor(&stack, &[], Some(&token)).await;
    assert_eq!((missing(&report), unknown(&report)), (vec![], vec!["exchange"]), "{}", report.table(false));
    assert!(named(&report, "exchange").detail.starts_with("identity_provider_unavailable"));
    assert_eq!(report.outcome().exit_code(), 2);
}

#[tokio::test]
async fn a_broker_with_other_audiences_shows_in_the_exchange() {
    let stack = Stack::builder().broker(&["--audiences=api://another"]).start().await;
    let report = doctor(&stack, &[], Some(&stack.token("alice"))).await;
    let finding = only(&report, "exchange");
    assert!(
        finding.detail.contains("wrong_audience") && finding.fix.contains("BROKER_AUDIENCES"),
        "{finding:?}"
    );
}

#[tokio::test]
async fn a_consent_that_nobody_gave_comes_with_the_link() {
    let stack = Stack::start().await;
    stack.emulator.set_arm_consent(false);
    let report = doctor(&stack, &[], Some(&stack.token("alice"))).await;
    let finding = report.findings.iter().find(|finding| finding.name == "exchange").unwrap();
    assert!(finding.detail.contains("consent_required (AADSTS65001)"), "{finding:?}");
    assert!(
        finding.url.as_deref().is_some_and(|url| url.contains("/adminconsent?client_id=")),
        "{finding:?}"
    );
}
