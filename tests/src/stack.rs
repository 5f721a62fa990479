//! The whole system in one process: what the binaries run, on ports the system chooses.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use emulator::{Emulator, TokenSpec};
use jiff::SignedDuration;
use telemetry::names;
use telemetry::testing::Captured;

use self::files::Files;
use self::services::{Broker, Service};
use crate::{Caller, Credential, Hop, Redis, ShiftedClock, Volume};

mod files;
mod services;

/// What a stack is started with.
#[derive(Debug, Default)]
pub struct StackBuilder {
    more_replicas: usize,
    redis: bool,
    emulator: emulator::Config,
    gateway_flags: Vec<String>,
    broker_flags: Vec<String>,
    policy: Option<String>,
    calls_per_minute: u32,
    hop: Hop,
    credential: Credential,
    faults: emulator::FaultSettings,
    unregistered_url: bool,
    preflight: bool,
    public_url: Option<String>,
    sign_in: Option<String>,
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

    /// Starts that many brokers; the gateway speaks to the first.
    #[must_use]
    pub fn replicas(mut self, count: usize) -> Self {
        self.more_replicas = count.saturating_sub(1);
        self
    }

    /// Has the brokers share a real Redis.
    #[must_use]
    pub fn redis(mut self) -> Self {
        self.redis = true;
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

    /// Sets how the broker proves to Entra ID who it is.
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// Sets what fails while the services start.
    #[must_use]
    pub fn faults(mut self, change: impl FnOnce(&mut emulator::FaultSettings)) -> Self {
        change(&mut self.faults);
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

    /// Lets the broker look at its tenant, which it otherwise does not: tests of something else count its requests.
    #[must_use]
    pub fn preflight(mut self) -> Self {
        self.preflight = true;
        self
    }

    /// Has clients reach the gateway at `url`, which is not its own address: a proxy stands in front.
    #[must_use]
    pub fn public_url(mut self, url: &str) -> Self {
        self.public_url = Some(url.to_owned());
        self
    }

    /// Gives the gateway a sign-in facade, with this file.
    #[must_use]
    pub fn sign_in(mut self, toml: &str) -> Self {
        self.sign_in = Some(toml.to_owned());
        self
    }

    /// Starts everything and waits until it is ready.
    ///
    /// # Panics
    /// If a service does not start: the test cannot go on.
    pub async fn start(mut self) -> Stack {
        let logs = Captured::install("debug,h2=info,hyper=info,hyper_util=info,rustls=info,tower=info");
        let listeners = gateway::server::Listeners::bind(loopback(), loopback())
            .and_then(|listeners| listeners.with_health(Some(loopback())))
            .expect("loopback has ports");
        let address = listeners.mcp_address().expect("a bound address");
        let public_url = self.public_url.clone().unwrap_or_else(|| format!("http://{address}/mcp"));
        if !self.unregistered_url {
            self.emulator.identifier_uris.push(public_url.clone());
        }
        self.emulator.record_secrets = true;
        let emulator = Emulator::start(self.emulator.clone()).await.expect("the emulator starts");
        let files = Files::write(&emulator, self.policy.as_deref());
        self.gateway_flags.extend(files.sign_in(self.sign_in.as_deref()));
        let clock = ShiftedClock::default();
        emulator.faults().set(self.faults.clone());
        let (credential, volume) = self.credential.mount(&emulator, &files.credential, files.folder());
        self.broker_flags.extend(credential);
        self.broker_flags.extend(self.preflight_flags(&public_url, &files));
        let hop = self.hop.flags(files.folder());
        self.broker_flags.extend(hop.broker);
        self.gateway_flags.extend(hop.gateway);
        let redis =
            self.redis.then(|| Redis::start(files.folder()).unwrap_or_else(|error| panic!("{error}")));
        self.broker_flags.extend(redis.iter().flat_map(Redis::broker_flags));
        let broker = Broker::start(&emulator, &files, self.hop, &self.broker_flags, &clock).await;
        let mut replicas = Vec::new();
        for _ in 0..self.more_replicas {
            replicas.push(Broker::start(&emulator, &files, self.hop, &self.broker_flags, &clock).await);
        }
        self.gateway_flags.extend([
            format!("--public-url={public_url}"),
            format!("--broker-url={}", broker.url),
            format!("--calls-per-minute={}", self.calls_per_minute),
        ]);
        let own = |flag: &&str| !self.gateway_flags.iter().any(|given| name_of(given) == name_of(flag));
        let unbound: Vec<_> = COSTS_AT_ONCE.iter().copied().filter(own).map(str::to_owned).collect();
        self.gateway_flags.extend(unbound);
        let gateway = Service::gateway(listeners, &emulator, &files, &self.gateway_flags, &clock);
        let (caller, flags) = (Caller::new(&public_url), self.gateway_flags);
        let stack = Stack {
            emulator,
            caller,
            redis,
            clock,
            broker,
            replicas,
            gateway,
            more_gateways: Vec::new(),
            address,
            flags,
            files,
            volume,
            logs,
        };
        stack.wait_until_ready().await;
        stack
    }

    fn preflight_flags(&self, public_url: &str, files: &Files) -> Vec<String> {
        if !self.preflight {
            return vec!["--preflight-enabled=false".to_owned()];
        }
        let prefix = if self.unregistered_url { emulator::API_IDENTIFIER_URI } else { public_url };
        let mut flags = vec![
            format!("--public-url={public_url}"),
            format!("--scope-prefix={prefix}"),
            format!("--preflight-client-ids={}", emulator::PUBLIC_CLIENT_ID),
        ];
        flags.extend(files.policy.iter().map(|policy| format!("--policy-file={}", policy.display())));
        flags
    }
}

/// What most tests ask is about something else than the order in which Azure is asked: it neither waits nor comes out of a cache,
/// unless the test says so.
const COSTS_AT_ONCE: [&str; 4] = [
    "--cost-quota=100000/10s,100000/min,100000/h",
    "--cost-scope-per-minute=10000",
    "--cost-user-per-minute=10000",
    "--cost-cache-seconds=0",
];

fn name_of(flag: &str) -> &str {
    flag.split('=').next().unwrap_or(flag)
}

/// A running system. When it is dropped, every captured log is searched for every credential there was.
#[derive(Debug)]
pub struct Stack {
    /// Entra ID, ARM and the rest.
    pub emulator: Emulator,
    /// Calls the gateway.
    pub caller: Caller,
    /// What the brokers share, if they do.
    pub redis: Option<Redis>,
    clock: ShiftedClock,
    broker: Broker,
    /// Further brokers.
    replicas: Vec<Broker>,
    gateway: Service,
    more_gateways: Vec<Service>,
    address: SocketAddr,
    flags: Vec<String>,
    files: Files,
    volume: Volume,
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

    /// The gRPC address of every broker.
    pub fn broker_urls(&self) -> Vec<&str> {
        self.brokers().map(|broker| broker.url.as_str()).collect()
    }

    /// The canonical MCP URL.
    pub fn public_url(&self) -> String {
        self.caller.url().to_owned()
    }

    /// The gateway's own address, whatever the public URL is.
    pub fn gateway_address(&self) -> SocketAddr {
        self.address
    }

    /// Starts a further gateway with the same settings. Answers the address that it is reached at.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn another_gateway(&mut self) -> SocketAddr {
        let listeners = gateway::server::Listeners::bind(loopback(), loopback())
            .and_then(|listeners| listeners.with_health(Some(loopback())))
            .expect("loopback has ports");
        let address = listeners.mcp_address().expect("a bound address");
        let more = Service::gateway(listeners, &self.emulator, &self.files, &self.flags, &self.clock);
        self.more_gateways.push(more);
        self.wait_until_ready().await;
        address
    }

    /// The settings of the running gateway as flags, for a doctor that looks at it.
    pub fn gateway_flags(&self) -> Vec<String> {
        let mut flags = self.files.tenant_flags(&self.emulator);
        flags.push(format!("--listen={}", self.address));
        flags.extend(self.files.policy.iter().map(|policy| format!("--policy-file={}", policy.display())));
        flags.extend(self.flags.iter().cloned());
        flags
    }

    /// A file with the emulator's certificate authority, for clients of other languages.
    pub fn ca_file(&self) -> &Path {
        &self.files.ca
    }

    /// The policy file, if there is one.
    pub fn policy_file(&self) -> Option<&Path> {
        self.files.policy.as_deref()
    }

    /// A file with the API's key and certificate, for clients of other languages.
    pub fn credential_file(&self) -> &Path {
        &self.files.credential
    }

    /// A file of the hop to the broker: with mutual TLS `servers.pem`, the authority of the broker's certificate, and
    /// `NAME.pem` and `NAME.key` of a consumer.
    pub fn hop_file(&self, name: &str) -> PathBuf {
        self.files.folder().join(name)
    }

    /// The volume with the broker's credential, where that is mounted.
    pub fn credential_volume(&self) -> &Volume {
        &self.volume
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

    /// What `/metrics` of every broker says.
    ///
    /// # Panics
    /// If an admin port does not answer.
    pub async fn broker_metrics(&self) -> Vec<String> {
        let all = self.brokers().map(|broker| self.admin(broker.service.admin, "metrics"));
        futures::future::join_all(all).await.into_iter().map(|(_, text)| text).collect()
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

    /// Where the gateway and the broker say what they count.
    pub fn admin_addresses(&self) -> [SocketAddr; 2] {
        [self.gateway.admin, self.broker.service.admin]
    }

    /// Where the gateway and the broker say in a word how they are.
    pub fn health_addresses(&self) -> [SocketAddr; 2] {
        [self.gateway.health, self.broker.service.health]
    }

    /// Stops the broker as a process is stopped, and waits until it is gone.
    pub async fn stop_broker(&mut self) {
        self.broker.service.stop().await;
    }

    /// Tells the broker to stop, without waiting.
    pub fn begin_broker_shutdown(&self) {
        self.broker.service.shutdown.cancel();
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

    fn brokers(&self) -> impl Iterator<Item = &Broker> {
        std::iter::once(&self.broker).chain(&self.replicas)
    }

    async fn admin(&self, address: SocketAddr, path: &str) -> (u16, String) {
        self.caller.get(&format!("http://{address}/{path}")).await
    }

    async fn is_ready(&self) -> bool {
        let more = self.more_gateways.iter().map(|gateway| gateway.admin);
        let services =
            self.brokers().map(|broker| broker.service.admin).chain([self.gateway.admin]).chain(more);
        for admin in services {
            if self.admin(admin, "readyz").await.0 != 200 {
                return false;
            }
        }
        let down = |metrics: &String| {
            !metrics.lines().any(|line| line.starts_with("broker_redis_up") && line.ends_with(" 1"))
        };
        self.redis.is_none() || !self.broker_metrics().await.iter().any(down)
    }

    /// Readiness is what the services say themselves, so nothing is guessed by waiting.
    async fn wait_until_ready(&self) {
        let ready = async {
            while !self.is_ready().await {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let limit = std::time::Duration::from_secs(60);
        assert!(tokio::time::timeout(limit, ready).await.is_ok(), "the stack is not ready after 60 s");
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.gateway.shutdown.cancel();
        self.more_gateways.iter().for_each(|gateway| gateway.shutdown.cancel());
        self.brokers().for_each(|broker| broker.service.shutdown.cancel());
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
        assert_spans_are_ours(&self.logs);
    }
}

/// Every attribute of every span is on the one list.
fn assert_spans_are_ours(captured: &Captured) {
    for span in captured.spans() {
        for (key, _) in &span.attributes {
            assert!(names::SPAN_ATTRIBUTES.contains(&key.as_str()), "{}: {key} is on no list", span.name);
        }
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
