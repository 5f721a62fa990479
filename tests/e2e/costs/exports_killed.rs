//! `kill -9` of the gateway while it writes an export: what it leaves is noise, and the next start leaves nothing of it.

use std::path::Path;

use aho_corasick::AhoCorasick;
use e2e::Caller;
use e2e::processes::{Ports, Processes, Setup};
use emulator::PROD_SUBSCRIPTION;
use serde_json::json;
use testkit::eventually;

use super::exports::{bytes_below, days};

/// What every report has in plain text.
const WORDS: [&str; 4] = ["costInBillingCurrency", "Microsoft.Compute", "subscriptions", PROD_SUBSCRIPTION];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_gateway_leaves_noise_and_the_next_one_nothing() {
    crate::leaks::build_services();
    let (folder, exports) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = [("GATEWAY_EXPORT_DIR", exports.path().to_str().unwrap()), ("RUST_LOG", "debug")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let setup = Setup { emulator: vec!["--record-secrets".to_owned()], settings, ..Setup::default() };
    let mut stack = Processes::start_as(folder.path(), Ports::free().unwrap(), &setup).await.unwrap();
    let scopes = json!({"scopes": ["cost.read", "cost.export"]});
    let alice = stack.control().token("alice", scopes).await.unwrap();
    // Before each file, the first as well: what came before a file is on the disk by then.
    stack.control().fault(json!({"blob": {"delay_ms": 1_500}})).await.unwrap();
    let order = json!({"name": "cost_export", "arguments": days(1, 28, json!({"scope": PROD_SUBSCRIPTION}))});
    let caller = Caller::new(stack.public_url());
    let answer = tokio::spawn(caller.prepared("tools/call", order).bearer_auth(&alice).send());
    let enough = 2 * 64 * 1024;
    eventually("some of it is on the disk", async || bytes_below(exports.path()).len() > enough).await;
    assert!(!answer.is_finished(), "it is being written");
    stack.kill("gateway").unwrap();

    let (left, before) = (bytes_below(exports.path()), names(exports.path()));
    let secrets = stack.control().secrets().await.unwrap();
    let noise = AhoCorasick::new(WORDS.into_iter().chain(secrets.iter().map(String::as_str))).unwrap();
    assert!(left.len() > enough && !noise.is_match(&left), "it can be read");
    let secrets = AhoCorasick::new(&secrets).unwrap();
    for (path, log) in stack.logs().unwrap() {
        assert!(!log.is_empty() && !secrets.is_match(&log), "a credential stands in {}", path.display());
    }

    stack.restart("gateway").unwrap();
    stack.ready().await.unwrap();
    let after = names(exports.path());
    assert_eq!((before.len(), after.len(), bytes_below(exports.path()).len()), (1, 1, 0));
    assert_ne!(before, after, "the directory of a process goes with it");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
