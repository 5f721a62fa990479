//! The broker's own credential in each of its kinds: what Entra ID is shown, rotation, and readiness that follows.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures::future::join_all;
use jiff::SignedDuration;
use proto::{BrokerError, Reason};
use serde_json::{Value, json};
use telemetry::testing::Captured;
use testkit::{KeyAndCert, NOW, eventually, key_and_cert};

use crate::metadata::{IDENTITY, Metadata};
use crate::support::{ALICE, BOB, Broker, Entra, Fields, proved};

async fn refusal(broker: &Broker, assertion: &str) -> BrokerError {
    BrokerError::from_status(&broker.exchange(assertion).await.unwrap_err())
}

async fn is_ready(broker: &Broker) -> bool {
    broker.admin("/readyz").await.starts_with("HTTP/1.1 200")
}

async fn credential_fails(broker: &Broker) -> bool {
    broker.admin("/readyz").await.contains(r#""credential":"failing""#)
}

fn assertion_of(entra: &Entra) -> String {
    entra.requests().last().unwrap()["client_assertion"].clone()
}

/// The thumbprint in a client assertion's header.
fn thumbprint(fields: &Fields) -> String {
    let header = fields["client_assertion"].split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["x5t#S256"].as_str().unwrap_or_default().to_owned()
}

fn unknown_certificate() -> (StatusCode, HeaderMap, Value) {
    let body = json!({"error": "invalid_client", "error_codes": [700_027],
                      "error_description": "AADSTS700027: [Reason - The key was not found.]"});
    (StatusCode::UNAUTHORIZED, HeaderMap::new(), body)
}

/// A token as a platform writes it into a file; its signature is the platform's business.
fn platform_token(name: &str, expires_in: SignedDuration) -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iss": "https://oidc.test/", "sub": "system:serviceaccount:mcp:token-broker", "jti": name,
        "aud": ["api://AzureADTokenExchange"], "exp": (NOW + expires_in).as_second(),
    });
    format!("{}.{}.{}", part(json!({"alg": "RS256"})), part(claims), BASE64_URL_SAFE_NO_PAD.encode(name))
}

#[tokio::test]
async fn the_credential_is_proved_at_the_start_with_a_token_nobody_accepts() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    eventually("it is ready", async || is_ready(&broker).await).await;
    let proofs = entra.proofs();
    assert_eq!(proofs.len(), 1);
    assert_eq!(proofs[0]["scope"], format!("{}/.default", proofs[0]["client_id"]));
    assert_eq!(thumbprint(&proofs[0]), entra.application.thumbprint_sha256());
    assert_eq!(entra.count(), 0);
}

#[tokio::test]
async fn a_refused_credential_is_not_ready_until_entra_accepts_it() {
    let entra = Entra::start().await;
    entra.answer_proofs(|_| unknown_certificate());
    let broker = Broker::start(&entra).await;
    eventually("the proof is asked for", async || entra.proofs().len() == 1).await;
    broker.exchange(&entra.token(ALICE)).await.expect("a verdict keeps no call from being tried");
    eventually("it is ready", async || is_ready(&broker).await).await;

    entra.answer(|_| unknown_certificate());
    assert_eq!(refusal(&broker, &entra.token(BOB)).await.reason(), Some(Reason::BrokerMisconfigured));
    assert!(is_ready(&broker).await, "one refusal is not believed");
    broker.clock.advance(SignedDuration::from_secs(15));
    eventually("the credential fails", async || credential_fails(&broker).await).await;

    // Nobody calls any more. Entra ID learns of the certificate.
    entra.answer_proofs(proved);
    broker.clock.advance(SignedDuration::from_secs(15));
    eventually("it is ready", async || is_ready(&broker).await).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_user_does_not_touch_readiness() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    eventually("it is ready", async || is_ready(&broker).await).await;
    for number in [65001, 50076, 53003, 50013, 7_000_114, 50196] {
        entra.refuse(400, json!({"error": "invalid_grant", "error_codes": [number]}));
        refusal(&broker, &entra.token(ALICE)).await;
        assert!(is_ready(&broker).await, "{number}");
    }
    assert_eq!(entra.proofs().len(), 1);
}

#[tokio::test]
async fn a_broker_that_starts_during_an_outage_is_not_to_blame() {
    let entra = Entra::start().await;
    entra.answer_proofs(|_| (StatusCode::SERVICE_UNAVAILABLE, HeaderMap::new(), json!({})));
    let broker = Broker::start(&entra).await;
    eventually("it is ready", async || is_ready(&broker).await).await;
}

#[tokio::test]
async fn after_an_outage_at_the_start_the_credential_is_proved_without_anybody_calling() {
    let entra = Entra::start().await;
    entra.answer_proofs(|_| (StatusCode::SERVICE_UNAVAILABLE, HeaderMap::new(), json!({})));
    let broker = Broker::start(&entra).await;
    eventually("it is ready", async || is_ready(&broker).await).await;

    // Entra ID is back, and does not know the certificate. By then the pause after its fault is over too.
    entra.answer_proofs(|_| unknown_certificate());
    broker.clock.advance(SignedDuration::from_secs(15));
    eventually("the credential fails", async || credential_fails(&broker).await).await;
}

#[tokio::test]
async fn a_new_certificate_that_entra_does_not_know_yet_fails_no_call() {
    let captured = Captured::install("info");
    let entra = Entra::start().await;
    let (old, new) = (entra.application.thumbprint_sha256(), key_and_cert());
    let registered = old.clone();
    answer_if(&entra, move |fields| thumbprint(fields) == registered);
    let broker = Broker::start(&entra).await;
    eventually("it is ready", async || is_ready(&broker).await).await;
    broker.exchange(&entra.token(ALICE)).await.unwrap();

    swap(&entra, &new);
    eventually("the new one is used", async || {
        broker.exchange(&entra.token(ALICE)).await.expect("no call fails");
        entra.requests().iter().any(|fields| thumbprint(fields) == new.thumbprint_sha256())
    })
    .await;
    let tried: Vec<_> = entra.requests().iter().map(thumbprint).collect();
    let first = tried.iter().position(|one| *one == new.thumbprint_sha256()).unwrap();
    assert_eq!(tried[first + 1], old, "the one before, at once");

    // For a while it goes first, so that not every call costs two requests.
    let before = entra.count();
    broker.exchange(&entra.token(ALICE)).await.unwrap();
    assert_eq!((entra.count(), thumbprint(entra.requests().last().unwrap())), (before + 1, old.clone()));
    assert!(is_ready(&broker).await);

    // Entra ID learns of the new one, and forgets the old one.
    let registered = new.thumbprint_sha256();
    answer_if(&entra, move |fields| thumbprint(fields) == registered);
    broker.exchange(&entra.token(ALICE)).await.expect("the other way round");
    broker.exchange(&entra.token(ALICE)).await.unwrap();
    assert_eq!(thumbprint(entra.requests().last().unwrap()), new.thumbprint_sha256());

    // Neither is known: two requests, and the end of it.
    answer_if(&entra, |_| false);
    let before = entra.count();
    assert_eq!(refusal(&broker, &entra.token(BOB)).await.reason(), Some(Reason::BrokerMisconfigured));
    assert_eq!(entra.count(), before + 2);
    let logs = captured.logs();
    assert!(
        logs.contains(&new.thumbprint_sha256()) && logs.contains("the other one is tried, once"),
        "{logs}"
    );
}

#[tokio::test]
async fn a_torn_write_changes_nothing() {
    let captured = Captured::install("error");
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    eventually("it is ready", async || is_ready(&broker).await).await;
    let new = key_and_cert();
    let half = new.pem();
    std::fs::write(entra.dir.path().join("app.pem"), &half[..half.len() / 2]).unwrap();
    eventually("it is logged", async || captured.logs().contains("the last good value stays in force")).await;
    broker.exchange(&entra.token(ALICE)).await.unwrap();
    assert_eq!(thumbprint(entra.requests().last().unwrap()), entra.application.thumbprint_sha256());
    assert!(!captured.logs().contains("-----BEGIN"));

    swap(&entra, &new);
    eventually("the new one is used", async || {
        broker.exchange(&entra.token(ALICE)).await.unwrap();
        thumbprint(entra.requests().last().unwrap()) == new.thumbprint_sha256()
    })
    .await;
    let days = broker.admin("/metrics").await;
    assert!(days.contains("broker_credential_days_left"), "{days}");
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_told_in_the_log() {
    let captured = Captured::install("info");
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    eventually("it is ready", async || is_ready(&broker).await).await;
    let thumbprint = entra.application.thumbprint_sha256();
    let told = |level: &str, text: &str| {
        let logs = captured.logs();
        let of_it = |line: &&str| line.contains("client certificate ends") && line.contains(&thumbprint);
        logs.lines().filter(of_it).filter(|line| line.contains(level) && line.contains(text)).count()
    };

    // It ends with the year 2027.
    assert_eq!(told("", ""), 0, "more than a year: {}", captured.logs());
    broker.clock.set("2027-12-02T01:00:00Z".parse().unwrap());
    eventually("it is a warning", async || told(" WARN ", "days_left=29") == 1).await;
    broker.clock.set("2027-12-25T01:00:00Z".parse().unwrap());
    eventually("it is an error", async || told(" ERROR ", "days_left=6") == 1).await;
    assert_eq!(told("", ""), 2, "each once a day: {}", captured.logs());
}

#[tokio::test]
async fn a_federated_token_is_the_client_assertion_and_is_read_anew() {
    let entra = Entra::start().await;
    let path = entra.dir.path().join("token");
    let first = platform_token("first", SignedDuration::from_hours(1));
    std::fs::write(&path, &first).unwrap();
    let config = entra.config(&["--federated-token-file", &path.display().to_string()]);
    let broker = Broker::start_with(config).await;
    eventually("it is ready", async || is_ready(&broker).await).await;
    broker.exchange(&entra.token(ALICE)).await.unwrap();
    assert_eq!(assertion_of(&entra), first);
    assert!(!broker.admin("/metrics").await.contains("broker_credential_days_left"));

    let second = platform_token("second", SignedDuration::from_hours(2));
    std::fs::write(&path, &second).unwrap();
    eventually("the new one is used", async || {
        broker.exchange(&entra.token(ALICE)).await.unwrap();
        assertion_of(&entra) == second
    })
    .await;

    // The file is gone: the token serves until it ends, and not longer.
    std::fs::remove_file(&path).unwrap();
    broker.clock.advance(SignedDuration::from_mins(119));
    broker.exchange(&entra.token(ALICE)).await.unwrap();
    assert!(is_ready(&broker).await);
    broker.clock.advance(SignedDuration::from_secs(59));
    let count = entra.count();
    broker.clock.advance(SignedDuration::from_secs(1));
    eventually("the credential fails", async || credential_fails(&broker).await).await;
    let fresh = entra.fresh_token(BOB, 7200);
    assert_eq!(refusal(&broker, &fresh).await.reason(), Some(Reason::BrokerMisconfigured));
    assert_eq!(entra.count(), count, "Entra ID is not asked with an expired token");

    std::fs::write(&path, platform_token("third", SignedDuration::from_hours(5))).unwrap();
    eventually("it is ready", async || is_ready(&broker).await).await;
}

#[tokio::test]
async fn a_federated_token_that_is_not_there_stops_the_start() {
    let entra = Entra::start().await;
    let config = entra.config(&["--federated-token-file", "/nowhere/token"]);
    let clock = std::sync::Arc::new(identity::clock::ManualClock::at(NOW));
    let clock = clock as identity::clock::SharedClock;
    let metrics = telemetry::Metrics::new("token-broker").unwrap();
    let error = token_broker::Broker::new(&config, &clock, metrics).unwrap_err();
    assert!(error.to_string().contains("AZURE_FEDERATED_TOKEN_FILE"), "{error}");
}

#[tokio::test]
async fn a_managed_identity_is_asked_as_each_platform_wants_it() {
    let (entra, metadata) = (Entra::start().await, Metadata::start().await);
    let endpoint = format!("{}/msi/token", metadata.origin);
    let platforms: [&[&str]; 2] = [
        &["--pod-identity-authority-host", &metadata.origin],
        &["--identity-endpoint", &endpoint, "--identity-header", "header-secret"],
    ];
    for flags in platforms {
        let args = [&["--managed-identity-client-id", IDENTITY], flags].concat();
        let broker = Broker::start_with(entra.config(&args)).await;
        let all = (0..50).map(|_| entra.token(ALICE)).collect::<Vec<_>>();
        for answer in join_all(all.iter().map(|token| broker.exchange(token))).await {
            answer.unwrap();
        }
        assert_eq!(assertion_of(&entra), "identity-token");
        eventually("it is ready", async || is_ready(&broker).await).await;
        assert!(!broker.admin("/metrics").await.contains("broker_credential_days_left"));
    }
    let asked = metadata.asked();
    assert_eq!(asked.len(), 2, "fifty first calls share one request for the token");
    let query = |version: &str| {
        let pairs =
            [("api-version", version), ("resource", "api://AzureADTokenExchange"), ("client_id", IDENTITY)];
        HashMap::from(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
    };
    assert_eq!((asked[0].0.as_str(), &asked[0].1), ("/metadata/identity/oauth2/token", &query("2018-02-01")));
    assert_eq!(asked[0].2["metadata"], "true");
    assert_eq!((asked[1].0.as_str(), &asked[1].1), ("/msi/token", &query("2019-08-01")));
    assert_eq!(asked[1].2["x-identity-header"], "header-secret");
    assert!(!asked[1].2.contains_key("metadata") && !asked[0].2.contains_key("x-identity-header"));
}

#[tokio::test]
async fn a_managed_identity_that_comes_late_is_waited_for_without_keeping_anybody() {
    let captured = Captured::install("debug,h2=info,hyper_util=info");
    let (entra, metadata) = (Entra::start().await, Metadata::start().await);
    metadata.refuse(410, json!({}));
    let args = ["--managed-identity-client-id", IDENTITY, "--pod-identity-authority-host", &metadata.origin];
    let broker = Broker::start_with(entra.config(&args)).await;
    eventually("it is logged", async || captured.logs().contains("being updated")).await;
    let error = refusal(&broker, &entra.token(ALICE)).await;
    assert_eq!(error.reason(), Some(Reason::IdentityProviderUnavailable));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(10)));
    assert!(credential_fails(&broker).await);
    assert_eq!((entra.count(), metadata.asked().len()), (0, 1), "nobody is asked in between");

    metadata.refuse(400, json!({"error": "invalid_request", "error_description": "Identity not found"}));
    broker.clock.advance(SignedDuration::from_secs(10));
    eventually("it is logged", async || captured.logs().contains("Identity not found")).await;
    assert_eq!(refusal(&broker, &entra.token(BOB)).await.reason(), Some(Reason::BrokerMisconfigured));

    metadata.grant("late-token");
    broker.clock.advance(SignedDuration::from_secs(60));
    eventually("it is ready", async || is_ready(&broker).await).await;
    broker.exchange(&entra.token(ALICE)).await.unwrap();
    assert_eq!(assertion_of(&entra), "late-token");

    // Renewed at half of its life, and not used past its end when that fails.
    metadata.refuse(503, json!({}));
    broker.clock.set(NOW + SignedDuration::from_mins(59));
    broker.exchange(&entra.token(BOB)).await.unwrap();
    broker.clock.set(NOW + SignedDuration::from_mins(61));
    eventually("the credential fails", async || credential_fails(&broker).await).await;
    assert_eq!(refusal(&broker, &entra.token(BOB)).await.reason(), Some(Reason::IdentityProviderUnavailable));
    assert_eq!(captured.find("late-token"), None);
}

fn swap(entra: &Entra, pair: &KeyAndCert) {
    let (path, new) = (entra.dir.path().join("app.pem"), entra.dir.path().join("new.pem"));
    std::fs::write(&new, pair.pem()).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// Grants to whom `knows` tells that Entra ID knows the certificate, and refuses the others.
fn answer_if(entra: &Entra, knows: impl Fn(&Fields) -> bool + Clone + Send + Sync + 'static) {
    let knows_too = knows.clone();
    entra.answer_proofs(move |fields| if knows_too(fields) { proved(fields) } else { unknown_certificate() });
    entra.answer(
        move |fields| if knows(fields) { crate::support::granted(fields) } else { unknown_certificate() },
    );
}
