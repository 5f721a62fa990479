//! How long a token may be: the same over gRPC, in Redis, and in what comes back.

use identity::MAX_TOKEN_BYTES;
use proto::client::{Client, ClientConfig, Exchange};
use proto::v1::TokenSource;
use proto::{BrokerError, Reason};
use secrecy::ExposeSecret as _;
use serde_json::json;
use testkit::{RedisServer, cache_keys, eventually};
use tonic::metadata::MetadataValue;

use crate::support::{ALICE, Broker, Entra};

/// The longest a downstream token may be.
const MAX_DOWNSTREAM_BYTES: usize = 64 * 1024;

/// A good token of so many bytes, or one or two less, as of a person in many groups.
fn token_of(entra: &Entra, bytes: usize) -> String {
    let mut claims = entra.claims(ALICE);
    let mut of = |length: usize| {
        claims["groups"] = json!(["g".repeat(length)]);
        entra.sign(&claims)
    };
    let (mut fits, mut too_long) = (0, bytes);
    while too_long - fits > 1 {
        let length = fits.midpoint(too_long);
        if of(length).len() <= bytes { fits = length } else { too_long = length }
    }
    of(fits)
}

fn client(broker: &Broker) -> Client {
    Client::new(ClientConfig::new(broker.url.parse().unwrap())).unwrap()
}

#[tokio::test]
async fn the_longest_tokens_pass_over_grpc_and_through_redis() {
    let (entra, redis) = (Entra::start().await, RedisServer::start());
    let keys = entra.dir.path().join("keys.toml");
    std::fs::write(&keys, cache_keys("k1", 1)).unwrap();
    let keys = keys.display().to_string();
    let flags = ["--redis-url", &redis.url(), "--cache-key-file", &keys, "--redis-timeout", "10000"]
        .map(str::to_owned);
    let config = || entra.config(&flags.each_ref().map(String::as_str));
    let (a, b) = (Broker::start_with(config()).await, Broker::start_with(config()).await);
    for broker in [&a, &b] {
        broker.shares().await;
    }
    entra.answer(|_| {
        let token = "t".repeat(MAX_DOWNSTREAM_BYTES);
        let body = json!({"token_type": "Bearer", "expires_in": 7200, "access_token": token});
        (axum::http::StatusCode::OK, axum::http::HeaderMap::new(), body)
    });
    let assertion = token_of(&entra, MAX_TOKEN_BYTES);
    assert!((MAX_TOKEN_BYTES - 2..=MAX_TOKEN_BYTES).contains(&assertion.len()), "{}", assertion.len());
    let call = async |broker| {
        let exchange = Exchange { assertion: &assertion, resource: "arm", claims: None };
        client(broker).exchange(exchange).await.unwrap()
    };

    let first = call(&a).await;
    assert_eq!(first.access_token.expose_secret().len(), MAX_DOWNSTREAM_BYTES);
    eventually("the other replica finds it", async || call(&b).await.source == TokenSource::Cache).await;
    assert_eq!(entra.count(), 1);
}

#[tokio::test]
async fn above_the_limit_the_answer_is_ours() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    for (bytes, reason) in [
        (MAX_TOKEN_BYTES + 4, Reason::InvalidToken),
        (24 * 1024, Reason::InvalidToken),
        (40 * 1024, Reason::InvalidRequest),
        (400 * 1024, Reason::InvalidRequest),
    ] {
        let error = BrokerError::from_status(&broker.exchange(&token_of(&entra, bytes)).await.unwrap_err());
        assert_eq!(error.reason(), Some(reason), "{bytes}: {error}");
        assert!(error.message().contains("16 KiB"), "{bytes}: {error}");
    }
    assert_eq!(entra.count(), 0);
}

#[tokio::test]
async fn what_proxies_add_to_the_head_fits_too() {
    let entra = Entra::start().await;
    let broker = Broker::start(&entra).await;
    let request = |bytes: usize| {
        let message = proto::v1::ExchangeRequest {
            assertion: entra.token(ALICE),
            resource: "arm".to_owned(),
            claims: String::new(),
        };
        let mut request = tonic::Request::new(message);
        for number in 0..bytes / 4096 {
            let key =
                tonic::metadata::MetadataKey::from_bytes(format!("x-added-{number}").as_bytes()).unwrap();
            request.metadata_mut().insert(key, MetadataValue::try_from("v".repeat(4096)).unwrap());
        }
        request
    };
    broker.client.clone().exchange(request(48 * 1024)).await.unwrap();
}
