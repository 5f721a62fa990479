//! The cost details report: ordering, polling, and blobs behind signed links.

use std::io::Read as _;

use emulator::{Config, DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::Stand;

fn order_path(subscription: &str) -> String {
    let provider = "providers/Microsoft.CostManagement/generateCostDetailsReport";
    format!("/subscriptions/{subscription}/{provider}?api-version=2025-03-01")
}

fn period(start: &str, end: &str) -> Value {
    json!({"metric": "ActualCost", "timePeriod": {"start": start, "end": end}})
}

/// Orders and polls until complete.
async fn report(stand: &Stand, token: &str, subscription: &str, body: &Value) -> Value {
    let accepted = stand.arm_post(token, &order_path(subscription), body).await;
    assert_eq!(accepted.status(), 202);
    let location = accepted.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(accepted.headers()["retry-after"], "1");
    let pending = stand.arm_get(token, &location).await;
    assert_eq!(pending.status(), 202);
    assert_eq!(pending.headers()["location"].to_str().unwrap(), location);
    stand.arm_get(token, &location).await.json().await.unwrap()
}

#[tokio::test]
async fn a_report_is_complete_after_a_poll_and_has_several_blobs() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let body = period("2026-10-01", "2026-10-31");
    let done = report(&stand, &alice, PROD_SUBSCRIPTION, &body).await;
    assert_eq!(done["status"], "Completed");
    let manifest = &done["manifest"];
    assert_eq!((&manifest["dataFormat"], &manifest["requestContext"]["requestBody"]), (&"Csv".into(), &body));
    let blobs = manifest["blobs"].as_array().unwrap();
    assert!(blobs.len() > 1 && blobs.len() as u64 == manifest["blobCount"].as_u64().unwrap());

    let mut rows = 0;
    for blob in blobs {
        let response = stand.http.get(blob["blobLink"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        // Not `text()`: it would drop the byte order mark.
        let text = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
        assert_eq!(text.len() as u64, blob["byteCount"].as_u64().unwrap());
        assert!(text.starts_with("\u{feff}invoiceId,") && text.contains("costInBillingCurrency"));
        rows += text.lines().count() - 1;
    }
    assert!(rows > 31 * 20);
}

#[tokio::test]
async fn a_link_needs_its_signature_and_takes_no_token() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let done = report(&stand, &alice, DEV_SUBSCRIPTION, &period("2026-11-01", "2026-11-10")).await;
    let link = done["manifest"]["blobs"][0]["blobLink"].as_str().unwrap();

    let unsigned = link.split("&sig=").next().unwrap();
    assert_eq!(stand.http.get(unsigned).send().await.unwrap().status(), 403);
    let leaking = stand.http.get(link).bearer_auth(&alice).send().await.unwrap();
    assert_eq!(leaking.status(), 400);
    assert_eq!(stand.emulator.counts().blob_authorization_leaks, 1);
    stand.emulator.advance_clock(13 * 3_600);
    assert_eq!(stand.http.get(link).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn reports_are_for_those_who_may_see_the_scope() {
    let stand = Stand::start().await;
    let bob = stand.arm_token("bob").await;
    let refused =
        stand.arm_post(&bob, &order_path(PROD_SUBSCRIPTION), &period("2026-11-01", "2026-11-10")).await;
    assert_eq!(refused.status(), 403);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["error"]["code"], "AuthorizationFailed");

    let alice = stand.arm_token("alice").await;
    let ordered =
        stand.arm_post(&alice, &order_path(DEV_SUBSCRIPTION), &period("2026-11-01", "2026-11-10")).await;
    let location = ordered.headers()["location"].to_str().unwrap();
    assert_eq!(stand.arm_get(&bob, location).await.status(), 404, "an operation is its owner's");
}

#[tokio::test]
async fn periods_are_checked_and_may_be_empty() {
    let stand = Stand::with(Config {
        report_polls: 0,
        today: Some(jiff::civil::date(2026, 11, 20)),
        ..Config::default()
    })
    .await;
    let alice = stand.arm_token("alice").await;
    for (start, end) in
        [("2026-09-01", "2026-11-01"), ("2026-11-10", "2026-11-01"), ("2025-01-01", "2025-01-31")]
    {
        let refused = stand.arm_post(&alice, &order_path(DEV_SUBSCRIPTION), &period(start, end)).await;
        assert_eq!(refused.status(), 400, "{start} {end}");
    }
    let future =
        stand.arm_post(&alice, &order_path(DEV_SUBSCRIPTION), &period("2026-11-21", "2026-11-30")).await;
    let location = future.headers()["location"].to_str().unwrap();
    let done: Value = stand.arm_get(&alice, location).await.json().await.unwrap();
    assert_eq!((&done["status"], &done["manifest"]["blobCount"]), (&"NoDataFound".into(), &0.into()));
}

#[tokio::test]
async fn the_manifest_has_the_members_of_the_specification() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let done = report(&stand, &alice, DEV_SUBSCRIPTION, &period("2026-11-01", "2026-11-10")).await;
    let vector = include_str!("../data/2026-06-01.GenerateCostDetailsReportBySubscriptionAndTimePeriod.json");
    let vector: Value = serde_json::from_str(vector).unwrap();
    let expected = &vector["responses"]["200"]["body"];
    let members = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&done), members(expected));
    assert_eq!(members(&done["manifest"]), members(&expected["manifest"]));
    assert_eq!(members(&done["manifest"]["blobs"][0]), members(&expected["manifest"]["blobs"][0]));
}

/// The parts of an error of blob storage.
async fn said(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let code = response.headers()["x-ms-error-code"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["content-type"], "application/xml");
    let text = response.text().await.unwrap();
    assert!(text.contains(&format!("<Code>{code}</Code>")), "{text}");
    (status, code, text)
}

fn link(report: &Value, at: usize) -> &str {
    report["manifest"]["blobs"][at]["blobLink"].as_str().unwrap()
}

/// A report of November in Dev, in one blob.
async fn one_blob(stand: &Stand, token: &str) -> Value {
    report(stand, token, DEV_SUBSCRIPTION, &period("2026-11-01", "2026-11-10")).await
}

#[tokio::test]
async fn what_storage_refuses_it_says_in_its_own_words() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let done = one_blob(&stand, &alice).await;
    let (link, size) = (link(&done, 0), done["manifest"]["blobs"][0]["byteCount"].as_u64().unwrap());
    let get = |name: &'static str, value: String| stand.http.get(link).header(name, value).send();

    let outside = get("range", format!("bytes={size}-")).await.unwrap();
    assert_eq!(outside.headers()["content-range"], format!("bytes */{size}"));
    let (status, code, _) = said(outside).await;
    assert_eq!((status, code.as_str()), (416, "InvalidRange"));
    let (status, code, _) = said(get("if-match", "\"0x8\"".to_owned()).await.unwrap()).await;
    assert_eq!((status, code.as_str()), (412, "ConditionNotMet"));
    let (status, code, _) = said(get("range", "bytes=-5".to_owned()).await.unwrap()).await;
    assert_eq!((status, code.as_str()), (400, "InvalidHeaderValue"));

    let none = link.replace("part_0", "part_7");
    let (status, code, text) = said(stand.http.get(none).send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (403, "AuthenticationFailed"), "a signature is of one blob");
    assert!(text.contains("Signature did not match"));
    stand.emulator.faults().update(|settings| settings.reports.expired_links = 1);
    let (status, code, text) = said(stand.http.get(link).send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (403, "AuthenticationFailed"));
    assert!(text.contains("Signature not valid in the specified time frame"), "{text}");
    assert_eq!(stand.http.get(link).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_blob_that_was_cut_goes_on_where_it_was() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let done = one_blob(&stand, &alice).await;
    let link = link(&done, 0);
    let whole = stand.http.get(link).send().await.unwrap();
    let (etag, whole) = (whole.headers()["etag"].clone(), whole.bytes().await.unwrap());

    let cut = |times| {
        stand.emulator.faults().update(|settings| {
            (settings.reports.cuts, settings.reports.cut_after) = (times, 1_000);
        });
    };
    cut(1);
    let (mut got, mut broken) = (Vec::new(), false);
    match stand.http.get(link).send().await {
        Ok(mut first) => {
            assert_eq!(first.content_length(), Some(whole.len() as u64));
            while !broken {
                match first.chunk().await {
                    Ok(Some(chunk)) => got.extend_from_slice(&chunk),
                    Ok(None) => panic!("the whole blob came"),
                    Err(_) => broken = true,
                }
            }
        }
        // The head of the answer was lost too.
        Err(_) => broken = true,
    }
    assert!(broken && got.len() <= 1_000, "{}", got.len());
    let resumed = stand.http.get(link).header("range", format!("bytes={}-", got.len()));
    let resumed = resumed.header("if-match", &etag).send().await.unwrap();
    assert_eq!(resumed.status(), 206);
    let range = format!("bytes {}-{}/{}", got.len(), whole.len() - 1, whole.len());
    assert_eq!(resumed.headers()["content-range"], range.as_str());
    got.extend_from_slice(&resumed.bytes().await.unwrap());
    assert_eq!(got, whole);

    stand.emulator.faults().update(|settings| settings.reports.written_anew = 1);
    let changed =
        stand.http.get(link).header("range", "bytes=5-").header("if-match", &etag).send().await.unwrap();
    assert_eq!(changed.status(), 412);
    let anew = stand.http.get(link).send().await.unwrap();
    assert!(anew.headers()["etag"] != etag && anew.bytes().await.unwrap() == whole);
}

#[tokio::test]
async fn a_report_may_be_forgotten_or_fail_and_its_blobs_be_odd() {
    let config = Config { report_rows_per_blob: 50, ..Config::default() };
    let stand = Stand::with(Config { today: Some(jiff::civil::date(2026, 11, 20)), ..config }).await;
    let alice = stand.arm_token("alice").await;
    let order = async || {
        let body = period("2026-11-01", "2026-11-10");
        let ordered = stand.arm_post(&alice, &order_path(DEV_SUBSCRIPTION), &body).await;
        ordered.headers()["location"].to_str().unwrap().to_owned()
    };
    stand.emulator.faults().update(|settings| settings.reports.forgotten = 1);
    let location = order().await;
    for _ in 0..2 {
        assert_eq!(stand.arm_get(&alice, &location).await.status(), 404);
    }
    stand.emulator.faults().update(|settings| settings.reports.failed = 1);
    let location = order().await;
    assert_eq!(stand.arm_get(&alice, &location).await.status(), 202);
    let failed: Value = stand.arm_get(&alice, &location).await.json().await.unwrap();
    assert_eq!((&failed["status"], failed["error"]["code"].is_string()), (&"Failed".into(), true));

    stand.emulator.faults().update(|settings| settings.reports.odd_header = Some(1));
    let odd = one_blob(&stand, &alice).await;
    let head = async |at| {
        let text = stand.http.get(link(&odd, at)).send().await.unwrap().text().await.unwrap();
        text.lines().next().unwrap().trim_start_matches('\u{feff}').to_owned()
    };
    assert!(head(0).await.ends_with(",provider") && head(1).await.ends_with(",benefitName"));
}

#[tokio::test]
async fn compressed_blobs_hold_the_same_and_are_resumed_too() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let plain = one_blob(&stand, &alice).await;
    let plain = stand.http.get(link(&plain, 0)).send().await.unwrap().bytes().await.unwrap();
    stand.emulator.faults().update(|settings| settings.reports.compressed = true);
    let done = one_blob(&stand, &alice).await;
    assert_eq!(done["manifest"]["compressData"], true);
    let first = stand.http.get(link(&done, 0)).header("range", "bytes=0-99").send().await.unwrap();
    let mut packed = first.bytes().await.unwrap().to_vec();
    let rest = stand.http.get(link(&done, 0)).header("range", "bytes=100-").send().await.unwrap();
    packed.extend_from_slice(&rest.bytes().await.unwrap());
    assert_eq!(packed.len() as u64, done["manifest"]["byteCount"].as_u64().unwrap());
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain);
}

#[tokio::test]
async fn a_report_shows_what_was_known_when_it_was_ordered() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let done = report(&stand, &alice, DEV_SUBSCRIPTION, &period("2026-11-01", "2026-11-20")).await;
    let read = async || stand.http.get(link(&done, 0)).send().await.unwrap().bytes().await.unwrap();
    let before = read().await;
    stand.emulator.advance_clock(11 * 3_600);
    assert_eq!(read().await, before);
}

#[tokio::test]
async fn billing_scopes_have_reports_as_their_agreements_write_them() {
    let stand = Stand::start().await;
    let frank = stand.arm_token("frank").await;
    let order = async |scope: &str, body: &Value| {
        let path = format!(
            "{scope}/providers/Microsoft.CostManagement/generateCostDetailsReport?api-version=2025-03-01"
        );
        stand.arm_post(&frank, &path, body).await
    };
    let account = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31";
    for none in [
        "/providers/Microsoft.Management/managementGroups/contoso",
        account,
        &format!("{account}/billingProfiles/AAAA-BBBB-CCC-DDD/invoiceSections/EEEE-FFFF-GGG-HHH"),
    ] {
        assert_eq!(order(none, &period("2026-11-01", "2026-11-10")).await.status(), 404, "{none}");
    }
    let enrolment = "/providers/Microsoft.Billing/billingAccounts/8611537";
    let profile = format!("{account}/billingProfiles/AAAA-BBBB-CCC-DDD");
    let month = json!({"metric": "AmortizedCost", "billingPeriod": "202610"});
    for (scope, body, first) in [
        (enrolment, &month, "InvoiceSectionName,AccountName,"),
        (profile.as_str(), &period("2026-10-01", "2026-10-31"), "invoiceId,previousInvoiceId,"),
    ] {
        let ordered = order(scope, body).await;
        assert_eq!(ordered.status(), 202, "{scope}");
        let location = ordered.headers()["location"].to_str().unwrap().to_owned();
        assert_eq!(stand.arm_get(&frank, &location).await.status(), 202);
        let done: Value = stand.arm_get(&frank, &location).await.json().await.unwrap();
        let text = stand.http.get(link(&done, 0)).send().await.unwrap().text().await.unwrap();
        assert!(text.trim_start_matches('\u{feff}').starts_with(first), "{scope}");
    }
    assert_eq!(order(&profile, &month).await.status(), 400, "billing periods are an enrolment's");
}

#[tokio::test]
async fn what_is_ordered_wrongly_is_refused_in_the_words_of_the_specification() {
    let stand = Stand::start().await;
    let alice = stand.arm_token("alice").await;
    let days = json!({"start": "2026-11-01", "end": "2026-11-10"});
    for (body, sentence) in [
        (json!({"metric": "Usage"}), "Invalid Request Payload."),
        (json!({"timePeriod": days, "granularity": "Daily"}), "Invalid Request Payload."),
        (
            json!({"timePeriod": days, "invoiceId": "G0202610"}),
            "can only have either timePeriod or invoiceId",
        ),
        (period("2026-09-01", "2026-11-01"), "The maximum allowed date range is 1 months."),
        (period("2025-10-19", "2025-10-31"), "Start date must be after 2025-10-20."),
    ] {
        let refused = stand.arm_post(&alice, &order_path(DEV_SUBSCRIPTION), &body).await;
        assert_eq!(refused.status(), 400);
        let said: Value = refused.json().await.unwrap();
        assert!(said["error"]["message"].as_str().unwrap().contains(sentence), "{said}");
    }
    let exact =
        stand.arm_post(&alice, &order_path(DEV_SUBSCRIPTION), &period("2025-10-20", "2025-11-20")).await;
    assert_eq!(exact.status(), 202);
}
