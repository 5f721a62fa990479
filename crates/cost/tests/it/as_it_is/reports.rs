//! Reports: the dance in other steps, and files that are not quite what was promised.

use cost::{Error, Format};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::export::{export, link, plan, ready};
use crate::support::{always, client, client_with, in_turn, ok, requests, status};

const CSV: &str = "Date,Cost\r\n2026-11-01,1.5\r\n2026-11-02,2.5\r\n";

/// The file that an export writes.
async fn written(client: &cost::Client) -> Result<String, Error> {
    let (_, file, _) = export(client, &plan(Format::Csv)).await?;
    Ok(String::from_utf8(file).unwrap())
}

async fn dance(steps: impl FnOnce(&MockServer) -> Vec<ResponseTemplate>) -> (Result<String, Error>, usize) {
    let azure = MockServer::start().await;
    in_turn(&azure, steps(&azure)).await;
    let result = written(&client(&azure)).await;
    (result, requests(&azure).await.len())
}

/// The same of a report that comes to an empty file: how often Azure was asked.
async fn asked(steps: impl FnOnce(&MockServer) -> Vec<ResponseTemplate>) -> usize {
    let (result, asked) = dance(steps).await;
    assert_eq!(result.unwrap(), "");
    asked
}

fn place(azure: &MockServer, field: &'static str) -> ResponseTemplate {
    status(202).insert_header(field, format!("{}/operations/1?api-version=1", azure.uri()))
}

#[tokio::test]
async fn a_report_without_files_is_one_without_costs() {
    for manifest in [
        json!({"blobCount": 0, "blobs": null}),
        json!({"blobs": [], "compressData": null, "dataFormat": null, "byteCount": null}),
        json!({}),
    ] {
        let done = json!({"status": "Completed", "manifest": manifest});
        let (result, _) = dance(|_| vec![ok(&done)]).await;
        assert_eq!(result.unwrap(), "", "{manifest}");
    }
    // Files that were announced and are not there are no costs of nothing.
    for manifest in [
        json!({"blobCount": 2, "blobs": null}),
        json!({"byteCount": 9}),
        json!({"blobs": [{"blobLink": null}]}),
    ] {
        let done = json!({"status": "Completed", "manifest": manifest});
        let (result, _) = dance(|_| vec![ok(&done).insert_header("x-ms-request-id", "r-1")]).await;
        let error = result.unwrap_err();
        assert_eq!(error.code(), "unexpected_response", "{manifest}");
        assert_eq!(error.azure().unwrap().request_id.as_deref(), Some("r-1"));
    }
}

#[tokio::test]
async fn the_place_to_ask_may_stand_elsewhere() {
    for field in ["location", "azure-asyncoperation", "operation-location"] {
        assert_eq!(asked(|azure| vec![place(azure, field), ok(&ready(&[]))]).await, 2, "{field}");
    }
    let relative = status(202).insert_header("location", "/operations/1?api-version=1");
    assert_eq!(asked(|_| vec![relative, ok(&ready(&[]))]).await, 2);
    for elsewhere in ["//evil.example/x", "http://evil.example/x"] {
        let (result, asked) = dance(|_| vec![status(202).insert_header("location", elsewhere)]).await;
        assert_eq!((result.unwrap_err().code(), asked), ("untrusted_link", 1), "{elsewhere}");
    }
}

#[tokio::test]
async fn words_for_done_differ() {
    for done in ["Completed", "completed", "Succeeded", "SUCCEEDED", "Complete"] {
        let finished = json!({"status": done, "manifest": {"blobs": []}});
        for building in ["Running", "running", "Accepted", "SomethingNew"] {
            let steps = |azure: &MockServer| {
                vec![place(azure, "location"), ok(&json!({"status": building})), ok(&finished)]
            };
            assert_eq!(asked(steps).await, 3, "{building}, {done}");
        }
    }
    for failed in ["Failed", "failed", "Canceled", "Cancelled"] {
        let (result, asked) = dance(|_| vec![ok(&json!({"status": failed})); 2]).await;
        assert_eq!((result.unwrap_err().code(), asked), ("report_failed", 2), "{failed}");
    }
    assert_eq!(asked(|_| vec![ok(&json!({"status": "nodatafound"}))]).await, 1);
}

/// A report of one file, which the storage answers with this, and how often it was asked.
async fn one_file(
    report: impl FnOnce(Value) -> Value,
    answer: ResponseTemplate,
) -> (Result<String, Error>, usize) {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    always(&azure, ok(&report(ready(&[(link(&storage, "1"), 0)])))).await;
    always(&storage, answer).await;
    let result = written(&client_with(&azure, &[&storage])).await;
    (result, requests(&storage).await.len())
}

#[tokio::test]
async fn a_compressed_report_is_read() {
    const GZIP: &[u8] = include_bytes!("../../data/report.csv.gz");
    let compressed = |mut report: Value| {
        report["manifest"]["compressData"] = json!(true);
        report["manifest"]["blobs"][0]["byteCount"] = json!(GZIP.len());
        report
    };
    let (result, _) = one_file(compressed, status(200).set_body_bytes(GZIP)).await;
    assert_eq!(result.unwrap(), CSV);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_not_the_persons_nor_the_operators() {
    let no_gzip = status(200).insert_header("content-encoding", "gzip").set_body_string(CSV);
    let expired = status(403).set_body_string("<Error><Code>AuthenticationFailed</Code></Error>");
    let busy = status(429).insert_header("retry-after", "0");
    for (name, answer, code, tries, words) in [
        ("no gzip", no_gzip, "report_damaged", 1, "Ask again"),
        ("a cell more", status(200).set_body_string("a,b\n1,2,3\n"), "report_damaged", 1, "Ask again"),
        ("expired", expired, "report_link_expired", 6, "new link"),
        ("broken", status(500), "azure_unavailable", 11, "Ask again"),
        ("away", status(503), "azure_unavailable", 11, "Ask again"),
        ("late", status(408), "azure_unavailable", 11, "Ask again"),
        ("busy", busy, "azure_unavailable", 11, "Ask again"),
        ("odd", status(418), "unexpected_response", 1, "the server's log has the reason"),
    ] {
        let (result, asked) = one_file(|report| report, answer).await;
        let error = result.unwrap_err();
        assert_eq!((error.code(), asked), (code, tries), "{name}: {error}");
        let (detail, is_odd) = (error.detail(), code == "unexpected_response");
        assert!(detail.contains(words) && detail.contains("operator") == is_odd, "{name}: {detail}");
    }
}
