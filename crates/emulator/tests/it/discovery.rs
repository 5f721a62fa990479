//! Discovery and key documents, and what rollovers do to them.

use emulator::{
    CONSUMERS_TENANT_ID, Config, EndpointFault, Rollover, SignedBy, TENANT_ID, TokenKind, TokenSpec,
};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::Value;

use crate::harness::{Stand, header};

#[tokio::test]
async fn documents_name_both_versions_and_lack_what_entra_lacks() {
    let stand = Stand::start().await;
    let v2 = stand.get_json(&stand.entra("v2.0/.well-known/openid-configuration")).await;
    let v1 = stand.get_json(&stand.entra(".well-known/openid-configuration")).await;
    let authority = &stand.emulator.endpoints().authority;
    assert_eq!(v2["issuer"], format!("{authority}/{TENANT_ID}/v2.0"));
    assert_eq!(v1["issuer"], format!("{authority}/{TENANT_ID}/"));
    assert_eq!(v2["jwks_uri"], stand.entra("discovery/v2.0/keys"));
    assert_eq!(v1["jwks_uri"], stand.entra("discovery/keys"));
    for absent in ["code_challenge_methods_supported", "registration_endpoint"] {
        assert!(v2.get(absent).is_none(), "{absent}");
    }
    let common = stand.get_json(&format!("{authority}/common/v2.0/.well-known/openid-configuration")).await;
    assert_eq!(common["issuer"], format!("{authority}/{{tenantid}}/v2.0"));
    let unknown = format!("{authority}/{CONSUMERS_TENANT_ID}/v2.0/.well-known/openid-configuration");
    let unknown: Value = stand.get_json(&unknown).await;
    assert_eq!(unknown["error_codes"][0], 90_002);
}

#[tokio::test]
async fn a_switch_publishes_the_challenge_methods() {
    let stand = Stand::with(Config { publish_code_challenge_methods: true, ..Config::default() }).await;
    let v2 = stand.get_json(&stand.entra("v2.0/.well-known/openid-configuration")).await;
    assert_eq!(v2["code_challenge_methods_supported"][0], "S256");
}

#[tokio::test]
async fn published_keys_verify_tokens_for_another_library() {
    let stand = Stand::start().await;
    let keys = stand.get_json(&stand.entra("discovery/v2.0/keys")).await;
    let issuers: Vec<_> =
        keys["keys"].as_array().unwrap().iter().map(|key| key["issuer"].as_str().unwrap()).collect();
    assert!(issuers.len() >= 2);
    assert!(issuers.iter().any(|issuer| issuer.contains("{tenantid}")));
    assert!(issuers.iter().any(|issuer| issuer.contains(CONSUMERS_TENANT_ID)));
    assert!(
        keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key.get("alg").is_none() && key["x5t"] == key["kid"])
    );

    let token = stand.mint(&TokenSpec::for_person("alice"));
    assert!(verifies(&keys, &token));
    for bad in [SignedBy::Unpublished, SignedBy::Forged, SignedBy::Broken] {
        assert!(!verifies(&keys, &stand.mint(&TokenSpec::for_person("alice").signed_by(bad))), "{bad:?}");
    }
    let v1 = stand.mint(&TokenSpec::for_person("alice").kind(TokenKind::AccessV1));
    assert_eq!(header(&v1)["x5t"], header(&v1)["kid"]);
}

#[tokio::test]
async fn rollovers_publish_and_withdraw() {
    let stand = Stand::start().await;
    let url = stand.entra("discovery/v2.0/keys");
    let spec = TokenSpec::for_person("alice");
    let (old_keys, old_token) = (stand.get_json(&url).await, stand.mint(&spec));

    stand.emulator.roll_keys(Rollover::Planned).unwrap();
    assert!(verifies(&old_keys, &stand.mint(&spec)), "the next key was published ahead");
    assert!(verifies(&stand.get_json(&url).await, &old_token));

    stand.emulator.roll_keys(Rollover::Emergency).unwrap();
    let new_keys = stand.get_json(&url).await;
    assert!(!verifies(&old_keys, &stand.mint(&spec)));
    assert!(verifies(&new_keys, &stand.mint(&spec)) && !verifies(&new_keys, &old_token));
    let (status, body) = stand.exchange(&old_token, &[]).await;
    assert_eq!((status, &body["error_codes"][0]), (400, &50_013.into()));
}

#[tokio::test]
async fn outages_are_switched_per_document() {
    let stand = Stand::start().await;
    stand.emulator.faults().update(|faults| faults.jwks = EndpointFault::outage());
    let status = |path: &'static str| {
        let request = stand.http.get(stand.entra(path));
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(status("discovery/v2.0/keys").await, 503);
    assert_eq!(status("v2.0/.well-known/openid-configuration").await, 200);
    stand.emulator.faults().clear();
    assert_eq!(status("discovery/v2.0/keys").await, 200);
    assert_eq!(stand.emulator.counts().jwks_requests, 2);
}

#[tokio::test]
async fn a_restart_keeps_keys_and_ca() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { state_dir: Some(dir.path().to_owned()), ..Config::default() };
    let first = Stand::with(config.clone()).await;
    let token = first.mint(&TokenSpec::for_person("alice"));
    let (ca, credential) =
        (first.emulator.ca_pem().to_owned(), first.emulator.app_credential_pem().to_owned());
    first.emulator.shutdown().await;

    let second = Stand::with(config).await;
    assert_eq!(
        (second.emulator.ca_pem(), second.emulator.app_credential_pem()),
        (ca.as_str(), credential.as_str())
    );
    assert!(verifies(&second.get_json(&second.entra("discovery/v2.0/keys")).await, &token));
}

/// Whether `jsonwebtoken` verifies the token's signature with the published keys.
fn verifies(keys: &Value, token: &str) -> bool {
    let keys: JwkSet = serde_json::from_value(keys.clone()).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let Some(key) = keys.find(&header.kid.unwrap()) else { return false };
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_aud = false;
    validation.validate_exp = false;
    decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).is_ok()
}
