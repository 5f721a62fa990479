//! Why an export is not kept: each with one code, and a sentence that says what to do.

use std::error::Error;
use std::io;

/// Why an export cannot be begun, or cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExportFault {
    /// This person has as many as one may have.
    #[error(
        "you have {most} exports here, as many as one person may have at a time; {}",
        wait(*retry_in_seconds)
    )]
    TooMany {
        /// How many one person may have.
        most: usize,
        /// When the first of them expires, where one is ready.
        retry_in_seconds: Option<u64>,
    },
    /// All exports together take all the room there is.
    #[error("the exports of all people take all the room that this server gives them; {}", wait(*retry_in_seconds))]
    NoRoom {
        /// When the next one expires, where one is ready.
        retry_in_seconds: Option<u64>,
    },
    /// This export alone is larger than the room for all.
    #[error(
        "the export is larger than the {most} bytes that this server keeps; ask for a shorter period, fewer columns, or a \
         compressed format (csv.gz, parquet)"
    )]
    TooLarge {
        /// Bytes on disk of all exports.
        most: u64,
    },
    /// The disk has no room.
    #[error(
        "the disk that this server keeps exports on is full; tell its operator, and ask again once there is room"
    )]
    DiskFull,
    /// The disk, or the directory on it, cannot be used.
    #[error(
        "this server cannot keep exports at present; its operator has been told in the log; ask again later"
    )]
    Unavailable,
}

impl ExportFault {
    /// The code, the same string in answers, logs and metrics.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "export_too_many",
            Self::NoRoom { .. } => "export_no_room",
            Self::TooLarge { .. } => "export_too_large",
            Self::DiskFull => "export_disk_full",
            Self::Unavailable => "export_store_unavailable",
        }
    }

    /// When it may be asked again, where that is known.
    pub(crate) const fn retry_in_seconds(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_in_seconds, .. } | Self::NoRoom { retry_in_seconds } => *retry_in_seconds,
            Self::TooLarge { .. } | Self::DiskFull | Self::Unavailable => None,
        }
    }

    /// The fault that stands behind an error, at whatever depth: those who write into a draft see an [`io::Error`].
    pub(crate) fn behind(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<Self>() {
                return Some(fault.clone());
            }
            // What is within an `io::Error` is not its source, but itself.
            let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = within.map(|within| within as &(dyn Error + 'static)).or_else(|| error.source());
        }
        None
    }
}

/// What an error of the file system means for who writes an export.
impl From<&io::Error> for ExportFault {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Unavailable,
        }
    }
}

impl From<ExportFault> for io::Error {
    fn from(fault: ExportFault) -> Self {
        Self::other(fault)
    }
}

fn wait(seconds: Option<u64>) -> String {
    match seconds {
        Some(seconds) => format!("the next one expires in {} seconds: ask again then", seconds.max(1)),
        None => "wait until one is ready, and ask again later".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_fault_is_found_behind_what_others_made_of_it() {
        let fault = ExportFault::TooLarge { most: 7 };
        assert_eq!(ExportFault::behind(&fault), Some(fault.clone()));
        assert_eq!(ExportFault::behind(&io::Error::from(fault.clone())), Some(fault.clone()));
        assert_eq!(ExportFault::behind(&Outer(fault.clone().into())), Some(fault.clone()));
        let deep = io::Error::other(Outer(io::Error::other(io::Error::from(fault.clone()))));
        assert_eq!(ExportFault::behind(&deep), Some(fault));
        assert_eq!(ExportFault::behind(&io::Error::other("no")), None);
    }
}
