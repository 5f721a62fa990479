//! The policy is asked twice: by the guard, and by the tools themselves. Here the two are given different policies, so that
//! each is seen to refuse what the other lets through.

use std::sync::Arc;

use audit::Audit;
use clap::Parser;
use e2e::{BUILT_IN_POLICY, Caller, ShiftedClock, Stack};
use emulator::DEV_SUBSCRIPTION;
use gateway::config::{Args, Config};
use gateway::server::{METHODS, Shared, cost_tools, router};
use identity::clock::SharedClock;
use serde_json::json;
use telemetry::Metrics;

/// The address of a gateway in front of `stack` whose guard and whose tools hold different policies.
async fn gateway(stack: &Stack, folder: &tempfile::TempDir, of_guard: &str, of_tools: &str) -> Caller {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = |name: &str, policy: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, policy).unwrap();
        let mut flags = vec!["gateway".to_owned()];
        flags.extend(stack.gateway_flags());
        flags.push(format!("--blob-hosts={}", stack.emulator.endpoints().blob));
        flags.push(format!("--policy-file={}", file.display()));
        Config::try_from(Args::try_parse_from(flags).unwrap()).unwrap()
    };
    let (outer, inner) = (config("guard.toml", of_guard), config("tools.toml", of_tools));
    let clock: SharedClock = Arc::new(ShiftedClock::default());
    let metrics = Metrics::new("gateway").unwrap();
    let shared = Shared::new(&outer, &clock, &metrics, &Audit::off()).unwrap();
    let router = router(&outer, &shared, cost_tools(&inner, &shared), METHODS);
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Caller::new(url)
}

#[tokio::test]
async fn either_check_refuses_alone() {
    let stack = Stack::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (strict, lenient) = (BUILT_IN_POLICY, BUILT_IN_POLICY.replace("cost.export", "cost.read"));
    assert_ne!(strict, lenient);
    let lenient = lenient.as_str();
    let bob = stack.token("bob");
    let export = json!({"subscription": DEV_SUBSCRIPTION, "from": "2026-10-01", "to": "2026-10-01"});
    for (of_guard, of_tools) in [(lenient, strict), (strict, lenient)] {
        let caller = gateway(&stack, &folder, of_guard, of_tools).await;
        let refused = caller.call(&bob, "cost_export", export.clone()).await;
        assert_eq!((refused.status, refused.code()), (403, "missing_scope:cost.export"), "{}", refused.text);
    }
    assert_eq!(stack.emulator.counts().exchanges, 0);
    // Where both let it through it is an answer: it was the policy that refused.
    let caller = gateway(&stack, &folder, lenient, lenient).await;
    let answer = caller.call(&bob, "cost_export", export).await;
    assert!(answer.status == 200 && !answer.is_tool_error(), "{}", answer.text);
}
