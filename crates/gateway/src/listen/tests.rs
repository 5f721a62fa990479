//! The listener from outside.

use axum::routing::get;
use rcgen::CertifiedKey;
use tempfile::TempDir;

use super::*;
use crate::proxies::Proxies;

/// Files are looked at every two seconds and believed when seen twice.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(20);

const PATIENCE: Patience = Patience {
    idle: Duration::from_secs(60),
    age: Duration::from_secs(600),
    last_request: Duration::from_secs(10),
};

fn listening(tls: Option<Arc<Watched<ServerTls>>>) -> Listening {
    let shutdown = CancellationToken::new();
    let (head_too_long, too_many) = ("{}".into(), "{}".into());
    Listening { tls, patience: PATIENCE, head_too_long, too_many, drain: Duration::from_secs(5), shutdown }
}

fn places() -> Arc<Places> {
    let meter = telemetry::Metrics::new("test").unwrap().meter("test");
    Places::new(Limits { in_all: 16, of_one: 16 }, Proxies::default(), &meter)
}

struct Files {
    dir: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a new key and a certificate of it, which is returned.
    fn renew(&self) -> String {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.path("tls.key"), signing_key.serialize_pem()).unwrap();
        std::fs::write(self.path("tls.pem"), cert.pem()).unwrap();
        cert.pem()
    }

    fn watch(&self) -> Result<Arc<Watched<ServerTls>>, watched::WatchError> {
        watch_tls(&self.path("tls.pem"), &self.path("tls.key"))
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let files = Files::new();
    let first = files.renew();
    let tls = files.watch().unwrap();
    tokio::spawn(Arc::clone(&tls).follow());
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let app = Router::new().route("/", get(|| async { "here" }));
    let listening = listening(Some(tls));
    let shutdown = listening.shutdown.clone();
    let served = tokio::spawn(listening.run(listener, places(), app));

    let trusts = async |pem: &str| {
        let client = identity::outbound::client(Some(pem.as_bytes())).unwrap();
        client.get(&url).send().await.is_ok_and(|response| response.status() == 200)
    };
    assert!(trusts(&first).await);
    let second = files.renew();
    assert!(!trusts(&second).await, "one look is not enough");
    let renewed = async {
        while !trusts(&second).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(FOLLOWED_WITHIN, renewed).await.is_ok(), "the renewed one is not shown");
    assert!(!trusts(&first).await);
    shutdown.cancel();
    served.await.unwrap().unwrap();
}

#[test]
fn files_that_do_not_fit_are_named() {
    let files = Files::new();
    let certificate = files.renew();
    let key = std::fs::read_to_string(files.path("tls.key")).unwrap();
    files.renew();
    let other_key = std::fs::read_to_string(files.path("tls.key")).unwrap();
    for (certificate, key, said) in [
        ("", &key[..], "GATEWAY_TLS_CERT_FILE holds no certificate"),
        (&key, &key, "GATEWAY_TLS_CERT_FILE holds no certificate"),
        (&certificate, "", "GATEWAY_TLS_KEY_FILE holds no private key"),
        (&certificate, &other_key, "the key of GATEWAY_TLS_KEY_FILE is not that of"),
    ] {
        std::fs::write(files.path("tls.pem"), certificate).unwrap();
        std::fs::write(files.path("tls.key"), key).unwrap();
        let error = files.watch().unwrap_err();
        let reason = std::error::Error::source(&error).unwrap().to_string();
        assert!(reason.contains(said), "{reason}");
    }
}

#[tokio::test]
async fn a_connection_reaches_its_age_and_its_place_is_free() {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/", get(|| async { "here" }));
    let mut listening = listening(None);
    listening.patience.age = Duration::from_millis(500);
    let shutdown = listening.shutdown.clone();
    let served = tokio::spawn(listening.run(listener, places(), app));
    for _ in 0..40 {
        // More connections than there are places, each to its end.
        let mut connection = TcpStream::connect(address).await.unwrap();
        let mut rest = Vec::new();
        tokio::io::AsyncWriteExt::write_all(&mut connection, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let ended = tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut rest);
        tokio::time::timeout(Duration::from_secs(10), ended).await.expect("it ends by its age").unwrap();
        assert!(rest.starts_with(b"HTTP/1.1 200 "), "and not before it was served");
    }
    shutdown.cancel();
    served.await.unwrap().unwrap();
}
