//! A million rows through the gateway into each format: what it takes of its memory; and interactive calls beside as many exports
//! as one person may have made at a time.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use e2e::processes::{Ports, Processes, Setup};
use e2e::{Answer, Caller, Era};
use emulator::BIG_SUBSCRIPTION;
use identity::clock::{Clock, SystemClock};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::load::Paced;
use super::report::{self, Aim, Aims, Comparison};
use super::tool_call::{Question, ToolCall};
use super::{Args, Bench, PERSON, usage};

/// Who sees the subscription.
const EXPORTER: &str = "frank";
/// With a row a day each, 25 days have a million.
const RESOURCES: &str = "40000";
/// So that a report has 20 files.
const ROWS_OF_A_FILE: &str = "50000";
const FORMATS: [&str; 6] = ["csv", "csv.gz", "jsonl", "parquet", "focus.csv", "focus.parquet"];
/// As many as one person may have made at a time.
const AT_ONCE: usize = 4;
/// The most that the gateway may have at its peak, in MiB.
const MOST: f64 = 96.0;
/// Of the 99th percentile of the same calls while nothing is exported.
const BESIDE: Aims = Aims { p99: Aim::AtMost(1.5), ..Aims::NONE };

/// Each format once, by a gateway that was started for it; then interactive calls, alone and beside exports.
pub(super) async fn measure(args: &Args) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut settings = args.settings();
    settings.push(("GATEWAY_EXPORT_BYTES", (16_u64 << 30).to_string()));
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let emulator = ["--big-subscription", RESOURCES, "--report-rows-per-blob", ROWS_OF_A_FILE];
    let setup = Setup { settings, emulator: emulator.map(str::to_owned).to_vec(), ..Setup::default() };
    let mut stack = Processes::start_as(folder.path(), Ports::free()?, &setup).await?;
    let token = stack.control().token(EXPORTER, json!({"scopes": ["cost.read", "cost.export"]})).await?;
    let mut of_csv = None;
    for format in FORMATS {
        stack.kill("gateway")?;
        stack.restart("gateway")?;
        stack.ready().await?;
        let began = Instant::now();
        let done = taken(&Caller::new(stack.public_url()).export(&token, order(format)).await)?;
        let size = done["size"].as_u64().context("a size")?;
        let bytes = *of_csv.get_or_insert(usize::try_from(size)?);
        if format == FORMATS[0] {
            report::export_head(bytes, usize::try_from(done["rows"].as_u64().unwrap_or(0))?);
        }
        let peak = usage::memory_of(&stack, "gateway").map(|memory| memory.peak);
        report::export(format, bytes, size, began.elapsed(), peak, MOST);
    }
    beside(&Bench { args, stack }, &token).await
}

/// Interactive calls at a fixed rate, alone and beside exports.
async fn beside(bench: &Bench<'_>, exporter: &str) -> anyhow::Result<()> {
    let Args { rounds, seconds, honest_rate: rate, .. } = *bench.args;
    let (url, today) = (bench.stack.public_url(), SystemClock.now().to_zoned(TimeZone::UTC).date());
    let token = bench.stack.control().token(PERSON, Value::Null).await?;
    let call = ToolCall::new(&url, Some(&token), Question::CostByService, Era::Legacy, today).await?;
    let (turn, paced) = (Duration::from_secs_f64(seconds), Paced { target: &call, callers: 16, rate });
    let exporting = Caller::new(&url);
    let mut comparison = Comparison::new("cost_by_service", BESIDE, call.answer_bytes());
    for _ in 0..rounds {
        comparison.theirs.push(bench.round(paced.run(turn)).await?);
        let mut exports = Vec::new();
        for format in &FORMATS[..AT_ONCE] {
            let begun = exporting.call(exporter, "cost_export", order(format)).await;
            exports.push(json!({"export_id": taken(&begun)?["export_id"]}));
        }
        comparison.ours.push(bench.round(paced.run(turn)).await?);
        for export in exports {
            taken(&exporting.export(exporter, export).await)?;
        }
    }
    let load = format!("{rate} calls a second, {rounds} rounds of {seconds} s");
    report::head(&load, &format!("beside {AT_ONCE} exports"), report::ALONE);
    comparison.print_paced();
    Ok(())
}

/// What is asked for: the first 25 days of the last month.
fn order(format: &str) -> Value {
    let month = SystemClock.now().to_zoned(TimeZone::UTC).date().first_of_month();
    let from = month.saturating_sub(1.day()).first_of_month();
    let scope = format!("/subscriptions/{BIG_SUBSCRIPTION}");
    json!({"scope": scope, "from": from, "to": from.saturating_add(24.days()), "format": format})
}

fn taken(answer: &Answer) -> anyhow::Result<Value> {
    ensure!(answer.status == 200 && !answer.is_tool_error(), "cost_export answers {}", answer.text);
    Ok(answer.data().clone())
}
