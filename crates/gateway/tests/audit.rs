//! `gateway audit verify`, as a person or a script runs it: what it prints, and its exit code.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use audit::{Audit, Call, Destination, Origin, Outcome, Settings};
use serde_json::Value;
use telemetry::Metrics;
use telemetry::testing::Captured;

/// A file with two calls and the end, the log with its checkpoints, and the key that signed these.
async fn written(folder: &Path) -> [PathBuf; 3] {
    let captured = Captured::install("info");
    let [file, log, key] = ["audit.jsonl", "gateway.log", "key"].map(|name| folder.join(name));
    std::fs::write(&key, "k".repeat(40)).unwrap();
    let settings = Settings {
        destination: Destination::File(file.clone()),
        key_file: Some(key.clone()),
        ..Settings::default()
    };
    let origin = Origin { service: "gateway", version: "0.1.0", settings: String::new() };
    let now = "2026-11-27T10:00:00Z".parse().unwrap();
    let meter = Metrics::new("gateway").unwrap().meter("audit");
    let audit = Audit::start(&settings, origin, Arc::new(move || now), &meter).await.unwrap();
    for _ in 0..2 {
        audit.decide(Call::new("tools/call")).await.unwrap().end(Outcome::new("ok"));
    }
    audit.close().await;
    std::fs::write(&log, captured.logs()).unwrap();
    [file, log, key]
}

fn verify(arguments: &[&str]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_gateway"));
    let output = program.args(["audit", "verify"]).args(arguments).env_clear().output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn the_exit_code_says_whether_all_is_well_wrong_or_not_to_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let paths = written(folder.path()).await;
    let [file, log, key] = paths.each_ref().map(|path| path.to_str().unwrap());
    let all = [file, "--checkpoints", log, "--key-file", key];
    let (code, text) = verify(&all);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("6 records in 1 chains, 2 checkpoints: each is as it was written"), "{text}");

    let whole = std::fs::read_to_string(file).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    std::fs::write(file, lines[..4].join("\n") + "\n").unwrap();
    let (code, text) = verify(&[file]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("unknown  no_end") && text.contains("audit.jsonl:4, record 3"), "{text}");
    let (code, text) = verify(&all);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("missing  cut") && text.contains("records 4 to 5"), "{text}");

    std::fs::write(file, whole.replace("\"tools/call\",\"code\":\"ok\"", "\"tools/call\",\"code\":\"no\""))
        .unwrap();
    let (code, text) = verify(&[file, "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["exit_code"], &report["result"]), (Some(1), &1.into(), &"missing".into()));
    let changed = report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == "changed");
    assert_eq!(changed.count(), 2, "{text}");

    std::fs::write(file, whole).unwrap();
    std::fs::write(key, "x".repeat(40)).unwrap();
    let (code, text) = verify(&all);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("missing  forged"), "{text}");
}

#[test]
fn what_cannot_be_looked_at_is_no_success() {
    for (arguments, expected) in [
        (&["/nowhere/audit.jsonl"][..], "/nowhere/audit.jsonl"),
        (&["/dev/null"], "there is no audit record"),
        (&["/dev/null", "--checkpoints", "/nowhere/log"], "/nowhere/log"),
        (&["/dev/null", "--key-file", "x"], "--checkpoints"),
        (&[], "FILES"),
    ] {
        let (code, text) = verify(arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
    let (code, text) = verify(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("Exit codes:") && text.contains("--checkpoints"), "{text}");
}
