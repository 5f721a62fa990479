//! `gateway probe`, as it is started by whoever can only start a program.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::Arc;

use rcgen::CertifiedKey;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Answers each connection with this status; over TLS with a certificate that nobody has signed, if it is to.
async fn answering(status: u16, tls: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tls.then(acceptor);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            match &acceptor {
                Some(acceptor) => answer(acceptor.accept(stream).await.unwrap(), status).await,
                None => answer(stream, status).await,
            }
        }
    });
    address
}

fn acceptor() -> TlsAcceptor {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["elsewhere.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: u16) {
    let mut asked = [0; 512];
    let read = stream.read(&mut asked).await.unwrap();
    assert!(asked[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"), "{asked:?}");
    let _gone = stream.write_all(format!("HTTP/1.1 {status} -\r\n\r\n").as_bytes()).await;
    let _gone = stream.shutdown().await;
}

/// Runs the probe with exactly these settings.
async fn probe(settings: &[(&str, String)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("probe").env_clear().envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_code_says_how_the_gateway_is() {
    let tls_files = ("GATEWAY_TLS_CERT_FILE", "/run/tls.pem".to_owned());
    for (status, code) in [(200, 0), (503, 1)] {
        let admin = |address: SocketAddr| ("GATEWAY_ADMIN_LISTEN", address.to_string());
        let plain = [admin(answering(status, false).await)];
        assert_eq!(probe(&plain).await.status.code(), Some(code), "{status}, plain");
        let over_tls = [admin(answering(status, true).await), tls_files.clone()];
        assert_eq!(probe(&over_tls).await.status.code(), Some(code), "{status}, over TLS");
        // The health address is plain, whatever the admin address is.
        let health = ("GATEWAY_HEALTH_LISTEN", answering(status, false).await.to_string());
        assert_eq!(probe(&[health, tls_files.clone()]).await.status.code(), Some(code), "{status}, health");
    }
}
