//! The tables, in Markdown: they are printed, and stand in `docs/benchmarks.md`.

#![expect(clippy::print_stdout, reason = "the tables are this program's output")]

use std::time::Duration;

use super::load::Sample;
use super::target::Question;
use super::usage::{Memory, Usage};

/// At least this part of the bare server's throughput.
const AIM_THROUGHPUT: f64 = 0.5;
/// At most this multiple of the bare server's 99th percentile.
const AIM_P99: f64 = 3.0;
/// Less than this resident in each service, in MiB.
const AIM_MEMORY: f64 = 40.0;
/// What is deployed, and so what the aim for memory holds for.
const SERVICES: [&str; 2] = ["gateway", "token-broker"];

/// One turn of one server.
pub(crate) struct Round {
    pub(crate) sample: Sample,
    pub(crate) used: Vec<(&'static str, Usage)>,
}

/// The turns of both servers at one question.
pub(crate) struct Comparison {
    pub(crate) gateway: Vec<Round>,
    pub(crate) bare: Vec<Round>,
    question: Question,
    answer_bytes: usize,
}

impl Comparison {
    pub(crate) fn new(question: Question, answer_bytes: usize) -> Self {
        Self { gateway: Vec::new(), bare: Vec::new(), question, answer_bytes }
    }

    pub(crate) fn print(&self) {
        let (gateway, bare) = (Summary::of(&self.gateway), Summary::of(&self.bare));
        println!("\n### {} (answer of {} bytes)\n", self.question.tool(), self.answer_bytes);
        println!("| | gateway and broker | bare server | ratio | in the rounds |");
        println!("|---|---:|---:|---:|---|");
        let line = |name: &str, value: fn(&Summary) -> f64, digits: usize| {
            let (ours, theirs) = (value(&gateway), value(&bare));
            let rounds: Vec<_> = self.ratios(value).iter().map(|ratio| format!("{ratio:.2}")).collect();
            let ratio = ours / theirs;
            println!("| {name} | {ours:.digits$} | {theirs:.digits$} | {ratio:.2} | {} |", rounds.join(", "));
        };
        line("calls per second", Summary::throughput, 0);
        line("p50, ms", |summary| summary.quantile(0.50), 2);
        line("p99, ms", |summary| summary.quantile(0.99), 2);
        println!(
            "\nProcessor time of one call, µs: {}; {}",
            per_call("through the gateway", &self.gateway),
            per_call("bare", &self.bare)
        );
    }

    fn throughput_ratio(&self) -> f64 {
        Summary::of(&self.gateway).throughput() / Summary::of(&self.bare).throughput()
    }

    fn p99_ratio(&self) -> f64 {
        Summary::of(&self.gateway).quantile(0.99) / Summary::of(&self.bare).quantile(0.99)
    }

    /// Each turn against the one beside it: how much the figures above are worth.
    fn ratios(&self, value: fn(&Summary) -> f64) -> Vec<f64> {
        let one = |round: &Round| value(&Summary::of(std::slice::from_ref(round)));
        self.gateway.iter().zip(&self.bare).map(|(ours, theirs)| one(ours) / one(theirs)).collect()
    }
}

/// What was run, and on what.
pub(crate) fn head(connections: usize, rounds: u32, seconds: f64) {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown");
    println!(
        "{connections} connections, {rounds} rounds of {seconds} s each; {processors} processors, load average before: {load}"
    );
    if cfg!(debug_assertions) {
        println!("This is a debug build: its figures mean nothing. `make bench` builds what is measured.");
    }
}

/// Resident memory after the load.
pub(crate) fn memory(processes: &[(&str, Option<Memory>)]) {
    println!("\n### Resident memory after the load\n");
    println!("| process | MiB | peak, MiB |");
    println!("|---|---:|---:|");
    for (name, memory) in processes {
        match memory {
            Some(memory) => println!("| {name} | {:.1} | {:.1} |", mib(memory.resident), mib(memory.peak)),
            None => println!("| {name} | unknown | unknown |"),
        }
    }
}

/// Which aims are met. They are for the question asked most.
pub(crate) fn aims(costs: &Comparison, processes: &[(&str, Option<Memory>)]) {
    println!("\n### Aims\n");
    let (throughput, p99) = (costs.throughput_ratio(), costs.p99_ratio());
    aim(
        throughput >= AIM_THROUGHPUT,
        &format!("throughput {throughput:.2} of the bare server's, at least {AIM_THROUGHPUT}"),
    );
    aim(p99 <= AIM_P99, &format!("p99 {p99:.2} times the bare server's, at most {AIM_P99}"));
    for (name, memory) in processes.iter().filter(|(name, _)| SERVICES.contains(name)) {
        let Some(memory) = memory else { continue };
        let peak = mib(memory.peak);
        aim(peak < AIM_MEMORY, &format!("{name} at most {peak:.1} MiB resident, below {AIM_MEMORY}"));
    }
}

fn aim(met: bool, text: &str) {
    println!("- {}: {text}", if met { "met" } else { "MISSED" });
}

/// Turns of one server, put together.
struct Summary {
    /// Sorted.
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Summary {
    fn of(rounds: &[Round]) -> Self {
        let mut latencies: Vec<_> =
            rounds.iter().flat_map(|round| round.sample.latencies.iter().copied()).collect();
        latencies.sort_unstable();
        Self { latencies, elapsed: rounds.iter().map(|round| round.sample.elapsed).sum() }
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
}

/// The processor time of one call by process, of those that took any.
fn per_call(path: &str, rounds: &[Round]) -> String {
    let calls = count(rounds.iter().map(|round| round.sample.latencies.len()).sum());
    let names = rounds.first().into_iter().flat_map(|round| &round.used).map(|(name, _)| *name);
    let of = |wanted: &str| {
        let used = rounds.iter().flat_map(|round| &round.used).filter(|(name, _)| *name == wanted);
        used.map(|(_, usage)| usage.seconds()).sum::<Option<f64>>()
    };
    let parts: Vec<_> = names
        .filter_map(|name| Some((name, of(name)? / calls * 1e6)))
        .filter(|(_, micros)| *micros >= 1.0)
        .map(|(name, micros)| format!("{name} {micros:.0}"))
        .collect();
    format!("{path}: {}", parts.join(", "))
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn count(calls: usize) -> f64 {
    calls as f64
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
