//! The table, in Markdown: it is printed, and stands in `docs/benchmarks.md`.

#![expect(clippy::print_stdout, reason = "the table is this program's output")]

use std::borrow::Cow;
use std::time::Duration;

use super::load::Sample;
use super::usage::{Memory, Usage};

/// At most this resident in each service, in MiB.
const AIM_MEMORY: f64 = 40.0;
/// What is deployed, and so what the aim for memory holds for.
pub(crate) const SERVICES: [&str; 2] = ["gateway", "token-broker"];
/// What calls beside forged tokens are compared with.
pub(crate) const ALONE: &str = "alone";
/// What both together are compared with.
pub(crate) const BARE: &str = "bare server";
/// What the broker alone is compared with.
pub(crate) const CONSTANT: &str = "constant service";

/// One turn of one server.
pub(crate) struct Round {
    pub(crate) sample: Sample,
    pub(crate) used: Vec<(&'static str, Usage)>,
}

/// What a figure of ours should be, as a ratio to the other server's.
#[derive(Clone, Copy)]
pub(crate) struct Aims {
    pub(crate) throughput: Aim,
    pub(crate) p99: Aim,
    pub(crate) processor: Aim,
}

impl Aims {
    /// Nothing was promised.
    pub(crate) const NONE: Self = Self { throughput: Aim::None, p99: Aim::None, processor: Aim::None };
}

/// The turns of both servers at one question.
pub(crate) struct Comparison {
    pub(crate) ours: Vec<Round>,
    pub(crate) theirs: Vec<Round>,
    question: Cow<'static, str>,
    aims: Aims,
    answer_bytes: usize,
}

impl Comparison {
    pub(crate) fn new(question: impl Into<Cow<'static, str>>, aims: Aims, answer_bytes: usize) -> Self {
        Self { ours: Vec::new(), theirs: Vec::new(), question: question.into(), aims, answer_bytes }
    }

    /// The lines of one question.
    pub(crate) fn print(&self) {
        self.line("calls per second", Summary::throughput, 0, self.aims.throughput);
        self.line("p50, ms", |summary| summary.quantile(0.50), 2, Aim::None);
        self.line("p99, ms", |summary| summary.quantile(0.99), 2, self.aims.p99);
        self.line("processor time of a call, µs", Summary::processor, 1, self.aims.processor);
    }

    /// The lines of calls that come at a fixed rate: how long they took.
    pub(crate) fn print_paced(&self) {
        self.line("calls per second", Summary::throughput, 1, Aim::None);
        self.line("p50, ms", |summary| summary.quantile(0.50), 2, Aim::None);
        self.line("p99, ms", |summary| summary.quantile(0.99), 2, self.aims.p99);
    }

    /// How much longer ours take at the 99th percentile, in milliseconds: at most so much.
    pub(crate) fn print_more_at_p99(&self, most: f64) {
        let p99 = |rounds: &[Round]| Summary::of(rounds).quantile(0.99);
        let more = p99(&self.ours) - p99(&self.theirs);
        println!("\n{} takes {more:.2} ms more at p99: {}", self.question, Aim::AtMost(most).judge(more));
    }

    /// What the calls beside them cost, of which there were so many in each second.
    pub(crate) fn print_beside(&self, rate: u32, token_bytes: usize) {
        let seconds = |rounds: &[Round]| {
            let summary = Summary::of(rounds);
            SERVICES
                .map(|name| summary.processor_of(name) * count(summary.latencies.len()) / 1e6)
                .iter()
                .sum::<f64>()
        };
        let elapsed = Summary::of(&self.ours).elapsed.as_secs_f64();
        let taken = seconds(&self.ours) - seconds(&self.theirs);
        println!(
            "\na forged token of {token_bytes} bytes takes {:.0} µs of processor time; {rate} a second take {:.0} % of a processor",
            taken / (elapsed * f64::from(rate)) * 1e6,
            taken / elapsed * 100.0,
        );
    }

    fn line(&self, measure: &str, value: fn(&Summary) -> f64, digits: usize, aim: Aim) {
        let (ours, theirs) = (value(&Summary::of(&self.ours)), value(&Summary::of(&self.theirs)));
        // Each turn against the one beside it: what else the machine does meets both.
        let one = |round: &Round| value(&Summary::of(std::slice::from_ref(round)));
        let rounds = self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| one(ours) / one(theirs));
        let ratios: Vec<f64> = rounds.collect();
        let rounds: Vec<_> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        let (question, ratio) = (&self.question, median(ratios));
        println!(
            "| {question} | {measure} | {ours:.digits$} | {theirs:.digits$} | {ratio:.2} | {} | {} |",
            rounds.join(" "),
            aim.judge(ratio)
        );
    }

    /// Where the processor time went, and how large an answer was.
    pub(crate) fn print_details(&self) {
        println!(
            "{}: an answer has {} bytes; processor time of a call, µs:",
            self.question, self.answer_bytes
        );
        println!("  ours: {}", Summary::of(&self.ours).by_process());
        println!("  compared with: {}", Summary::of(&self.theirs).by_process());
    }
}

/// What a ratio or a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
    None,
}

impl Aim {
    fn judge(self, figure: f64) -> String {
        let (met, text) = match self {
            Self::AtLeast(aim) => (figure >= aim, format!("at least {aim}")),
            Self::AtMost(aim) => (figure <= aim, format!("at most {aim}")),
            Self::None => return String::new(),
        };
        format!("{text}: {}", if met { "met" } else { "**missed**" })
    }
}

/// On what it is run.
pub(crate) fn machine() {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown");
    println!("{processors} processors, load average: {load}");
    if cfg!(debug_assertions) {
        println!("This is a debug build: its figures mean nothing. `make bench` builds what is measured.");
    }
}

/// The head of a table.
pub(crate) fn head(load: &str, ours: &str, theirs: &str) {
    println!("\n{load}:\n\n| question | measure | {ours} | {theirs} | ratio | in each round | aim |");
    println!("|---|---|---:|---:|---:|---|---|");
}

/// The lines of resident memory after the load, now and at its peak. The aim holds at the peak.
pub(crate) fn memory(processes: &[(&str, Option<Memory>)]) {
    let of =
        |wanted: &str| processes.iter().find(|(name, _)| *name == wanted).and_then(|(_, memory)| *memory);
    let text = |memory: Option<Memory>| match memory {
        Some(Memory { resident, peak }) => format!("{:.1}, peak {:.1}", mib(resident), mib(peak)),
        None => "unknown".to_owned(),
    };
    let bare = of(BARE);
    for service in SERVICES {
        let ours = of(service);
        let aim = ours.map_or_else(String::new, |memory| Aim::AtMost(AIM_MEMORY).judge(mib(memory.peak)));
        let ratio = ours.zip(bare).map(|(ours, bare)| format!("{:.2}", mib(ours.peak) / mib(bare.peak)));
        let (ours, bare, ratio) = (text(ours), text(bare), ratio.unwrap_or_default());
        println!("| all | resident memory of {service}, MiB | {ours} | {bare} | {ratio} | | {aim} |");
    }
    println!();
}

/// The resident memory of a service, in a state that it is said to be in.
pub(crate) fn resident(what: &str, service: &str, memory: Option<Memory>, aim: Aim) {
    let Some(memory) = memory else { return };
    let resident = mib(memory.resident);
    println!(
        "| {what} | resident memory of {service}, MiB | {resident:.1} | | | | {} |",
        aim.judge(resident)
    );
}

/// How much more memory a service took at its peak, by what it was started with.
pub(crate) fn more_memory(what: &str, service: &str, ours: Option<Memory>, theirs: Option<Memory>, aim: Aim) {
    let Some((ours, theirs)) = ours.zip(theirs) else { return };
    let [ours, theirs] = [ours, theirs].map(|memory| mib(memory.peak));
    let (more, judged) = (ours - theirs, aim.judge(ours - theirs));
    println!(
        "| {what} | peak memory of {service}, MiB | {ours:.1} | {theirs:.1} | {more:+.1} | | {judged} |"
    );
}

/// The head of the table of exports.
pub(crate) fn export_head(bytes: usize, rows: usize) {
    println!("\n{rows} rows, {:.0} MB of CSV\n", mb(bytes as u64));
    println!("| into | MB per second | MB written | peak memory of the process, MiB | aim |");
    println!("|---|---:|---:|---:|---|");
}

/// What became of the bytes of one export. `peak` is in KiB.
pub(crate) fn export(into: &str, bytes: usize, written: u64, took: Duration, peak: Option<u64>, most: f64) {
    let speed = mb(bytes as u64) / took.as_secs_f64();
    let (peak, judged) = match peak.map(mib) {
        Some(peak) => (format!("{peak:.1}"), Aim::AtMost(most).judge(peak)),
        None => Default::default(),
    };
    println!("| {into} | {speed:.0} | {:.1} | {peak} | {judged} |", mb(written));
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The beginning and the end of an answer: what was asked, and what it took.
pub(crate) fn answer(text: &str) {
    let (first, last) = (text.lines().next().unwrap_or_default(), text.lines().last().unwrap_or_default());
    println!("\n{first}\n{last}");
}

/// Turns of one server, put together.
struct Summary {
    /// Sorted.
    latencies: Vec<Duration>,
    elapsed: Duration,
    used: Vec<(&'static str, Usage)>,
}

impl Summary {
    fn of(rounds: &[Round]) -> Self {
        let latencies = rounds.iter().flat_map(|round| round.sample.latencies.iter().copied());
        let mut latencies: Vec<_> = latencies.collect();
        latencies.sort_unstable();
        let used = rounds.iter().flat_map(|round| round.used.iter().copied()).collect();
        Self { latencies, elapsed: rounds.iter().map(|round| round.sample.elapsed).sum(), used }
    }

    /// Calls per second.
    fn throughput(&self) -> f64 {
        count(self.latencies.len()) / self.elapsed.as_secs_f64()
    }

    /// The nearest-rank quantile, in milliseconds.
    fn quantile(&self, quantile: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to the number of calls"
        )]
        let rank = (count(self.latencies.len()) * quantile).ceil() as usize;
        self.latencies.get(rank.saturating_sub(1)).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }

    /// Processor time of one call in the servers that are compared, in microseconds.
    fn processor(&self) -> f64 {
        let servers = SERVICES.iter().chain([&BARE, &CONSTANT]);
        servers.map(|name| self.processor_of(name)).sum()
    }

    fn processor_of(&self, process: &str) -> f64 {
        let used = self.used.iter().filter(|(name, _)| *name == process).map(|(_, usage)| usage.seconds());
        used.sum::<Option<f64>>().map_or(f64::NAN, |seconds| seconds / count(self.latencies.len()) * 1e6)
    }

    /// The processor time of one call in each process that took any.
    fn by_process(&self) -> String {
        let mut names: Vec<_> = self.used.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let parts = names.into_iter().map(|name| (name, self.processor_of(name)));
        let parts =
            parts.filter(|(_, micros)| *micros >= 1.0).map(|(name, micros)| format!("{name} {micros:.0}"));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// The one in the middle; of an even number, the lower one of the two there.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn count(calls: usize) -> f64 {
    calls as f64
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
