//! The whole system in one process: what the binaries run, on ports the system chooses.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use emulator::{Emulator, TokenSpec};
use jiff::SignedDuration;
use telemetry::testing::Captured;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Caller, Hop, ShiftedClock};

/// What a stack is started with.
#[derive(Debug, Default)]
pub struct StackBuilder {
    emulator: emulator::Config,
    gateway_flags: Vec<String>,
    broker_flags: Vec<String>,
    policy: Option<String>,
    calls_per_minute: u32,
    hop: Hop,
    unregistered_url: bool,
}

impl StackBuilder {
    /// Generates people `person-0001` and on, each with a subscription of their own.
    #[must_use]
    pub fn people(mut self, count: usize) -> Self {
        self.emulator.extra_people = count;
        self
    }

    /// Changes the emulator's configuration.
    #[must_use]
    pub fn emulator(mut self, change: impl FnOnce(&mut emulator::Config)) -> Self {
        change(&mut self.emulator);
        self
    }

    /// Adds flags of the gateway.
    #[must_use]
    pub fn gateway(mut self, flags: &[&str]) -> Self {
        self.gateway_flags.extend(flags.iter().map(ToString::to_string));
        self
    }

    /// Adds flags of the broker.
    #[must_use]
    pub fn broker(mut self, flags: &[&str]) -> Self {
        self.broker_flags.extend(flags.iter().map(ToString::to_string));
        self
    }

    /// Sets the gateway's policy.
    #[must_use]
    pub fn policy(mut self, toml: &str) -> Self {
        self.policy = Some(toml.to_owned());
        self
    }

    /// Sets how the gateway reaches the broker.
    #[must_use]
    pub fn hop(mut self, hop: Hop) -> Self {
        self.hop = hop;
        self
    }

    /// Limits each person's calls; a stack has no limit by itself, for tests call without pause.
    #[must_use]
    pub fn calls_per_minute(mut self, calls: u32) -> Self {
        self.calls_per_minute = calls;
        self
    }

    /// Does not register the MCP URL with Entra ID, as where its domain cannot be verified: scopes then belong to
    /// `api://mcp-cost-server`.
    #[must_use]
    pub fn unregistered_url(mut self) -> Self {
        self.unregistered_url = true;
        self.gateway(&["--scope-prefix=api://mcp-cost-server"])
    }

    /// Starts everything and waits until it is ready.
    ///
    /// # Panics
    /// If a service does not start: the test cannot go on.
    pub async fn start(mut self) -> Stack {
        let logs = Captured::install("debug,h2=info,hyper=info,hyper_util=info,rustls=info,tower=info");
        let listeners = gateway::server::Listeners::bind(loopback(), loopback()).expect("loopback has ports");
        let public_url = format!("http://{}/mcp", listeners.mcp_address().expect("a bound address"));
        if !self.unregistered_url {
            self.emulator.identifier_uris.push(public_url.clone());
        }
        self.emulator.record_secrets = true;
        let emulator = Emulator::start(self.emulator.clone()).await.expect("the emulator starts");
        let files = Files::write(&emulator, self.policy.as_deref());
        let clock = ShiftedClock::default();
        let hop = self.hop.flags(files.folder());
        self.broker_flags.extend(hop.broker);
        self.gateway_flags.extend(hop.gateway);
        let broker = Broker::start(&emulator, &files, self.hop, &self.broker_flags, &clock).await;
        let gateway = self.start_gateway(listeners, &public_url, &emulator, &files, &broker, &clock);
        let stack = Stack { caller: Caller::new(&public_url), emulator, files, clock, broker, gateway, logs };
        stack.wait_until_ready().await;
        stack
    }

    fn start_gateway(
        &self,
        listeners: gateway::server::Listeners,
        public_url: &str,
        emulator: &Emulator,
        files: &Files,
        broker: &Broker,
        clock: &ShiftedClock,
    ) -> Service {
        let mut flags = vec![
            "gateway".to_owned(),
            format!("--public-url={public_url}"),
            format!("--broker-url={}", broker.url),
            "--listen=127.0.0.1:0".to_owned(),
            format!("--calls-per-minute={}", self.calls_per_minute),
        ];
        flags.extend(tenant_flags(emulator, files));
        flags.push(format!("--blob-hosts={}", emulator.endpoints().blob));
        if let Some(policy) = &files.policy {
            flags.push(format!("--policy-file={}", policy.display()));
        }
        flags.extend(self.gateway_flags.iter().cloned());
        let args = gateway::config::Args::try_parse_from(&flags).unwrap_or_else(|error| panic!("{error}"));
        let config = gateway::config::Config::try_from(args).unwrap_or_else(|error| panic!("{error}"));
        let admin = listeners.admin_address().expect("a bound address");
        let (shutdown, clock) = (CancellationToken::new(), Arc::new(clock.clone()));
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            gateway::server::serve(config, listeners, clock, stop).await.expect("the gateway serves");
        });
        Service { admin, shutdown, task }
    }
}

/// A running system. When it is dropped, every captured log is searched for every credential there was.
#[derive(Debug)]
pub struct Stack {
    /// Entra ID, ARM and the rest.
    pub emulator: Emulator,
    /// Calls the gateway.
    pub caller: Caller,
    clock: ShiftedClock,
    broker: Broker,
    gateway: Service,
    files: Files,
    logs: Captured,
}

impl Stack {
    /// A stack to be configured.
    pub fn builder() -> StackBuilder {
        StackBuilder::default()
    }

    /// A stack as it is by default.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Sets every clock forward, Entra ID's too.
    pub fn advance(&self, step: SignedDuration) {
        self.clock.advance(step);
        self.emulator.advance_clock(step.as_secs());
    }

    /// A token of `person` for the API, with every scope consented to.
    ///
    /// # Panics
    /// If there is no such person.
    pub fn token(&self, person: &str) -> String {
        self.mint(&TokenSpec::for_person(person))
    }

    /// A token of any making.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn mint(&self, spec: &TokenSpec) -> String {
        self.emulator.mint(spec).expect("the token can be made")
    }

    /// The broker's gRPC address.
    pub fn broker_url(&self) -> &str {
        &self.broker.url
    }

    /// The canonical MCP URL.
    pub fn public_url(&self) -> String {
        self.caller.url().to_owned()
    }

    /// A file with the emulator's certificate authority, for clients of other languages.
    pub fn ca_file(&self) -> &Path {
        &self.files.ca
    }

    /// A file with the API's key and certificate, for clients of other languages.
    pub fn credential_file(&self) -> &Path {
        &self.files.credential
    }

    /// What `/metrics` of the gateway and the broker say.
    ///
    /// # Panics
    /// If an admin port does not answer.
    pub async fn metrics(&self) -> (String, String) {
        (
            self.admin(self.gateway.admin, "metrics").await.1,
            self.admin(self.broker.service.admin, "metrics").await.1,
        )
    }

    /// Status and body of an admin path of the gateway.
    ///
    /// # Panics
    /// If the admin port does not answer.
    pub async fn gateway_admin(&self, path: &str) -> (u16, String) {
        self.admin(self.gateway.admin, path).await
    }

    /// Status and body of an admin path of the broker.
    ///
    /// # Panics
    /// If the admin port does not answer.
    pub async fn broker_admin(&self, path: &str) -> (u16, String) {
        self.admin(self.broker.service.admin, path).await
    }

    /// Stops the broker as a process is stopped, and waits until it is gone.
    pub async fn stop_broker(&mut self) {
        self.broker.service.stop().await;
    }

    /// Tells the gateway to stop, without waiting.
    pub fn begin_gateway_shutdown(&self) {
        self.gateway.shutdown.cancel();
    }

    /// Waits until the gateway is gone.
    pub async fn gateway_stopped(&mut self) {
        self.gateway.stop().await;
    }

    /// Everything logged so far by this process.
    pub fn logs(&self) -> String {
        self.logs.logs()
    }

    async fn admin(&self, address: SocketAddr, path: &str) -> (u16, String) {
        self.caller.get(&format!("http://{address}/{path}")).await
    }

    /// Readiness is what the services say themselves, so nothing is guessed by waiting.
    async fn wait_until_ready(&self) {
        let ready = async {
            while self.gateway_admin("readyz").await.0 != 200 || self.broker_admin("readyz").await.0 != 200 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let limit = std::time::Duration::from_secs(30);
        assert!(tokio::time::timeout(limit, ready).await.is_ok(), "the stack is not ready after 30 s");
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.gateway.shutdown.cancel();
        self.broker.service.shutdown.cancel();
        if std::thread::panicking() {
            return;
        }
        let secrets = self.emulator.issued_secrets();
        if let Some(mut line) = self.logs.find_any(&secrets) {
            for secret in &secrets {
                line = line.replace(secret, "<credential>");
            }
            panic!("a credential stands in the log: {line}");
        }
    }
}

#[derive(Debug)]
struct Broker {
    url: String,
    service: Service,
}

impl Broker {
    async fn start(
        emulator: &Emulator,
        files: &Files,
        hop: Hop,
        flags: &[String],
        clock: &ShiftedClock,
    ) -> Self {
        let mut all = vec![
            "token-broker".to_owned(),
            "--admin-listen=127.0.0.1:0".to_owned(),
            format!("--client-certificate-path={}", files.credential.display()),
        ];
        all.extend(tenant_flags(emulator, files));
        all.extend(flags.iter().cloned());
        let args = token_broker::Args::try_parse_from(&all).unwrap_or_else(|error| panic!("{error}"));
        let config = token_broker::Config::try_from(args).unwrap_or_else(|error| panic!("{error}"));
        let listeners = token_broker::Listeners::bind(&config).await.expect("loopback has ports");
        let address = listeners.grpc_address().expect("a bound address").to_string();
        let url = hop.broker_url(&address);
        let admin = listeners.admin_address().expect("a bound address");
        let (shutdown, clock) = (CancellationToken::new(), Arc::new(clock.clone()));
        let stop = shutdown.clone();
        let task = tokio::spawn(async move {
            token_broker::serve(config, listeners, clock, stop).await.expect("the broker serves");
        });
        Self { url, service: Service { admin, shutdown, task } }
    }
}

#[derive(Debug)]
struct Service {
    admin: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Service {
    async fn stop(&mut self) {
        self.shutdown.cancel();
        (&mut self.task).await.expect("the service ends in order");
    }
}

/// What the services read from files.
#[derive(Debug)]
struct Files {
    ca: PathBuf,
    credential: PathBuf,
    policy: Option<PathBuf>,
    dir: TempDir,
}

impl Files {
    fn folder(&self) -> &Path {
        self.dir.path()
    }

    fn write(emulator: &Emulator, policy: Option<&str>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("a temporary file");
            path
        };
        let ca = write("ca.pem", emulator.ca_pem());
        let credential = write("credential.pem", emulator.app_credential_pem());
        let policy = policy.map(|text| write("policy.toml", text));
        Self { ca, credential, policy, dir }
    }
}

fn tenant_flags(emulator: &Emulator, files: &Files) -> Vec<String> {
    let endpoints = emulator.endpoints();
    vec![
        format!("--tenant-id={}", emulator::TENANT_ID),
        format!("--client-id={}", emulator::API_CLIENT_ID),
        format!("--authority-host={}", endpoints.authority),
        format!("--arm-endpoint={}", endpoints.arm),
        format!("--graph-endpoint={}", endpoints.graph),
        format!("--extra-ca-file={}", files.ca.display()),
    ]
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
