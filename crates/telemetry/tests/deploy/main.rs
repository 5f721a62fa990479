//! What operators load into Grafana and Prometheus, made from the names of the metrics: `deploy/dashboards` and
//! `deploy/alerts`.
//!
//! `REGENERATE=1 cargo test -p telemetry --test deploy` writes them anew after a change here.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::collections::BTreeSet;

use telemetry::catalogue::METRICS;

use alerts::ALERTS;
use dashboard::{Dashboard, Query};
use reading::{Reading, read};
use recordings::RECORDINGS;

mod alert;
mod alerts;
mod dashboard;
mod expression;
mod files;
mod grafana;
mod operations;
mod promtool;
mod reading;
mod recordings;
mod rules;
mod usage;

/// Metrics that are on no panel, and why.
const NOT_SHOWN: &[(&str, &str)] = &[];

fn dashboards() -> [Dashboard; 2] {
    [operations::dashboard(), usage::dashboard()]
}

#[test]
fn the_dashboards_are_as_the_names_make_them() {
    for dashboard in dashboards() {
        files::golden(&format!("dashboards/{}.json", dashboard.file), &grafana::json(&dashboard));
    }
}

#[test]
fn the_rules_are_as_the_names_make_them() {
    files::golden("alerts/rules.yaml", &rules::yaml());
    files::golden("alerts/rules.test.yaml", &promtool::tests());
}

#[test]
fn every_metric_is_shown_or_listed_as_not_shown() {
    let shown: BTreeSet<_> = panels().flat_map(|(_, _, reading)| reading.metrics).collect();
    for metric in METRICS {
        let reason = NOT_SHOWN.iter().find(|(name, _)| *name == metric.name);
        let is_shown = shown.contains(metric.name);
        assert!(is_shown != reason.is_some(), "{}: on a panel: {is_shown}, {reason:?}", metric.name);
    }
}

#[test]
fn expressions_read_metrics_and_labels_that_exist() {
    assert!(panels().count() > 40);
    for (panel, query, reading) in panels() {
        assert!(!reading.metrics.is_empty(), "{panel} reads no metric of ours");
        for label in query.legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
            assert!(reading.grouped.contains(label), "{panel}: its lines have no label {label}");
        }
    }
    for alert in ALERTS.iter() {
        read(&alert.expr, RECORDINGS.as_slice()).unwrap_or_else(|fault| panic!("{}: {fault}", alert.name));
    }
    for recording in RECORDINGS.iter() {
        read(&recording.expr, &[]).unwrap_or_else(|fault| panic!("{}: {fault}", recording.name));
    }
}

#[test]
fn what_does_not_exist_is_noticed() {
    let faults = [
        ("sum(rate(gateway_refusal_total[5m]))", "there is no metric gateway_refusal_total"),
        ("sum by (code) (rate(gateway_refusals_total[5m]))", "no metric of it has the label code"),
        (r#"gateway_refusals_total{reason="x"}"#, "gateway_refusals_total has no label reason"),
        ("gateway_tool_duration_seconds", "there is no metric gateway_tool_duration_seconds"),
        ("sum(rate(gateway_refusals_total[5m])", "it is no PromQL"),
        ("max without (code) (audit_up)", "no metric of it has the label code"),
        ("audit_up / on (code) audit_up", "no metric of it has the label code"),
    ];
    for (expression, fault) in faults {
        let found = read(expression, &[]).expect_err(expression);
        assert!(found.starts_with(fault), "{expression}: {found}");
    }
}

#[test]
fn each_recording_is_read_by_an_alert() {
    for recording in RECORDINGS.iter() {
        let read = ALERTS.iter().any(|alert| alert.expr.contains(recording.name));
        assert!(read, "{} is read by no alert", recording.name);
    }
}

#[test]
fn each_alert_has_a_runbook_and_each_runbook_an_alert() {
    let page = files::page("docs/runbooks.md");
    let headings: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let alerts: BTreeSet<_> = ALERTS.iter().map(|alert| alert.name).collect();
    assert_eq!(headings, alerts);
    let steps = page
        .split("\n## ")
        .skip(1)
        .filter(|runbook| ["**Means**", "**Look**", "**Do**"].iter().all(|part| runbook.contains(part)));
    assert_eq!(steps.count(), alerts.len(), "each says what it means, what to look at and what to do");
}

#[test]
fn each_alert_fires_and_stays_quiet_where_promtool_says_so() {
    promtool::run();
}

/// Every query of every panel, and the panel's title.
fn panels() -> impl Iterator<Item = (&'static str, Query, Reading)> {
    let rows = dashboards().into_iter().flat_map(|dashboard| dashboard.rows);
    rows.flat_map(|row| row.panels).flat_map(|panel| {
        panel.queries.into_iter().map(move |query| {
            let expression = expression::without_variables(&query.expr);
            let reading = read(&expression, &[]).unwrap_or_else(|fault| panic!("{}: {fault}", panel.title));
            (panel.title, query, reading)
        })
    })
}
