//! A real Envoy: an ingress that ends TLS and speaks plain HTTP behind it, as that of Container Apps does, and a spreader
//! of connections that looks at nothing, as a ClusterIP does.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Client;

mod config;

/// How Envoy is installed, for a test that does not find it.
pub const INSTALL_ENVOY: &str = "make setup (tests/setup.sh services)";

/// How long Envoy may take to start, or to notice.
const PATIENCE: Duration = Duration::from_secs(60);

/// One endpoint, and where its `/readyz` is asked.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// Where it is reached.
    pub address: SocketAddr,
    /// Where it says in a word how it is.
    pub health: SocketAddr,
}

/// What Envoy is to do.
#[derive(Debug)]
pub struct Fronts<'a> {
    /// Where clients reach it, over TLS. The certificate and its key are `tls.pem` and `tls.key` of the folder.
    pub https: SocketAddr,
    /// What stands behind.
    pub gateways: &'a [Endpoint],
    /// Where consumers reach brokers, whose TLS it passes on; nothing if there is no such port.
    pub tcp: Option<SocketAddr>,
    /// What stands behind that.
    pub brokers: &'a [Endpoint],
}

/// A running Envoy. It ends when this is dropped.
#[derive(Debug)]
pub struct Envoy {
    process: Child,
    admin: String,
    http: Client,
}

impl Envoy {
    /// Starts it, with its configuration and log in this folder, and waits until it listens.
    ///
    /// # Errors
    /// When it is not installed, or does not start; its log says why.
    pub async fn start(folder: &Path, fronts: &Fronts<'_>) -> anyhow::Result<Self> {
        let (file, told) = (folder.join("envoy.json"), folder.join("envoy-admin"));
        std::fs::write(&file, config::of(folder, fronts).to_string())?;
        let log = std::fs::File::create(folder.join("envoy.log"))?;
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/.envoy/bin/envoy");
        let process = Command::new(program)
            .arg("--config-path")
            .arg(&file)
            .arg("--admin-address-path")
            .arg(&told)
            // Shared memory of other Envoys is theirs.
            .args(["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{program} cannot be started: {INSTALL_ENVOY}"))?;
        let mut envoy = Self { process, admin: String::new(), http: client()? };
        envoy
            .wait("it listens", async |envoy| {
                let Ok(admin) = std::fs::read_to_string(&told) else { return false };
                envoy.admin = admin;
                envoy.get("ready").await.is_some_and(|answer| answer.starts_with("LIVE"))
            })
            .await?;
        Ok(envoy)
    }

    /// Waits until so many endpoints of `gateways` or `brokers` are well.
    ///
    /// # Errors
    /// If that does not come.
    pub async fn sees(&mut self, cluster: &str, well: usize) -> anyhow::Result<()> {
        let line = format!("cluster.{cluster}.membership_healthy: {well}");
        let path = format!("stats?filter=cluster.{cluster}.membership_healthy");
        self.wait(&line, async |envoy| envoy.get(&path).await.is_some_and(|stats| stats.trim() == line)).await
    }

    async fn wait(
        &mut self,
        what: &str,
        mut holds: impl AsyncFnMut(&mut Self) -> bool,
    ) -> anyhow::Result<()> {
        let limit = tokio::time::Instant::now() + PATIENCE;
        while !holds(self).await {
            if self.process.try_wait()?.is_some() {
                bail!("Envoy ended at once; see envoy.log");
            }
            if tokio::time::Instant::now() > limit {
                bail!("not within {} s: {what}", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> Option<String> {
        let url = format!("http://{}/{path}", self.admin.trim());
        self.http.get(url).send().await.ok()?.text().await.ok()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "Envoy's admin port speaks plain HTTP on loopback")]
fn client() -> anyhow::Result<Client> {
    Ok(Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?)
}
