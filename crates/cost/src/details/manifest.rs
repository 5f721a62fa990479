//! What Azure says about a report: still being built, empty, failed, or where its files are.
//!
//! Nothing in here has a `Debug`: the links are permissions.

use reqwest::StatusCode;
use serde::Deserialize;

use crate::Error;
use crate::client::Answer;
use crate::error::{ErrorBody, from_report};

/// Azure cuts a report into files of up to 1 GB; more than this is no report of one month.
const MOST_FILES: usize = 64;

/// The state of a report.
pub(super) enum Report {
    Building,
    NoData,
    Ready(Manifest),
}

impl Report {
    pub(super) fn read(answer: &Answer) -> Result<Self, Error> {
        match answer.status {
            StatusCode::ACCEPTED => return Ok(Self::Building),
            StatusCode::NO_CONTENT => return Ok(Self::NoData),
            _ => {}
        }
        // Not the parser's own words: they quote what they could not read, and that may be a link.
        let body: Body = serde_json::from_slice(&answer.body)
            .map_err(|_| Error::UnexpectedResponse { what: "a report's state in another form" })?;
        match body.status {
            Status::Completed => body.manifest.map_or_else(
                || Err(Error::UnexpectedResponse { what: "a finished report without files" }),
                |manifest| manifest.check().map(Self::Ready),
            ),
            Status::NoDataFound => Ok(Self::NoData),
            Status::Failed => Err(from_report(&answer.headers, body.error)),
            Status::InProgress | Status::Queued => Ok(Self::Building),
        }
    }
}

/// The files of a finished report.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    data_format: Option<String>,
    #[serde(default)]
    compress_data: bool,
    byte_count: Option<u64>,
    #[serde(default)]
    blobs: Vec<Blob>,
}

impl Manifest {
    /// The links to the files, not yet checked.
    pub(super) fn links(&self) -> impl Iterator<Item = &str> {
        self.blobs.iter().map(|blob| blob.blob_link.as_str())
    }

    /// What Azure says the files amount to.
    pub(super) fn announced_bytes(&self) -> Option<u64> {
        let each = self.blobs.iter().map(|blob| blob.byte_count.unwrap_or(0)).fold(0, u64::saturating_add);
        Some(self.byte_count.unwrap_or(0).max(each)).filter(|bytes| *bytes > 0)
    }

    fn check(self) -> Result<Self, Error> {
        let is_csv = self.data_format.as_deref().is_none_or(|format| format.eq_ignore_ascii_case("Csv"));
        if !is_csv || self.compress_data {
            return Err(Error::UnexpectedResponse { what: "a report that is no plain CSV" });
        }
        if self.blobs.len() > MOST_FILES {
            return Err(Error::TooMany { what: "files", limit: MOST_FILES as u64 });
        }
        Ok(self)
    }
}

#[derive(Deserialize)]
struct Body {
    status: Status,
    manifest: Option<Manifest>,
    error: Option<ErrorBody>,
}

#[derive(Deserialize)]
enum Status {
    Completed,
    NoDataFound,
    Failed,
    InProgress,
    Queued,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    blob_link: String,
    byte_count: Option<u64>,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;
    use serde_json::{Value, json};

    use super::*;

    fn read(status: u16, body: &Value) -> Result<Report, Error> {
        let status = StatusCode::from_u16(status).unwrap();
        Report::read(&Answer { status, headers: HeaderMap::new(), body: Bytes::from(body.to_string()) })
    }

    fn code(result: Result<Report, Error>) -> &'static str {
        match result {
            Ok(Report::Building) => "building",
            Ok(Report::NoData) => "no data",
            Ok(Report::Ready(_)) => "ready",
            Err(error) => error.code(),
        }
    }

    #[test]
    fn the_specifications_examples_are_read() {
        for text in [
            include_str!("../../tests/data/2025-03-01.CostDetailsOperationResultsBySubscriptionScope.json"),
            include_str!(
                "../../tests/data/2026-06-01.GenerateCostDetailsReportBySubscriptionAndTimePeriod.json"
            ),
        ] {
            let example: Value = serde_json::from_str(text).unwrap();
            let Ok(Report::Ready(manifest)) = read(200, &example["responses"]["200"]["body"]) else {
                panic!("{text}")
            };
            assert_eq!(manifest.announced_bytes(), Some(32741));
            assert!(
                manifest
                    .links()
                    .all(|link| link.starts_with("https://ccmreportstorageeastus.blob.core.windows.net/"))
            );
            assert_eq!(manifest.links().count(), 1);
        }
    }

    #[test]
    fn every_state_has_its_meaning() {
        assert_eq!(code(read(202, &Value::Null)), "building");
        assert_eq!(code(read(204, &Value::Null)), "no data");
        assert_eq!(code(read(200, &json!({"status": "InProgress"}))), "building");
        assert_eq!(code(read(200, &json!({"status": "NoDataFound"}))), "no data");
        assert_eq!(code(read(200, &json!({"status": "Failed", "error": {"code": "X"}}))), "report_failed");
        let disabled = json!({"status": "Failed", "error": {"code": "AccountCostDisabled"}});
        assert_eq!(code(read(200, &disabled)), "cost_data_disabled");
        assert_eq!(code(read(200, &json!({"status": "Completed"}))), "unexpected_response");
        assert_eq!(code(read(200, &json!({"status": "SomethingNew"}))), "unexpected_response");
    }

    #[test]
    fn only_plain_csv_in_a_few_files_is_taken() {
        let completed =
            |manifest: Value| code(read(200, &json!({"status": "Completed", "manifest": manifest})));
        assert_eq!(completed(json!({"dataFormat": "csv", "blobs": []})), "ready");
        assert_eq!(completed(json!({"dataFormat": "Parquet"})), "unexpected_response");
        assert_eq!(completed(json!({"dataFormat": "Csv", "compressData": true})), "unexpected_response");
        let blob = json!({"blobLink": "https://x/", "byteCount": 1});
        assert_eq!(completed(json!({"blobs": vec![blob; MOST_FILES + 1]})), "too_large");
    }

    #[test]
    fn a_link_in_a_broken_answer_is_not_quoted() {
        let broken = json!({"status": "https://a.blob.core.windows.net/x?sig=hidden", "manifest": 1});
        let Err(error) = read(200, &broken) else { panic!() };
        assert!(!format!("{error} {error:?} {}", error.detail()).contains("sig="));
    }
}
