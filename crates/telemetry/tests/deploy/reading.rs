//! What an expression reads: each metric and label in it is one of the catalogue.

use std::collections::BTreeSet;

use promql_parser::label::{METRIC_NAME, Matchers};
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use telemetry::catalogue::{METRICS, underscored};

use crate::recordings::Recording;

/// Labels that Prometheus adds to whatever it scrapes.
const SCRAPED: [&str; 2] = ["instance", "job"];
/// What Prometheus says of a target itself.
const ABOUT_TARGETS: &str = "up";

/// What one expression reads.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Metrics of ours, by their names in the code.
    pub(crate) metrics: BTreeSet<&'static str>,
    /// Labels that some metric of it has.
    labels: BTreeSet<String>,
    /// Labels that it groups or joins by.
    pub(crate) grouped: BTreeSet<String>,
}

/// Reads an expression, which may use these recordings.
///
/// # Errors
/// Names what does not exist.
pub(crate) fn read(expression: &str, recordings: &[Recording]) -> Result<Reading, String> {
    let parsed =
        parser::parse(expression).map_err(|error| format!("it is no PromQL: {error}: {expression}"))?;
    let mut reader = Reader { reading: Reading::default(), recordings };
    reader.reading.labels.extend(SCRAPED.map(str::to_owned));
    walk_expr(&mut reader, &parsed)?;
    let reading = reader.reading;
    match reading.grouped.difference(&reading.labels).next() {
        Some(label) => Err(format!("no metric of it has the label {label}: {expression}")),
        None => Ok(reading),
    }
}

struct Reader<'a> {
    reading: Reading,
    recordings: &'a [Recording],
}

impl ExprVisitor for Reader<'_> {
    type Error = String;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, String> {
        match expression {
            Expr::VectorSelector(selector) => self.selected(selector)?,
            Expr::MatrixSelector(range) => self.selected(&range.vs)?,
            Expr::Aggregate(aggregate) => self.grouped(aggregate.modifier.as_ref()),
            Expr::Binary(binary) => {
                let modifier = binary.modifier.as_ref();
                self.grouped(modifier.and_then(|modifier| modifier.matching.as_ref()));
                let joined = modifier.and_then(|modifier| modifier.card.labels());
                self.reading.grouped.extend(joined.into_iter().flat_map(|labels| labels.labels.clone()));
            }
            _ => {}
        }
        Ok(true)
    }
}

impl Reader<'_> {
    fn selected(&mut self, selector: &VectorSelector) -> Result<(), String> {
        let name = selector.name.as_deref().ok_or("a selector without a name")?;
        let labels = self.labels_of(name)?;
        if let Some(unknown) = named(&selector.matchers).find(|label| !labels.contains(*label)) {
            return Err(format!("{name} has no label {unknown}"));
        }
        self.reading.labels.extend(labels);
        Ok(())
    }

    /// The labels of a series of this name, and notes whose it is.
    fn labels_of(&mut self, name: &str) -> Result<BTreeSet<String>, String> {
        let mut labels: BTreeSet<_> = SCRAPED.map(str::to_owned).into();
        if let Some(recording) = self.recordings.iter().find(|recording| recording.name == name) {
            labels.extend(recording.by.iter().map(|label| underscored(label)));
        } else if name != ABOUT_TARGETS {
            let found = METRICS.iter().find(|metric| metric.series().iter().any(|series| series == name));
            let metric = found.ok_or_else(|| format!("there is no metric {name}"))?;
            labels.extend(metric.label_names().map(underscored));
            labels.extend(name.ends_with("_bucket").then(|| "le".to_owned()));
            self.reading.metrics.insert(metric.name);
        }
        Ok(labels)
    }

    fn grouped(&mut self, modifier: Option<&LabelModifier>) {
        let labels = modifier.into_iter().flat_map(|modifier| modifier.labels().labels.clone());
        self.reading.grouped.extend(labels);
    }
}

fn named(matchers: &Matchers) -> impl Iterator<Item = &str> {
    let all = matchers.matchers.iter().chain(matchers.or_matchers.iter().flatten());
    all.map(|matcher| matcher.name.as_str()).filter(|name| *name != METRIC_NAME)
}
