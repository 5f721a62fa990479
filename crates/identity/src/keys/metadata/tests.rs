//! What an authority may publish, and what of it is not taken.

use serde_json::{Value, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::outbound::OutboundArgs;

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const DISCOVERY: &str = "/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0/.well-known/openid-configuration";

/// Fetches from `server` with a client that differs from the services' in nothing but that it speaks plain HTTP too.
async fn fetch(server: &MockServer) -> Result<Snapshot, FetchError> {
    let http = OutboundArgs::default().observer().unwrap();
    let (authority, tenant) = (server.uri().parse().unwrap(), TENANT.parse().unwrap());
    MetadataSource::new(http, &authority, tenant, TokenVersion::V2).fetch(Timestamp::UNIX_EPOCH).await
}

async fn serve(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(path(at)).respond_with(answer).mount(server).await;
}

fn document(text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(text)
}

fn metadata(key_set: &str) -> String {
    json!({"issuer": "https://issuer.example", "jwks_uri": key_set}).to_string()
}

/// An authority whose key set is this text.
async fn publishing(key_set: &str) -> MockServer {
    let server = MockServer::start().await;
    serve(&server, DISCOVERY, document(&metadata(&format!("{}/keys", server.uri())))).await;
    serve(&server, "/keys", document(key_set)).await;
    server
}

fn jwk(kid: usize) -> Value {
    json!({"kty": "RSA", "use": "sig", "kid": format!("key-{kid}"), "n": "AQAB", "e": "AQAB"})
}

fn key_set(keys: &[Value]) -> String {
    json!({"keys": keys}).to_string()
}

async fn kids(keys: &[Value]) -> Result<Vec<String>, FetchError> {
    let snapshot = fetch(&publishing(&key_set(keys)).await).await?;
    let mut kids: Vec<_> = snapshot.keys.into_keys().collect();
    kids.sort_unstable();
    Ok(kids)
}

#[tokio::test]
async fn only_rsa_keys_for_signatures_verify_tokens() {
    let with = |name: &str, value: Value| {
        let mut key = jwk(1);
        key[name] = value;
        key
    };
    for (name, value, taken) in [
        ("kty", json!("EC"), false),
        ("kty", json!("oct"), false),
        ("kty", json!("rsa"), false),
        ("kty", Value::Null, false),
        ("use", json!("enc"), false),
        ("use", json!(""), false),
        ("use", Value::Null, true),
        ("alg", json!("RS256"), true),
        ("alg", json!("RS512"), false),
        ("alg", json!("PS256"), false),
        ("alg", json!("RSA-OAEP"), false),
        ("alg", Value::Null, true),
        ("kid", Value::Null, false),
        ("n", Value::Null, false),
        ("n", json!("no base64"), false),
        ("e", Value::Null, false),
        ("x5c", json!(["MII"]), true),
    ] {
        let key = with(name, value.clone());
        let expected = if taken { Ok(vec!["key-1".to_owned()]) } else { Err(FetchError::NoUsableKey) };
        assert_eq!(kids(std::slice::from_ref(&key)).await, expected, "{name} = {value}");
        let beside = kids(&[key, jwk(2)]).await.unwrap();
        assert_eq!(beside.contains(&"key-1".to_owned()), taken, "{name} = {value}");
        assert!(beside.contains(&"key-2".to_owned()), "one odd key does not spoil the others");
    }
}

#[tokio::test]
async fn a_key_keeps_the_issuer_it_is_limited_to() {
    let mut limited = jwk(1);
    limited["issuer"] = json!("https://issuer.example/{tenantid}");
    let snapshot = fetch(&publishing(&key_set(&[limited, jwk(2)])).await).await.unwrap();
    assert_eq!(snapshot.keys["key-1"].issuer.as_deref(), Some("https://issuer.example/{tenantid}"));
    assert_eq!(snapshot.keys["key-2"].issuer, None);
    assert_eq!(
        (snapshot.issuer.as_str(), snapshot.fetched_at),
        ("https://issuer.example", Timestamp::UNIX_EPOCH)
    );
}

#[tokio::test]
async fn a_key_set_of_too_many_keys_is_refused_as_a_whole() {
    let keys: Vec<_> = (0..=MAX_KEYS).map(jwk).collect();
    assert_eq!(kids(&keys[..MAX_KEYS]).await.map(|kids| kids.len()), Ok(MAX_KEYS));
    assert_eq!(kids(&keys).await, Err(FetchError::TooManyKeys));
}

#[tokio::test]
async fn a_key_set_elsewhere_is_not_fetched() {
    let elsewhere = MockServer::start().await;
    serve(&elsewhere, "/keys", document(&key_set(&[jwk(1)]))).await;
    let server = MockServer::start().await;
    let port = server.address().port();
    for foreign in [
        format!("{}/keys", elsewhere.uri()),
        format!("http://localhost:{port}/keys"),
        format!("https://127.0.0.1:{port}/keys"),
        "http://127.0.0.1/keys".to_owned(),
        "data:application/json,{}".to_owned(),
    ] {
        server.reset().await;
        serve(&server, DISCOVERY, document(&metadata(&foreign))).await;
        assert_eq!(fetch(&server).await.unwrap_err(), FetchError::ForeignKeySet, "{foreign}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "{foreign}");
    }
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_redirect_to_another_key_set_is_an_error() {
    let elsewhere = publishing(&key_set(&[jwk(1)])).await;
    let redirect =
        |at: &str| ResponseTemplate::new(302).insert_header("Location", format!("{}{at}", elsewhere.uri()));
    let server = MockServer::start().await;
    serve(&server, DISCOVERY, redirect(DISCOVERY)).await;
    assert_eq!(fetch(&server).await.unwrap_err(), FetchError::Status(302));
    server.reset().await;
    serve(&server, DISCOVERY, document(&metadata(&format!("{}/keys", server.uri())))).await;
    serve(&server, "/keys", redirect("/keys")).await;
    assert_eq!(fetch(&server).await.unwrap_err(), FetchError::Status(302));
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_document_is_read_up_to_its_bound() {
    let padded = |text: &str, bytes: usize| format!("{text}{}", " ".repeat(bytes - text.len()));
    for (metadata_bytes, key_set_bytes, fits) in [
        (MAX_DOCUMENT_BYTES, MAX_DOCUMENT_BYTES, true),
        (MAX_DOCUMENT_BYTES + 1, 1000, false),
        (1000, MAX_DOCUMENT_BYTES + 1, false),
    ] {
        let server = MockServer::start().await;
        let metadata = metadata(&format!("{}/keys", server.uri()));
        serve(&server, DISCOVERY, document(&padded(&metadata, metadata_bytes))).await;
        serve(&server, "/keys", document(&padded(&key_set(&[jwk(1)]), key_set_bytes))).await;
        let outcome = fetch(&server).await.map(|snapshot| snapshot.keys.len());
        assert_eq!(outcome, if fits { Ok(1) } else { Err(FetchError::TooLarge) });
    }
}

#[tokio::test]
async fn what_is_no_such_document_is_an_error() {
    let no_issuer = json!({"jwks_uri": "https://issuer.example/keys"}).to_string();
    let no_keys = json!({"issuer": "https://issuer.example"}).to_string();
    for text in ["", "[]", "{}", "<html>", &no_issuer, &no_keys] {
        let server = MockServer::start().await;
        serve(&server, DISCOVERY, document(text)).await;
        assert_eq!(fetch(&server).await.unwrap_err(), FetchError::Malformed, "{text}");
        assert_eq!(fetch(&publishing(text).await).await.unwrap_err(), FetchError::Malformed, "{text}");
    }
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    assert_eq!(fetch(&server).await.unwrap_err(), FetchError::Status(503));
}
