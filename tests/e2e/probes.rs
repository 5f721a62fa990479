//! What kubelet makes of the services: ready and not ready, within a period of its probe.

use std::net::SocketAddr;
use std::time::Duration;

use e2e::{Caller, Credential, Kubelet, Stack};
use emulator::{EndpointFault, ServiceAccountToken};
use jiff::SignedDuration;
use serde_json::json;
use testkit::eventually;

/// Less than kubelet's least, which is a second: its probes are counted here, not timed.
const PERIOD: Duration = Duration::from_millis(100);
pub(crate) const FAILURES: usize = 2;

pub(crate) fn probe(address: SocketAddr) -> Kubelet {
    Kubelet::probe(address, PERIOD, FAILURES)
}

/// One probe may be under way when the service turns.
pub(crate) async fn turns(kubelet: &mut Kubelet, ready: bool) {
    let within = if ready { 1 } else { FAILURES };
    let probes = kubelet.sees(ready).await;
    assert!(probes <= within + 1, "ready is {ready} after {probes} probes");
}

async fn call(stack: &Stack) {
    let answer = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_without_keys_are_not_ready() {
    let stack = Stack::start().await;
    let [mut gateway, mut broker] = stack.health_addresses().map(probe);
    gateway.sees(true).await;
    broker.sees(true).await;

    stack.emulator.faults().update(|faults| faults.jwks = EndpointFault::outage());
    stack.advance(SignedDuration::from_hours(25));
    turns(&mut gateway, false).await;
    turns(&mut broker, false).await;

    stack.emulator.faults().clear();
    call(&stack).await;
    turns(&mut gateway, true).await;
    turns(&mut broker, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_whose_credential_has_expired_is_not_ready_and_the_gateway_is() {
    let stack = Stack::builder().credential(Credential::FederatedToken).start().await;
    let [mut gateway, mut broker] = stack.health_addresses().map(probe);
    gateway.sees(true).await;
    broker.sees(true).await;

    stack.advance(SignedDuration::from_hours(2));
    turns(&mut broker, false).await;
    assert_eq!(gateway.sees(true).await, 0);

    let token = stack.emulator.service_account_token(&ServiceAccountToken::default());
    stack.credential_volume().write("token", &token);
    eventually("it is read", async || stack.broker_admin("readyz").await.0 == 200).await;
    turns(&mut broker, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_told_to_stop_is_not_ready_at_once_and_takes_calls_meanwhile() {
    let stack = Stack::builder().gateway(&["--shutdown-delay-seconds=120"]).start().await;
    let [mut gateway, mut broker] = stack.health_addresses().map(probe);
    gateway.sees(true).await;
    broker.sees(true).await;

    stack.begin_gateway_shutdown();
    turns(&mut gateway, false).await;
    // On the connection that stands, and on one that is new.
    call(&stack).await;
    let late = Caller::new(stack.public_url());
    let answer = late.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let (status, body) = stack.gateway_admin("readyz").await;
    assert_eq!((status, body.contains(r#""stopping":"failing""#)), (503, true), "{body}");
    assert_eq!(broker.sees(true).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_told_to_stop_is_not_ready_at_once_and_takes_calls_meanwhile() {
    let stack = Stack::builder().broker(&["--shutdown-delay-seconds=120"]).start().await;
    let [mut gateway, mut broker] = stack.health_addresses().map(probe);
    gateway.sees(true).await;
    broker.sees(true).await;

    stack.begin_broker_shutdown();
    turns(&mut broker, false).await;
    call(&stack).await;
    assert_eq!(gateway.sees(true).await, 0);
}

#[tokio::test]
async fn the_health_port_says_a_word_and_nothing_else() {
    let stack = Stack::start().await;
    for address in stack.health_addresses() {
        for (path, status, word) in [("healthz", 200, "ok"), ("readyz", 200, "ready"), ("metrics", 404, "")] {
            let answer = stack.caller.get(&format!("http://{address}/{path}")).await;
            assert_eq!(answer, (status, word.to_owned()), "{path}");
        }
    }
}
