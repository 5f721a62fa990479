//! What Azure says about a report: still being built, empty, failed, or where its files are.
//!
//! Nothing in here has a `Debug`: the links are permissions.

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::client::Answer;
use crate::error::Error;
use crate::error::{ErrorBody, from_inside};
use crate::json;

/// Azure cuts a report into files of up to 1 GB; more than this is not a report of one month.
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
            StatusCode::NO_CONTENT => return Ok(Self::NoData),
            // What it says beside that does not matter, and often there is nothing.
            StatusCode::ACCEPTED => return Ok(Self::Building),
            _ => {}
        }
        let body: Body = answer.read("a report's state in another form")?;
        Self::of(body, answer).map_err(|error| error.in_answer(|| answer.described()))
    }

    fn of(body: Body, answer: &Answer) -> Result<Self, Error> {
        let Body { status, manifest, error, valid_till } = body;
        let manifest = manifest.map(|manifest| Manifest { valid_till, ..manifest });
        match (Status::of(status.as_deref()), manifest) {
            (Status::NoDataFound, _) => Ok(Self::NoData),
            (Status::Failed, _) => {
                Err(from_inside(StatusCode::OK, &answer.headers, error, Error::ReportFailed))
            }
            (Status::Completed | Status::Missing, Some(manifest)) => manifest.check(),
            (Status::Completed, None) => Err(Error::unexpected("a finished report without files")),
            (Status::Missing, None) => {
                answer.refusal_inside()?;
                Err(Error::unexpected("a report without a state"))
            }
            (Status::Building, _) | (Status::Other, None) => Ok(Self::Building),
            (Status::Other, Some(_)) => {
                Err(Error::unexpected("a report with files and a state that is not known"))
            }
        }
    }
}

/// The files of a finished report. A member that is null is one that is absent. `compressData` is not read: the files
/// themselves tell.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    #[serde(default, deserialize_with = "json::text")]
    data_format: Option<String>,
    #[serde(default, deserialize_with = "json::parsed")]
    byte_count: Option<u64>,
    #[serde(default, deserialize_with = "json::parsed")]
    blob_count: Option<usize>,
    #[serde(default, deserialize_with = "json::or_default")]
    blobs: Vec<Option<Blob>>,
    /// It stands beside the manifest.
    #[serde(skip)]
    valid_till: Option<Timestamp>,
}

impl Manifest {
    /// The links to the files, not yet checked.
    pub(super) fn links(&self) -> impl Iterator<Item = &str> {
        self.blobs.iter().flatten().filter_map(|blob| blob.blob_link.as_deref())
    }

    /// The sizes that Azure says they have, in the same order.
    pub(super) fn sizes(&self) -> impl Iterator<Item = Option<u64>> {
        let there = self.blobs.iter().flatten().filter(|blob| blob.blob_link.is_some());
        there.map(|blob| blob.byte_count)
    }

    /// When the links end, if Azure says.
    pub(super) const fn valid_till(&self) -> Option<Timestamp> {
        self.valid_till
    }

    /// What Azure says the files amount to.
    pub(super) fn announced_bytes(&self) -> Option<u64> {
        let each = self.blobs.iter().flatten().map(|blob| blob.byte_count.unwrap_or(0));
        let each = each.fold(0, u64::saturating_add);
        Some(self.byte_count.unwrap_or(0).max(each)).filter(|bytes| *bytes > 0)
    }

    fn check(self) -> Result<Report, Error> {
        let is_csv = self.data_format.as_deref().is_none_or(|format| format.eq_ignore_ascii_case("Csv"));
        if !is_csv {
            return Err(Error::unexpected("a report that is not a CSV"));
        }
        if self.blobs.len() > MOST_FILES {
            return Err(Error::TooMany { what: "files", limit: MOST_FILES as u64 });
        }
        // A part of the files would pass for the whole report.
        let there = self.links().count();
        let without_any = there == 0 && self.byte_count.is_some_and(|bytes| bytes > 0);
        if there < self.blobs.len().max(self.blob_count.unwrap_or(0)) || without_any {
            return Err(Error::unexpected("a finished report with fewer files than it announces"));
        }
        Ok(if there == 0 { Report::NoData } else { Report::Ready(self) })
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "json::text")]
    status: Option<String>,
    manifest: Option<Manifest>,
    error: Option<ErrorBody>,
    #[serde(default, rename = "validTill", deserialize_with = "json::parsed")]
    valid_till: Option<Timestamp>,
}

/// A state, in each of the words that Azure's services have for it, in any case. Microsoft itself wavered between Completed and
/// Succeeded: <https://github.com/Azure/azure-sdk-for-go/issues/20342>.
#[derive(Clone, Copy)]
enum Status {
    Completed,
    NoDataFound,
    Failed,
    Building,
    Missing,
    Other,
}

impl Status {
    fn of(word: Option<&str>) -> Self {
        let Some(word) = word.map(|word| word.trim().to_ascii_lowercase()) else { return Self::Missing };
        match word.as_str() {
            "completed" | "succeeded" | "complete" => Self::Completed,
            "nodatafound" => Self::NoDataFound,
            "failed" | "canceled" | "cancelled" => Self::Failed,
            "inprogress" | "queued" | "running" | "accepted" => Self::Building,
            _ => Self::Other,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    #[serde(default, deserialize_with = "json::text")]
    blob_link: Option<String>,
    #[serde(default, deserialize_with = "json::parsed")]
    byte_count: Option<u64>,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
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
        assert_eq!(code(read(200, &json!({"status": "SomethingNew"}))), "building");
        assert_eq!(
            code(read(200, &json!({"status": "SomethingNew", "manifest": {}}))),
            "unexpected_response"
        );
        assert_eq!(code(read(200, &json!({"status": null}))), "unexpected_response");
        assert_eq!(code(read(200, &json!({"status": null, "manifest": {"blobs": null}}))), "no data");
    }

    #[test]
    fn only_plain_csv_in_a_few_files_is_taken() {
        let completed =
            |manifest: Value| code(read(200, &json!({"status": "Completed", "manifest": manifest})));
        assert_eq!(completed(json!({"dataFormat": "csv", "blobs": []})), "no data");
        assert_eq!(completed(json!({"dataFormat": "Parquet"})), "unexpected_response");
        let blob = json!({"blobLink": "https://x/", "byteCount": 1});
        assert_eq!(completed(json!({"blobs": vec![blob; MOST_FILES + 1]})), "too_large");
    }

    #[test]
    fn a_link_in_a_broken_answer_is_not_quoted() {
        let broken = json!({"status": "https://a.blob.core.windows.net/x?sig=hidden", "manifest": 1});
        let Err(error) = read(200, &broken) else { panic!() };
        assert!(!format!("{error} {error:?} {}", error.detail()).contains("sig="));
    }

    /// A value of any plain type, or a list or object where one may stand.
    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            prop_oneof!["Completed", "succeeded", "Running", "true", "Csv", "9"].prop_map(Value::from),
            Just(json!([])),
            Just(json!([null, {"blobLink": null}, {"blobLink": "https://x/", "byteCount": "9"}])),
            Just(json!({"code": 1, "message": {"value": "m"}})),
        ]
    }

    proptest! {
        #[test]
        fn a_state_of_any_members_is_read_or_refused_with_a_reason(
            status in any_value(), error in any_value(), there in any::<bool>(),
            members in proptest::collection::hash_map(
                prop_oneof!["blobs", "blobCount", "byteCount", "compressData", "dataFormat"], any_value(), 0..5,
            ),
        ) {
            let manifest = if there { Value::Object(members.into_iter().collect()) } else { Value::Null };
            match read(200, &json!({"status": status, "error": error, "manifest": manifest})) {
                Ok(Report::Ready(manifest)) => prop_assert!(manifest.links().count() > 0),
                Ok(_) => {}
                Err(error) => prop_assert!(error.azure().is_some() || error.code() == "too_large", "{}", error),
            }
        }
    }
}
