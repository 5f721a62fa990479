//! `audit verify` for people: reads files, checks them, and shows what [`telemetry::report`] makes of it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiff::Timestamp;
use telemetry::report::{Finding as Line, Outcome, Report};

use crate::checkpoint::{Checkpoint, KeyFileError, SigningKey};
use crate::verify::{Fault, Finding, Verdict, verify};

const LONG_HELP: &str = "\
Looks whether audit records are as they were written. Names what was changed, left out, put in, moved, cut off or written
anew, each with its place. Files may come in any order; a chain may go over several.

With --checkpoints it compares the records with what was told of them another way: a log of the service with its
`audit::checkpoint` lines, as text or JSON, or what a collector wrote of the log records that it was sent (OTLP as JSON, one
request a line). Only so does it see that all of a chain was written anew, or its end cut off.
With --key-file only checkpoints that this key signed count.";

const EXIT_CODES: &str = "\
Exit codes:
  0  all is as it was written
  1  something is not: the lines marked `missing` say what and where
  2  nothing is found, but a chain has no end: its process runs, or died, or the end was cut off

JSON (--json): version, tool, checked_at, result (ok, missing, unknown), exit_code, counts, and checks, each with name,
subject, result, detail, fix (empty where nothing is to be done) and url (or null).";

/// Looks after audit records.
#[derive(Debug, Parser)]
#[command(name = "gateway audit")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says whether audit records are as they were written.
    #[command(long_about = LONG_HELP, after_help = EXIT_CODES)]
    Verify {
        /// Files with audit records, one a line.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Log, or records of a collector, with the checkpoints of these records.
        #[arg(long, value_name = "FILE")]
        checkpoints: Option<PathBuf>,
        /// File with the key that signed the checkpoints.
        #[arg(long, value_name = "FILE", requires = "checkpoints")]
        key_file: Option<PathBuf>,
        /// Print one JSON document in place of the table.
        #[arg(long)]
        json: bool,
    },
}

/// Runs `audit` with the arguments behind that word, and prints what there is to say.
///
/// # Errors
/// When a file cannot be read, or standard output not be written to.
pub fn main(arguments: impl IntoIterator<Item = OsString>, now: Timestamp) -> Result<ExitCode, CommandError> {
    let arguments = std::iter::once(OsString::from("gateway audit")).chain(arguments);
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(told) => {
            told.print()?;
            // Not clap's 2: that means that something could not be told.
            return Ok(if told.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
    };
    let Command::Verify { files, checkpoints, key_file, json } = command;
    let key = key_file.as_deref().map(SigningKey::read).transpose()?;
    let log = checkpoints.as_deref().map(|path| std::fs::read(path).map_err(unreadable(path))).transpose()?;
    let checkpoints = Checkpoint::read_all(&String::from_utf8_lossy(&log.unwrap_or_default()));
    let open = |path: &PathBuf| {
        let file = File::open(path).map_err(unreadable(path))?;
        Ok((path.display().to_string(), BufReader::new(file)))
    };
    let opened = files.iter().map(open).collect::<Result<Vec<_>, CommandError>>()?;
    let verdict = verify(opened, &checkpoints, key.as_ref())?;
    Ok(report(&verdict, now).print(json)?)
}

/// Why the command could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// Reading or printing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> CommandError {
    let path = path.to_owned();
    move |source| CommandError::Unreadable { path, source }
}

fn report(verdict: &Verdict, now: Timestamp) -> Report {
    let Verdict { records, chains, checkpoints, findings } = verdict;
    let counts = format!("{records} records in {chains} chains, {checkpoints} checkpoints");
    let mut lines: Vec<_> = findings.iter().map(line).collect();
    if *records == 0 {
        lines.push(Line::missing(
            "records",
            counts,
            "there is no audit record",
            "Name files of AUDIT=file:PATH.",
        ));
    } else if findings.iter().all(|finding| finding.fault.is_doubt()) {
        lines.insert(0, Line::ok("records", counts, "each is as it was written"));
    }
    Report { tool: "gateway audit verify", checked_at: now, findings: lines }
}

fn line(finding: &Finding) -> Line {
    let (detail, fix) = words(finding.fault);
    let place = finding.place.as_ref().map_or_else(|| "in no file".to_owned(), ToString::to_string);
    let seqs = match finding.seqs {
        None => String::new(),
        Some((first, last)) if first == last => format!(", record {first}"),
        Some((first, last)) => format!(", records {first} to {last}"),
    };
    let chain = finding.chain.map_or_else(String::new, |chain| format!(", chain {chain}"));
    let outcome = if finding.fault.is_doubt() { Outcome::Unknown } else { Outcome::Missing };
    Line::new(finding.fault.as_str(), format!("{place}{seqs}{chain}"), outcome, detail, fix)
}

/// What a fault means, and what to do.
const fn words(fault: Fault) -> (&'static str, &'static str) {
    const FIND_OUT: &str = "Compare with another copy, and find out who could write to this file.";
    match fault {
        Fault::Changed => ("the record is not as it was written", FIND_OUT),
        Fault::Gap => (
            "these records are missing",
            "Look for a file that was moved away, or lost; else find out who could write to this one.",
        ),
        Fault::Swapped => ("these records stand in another order than they were written in", FIND_OUT),
        Fault::Inserted => ("this was not written here: a copy, or no record, or behind the end", FIND_OUT),
        Fault::Fork => (
            "from here on records were written anew: they do not follow, or differ from what was told",
            FIND_OUT,
        ),
        Fault::Cut => (
            "these records were told of and are not there",
            "Look for a file that was moved away, or lost; else find out who could write to this one.",
        ),
        Fault::Forged => (
            "this checkpoint is not signed with the key",
            "Compare the key, and find out who could write to the log.",
        ),
        Fault::NoEnd => (
            "the chain has no end: its process runs, or died, or the end was cut off",
            "Compare with checkpoints, which tell how far it had come.",
        ),
    }
}
