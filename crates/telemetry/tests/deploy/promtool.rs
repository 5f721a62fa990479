//! Prometheus' own test of rules: each alert fires where it should, and stays quiet where it should not.

use std::fmt::Write as _;
use std::process::Command;

use crate::alert::{Alert, Series};
use crate::alerts::ALERTS;
use crate::files;
use crate::rules::quoted;

const HEAD: &str = "\
# What the alerts are tested with: `promtool test rules rules.test.yaml`. Made by the tests of crates/telemetry.
# For each alert a story in which it fires, then one in which it does not. A value a minute; asked after an hour.
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
";

/// The file of tests.
pub(crate) fn tests() -> String {
    let mut text = HEAD.to_owned();
    for alert in ALERTS.iter() {
        text.push_str(&story(alert, &alert.fires, &firing(alert)));
        text.push_str(&story(alert, &alert.holds, "[]"));
    }
    text
}

/// Runs them.
pub(crate) fn run() {
    let folder = files::root().join("deploy/alerts");
    let output =
        Command::new("promtool").args(["test", "rules", "rules.test.yaml"]).current_dir(folder).output();
    let output = output.expect("promtool is missing: apt-get install --no-install-recommends prometheus");
    let told =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success() && told.contains("SUCCESS"), "{told}");
}

fn story(alert: &Alert, series: &[Series], expected: &str) -> String {
    let mut text = "  - interval: 1m\n    input_series:\n".to_owned();
    for (selector, values) in series {
        writeln!(text, "      - {{series: '{selector}', values: '{values}'}}").unwrap();
    }
    let name = alert.name;
    write!(
        text,
        "    alert_rule_test:\n      - {{eval_time: 60m, alertname: {name}, exp_alerts: {expected}}}\n"
    )
    .unwrap();
    text
}

/// The alert as it should be, once.
fn firing(alert: &Alert) -> String {
    let mut labels = vec![format!("severity: {}", alert.severity.word())];
    labels.extend(alert.labels.iter().map(|(name, value)| format!("{name}: {}", quoted(value))));
    let (labels, summary, runbook) = (labels.join(", "), quoted(alert.summary), alert.runbook());
    format!("[{{exp_labels: {{{labels}}}, exp_annotations: {{summary: {summary}, runbook: {runbook}}}}}]")
}
