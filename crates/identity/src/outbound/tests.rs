//! What the clients that the services really build refuse, whoever answers them.

use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::StatusCode;
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// Where a redirect leads. Whoever comes here followed it.
async fn elsewhere() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    server
}

/// A server over TLS that sends everybody to `location`, with the status that the path is. Its authority's certificate,
/// in PEM, and its URL.
async fn redirecting(location: String) -> (String, String) {
    let (acceptor, ca_pem) = tls();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, location) = (acceptor.clone(), location.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                let status = String::from_utf8_lossy(&request[5..read.min(8)]).into_owned();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            });
        }
    });
    (ca_pem, url)
}

fn tls() -> (TlsAcceptor, String) {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), ca_certificate.pem())
}

#[tokio::test]
async fn no_client_of_ours_follows_a_redirect() {
    let elsewhere = elsewhere().await;
    let (ca_pem, over_tls) = redirecting(elsewhere.uri()).await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &ca_pem).unwrap();
    let args = OutboundArgs { extra_ca_file: Some(ca_file) };
    let plain = MockServer::start().await;
    for status in REDIRECTS {
        let answer = ResponseTemplate::new(status).insert_header("Location", elsewhere.uri());
        Mock::given(path(format!("/{status}"))).respond_with(answer).mount(&plain).await;
    }
    for (name, client, server) in [
        ("client", client(Some(ca_pem.as_bytes())).unwrap(), &over_tls),
        ("the services' client", args.client().unwrap(), &over_tls),
        ("observer", args.observer().unwrap(), &over_tls),
        ("observer in plain text", args.observer().unwrap(), &plain.uri()),
        ("local client", local_client().unwrap(), &plain.uri()),
    ] {
        for status in REDIRECTS {
            let request = client.get(format!("{server}/{status}")).bearer_auth("credential");
            assert_eq!(request.send().await.unwrap().status(), status, "{name}");
        }
    }
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

/// Clients that follow redirects to `https` alone would pass the test above: its redirects lead to plain text.
#[tokio::test]
async fn not_even_to_the_same_server() {
    let (ca_pem, url) = redirecting("/200".to_owned()).await;
    let client = client(Some(ca_pem.as_bytes())).unwrap();
    assert_eq!(client.get(format!("{url}/302")).send().await.unwrap().status(), 302);
    assert_eq!(client.get(format!("{url}/200")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn credentials_travel_over_https_only() {
    let plain = elsewhere().await;
    let args = OutboundArgs::default();
    for (name, client) in
        [("client", client(None).unwrap()), ("the services' client", args.client().unwrap())]
    {
        assert!(client.get(plain.uri()).send().await.is_err(), "{name}");
    }
    assert_eq!(plain.received_requests().await.unwrap().len(), 0, "nothing was sent");
    // These two carry none, or stay on this machine.
    for client in [args.observer().unwrap(), local_client().unwrap()] {
        assert_eq!(client.get(plain.uri()).send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn an_authority_is_trusted_where_it_is_named_and_nowhere_else() {
    let (ca_pem, url) = redirecting("/".to_owned()).await;
    let of_another = tls().1;
    for client in [client(None), client(Some(of_another.as_bytes())), local_client()] {
        assert!(client.unwrap().get(format!("{url}/302")).send().await.is_err());
    }
    // A file may hold several.
    let both = format!("{of_another}{ca_pem}");
    assert!(client(Some(both.as_bytes())).unwrap().get(format!("{url}/302")).send().await.is_ok());
}

#[test]
fn a_file_without_a_certificate_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| OutboundArgs { extra_ca_file: Some(folder.path().join(name)) };
    std::fs::write(folder.path().join("empty.pem"), "no certificate").unwrap();
    let text = |args: OutboundArgs| args.client().unwrap_err().to_string();
    let empty = text(file("empty.pem"));
    assert!(empty.contains("empty.pem` holds no PEM certificate"), "{empty}");
    let missing = text(file("missing.pem"));
    assert!(missing.contains("missing.pem` cannot be read"), "{missing}");
    let unnamed = client(Some(b"")).unwrap_err().to_string();
    assert!(unnamed.starts_with("EXTRA_CA_FILE holds no PEM certificate"), "{unnamed}");
}

#[tokio::test]
async fn a_body_is_read_up_to_its_bound() {
    let server = MockServer::start().await;
    let body = ResponseTemplate::new(200).set_body_bytes(vec![7; 1000]);
    Mock::given(any()).respond_with(body).mount(&server).await;
    let get = async || local_client().unwrap().get(server.uri()).send().await.unwrap();
    assert_eq!(read_bounded(get().await, 1000).await.unwrap(), vec![7; 1000]);
    let refusal = read_bounded(get().await, 999).await.unwrap_err();
    assert!(matches!(refusal, ReadError::TooLarge { limit: 999 }), "{refusal}");
}

/// A body of many chunks whose length nobody announced, and one that ends too soon.
#[tokio::test]
async fn neither_chunks_nor_a_broken_connection_lead_past_the_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?secret", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for head in ["Transfer-Encoding: chunked", "Content-Length: 100000"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes()).await;
            for _ in 0..100 {
                let _ = stream.write_all(b"a\r\n0123456789\r\n").await;
            }
        }
    });
    let get = async || local_client().unwrap().get(&url).send().await.unwrap();
    let refusal = read_bounded(get().await, 500).await.unwrap_err();
    assert!(matches!(refusal, ReadError::TooLarge { limit: 500 }), "{refusal}");
    let refusal = read_bounded(get().await, 200_000).await.unwrap_err();
    assert!(matches!(refusal, ReadError::Broken(_)), "{refusal}");
    assert!(!format!("{refusal:?}").contains("secret"), "an error repeats no URL: {refusal:?}");
}

/// The environment of a process is its own: this one is started again with a proxy in it.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test's word to itself is not a setting")]
async fn no_proxy_comes_between_this_machine_and_itself() {
    const MARK: &str = "IDENTITY_TEST_LOCAL_URL";
    if let Ok(url) = std::env::var(MARK) {
        let observer = OutboundArgs::default().observer().unwrap();
        let proxied = observer.get(&url).send().await.unwrap();
        assert_eq!(proxied.status(), StatusCode::IM_A_TEAPOT, "the proxy is in force");
        let direct = local_client().unwrap().get(&url).send().await.unwrap();
        assert_eq!(direct.status(), StatusCode::OK);
        return;
    }
    let (local, proxy) = (elsewhere().await, MockServer::start().await);
    Mock::given(any()).respond_with(ResponseTemplate::new(418)).mount(&proxy).await;
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "outbound::tests::no_proxy_comes_between_this_machine_and_itself"]);
    for name in ["NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"] {
        again.env_remove(name);
    }
    again.env(MARK, local.uri()).env("http_proxy", proxy.uri()).env("HTTP_PROXY", proxy.uri());
    let output = tokio::task::spawn_blocking(move || again.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(local.received_requests().await.unwrap().len(), 1);
}

#[test]
fn the_wait_comes_as_seconds_or_as_a_date() {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    for (value, seconds) in [
        ("30", Some(30)),
        (" 0 ", Some(0)),
        ("Sun, 22 Nov 2026 12:01:30 GMT", Some(90)),
        ("Sun, 22 Nov 2026 11:59:00 GMT", Some(0)),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(wait(value, now), seconds.map(Duration::from_secs), "{value}");
    }
}
