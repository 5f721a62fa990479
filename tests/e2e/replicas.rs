//! Two brokers behind one stack: what one has exchanged, the other need not; and a Redis that is gone costs one
//! exchange more, never an answer.

use std::time::Duration;

use e2e::Stack;
use futures::future::join_all;
use proto::v1::ExchangeRequest;
use proto::v1::token_broker_client::TokenBrokerClient;
use tonic::transport::{Channel, Endpoint};

const CALLS: usize = 1000;
/// Replicas that begin count each other after some looks at Redis, and serve nothing from memory before (ADR 24).
const ACQUAINTED_WITHIN: Duration = Duration::from_secs(30);

/// The same first call, many times at once, spread over all brokers. Answers the different tokens.
async fn first_calls(stack: &Stack, person: &str) -> Vec<String> {
    let channels: Vec<Channel> = stack
        .broker_urls()
        .into_iter()
        .map(|url| Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy())
        .collect();
    let assertion = stack.token(person);
    let calls = channels.iter().cycle().take(CALLS).map(|channel| {
        let request = ExchangeRequest {
            assertion: assertion.clone(),
            resource: "arm".to_owned(),
            claims: String::new(),
        };
        let mut client = TokenBrokerClient::new(channel.clone());
        async move { client.exchange(request).await.unwrap().into_inner().access_token }
    });
    let mut tokens = join_all(calls).await;
    assert_eq!(tokens.len(), CALLS);
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// Calls each broker until it has answered from its own memory.
async fn until_each_serves_from_memory(stack: &Stack) {
    let assertion = stack.token("alice");
    let from_memory = |metrics: &String| {
        let hits = metrics.lines().filter(|line| line.starts_with("broker_cache_hits_total{"));
        hits.into_iter().any(|line| line.contains("level=\"local\""))
    };
    let acquainted = async {
        while !stack.broker_metrics().await.iter().all(from_memory) {
            for url in stack.broker_urls() {
                let mut client = TokenBrokerClient::connect(url.to_owned()).await.unwrap();
                let (assertion, resource) = (assertion.clone(), "arm".to_owned());
                client
                    .exchange(ExchangeRequest { assertion, resource, claims: String::new() })
                    .await
                    .unwrap();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(
        tokio::time::timeout(ACQUAINTED_WITHIN, acquainted).await.is_ok(),
        "the replicas do not count each other"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_first_calls_spread_over_two_replicas_cause_one_exchange() {
    let flags = ["--redis-timeout=10000"];
    let mut stack = Stack::builder().replicas(2).redis().broker(&flags).start().await;
    assert_eq!(first_calls(&stack, "alice").await.len(), 1);
    assert_eq!(stack.emulator.counts().exchanges, 1);
    until_each_serves_from_memory(&stack).await;
    let before = stack.emulator.counts().exchanges;

    stack.redis.as_mut().unwrap().kill();
    assert_eq!(first_calls(&stack, "bob").await.len(), 2, "each replica goes on by itself");
    assert_eq!(stack.emulator.counts().exchanges, before + 2);
}
