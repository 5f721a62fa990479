//! Recordings and alerts as Prometheus reads them.

use std::fmt::Write as _;

use crate::alert::Alert;
use crate::alerts::ALERTS;
use crate::recordings::RECORDINGS;

const HEAD: &str = "\
# Recording and alert rules for Prometheus. Made by the tests of crates/telemetry from the names of the metrics:
# change them there, or take this as yours. Each alert's runbook is a page of this repository.
groups:
";

/// The file of rules.
pub(crate) fn yaml() -> String {
    let mut text = format!("{HEAD}  - name: mcp-cost-server.recordings\n    rules:\n");
    for recording in RECORDINGS.iter() {
        let (name, expr) = (recording.name, &recording.expr);
        write!(text, "      - record: {name}\n        expr: |-\n          {expr}\n").unwrap();
    }
    text.push_str("  - name: mcp-cost-server.alerts\n    rules:\n");
    for alert in ALERTS.iter() {
        text.push_str(&rule(alert));
    }
    text
}

fn rule(alert: &Alert) -> String {
    let Alert { name, expr, wait, summary, .. } = alert;
    let (severity, runbook) = (alert.severity.word(), alert.runbook());
    format!(
        "      - alert: {name}
        expr: |-
          {expr}
        for: {wait}
        labels:
          severity: {severity}
        annotations:
          summary: {}
          runbook: {runbook}
",
        quoted(summary)
    )
}

/// A string of JSON is one of YAML.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}
