//! A real Prometheus that scrapes the services and works out the rules, as `deploy/prometheus.yaml` has it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use reqwest::Client;
use serde_json::Value;

/// How to get it.
pub const INSTALL_PROMETHEUS: &str =
    "prometheus is missing: `apt-get install --no-install-recommends prometheus`, or tests/setup.sh services";

const CONFIG: &str = include_str!("../../deploy/prometheus.yaml");
const RULES: &str = include_str!("../../deploy/alerts/rules.yaml");

/// What it is started with.
#[derive(Clone, Copy, Debug)]
pub struct Scrape {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The gateway's admin address.
    pub gateway: SocketAddr,
    /// The broker's.
    pub broker: SocketAddr,
    /// Seconds from one scrape to the next.
    pub every: u32,
}

/// A running Prometheus. It ends when this is dropped.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    http: Client,
    listen: SocketAddr,
}

impl Prometheus {
    /// Whether there is one on this machine.
    pub fn is_installed() -> bool {
        let version =
            Command::new("prometheus").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    }

    /// Starts one that keeps everything in `folder`. What it held before is gone.
    ///
    /// # Errors
    /// Says how to install it where it is missing.
    pub fn start(folder: &Path, scrape: Scrape) -> anyhow::Result<Self> {
        let folder = folder.join("prometheus");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("alerts"))?;
        fs::write(folder.join("alerts/rules.yaml"), RULES)?;
        fs::write(folder.join("prometheus.yaml"), configured(scrape))?;
        let log = File::create(folder.join("prometheus.log"))?;
        let child = Command::new("prometheus")
            .args(["--config.file=prometheus.yaml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={}", scrape.listen))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context(INSTALL_PROMETHEUS)?;
        Ok(Self { child, http: plain_client()?, listen: scrape.listen })
    }

    /// The series that an expression has now; none while it is not ready.
    ///
    /// # Errors
    /// It cannot read the expression.
    pub async fn query(&self, expression: &str) -> anyhow::Result<Vec<Value>> {
        let url = format!("http://{}/api/v1/query", self.listen);
        let Ok(response) = self.http.get(url).query(&[("query", expression)]).send().await else {
            return Ok(Vec::new());
        };
        let answer: Value = response.json().await?;
        if answer["status"] == "error" {
            anyhow::bail!("{expression}: {}", answer["error"]);
        }
        Ok(answer["data"]["result"].as_array().cloned().unwrap_or_default())
    }

    /// Every rule as it is now.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn rules(&self) -> anyhow::Result<Vec<Value>> {
        let answer: Value =
            self.http.get(format!("http://{}/api/v1/rules", self.listen)).send().await?.json().await?;
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        Ok(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect())
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The configuration that is shipped, with other addresses.
fn configured(scrape: Scrape) -> String {
    let changes = [
        ("127.0.0.1:9080", scrape.gateway.to_string()),
        ("127.0.0.1:9051", scrape.broker.to_string()),
        ("15s", format!("{}s", scrape.every)),
    ];
    changes.iter().fold(CONFIG.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[expect(clippy::disallowed_methods, reason = "Prometheus is asked over plain HTTP on loopback")]
fn plain_client() -> anyhow::Result<Client> {
    Ok(Client::builder().no_proxy().timeout(std::time::Duration::from_secs(10)).build()?)
}
