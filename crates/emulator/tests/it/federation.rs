//! Credentials without a certificate: what a federated identity credential must match, and a cluster's own issuer.

use emulator::{API_CLIENT_ID, FederatedCredential, ServiceAccountToken, SignedBy, TokenKind, TokenSpec};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::harness::{Stand, claims};

/// Asks for a token of the application for itself with this client assertion; the AADSTS number, 0 for a token.
async fn refusal(stand: &Stand, assertion: &str) -> (u64, Value) {
    let scope = format!("{API_CLIENT_ID}/.default");
    let (_, body) = stand
        .token(&[
            ("grant_type", "client_credentials"),
            ("client_id", API_CLIENT_ID),
            ("client_assertion_type", crate::harness::ASSERTION_TYPE),
            ("client_assertion", assertion),
            ("scope", &scope),
        ])
        .await;
    (body["error_codes"][0].as_u64().unwrap_or_default(), body)
}

fn pod(change: impl FnOnce(&mut ServiceAccountToken)) -> ServiceAccountToken {
    let mut order = ServiceAccountToken::default();
    change(&mut order);
    order
}

#[tokio::test]
async fn a_service_account_is_the_application_if_all_three_match_exactly() {
    let stand = Stand::start().await;
    for (order, code) in [
        (pod(|_| {}), 0),
        (pod(|order| order.name = "other".to_owned()), 700_213),
        (pod(|order| order.namespace = "MCP".to_owned()), 700_213),
        (pod(|order| order.audience = "https://kubernetes.default.svc".to_owned()), 700_212),
        (pod(|order| order.lifetime_seconds = -400), 700_024),
    ] {
        let (found, body) = refusal(&stand, &stand.emulator.service_account_token(&order)).await;
        assert_eq!(found, code, "{body}");
    }
    let (_, body) =
        refusal(&stand, &stand.emulator.service_account_token(&pod(|o| o.name = "other".into()))).await;
    assert_eq!(body["error"], "invalid_client");
    let text = body["error_description"].as_str().unwrap();
    assert!(
        text.starts_with(
            "AADSTS700213: No matching federated identity record found for presented assertion subject \
             'system:serviceaccount:mcp:other'. Check your federated identity credential Subject, Audience and Issuer"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn a_managed_identity_is_the_application_and_a_user_is_not() {
    let stand = Stand::start().await;
    let identity = TokenSpec { kind: TokenKind::ManagedIdentity, ..TokenSpec::default() };
    assert_eq!(refusal(&stand, &stand.mint(&identity)).await.0, 0);
    let late = TokenSpec { lifetime_seconds: Some(-400), ..identity.clone() };
    assert_eq!(refusal(&stand, &stand.mint(&late)).await.0, 700_024);
    let forged = TokenSpec { signature: SignedBy::Forged, ..identity };
    assert_eq!(refusal(&stand, &stand.mint(&forged)).await.0, 50_027);
    assert_eq!(refusal(&stand, &stand.mint(&TokenSpec::for_person("alice"))).await.0, 700_229);
}

#[tokio::test]
async fn credentials_can_be_changed() {
    let stand = Stand::start().await;
    let token = stand.emulator.service_account_token(&ServiceAccountToken::default());
    let mut all = stand.emulator.federated_credentials();
    all.retain(|credential| credential.name == "managed-identity");
    stand.emulator.set_federated_credentials(all);
    assert_eq!(refusal(&stand, &token).await.0, 700_211);
    stand.emulator.set_federated_credentials(Vec::new());
    assert_eq!(refusal(&stand, &token).await.0, 70_025);

    let url = format!("{}/_emulator/federated-credentials", stand.emulator.endpoints().authority);
    let credential = json!([{"name": "pod", "issuer": stand.emulator.cluster_issuer(),
                             "subject": "system:serviceaccount:mcp:token-broker"}]);
    let answer = stand.http.put(&url).json(&credential).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(refusal(&stand, &token).await.0, 0);
    let too_many: Vec<FederatedCredential> = vec![stand.emulator.federated_credentials().remove(0); 21];
    assert_eq!(stand.http.put(&url).json(&too_many).send().await.unwrap().status(), 400);

    let order = json!({"name": "other", "lifetime_seconds": 60});
    let url = format!("{}/_emulator/service-account-token", stand.emulator.endpoints().authority);
    let token = stand.http.post(url).json(&order).send().await.unwrap().text().await.unwrap();
    assert_eq!(claims(&token)["sub"], "system:serviceaccount:mcp:other");
}

#[tokio::test]
async fn the_clusters_tokens_verify_with_the_keys_its_issuer_publishes() {
    let stand = Stand::start().await;
    let issuer = stand.emulator.cluster_issuer();
    let document = stand.get_json(&format!("{issuer}.well-known/openid-configuration")).await;
    assert_eq!(document["issuer"], issuer);
    let keys = stand.get_json(document["jwks_uri"].as_str().unwrap()).await;
    let keys: JwkSet = serde_json::from_value(keys).unwrap();
    let token = stand.emulator.service_account_token(&ServiceAccountToken::default());
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["api://AzureADTokenExchange"]);
    validation.set_issuer(&[&issuer]);
    let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
    let token = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
    assert_eq!(token.claims["kubernetes.io"]["serviceaccount"]["name"], "token-broker");
}

#[tokio::test]
async fn a_certificate_is_registered_and_removed_over_http() {
    let stand = Stand::start().await;
    let url = format!("{}/_emulator/app-credentials", stand.emulator.endpoints().authority);
    let registered = stand.emulator.app_credential_pem().to_owned();
    assert_eq!(stand.http.delete(&url).body(registered.clone()).send().await.unwrap().status(), 204);
    assert_eq!(refusal(&stand, &stand.client_assertion()).await.0, 700_027);
    assert_eq!(stand.http.post(&url).body(registered).send().await.unwrap().status(), 204);
    assert_eq!(refusal(&stand, &stand.client_assertion()).await.0, 0);
    assert_eq!(stand.http.post(&url).body("no PEM").send().await.unwrap().status(), 400);
}
