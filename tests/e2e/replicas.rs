//! Two brokers behind one stack: what one has exchanged, the other need not; and a Redis that is gone costs one
//! exchange more, never an answer.

use e2e::Stack;
use futures::future::join_all;
use proto::v1::{ExchangeRequest, token_broker_client::TokenBrokerClient};
use tonic::transport::{Channel, Endpoint};

const CALLS: usize = 1000;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_first_calls_spread_over_two_replicas_cause_one_exchange() {
    let flags = ["--redis-timeout=10000"];
    let mut stack = Stack::builder().replicas(2).redis().broker(&flags).start().await;
    assert_eq!(first_calls(&stack, "alice").await.len(), 1);
    assert_eq!(stack.emulator.counts().exchanges, 1);

    stack.redis.as_mut().unwrap().kill();
    assert_eq!(first_calls(&stack, "bob").await.len(), 2, "each replica goes on by itself");
    assert_eq!(stack.emulator.counts().exchanges, 3);
}
