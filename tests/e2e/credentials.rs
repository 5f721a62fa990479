//! The broker's own credential through the whole system: each kind, and what happens when it changes under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use e2e::{Credential, Stack};
use emulator::{EndpointFault, ServiceAccountToken};
use jiff::SignedDuration;
use serde_json::json;
use testkit::eventually;
use tokio::task::JoinHandle;

const KINDS: [Credential; 5] = [
    Credential::Certificate,
    Credential::MountedCertificate,
    Credential::FederatedToken,
    Credential::InstanceMetadata,
    Credential::AppService,
];

/// Calls without end, each time with a token nobody has seen, so that each call is an exchange.
struct Load {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Load {
    fn start(stack: &Arc<Stack>) -> Self {
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stack, stopped, counted) = (Arc::clone(stack), Arc::clone(&stop), Arc::clone(&calls));
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::SeqCst) {
                call(&stack).await;
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { stop, calls, task }
    }

    /// Waits for some more calls, all of which must succeed.
    async fn some_more(&self) {
        let now = self.calls.load(Ordering::SeqCst);
        eventually("more calls", async || {
            self.task.is_finished() || self.calls.load(Ordering::SeqCst) > now + 20
        })
        .await;
    }

    async fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("no call failed");
        self.calls.load(Ordering::SeqCst)
    }
}

async fn call(stack: &Stack) {
    let answer = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.data()["subscriptions"].as_array().map(Vec::len), Some(2), "{}", answer.text);
}

fn refusals(stack: &Stack, number: u32) -> u64 {
    stack.emulator.counts().token_errors.get(&number).copied().unwrap_or_default()
}

#[tokio::test]
async fn each_kind_of_credential_serves() {
    for kind in KINDS {
        let stack = Stack::builder().credential(kind).start().await;
        call(&stack).await;
        let counts = stack.emulator.counts();
        assert_eq!((counts.exchanges, counts.token_requests["client_credentials"]), (1, 1), "{kind:?}");
        let is_identity = matches!(kind, Credential::InstanceMetadata | Credential::AppService);
        assert_eq!(counts.metadata_requests, u64::from(is_identity), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_rotated_under_load_without_one_failed_call() {
    let stack = Arc::new(Stack::builder().credential(Credential::MountedCertificate).start().await);
    let (old, new) =
        (stack.emulator.app_credential_pem().to_owned(), stack.emulator.new_app_credential().unwrap());
    let load = Load::start(&stack);
    load.some_more().await;

    // The wrong order: the file first. Entra ID does not know the new certificate, the one before goes on.
    stack.credential_volume().write("app.pem", &new);
    eventually("Entra ID refuses the new one", async || refusals(&stack, 700_027) > 0).await;
    load.some_more().await;
    stack.emulator.register_app_credential(&new).unwrap();
    load.some_more().await;
    // Gone while it still goes first: the new one is tried, and known by now.
    stack.emulator.remove_app_credential(&old).unwrap();
    load.some_more().await;
    stack.advance(SignedDuration::from_secs(31));
    load.some_more().await;
    let refused = refusals(&stack, 700_027);
    load.some_more().await;
    assert_eq!(refusals(&stack, 700_027), refused, "the new certificate alone is in use");
    assert_eq!(stack.broker_admin("readyz").await.0, 200);
    let calls = load.end().await;
    assert!(calls > 100, "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_half_written_is_not_believed() {
    let stack = Arc::new(Stack::start().await);
    let new = stack.emulator.add_app_credential().unwrap();
    let load = Load::start(&stack);
    let (half, rest) = new.split_at(new.len() / 2);
    std::fs::write(stack.credential_file(), half).unwrap();
    eventually("the torn file is refused", async || {
        stack.logs().contains("the last good value stays in force")
    })
    .await;
    load.some_more().await;
    std::fs::write(stack.credential_file(), format!("{half}{rest}")).unwrap();
    eventually("the whole file is taken", async || stack.logs().contains("client certificate replaced"))
        .await;
    stack.emulator.remove_app_credential(stack.emulator.app_credential_pem()).unwrap();
    load.some_more().await;
    load.end().await;
    assert_eq!(refusals(&stack, 700_027), 0, "known from the start, the new one is used at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_federated_token_is_rotated_under_load_without_one_failed_call() {
    let stack = Arc::new(Stack::builder().credential(Credential::FederatedToken).start().await);
    let load = Load::start(&stack);
    load.some_more().await;
    let order = ServiceAccountToken { lifetime_seconds: 7_200, ..ServiceAccountToken::default() };
    stack.credential_volume().write("token", &stack.emulator.service_account_token(&order));
    eventually("the new token is read", async || stack.logs().matches("federated token read").count() > 1)
        .await;
    // The first one is over.
    load.end().await;
    stack.advance(SignedDuration::from_mins(80));
    let load = Load::start(&stack);
    load.some_more().await;
    load.end().await;

    // Nobody renews the second: not ready, and no request with an expired token.
    stack.advance(SignedDuration::from_mins(60));
    eventually("the broker is not ready", async || stack.broker_admin("readyz").await.0 == 503).await;
    let asked = stack.emulator.counts().token_requests["on_behalf_of"];
    let answer = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!((answer.status, answer.code()), (503, "broker_misconfigured"), "{}", answer.text);
    assert_eq!(stack.emulator.counts().token_requests["on_behalf_of"], asked);
    stack.credential_volume().write("token", &stack.emulator.service_account_token(&order));
    eventually("the broker is ready again", async || stack.broker_admin("readyz").await.0 == 200).await;
    call(&stack).await;
}

#[tokio::test]
async fn a_metadata_service_that_is_down_at_the_start_is_waited_for() {
    let down = EndpointFault { status: Some(500), times: Some(2), ..EndpointFault::default() };
    let stack = Stack::builder()
        .credential(Credential::InstanceMetadata)
        .faults(|faults| faults.metadata = down)
        .start()
        .await;
    assert_eq!(stack.emulator.counts().metadata_requests, 3);
    call(&stack).await;
    assert_eq!(stack.emulator.counts().metadata_requests, 3, "the token is held");

    // A token of a day is renewed at half of its life; an outage until close to its end harms nobody.
    stack.emulator.faults().update(|faults| faults.metadata = EndpointFault::outage());
    stack.advance(SignedDuration::from_hours(23));
    eventually("it is asked again", async || stack.emulator.counts().metadata_requests > 3).await;
    call(&stack).await;
    stack.emulator.faults().clear();
    stack.advance(SignedDuration::from_mins(30));
    eventually("it is renewed", async || {
        stack.logs().matches("the managed identity gives tokens").count() > 1
    })
    .await;
    stack.advance(SignedDuration::from_hours(2));
    call(&stack).await;
}

#[tokio::test]
async fn a_credential_that_nobody_trusts_is_told_by_readiness_and_comes_back_by_itself() {
    let stack = Stack::builder().credential(Credential::FederatedToken).start().await;
    let trusted = stack.emulator.federated_credentials();
    stack.emulator.set_federated_credentials(trusted[..1].to_vec());
    let answer = stack.caller.call(&stack.token("alice"), "list_subscriptions", json!({})).await;
    assert_eq!((answer.status, answer.code()), (503, "broker_misconfigured"), "{}", answer.text);
    assert_eq!(stack.broker_admin("readyz").await.0, 200, "one refusal is not believed");
    stack.advance(SignedDuration::from_secs(15));
    eventually("the broker is not ready", async || stack.broker_admin("readyz").await.0 == 503).await;
    assert!(stack.logs().contains("issuer, subject and audience of a federated identity credential"));

    stack.emulator.set_federated_credentials(trusted);
    stack.advance(SignedDuration::from_secs(15));
    eventually("the broker is ready again", async || stack.broker_admin("readyz").await.0 == 200).await;
    call(&stack).await;
}

#[tokio::test]
async fn one_throttled_call_holds_the_others_back_and_what_is_held_is_served() {
    let stack = Stack::builder().people(10).start().await;
    let held = stack.token("alice");
    stack.caller.call(&held, "list_subscriptions", json!({})).await.data();
    stack.emulator.faults().update(|faults| faults.token_endpoint = EndpointFault::throttled(60, 1));
    for person in 1..=10 {
        let token = stack.token(&format!("person-{person:04}"));
        let answer = stack.caller.call(&token, "list_subscriptions", json!({})).await;
        assert_eq!((answer.status, answer.code()), (503, "identity_provider_unavailable"), "{}", answer.text);
    }
    assert_eq!(
        stack.emulator.counts().token_requests["on_behalf_of"],
        2,
        "one call, and one that was throttled"
    );
    let answer = stack.caller.call(&held, "list_subscriptions", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    stack.advance(SignedDuration::from_secs(61));
    call(&stack).await;
    let (_, metrics) = stack.metrics().await;
    assert!(metrics.contains("broker_entra_throttled_total"), "{metrics}");
}
