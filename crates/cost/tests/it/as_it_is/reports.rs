//! Reports: the dance in other steps, and files that are not quite what was promised.

use cost::{CostDetails, Error};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::details::{details, link, ready};
use crate::raw::{Raw, cut, whole};
use crate::support::{always, client, client_with, in_turn, ok, refusal, requests, status};

const CSV: &str = "Date,Cost\r\n2026-11-01,1.5\r\n2026-11-02,2.5\r\n";

async fn dance(
    steps: impl FnOnce(&MockServer) -> Vec<ResponseTemplate>,
) -> (Result<CostDetails, Error>, usize) {
    let azure = MockServer::start().await;
    in_turn(&azure, steps(&azure)).await;
    let result = details(&client(&azure)).await;
    (result, requests(&azure).await.len())
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
        assert_eq!(result.unwrap(), CostDetails::default(), "{manifest}");
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
        let (result, asked) = dance(|azure| vec![place(azure, field), ok(&ready(&[]))]).await;
        assert_eq!((result.map(|_| ()).map_err(|e| e.to_string()), asked), (Ok(()), 2), "{field}");
    }
    let (result, asked) = dance(|_| {
        vec![status(202).insert_header("location", "/operations/1?api-version=1"), ok(&ready(&[]))]
    })
    .await;
    assert_eq!((result.map(|_| ()).map_err(|e| e.to_string()), asked), (Ok(()), 2), "relative");
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
            let (result, asked) = dance(steps).await;
            assert_eq!(
                (result.map(|_| ()).map_err(|e| e.to_string()), asked),
                (Ok(()), 3),
                "{building}, {done}"
            );
        }
    }
    for failed in ["Failed", "failed", "Canceled", "Cancelled"] {
        let (result, _) = dance(|_| vec![ok(&json!({"status": failed}))]).await;
        assert_eq!(result.unwrap_err().code(), "report_failed", "{failed}");
    }
    let (result, _) = dance(|_| vec![ok(&json!({"status": "nodatafound"}))]).await;
    assert_eq!(result.unwrap(), CostDetails::default());
}

#[tokio::test]
async fn a_406_while_polling_is_tried_again() {
    let steps = |azure: &MockServer| vec![place(azure, "location"), status(406), ok(&ready(&[]))];
    let (result, asked) = dance(steps).await;
    assert_eq!((result.map(|_| ()).map_err(|e| e.to_string()), asked), (Ok(()), 3));
}

#[tokio::test]
async fn an_offer_without_reports_is_told() {
    let message = "Unsupported request. offer type: WebDirect is not supported for this operation";
    let body = json!({"error": {"code": "422", "message": message}});
    let (result, _) = dance(|_| vec![status(422).set_body_json(body)]).await;
    let error = result.unwrap_err();
    assert_eq!(error.code(), "no_report_of_offer");
    assert!(error.detail().contains("cost_query"), "{}", error.detail());
    let (result, _) = dance(|_| vec![refusal(413, "413")]).await;
    assert_eq!(result.unwrap_err().code(), "too_large");
}

/// A report of these files.
async fn files(answers: Vec<ResponseTemplate>) -> Result<CostDetails, Error> {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    let links: Vec<_> = (0..answers.len()).map(|number| link(&storage, &number.to_string())).collect();
    always(&azure, ok(&ready(&links))).await;
    in_turn(&storage, answers).await;
    details(&client_with(&azure, &[&storage])).await
}

fn file(text: &str) -> ResponseTemplate {
    status(200).set_body_string(text)
}

#[tokio::test]
async fn every_byte_order_mark_is_taken_off() {
    const MARKED: &str = "\u{feff}InvoiceId,Cost\r\n\u{feff}G0001,1\r\n";
    assert_eq!(files(vec![file(MARKED)]).await.unwrap().csv, "InvoiceId,Cost\r\nG0001,1\r\n");
    let both =
        files(vec![file(MARKED), file("\u{feff}InvoiceId,Cost\r\n\u{feff}\"G0002\",2\r\n")]).await.unwrap();
    assert_eq!((both.csv.as_str(), both.rows), ("InvoiceId,Cost\r\nG0001,1\r\n\"G0002\",2\r\n", 2));
}

#[tokio::test]
async fn headers_may_differ_in_case() {
    let both =
        files(vec![file("Date,CostInBillingCurrency\n1,2\n"), file("date,costInBillingCurrency\n3,4\n")])
            .await;
    assert_eq!(both.unwrap().csv, "Date,CostInBillingCurrency\n1,2\n3,4\n");
}

/// `CSV`, compressed.
const GZIP: &[u8] = include_bytes!("../../data/report.csv.gz");

#[tokio::test]
async fn a_compressed_report_is_read() {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    let mut report: Value = ready(&[link(&storage, "1")]);
    report["manifest"]["compressData"] = json!(true);
    always(&azure, ok(&report)).await;
    always(&storage, status(200).set_body_bytes(GZIP)).await;
    let details = details(&client_with(&azure, &[&storage])).await.unwrap();
    assert_eq!((details.csv.as_str(), details.rows), (CSV, 2));
}

#[tokio::test]
async fn damage_is_told_as_damage() {
    for (name, answer, code, words) in [
        (
            "no gzip",
            status(200).insert_header("content-encoding", "gzip").set_body_string(CSV),
            "report_damaged",
            "Ask again",
        ),
        ("one cell more", file("a,b\n1,2,3\n"), "report_damaged", "Ask again"),
        (
            "expired",
            status(403)
                .insert_header("x-ms-request-id", "s-1")
                .set_body_string("<Error><Code>AuthenticationFailed</Code></Error>"),
            "report_link_expired",
            "new link",
        ),
        ("gone", status(404), "report_link_expired", "new link"),
    ] {
        let error = files(vec![answer]).await.unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.detail().contains(words), "{name}: {}", error.detail());
        assert!(!error.detail().contains("operator"), "{name}: {}", error.detail());
    }
}

#[tokio::test]
async fn a_file_that_breaks_off_goes_on_where_it_was() {
    let (start, rest) = CSV.split_at(20);
    let range = format!("content-range: bytes 20-{}/{}\r\n", CSV.len() - 1, CSV.len());
    for (name, second) in [("goes on", whole(206, &range, rest)), ("knows no ranges", whole(200, "", CSV))] {
        let storage = Raw::start(vec![cut(200, "etag: \"1\"\r\n", CSV, start.len()), second]).await;
        let azure = MockServer::start().await;
        always(&azure, ok(&ready(&[format!("http://{}/armreports/1?sig=1", storage.address)]))).await;
        let arm = azure.uri().parse().unwrap();
        let client = cost::Client::new(crate::support::http(), arm, vec![storage.address.clone()])
            .with_settings(crate::support::settings());
        assert_eq!(details(&client).await.unwrap().csv, CSV, "{name}");
        let asked = storage.requests();
        assert_eq!(asked.len(), 2, "{name}");
        assert!(asked[1].contains("range: bytes=20-"), "{name}: {}", asked[1]);
    }
}

#[tokio::test]
async fn what_is_too_large_names_a_step_there_is() {
    let (azure, storage) = (MockServer::start().await, MockServer::start().await);
    let mut report = ready(&[link(&storage, "1")]);
    report["manifest"]["byteCount"] = json!(92_000_000_u64);
    always(&azure, ok(&report)).await;
    let error = details(&client_with(&azure, &[&storage])).await.unwrap_err();
    assert_eq!(error.code(), "too_large");
    assert!(
        error.detail().contains("fewer days") && !error.detail().contains("resource group"),
        "{}",
        error.detail()
    );
}
