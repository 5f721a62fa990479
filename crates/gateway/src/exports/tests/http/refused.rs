//! Who gets nothing, and what they learn from that.

use super::*;

#[tokio::test]
async fn the_scope_is_judged_before_anything_is_looked_up_and_then_all_that_is_not_theirs_is_one_answer() {
    let site = site().await;
    let (mine, hers) = (site.shop.keep(&person(1), b"mine"), site.shop.keep(&person(2), b"hers"));
    let [never, written] = [0, 1].map(|_| site.shop.exports.new_id().unwrap());
    let _draft = site.shop.exports.begin(&person(1), written).unwrap();
    let ids = [
        hers.id.to_string(),
        never.to_string(),
        written.to_string(),
        "x".to_owned(),
        "..%2F..%2Fetc%2Fpasswd".to_owned(),
        "%2e%2e".to_owned(),
        mine.id.to_string().to_uppercase() + "0",
        format!("{}%00", mine.id),
        "a".repeat(5000),
    ];
    let without = site.token(1, "cost.read");
    for id in ids.iter().chain([&mine.id.to_string()]) {
        let at = format!("/exports/{id}");
        let refused = site.ask("GET", &at, Some(&without), &[]).await;
        assert_eq!(refused.told(), (403, "missing_scope:cost.export".to_owned()), "{id}");
        assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    }
    assert_eq!(site.broker.lock().unwrap().asked, 0, "nobody is exchanged for who may not");
    let mut documents = Vec::new();
    for id in &ids {
        let answer = site.get(&format!("/exports/{id}"), &[]).await;
        assert_eq!(answer.told(), (404, "export_not_found".to_owned()), "{id}");
        documents.push((answer.body, answer.headers));
    }
    assert!(documents.windows(2).all(|two| two[0] == two[1]), "not a byte tells them apart");
    assert_eq!(site.broker.lock().unwrap().asked, ids.len(), "each was vouched for before");
    let foreign = site.signed(&json!({"oid": person(1).1.to_string(), "tid": "bbbbaaaa-0000-cccc-1111-dddd2222eeee", "scp": "cost.export"}));
    assert_eq!(
        site.ask("GET", &at(&mine), Some(&foreign), &[]).await.status,
        401,
        "another tenant's are not proved"
    );
    assert_eq!(site.get(&at(&mine), &[]).await.body, b"mine");
}

#[tokio::test]
async fn without_a_token_it_is_the_401_of_everything_here() {
    let site = site_with(&[], |settings| settings.link = Some(Duration::from_secs(60))).await;
    let kept = site.shop.keep(&person(1), b"mine");
    for at in [at(&kept), "/exports/x".to_owned(), format!("{}?twice=x", at(&kept))] {
        let refused = site.ask("GET", &at, None, &[("accept", "text/html")]).await;
        assert_eq!(refused.told(), (401, "missing_bearer".to_owned()));
        assert!(refused.header("www-authenticate").contains("resource_metadata"));
    }
    let app = site.signed(&json!({"oid": person(1).1.to_string(), "idtyp": "app", "roles": ["x"]}));
    assert_eq!(site.ask("GET", &at(&kept), Some(&app), &[]).await.told(), (403, "app_only_token".to_owned()));
}

#[tokio::test]
async fn the_broker_is_asked_each_time_and_its_refusals_are_the_answer() {
    let site = site().await;
    let kept = site.shop.keep(&person(1), b"mine");
    for (says, expected) in [
        (
            Refusal::claims(json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}})),
            (403, "claims_challenge"),
        ),
        (Refusal::challenged(""), (401, "invalid_token")),
        (Refusal::BrokerUnavailable, (503, "broker_unavailable")),
    ] {
        site.broker.lock().unwrap().says = Err(says);
        let (status, code) = expected;
        for at in [at(&kept), "/exports/x".to_owned()] {
            assert_eq!(site.get(&at, &[]).await.told(), (status, code.to_owned()), "{at}");
        }
    }
    site.broker.lock().unwrap().says = Ok(());
    assert_eq!(site.get(&at(&kept), &[]).await.body, b"mine");
}

#[tokio::test]
async fn calls_are_counted_as_all_calls_are() {
    let site = site_with(&["--calls-per-minute=2"], |_| ()).await;
    let kept = site.shop.keep(&person(1), b"mine");
    for _ in 0..2 {
        assert_eq!(site.get(&at(&kept), &[]).await.status, StatusCode::OK);
    }
    let refused = site.get(&at(&kept), &[]).await;
    assert_eq!(refused.told(), (429, "rate_limited".to_owned()));
}

#[tokio::test]
async fn what_another_process_made_is_said_to_be_elsewhere() {
    let site = site().await;
    let other = start(site.shop.exports.settings().clone(), &site.shop.clock);
    let mut draft = other.begin(&person(1), other.new_id().unwrap()).unwrap();
    draft.write_all(b"there").unwrap();
    let kept = draft.finish(about()).unwrap();
    let answer = site.get(&at(&kept), &[]).await;
    assert_eq!(answer.told(), (421, "export_elsewhere".to_owned()));
    // Whether there is one is that process's to say.
    let never = other.new_id().unwrap();
    assert_eq!(site.get(&format!("/exports/{never}"), &[]).await.body, answer.body);
}

#[tokio::test]
async fn a_decision_is_recorded_before_anything_is_handed_out_and_the_outcome_after() {
    let site = site().await;
    let kept = site.shop.keep(&person(1), b"mine");
    site.get(&at(&kept), &[]).await;
    site.get("/exports/x", &[]).await;
    site.ask("GET", &at(&kept), Some(&site.token(1, "cost.read")), &[]).await;
    let records = site.records().await;
    let of = |kind: &str| records.iter().filter(|record| record["kind"] == kind).collect::<Vec<_>>();
    let (decisions, outcomes, refusals) = (of("decision"), of("outcome"), of("refusal"));
    assert_eq!(decisions.len(), 2, "{records:#?}");
    let whose = |record: &Value| [record["operation"].clone(), record["tool"].clone(), record["oid"].clone()];
    let oid = person(1).1.to_string();
    assert!(
        decisions
            .iter()
            .all(|record| whose(record) == [json!("exports/get"), json!("cost_export"), json!(oid)])
    );
    let mut ends: Vec<_> =
        outcomes.iter().map(|record| (record["code"].as_str().unwrap(), record["bytes"].as_u64())).collect();
    ends.sort_unstable();
    assert_eq!(ends, [("export_not_found", None), ("ok", Some(4))]);
    assert_eq!(refusals.len(), 1);
    assert_eq!(whose(refusals[0]), whose(decisions[0]));
    assert_eq!(refusals[0]["code"], "missing_scope:cost.export");
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_happen() {
    let site = site_with(&["--audit-when-full=refuse"], |_| ()).await;
    let kept = site.shop.keep(&person(1), b"mine");
    site.audit.close().await;
    let refused = site.get(&at(&kept), &[]).await;
    assert_eq!(refused.told(), (503, "audit_unavailable".to_owned()));
    assert_eq!(site.broker.lock().unwrap().asked, 0);
}
