//! What each metric is: its kind, its unit and its labels.
//!
//! Dashboards and alerts are made and checked from this table. A test holds it to [`names`], and an end-to-end test to what
//! running services show. It must not know how anything is counted.

use crate::names::{self, UNIT_BYTES, UNIT_SECONDS};

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever up, from 0 at the start.
    Counter,
    /// Up and down, by steps.
    UpDownCounter,
    /// A value that is read when somebody looks.
    Gauge,
    /// How often a value fell into each of some ranges.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// One of [`names`].
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// In UCUM; empty for a count.
    pub unit: &'static str,
    /// Its labels; one that does not apply is left out of a series.
    pub labels: &'static [&'static str],
}

impl Metric {
    /// Its name in Prometheus, without what a histogram's series add.
    pub fn prometheus(&self) -> String {
        let unit = match self.unit {
            UNIT_SECONDS => "_seconds",
            UNIT_BYTES => "_bytes",
            _ => "",
        };
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", underscored(self.name))
    }

    /// The names of its series in Prometheus.
    pub fn series(&self) -> Vec<String> {
        let name = self.prometheus();
        match self.kind {
            Kind::Histogram => ["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}")).to_vec(),
            Kind::Counter | Kind::UpDownCounter | Kind::Gauge => vec![name],
        }
    }
}

/// A name as Prometheus writes it.
pub fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

const fn counter(name: &'static str, labels: &'static [&'static str]) -> Metric {
    Metric { name, kind: Kind::Counter, unit: "", labels }
}

const fn level(name: &'static str) -> Metric {
    Metric { name, kind: Kind::UpDownCounter, unit: "", labels: &[] }
}

const fn gauge(name: &'static str, unit: &'static str, labels: &'static [&'static str]) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, labels }
}

const fn seconds(name: &'static str, labels: &'static [&'static str]) -> Metric {
    Metric { name, kind: Kind::Histogram, unit: UNIT_SECONDS, labels }
}

/// What both ends of a remote call say.
const RPC: &[&str] = &[names::RPC_SYSTEM_NAME, names::RPC_METHOD, names::RPC_STATUS_CODE, names::ERROR_TYPE];

/// Every metric, in the order of [`names`].
pub const METRICS: &[Metric] = &[
    counter(names::GATEWAY_REFUSALS, &[names::ERROR_TYPE]),
    seconds(names::GATEWAY_TOOL_DURATION, &[names::TOOL_NAME, names::OUTCOME, names::ERROR_TYPE]),
    seconds(
        names::MCP_SERVER_OPERATION_DURATION,
        &[names::MCP_METHOD_NAME, names::TOOL_NAME, names::ERROR_TYPE],
    ),
    seconds(names::RPC_CLIENT_CALL_DURATION, RPC),
    seconds(names::RPC_SERVER_CALL_DURATION, RPC),
    seconds(
        names::HTTP_CLIENT_REQUEST_DURATION,
        &[
            names::HTTP_REQUEST_METHOD,
            names::URL_TEMPLATE,
            names::SERVER_ADDRESS,
            names::HTTP_RESPONSE_STATUS_CODE,
            names::ERROR_TYPE,
        ],
    ),
    level(names::GATEWAY_CONNECTIONS),
    counter(names::GATEWAY_CONNECTIONS_REFUSED, &[names::CAUSE]),
    gauge(names::GATEWAY_FILES_STALE, "", &[names::FILE]),
    gauge(names::GATEWAY_PEOPLE, "", &[]),
    seconds(
        names::HTTP_SERVER_REQUEST_DURATION,
        &[names::HTTP_REQUEST_METHOD, names::HTTP_ROUTE, names::HTTP_RESPONSE_STATUS_CODE, names::ERROR_TYPE],
    ),
    counter(names::BROKER_EXCHANGES, &[names::CONSUMER, names::OUTCOME, names::ERROR_TYPE, names::AADSTS]),
    seconds(names::BROKER_ENTRA_DURATION, &[names::OUTCOME]),
    counter(names::BROKER_ENTRA_REQUESTS, &[names::OUTCOME]),
    counter(names::BROKER_ENTRA_PAUSES, &[names::RESOURCE, names::CAUSE]),
    counter(names::BROKER_ENTRA_THROTTLED, &[names::RESOURCE]),
    seconds(names::BROKER_EXCHANGE_DURATION, &[names::OUTCOME, names::CACHE]),
    counter(names::BROKER_CACHE_HITS, &[names::LEVEL]),
    counter(names::BROKER_CACHE_MISSES, &[]),
    gauge(names::BROKER_CACHE_ENTRIES, "", &[]),
    gauge(names::BROKER_CACHE_SIZE, UNIT_BYTES, &[]),
    counter(names::BROKER_CACHE_EVICTIONS, &[names::CAUSE]),
    counter(names::BROKER_CACHE_REFRESHES, &[names::OUTCOME]),
    counter(names::BROKER_PURGES, &[names::OUTCOME]),
    gauge(names::BROKER_REDIS_UP, "", &[]),
    seconds(names::BROKER_REDIS_DURATION, &[names::OPERATION, names::OUTCOME]),
    counter(names::BROKER_REDIS_UNUSABLE, &[names::CAUSE]),
    level(names::BROKER_INFLIGHT),
    counter(names::BROKER_CONSUMER_REFUSALS, &[names::CAUSE, names::CONSUMER]),
    level(names::BROKER_CONNECTIONS),
    counter(names::BROKER_CONNECTIONS_REFUSED, &[names::CAUSE]),
    gauge(names::BROKER_FILES_STALE, "", &[names::FILE]),
    gauge(names::BROKER_TLS_DAYS_LEFT, "", &[]),
    gauge(names::BROKER_CREDENTIAL_DAYS_LEFT, "", &[]),
    gauge(names::BROKER_PREFLIGHT_FINDINGS, "", &[names::CHECK, names::RESULT]),
    gauge(names::IDENTITY_JWKS_AGE, UNIT_SECONDS, &[]),
    counter(names::AUDIT_RECORDS, &[names::KIND]),
    counter(names::AUDIT_LOST, &[]),
    gauge(names::AUDIT_UP, "", &[]),
    seconds(names::AUDIT_WRITE_DURATION, &[]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Metrics;

    /// Name and first word of the comment of each metric in the file of names.
    fn named() -> BTreeMap<&'static str, &'static str> {
        let text = include_str!("names.rs");
        let mut found = BTreeMap::new();
        for section in text.split("// === ").filter(|section| section.starts_with("Metrics")) {
            let mut kind = "";
            for line in section.lines() {
                let comment = line.strip_prefix("/// ").filter(|_| kind.is_empty());
                kind = comment.and_then(|comment| comment.split([',', ':']).next()).unwrap_or(kind);
                if let Some((_, value)) =
                    line.strip_prefix("pub const ").and_then(|line| line.split_once(" = "))
                {
                    found.insert(value.trim_matches([';', '"']), kind);
                    kind = "";
                }
            }
        }
        found
    }

    #[test]
    fn the_table_has_every_metric_of_the_names_and_its_kind() {
        let words = METRICS.iter().map(|metric| {
            let word = match metric.kind {
                Kind::Counter => "Counter",
                Kind::UpDownCounter => "Up-down counter",
                Kind::Gauge => "Gauge",
                Kind::Histogram => "Histogram",
            };
            (metric.name, word)
        });
        assert_eq!(words.collect::<BTreeMap<_, _>>(), named(), "add it to METRICS, with its labels");
    }

    #[test]
    fn prometheus_calls_them_as_the_table_says() {
        let metrics = Metrics::new("gateway").unwrap();
        let meter = metrics.meter("test");
        for metric in METRICS {
            match metric.kind {
                Kind::Counter => meter.u64_counter(metric.name).with_unit(metric.unit).build().add(1, &[]),
                Kind::UpDownCounter => meter.i64_up_down_counter(metric.name).build().add(1, &[]),
                Kind::Gauge => meter.u64_gauge(metric.name).with_unit(metric.unit).build().record(1, &[]),
                Kind::Histogram => {
                    meter.f64_histogram(metric.name).with_unit(metric.unit).build().record(1.0, &[]);
                }
            }
        }
        let text = metrics.render();
        for series in METRICS.iter().flat_map(Metric::series) {
            let shown = text.lines().any(|line| line.split(['{', ' ']).next() == Some(&series));
            assert!(shown, "{series} is not in:\n{text}");
        }
    }
}
