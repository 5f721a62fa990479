//! What can go wrong with reports of cost details and with their blobs, and in which other form they come.

use serde::{Deserialize, Serialize};

/// Of the reports that are ordered from now on, and of the polls and reads to come. Numbers are of how many; each is one less.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportFaults {
    /// Blobs of new reports are compressed by gzip, and the manifest says so (`compressData`).
    pub compressed: bool,
    /// The blob of new reports, by its number, whose header differs from the others'.
    pub odd_header: Option<usize>,
    /// Polls that find nothing: Azure has forgotten the operation.
    pub forgotten: u32,
    /// Polls of a complete report that are told that it failed.
    pub failed: u32,
    /// Reads of a blob whose connection is cut.
    pub cuts: u32,
    /// After how many bytes of the answer's body it is cut.
    pub cut_after: u64,
    /// Reads of a blob whose link has expired, although it was to live on.
    pub expired_links: u32,
    /// Reads of a part of a blob that find it written anew, under another `ETag`.
    pub written_anew: u32,
}
