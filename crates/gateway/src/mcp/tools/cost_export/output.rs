//! What `cost_export` answers.

use cost::ExportSnapshot;
use jiff::Timestamp;
use jiff::civil::Date;
use rmcp::model::Resource;
use schemars::JsonSchema;
use serde::Serialize;

use super::{metric, text};
use crate::exports::Kept;
use crate::mcp::answer::Answer;
use crate::mcp::exporting::Job;

/// When to ask again where nobody knows, in seconds.
const SOON: u64 = 5;

/// An export.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub(in crate::mcp) struct Output {
    /// The id to ask again with.
    export_id: String,
    /// "running", "ready" or "expired". One that failed is an error.
    status: &'static str,
    /// What is exported.
    #[serde(flatten)]
    about: Option<About>,
    /// When to ask again.
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_in_seconds: Option<u64>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    /// Where the file is fetched, with the bearer token of the same person.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    /// Where anybody fetches it once, within minutes; where the operator allows such links.
    #[serde(skip_serializing_if = "Option::is_none")]
    download_link: Option<String>,
    /// What the file is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its length in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// Its media type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    media_type: Option<&'static str>,
    /// How many charges it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    /// Its SHA-256, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// Until when it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// The file itself, where it is small: cells are as Azure wrote them.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// What is exported.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct About {
    /// The scope's path.
    scope: String,
    /// The days, both included.
    period: Days,
    /// "actual", "amortized", or both.
    metric: &'static str,
    /// The form of the file.
    format: &'static str,
    #[serde(skip)]
    pub(super) title: String,
    #[serde(skip)]
    pub(super) note: String,
}

/// First and last day.
#[derive(Debug, JsonSchema, Serialize)]
struct Days {
    from: Date,
    to: Date,
}

/// How far an export is.
#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Progress {
    /// Reports of Azure's that it takes, and that are done.
    pub(super) reports: u64,
    pub(super) reports_done: u64,
    /// How often Azure was asked whether one is ready.
    pub(super) polls: u64,
    /// Files of theirs that are known of, and that are done.
    pub(super) blobs: u64,
    pub(super) blobs_done: u64,
    /// Bytes that came, and that are announced.
    pub(super) bytes: u64,
    pub(super) bytes_announced: u64,
    /// Charges that were written.
    pub(super) rows: u64,
}

impl About {
    pub(super) fn of(job: &Job) -> Self {
        let plan = &job.order.plan;
        Self {
            scope: plan.scope().to_string(),
            period: Days { from: plan.period().from(), to: plan.period().to() },
            metric: metric(plan),
            format: plan.format().name(),
            title: job.order.title.clone(),
            note: job.order.note.clone(),
        }
    }

    /// What a text calls it.
    pub(super) fn called(&self) -> String {
        let Self { title, metric, format, period: Days { from, to }, .. } = self;
        format!("{title}, {metric} cost details from {from} to {to} as {format}")
    }
}

impl Output {
    pub(super) fn running(id: String, about: About, so_far: &ExportSnapshot) -> Answer<Self> {
        let progress = Progress::from(so_far);
        let seconds = so_far.ready_in.map_or(SOON, |wait| wait.as_secs().max(1));
        let text = text::running(&id, &about, &progress, seconds);
        let data = Self {
            export_id: id,
            status: "running",
            about: Some(about),
            ready_in_seconds: Some(seconds),
            progress: Some(progress),
            ..Self::default()
        };
        Answer { text, data }
    }

    pub(super) fn ready(
        about: Option<About>,
        kept: &Kept,
        (uri, download_link): (String, Option<String>),
        content: Option<String>,
    ) -> Answer<Self> {
        let text = text::ready(about.as_ref(), kept, (&uri, download_link.as_deref()), content.as_deref());
        let data = Self {
            export_id: kept.id.to_string(),
            status: "ready",
            about,
            uri: Some(uri),
            download_link,
            name: Some(kept.about.file_name.clone()),
            size: Some(kept.size),
            media_type: Some(kept.about.media_type),
            rows: Some(kept.about.rows),
            sha256: Some(kept.sha256.clone()),
            expires_at: Some(kept.expires_at),
            content,
            ..Self::default()
        };
        Answer { text, data }
    }

    pub(super) fn expired(about: About, kept: &Kept) -> Answer<Self> {
        let text = text::expired(&about, kept);
        let (export_id, expires_at) = (kept.id.to_string(), Some(kept.expires_at));
        let data = Self { export_id, status: "expired", about: Some(about), expires_at, ..Self::default() };
        Answer { text, data }
    }

    /// The link to the file, where it is ready.
    pub(super) fn link(&self) -> Option<Resource> {
        let (uri, name) = (self.uri.clone()?, self.name.clone()?);
        let link = Resource::new(uri, name).with_mime_type(self.media_type?).with_size(self.size?);
        Some(link.with_description("Fetched with the bearer token of the person who asked for it."))
    }
}

impl From<&ExportSnapshot> for Progress {
    fn from(so_far: &ExportSnapshot) -> Self {
        Self {
            reports: so_far.reports,
            reports_done: so_far.reports_done,
            polls: so_far.polls,
            blobs: so_far.blobs,
            blobs_done: so_far.blobs_done,
            bytes: so_far.bytes_read,
            bytes_announced: so_far.bytes_announced,
            rows: so_far.rows,
        }
    }
}
