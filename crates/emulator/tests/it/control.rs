//! The control API does what the Rust handle does.

use serde_json::{Value, json};

use crate::harness::{Stand, claims, header};

fn url(stand: &Stand, path: &str) -> String {
    format!("{}/_emulator/{path}", stand.emulator.endpoints().authority)
}

#[tokio::test]
async fn a_token_for_a_person_with_one_request() {
    let stand = Stand::start().await;
    let plain = stand.http.get(url(&stand, "token?person=bob")).send().await.unwrap().text().await.unwrap();
    assert_eq!((&claims(&plain)["scp"], &claims(&plain)["ver"]), (&"cost.read".into(), &"2.0".into()));

    let order =
        json!({"person": "alice", "scopes": ["cost.read"], "claims": {"custom": 1}, "signature": "nobody"});
    let answer = stand.http.post(url(&stand, "token")).json(&order).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    let token = body["access_token"].as_str().unwrap();
    assert_eq!((&claims(token)["custom"], &header(token)["alg"]), (&1.into(), &"none".into()));

    let unknown = stand.http.get(url(&stand, "token?person=nobody")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn switches_work_over_http() {
    let stand = Stand::start().await;
    let patch = json!({"jwks": {"status": 503, "times": 1}});
    assert_eq!(stand.http.patch(url(&stand, "faults")).json(&patch).send().await.unwrap().status(), 204);
    let keys = stand.entra("discovery/v2.0/keys");
    assert_eq!(stand.http.get(&keys).send().await.unwrap().status(), 503);
    assert_eq!(stand.http.get(&keys).send().await.unwrap().status(), 200);
    let wrong = json!({"no_such_fault": {}});
    assert_eq!(stand.http.patch(url(&stand, "faults")).json(&wrong).send().await.unwrap().status(), 400);
    assert_eq!(stand.http.delete(url(&stand, "faults")).send().await.unwrap().status(), 204);

    let before = stand.emulator.mint(&emulator::TokenSpec::for_person("alice")).unwrap();
    let roll = json!({"rollover": "emergency"});
    assert_eq!(stand.http.post(url(&stand, "keys")).json(&roll).send().await.unwrap().status(), 204);
    assert_eq!(stand.exchange(&before, &[]).await.1["error_codes"][0], 50_013);

    let after = stand.emulator.mint(&emulator::TokenSpec::for_person("alice")).unwrap();
    assert_eq!(stand.http.delete(url(&stand, "sessions/alice")).send().await.unwrap().status(), 204);
    assert_eq!(stand.exchange(&after, &[]).await.1["error_codes"][0], 50_173);

    let consent = json!({"person": "bob", "scopes": ["cost.export"]});
    assert_eq!(stand.http.post(url(&stand, "consent")).json(&consent).send().await.unwrap().status(), 204);
    let token = stand.emulator.mint(&emulator::TokenSpec::for_person("bob")).unwrap();
    assert_eq!(claims(&token)["scp"], "cost.export cost.read");

    let clock = json!({"advance_seconds": 7_200});
    assert_eq!(stand.http.post(url(&stand, "clock")).json(&clock).send().await.unwrap().status(), 204);
    assert_eq!(stand.exchange(&token, &[]).await.1["error_codes"][0], 500_133);

    let counts = stand.get_json(&url(&stand, "counters")).await;
    assert_eq!((&counts["jwks_requests"], &counts["token_requests"]["on_behalf_of"]), (&2.into(), &3.into()));
    assert_eq!(stand.http.delete(url(&stand, "counters")).send().await.unwrap().status(), 204);
    assert_eq!(stand.emulator.counts(), emulator::Counts::default());
}

#[tokio::test]
async fn policies_and_quotas_are_data() {
    let stand = Stand::start().await;
    let policies = stand.get_json(&url(&stand, "policies")).await;
    assert_eq!(policies[0]["people"][0], "dave");
    assert_eq!(stand.http.put(url(&stand, "policies")).json(&json!([])).send().await.unwrap().status(), 204);
    let dave = stand.emulator.mint(&emulator::TokenSpec::for_person("dave")).unwrap();
    assert_eq!(stand.exchange(&dave, &[]).await.0, 200);

    let mut registration = stand.get_json(&url(&stand, "registration")).await;
    registration["assignment_required"] = true.into();
    let put = stand.http.put(url(&stand, "registration")).json(&registration);
    assert_eq!(put.send().await.unwrap().status(), 204);
    assert!(stand.emulator.registration().assignment_required);
    registration["scopes"][0]["value"] = "cost.nothing".into();
    let put = stand.http.put(url(&stand, "registration")).json(&registration);
    assert_eq!(put.send().await.unwrap().status(), 400);
    let graph = json!({"page_size": 1, "permissions": []});
    assert_eq!(stand.http.put(url(&stand, "graph")).json(&graph).send().await.unwrap().status(), 204);
    assert_eq!(stand.get_json(&url(&stand, "graph")).await["scope_text"], "leading_space");

    let quotas = json!({"entity_per_minute": 4});
    assert_eq!(stand.http.put(url(&stand, "quotas")).json(&quotas).send().await.unwrap().status(), 204);
    assert_eq!(stand.get_json(&url(&stand, "quotas")).await["entity_per_minute"], 4);
}

#[tokio::test]
async fn the_env_file_points_the_services_here() {
    let stand = Stand::start().await;
    let dir = tempfile::tempdir().unwrap();
    let env = std::fs::read_to_string(stand.emulator.write_env(dir.path()).unwrap()).unwrap();
    let endpoints = stand.emulator.endpoints();
    for line in [
        format!("AZURE_AUTHORITY_HOST={}", endpoints.authority),
        format!("AZURE_ARM_ENDPOINT={}", endpoints.arm),
        format!("AZURE_GRAPH_ENDPOINT={}", endpoints.graph),
        format!("AZURE_BLOB_HOSTS={}", endpoints.blob),
    ] {
        assert!(env.lines().any(|have| have == line), "{line}");
    }
    assert!(!env.contains("PRIVATE"));
}
