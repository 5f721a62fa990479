//! Links that work once.

use telemetry::testing::Captured;

use super::*;

async fn site_with_links() -> Site {
    site_with(&[], |settings| settings.link = Some(Duration::from_secs(300))).await
}

/// Where a link leads, without the origin.
fn followed(link: &str) -> &str {
    link.strip_prefix("https://mcp.contoso.com").unwrap()
}

#[tokio::test]
async fn a_link_works_once_for_whoever_has_it() {
    let site = site_with_links().await;
    let kept = site.shop.keep(&person(1), b"mine");
    let link = site.shop.exports.link(&person(1), kept.id).unwrap();
    let head = site.ask("HEAD", followed(&link), None, &[]).await;
    assert_eq!(
        (head.status, head.header("content-length")),
        (StatusCode::OK, "4"),
        "a look does not use it up"
    );
    let answer = site.ask("GET", followed(&link), None, &[("range", "bytes=0-0")]).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (StatusCode::OK, &b"mine"[..]),
        "whole, for there is no second time"
    );
    assert_eq!((answer.header("accept-ranges"), answer.header("referrer-policy")), ("none", "no-referrer"));
    let again = site.ask("GET", followed(&link), None, &[]).await;
    assert_eq!(again.told(), (404, "export_not_found".to_owned()));
    assert_eq!(site.broker.lock().unwrap().asked, 0);
    // Who fetched it is who asked for the link.
    let records = site.records().await;
    let decisions: Vec<_> = records.iter().filter(|record| record["kind"] == "decision").collect();
    assert!(decisions.iter().all(|record| record["operation"] == "exports/link"));
    assert!(decisions.iter().all(|record| record["oid"] == person(1).1.to_string()));
    assert_eq!(decisions.len(), 2);
}

#[tokio::test]
async fn a_link_opens_its_own_export_in_its_own_time_and_nothing_else() {
    let site = site_with_links().await;
    let (kept, other) = (site.shop.keep(&person(1), b"mine"), site.shop.keep(&person(1), b"other"));
    assert_eq!(site.shop.exports.link(&person(2), kept.id), None, "not theirs");
    let link = site.shop.exports.link(&person(1), kept.id).unwrap();
    let secret = link.split_once("once=").unwrap().1;
    assert_eq!(secret.len(), 43, "256 bits");
    for at in [
        format!("{}?once={secret}", at(&other)),
        format!("{}?once={}", at(&kept), secret.to_uppercase()),
        format!("{}?once=", at(&kept)),
        format!("/exports/x?once={secret}"),
    ] {
        let refused = site.ask("GET", &at, None, &[]).await;
        assert_eq!(refused.told(), (404, "export_not_found".to_owned()), "{at}");
    }
    // With a token, the token counts.
    let hers = site.ask("GET", followed(&link), Some(&site.token(2, "cost.export")), &[]).await;
    assert_eq!(hers.told(), (404, "export_not_found".to_owned()));
    site.shop.clock.advance(SignedDuration::from_secs(300));
    let late = site.ask("GET", followed(&link), None, &[]).await;
    assert_eq!(late.told(), (404, "export_not_found".to_owned()));
}

#[tokio::test]
async fn links_are_off_unless_they_are_set_and_guesses_are_counted() {
    let off = site().await;
    let kept = off.shop.keep(&person(1), b"mine");
    assert_eq!(off.shop.exports.link(&person(1), kept.id), None);
    let refused = off.ask("GET", &format!("{}?once=x", at(&kept)), None, &[]).await;
    assert_eq!(refused.told(), (401, "missing_bearer".to_owned()));

    let on = site_with_links().await;
    let mut last = None;
    for _ in 0..=60 {
        last = Some(on.ask("GET", "/exports/x?once=x", None, &[]).await.told());
    }
    assert_eq!(last, Some((429, "rate_limited".to_owned())));
}

#[tokio::test]
async fn nothing_of_a_link_is_in_the_log_in_spans_in_records_or_on_the_disk() {
    let captured = Captured::install("trace");
    let site = site_with_links().await;
    let kept = site.shop.keep(&person(1), b"mine");
    let link = site.shop.exports.link(&person(1), kept.id).unwrap();
    let secret = link.split_once("once=").unwrap().1.to_owned();
    for _ in 0..2 {
        site.ask("GET", followed(&link), None, &[]).await;
    }
    let told = format!("{:?}\n{}\n{:?}", captured.spans(), captured.logs(), site.shop.exports);
    let records = site.records().await;
    assert!(told.contains("export fetched") && !records.is_empty());
    for place in [told, json!(records).to_string()] {
        assert!(!place.contains(&secret) && !place.contains("once="), "{place}");
    }
    let stored = site.shop.files().iter().flat_map(|file| fs::read(file).unwrap()).collect::<Vec<_>>();
    assert!(!stored.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
}
