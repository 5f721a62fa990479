//! `make bench`: what proof, policy and exchange cost, next to a server that does none of it.
//!
//! The gateway with its broker, and a bare axum and reqwest server that makes the same request to Azure, answer the
//! same questions over the same number of connections, in turns; so do the broker alone and a tonic service that
//! answers a constant. All are processes of the same build on loopback; Azure is the emulator. What is measured and
//! what it means: `docs/benchmarks.md`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`bare`], [`constant`], [`canned`], [`child`] | the servers to compare with, and an Azure of canned bytes, as processes |
//! | [`tool_call`], [`exchange`] | who is asked, what, and what the answer must be |
//! | [`forged`] | tokens that nobody signed |
//! | [`split`] | the services next to two bare processes of their shape, by connections and people |
//! | [`watching`], [`collector`] | the services with telemetry and audit, and a collector that is as it is told to be |
//! | [`export`], [`exported`] | raw costs into files: the way of the bytes alone, and through the gateway |
//! | [`load`] | the closed loop, and calls at a fixed rate |
//! | [`usage`] | what the processes used of processor and memory |
//! | [`report`] | the table |

use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use e2e::Era;
use e2e::processes::{Ports, Processes};
use identity::clock::{Clock, SystemClock};
use jiff::tz::TimeZone;
use reqwest::Url;
use serde_json::{Value, json};

use self::child::Child;
use self::collector::Manner;
use self::exchange::Exchange;
use self::forged::Forged;
use self::load::{Load, Paced, Sample, Target};
use self::report::{Aim, Aims, Comparison, Round};
use self::tool_call::{Question, ToolCall};
use self::usage::Usage;

mod bare;
mod big;
mod cached;
mod canned;
mod child;
mod collector;
mod constant;
mod exchange;
mod export;
mod exported;
mod forged;
mod load;
mod report;
mod split;
mod tool_call;
mod usage;
mod watching;

/// Whose costs are asked for.
const PERSON: &str = "alice";
/// More than any load reaches: the limit is checked on each call and never met.
const NO_LIMIT: &str = "1000000000";
/// Of the bare server's throughput, and of its 99th percentile.
const GATEWAY_AIMS: Aims = Aims { throughput: Aim::AtLeast(0.5), p99: Aim::AtMost(3.0), ..Aims::NONE };
/// Of the constant service's throughput.
const BROKER_AIMS: Aims = Aims { throughput: Aim::AtLeast(0.85), ..Aims::NONE };
/// Of the 99th percentile of honest calls while nobody forges.
const FORGED_AIMS: Aims = Aims { p99: Aim::AtMost(2.0), ..Aims::NONE };

/// Compares the gateway with a bare server under load, and the broker with a service that answers a constant.
#[derive(Debug, Parser)]
struct Args {
    /// Connections to the gateway, each with one call at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Connections to the broker.
    #[arg(long, default_value_t = 4)]
    grpc_connections: usize,
    /// Calls at the same time on each connection to the broker.
    #[arg(long, default_value_t = 8)]
    streams: usize,
    /// Turns of each server.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds measured in each turn.
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// Honest calls per second, while tokens are forged.
    #[arg(long, default_value_t = 50)]
    honest_rate: u32,
    /// Forged tokens per second.
    #[arg(long, default_value_t = 500)]
    forged_rate: u32,
    /// People who ask, where many do.
    #[arg(long, default_value_t = 20_000)]
    people: usize,
    /// The services' log filter; left out, their default.
    #[arg(long)]
    log: Option<String>,
    /// Speak the protocol of 2026-07-28, with its headers and metadata, instead of 2025-11-25.
    #[arg(long)]
    modern: bool,
    /// Measure this alone.
    #[arg(long)]
    only: Option<Subject>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// The gateway with its broker, next to two bare processes of their shape. Azure is canned bytes.
    Split,
    /// The gateway with its broker, next to a bare server. Azure is the emulator.
    Gateway,
    /// The broker, next to a service that answers a constant.
    Broker,
    /// Honest calls beside forged tokens, next to the same calls alone.
    Forged,
    /// An answer that is given again, next to a call that ends before costs are looked for.
    Cached,
    /// The gateway's memory over an answer of 200,000 rows.
    Big,
    /// A gigabyte of raw costs into each format, next to gzip.
    Export,
    /// The services with telemetry and audit on, next to the same without, and next to a collector that fails.
    Watching,
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
        /// A broker to ask for the token instead.
        #[arg(long)]
        broker: Option<String>,
    },
    /// Azure of canned bytes: reads its answer from stdin, writes its address to stdout, runs until stdin ends.
    #[command(hide = true)]
    Canned,
    /// The constant service: reads its answer from stdin, writes its address to stdout, runs until stdin ends.
    #[command(hide = true)]
    Constant,
    /// Exports from a storage that is there, writes the bytes and the peak of its memory to stdout, and ends.
    #[command(hide = true)]
    Export {
        /// Where Azure and its storage are.
        address: std::net::SocketAddr,
        /// The format's name.
        format: String,
    },
    /// A collector of telemetry: writes its address to stdout, runs until stdin ends.
    #[command(hide = true)]
    Collector {
        /// How it is.
        manner: Manner,
    },
}

impl Args {
    /// What the services are started with in any case.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let log = self.log.iter().map(|log| ("RUST_LOG", log.clone()));
        log.chain([("GATEWAY_CALLS_PER_MINUTE", NO_LIMIT.to_owned())]).collect()
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match &args.command {
        // As many threads as the services have.
        Some(Command::Bare { arm, ca, broker }) => {
            tokio::runtime::Runtime::new()?.block_on(bare::serve(arm.clone(), ca, broker.clone()))
        }
        Some(Command::Canned) => tokio::runtime::Runtime::new()?.block_on(canned::serve()),
        Some(Command::Constant) => tokio::runtime::Runtime::new()?.block_on(constant::serve()),
        Some(Command::Collector { manner }) => {
            tokio::runtime::Runtime::new()?.block_on(collector::serve(*manner))
        }
        Some(Command::Export { address, format }) => {
            tokio::runtime::Runtime::new()?.block_on(export::write(*address, format))
        }
        // One thread: what the driver takes, the servers do not get.
        None => tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&args)),
    }
}

async fn run(args: &Args) -> anyhow::Result<()> {
    report::machine();
    let wanted = |subject| args.only.is_none_or(|only| only == subject);
    if wanted(Subject::Split) {
        split::compare(args).await?;
    }
    if wanted(Subject::Watching) {
        watching::compare(args).await?;
    }
    if wanted(Subject::Cached) {
        cached::compare(args).await?;
    }
    if wanted(Subject::Big) {
        big::measure(args).await?;
    }
    if wanted(Subject::Export) {
        export::measure()?;
        exported::measure(args).await?;
    }
    if matches!(
        args.only,
        Some(Subject::Split | Subject::Watching | Subject::Cached | Subject::Big | Subject::Export)
    ) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let settings = args.settings();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let stack = Processes::start_with(folder.path(), Ports::free()?, 0, &settings).await?;
    let bench = Bench { args, stack };
    if wanted(Subject::Gateway) {
        bench.gateway().await?;
    }
    if wanted(Subject::Broker) {
        bench.broker().await?;
    }
    if wanted(Subject::Forged) {
        bench.forged().await?;
    }
    Ok(())
}

struct Bench<'a> {
    args: &'a Args,
    stack: Processes,
}

impl Bench<'_> {
    async fn gateway(&self) -> anyhow::Result<()> {
        let Args { connections, rounds, seconds, .. } = self.args;
        let arm_token = self.stack.control().token(PERSON, json!({"kind": "arm"})).await?;
        let (arm, ca) = (self.stack.setting("AZURE_ARM_ENDPOINT"), self.stack.setting("EXTRA_CA_FILE"));
        let bare = Child::start(&["bare", "--arm", arm, "--ca", ca], &arm_token)?;
        let load = format!("{connections} connections, {rounds} rounds of {seconds} s");
        report::head(&load, "gateway and broker", report::BARE);
        let costs = self.tool(&bare, Question::CostByService, GATEWAY_AIMS, *seconds).await?;
        costs.print();
        // A second opinion needs less time, and is not an aim: the aims are for the question asked most.
        let subscriptions = self.tool(&bare, Question::ListSubscriptions, Aims::NONE, seconds / 3.0).await?;
        subscriptions.print();
        let memory: Vec<_> = self
            .processes(&[(report::BARE, bare.pid())])
            .map(|(name, pid)| (name, usage::memory(pid)))
            .collect();
        report::memory(&memory);
        costs.print_details();
        subscriptions.print_details();
        Ok(())
    }

    /// One tool, by the gateway and by the bare server.
    async fn tool(
        &self,
        bare: &Child,
        question: Question,
        aims: Aims,
        seconds: f64,
    ) -> anyhow::Result<Comparison> {
        let era = if self.args.modern { Era::Modern } else { Era::Legacy };
        let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
        let token = self.stack.control().token(PERSON, Value::Null).await?;
        let ours = ToolCall::new(&self.stack.public_url(), Some(&token), question, era, today).await?;
        let bare_url = format!("http://{}/mcp", bare.address());
        let theirs = ToolCall::new(&bare_url, None, question, Era::Legacy, today).await?;
        ensure!(
            ours.essence() == theirs.essence(),
            "{}: the answers differ: {} and {}",
            question.tool(),
            ours.essence(),
            theirs.essence()
        );
        let comparison = Comparison::new(question.tool(), aims, ours.answer_bytes());
        let others = [(report::BARE, bare.pid())];
        let turns =
            Turns { callers: self.args.connections, rounds: self.args.rounds, seconds, others: &others };
        self.compare(comparison, &ours, &theirs, turns).await
    }

    /// The broker's cache, by itself.
    async fn broker(&self) -> anyhow::Result<()> {
        let Args { grpc_connections, streams, rounds, seconds, .. } = self.args;
        // What is compared takes microseconds: more and shorter turns meet more of the machine's moods.
        let (rounds, seconds) = (rounds * 3, seconds / 2.0);
        let token = self.stack.control().token(PERSON, Value::Null).await?;
        let address = format!("127.0.0.1:{}", self.stack.ports.broker);
        let ours = Exchange::new(address, token.clone(), *streams).await?;
        let constant = constant::start(ours.answer())?;
        let theirs = Exchange::new(constant.address().to_string(), token, *streams).await?;
        ensure!(ours.answer() == theirs.answer(), "the answers differ");
        let load = format!(
            "{grpc_connections} connections of {streams} calls at a time, {rounds} rounds of {seconds} s"
        );
        report::head(&load, "broker", report::CONSTANT);
        let comparison = Comparison::new("Exchange, cached", BROKER_AIMS, ours.answer().len());
        let others = [(report::CONSTANT, constant.pid())];
        let turns = Turns { callers: grpc_connections * streams, seconds, rounds, others: &others };
        let exchange = self.compare(comparison, &ours, &theirs, turns).await?;
        exchange.print();
        exchange.print_details();
        Ok(())
    }

    /// Honest calls at a fixed rate, alone and beside forged tokens at another.
    async fn forged(&self) -> anyhow::Result<()> {
        let Args { rounds, seconds, honest_rate, forged_rate, .. } = *self.args;
        // Of few calls the 99th percentile is an accident: longer turns.
        let seconds = seconds * 2.5;
        let (url, today) = (self.stack.public_url(), SystemClock.now().to_zoned(TimeZone::UTC).date());
        let token = self.stack.control().token(PERSON, Value::Null).await?;
        let question = Question::CostByService;
        let honest = ToolCall::new(&url, Some(&token), question, Era::Legacy, today).await?;
        let forged = Forged::new(&url, &token)?;
        let honest = Paced { target: &honest, callers: 16, rate: honest_rate };
        let flood = Paced { target: &forged, callers: 32, rate: forged_rate };
        let load = format!(
            "{honest_rate} calls a second, alone and beside {forged_rate} forged tokens a second with {} scopes, {rounds} rounds of {seconds} s",
            forged::WORDS
        );
        report::head(&load, "beside forged tokens", report::ALONE);
        let turn = Duration::from_secs_f64(seconds);
        let mut comparison = Comparison::new(question.tool(), FORGED_AIMS, honest.target.answer_bytes());
        for _ in 0..rounds {
            comparison.theirs.push(self.round(honest.run(turn)).await?);
            let beside = async { Ok(tokio::try_join!(honest.run(turn), flood.run(turn))?.0) };
            comparison.ours.push(self.round(beside).await?);
        }
        comparison.print_paced();
        comparison.print_beside(forged_rate, forged.token_bytes());
        Ok(())
    }

    /// What a load took of the services.
    async fn round(&self, load: impl Future<Output = anyhow::Result<Sample>>) -> anyhow::Result<Round> {
        let usage = || self.stack.pids().into_iter().map(|(name, pid)| (name, usage::processor(pid)));
        let before: Vec<_> = usage().collect();
        let sample = load.await?;
        let used = usage().zip(before).map(|((name, after), (_, before))| (name, after - before));
        Ok(Round { sample, used: used.collect() })
    }

    /// Asks both servers in turns, so that whatever else the machine does meets both.
    async fn compare<T: Target>(
        &self,
        mut comparison: Comparison,
        ours: &T,
        theirs: &T,
        turns: Turns<'_>,
    ) -> anyhow::Result<Comparison> {
        let before = self.stack.control().counts().await?.exchanges;
        for _ in 0..turns.rounds {
            comparison.ours.push(self.turn(ours, turns).await.context("ours")?);
            comparison.theirs.push(self.turn(theirs, turns).await.context("theirs")?);
        }
        let exchanged = self.stack.control().counts().await?.exchanges - before;
        ensure!(exchanged == 0, "{exchanged} tokens were exchanged: the cache was not warm");
        Ok(comparison)
    }

    async fn turn<T: Target>(&self, target: &T, turns: Turns<'_>) -> anyhow::Result<Round> {
        let load = Load { target, callers: turns.callers };
        load.run(Duration::from_secs_f64(turns.seconds / 6.0)).await?;
        let before = self.usage(turns.others);
        let sample = load.run(Duration::from_secs_f64(turns.seconds)).await?;
        let used = self
            .usage(turns.others)
            .into_iter()
            .zip(before)
            .map(|((name, after), (_, before))| (name, after - before));
        Ok(Round { sample, used: used.collect() })
    }

    fn usage(&self, others: &[Process]) -> Vec<(&'static str, Usage)> {
        let driver = ("load driver", std::process::id());
        self.processes(others).chain([driver]).map(|(name, pid)| (name, usage::processor(pid))).collect()
    }

    fn processes(&self, others: &[Process]) -> impl Iterator<Item = Process> {
        self.stack.pids().into_iter().chain(others.iter().copied())
    }
}

type Process = (&'static str, u32);

/// How two servers are compared.
#[derive(Clone, Copy)]
struct Turns<'a> {
    callers: usize,
    rounds: u32,
    /// Measured in each turn.
    seconds: f64,
    /// Whom ours is compared with.
    others: &'a [Process],
}
