//! Told to stop, a service finishes the calls in flight and takes no new ones.

use std::time::Duration;

use e2e::Stack;
use emulator::EndpointFault;
use serde_json::json;
use testkit::eventually;
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_flight_is_finished_and_the_service_tells_of_itself_to_the_last() {
    let mut stack = Stack::start().await;
    stack.emulator.faults().update(|faults| faults.arm = EndpointFault::slow(Duration::from_secs(2)));
    let (caller, token) = (stack.caller.clone(), stack.token("alice"));
    let call = tokio::spawn(async move { caller.call(&token, "list_subscriptions", json!({})).await });
    // The call is in flight once Azure has been asked.
    while stack.emulator.counts().arm_requests == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stack.begin_gateway_shutdown();
    let address = stack.gateway_address();
    eventually("nobody else is let in", async || TcpStream::connect(address).await.is_err()).await;
    let [health, _] = stack.health_addresses();
    assert_eq!(stack.caller.get(&format!("http://{health}/readyz")).await.0, 503);
    assert_eq!(stack.gateway_admin("metrics").await.0, 200);
    assert!(!call.is_finished(), "it was asked while the call was in flight");
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    stack.gateway_stopped().await;
    assert!(TcpStream::connect(health).await.is_err());
}
