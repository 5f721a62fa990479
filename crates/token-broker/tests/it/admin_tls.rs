//! The admin port beyond loopback: over TLS with the broker's own certificate, and for whom it is.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use identity::clock::ManualClock;
use reqwest::{Certificate, Client, Identity};
use serde_json::Value;
use testkit::{Authority, NOW, eventually};
use token_broker::Listeners;
use tokio_util::sync::CancellationToken;

use crate::serving::served;
use crate::support::{Entra, try_admin};

/// A broker on a unix socket whose admin port listens everywhere, with a certificate for localhost.
struct Scraped {
    _entra: Entra,
    servers: Authority,
    clients: Authority,
    port: u16,
    stop: CancellationToken,
}

impl Scraped {
    /// With authorities of who may scrape, or for everybody who reaches it.
    async fn start(known: bool) -> Self {
        let (entra, servers, clients) = (Entra::start().await, Authority::new(), Authority::new());
        let (cert, key) = servers.issue("localhost").pems();
        let file = |name: &str, content: &str| -> String {
            let path: PathBuf = entra.dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let listen = format!("unix:{}", entra.dir.path().join("broker.sock").display());
        let mut flags = vec!["--listen".to_owned(), listen];
        flags.extend(["--admin-listen", "0.0.0.0:0"].map(str::to_owned));
        flags.extend(["--tls-cert-file".to_owned(), file("tls.pem", &cert)]);
        flags.extend(["--tls-key-file".to_owned(), file("tls.key", &key)]);
        if known {
            flags.extend(["--admin-client-ca-file".to_owned(), file("scrapers.pem", &clients.pem())]);
        }
        let config = entra.config(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        let listeners =
            Listeners::bind(&config.listen, config.socket_mode, config.admin_listen).await.unwrap();
        let (port, stop) = (listeners.admin_address().unwrap().port(), CancellationToken::new());
        served(config, listeners, ManualClock::at(NOW), stop.clone());
        Self { _entra: entra, servers, clients, port, stop }
    }

    /// What a scraper gets that trusts this authority and shows this certificate, or none.
    #[expect(clippy::disallowed_methods, reason = "a scraper with a certificate of its own")]
    async fn scrape(&self, authority: &Authority, shown: Option<(String, String)>) -> Option<String> {
        let root = Certificate::from_pem(authority.pem().as_bytes()).unwrap();
        let mut client = Client::builder().no_proxy().tls_certs_only([root]);
        if let Some((certificate, key)) = shown {
            client = client.identity(Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap());
        }
        let url = format!("https://localhost:{}/metrics", self.port);
        let response = client.build().unwrap().get(url).send().await.ok()?;
        response.text().await.ok()
    }

    async fn probe(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_token-broker"));
        command.arg("probe").arg("--live").arg(format!("--admin-listen=0.0.0.0:{}", self.port));
        command.args(more).env_clear();
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

impl Drop for Scraped {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_loopback_metrics_are_read_over_tls_and_not_otherwise() {
    let broker = Scraped::start(false).await;
    let metrics = broker.scrape(&broker.servers, None).await.unwrap();
    assert!(metrics.contains("broker_tls_days_left"), "{metrics}");
    assert!(metrics.contains(r#"broker_files_stale{file="admin_tls_files""#), "{metrics}");
    assert_eq!(broker.scrape(&Authority::new(), None).await, None, "it shows the broker's certificate");
    let plain = try_admin(&format!("127.0.0.1:{}", broker.port), "/metrics").await;
    assert!(!plain.unwrap_or_default().contains("HTTP/"), "nothing is said in plain text");
    assert_eq!(broker.probe(&[]).await.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_authorities_only_who_has_their_certificate_reads_metrics() {
    let broker = Scraped::start(true).await;
    let (scraper, stranger) = (broker.clients.issue("scraper"), Authority::new().issue("scraper"));
    assert!(broker.scrape(&broker.servers, Some(scraper.pems())).await.is_some());
    assert_eq!(broker.scrape(&broker.servers, Some(stranger.pems())).await, None);
    assert_eq!(broker.scrape(&broker.servers, None).await, None);
    // A probe has no certificate: it says what to set.
    let output = broker.probe(&["--admin-client-ca-file=/run/scrapers.pem"]).await;
    let reason = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && reason.contains("set BROKER_HEALTH_LISTEN"), "{reason}");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Prometheus itself, with the form of configuration that docs/operations.md prints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_scrapes_over_tls_with_a_certificate_and_not_without() {
    let broker = Scraped::start(true).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    let (certificate, key) = broker.clients.issue("scraper").pems();
    file("ca.pem", &broker.servers.pem());
    file("own.pem", &certificate);
    file("own.key", &key);
    let job = |name: &str, tls: &str| {
        let port = broker.port;
        format!(
            "  - job_name: {name}\n    scheme: https\n    tls_config: {{ {tls} }}\n    \
             static_configs: [{{ targets: [\"localhost:{port}\"] }}]\n"
        )
    };
    let known = job("known", "ca_file: ca.pem, cert_file: own.pem, key_file: own.key");
    let unknown = job("unknown", "ca_file: ca.pem");
    file("prometheus.yml", &format!("global: {{ scrape_interval: 1s }}\nscrape_configs:\n{known}{unknown}"));

    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut prometheus = Command::new("prometheus");
    prometheus.current_dir(folder.path()).arg("--config.file=prometheus.yml").arg("--storage.tsdb.path=data");
    prometheus.arg(format!("--web.listen-address={address}"));
    prometheus.stdout(Stdio::null()).stderr(Stdio::null());
    let started = prometheus.spawn();
    let _running =
        Running(started.unwrap_or_else(|error| panic!("{error}: make setup (apt-get install prometheus)")));

    let up = async |job: &str| {
        let query = format!("/api/v1/query?query=up%7Bjob%3D%22{job}%22%7D");
        let answer = try_admin(&address.to_string(), &query).await?;
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
        Some(body["data"]["result"][0]["value"][1].as_str()? == "1")
    };
    eventually("both were scraped", async || {
        up("known").await == Some(true) && up("unknown").await.is_some()
    })
    .await;
    assert_eq!(up("unknown").await, Some(false));
}
