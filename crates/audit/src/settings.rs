//! The audit's settings, the same in both services.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

/// Where the audit goes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Audit")]
pub struct AuditArgs {
    /// Where records of calls go: `stdout`, `file:PATH` (appended to, and by one process at a time) or `off`.
    #[arg(long = "audit", env = "AUDIT", default_value = "off", value_name = "DESTINATION")]
    pub audit: Destination,

    /// What happens to calls whose record cannot be written: they are refused, or go on and the loss is recorded.
    #[arg(long = "audit-when-full", env = "AUDIT_WHEN_FULL", value_enum, default_value_t = WhenFull::Refuse)]
    pub audit_when_full: WhenFull,

    /// File with a key of at least 32 bytes, which checkpoints are signed with (HMAC-SHA256).
    #[arg(long = "audit-key-file", env = "AUDIT_KEY_FILE", value_name = "FILE")]
    pub audit_key_file: Option<PathBuf>,
}

/// The audit, as it is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where records go.
    pub destination: Destination,
    /// What happens to calls whose record cannot be written.
    pub when_full: WhenFull,
    /// File with the key of checkpoints.
    pub key_file: Option<PathBuf>,
}

impl From<AuditArgs> for Settings {
    fn from(args: AuditArgs) -> Self {
        Self { destination: args.audit, when_full: args.audit_when_full, key_file: args.audit_key_file }
    }
}

/// Where records go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Destination {
    /// There are none.
    #[default]
    Off,
    /// Standard output, which nothing else is written to.
    Stdout,
    /// A file, or what else can be written to by its path.
    File(PathBuf),
}

impl FromStr for Destination {
    type Err = InvalidDestination;

    fn from_str(text: &str) -> Result<Self, InvalidDestination> {
        match text.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            None if text == "off" => Ok(Self::Off),
            None if text == "stdout" => Ok(Self::Stdout),
            _ => Err(InvalidDestination),
        }
    }
}

/// A text that names no destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write `stdout`, `file:` and a path, or `off`")]
pub struct InvalidDestination;

/// What happens to calls whose record cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum WhenFull {
    /// What cannot be recorded does not happen.
    #[default]
    Refuse,
    /// Calls go on; what is lost is counted, and recorded as soon as it can be.
    Continue,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        audit: AuditArgs,
    }

    #[test]
    fn nothing_is_written_unless_it_is_asked_for_and_then_nothing_goes_unwritten() {
        let settings = Settings::from(Cli::parse_from(["x"]).audit);
        assert_eq!(settings, Settings::default());
        assert_eq!((settings.destination, settings.when_full), (Destination::Off, WhenFull::Refuse));
    }

    #[test]
    fn a_destination_is_one_of_three() {
        assert_eq!("off".parse(), Ok(Destination::Off));
        assert_eq!("stdout".parse(), Ok(Destination::Stdout));
        assert_eq!("file:/var/audit.jsonl".parse(), Ok(Destination::File("/var/audit.jsonl".into())));
        for wrong in ["", "file", "file:", "/var/audit.jsonl", "stderr", "Off", "stdout:x"] {
            assert_eq!(wrong.parse::<Destination>(), Err(InvalidDestination), "{wrong}");
        }
    }
}
