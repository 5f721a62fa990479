//! Which series there may be: each metric with its labels, and each label with all values that it may have.
//!
//! Whoever scrapes pays for each series, and a value that a caller makes up would be one more with each call. So what is not
//! declared here must not appear, and a test holds both services to that after thousands of made-up values.

use self::words::{AZURE, CHECKS, METHODS, NO_ANSWERS, REASONS, REFUSED, TEMPLATES};
use crate::names::{self, OUTCOME_CANCELLED, OUTCOME_ERROR, OUTCOME_OK};

mod words;

/// A metric, and the labels that its series may have.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name in [`names`].
    pub metric: &'static str,
    /// What Prometheus has behind the name: its unit, and `_total` on a counter.
    suffix: &'static str,
    /// Its labels. Each may be absent.
    pub labels: &'static [Label],
}

/// A label, and the values that it may have.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name in [`names`].
    pub name: &'static str,
    values: &'static [Values],
}

/// Values of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// These words.
    Words(&'static [&'static str]),
    /// What the code or the settings of a service declare, each behind this text.
    Each(&'static str, Given),
    /// Statuses of HTTP, from 100 to 599.
    Statuses,
}

/// What is declared elsewhere than here: by the table of tools, or by who runs the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Numbers of errors that the broker knows.
    Aadsts,
    /// Consumers of the broker's file.
    Consumer,
    /// Hosts of Entra ID and Azure.
    Host,
    /// Downstream resources of the broker.
    Resource,
    /// App roles of the policy.
    Role,
    /// Paths that the gateway serves.
    Route,
    /// Scopes of the policy.
    Scope,
    /// Tools of the table.
    Tool,
}

impl Family {
    /// The name in Prometheus' text.
    pub fn prometheus(&self) -> String {
        format!("{}{}", self.metric.replace('.', "_"), self.suffix)
    }

    /// How many series there can be at most: for each label one of its values, or none. A histogram is one.
    pub fn most(&self, given: &impl Fn(Given) -> Vec<String>) -> usize {
        self.labels.iter().map(|label| label.all(given).len() + 1).product()
    }
}

impl Label {
    /// Its name in Prometheus' text.
    pub fn prometheus(&self) -> String {
        self.name.replace('.', "_")
    }

    /// All its values. `given` tells those that are declared elsewhere.
    pub fn all(&self, given: &impl Fn(Given) -> Vec<String>) -> Vec<String> {
        let of = |values: &Values| -> Vec<String> {
            match *values {
                Values::Words(words) => words.iter().map(ToString::to_string).collect(),
                Values::Each(text, what) => given(what).iter().map(|it| format!("{text}{it}")).collect(),
                Values::Statuses => (100..600).map(|status: u16| status.to_string()).collect(),
            }
        };
        self.values.iter().flat_map(of).collect()
    }
}

const COUNTER: &str = "_total";
const GAUGE: &str = "";
const SECONDS: &str = "_seconds";
const BYTES: &str = "_bytes";

const fn family(metric: &'static str, suffix: &'static str, labels: &'static [Label]) -> Family {
    Family { metric, suffix, labels }
}

const fn label(name: &'static str, values: &'static [Values]) -> Label {
    Label { name, values }
}

/// Every metric of both services.
pub const FAMILIES: &[Family] = &[
    family(names::GATEWAY_REFUSALS, COUNTER, &[label(names::ERROR_TYPE, REFUSALS)]),
    family(names::GATEWAY_TOOL_DURATION, SECONDS, &[TOOL, OUTCOME, label(names::ERROR_TYPE, OF_TOOLS)]),
    family(
        names::MCP_SERVER_OPERATION_DURATION,
        SECONDS,
        &[
            label(names::MCP_METHOD_NAME, &[Values::Words(&["tools/call"])]),
            TOOL,
            label(names::ERROR_TYPE, OF_TOOLS),
        ],
    ),
    family(
        names::RPC_CLIENT_CALL_DURATION,
        SECONDS,
        &[
            RPC_SYSTEM,
            label(names::RPC_METHOD, &[Values::Words(&[names::RPC_EXCHANGE])]),
            RPC_STATUS,
            label(names::ERROR_TYPE, REFUSALS),
        ],
    ),
    family(
        names::RPC_SERVER_CALL_DURATION,
        SECONDS,
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
    family(
        names::HTTP_CLIENT_REQUEST_DURATION,
        SECONDS,
        &[
            label(names::HTTP_REQUEST_METHOD, &[Values::Words(&["GET", "POST"])]),
            label(names::URL_TEMPLATE, &[Values::Words(TEMPLATES)]),
            label(names::SERVER_ADDRESS, &[Values::Each("", Given::Host)]),
            STATUS,
            label(names::ERROR_TYPE, &[Values::Words(NO_ANSWERS), Values::Words(AZURE)]),
        ],
    ),
    family(names::GATEWAY_CONNECTIONS, GAUGE, &[]),
    family(
        names::GATEWAY_CONNECTIONS_REFUSED,
        COUNTER,
        &[label(
            names::CAUSE,
            &[Values::Words(&["address_full", "descriptors", "full", "handshake", "not_a_proxy", "slow"])],
        )],
    ),
    family(
        names::GATEWAY_FILES_STALE,
        GAUGE,
        &[label(names::FILE, &[Values::Words(&["policy_file", "tls_files"])])],
    ),
    family(
        names::HTTP_SERVER_REQUEST_DURATION,
        SECONDS,
        &[
            label(names::HTTP_REQUEST_METHOD, &[Values::Words(METHODS)]),
            label(names::HTTP_ROUTE, &[Values::Each("", Given::Route)]),
            STATUS,
            label(names::ERROR_TYPE, OF_REQUESTS),
        ],
    ),
    family(
        names::BROKER_EXCHANGES,
        COUNTER,
        &[
            CONSUMER,
            OUTCOME,
            REASON,
            label(names::AADSTS, &[Values::Each("", Given::Aadsts), Values::Words(&["other"])]),
        ],
    ),
    family(names::BROKER_ENTRA_DURATION, SECONDS, &[WORKED]),
    family(names::BROKER_ENTRA_REQUESTS, COUNTER, &[WORKED]),
    family(
        names::BROKER_ENTRA_PAUSES,
        COUNTER,
        &[RESOURCE, label(names::CAUSE, &[Values::Words(&[names::CAUSE_FAULTS, names::CAUSE_THROTTLED])])],
    ),
    family(names::BROKER_ENTRA_THROTTLED, COUNTER, &[RESOURCE]),
    family(
        names::BROKER_EXCHANGE_DURATION,
        SECONDS,
        &[OUTCOME, label(names::CACHE, &[Values::Words(&["local", "miss", "shared"])])],
    ),
    family(names::BROKER_CACHE_HITS, COUNTER, &[label(names::LEVEL, &[Values::Words(&["local", "shared"])])]),
    family(names::BROKER_CACHE_MISSES, COUNTER, &[]),
    family(names::BROKER_CACHE_ENTRIES, GAUGE, &[]),
    family(names::BROKER_CACHE_SIZE, BYTES, &[]),
    family(
        names::BROKER_CACHE_EVICTIONS,
        COUNTER,
        &[label(names::CAUSE, &[Values::Words(&["dropped", "expired", "size"])])],
    ),
    family(names::BROKER_CACHE_REFRESHES, COUNTER, &[WORKED]),
    family(names::BROKER_PURGES, COUNTER, &[WORKED]),
    family(names::BROKER_REDIS_UP, GAUGE, &[]),
    family(
        names::BROKER_REDIS_DURATION,
        SECONDS,
        &[
            label(
                names::OPERATION,
                &[Values::Words(&["beat", "claim", "confirm", "forget", "leave", "purge", "renew", "store"])],
            ),
            WORKED,
        ],
    ),
    family(
        names::BROKER_REDIS_UNUSABLE,
        COUNTER,
        &[label(names::CAUSE, &[Values::Words(&["forged", "unknown_key"])])],
    ),
    family(names::BROKER_INFLIGHT, GAUGE, &[]),
    family(
        names::BROKER_CONSUMER_REFUSALS,
        COUNTER,
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
    family(names::BROKER_CONNECTIONS, GAUGE, &[]),
    family(
        names::BROKER_CONNECTIONS_REFUSED,
        COUNTER,
        &[label(
            names::CAUSE,
            &[Values::Words(&["certificate", "full", "handshake", "peer_full", "slow", "strangers_full"])],
        )],
    ),
    family(
        names::BROKER_FILES_STALE,
        GAUGE,
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
    family(names::BROKER_TLS_DAYS_LEFT, GAUGE, &[]),
    family(names::BROKER_CREDENTIAL_DAYS_LEFT, GAUGE, &[]),
    family(
        names::BROKER_PREFLIGHT_FINDINGS,
        GAUGE,
        &[
            label(names::CHECK, &[Values::Words(CHECKS)]),
            label(names::RESULT, &[Values::Words(&["missing", "ok", "unknown"])]),
        ],
    ),
    family(names::IDENTITY_JWKS_AGE, SECONDS, &[]),
    family(
        names::AUDIT_RECORDS,
        COUNTER,
        &[label(
            names::KIND,
            &[Values::Words(&["decision", "end", "gap", "outcome", "refusal", "start", "summary"])],
        )],
    ),
    family(names::AUDIT_LOST, COUNTER, &[]),
    family(names::AUDIT_UP, GAUGE, &[]),
    family(names::AUDIT_WRITE_DURATION, SECONDS, &[]),
];

const TOOL: Label = label(names::TOOL_NAME, &[Values::Each("", Given::Tool)]);
const CONSUMER: Label = label(names::CONSUMER, &[Values::Each("", Given::Consumer)]);
const RESOURCE: Label = label(names::RESOURCE, &[Values::Each("", Given::Resource)]);
const OUTCOME: Label =
    label(names::OUTCOME, &[Values::Words(&[OUTCOME_CANCELLED, OUTCOME_ERROR, OUTCOME_OK])]);
/// Where nobody can leave.
const WORKED: Label = label(names::OUTCOME, &[Values::Words(&[OUTCOME_ERROR, OUTCOME_OK])]);
const STATUS: Label = label(names::HTTP_RESPONSE_STATUS_CODE, &[Values::Statuses]);
const RPC_SYSTEM: Label = label(names::RPC_SYSTEM_NAME, &[Values::Words(&["grpc"])]);
const REASON: Label = label(names::ERROR_TYPE, &[Values::Words(REASONS)]);
const RPC_STATUS: Label = label(
    names::RPC_STATUS_CODE,
    &[Values::Words(&[
        "ABORTED",
        "ALREADY_EXISTS",
        "CANCELLED",
        "DATA_LOSS",
        "DEADLINE_EXCEEDED",
        "FAILED_PRECONDITION",
        "INTERNAL",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "OK",
        "OUT_OF_RANGE",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "UNAUTHENTICATED",
        "UNIMPLEMENTED",
        "UNAVAILABLE",
        "UNKNOWN",
    ])],
);

/// Codes of the gateway's refusals.
const REFUSALS: &[Values] = &[
    Values::Words(REFUSED),
    Values::Each("missing_scope:", Given::Scope),
    Values::Each("missing_role:", Given::Role),
];
/// Codes that a tool call can end with.
const OF_TOOLS: &[Values] = &[
    Values::Words(REFUSED),
    Values::Each("missing_scope:", Given::Scope),
    Values::Each("missing_role:", Given::Role),
    Values::Words(AZURE),
    Values::Words(&["invalid_arguments", "invalid_period", "subscription_ambiguous"]),
];
/// Codes of HTTP requests; a status where a server's fault has no code.
const OF_REQUESTS: &[Values] = &[
    Values::Words(REFUSED),
    Values::Each("missing_scope:", Given::Scope),
    Values::Each("missing_role:", Given::Role),
    Values::Statuses,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the constants that stand in `names.rs` between two headings.
    fn named(from: &str, to: &str) -> Vec<&'static str> {
        let text = include_str!("names.rs");
        let (_, rest) = text.split_once(from).unwrap();
        let (part, _) = rest.split_once(to).unwrap();
        part.lines()
            .filter(|line| line.starts_with("pub const "))
            .map(|line| line.split('"').nth(1).unwrap())
            .collect()
    }

    #[test]
    fn every_metric_is_declared_and_no_other() {
        let mut declared: Vec<_> = FAMILIES.iter().map(|family| family.metric).collect();
        let mut all = named("// === Metrics: gateway ===", "// === Attributes ===");
        declared.sort_unstable();
        all.sort_unstable();
        assert_eq!(declared, all);
    }

    #[test]
    fn every_label_is_a_named_attribute_and_no_value_is_declared_twice() {
        let attributes = named("// === Attributes ===", "/// Every attribute that a span");
        let given = |what| vec![format!("{what:?}")];
        for family in FAMILIES {
            for label in family.labels {
                assert!(attributes.contains(&label.name), "{}: {}", family.metric, label.name);
                let mut all = label.all(&given);
                let count = all.len();
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), count, "{}: {}", family.metric, label.name);
            }
        }
    }

    #[test]
    fn the_product_counts_each_label_as_absent_too() {
        let given =
            |what| if what == Given::Consumer { vec!["a".to_owned(), "b".to_owned()] } else { vec![] };
        let family = FAMILIES.iter().find(|family| family.metric == names::BROKER_CONSUMER_REFUSALS).unwrap();
        assert_eq!(
            (family.prometheus().as_str(), family.most(&given)),
            ("broker_consumer_refusals_total", 6 * 3)
        );
    }
}
