//! The command `token-broker preflight`: its exit code, and that standard output is the report alone.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{API, Entra, TENANT};

fn run(entra: &Entra, more: &[&str]) -> Output {
    let file = |name: &str| entra.dir.path().join(name).display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_token-broker"));
    command
        .env_clear()
        .env("AZURE_TENANT_ID", TENANT)
        .env("AZURE_CLIENT_ID", API)
        .env("AZURE_AUTHORITY_HOST", entra.authority())
        // Nobody listens on port 1.
        .env("AZURE_GRAPH_ENDPOINT", "https://localhost:1")
        .env("EXTRA_CA_FILE", file("ca.pem"))
        .env("AZURE_CLIENT_CERTIFICATE_PATH", file("app.pem"))
        .args(more);
    command.output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_graph_it_ends_with_code_2_and_says_why() {
    let entra = Entra::start().await;
    let (json, table) = tokio::task::spawn_blocking(move || {
        (run(&entra, &["preflight", "--json"]), run(&entra, &["preflight"]))
    })
    .await
    .unwrap();
    assert_eq!((json.status.code(), table.status.code()), (Some(2), Some(2)));
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&report["tool"], &report["result"]), (&"token-broker preflight".into(), &"unknown".into()));
    let of = |name: &str| {
        report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap().clone()
    };
    assert_eq!(of("scopes")["detail"], "Microsoft Graph does not answer at all");
    assert_eq!(of("credential")["result"], "ok");
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(!table.contains('\u{1b}'), "colour on a pipe: {table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_cannot_be_used_ends_with_code_1_and_the_fix() {
    let entra = Entra::start().await;
    let flags = ["--preflight-client-ids=me", "preflight", "--json"];
    let output = tokio::task::spawn_blocking(move || run(&entra, &flags)).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("PREFLIGHT_CLIENT_IDS holds `me`"), "{error}");
    assert!(output.stdout.is_empty());
}
