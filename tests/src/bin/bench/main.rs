//! `make bench`: what proof, policy and exchange cost, next to a server that does none of it.
//!
//! The gateway with its broker, and a bare axum and reqwest server that makes the same request to Azure, answer the
//! same questions over the same number of connections, in turns. All are processes of the same build on loopback;
//! Azure is the emulator. What is measured and what it means: `docs/benchmarks.md`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`bare`] | the server to compare with |
//! | [`target`] | who is asked, what, and what the answer must be |
//! | [`load`] | the closed loop |
//! | [`usage`] | what the processes used of processor and memory |
//! | [`report`] | the table |

mod bare;
mod load;
mod report;
mod target;
mod usage;

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};
use e2e::Era;
use e2e::processes::{Ports, Processes};
use identity::clock::{Clock, SystemClock};
use jiff::tz::TimeZone;
use reqwest::Url;
use serde_json::{Value, json};

use self::bare::Bare;
use self::load::Load;
use self::report::{Comparison, Round};
use self::target::{Question, Target};
use self::usage::Usage;

/// Whose costs are asked for.
const PERSON: &str = "alice";
/// More than any load reaches: the limit is checked on each call and never met.
const NO_LIMIT: &str = "1000000000";

/// Compares the gateway with a bare server under load.
#[derive(Debug, Parser)]
struct Args {
    /// Connections, each with one call at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Turns of each server.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds measured in each turn.
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// The services' log filter.
    #[arg(long, default_value = "warn")]
    log: String,
    /// Speak the protocol of 2026-07-28, with its headers and metadata, instead of 2025-11-25.
    #[arg(long)]
    modern: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The bare server: reads an Azure token from stdin, writes its address to stdout, runs until stdin ends.
    #[command(hide = true)]
    Bare {
        /// Azure Resource Manager.
        #[arg(long)]
        arm: Url,
        /// Its certificate authority, PEM.
        #[arg(long)]
        ca: std::path::PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match &args.command {
        // As many threads as the gateway has.
        Some(Command::Bare { arm, ca }) => {
            tokio::runtime::Runtime::new()?.block_on(bare::serve(arm.clone(), ca))
        }
        // One thread: what the driver takes, the servers do not get.
        None => tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&args)),
    }
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = [("RUST_LOG", args.log.as_str()), ("GATEWAY_CALLS_PER_MINUTE", NO_LIMIT)];
    let stack = Processes::start_with(folder.path(), Ports::free()?, 0, &settings).await?;
    let arm_token = stack.control().token(PERSON, json!({"kind": "arm"})).await?;
    let bare = Bare::start(stack.setting("AZURE_ARM_ENDPOINT"), stack.setting("EXTRA_CA_FILE"), &arm_token)?;
    let bench = Bench { args, stack, bare };
    report::head(args.connections, args.rounds, args.seconds);
    let costs = bench.compare(Question::CostByService, args.seconds).await?;
    costs.print();
    // A second opinion needs less time.
    let subscriptions = bench.compare(Question::ListSubscriptions, args.seconds / 3.0).await?;
    subscriptions.print();
    let memory: Vec<_> = bench.processes().map(|(name, pid)| (name, usage::memory(pid))).collect();
    report::memory(&memory);
    costs.print_details();
    subscriptions.print_details();
    Ok(())
}

struct Bench<'a> {
    args: &'a Args,
    stack: Processes,
    bare: Bare,
}

impl Bench<'_> {
    /// Asks both servers in turns, so that whatever else the machine does meets both.
    async fn compare(&self, question: Question, seconds: f64) -> anyhow::Result<Comparison> {
        let era = if self.args.modern { Era::Modern } else { Era::Legacy };
        let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
        let token = self.stack.control().token(PERSON, Value::Null).await?;
        let gateway = Target::new(&self.stack.public_url(), Some(&token), question, era, today).await?;
        let bare = Target::new(self.bare.url(), None, question, Era::Legacy, today).await?;
        ensure!(
            gateway.essence() == bare.essence(),
            "{}: the answers differ: {} and {}",
            question.tool(),
            gateway.essence(),
            bare.essence()
        );
        let before = self.stack.control().counts().await?.exchanges;
        let mut comparison = Comparison::new(question, gateway.answer_bytes());
        for _ in 0..self.args.rounds {
            comparison.gateway.push(self.turn(&gateway, seconds).await.context("gateway")?);
            comparison.bare.push(self.turn(&bare, seconds).await.context("bare server")?);
        }
        let exchanged = self.stack.control().counts().await?.exchanges - before;
        ensure!(exchanged == 0, "{exchanged} tokens were exchanged: the cache was not warm");
        Ok(comparison)
    }

    async fn turn(&self, target: &Target, seconds: f64) -> anyhow::Result<Round> {
        let load = Load { target, connections: self.args.connections };
        load.run(Duration::from_secs_f64(seconds / 6.0)).await?;
        let before = self.usage();
        let sample = load.run(Duration::from_secs_f64(seconds)).await?;
        let used =
            self.usage().into_iter().zip(before).map(|((name, after), (_, before))| (name, after - before));
        Ok(Round { sample, used: used.collect() })
    }

    fn usage(&self) -> Vec<(&'static str, Usage)> {
        let driver = ("load driver", std::process::id());
        self.processes().chain([driver]).map(|(name, pid)| (name, usage::processor(pid))).collect()
    }

    fn processes(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.stack.pids().into_iter().chain([(report::BARE, self.bare.pid())])
    }
}
