//! The settings of exports.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use cost::{BadOpenData, OpenData};

/// What exports are kept in, as it is given.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Exports")]
pub struct ExportArgs {
    /// Directory in which exports are kept, sealed, until they expire [default: a private one in the system's temporary
    /// directory].
    #[arg(long, env = "GATEWAY_EXPORT_DIR")]
    pub export_dir: Option<PathBuf>,

    /// Room that all exports take on disk together, in bytes, those that are being written included.
    #[arg(long, env = "GATEWAY_EXPORT_BYTES", default_value_t = 2 * 1024 * 1024 * 1024,
          value_parser = clap::value_parser!(u64).range(1024 * 1024..))]
    pub export_bytes: u64,

    /// Exports that one person has at a time, those that are being written included.
    #[arg(long, env = "GATEWAY_EXPORT_COUNT", default_value_t = 8,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub export_count: u32,

    /// Time that an export is kept once it is ready, in seconds.
    #[arg(long, env = "GATEWAY_EXPORT_TTL_SECONDS", default_value_t = 3600,
          value_parser = clap::value_parser!(u64).range(60..=86_400))]
    pub export_ttl_seconds: u64,

    /// Longest export that is answered inline, if it is ready in time, in bytes. 0 answers none inline.
    #[arg(long, env = "GATEWAY_EXPORT_INLINE_BYTES", default_value_t = 64 * 1024,
          value_parser = clap::value_parser!(u64).range(0..=4 * 1024 * 1024))]
    pub export_inline_bytes: u64,

    /// Time that a one-time download link works, in seconds. 0, the default, makes none.
    #[arg(long, env = "GATEWAY_EXPORT_LINK_SECONDS", default_value_t = 0,
          value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub export_link_seconds: u64,

    /// Directory with the four files of the FinOps toolkit's open data, for the names in FOCUS files [default: a small table of
    /// our own].
    #[arg(long, env = "GATEWAY_EXPORT_FOCUS_DATA")]
    pub export_focus_data: Option<PathBuf>,
}

impl ExportArgs {
    /// Names of regions, services, types and units for FOCUS files.
    pub(crate) fn open_data(&self) -> Result<OpenData, FocusDataError> {
        let loaded = self.export_focus_data.as_deref().map(OpenData::load);
        Ok(loaded.transpose()?.unwrap_or_default())
    }
}

/// The directory of open data cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("GATEWAY_EXPORT_FOCUS_DATA: {0}")]
pub struct FocusDataError(#[from] BadOpenData);

/// What exports are kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportSettings {
    /// The directory, unless it is one of the process.
    pub dir: Option<PathBuf>,
    /// Bytes on disk of all exports.
    pub bytes: u64,
    /// Exports of one person.
    pub count: usize,
    /// How long an export is kept.
    pub ttl: Duration,
    /// The longest that is answered inline, in bytes.
    pub inline_bytes: u64,
    /// How long a one-time link works, where there are any.
    pub link: Option<Duration>,
}

impl From<ExportArgs> for ExportSettings {
    fn from(args: ExportArgs) -> Self {
        Self {
            dir: args.export_dir,
            bytes: args.export_bytes,
            count: usize::try_from(args.export_count).unwrap_or(usize::MAX),
            ttl: Duration::from_secs(args.export_ttl_seconds),
            inline_bytes: args.export_inline_bytes,
            link: (args.export_link_seconds > 0).then(|| Duration::from_secs(args.export_link_seconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Given {
        #[command(flatten)]
        exports: ExportArgs,
    }

    #[test]
    fn open_data_that_is_not_there_is_told_with_its_setting_and_the_file() {
        let args = |given: &[&str]| Given::parse_from([&["gateway"], given].concat()).exports;
        assert!(args(&[]).open_data().is_ok());
        let error = args(&["--export-focus-data=/nowhere"]).open_data().unwrap_err().to_string();
        assert!(error.starts_with("GATEWAY_EXPORT_FOCUS_DATA: /nowhere/Regions.csv"), "{error}");
    }
}
