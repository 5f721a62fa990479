//! What MCP's own conformance suite is run against: the gateway's router, with its refusal layer and settings,
//! and behind it the tools, resources and prompts that the suite calls by name.
//!
//! | module | what it holds |
//! |---|---|
//! | `proxy` | lends the suite, which cannot send headers, a token |
//! | `fixtures` | the MCP server: what it can do, and which module does it |
//! | `tools` | tools that answer at once, and the list of all |
//! | `notices` | tools that send notifications while they run, and subscriptions to changed lists |
//! | `rounds` | tools that ask back by way of the answer (2026-07-28) |
//! | `questions` | tools that ask back over the connection (2025-11-25) |
//! | `library` | resources and prompts |
//!
//! Names and texts are the suite's; a scenario fails if one is changed.

use std::net::SocketAddr;
use std::sync::Arc;

use audit::Audit;
use clap::Parser;
use emulator::{Emulator, TokenSpec};
use gateway::config::{Args, Config};
use gateway::policy::{Policies, Policy};
use gateway::server::Shared;
use identity::clock::SharedClock;
use telemetry::Metrics;
use telemetry::testing::Captured;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::fixtures::Fixtures;
use crate::ShiftedClock;

mod fixtures;
mod library;
mod notices;
mod proxy;
mod questions;
mod rounds;
mod tools;

/// The fixtures, served, and the address at which no token is needed.
#[derive(Debug)]
pub struct Conformance {
    url: String,
    gateway: SocketAddr,
    emulator: Emulator,
    logs: Captured,
    servers: Vec<JoinHandle<()>>,
    _dir: TempDir,
}

impl Conformance {
    /// Starts the sign-in service, the gateway's router with the fixtures, and the proxy in front.
    ///
    /// # Panics
    /// If one of them does not start: the test cannot go on.
    pub async fn start() -> Self {
        let logs = Captured::install("debug,h2=info,hyper=info,hyper_util=info,rustls=info,tower=info");
        let (front, back) = (bind().await, bind().await);
        let port = front.local_addr().expect("a bound address").port();
        // The suite sends this host and origin and expects them to be let in: it is the public URL, as it would
        // be with any reverse proxy. DNS rebinding is tested only if the host is localhost.
        let url = format!("http://localhost:{port}/mcp");
        let emulator = start_emulator(&url).await;
        let dir = tempfile::tempdir().expect("a temporary folder");
        let router = router(&config(&url, &emulator, &dir));
        let token = emulator.mint(&TokenSpec::for_person("alice")).expect("the token can be made");
        let gateway = back.local_addr().expect("a bound address");
        let servers = vec![
            tokio::spawn(async move { axum::serve(back, router).await.expect("the router serves") }),
            tokio::spawn(proxy::serve(front, gateway, token)),
        ];
        Self { url, gateway, emulator, logs, servers, _dir: dir }
    }

    /// The MCP URL, for clients without a token.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same without the proxy: a token is needed.
    pub fn gateway_url(&self) -> String {
        format!("http://{}/mcp", self.gateway)
    }
}

impl Drop for Conformance {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
        let leaked = self.logs.find_any(&self.emulator.issued_secrets());
        if !std::thread::panicking() {
            assert_eq!(leaked, None, "a credential was logged");
        }
    }
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports")
}

async fn start_emulator(public_url: &str) -> Emulator {
    let mut config = emulator::Config { record_secrets: true, ..emulator::Config::default() };
    config.identifier_uris.push(public_url.to_owned());
    Emulator::start(config).await.expect("the emulator starts")
}

fn config(public_url: &str, emulator: &Emulator, dir: &TempDir) -> Config {
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, emulator.ca_pem()).expect("a temporary file");
    let args = Args::try_parse_from([
        "gateway".to_owned(),
        format!("--public-url={public_url}"),
        // The suite asks as one person, and more often than any.
        "--calls-per-minute=0".to_owned(),
        format!("--tenant-id={}", emulator::TENANT_ID),
        format!("--client-id={}", emulator::API_CLIENT_ID),
        format!("--authority-host={}", emulator.endpoints().authority),
        format!("--extra-ca-file={}", ca.display()),
    ]);
    let config = Config::try_from(args.unwrap_or_else(|error| panic!("{error}")));
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    Config { policies: Policies::fixed(policy()), ..config }
}

/// Each of the suite's tools needs what everybody has.
fn policy() -> Policy {
    let tools = tools::all();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    let entries = names.iter().map(|name| format!("[tools.{name}]\nscopes = [\"cost.read\"]\n"));
    Policy::of("fixtures", &entries.collect::<String>(), &names).unwrap_or_else(|error| panic!("{error}"))
}

fn router(config: &Config) -> axum::Router {
    let clock: SharedClock = Arc::new(ShiftedClock::default());
    let metrics = Metrics::new("gateway").expect("metrics");
    let shared = Shared::new(config, &clock, &metrics, &Audit::off()).expect("settings that work");
    gateway::server::router(config, &shared, Fixtures::new(), fixtures::METHODS)
}
