//! `make up`: the stack on its documented ports until Ctrl-C, and how to connect.

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use e2e::processes::{Ports, Processes, Setup};
use e2e::{INSTALL_REDIS, Redis};
use tokio::signal::unix::{SignalKind, signal};

/// Starts the whole stack against the emulator, and leaves it running.
#[derive(Parser)]
struct Args {
    /// Listen on any free ports, where the documented ones are taken.
    #[arg(long, env = "UP_FREE_PORTS")]
    free_ports: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let ports = if Args::parse().free_ports { Ports::free()? } else { Ports::documented() };
    let setup = Setup { redis: Redis::is_installed(), ..Setup::default() };
    let mut stack = Processes::start_as(Path::new(".local/stack"), ports, &setup).await?;
    instructions(&stack);
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
    }
}

#[expect(clippy::print_stdout, reason = "instructions are this program's output")]
fn instructions(stack: &Processes) {
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
