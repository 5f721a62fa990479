//! Told to stop, a service finishes the calls in flight and takes no new ones.

use std::time::Duration;

use e2e::Stack;
use emulator::EndpointFault;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_in_flight_is_finished() {
    let mut stack = Stack::start().await;
    stack.emulator.faults().update(|faults| faults.arm = EndpointFault::slow(Duration::from_millis(800)));
    let (caller, token) = (stack.caller.clone(), stack.token("alice"));
    let call = tokio::spawn(async move { caller.call(&token, "list_subscriptions", json!({})).await });
    // The call is in flight once Azure has been asked.
    while stack.emulator.counts().arm_requests == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stack.begin_gateway_shutdown();
    let answer = call.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    stack.gateway_stopped().await;
}
