//! What a self-check found, as a table for people and as JSON for machines: the one renderer of `gateway doctor`
//! and `token-broker preflight`.
//!
//! Checking is not done here, and nothing here knows what is checked. Texts may come from the network (an answer's
//! header, a name in a directory), so no control character in them reaches a terminal.

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

mod table;

/// The version of the JSON document, raised when a member changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// As it must be.
    Ok,
    /// It could not be told: something was out of reach, or nothing that may be looked at.
    Unknown,
    /// Not as it must be: somebody has to act.
    Missing,
}

impl Outcome {
    /// The outcome's name, in the table and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Missing => "missing",
        }
    }

    /// The exit code of a run whose worst finding this is: 0 all is well, 1 something is missing, 2 nothing is
    /// missing, but something could not be told.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Missing => 1,
            Self::Unknown => 2,
        }
    }
}

/// One line of a report. Never holds a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's stable name, for example `discovery`.
    pub name: String,
    /// What was looked at: a setting, a host, "Contoso Assistant may ask for cost.read".
    pub subject: String,
    /// What was found.
    pub outcome: Outcome,
    /// What was found, in words; with [`Outcome::Unknown`], why it could not be told.
    pub detail: String,
    /// What to do about it, in one sentence. Empty where nothing is to be done.
    pub fix: String,
    /// Where to do it, for example where an administrator consents.
    pub url: Option<String>,
}

impl Finding {
    /// Something is as it must be.
    pub fn ok(name: &str, subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(name, subject, Outcome::Ok, detail, "")
    }

    /// Something is not as it must be; `fix` says what to do, in one sentence.
    pub fn missing(
        name: &str,
        subject: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(name, subject, Outcome::Missing, detail, fix)
    }

    /// Something could not be told; `detail` says why, `fix` what would let it be told.
    pub fn unknown(
        name: &str,
        subject: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(name, subject, Outcome::Unknown, detail, fix)
    }

    /// A finding with every part given.
    pub fn new(
        name: &str,
        subject: impl Into<String>,
        outcome: Outcome,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (subject, detail, fix) = (subject.into(), detail.into(), fix.into());
        Self { name: name.to_owned(), subject, outcome, detail, fix, url: None }
    }

    /// The same finding, with the place to mend it at.
    #[must_use]
    pub fn at(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "subject": self.subject,
            "result": self.outcome.as_str(),
            "detail": self.detail,
            "fix": self.fix,
            "url": self.url,
        })
    }
}

/// All that one run found, in the order to mend it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was run, for example `gateway doctor`.
    pub tool: &'static str,
    /// When it was looked.
    pub checked_at: Timestamp,
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The worst outcome: something missing outweighs something unknown. Of no findings nothing is known.
    pub fn outcome(&self) -> Outcome {
        self.findings.iter().map(|finding| finding.outcome).max().unwrap_or(Outcome::Unknown)
    }

    /// How many findings came out as `outcome`.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.findings.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// The document for machines. Members: `version`, `tool`, `checked_at` (RFC 3339), `result` (the worst of all),
    /// `exit_code`, `counts` by result, and `checks`, each with `name`, `subject`, `result`, `detail`, `fix` (empty
    /// where nothing is to be done) and `url` (or null).
    pub fn json(&self) -> Value {
        let [ok, unknown, missing] = [Outcome::Ok, Outcome::Unknown, Outcome::Missing].map(|o| self.count(o));
        json!({
            "version": SCHEMA_VERSION,
            "tool": self.tool,
            "checked_at": self.checked_at.to_string(),
            "result": self.outcome().as_str(),
            "exit_code": self.outcome().exit_code(),
            "counts": {"ok": ok, "unknown": unknown, "missing": missing},
            "checks": self.findings.iter().map(Finding::json).collect::<Vec<_>>(),
        })
    }

    /// The table for people; with `colour`, each result in its own (ANSI escape codes).
    pub fn table(&self, colour: bool) -> String {
        table::render(self, colour)
    }

    /// Prints the report to standard output and tells the exit code. Coloured on a terminal only, and not where
    /// `NO_COLOR` is set (<https://no-color.org>).
    ///
    /// # Errors
    /// When standard output cannot be written to.
    pub fn print(&self, as_json: bool) -> io::Result<ExitCode> {
        let mut out = io::stdout().lock();
        if as_json {
            writeln!(out, "{:#}", self.json())?;
        } else {
            let colour = anstream::AutoStream::choice(&out) != anstream::ColorChoice::Never;
            out.write_all(self.table(colour).as_bytes())?;
        }
        out.flush()?;
        Ok(ExitCode::from(self.outcome().exit_code()))
    }
}

#[cfg(test)]
mod tests;
