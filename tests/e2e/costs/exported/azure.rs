//! Azure's own blobs of a report, fetched by nothing of the product.

use std::ops::RangeInclusive;
use std::time::Duration;

use e2e::Stack;
use emulator::{TokenKind, TokenSpec};
use jiff::civil::Date;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};

/// The blobs of the actual costs of these days, in Azure's order.
pub(super) async fn blobs(
    stack: &Stack,
    person: &str,
    scope: &str,
    days: RangeInclusive<Date>,
) -> Vec<Vec<u8>> {
    let (http, token) = (client(stack), stack.mint(&TokenSpec::for_person(person).kind(TokenKind::Arm)));
    let arm = stack.emulator.endpoints().arm.trim_end_matches('/');
    let url = format!(
        "{arm}{scope}/providers/Microsoft.CostManagement/generateCostDetailsReport?api-version=2025-03-01"
    );
    let period = json!({"start": days.start().to_string(), "end": days.end().to_string()});
    let order = json!({"metric": "ActualCost", "timePeriod": period});
    let accepted = http.post(url).bearer_auth(&token).json(&order).send().await.unwrap();
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    let report: Value = loop {
        let polled = http.get(&location).bearer_auth(&token).send().await.unwrap();
        if polled.status() == 200 {
            break polled.json().await.unwrap();
        }
        assert_eq!(polled.status(), 202);
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let mut blobs = Vec::new();
    for blob in report["manifest"]["blobs"].as_array().unwrap() {
        let got = http.get(blob["blobLink"].as_str().unwrap()).send().await.unwrap();
        blobs.push(got.bytes().await.unwrap().to_vec());
    }
    blobs
}

#[expect(clippy::disallowed_methods, reason = "speaks to the emulator on loopback, with its own authority")]
fn client(stack: &Stack) -> Client {
    let authority = Certificate::from_pem(stack.emulator.ca_pem().as_bytes()).unwrap();
    Client::builder().no_proxy().tls_certs_merge([authority]).build().unwrap()
}
