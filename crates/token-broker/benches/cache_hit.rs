//! What a warm exchange costs: the assertion is one that was proved before, and the cache answers.
//!
//! `cargo bench -p token-broker`

#![expect(clippy::expect_used, reason = "a bench that cannot start has nothing to measure")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use identity::clock::{ManualClock, SharedClock};
use telemetry::Metrics;
use testkit::NOW;
use token_broker::{Broker, ExchangeCommand};
use tokio::runtime::Runtime;

#[path = "../tests/it/serving.rs"]
#[expect(clippy::unwrap_used, reason = "shared with the integration tests")]
mod serving;
#[path = "../tests/it/support.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "shared with the integration tests, which use more of it")]
mod support;

fn cache_hit(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let entra = runtime.block_on(support::Entra::start());
    let clock: SharedClock = Arc::new(ManualClock::at(NOW));
    let broker = Broker::new(&entra.config(&[]), &clock, Metrics::new("token-broker").expect("metrics"))
        .expect("a broker");
    let assertion = entra.token(support::ALICE);
    let exchange = async || {
        let (resource, claims) = ("arm".to_owned(), String::new());
        let consumer = Arc::from("local");
        let command = ExchangeCommand { consumer, assertion: assertion.clone(), resource, claims };
        broker.exchanger().exchange(command).await.expect("a token")
    };
    runtime.block_on(exchange());

    criterion.bench_function("exchange/cache_hit", |bencher| {
        bencher.to_async(&runtime).iter(async || black_box(exchange().await));
    });
    assert_eq!(entra.count(), 1, "every measured exchange came from the cache");
}

criterion_group!(benches, cache_hit);
criterion_main!(benches);
