//! The series that a service has, read from what Prometheus reads, and held against the table of those that it may have.

use std::collections::{BTreeMap, BTreeSet};

use telemetry::catalogue::{Given, METRICS};

/// The names that Prometheus gives the parts of a histogram.
const PARTS: [&str; 3] = ["_bucket", "_count", "_sum"];
/// One series a process: who it is.
const OF_THE_PROCESS: &str = "target_info";

/// One line of the text: a name, its labels, a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name, without what Prometheus adds to that of a histogram.
    pub name: String,
    /// What was added: `_count` for how often a histogram was recorded into, else nothing.
    pub part: &'static str,
    /// The labels that we set.
    pub labels: BTreeMap<String, String>,
    /// The value, rounded down; nothing where it is below zero.
    pub value: u64,
}

impl Sample {
    fn read(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').expect("a line ends in its value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let mut labels = read_labels(labels);
        labels.retain(|name, _| name != "le" && name != "otel_scope_name");
        let part = PARTS.into_iter().find(|part| name.ends_with(part)).unwrap_or_default();
        let name = name.strip_suffix(part).unwrap_or(name).to_owned();
        let value: f64 = value.parse().expect("a value is a number");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are what is asked for"
        )]
        let value = value as u64;
        Self { name, part, labels, value }
    }
}

/// Every line of Prometheus' text, without that of the process itself.
///
/// # Panics
/// If it is none.
pub fn samples(text: &str) -> Vec<Sample> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with(OF_THE_PROCESS));
    lines.map(Sample::read).collect()
}

/// Which series there are: a histogram is one.
pub fn series(text: &str) -> BTreeSet<(String, BTreeMap<String, String>)> {
    samples(text).into_iter().map(|sample| (sample.name, sample.labels)).collect()
}

/// What of a text is not in the table. `given` tells the values that code and settings declare.
pub fn undeclared(text: &str, given: &impl Fn(Given) -> Vec<String>) -> Vec<String> {
    let tables: BTreeMap<_, BTreeMap<_, _>> = METRICS
        .iter()
        .map(|metric| {
            let labels = metric.labels.iter().map(|label| (label.prometheus(), label.all(given)));
            (metric.prometheus(), labels.collect())
        })
        .collect();
    let is_declared = |(name, labels): &(String, BTreeMap<String, String>)| {
        let Some(table) = tables.get(name) else { return false };
        labels.iter().all(|(name, value)| table.get(name).is_some_and(|values| values.contains(value)))
    };
    series(text).iter().filter(|series| !is_declared(series)).map(|series| format!("{series:?}")).collect()
}

/// `a="b",c="d"}`, in which a value may hold `\"`, `\\` and `\n`.
fn read_labels(text: &str) -> BTreeMap<String, String> {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    while let Some((name, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            match letters.next().expect("a value ends") {
                (at, '"') => break at,
                (_, '\\') => {
                    value.extend(letters.next().map(|(_, letter)| if letter == 'n' { '\n' } else { letter }));
                }
                (_, letter) => value.push(letter),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = after[end + 1..].trim_start_matches(',');
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP x y
gateway_refusals_total{error_type="missing_scope:a"} 3
gateway_tool_duration_seconds_bucket{gen_ai_tool_name="t",outcome="ok",le="0.1"} 1
gateway_tool_duration_seconds_count{gen_ai_tool_name="t",outcome="ok"} 1
broker_inflight 0
target_info{service_name="x"} 1
"#;

    fn given(what: Given) -> Vec<String> {
        match what {
            Given::Tool => vec!["t".to_owned()],
            Given::Scope => vec!["a".to_owned()],
            _ => Vec::new(),
        }
    }

    #[test]
    fn what_is_declared_is_found_and_a_histogram_is_one_series() {
        assert_eq!(undeclared(TEXT, &given), [""; 0]);
        assert_eq!(series(TEXT).len(), 3);
        assert_eq!(samples(TEXT)[0].value, 3);
    }

    #[test]
    fn an_invented_value_label_or_metric_is_told() {
        for line in [
            r#"gateway_refusals_total{error_type="missing_scope:b"} 1"#,
            r#"gateway_refusals_total{error_type="in\"ve,nt=\"ed"} 1"#,
            r#"gateway_refusals_total{path="/x"} 1"#,
            "gateway_invented_total 1",
        ] {
            assert_eq!(undeclared(&format!("{TEXT}{line}\n"), &given).len(), 1, "{line}");
        }
    }
}
