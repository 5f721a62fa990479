//! What a process used, from `/proc` (Linux; elsewhere nothing is known, and said to be so).

use std::ops::Sub;

use e2e::processes::Processes;

/// Ticks per second of the times in `/proc/PID/stat`: fixed for programs, whatever the kernel runs at (`proc(5)`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time used, in seconds, by the program and by the kernel for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage(Option<f64>);

impl Usage {
    /// Seconds, if known.
    pub(crate) fn seconds(self) -> Option<f64> {
        self.0
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self(self.0.zip(before.0).map(|(after, before)| after - before))
    }
}

/// Resident memory in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now (`VmRSS`).
    pub(crate) resident: u64,
    /// At most so far (`VmHWM`).
    pub(crate) peak: u64,
}

/// The processor time a process has used so far.
pub(crate) fn processor(pid: u32) -> Usage {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name is in parentheses and may hold anything; utime and stime are the 12th and 13th field after it.
    let fields: Vec<_> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Usage(ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / TICKS_PER_SECOND))
}

/// The memory that a service has in use.
pub(crate) fn memory_of(stack: &Processes, service: &str) -> Option<Memory> {
    let pid = stack.pids().into_iter().find(|(name, _)| *name == service);
    pid.and_then(|(_, pid)| memory(pid))
}

/// The memory a process has in use.
pub(crate) fn memory(pid: u32) -> Option<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Memory { resident: kib("VmRSS:")?, peak: kib("VmHWM:")? })
}
