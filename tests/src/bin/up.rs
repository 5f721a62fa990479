//! `make up`: the stack on its documented ports until Ctrl-C, and how to connect.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use e2e::processes::{Ports, Processes, Setup};
use e2e::{INSTALL_PROMETHEUS, INSTALL_REDIS, Prometheus, Redis, Scrape};
use tokio::signal::unix::{SignalKind, signal};

/// Starts the whole stack against the emulator, and leaves it running.
#[derive(Parser)]
struct Args {
    /// Listen on any free ports, where the documented ones are taken.
    #[arg(long, env = "UP_FREE_PORTS")]
    free_ports: bool,
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "what goes wrong later is told there")]
async fn main() -> anyhow::Result<()> {
    let ports = if Args::parse().free_ports { Ports::free()? } else { Ports::documented() };
    let setup = Setup { redis: Redis::is_installed(), costs_as_shipped: true, ..Setup::default() };
    let folder = Path::new(".local/stack");
    let mut stack = Processes::start_as(folder, ports, &setup).await?;
    let scraping = Prometheus::is_installed();
    let mut prometheus = scraping.then(|| Prometheus::start(folder, scrape(ports))).transpose()?;
    instructions(&stack, scraping);
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
        if let Some(name) = stack.ended()? {
            anyhow::bail!("{name} ended; see {}", stack.folder.join(format!("{name}.log")).display());
        }
        // The stack is of use without it.
        if prometheus.as_mut().is_some_and(|prometheus| prometheus.ended().unwrap_or(true)) {
            eprintln!("Prometheus ended; see {}", folder.join("prometheus/prometheus.log").display());
            prometheus = None;
        }
    }
}

fn scrape(ports: Ports) -> Scrape {
    let [listen, gateway, broker] = [ports.prometheus, ports.gateway_admin, ports.broker_admin]
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    Scrape { listen, gateway, broker, every: 5 }
}

#[expect(clippy::print_stdout, reason = "instructions are this program's output")]
fn instructions(stack: &Processes, scraping: bool) {
    let url = stack.public_url();
    let authority = stack.setting("AZURE_AUTHORITY_HOST");
    println!("The stack is running. Ctrl-C stops it. Logs: {}", stack.folder.display());
    println!();
    println!("  MCP endpoint    {url}");
    println!("  token broker    127.0.0.1:{} (gRPC, with reflection)", stack.ports.broker);
    println!(
        "  health, metrics http://127.0.0.1:{0}/metrics  http://127.0.0.1:{1}/metrics",
        stack.ports.gateway_admin, stack.ports.broker_admin
    );
    match stack.redis() {
        Some(redis) => println!("  shared cache    Redis at {}", redis.address()),
        None => println!("  shared cache    none: {INSTALL_REDIS}"),
    }
    if scraping {
        println!("  metrics, alerts Prometheus at http://127.0.0.1:{}", stack.ports.prometheus);
    } else {
        println!("  metrics, alerts none: {INSTALL_PROMETHEUS}");
    }
    println!("  pretend Entra   {authority} (certificate authority: {})", stack.setting("EXTRA_CA_FILE"));
    println!();
    println!("In another terminal:");
    println!("  TOKEN=$(make --silent token PERSON=alice)        # bob, carol, dave, erin");
    println!("  curl -s {url} -H \"Authorization: Bearer $TOKEN\" \\");
    println!("    -H 'Accept: application/json, text/event-stream' -H 'Content-Type: application/json' \\");
    println!(
        "    -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"list_subscriptions\",\"arguments\":{{}}}}}}'"
    );
    println!();
    println!("Configuration for an MCP client (VS Code: .vscode/mcp.json):");
    println!(
        "  {{\"servers\":{{\"azure-cost\":{{\"type\":\"http\",\"url\":\"{url}\",\"headers\":{{\"Authorization\":\"Bearer <token>\"}}}}}}}}"
    );
}
