//! Mutual TLS: who is let in, what follows its files, and who may not hold up the others.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use proto::v1::ExchangeResponse;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use telemetry::testing::Captured;
use testkit::{Authority, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsConnector;
use tonic::{Code, Status};

use crate::mutual_tls::{Consumer, MutualTls};
use crate::support::{ALICE, admin};

const GATEWAY: &[&str] = &["dns:gateway.test"];

async fn call(broker: &MutualTls, consumer: &Consumer) -> Result<ExchangeResponse, Status> {
    consumer.exchange(&broker.entra.token(ALICE), "arm").await
}

fn value(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with(name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[tokio::test]
async fn mutual_tls_lets_nobody_in_without_a_certificate() {
    let broker = MutualTls::start().await;
    let of_another = broker.connect(&broker.servers, Some(Authority::new().issue_to(GATEWAY).pems()));
    let of_the_servers = broker.connect(&broker.servers, Some(broker.servers.issue_to(GATEWAY).pems()));
    let without = broker.connect(&broker.servers, None);
    for refused in [of_another, of_the_servers, without] {
        let status = call(&broker, &refused).await.unwrap_err();
        assert_ne!(status.code(), Code::PermissionDenied, "no call gets that far: {status}");
    }
    assert_eq!(broker.entra.count(), 0);
    let consumer = broker.consumer(GATEWAY);
    call(&broker, &consumer).await.unwrap();
    let metrics = admin(&broker.admin, "/metrics").await;
    assert_eq!(
        value(&metrics, r#"broker_connections_refused_total{cause="handshake""#),
        Some(3.0),
        "{metrics}"
    );
    assert_eq!(value(&metrics, "broker_connections "), Some(1.0), "{metrics}");
}

#[tokio::test]
async fn a_renewed_server_certificate_is_shown_without_a_restart() {
    let broker = MutualTls::start().await;
    let standing = broker.consumer(GATEWAY);
    call(&broker, &standing).await.unwrap();

    // Of another authority, so that who trusts only that one can tell.
    let renewed = Authority::new();
    let (cert, key) = renewed.issue("localhost").pems();
    broker.replace("tls.pem", &cert);
    broker.replace("tls.key", &key);
    eventually("it is in force", async || {
        let trusting = broker.connect(&renewed, Some(broker.clients.issue_to(GATEWAY).pems()));
        call(&broker, &trusting).await.is_ok()
    })
    .await;
    call(&broker, &standing).await.unwrap();
    call(&broker, &broker.consumer(GATEWAY)).await.unwrap_err();
}

#[tokio::test]
async fn of_replaced_authorities_the_new_ones_hold_from_the_next_connection_on() {
    let broker = MutualTls::start().await;
    let old = broker.clients.issue_to(GATEWAY).pems();
    let standing = broker.connect(&broker.servers, Some(old.clone()));
    call(&broker, &standing).await.unwrap();

    let new = Authority::new();
    broker.replace("clients.pem", &new.pem());
    eventually("it is in force", async || {
        let newcomer = broker.connect(&broker.servers, Some(new.issue_to(GATEWAY).pems()));
        call(&broker, &newcomer).await.is_ok()
    })
    .await;
    call(&broker, &broker.connect(&broker.servers, Some(old))).await.unwrap_err();
    call(&broker, &standing).await.unwrap();
}

#[tokio::test]
async fn a_withdrawn_authority_ends_with_the_age_of_its_connections() {
    let broker = MutualTls::start_with(&["--max-connection-age-seconds=1"]).await;
    let standing = broker.consumer(GATEWAY);
    call(&broker, &standing).await.unwrap();
    broker.replace("clients.pem", &Authority::new().pem());
    eventually("it is in force", async || call(&broker, &standing).await.is_err()).await;
}

#[tokio::test]
async fn no_call_is_lost_when_a_connection_reaches_its_age() {
    let broker = MutualTls::start_with(&["--max-connection-age-seconds=1"]).await;
    let (alice, consumer) = (broker.entra.token(ALICE), broker.consumer(GATEWAY));
    consumer.exchange(&alice, "arm").await.unwrap();
    let callers = (0..4).map(|_| {
        let (alice, consumer) = (alice.clone(), consumer.clone());
        tokio::spawn(async move {
            let until = time::Instant::now() + Duration::from_millis(3500);
            while time::Instant::now() < until {
                let answer = match consumer.exchange(&alice, "arm").await {
                    // It was on its way to a connection that had just ended: nobody answered, so it is made again,
                    // as proto/README.md says and `proto::client` does.
                    Err(status) if status.source().is_some() => consumer.exchange(&alice, "arm").await,
                    answer => answer,
                };
                answer.unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

#[tokio::test]
async fn files_that_do_not_fit_leave_the_old_ones_in_force() {
    let captured = Captured::install("info");
    let broker = MutualTls::start().await;
    // A certificate without its key, as between the two halves of a swap; and then half a file.
    let (cert, key) = broker.servers.issue("localhost").pems();
    broker.replace("tls.pem", &cert);
    eventually("it is in force", async || {
        captured.logs().contains("is not that of the first certificate of")
    })
    .await;
    call(&broker, &broker.consumer(GATEWAY)).await.unwrap();
    broker.replace("tls.pem", &cert[..cert.len() / 2]);
    eventually("it is in force", async || captured.logs().contains("BROKER_TLS_CERT_FILE `")).await;
    call(&broker, &broker.consumer(GATEWAY)).await.unwrap();

    broker.replace("tls.pem", &cert);
    broker.replace("tls.key", &key);
    eventually("it is in force", async || captured.logs().contains("reloaded from changed files")).await;
    call(&broker, &broker.consumer(GATEWAY)).await.unwrap();
}

#[tokio::test]
async fn who_connects_and_says_nothing_holds_nobody_up() {
    let broker = MutualTls::start().await;
    // More than there may be handshakes at the same time, and one that sends no TLS at all.
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(TcpStream::connect(&broker.address).await.unwrap());
    }
    let mut babbling = TcpStream::connect(&broker.address).await.unwrap();
    babbling.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let consumer = broker.consumer(GATEWAY);
    time::timeout(Duration::from_secs(5), call(&broker, &consumer)).await.unwrap().unwrap();
    // The first of them was given up for a later one.
    let oldest = time::timeout(Duration::from_secs(5), silent[0].read_u8()).await.unwrap();
    assert!(oldest.is_err());
}

#[tokio::test]
async fn every_connection_proves_its_certificate_anew() {
    let broker = MutualTls::start().await;
    // One configuration, hence one memory of sessions, for two connections.
    let (cert, key) = broker.clients.issue_to(GATEWAY).pems();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(broker.servers.pem().as_bytes()).unwrap()).unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let mut config = ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(roots.clone())
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        for _ in 0..2 {
            let stream = TcpStream::connect(&broker.address).await.unwrap();
            let mut tls = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
            // The server's settings: what would bring tickets has arrived before them.
            tls.read_u8().await.unwrap();
            let (_, session) = tls.get_ref();
            assert_eq!(session.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
        }
    }
}

#[tokio::test]
async fn the_servers_certificate_tells_its_end() {
    let broker = MutualTls::start().await;
    let metrics = admin(&broker.admin, "/metrics").await;
    assert!(value(&metrics, "broker_tls_days_left").is_some_and(|days| days > 30.0), "{metrics}");
}
