//! Entra ID changes its keys, or they cannot be had: valid calls go on, within the documented bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use e2e::Stack;
use emulator::{EndpointFault, Rollover, SignedBy, TokenSpec};
use identity::{UNKNOWN_KEY_FETCHES, UNKNOWN_KEY_PAUSE};
use jiff::SignedDuration;
use serde_json::json;

async fn works(stack: &Stack, token: &str) -> bool {
    stack.caller.call(token, "list_subscriptions", json!({})).await.status == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announced_rollover_under_load_is_not_noticed() {
    let stack = Arc::new(Stack::start().await);
    let load = Load::start(&stack, "alice");
    stack.emulator.roll_keys(Rollover::Planned).unwrap();
    let after = stack.token("bob");
    assert!(works(&stack, &after).await, "a token signed by the new key");
    let (calls, failures) = load.stop().await;
    assert!(calls > 0 && failures == 0, "{failures} of {calls} calls failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_rollover_under_load_is_over_at_once() {
    let stack = Arc::new(Stack::start().await);
    let before = stack.token("alice");
    assert!(works(&stack, &before).await);
    stack.emulator.roll_keys(Rollover::Emergency).unwrap();
    let after = stack.token("alice");
    assert!(works(&stack, &after).await, "the first token of the new key fetches it");
    assert!(!works(&stack, &before).await, "the withdrawn key is no longer believed");
}

#[tokio::test]
async fn forged_key_ids_cannot_hold_back_a_rollover_for_longer_than_the_bound() {
    let stack = Stack::start().await;
    let forged = |n: i32| {
        let spec = TokenSpec::for_person("alice").signed_by(SignedBy::Unpublished);
        stack.mint(&spec.header("kid", format!("forged-{n}")))
    };
    // The forger uses up the whole budget of the gateway. The broker is never asked.
    for n in 0..UNKNOWN_KEY_FETCHES {
        assert!(!works(&stack, &forged(n)).await);
    }
    stack.emulator.roll_keys(Rollover::Emergency).unwrap();
    let fetched = stack.emulator.counts().jwks_requests;
    let after = stack.token("alice");
    assert!(!works(&stack, &after).await);
    for n in 0..20 {
        assert!(!works(&stack, &forged(100 + n)).await);
    }
    assert_eq!(stack.emulator.counts().jwks_requests, fetched, "forged key ids fetch nothing more");
    stack.advance(UNKNOWN_KEY_PAUSE);
    assert!(!works(&stack, &forged(200)).await, "the forger is first once more, and fetches it");
    assert!(works(&stack, &after).await, "after the bound the new key is known");
}

#[tokio::test]
async fn one_forged_key_id_does_not_hold_back_a_rollover_at_all() {
    let stack = Stack::start().await;
    let forged = stack.mint(&TokenSpec::for_person("alice").signed_by(SignedBy::Unpublished));
    assert!(!works(&stack, &forged).await);
    stack.emulator.roll_keys(Rollover::Emergency).unwrap();
    assert!(works(&stack, &stack.token("alice")).await);
}

#[tokio::test]
async fn an_outage_of_the_keys_with_a_warm_cache_is_not_noticed() {
    let stack = Stack::start().await;
    assert!(works(&stack, &stack.token("alice")).await);
    stack.emulator.faults().update(|faults| {
        faults.jwks = EndpointFault::outage();
        faults.discovery = EndpointFault::outage();
    });
    stack.advance(SignedDuration::from_mins(30));
    let forged = stack.mint(&TokenSpec::for_person("alice").signed_by(SignedBy::Unpublished));
    assert!(!works(&stack, &forged).await);
    assert!(works(&stack, &stack.token("bob")).await, "somebody new, during the outage");
}

/// Calls without pause until told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<(usize, usize)>,
}

impl Load {
    fn start(stack: &Arc<Stack>, person: &str) -> Self {
        let (stop, stack, token) = (Arc::new(AtomicBool::new(false)), Arc::clone(stack), stack.token(person));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let (mut calls, mut failures) = (0, 0);
            // At least some calls, however soon the test is done.
            while calls < 20 || !stopped.load(Ordering::SeqCst) {
                calls += 1;
                failures += usize::from(!works(&stack, &token).await);
            }
            (calls, failures)
        });
        Self { stop, task }
    }

    async fn stop(self) -> (usize, usize) {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap()
    }
}
