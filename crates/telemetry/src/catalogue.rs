//! What each metric is: its kind, its unit, its labels, and all values that each label may have.
//!
//! Dashboards and alerts are made and checked from this table. Whoever scrapes pays for each series, and a value that a caller
//! makes up would be one more with each call: what is not declared here must not appear, and tests hold both services to that
//! after thousands of made-up values. It must not know how anything is counted.

use self::labels::{
    BUILD, CONSUMER, OF_REQUESTS, OF_TOOLS, OUTCOME, REASON, REFUSALS, RESOURCE, RPC_STATUS, RPC_SYSTEM,
    STATUS, TOOL, WORKED,
};
use self::words::{AZURE, CHECKS, METHODS, NO_ANSWERS, SIGN_IN, TEMPLATES};
use crate::names::{self, UNIT_BYTES, UNIT_SECONDS};

pub use labels::{Given, Label, Values};

mod labels;
mod words;

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
    pub labels: &'static [Label],
}

impl Metric {
    /// The names of its labels.
    pub fn label_names(&self) -> impl Iterator<Item = &'static str> {
        self.labels.iter().map(|label| label.name)
    }

    /// How many series there can be at most: for each label one of its values, or none. A histogram is one.
    pub fn most(&self, given: &impl Fn(Given) -> Vec<String>) -> usize {
        self.labels.iter().map(|label| label.all(given).len() + 1).product()
    }

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

const fn counter(name: &'static str, labels: &'static [Label]) -> Metric {
    Metric { name, kind: Kind::Counter, unit: "", labels }
}

const fn level(name: &'static str) -> Metric {
    Metric { name, kind: Kind::UpDownCounter, unit: "", labels: &[] }
}

const fn gauge(name: &'static str, unit: &'static str, labels: &'static [Label]) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, labels }
}

const fn seconds(name: &'static str, labels: &'static [Label]) -> Metric {
    Metric { name, kind: Kind::Histogram, unit: UNIT_SECONDS, labels }
}

const fn label(name: &'static str, values: &'static [Values]) -> Label {
    Label { name, values }
}

/// Every metric of both services, in the order of [`names`].
pub const METRICS: &[Metric] = &[
    counter(names::GATEWAY_REFUSALS, &[label(names::ERROR_TYPE, REFUSALS)]),
    seconds(names::GATEWAY_TOOL_DURATION, &[TOOL, OUTCOME, label(names::ERROR_TYPE, OF_TOOLS)]),
    seconds(
        names::MCP_SERVER_OPERATION_DURATION,
        &[
            label(
                names::MCP_METHOD_NAME,
                &[Values::Words(&["completion/complete", "resources/list", "resources/read", "tools/call"])],
            ),
            TOOL,
            label(names::ERROR_TYPE, OF_TOOLS),
        ],
    ),
    seconds(
        names::RPC_CLIENT_CALL_DURATION,
        &[
            RPC_SYSTEM,
            label(names::RPC_METHOD, &[Values::Words(&[names::RPC_EXCHANGE])]),
            RPC_STATUS,
            label(names::ERROR_TYPE, REFUSALS),
        ],
    ),
    seconds(
        names::RPC_SERVER_CALL_DURATION,
        &[
            RPC_SYSTEM,
            label(
                names::RPC_METHOD,
                &[Values::Words(&[names::RPC_EXCHANGE, names::RPC_PREFLIGHT, names::RPC_PURGE_USER])],
            ),
            RPC_STATUS,
            REASON,
        ],
    ),
    seconds(
        names::HTTP_CLIENT_REQUEST_DURATION,
        &[
            label(names::HTTP_REQUEST_METHOD, &[Values::Words(&["GET", "POST"])]),
            label(names::URL_TEMPLATE, &[Values::Words(TEMPLATES)]),
            label(names::SERVER_ADDRESS, &[Values::Each("", Given::Host)]),
            STATUS,
            label(names::ERROR_TYPE, &[Values::Words(NO_ANSWERS), Values::Words(AZURE)]),
        ],
    ),
    level(names::GATEWAY_CONNECTIONS),
    counter(
        names::GATEWAY_CONNECTIONS_REFUSED,
        &[label(
            names::CAUSE,
            &[Values::Words(&["address_full", "descriptors", "full", "handshake", "not_a_proxy", "slow"])],
        )],
    ),
    gauge(
        names::GATEWAY_FILES_STALE,
        "",
        &[label(names::FILE, &[Values::Words(&["policy_file", "tls_files"])])],
    ),
    gauge(names::GATEWAY_PEOPLE, "", &[]),
    gauge(
        names::GATEWAY_COST_UNITS_LEFT,
        "",
        &[label(names::WINDOW, &[Values::Words(&["10s", "h", "min"])])],
    ),
    seconds(
        names::GATEWAY_COST_WAIT_DURATION,
        &[label(names::KIND, &[Values::Words(&["bulk", "interactive", "page", "refused"])])],
    ),
    gauge(names::GATEWAY_COST_QUEUE, "", &[]),
    counter(
        names::GATEWAY_COST_CACHE_LOOKUPS,
        &[label(names::RESULT, &[Values::Words(&["derived", "hit", "miss", "refused"])])],
    ),
    counter(names::GATEWAY_COST_PENDING, &[label(names::RESULT, &[Values::Words(&["collected", "given"])])]),
    gauge(names::GATEWAY_EXPORTS, "", &[label(names::KIND, &[Values::Words(&["ready", "written"])])]),
    gauge(
        names::GATEWAY_EXPORT_DISK,
        UNIT_BYTES,
        &[label(names::KIND, &[Values::Words(&["most", "taken"])])],
    ),
    counter(
        names::GATEWAY_EXPORTS_REFUSED,
        &[label(
            names::ERROR_TYPE,
            &[Values::Words(&[
                "export_disk_full",
                "export_no_room",
                "export_store_unavailable",
                "export_too_large",
                "export_too_many",
            ])],
        )],
    ),
    counter(
        names::GATEWAY_EXPORT_DOWNLOADS,
        &[label(
            names::OUTCOME,
            &[Values::Words(&["cancelled", "export_store_unavailable", "ok", "too_slow"])],
        )],
    ),
    Metric { name: names::GATEWAY_EXPORT_SENT, kind: Kind::Counter, unit: UNIT_BYTES, labels: &[] },
    counter(
        names::GATEWAY_SIGN_IN_REQUESTS,
        &[
            label(names::OPERATION, &[Values::Words(&["authorize", "register", "token"])]),
            label(names::CLIENT, &[Values::Each("", Given::Client), Values::Words(&["unknown"])]),
            label(names::ERROR_TYPE, &[Values::Words(SIGN_IN)]),
        ],
    ),
    seconds(
        names::HTTP_SERVER_REQUEST_DURATION,
        &[
            label(names::HTTP_REQUEST_METHOD, &[Values::Words(METHODS)]),
            label(names::HTTP_ROUTE, &[Values::Each("", Given::Route)]),
            STATUS,
            label(names::ERROR_TYPE, OF_REQUESTS),
        ],
    ),
    gauge(names::GATEWAY_BUILD_INFO, "", BUILD),
    counter(
        names::BROKER_EXCHANGES,
        &[
            CONSUMER,
            OUTCOME,
            REASON,
            label(names::AADSTS, &[Values::Each("", Given::Aadsts), Values::Words(&["other"])]),
        ],
    ),
    seconds(names::BROKER_ENTRA_DURATION, &[WORKED]),
    counter(names::BROKER_ENTRA_REQUESTS, &[WORKED]),
    counter(
        names::BROKER_ENTRA_PAUSES,
        &[RESOURCE, label(names::CAUSE, &[Values::Words(&[names::CAUSE_FAULTS, names::CAUSE_THROTTLED])])],
    ),
    counter(names::BROKER_ENTRA_THROTTLED, &[RESOURCE]),
    seconds(
        names::BROKER_EXCHANGE_DURATION,
        &[OUTCOME, label(names::CACHE, &[Values::Words(&["local", "miss", "shared"])])],
    ),
    counter(names::BROKER_CACHE_HITS, &[label(names::LEVEL, &[Values::Words(&["local", "shared"])])]),
    counter(names::BROKER_CACHE_MISSES, &[]),
    gauge(names::BROKER_CACHE_ENTRIES, "", &[]),
    gauge(names::BROKER_CACHE_SIZE, UNIT_BYTES, &[]),
    counter(
        names::BROKER_CACHE_EVICTIONS,
        &[label(names::CAUSE, &[Values::Words(&["dropped", "expired", "size"])])],
    ),
    counter(names::BROKER_CACHE_REFRESHES, &[WORKED]),
    counter(names::BROKER_PURGES, &[WORKED]),
    gauge(names::BROKER_REDIS_UP, "", &[]),
    seconds(
        names::BROKER_REDIS_DURATION,
        &[
            label(
                names::OPERATION,
                &[Values::Words(&["beat", "claim", "confirm", "forget", "leave", "purge", "renew", "store"])],
            ),
            WORKED,
        ],
    ),
    counter(
        names::BROKER_REDIS_UNUSABLE,
        &[label(names::CAUSE, &[Values::Words(&["forged", "unknown_key"])])],
    ),
    level(names::BROKER_INFLIGHT),
    counter(
        names::BROKER_CONSUMER_REFUSALS,
        &[
            label(
                names::CAUSE,
                &[Values::Words(&[
                    "ambiguous_consumer",
                    "overloaded",
                    "purge",
                    "resource",
                    "unknown_consumer",
                ])],
            ),
            CONSUMER,
        ],
    ),
    level(names::BROKER_CONNECTIONS),
    counter(
        names::BROKER_CONNECTIONS_REFUSED,
        &[label(
            names::CAUSE,
            &[Values::Words(&["certificate", "full", "handshake", "peer_full", "slow", "strangers_full"])],
        )],
    ),
    gauge(
        names::BROKER_FILES_STALE,
        "",
        &[label(
            names::FILE,
            &[Values::Words(&[
                "admin_tls_files",
                "cache_keys",
                "client_certificate",
                "consumers_file",
                "federated_token",
                "tls_files",
            ])],
        )],
    ),
    gauge(names::BROKER_TLS_DAYS_LEFT, "", &[]),
    gauge(names::BROKER_CREDENTIAL_DAYS_LEFT, "", &[]),
    gauge(
        names::BROKER_PREFLIGHT_FINDINGS,
        "",
        &[
            label(names::CHECK, &[Values::Words(CHECKS)]),
            label(names::RESULT, &[Values::Words(&["missing", "ok", "unknown"])]),
        ],
    ),
    gauge(names::BROKER_BUILD_INFO, "", BUILD),
    gauge(names::IDENTITY_JWKS_AGE, UNIT_SECONDS, &[]),
    counter(
        names::AUDIT_RECORDS,
        &[label(
            names::KIND,
            &[Values::Words(&["decision", "end", "gap", "outcome", "refusal", "start", "summary"])],
        )],
    ),
    counter(names::AUDIT_LOST, &[]),
    gauge(names::AUDIT_UP, "", &[]),
    seconds(names::AUDIT_WRITE_DURATION, &[]),
    counter(names::TELEMETRY_SPANS_EXPORTED, &[]),
    counter(names::TELEMETRY_SPANS_DROPPED, &[label(names::CAUSE, &[Values::Words(&["failed", "full"])])]),
    counter(
        names::TELEMETRY_EXPORTS_FAILED,
        &[label(names::SIGNAL, &[Values::Words(&["logs", "metrics", "traces"])])],
    ),
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

    fn attributes() -> Vec<&'static str> {
        let (_, rest) = include_str!("names.rs").split_once("// === Attributes ===").unwrap();
        let (part, _) = rest.split_once("/// Every attribute that a span").unwrap();
        let lines = part.lines().filter(|line| line.starts_with("pub const "));
        lines.map(|line| line.split('"').nth(1).unwrap()).collect()
    }

    #[test]
    fn every_label_is_a_named_attribute_and_no_value_is_declared_twice() {
        let attributes = attributes();
        let given = |what| vec![format!("{what:?}")];
        for metric in METRICS {
            for label in metric.labels {
                assert!(attributes.contains(&label.name), "{}: {}", metric.name, label.name);
                let mut all = label.all(&given);
                let count = all.len();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), count, "{}: {}", metric.name, label.name);
            }
        }
    }

    #[test]
    fn the_product_counts_each_label_as_absent_too() {
        let given =
            |what| if what == Given::Consumer { vec!["a".to_owned(), "b".to_owned()] } else { vec![] };
        let metric = METRICS.iter().find(|metric| metric.name == names::BROKER_CONSUMER_REFUSALS).unwrap();
        assert_eq!(
            (metric.prometheus().as_str(), metric.most(&given)),
            ("broker_consumer_refusals_total", 6 * 3)
        );
    }
}
