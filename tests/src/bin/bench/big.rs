//! A query of 200,000 rows, asked once: how much more memory the gateway takes for it.

use anyhow::Context;
use e2e::Era;
use e2e::processes::{Ports, Processes, Setup};
use emulator::BIG_SUBSCRIPTION;
use identity::clock::{Clock, SystemClock};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::Args;
use super::report::{self, Aim};
use super::tool_call::{Question, ToolCall};
use super::usage;

/// Who sees all subscriptions.
const PERSON: &str = "frank";
/// With a row a day each, 25 days have 200,000.
const RESOURCES: &str = "8000";
/// The most that the gateway takes more, in MiB.
const MORE: f64 = 64.0;

/// The gateway after a small answer, and at its peak over the large one.
pub(super) async fn measure(args: &Args) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = args.settings().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let emulator = ["--big-subscription", RESOURCES].map(str::to_owned).to_vec();
    let setup = Setup { settings, emulator, costs_as_shipped: true, ..Setup::default() };
    let stack = Processes::start_as(folder.path(), Ports::free()?, &setup).await?;
    let url = stack.public_url();
    let token = stack.control().token(PERSON, Value::Null).await?;
    let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
    let call = |question| ToolCall::new(&url, Some(&token), question, Era::Legacy, today);
    let gateway = || usage::memory_of(&stack, "gateway");
    call(Question::CostQuery).await?;
    let before = gateway().context("the memory of the gateway is not known")?;
    let answer = call(Question::Resources(BIG_SUBSCRIPTION)).await?;
    report::head("one call", "after it", "before it");
    report::more_memory("200,000 rows", "gateway", gateway(), Some(before), Aim::AtMost(MORE));
    report::answer(answer.said());
    Ok(())
}
