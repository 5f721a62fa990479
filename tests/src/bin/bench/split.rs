//! The honest bench: Azure is canned bytes, so that its work is on neither side, and the services are compared with two bare
//! processes of their own shape, one gRPC hop apart, at the default log level; by connections and by people.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use e2e::Era;
use e2e::processes::{Ports, Processes, Setup};
use emulator::PROD_SUBSCRIPTION;
use futures::{StreamExt, TryStreamExt, stream};
use identity::clock::{Clock, SystemClock};
use jiff::tz::TimeZone;
use prost::Message;
use proto::v1::ExchangeResponse;
use serde_json::{Value, json};

use super::bare::Asked;
use super::canned::Canned;
use super::child::Child;
use super::constant;
use super::load::Target;
use super::report::{self, Aim, Aims, Comparison};
use super::tool_call::{Question, ToolCall};
use super::{Args, Bench, PERSON, Process, Turns, usage};

/// Next to the two bare processes.
const SPLIT: Aims =
    Aims { throughput: Aim::AtLeast(0.75), p99: Aim::AtMost(1.5), processor: Aim::AtMost(1.5) };
/// Next to the one bare server, which asks Azure each time.
const KEPT: Aims = Aims { throughput: Aim::AtLeast(1.5), ..Aims::NONE };
/// Resident in each service at most, in MiB: before any call, and with many idle connections.
const AT_REST: Aim = Aim::AtMost(30.0);
const IDLE: Aim = Aim::AtMost(120.0);
const IDLE_CONNECTIONS: usize = 10_000;
/// Connections and people.
const ROWS: [(usize, usize); 5] = [(32, 200), (1, 200), (256, 200), (32, 1), (32, usize::MAX)];
/// How many ask for a token, or for the first time, at once.
const AT_ONCE: usize = 32;

/// All rows.
pub(super) async fn compare(args: &Args) -> anyhow::Result<()> {
    ensure!(!args.modern, "the bare processes speak the protocol of 2025-11-25 alone");
    // The emulator keeps its authority in here from one start to the next.
    let folder = tempfile::tempdir()?;
    let azure = canned_azure(folder.path()).await?;
    let split = Split::start(args, folder.path(), &azure, false).await?;
    report::head("before any call", "services", "–");
    split.print_memory("at rest", AT_REST);
    let tokens = split.tokens(args.people).await?;
    let load = format!("{} rounds of {} s, Azure is canned bytes", args.rounds, args.seconds);
    report::head(&load, "gateway and broker", "bare split");
    let mut rows = Vec::new();
    for (callers, people) in ROWS {
        let tokens = tokens.get(..people.min(tokens.len())).unwrap_or_default();
        let row = split.row(callers, tokens).await?;
        row.print();
        rows.push(row);
    }
    split.print_memory(&format!("{} people warm", tokens.len()), Aim::None);
    split.idle(&tokens).await?;
    rows.iter().for_each(Comparison::print_details);
    drop(split);
    kept(args, folder.path(), &azure).await
}

/// An answer that is kept, next to the bare server that asks Azure each time.
async fn kept(args: &Args, folder: &Path, azure: &Canned) -> anyhow::Result<()> {
    let split = Split::start(args, folder, azure, true).await?;
    let token = split.arm_token().await?;
    let bare = Child::start(&["bare", "--arm", azure.url()?.as_str(), "--ca", &split.ca], &token)?;
    // The first answer is Azure's, and says so.
    split.ours(Question::CostQuery).await?;
    let (ours, theirs) = (split.ours(Question::CostQuery).await?, bare_call(&bare).await?);
    let comparison = Comparison::new("an answer that is kept", KEPT, ours.answer_bytes());
    let others = [(report::BARE, bare.pid())];
    let turns = Turns { callers: AT_ONCE, rounds: args.rounds, seconds: args.seconds, others: &others };
    let row = split.bench.compare(comparison, &ours, &theirs, turns).await?;
    report::head("an answer that is kept", "gateway and broker", report::BARE);
    row.print();
    row.print_details();
    Ok(())
}

/// Azure, as it answered once: by an emulator that is gone after this.
async fn canned_azure(folder: &Path) -> anyhow::Result<Canned> {
    let stack = Processes::start(folder, Ports::free()?, 0).await?;
    let ca = Path::new(stack.setting("EXTRA_CA_FILE"));
    let asked = Asked::new(stack.setting("AZURE_ARM_ENDPOINT").parse()?, ca)?;
    let token = stack.control().token(PERSON, json!({"kind": "arm"})).await?;
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    let [from, to] = Question::days(today).map(|day| day.to_string());
    let answer = asked.query(&token, PROD_SUBSCRIPTION, [&from, &to]).await?;
    let azure = Canned::start(answer).await?;
    let both = format!("{}\n{}", std::fs::read_to_string(ca)?, azure.authority);
    std::fs::write(authorities(folder), both)?;
    Ok(azure)
}

/// The authorities of the emulator and of the canned Azure.
fn authorities(folder: &Path) -> PathBuf {
    folder.join("authorities.pem")
}

/// The services, and the two bare processes of their shape.
struct Split<'a> {
    bench: Bench<'a>,
    ca: String,
    front: Child,
    back: Child,
}

impl<'a> Split<'a> {
    async fn start(
        args: &'a Args,
        folder: &Path,
        azure: &Canned,
        costs_as_shipped: bool,
    ) -> anyhow::Result<Self> {
        let ca = authorities(folder).display().to_string();
        let arm = azure.url()?.to_string();
        let mut settings = args.settings();
        settings.extend([
            ("AZURE_ARM_ENDPOINT", arm.clone()),
            ("EXTRA_CA_FILE", ca.clone()),
            ("GATEWAY_MAX_CONNECTIONS", (2 * IDLE_CONNECTIONS).to_string()),
        ]);
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let setup = Setup { people: args.people, settings, costs_as_shipped, ..Setup::default() };
        let stack = Processes::start_as(folder, Ports::free()?, &setup).await?;
        let token = stack.control().token(PERSON, json!({"kind": "arm"})).await?;
        let answer = ExchangeResponse { access_token: token, ..ExchangeResponse::default() };
        let back = constant::start(&answer.encode_to_vec())?;
        let broker = format!("http://{}", back.address());
        let front = Child::start(&["bare", "--arm", &arm, "--ca", &ca, "--broker", &broker], "")?;
        Ok(Self { bench: Bench { args, stack }, ca, front, back })
    }

    async fn arm_token(&self) -> anyhow::Result<String> {
        self.bench.stack.control().token(PERSON, json!({"kind": "arm"})).await
    }

    /// A token of each of so many people.
    async fn tokens(&self, people: usize) -> anyhow::Result<Vec<String>> {
        let control = self.bench.stack.control();
        let token = |number| async move { control.token(&format!("person-{number:04}"), Value::Null).await };
        stream::iter(1..=people).map(token).buffered(AT_ONCE).try_collect().await
    }

    async fn ours(&self, question: Question) -> anyhow::Result<ToolCall> {
        let stack = &self.bench.stack;
        let token = stack.control().token(PERSON, Value::Null).await?;
        let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
        ToolCall::new(&stack.public_url(), Some(&token), question, Era::Legacy, today).await
    }

    async fn row(&self, callers: usize, tokens: &[String]) -> anyhow::Result<Comparison> {
        let (ours, theirs) = (self.ours(Question::CostByService).await?, bare_call(&self.front).await?);
        ensure!(ours.essence() == theirs.essence(), "{} and {}", ours.essence(), theirs.essence());
        let (ours, theirs) = (ours.of(tokens)?, theirs.of(tokens)?);
        ours.warm(AT_ONCE).await?;
        let Args { rounds, seconds, .. } = *self.bench.args;
        let row = format!("{callers} connections, {} people", tokens.len());
        let comparison = Comparison::new(row, SPLIT, ours.answer_bytes());
        let others: [Process; 2] = [(report::BARE, self.front.pid()), (report::CONSTANT, self.back.pid())];
        let turns = Turns { callers, rounds, seconds, others: &others };
        self.bench.compare(comparison, &ours, &theirs, turns).await
    }

    /// Many connections, of which each has asked once.
    async fn idle(&self, tokens: &[String]) -> anyhow::Result<()> {
        let ours = self.ours(Question::CostByService).await?.of(tokens)?;
        let mut connections = Vec::new();
        while connections.len() < IDLE_CONNECTIONS {
            let mut one = ours.connect(1).await?;
            ours.ask(&mut one[0]).await?;
            connections.append(&mut one);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.print_memory(&format!("{IDLE_CONNECTIONS} idle connections"), IDLE);
        drop(connections);
        Ok(())
    }

    fn print_memory(&self, what: &str, aim: Aim) {
        for service in report::SERVICES {
            report::resident(what, service, usage::memory_of(&self.bench.stack, service), aim);
        }
    }
}

async fn bare_call(bare: &Child) -> anyhow::Result<ToolCall> {
    let url = format!("http://{}/mcp", bare.address());
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    // Whoever it is: nobody looks.
    ToolCall::new(&url, Some("anybody"), Question::CostByService, Era::Legacy, today).await
}
