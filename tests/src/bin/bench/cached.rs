//! An answer that a person was given before, next to a call of the same tool that ends where costs would be looked for.

use std::time::Duration;

use e2e::Era;
use e2e::processes::{Ports, Processes, Setup};
use identity::clock::{Clock, SystemClock};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::load::Paced;
use super::report::{self, Aims, Comparison};
use super::tool_call::{Question, ToolCall};
use super::{Args, Bench, PERSON};

/// More at the 99th percentile, at most, in milliseconds.
const MORE: f64 = 3.0;

/// Calls at a fixed rate, of both in turns.
pub(super) async fn compare(args: &Args) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = args.settings().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let setup = Setup { settings, costs_as_shipped: true, ..Setup::default() };
    let stack = Processes::start_as(folder.path(), Ports::free()?, &setup).await?;
    let bench = Bench { args, stack };
    let url = bench.stack.public_url();
    let token = bench.stack.control().token(PERSON, Value::Null).await?;
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    let call = |question| ToolCall::new(&url, Some(&token), question, Era::Legacy, today);
    // The first answer is Azure's, and says so.
    call(Question::CostQuery).await?;
    let (kept, stopped) = (call(Question::CostQuery).await?, call(Question::WrongCostQuery).await?);
    let Args { rounds, seconds, honest_rate: rate, .. } = *args;
    let seconds = seconds * 2.5;
    let load = format!("{rate} calls a second, {rounds} rounds of {seconds} s");
    report::head(&load, "an answer that is kept", "a call that ends before");
    let turn = Duration::from_secs_f64(seconds);
    let mut comparison = Comparison::new("cost_query", Aims::NONE, kept.answer_bytes());
    for _ in 0..rounds {
        comparison.ours.push(bench.round(Paced { target: &kept, callers: 16, rate }.run(turn)).await?);
        comparison.theirs.push(bench.round(Paced { target: &stopped, callers: 16, rate }.run(turn)).await?);
    }
    comparison.print_paced();
    comparison.print_more_at_p99(MORE);
    Ok(())
}
