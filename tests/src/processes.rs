//! The same stack as real processes: the binaries beside the one that runs this, on loopback.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Client;

use crate::Redis;

pub(crate) use fleet::free_addresses;

pub use control::Control;
pub use fleet::Fleet;
pub use ports::Ports;
pub use setup::Setup;

mod control;
mod fleet;
mod ports;
mod setup;

/// How long the stack may take to get ready.
const READY_DEADLINE: Duration = Duration::from_secs(60);

const BROKERS: [&str; MAX_REPLICAS] = ["token-broker", "token-broker-2", "token-broker-3"];
/// The most broker replicas.
pub const MAX_REPLICAS: usize = 3;

/// The running processes. They end when this is dropped.
#[derive(Debug)]
pub struct Processes {
    /// Where everything listens.
    pub ports: Ports,
    /// The folder with state, the `env` file and the logs.
    pub folder: PathBuf,
    children: Vec<Service>,
    /// Port and admin port of each broker.
    brokers: Vec<[u16; 2]>,
    redis: Option<Redis>,
    settings: BTreeMap<String, String>,
    control: Control,
}

impl Processes {
    /// Starts emulator, broker and gateway, and waits until each says that it is ready.
    ///
    /// # Errors
    /// Names the process that did not start, and its log.
    pub async fn start(folder: &Path, ports: Ports, people: usize) -> anyhow::Result<Self> {
        Self::start_as(folder, ports, &Setup { people, ..Setup::default() }).await
    }

    /// The same, with further settings of broker and gateway.
    ///
    /// # Errors
    /// Names the process that did not start, and its log.
    pub async fn start_with(
        folder: &Path,
        ports: Ports,
        people: usize,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let settings = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::start_as(folder, ports, &Setup { people, settings, ..Setup::default() }).await
    }

    /// The same, with replicas and a Redis that they share.
    ///
    /// # Errors
    /// Names the process that did not start, and its log.
    pub async fn start_as(folder: &Path, ports: Ports, setup: &Setup) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let public_url = format!("http://127.0.0.1:{}/mcp", ports.gateway);
        let redis = setup.redis.then(|| Redis::start(folder)).transpose()?;
        let mut emulator = start_emulator(folder, ports, &public_url, setup)?;
        let mut settings = wait_for_env(folder, &mut emulator.child).await?;
        settings.extend(setup.more_settings());
        let control = Control::new(&settings)?;
        let mut brokers = vec![[ports.broker, ports.broker_admin]];
        brokers.extend(ports.more_brokers.into_iter().take(setup.replicas.saturating_sub(1)));
        let mut children = vec![emulator];
        let mut credentials = setup.credentials.iter().copied();
        for (name, [port, admin]) in BROKERS.into_iter().zip(&brokers) {
            let credential = credentials.next().unwrap_or_default();
            let settings = control.with_credential(credential, &settings, folder).await?;
            let mut flags = vec![
                format!("--listen=127.0.0.1:{port}"),
                format!("--admin-listen=127.0.0.1:{admin}"),
                format!("--public-url={public_url}"),
            ];
            flags.extend(redis.iter().flat_map(Redis::broker_flags));
            flags.extend(setup.audit_flag(folder, name));
            children.push(Service::start(name, "token-broker", folder, &settings, flags)?);
        }
        let mut flags = vec![
            format!("--listen=127.0.0.1:{}", ports.gateway),
            format!("--admin-listen=127.0.0.1:{}", ports.gateway_admin),
            format!("--broker-url=http://127.0.0.1:{}", ports.broker),
            format!("--public-url={public_url}"),
        ];
        flags.extend(setup.audit_flag(folder, "gateway"));
        children.push(Service::start("gateway", "gateway", folder, &settings, flags)?);
        let mut processes =
            Self { ports, folder: folder.to_owned(), children, brokers, redis, settings, control };
        processes.ready().await?;
        Ok(processes)
    }

    /// The canonical MCP URL.
    pub fn public_url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.ports.gateway)
    }

    /// The gRPC address of each broker.
    pub fn broker_urls(&self) -> Vec<String> {
        self.brokers.iter().map(|[port, _]| format!("http://127.0.0.1:{port}")).collect()
    }

    /// The admin ports of all brokers, then that of the gateway.
    pub fn admin_ports(&self) -> Vec<u16> {
        self.brokers.iter().map(|[_, admin]| *admin).chain([self.ports.gateway_admin]).collect()
    }

    /// The Redis that the brokers share, if they do.
    pub fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    /// A setting that the emulator wrote for the services.
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", String::as_str)
    }

    /// The settings of one process.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn settings_of(&self, name: &str) -> anyhow::Result<&BTreeMap<String, String>> {
        let found = self.children.iter().find(|service| service.name == name);
        Ok(&found.with_context(|| format!("no process is called {name}"))?.settings)
    }

    /// The emulator's control API.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Process ids by name.
    pub fn pids(&self) -> Vec<(&'static str, u32)> {
        self.children.iter().map(|service| (service.name, service.child.id())).collect()
    }

    /// Kills a process without warning (SIGKILL): `emulator`, `token-broker`, `token-broker-2`, `gateway`, `redis`.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn kill(&mut self, name: &str) -> anyhow::Result<()> {
        if let (Some(redis), "redis") = (&mut self.redis, name) {
            redis.kill();
            return Ok(());
        }
        let service = self.service(name)?;
        service.child.kill()?;
        service.child.wait()?;
        Ok(())
    }

    /// Starts a process anew that was killed, as it was started first. Does not wait until it is ready.
    ///
    /// # Errors
    /// If there is none of that name, or it cannot be started.
    pub fn restart(&mut self, name: &str) -> anyhow::Result<()> {
        match (&mut self.redis, name) {
            (Some(redis), "redis") => redis.restart(),
            _ => self.service(name)?.restart(),
        }
    }

    /// A process that has ended, if one has.
    ///
    /// # Errors
    /// When the operating system does not tell.
    pub fn ended(&mut self) -> anyhow::Result<Option<&'static str>> {
        for service in &mut self.children {
            if service.child.try_wait()?.is_some() {
                return Ok(Some(service.name));
            }
        }
        Ok(None)
    }

    /// Everything the processes wrote, by file.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn logs(&self) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut logs = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                logs.push((path.clone(), std::fs::read(path)?));
            }
        }
        Ok(logs)
    }

    fn service(&mut self, name: &str) -> anyhow::Result<&mut Service> {
        let found = self.children.iter_mut().find(|service| service.name == name);
        found.with_context(|| format!("no process is called {name}"))
    }

    /// Waits until every service is ready, one that was started anew for example.
    ///
    /// # Errors
    /// Names the one that is not, and its log.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        for port in self.admin_ports() {
            self.wait_until_ready(port).await?;
        }
        Ok(())
    }

    async fn wait_until_ready(&mut self, port: u16) -> anyhow::Result<()> {
        let url = format!("http://127.0.0.1:{port}/readyz");
        let http = plain_client()?;
        let deadline = tokio::time::Instant::now() + READY_DEADLINE;
        loop {
            if let Ok(response) = http.get(&url).send().await
                && response.status().is_success()
            {
                return Ok(());
            }
            if let Some(name) = self.ended()? {
                bail!("{name} ended at once; see {}", self.folder.join(format!("{name}.log")).display());
            }
            if tokio::time::Instant::now() > deadline {
                bail!(
                    "{url} is not ready after {} s; see the logs in {}",
                    READY_DEADLINE.as_secs(),
                    self.folder.display()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for service in self.children.iter_mut().rev() {
            let _ = service.child.kill();
            let _ = service.child.wait();
        }
    }
}

/// A process and how it was started.
#[derive(Debug)]
struct Service {
    name: &'static str,
    binary: &'static str,
    folder: PathBuf,
    settings: BTreeMap<String, String>,
    flags: Vec<String>,
    child: Child,
}

impl Service {
    /// Starts a binary that lies beside this one, with a log of its own.
    fn start(
        name: &'static str,
        binary: &'static str,
        folder: &Path,
        settings: &BTreeMap<String, String>,
        flags: Vec<String>,
    ) -> anyhow::Result<Self> {
        // A log of a run before is not this one's.
        let _ = std::fs::remove_file(folder.join(format!("{name}.log")));
        let child = spawn(name, binary, folder, settings, &flags)?;
        Ok(Self { name, binary, folder: folder.to_owned(), settings: settings.clone(), flags, child })
    }

    fn restart(&mut self) -> anyhow::Result<()> {
        self.child = spawn(self.name, self.binary, &self.folder, &self.settings, &self.flags)?;
        Ok(())
    }
}

/// The settings in an `env` file that the emulator wrote.
///
/// # Errors
/// When there is none.
pub fn read_env(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read: is the stack running (make up)?", path.display()))?;
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(text.lines().filter_map(pair).collect())
}

fn start_emulator(folder: &Path, ports: Ports, public_url: &str, setup: &Setup) -> anyhow::Result<Service> {
    // Left over from a run before, it would be taken for this one's.
    let _ = std::fs::remove_file(folder.join("env"));
    let [entra, arm, graph, blob] = ports.emulator;
    let mut flags = vec![
        format!("--state-dir={}", folder.display()),
        format!("--entra-port={entra}"),
        format!("--arm-port={arm}"),
        format!("--graph-port={graph}"),
        format!("--blob-port={blob}"),
        format!("--identifier-uri={public_url}"),
        format!("--extra-people={}", setup.people),
    ];
    flags.extend(setup.emulator.iter().cloned());
    Service::start("emulator", "emulator", folder, &BTreeMap::new(), flags)
}

async fn wait_for_env(folder: &Path, emulator: &mut Child) -> anyhow::Result<BTreeMap<String, String>> {
    let path = folder.join("env");
    let deadline = tokio::time::Instant::now() + READY_DEADLINE;
    while tokio::time::Instant::now() < deadline {
        let settings = read_env(&path).unwrap_or_default();
        // The last line the emulator writes: with it the file is whole.
        if settings.contains_key("AZURE_CLIENT_CERTIFICATE_PATH") {
            return Ok(settings);
        }
        if emulator.try_wait()?.is_some() {
            bail!("the emulator ended at once; see {}", folder.join("emulator.log").display());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the emulator is not ready after {} s", READY_DEADLINE.as_secs())
}

/// Starts a binary that lies beside this one. Settings of the shell stay out: the run is the same everywhere.
fn spawn(
    name: &str,
    binary: &str,
    folder: &Path,
    settings: &BTreeMap<String, String>,
    flags: &[String],
) -> anyhow::Result<Child> {
    let binary = binaries()?.join(binary);
    let log = File::options().create(true).append(true).open(folder.join(format!("{name}.log")))?;
    Command::new(&binary)
        .args(flags)
        .env_clear()
        .envs(std::env::vars().filter(|(name, _)| matches!(name.as_str(), "PATH" | "HOME" | "RUST_LOG")))
        .envs(settings)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| {
            format!("{} cannot be started: build it with `make demo` or `make up`", binary.display())
        })
}

/// Where the binaries lie: beside this one, and a test lies one folder deeper.
///
/// # Errors
/// When the operating system does not tell where this program lies.
pub fn binaries() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let folder = here.parent().context("a binary lies in a folder")?;
    let is_test = folder.file_name().is_some_and(|name| name == "deps");
    Ok(if is_test { folder.parent().unwrap_or(folder) } else { folder }.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "readiness is asked over plain HTTP on loopback")]
fn plain_client() -> anyhow::Result<Client> {
    Ok(Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?)
}
