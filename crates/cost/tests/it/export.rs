use std::sync::Arc;

use cost::{Client, Error, ExportPlan, ExportProgress, ExportSnapshot, Exported, Format, Metric};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{PROD, TOKEN, client_with, in_turn, november, ok, prod_scope, requests, status, token};

mod readers;
mod recovery;

pub(crate) const SAS: &str = "sv=2020-05-31&sr=b&sig=S3cr3tSignature%3D";

pub(crate) fn plan(format: Format) -> ExportPlan {
    ExportPlan::new(prod_scope(), format, november(), Metric::Actual).unwrap()
}

pub(crate) async fn export(
    client: &Client,
    plan: &ExportPlan,
) -> Result<(Exported, Vec<u8>, ExportSnapshot), Error> {
    let progress = Arc::new(ExportProgress::default());
    let (exported, file) = client.export(plan, &token(), Vec::new(), &progress).await?;
    Ok((exported, file, progress.snapshot()))
}

pub(crate) fn building(azure: &MockServer) -> ResponseTemplate {
    let location = format!("{}/operations/1?api-version=2025-03-01", azure.uri());
    status(202).insert_header("location", location).insert_header("retry-after", "0")
}

pub(crate) fn ready(files: &[(String, usize)]) -> Value {
    let blobs: Vec<Value> =
        files.iter().map(|(link, bytes)| json!({"blobLink": link, "byteCount": bytes})).collect();
    json!({
        "status": "Completed",
        "manifest": {"dataFormat": "Csv", "compressData": false, "blobCount": files.len(), "blobs": blobs},
    })
}

pub(crate) fn link(storage: &MockServer, file: &str) -> String {
    format!("{}/armreports/{file}?{SAS}", storage.uri())
}

/// Has a file in the storage, and its entry for the manifest.
pub(crate) async fn file(storage: &MockServer, name: &str, text: &str) -> (String, usize) {
    let answer = status(200).set_body_string(text).insert_header("etag", "\"0x8D\"");
    Mock::given(method("GET"))
        .and(path(format!("/armreports/{name}")))
        .respond_with(answer)
        .mount(storage)
        .await;
    (link(storage, name), text.len())
}

#[tokio::test]
async fn the_whole_dance() {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    let first = file(&storage, "1", "\u{feff}Date,Cost\r\n2026-11-01,1.5\r\n").await;
    let second = file(&storage, "2", "\u{feff}date,cost\r\n2026-11-02,2.5\r\n").await;
    in_turn(&azure, [building(&azure), building(&azure), ok(&ready(&[first, second]))]).await;

    let (exported, file, progress) =
        export(&client_with(&azure, &[&storage]), &plan(Format::Csv)).await.unwrap();
    assert_eq!(String::from_utf8(file).unwrap(), "\u{feff}Date,Cost\r\n2026-11-01,1.5\r\n2026-11-02,2.5\r\n");
    assert_eq!((exported.rows, exported.bytes_read), (2, 60));
    let seen = (progress.reports_done, progress.polls, progress.blobs_done, progress.bytes_announced);
    assert_eq!(seen, (1, 2, 2, 60));

    let asked = requests(&azure).await;
    let start = format!("/subscriptions/{PROD}/providers/Microsoft.CostManagement/generateCostDetailsReport");
    let paths: Vec<_> = asked.iter().map(|request| (request.method.as_str(), request.url.path())).collect();
    assert_eq!(paths, [("POST", start.as_str()), ("GET", "/operations/1"), ("GET", "/operations/1")]);
    let expected =
        json!({"metric": "ActualCost", "timePeriod": {"start": "2026-11-01", "end": "2026-11-21"}});
    assert_eq!(asked[0].body_json::<Value>().unwrap(), expected);
    assert!(asked.iter().all(|request| request.headers["authorization"] == format!("Bearer {TOKEN}")));

    let fetched = requests(&storage).await;
    assert_eq!(fetched.len(), 2);
    for request in fetched {
        assert!(!request.headers.contains_key("authorization"));
        assert!(!request.headers.contains_key("clienttype"));
        assert_eq!(request.url.query(), Some(SAS));
    }
}
