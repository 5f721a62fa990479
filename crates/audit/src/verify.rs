//! Looks whether records are as they were written: what was changed, left out, put in, moved, cut off or written anew.
//!
//! Each chain is looked at by itself, over all files. A broken line is *changed* where a record is missing at its place,
//! and *inserted* where none is. What a chain cannot show, that its end was cut off or that all of it was written anew,
//! checkpoints do; so does the start of the next process in the same file. Nothing here is believed but hashes.

use std::fmt;
use std::io::{self, BufRead};

use uuid::Uuid;

use self::chains::Chains;
use self::lines::Lines;
use crate::checkpoint::{Checkpoint, SigningKey};
use crate::head::Head;

mod chain;
mod chains;
mod holes;
mod lines;

/// What is wrong at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A record is not as it was written.
    Changed,
    /// Records are missing between others.
    Gap,
    /// Records stand in another order than they were written in.
    Swapped,
    /// A line stands there that was not written there: a copy, something that is no record, or one behind the end.
    Inserted,
    /// Records were written anew: two have the same place, or one does not follow on the one before, or differs from what
    /// was told of it.
    Fork,
    /// The end of a chain, or a whole one, is missing: records were told of that are not there.
    Cut,
    /// A checkpoint has not the signature that the key makes.
    Forged,
    /// A chain has no end: the process still runs, or died, or the end was cut off. Checkpoints would tell.
    NoEnd,
}

impl Fault {
    /// The fault's stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Gap => "gap",
            Self::Swapped => "swapped",
            Self::Inserted => "inserted",
            Self::Fork => "fork",
            Self::Cut => "cut",
            Self::Forged => "forged",
            Self::NoEnd => "no_end",
        }
    }

    /// Whether it may have an innocent cause.
    pub const fn is_doubt(self) -> bool {
        matches!(self, Self::NoEnd)
    }
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// The chain, where it is known.
    pub chain: Option<Uuid>,
    /// The first and the last record that it concerns, by their numbers, where these are known.
    pub seqs: Option<(u64, u64)>,
    /// The file and the line, counted from 1; none of what is in no file.
    pub place: Option<Place>,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What was looked at, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Records that are as they were written.
    pub records: usize,
    /// Chains, one of each process.
    pub chains: usize,
    /// Checkpoints that counted.
    pub checkpoints: usize,
    /// What is wrong, by file and line.
    pub findings: Vec<Finding>,
}

/// Checks records against each other and against checkpoints. `files` are names and contents, in any order; if there is a
/// key, only checkpoints that it signed count.
///
/// # Errors
/// When a file cannot be read.
pub fn verify<R: BufRead>(
    files: impl IntoIterator<Item = (String, R)>,
    checkpoints: &[Checkpoint],
    key: Option<&SigningKey>,
) -> io::Result<Verdict> {
    let mut lines = Lines::default();
    for (name, content) in files {
        lines.read(name, content)?;
    }
    let (counted, forged): (Vec<_>, Vec<_>) =
        checkpoints.iter().partition(|checkpoint| key.is_none_or(|key| checkpoint.is_signed_with(key)));
    let told = counted.iter().map(|checkpoint| Told { head: Head::from(*checkpoint), at: None });
    let told: Vec<_> = told.chain(lines.told()).collect();
    let chains = Chains::of(&lines);
    let mut findings = chains.findings(&told);
    findings.extend(forged.into_iter().map(forgery));
    findings.sort_by(|one, other| (&one.place, one).cmp(&(&other.place, other)));
    let (records, chains, checkpoints) = (lines.records.len(), chains.len(), counted.len());
    Ok(Verdict { records, chains, checkpoints, findings })
}

/// That a chain had come so far, by a checkpoint or by the start record of the next chain, which stands at a line.
struct Told {
    head: Head,
    at: Option<lines::At>,
}

impl From<&Checkpoint> for Head {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self { chain: checkpoint.chain, seq: checkpoint.seq, hash: checkpoint.head.clone() }
    }
}

fn forgery(checkpoint: &Checkpoint) -> Finding {
    let seqs = Some((checkpoint.seq, checkpoint.seq));
    Finding { fault: Fault::Forged, chain: Some(checkpoint.chain), seqs, place: None }
}
