//! Expressions in PromQL, from the names of metrics and labels.
//!
//! A name that is not in the catalogue makes no expression.

use telemetry::catalogue::{Kind, METRICS, Metric, underscored};

use crate::dashboard::Query;

/// Which instances a panel shows: Grafana's variable, all unless one is chosen.
const INSTANCES: &str = r#"instance=~"$instance""#;

/// Matchers of labels: name, operator, value.
pub(crate) type Only<'a> = &'a [(&'a str, &'a str, &'a str)];

/// Of how much each second, by these labels.
pub(crate) fn rate(name: &str, by: &[&str], only: Only<'_>) -> Query {
    summed("rate", &count_of(name), "$__rate_interval", by, only)
}

/// How often in the whole time that is looked at, by these labels.
pub(crate) fn times(name: &str, by: &[&str], only: Only<'_>) -> Query {
    summed("increase", &count_of(name), "$__range", by, only)
}

/// The time within which 95 of 100 end, by these labels.
pub(crate) fn p95(name: &str, by: &[&str]) -> Query {
    let selector = format!("{}_bucket{}", metric(name, Kind::Histogram).prometheus(), braces(&[]));
    let groups = list(&[&["le"], by].concat());
    let expr = format!("histogram_quantile(0.95, sum by ({groups}) (rate({selector}[$__rate_interval])))");
    Query { expr, legend: legend(by) }
}

/// A value as it is: `sum`, `min` or `max` over what these labels do not tell apart.
pub(crate) fn value(over: &str, name: &str, by: &[&str], only: Only<'_>) -> Query {
    let found = METRICS.iter().find(|metric| metric.name == name);
    let found = found.unwrap_or_else(|| panic!("there is no metric {name}"));
    let groups = if by.is_empty() { String::new() } else { format!("by ({}) ", list(by)) };
    let expr = format!("{over} {groups}({}{})", found.prometheus(), braces(only));
    Query { expr, legend: legend(by) }
}

/// What share of the second the first is.
pub(crate) fn share(part: &Query, whole: &[&Query]) -> Query {
    let whole: Vec<_> = whole.iter().map(|query| query.expr.as_str()).collect();
    Query { expr: format!("{} / ({})", part.expr, whole.join(" + ")), legend: part.legend.clone() }
}

/// A query's expression with values in the place of Grafana's variables.
pub(crate) fn without_variables(expr: &str) -> String {
    expr.replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$instance", ".*")
}

/// A metric's name in Prometheus; of a histogram, that of how many values it has seen.
pub(crate) fn count_of(name: &str) -> String {
    let found = METRICS.iter().find(|metric| metric.name == name);
    let found = found.unwrap_or_else(|| panic!("there is no metric {name}"));
    match found.kind {
        Kind::Histogram => format!("{}_count", found.prometheus()),
        Kind::Counter | Kind::UpDownCounter | Kind::Gauge => found.prometheus(),
    }
}

/// Labels as Prometheus writes them, with commas.
pub(crate) fn list(labels: &[&str]) -> String {
    labels.iter().map(|label| underscored(label)).collect::<Vec<_>>().join(", ")
}

/// Matchers as Prometheus writes them, with commas.
pub(crate) fn matchers(only: Only<'_>) -> String {
    let all =
        only.iter().map(|(label, operator, value)| format!(r#"{}{operator}"{value}""#, underscored(label)));
    all.collect::<Vec<_>>().join(", ")
}

fn summed(function: &str, series: &str, range: &str, by: &[&str], only: Only<'_>) -> Query {
    let groups = if by.is_empty() { String::new() } else { format!("by ({}) ", list(by)) };
    let expr = format!("sum {groups}({function}({series}{}[{range}]))", braces(only));
    Query { expr, legend: legend(by) }
}

fn metric(name: &str, kind: Kind) -> &'static Metric {
    let found = METRICS.iter().find(|metric| metric.name == name && metric.kind == kind);
    found.unwrap_or_else(|| panic!("there is no {kind:?} {name}"))
}

fn braces(only: Only<'_>) -> String {
    if only.is_empty() { format!("{{{INSTANCES}}}") } else { format!("{{{INSTANCES}, {}}}", matchers(only)) }
}

/// The values of the labels, one after the other.
fn legend(by: &[&str]) -> String {
    if by.is_empty() {
        return "all".to_owned();
    }
    by.iter().map(|label| format!("{{{{{}}}}}", underscored(label))).collect::<Vec<_>>().join(" ")
}
