//! MCP's own conformance suite against the gateway's router: both published generations of it, and both revisions
//! of MCP that are in use. (Generation 0.1 knows nothing newer than 2025-11-25.)
//!
//! What fails for a known reason stands with that reason in a baseline under `tests/conformance`. The suite itself
//! judges only what a revision requires; here every scenario it runs is held against the baseline.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::Stdio;

use e2e::{Caller, Conformance};
use serde_json::Value;
use tokio::process::Command;

#[tokio::test]
async fn clients_of_suite_0_1_find_2025_11_25() {
    let selection = ["--suite", "all", "--spec-version", "2025-11-25"];
    run("conformance-0.1", &selection, "suite-0.1-2025-11-25.yml", 32).await;
}

#[tokio::test]
async fn clients_of_suite_0_2_find_2025_11_25() {
    let selection = ["--requirements", "2025-11-25"];
    run("conformance-0.2", &selection, "suite-0.2-2025-11-25.yml", 33).await;
}

#[tokio::test]
async fn clients_of_suite_0_2_find_2026_07_28() {
    let selection = ["--requirements", "2026-07-28"];
    run("conformance-0.2", &selection, "suite-0.2-2026-07-28.yml", 50).await;
}

/// Runs one generation (its name in `tests/clients/package.json`). So many scenarios must have run: none is no pass.
async fn run(package: &str, selection: &[&str], baseline: &str, scenarios: usize) {
    let subject = Conformance::start().await;
    let (status, _) = Caller::new(subject.gateway_url()).get(&subject.gateway_url()).await;
    assert_eq!(status, 401, "the fixtures stand behind the refusal layer");
    let results = tempfile::tempdir().unwrap();
    let baseline = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance").join(baseline);
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/clients/run"))
        .arg(format!("node_modules/{package}/dist/index.js"))
        .args(["server", "--url", subject.url()])
        .args(selection)
        .arg("--expected-failures")
        .arg(&baseline)
        .arg("--output-dir")
        .arg(results.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("tests/clients/setup.sh installs the suite (make setup)");
    let printed = String::from_utf8_lossy(&output.stdout);
    let summary = printed.split_once("=== SUMMARY ===").map_or(&*printed, |(_, summary)| summary);
    let trouble = String::from_utf8_lossy(&output.stderr);

    let checks = read(results.path());
    let ran: BTreeSet<_> = checks.iter().map(|check| &check.scenario).collect();
    assert_eq!(ran.len(), scenarios, "scenarios that ran: {ran:?}\n{trouble}");
    let listed = std::fs::read_to_string(&baseline).unwrap();
    let expected = expected(&listed);
    let failed: Vec<_> = checks.iter().filter(|check| check.failed).collect();
    let unexpected: Vec<_> = failed
        .iter()
        .filter(|check| !expected.iter().any(|entry| check.is(entry)))
        .map(ToString::to_string)
        .collect();
    assert!(unexpected.is_empty(), "not in {}:\n{}", baseline.display(), unexpected.join("\n"));
    let stale: Vec<_> = expected.iter().filter(|entry| !failed.iter().any(|check| check.is(entry))).collect();
    assert!(stale.is_empty(), "in {}, but nothing fails: {stale:?}", baseline.display());
    assert!(output.status.success(), "the suite disagrees: {summary}\n{trouble}");
}

/// One check of one scenario. A warning is a failure, as it is for the suite's own baseline.
struct Check {
    scenario: String,
    id: String,
    failed: bool,
    message: String,
}

impl Check {
    /// Whether a line of the baseline means this check: it names a scenario, or `scenario:check`.
    fn is(&self, entry: &str) -> bool {
        entry == self.scenario || entry.split_once(':') == Some((&self.scenario, &self.id))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.scenario, self.id, self.message)
    }
}

/// The suite writes `server-<scenario>-<time>/checks.json`.
fn read(results: &Path) -> Vec<Check> {
    let folders = std::fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
    folders.flat_map(|folder| checks(&folder)).collect()
}

fn checks(folder: &Path) -> Vec<Check> {
    const TIME: usize = "-2026-11-22T10-00-00-000Z".len();
    let name = folder.file_name().unwrap().to_str().unwrap();
    let scenario = name.strip_prefix("server-").unwrap().split_at(name.len() - "server-".len() - TIME).0;
    let text = std::fs::read_to_string(folder.join("checks.json")).unwrap();
    let checks: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!checks.is_empty(), "{scenario} checked nothing");
    let check = |check: Value| Check {
        scenario: scenario.to_owned(),
        id: check["id"].as_str().unwrap().to_owned(),
        failed: ["FAILURE", "WARNING"].contains(&check["status"].as_str().unwrap()),
        message: check["errorMessage"].as_str().unwrap_or_default().to_owned(),
    };
    checks.into_iter().map(check).collect()
}

/// The entries of a baseline. The suite reads it as YAML; it is a list, so its lines are enough here.
fn expected(baseline: &str) -> Vec<&str> {
    baseline.lines().filter_map(|line| line.trim().strip_prefix("- ")).map(str::trim).collect()
}
