//! What it costs to be watched: telemetry and audit on, next to the same services without; and a collector that fails, next
//! to one that is well.

use std::time::Duration;

use e2e::Era;
use e2e::processes::{Ports, Processes, Setup};
use identity::clock::{Clock, SystemClock};
use jiff::tz::TimeZone;
use serde_json::Value;
use tempfile::TempDir;

use super::collector::{Collector, Manner};
use super::load::Load;
use super::report::{self, Aim, Aims, Comparison, Round};
use super::tool_call::{Question, ToolCall};
use super::usage::{self, Memory};
use super::{Args, Bench, PERSON};

/// Of the throughput and the 99th percentile with a collector that is well, where it is not.
const FAILING: Aims = Aims { throughput: Aim::AtLeast(0.98), p99: Aim::AtMost(1.05), ..Aims::NONE };
/// Of the throughput without traces.
const TRACED: Aims = Aims { throughput: Aim::AtLeast(0.95), ..Aims::NONE };
/// Of the same with itself: what the machine does by itself.
const NOTHING: Aims = Aims { throughput: Aim::AtLeast(0.98), ..Aims::NONE };
/// For the audit nothing was promised.
const AUDITED: Aims = Aims::NONE;
/// More than with a collector that is well, at most, in MiB.
const MORE_MEMORY: f64 = 16.0;

/// One line of comparison: what is on, and next to what.
struct Case {
    what: &'static str,
    on: On,
    beside: On,
    aims: Aims,
}

/// What services are started with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Nothing,
    /// Traces of each call and metrics, to a collector that is so.
    Telemetry(Manner),
    Audit,
}

const CASES: &[Case] = &[
    Case { what: "nothing on, twice", on: On::Nothing, beside: On::Nothing, aims: NOTHING },
    case("traces and metrics", Manner::Well, On::Nothing, TRACED),
    case("collector dead", Manner::Dead, On::Telemetry(Manner::Well), FAILING),
    case("collector hangs", Manner::Hangs, On::Telemetry(Manner::Well), FAILING),
    case("collector refuses", Manner::Refuses, On::Telemetry(Manner::Well), FAILING),
    case("collector slow", Manner::Slow, On::Telemetry(Manner::Well), FAILING),
    Case { what: "audit to a file", on: On::Audit, beside: On::Nothing, aims: AUDITED },
];

const fn case(what: &'static str, manner: Manner, beside: On, aims: Aims) -> Case {
    Case { what, on: On::Telemetry(manner), beside, aims }
}

/// Runs all cases, each with services of its own.
pub(super) async fn compare(args: &Args) -> anyhow::Result<()> {
    let load = format!("{} connections, {} rounds of {} s", args.connections, args.rounds, args.seconds);
    report::head(&load, "watched so", "not watched, or by a collector that is well");
    let mut memory = Vec::new();
    for case in CASES {
        let (on, beside) = (Watched::start(args, case.on).await?, Watched::start(args, case.beside).await?);
        between(args, case, &on, &beside).await?.print();
        // What telemetry takes at all was not promised.
        let aim = match case.beside {
            On::Telemetry(_) => Aim::AtMost(MORE_MEMORY),
            On::Nothing | On::Audit => Aim::None,
        };
        let more = |service| (case.what, service, on.memory(service), beside.memory(service), aim);
        memory.extend(report::SERVICES.map(more));
    }
    for (what, service, ours, theirs, aim) in memory {
        report::more_memory(what, service, ours, theirs, aim);
    }
    Ok(())
}

/// One case, both in turns, so that whatever else the machine does meets both.
async fn between(
    args: &Args,
    case: &Case,
    on: &Watched<'_>,
    beside: &Watched<'_>,
) -> anyhow::Result<Comparison> {
    let (ours, theirs) = (on.question().await?, beside.question().await?);
    let mut comparison = Comparison::new(case.what, case.aims, ours.answer_bytes());
    for _ in 0..args.rounds {
        comparison.ours.push(on.turn(&ours).await?);
        comparison.theirs.push(beside.turn(&theirs).await?);
    }
    Ok(comparison)
}

/// Services and who watches them.
struct Watched<'a> {
    bench: Bench<'a>,
    // Behind the services: they end first.
    _collector: Option<Collector>,
    _folder: TempDir,
}

impl<'a> Watched<'a> {
    async fn start(args: &'a Args, on: On) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let collector = match on {
            On::Telemetry(manner) => Some(Collector::start(manner)?),
            On::Nothing | On::Audit => None,
        };
        let mut settings = args.settings();
        settings.extend(collector.iter().flat_map(|collector| {
            // Metrics often enough to be part of what is measured.
            [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
                ("OTEL_METRIC_EXPORT_INTERVAL", "1000".to_owned()),
            ]
        }));
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let setup = Setup { settings, audit: on == On::Audit, ..Setup::default() };
        let stack = Processes::start_as(folder.path(), Ports::free()?, &setup).await?;
        Ok(Self { bench: Bench { args, stack }, _collector: collector, _folder: folder })
    }

    async fn question(&self) -> anyhow::Result<ToolCall> {
        let stack = &self.bench.stack;
        let today = SystemClock.now().to_zoned(TimeZone::UTC).date();
        let token = stack.control().token(PERSON, Value::Null).await?;
        let question = Question::CostByService;
        ToolCall::new(&stack.public_url(), Some(&token), question, Era::Legacy, today).await
    }

    async fn turn(&self, question: &ToolCall) -> anyhow::Result<Round> {
        let Args { connections, seconds, .. } = *self.bench.args;
        let load = Load { target: question, callers: connections };
        load.run(Duration::from_secs_f64(seconds / 6.0)).await?;
        self.bench.round(load.run(Duration::from_secs_f64(seconds))).await
    }

    fn memory(&self, service: &str) -> Option<Memory> {
        usage::memory_of(&self.bench.stack, service)
    }
}
