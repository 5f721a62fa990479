//! The alerts. Each line of docs/runbooks.md says what to do about one.

use std::sync::LazyLock;

use telemetry::names;

use crate::alert::{Alert, Severity, risen, select, series, series_of, under};
use crate::expression::{count_of, matchers};

/// The labels of what is said of one process.
const ONE: &[(&str, &str)] = &[("instance", "one")];

pub(crate) static ALERTS: LazyLock<Vec<Alert>> = LazyLock::new(|| {
    [services(), credentials(), access(), outside(), records(), caches()].into_iter().flatten().collect()
});

fn services() -> Vec<Alert> {
    let own_faults = series(names::GATEWAY_REFUSALS, &[(names::ERROR_TYPE, "broker_unavailable")]);
    let peoples = series(names::GATEWAY_REFUSALS, &[(names::ERROR_TYPE, "missing_scope:cost.export")]);
    let requests = series(names::HTTP_SERVER_REQUEST_DURATION, &[]);
    let buckets = count_of(names::GATEWAY_TOOL_DURATION).replace("_count", "_bucket");
    let slow = |le: &str| series_of(&buckets, &[(names::TOOL_NAME, "cost_query"), ("le", le)]);
    let misconfigured = [(names::ERROR_TYPE, "=", "broker_misconfigured")];
    vec![
        Alert {
            name: "ServiceDown",
            expr: r#"up{job=~".*(gateway|token-broker)"} == 0"#.to_owned(),
            wait: "2m",
            severity: Severity::Critical,
            summary: "A service does not answer Prometheus",
            fires: vec![(r#"up{job="mcp-gateway", instance="one"}"#.to_owned(), "1x50 0x20")],
            labels: &[("job", "mcp-gateway"), ("instance", "one")],
            // Of other people's services.
            holds: vec![
                (r#"up{job="mcp-gateway", instance="one"}"#.to_owned(), "1x70"),
                (r#"up{job="their-api", instance="one"}"#.to_owned(), "0x70"),
            ],
        },
        Alert {
            name: "CallsFail",
            expr: "gateway:own_faults:ratio_rate5m > 0.05".to_owned(),
            wait: "5m",
            severity: Severity::Critical,
            summary: "More than 5 % of requests are refused for a fault that no person can mend",
            fires: vec![(own_faults.clone(), "0+6x70"), (requests.clone(), "0+60x70")],
            labels: &[],
            holds: vec![(own_faults, "0+2x70"), (peoples, "0+30x70"), (requests, "0+60x70")],
        },
        Alert {
            name: "BrokerMisconfigured",
            expr: risen(names::GATEWAY_REFUSALS, &[], &misconfigured),
            wait: "0m",
            severity: Severity::Critical,
            summary: "The services or the registration do not fit each other: calls are refused",
            // Its first one makes the series.
            fires: vec![(
                series(names::GATEWAY_REFUSALS, &[(names::ERROR_TYPE, "broker_misconfigured")]),
                "_x54 1x10",
            )],
            labels: &[],
            holds: vec![(
                series(names::GATEWAY_REFUSALS, &[(names::ERROR_TYPE, "broker_misconfigured")]),
                "1x70",
            )],
        },
        Alert {
            name: "ToolsSlow",
            expr: format!(
                "gateway:tool_duration_seconds:p95_rate5m{{{}}} > 30",
                matchers(&[(names::TOOL_NAME, "!=", "cost_export")])
            ),
            wait: "15m",
            severity: Severity::Warning,
            summary: "5 of 100 calls of a tool take longer than 30 seconds",
            fires: vec![(slow("30"), "0x70"), (slow("60"), "0+6x70"), (slow("+Inf"), "0+6x70")],
            labels: &[("gen_ai_tool_name", "cost_query")],
            holds: vec![(slow("30"), "0+6x70"), (slow("60"), "0+6x70"), (slow("+Inf"), "0+6x70")],
        },
        Alert {
            name: "GatewayFull",
            expr: risen(
                names::GATEWAY_CONNECTIONS_REFUSED,
                &[names::CAUSE],
                &[(names::CAUSE, "=~", "full|descriptors")],
            ),
            wait: "5m",
            severity: Severity::Warning,
            summary: "There is no room for further connections of clients",
            fires: vec![(
                series(names::GATEWAY_CONNECTIONS_REFUSED, &[(names::CAUSE, "full")]),
                "0x40 1+1x30",
            )],
            labels: &[("cause", "full")],
            holds: vec![(series(names::GATEWAY_CONNECTIONS_REFUSED, &[(names::CAUSE, "slow")]), "0+5x70")],
        },
    ]
}

fn credentials() -> Vec<Alert> {
    let credential = || series(names::BROKER_CREDENTIAL_DAYS_LEFT, &[]);
    let tls = || series(names::BROKER_TLS_DAYS_LEFT, &[]);
    let age = || series(names::IDENTITY_JWKS_AGE, &[]);
    vec![
        Alert {
            name: "CredentialEnds",
            expr: under(names::BROKER_CREDENTIAL_DAYS_LEFT, "30"),
            wait: "1h",
            severity: Severity::Warning,
            summary: "The certificate that the broker proves itself to Entra ID with ends in less than 30 days",
            fires: vec![(credential(), "29x70")],
            labels: ONE,
            holds: vec![(credential(), "31x70")],
        },
        Alert {
            name: "CredentialEndsSoon",
            expr: under(names::BROKER_CREDENTIAL_DAYS_LEFT, "7"),
            wait: "10m",
            severity: Severity::Critical,
            summary: "The certificate that the broker proves itself to Entra ID with ends in less than 7 days",
            fires: vec![(credential(), "6.9x70")],
            labels: ONE,
            holds: vec![(credential(), "7.1x70")],
        },
        Alert {
            name: "BrokerCertificateEnds",
            expr: under(names::BROKER_TLS_DAYS_LEFT, "7"),
            wait: "10m",
            severity: Severity::Critical,
            summary: "The certificate of the broker's own addresses ends in less than 7 days",
            fires: vec![(tls(), "6.9x70")],
            labels: ONE,
            holds: vec![(tls(), "7.1x70")],
        },
        Alert {
            name: "SigningKeysOld",
            expr: format!("{} > 7200", count_of(names::IDENTITY_JWKS_AGE)),
            wait: "5m",
            severity: Severity::Warning,
            summary: "Entra ID's signing keys are not renewed; after 24 hours nobody gets in",
            fires: vec![(age(), "4000+60x70")],
            labels: ONE,
            holds: vec![(age(), "0+60x70")],
        },
        Alert {
            name: "SigningKeysEnd",
            expr: format!("{} > 72000", count_of(names::IDENTITY_JWKS_AGE)),
            wait: "5m",
            severity: Severity::Critical,
            summary: "Entra ID's signing keys are older than 20 hours; after 24 nobody gets in",
            fires: vec![(age(), "71000+60x70")],
            labels: ONE,
            holds: vec![(age(), "60000+60x70")],
        },
    ]
}

fn access() -> Vec<Alert> {
    let stale = || series(names::BROKER_FILES_STALE, &[(names::FILE, "consumers_file")]);
    let refused = |cause| {
        series(names::BROKER_CONSUMER_REFUSALS, &[(names::CAUSE, cause), (names::CONSUMER, "help-desk")])
    };
    let by = [names::CAUSE, names::CONSUMER];
    let turned_away = |cause| series(names::BROKER_CONNECTIONS_REFUSED, &[(names::CAUSE, cause)]);
    let found = |result| {
        series(names::BROKER_PREFLIGHT_FINDINGS, &[(names::CHECK, "scopes"), (names::RESULT, result)])
    };
    vec![
        Alert {
            name: "FileNotInForce",
            expr: format!(
                "{} == 1 or {} == 1",
                count_of(names::GATEWAY_FILES_STALE),
                count_of(names::BROKER_FILES_STALE)
            ),
            wait: "1m",
            severity: Severity::Critical,
            summary: "A changed file is not in force: who was removed in it still has access",
            fires: vec![(stale(), "0x50 1x20")],
            labels: &[("instance", "one"), ("file", "consumers_file")],
            holds: vec![(stale(), "0x59 1x1 0x10")],
        },
        Alert {
            name: "TenantIncomplete",
            expr: format!(
                "{} > 0",
                select(names::BROKER_PREFLIGHT_FINDINGS, &[(names::RESULT, "=", "missing")])
            ),
            wait: "5m",
            severity: Severity::Warning,
            summary: "Something that calls need is missing in the tenant",
            fires: vec![(found("missing"), "0x40 1x30")],
            labels: &[("instance", "one"), ("check", "scopes"), ("result", "missing")],
            holds: vec![(found("missing"), "0x70"), (found("unknown"), "3x70")],
        },
        Alert {
            name: "ConsumerRefused",
            expr: risen(names::BROKER_CONSUMER_REFUSALS, &by, &[(names::CAUSE, "!=", "overloaded")]),
            wait: "0m",
            severity: Severity::Warning,
            summary: "A service asked the broker for what it may not have",
            fires: vec![(refused("resource"), "_x54 1x10")],
            labels: &[("cause", "resource"), ("consumer", "help-desk")],
            holds: vec![(refused("overloaded"), "0+5x70"), (refused("resource"), "3x70")],
        },
        Alert {
            name: "ConsumerOverloads",
            expr: risen(names::BROKER_CONSUMER_REFUSALS, &by, &[(names::CAUSE, "=", "overloaded")]),
            wait: "10m",
            severity: Severity::Warning,
            summary: "A service has more calls under way at the broker than it may",
            fires: vec![(refused("overloaded"), "0x30 1+1x40")],
            labels: &[("cause", "overloaded"), ("consumer", "help-desk")],
            holds: vec![(refused("overloaded"), "0x58 1x10")],
        },
        Alert {
            name: "StrangersAtBroker",
            expr: risen(
                names::BROKER_CONNECTIONS_REFUSED,
                &[names::CAUSE],
                &[(names::CAUSE, "=~", "handshake|certificate|strangers_full")],
            ),
            wait: "10m",
            severity: Severity::Warning,
            summary: "Somebody without a right certificate keeps calling the broker",
            fires: vec![(turned_away("handshake"), "0x30 1+1x40")],
            labels: &[("cause", "handshake")],
            holds: vec![(turned_away("slow"), "0+1x70"), (turned_away("handshake"), "0x58 1x10")],
        },
        Alert {
            name: "BrokerFull",
            expr: risen(
                names::BROKER_CONNECTIONS_REFUSED,
                &[names::CAUSE],
                &[(names::CAUSE, "=~", "full|peer_full")],
            ),
            wait: "5m",
            severity: Severity::Warning,
            summary: "The broker has no room for further connections",
            fires: vec![(turned_away("peer_full"), "0x40 1+1x30")],
            labels: &[("cause", "peer_full")],
            holds: vec![(turned_away("full"), "7x70")],
        },
    ]
}

fn outside() -> Vec<Alert> {
    let request = |template, status| {
        let labels = [(names::URL_TEMPLATE, template), (names::HTTP_RESPONSE_STATUS_CODE, status)];
        series(names::HTTP_CLIENT_REQUEST_DURATION, &labels)
    };
    let unanswered = series(
        names::HTTP_CLIENT_REQUEST_DURATION,
        &[(names::URL_TEMPLATE, "/{tenant}/oauth2/v2.0/token"), (names::ERROR_TYPE, "timeout")],
    );
    let entra = |status| request("/{tenant}/oauth2/v2.0/token", status);
    let azure = |status| request("/subscriptions", status);
    let held_back = || series(names::BROKER_ENTRA_THROTTLED, &[(names::RESOURCE, "arm")]);
    let left = |window| series(names::GATEWAY_COST_UNITS_LEFT, &[(names::WINDOW, window)]);
    vec![
        Alert {
            name: "EntraThrottles",
            expr: risen(names::BROKER_ENTRA_THROTTLED, &[names::RESOURCE], &[]),
            wait: "10m",
            severity: Severity::Warning,
            summary: "Entra ID throttles the broker, or fails: exchanges are held back",
            fires: vec![(held_back(), "0x30 1+1x40")],
            labels: &[("resource", "arm")],
            holds: vec![(held_back(), "0x30 1x40")],
        },
        Alert {
            name: "EntraFails",
            expr: "entra:faults:ratio_rate5m > 0.2".to_owned(),
            wait: "5m",
            severity: Severity::Critical,
            summary: "More than 20 % of requests to Entra ID have no answer, or one that says it cannot",
            fires: vec![(entra("200"), "0+60x70"), (entra("503"), "0+10x70"), (unanswered, "0+10x70")],
            labels: &[],
            // People's own refusals (400), and Azure's faults.
            holds: vec![(entra("200"), "0+60x70"), (entra("400"), "0+60x70"), (azure("503"), "0+60x70")],
        },
        Alert {
            name: "AzureFails",
            expr: "azure:faults:ratio_rate5m > 0.2".to_owned(),
            wait: "10m",
            severity: Severity::Warning,
            summary: "More than 20 % of requests to Azure have no answer, or one that says it cannot",
            fires: vec![(azure("200"), "0+60x70"), (azure("429"), "0+20x70")],
            labels: &[],
            holds: vec![(azure("200"), "0+60x70"), (azure("403"), "0+60x70"), (entra("503"), "0+60x70")],
        },
        Alert {
            name: "CostQuotaExhausted",
            expr: format!(
                "min({}) < 1",
                select(names::GATEWAY_COST_UNITS_LEFT, &[(names::WINDOW, "=", "h")])
            ),
            wait: "10m",
            severity: Severity::Warning,
            summary: "The directory's query units of the hour are used up: questions about costs wait for long",
            fires: vec![(left("h"), "600x30 0x40")],
            labels: &[],
            holds: vec![(left("min"), "0x70"), (left("h"), "600x52 0x10 600x5")],
        },
    ]
}

fn records() -> Vec<Alert> {
    let up = || series(names::AUDIT_UP, &[]);
    let lost = || series(names::AUDIT_LOST, &[]);
    let dropped = || series(names::TELEMETRY_SPANS_DROPPED, &[(names::CAUSE, "failed")]);
    vec![
        Alert {
            name: "AuditDown",
            expr: format!("{} == 0", count_of(names::AUDIT_UP)),
            wait: "1m",
            severity: Severity::Critical,
            summary: "Audit records cannot be written: calls are refused, or go on unrecorded",
            fires: vec![(up(), "1x50 0x20")],
            labels: ONE,
            holds: vec![(up(), "1x70")],
        },
        Alert {
            name: "AuditLost",
            expr: risen(names::AUDIT_LOST, &["instance"], &[]),
            wait: "0m",
            severity: Severity::Critical,
            summary: "There was no room for audit records: they are lost",
            fires: vec![(lost(), "0x54 1x10")],
            labels: ONE,
            holds: vec![(lost(), "2x70")],
        },
        Alert {
            name: "SpansLost",
            expr: risen(names::TELEMETRY_SPANS_DROPPED, &["instance", names::CAUSE], &[]),
            wait: "0m",
            severity: Severity::Warning,
            summary: "The collector does not get all spans: traces have holes",
            fires: vec![(dropped(), "_x54 1x10")],
            labels: &[("instance", "one"), ("cause", "failed")],
            holds: vec![(dropped(), "7x70")],
        },
    ]
}

fn caches() -> Vec<Alert> {
    let up = || series(names::BROKER_REDIS_UP, &[]);
    let unusable = |cause| series(names::BROKER_REDIS_UNUSABLE, &[(names::CAUSE, cause)]);
    let evicted = |cause| series(names::BROKER_CACHE_EVICTIONS, &[(names::CAUSE, cause)]);
    let purged = |outcome| series(names::BROKER_PURGES, &[(names::OUTCOME, outcome)]);
    vec![
        Alert {
            name: "RedisDown",
            expr: format!("{} == 0", count_of(names::BROKER_REDIS_UP)),
            wait: "1m",
            severity: Severity::Warning,
            summary: "A broker does not reach Redis, and goes on by itself",
            fires: vec![(up(), "1x50 0x20")],
            labels: ONE,
            holds: vec![(up(), "1x70")],
        },
        Alert {
            name: "RedisForged",
            expr: risen(names::BROKER_REDIS_UNUSABLE, &[], &[(names::CAUSE, "=", "forged")]),
            wait: "0m",
            severity: Severity::Critical,
            summary: "Somebody else writes to the brokers' Redis",
            fires: vec![(unusable("forged"), "_x54 1x10")],
            labels: &[],
            holds: vec![(unusable("unknown_key"), "0+1x70")],
        },
        Alert {
            name: "CacheTooSmall",
            expr: risen(names::BROKER_CACHE_EVICTIONS, &["instance"], &[(names::CAUSE, "=", "size")]),
            wait: "30m",
            severity: Severity::Warning,
            summary: "Tokens leave the broker's memory before they end, because it is too small",
            fires: vec![(evicted("size"), "0x10 1+1x60")],
            labels: ONE,
            holds: vec![(evicted("expired"), "0+9x70"), (evicted("size"), "0x50 1+1x20")],
        },
        Alert {
            name: "PurgeFailed",
            expr: risen(names::BROKER_PURGES, &[], &[(names::OUTCOME, "=", names::OUTCOME_ERROR)]),
            wait: "0m",
            severity: Severity::Critical,
            summary: "A person's tokens were not forgotten everywhere",
            fires: vec![(purged("error"), "_x54 1x10")],
            labels: &[],
            holds: vec![(purged("ok"), "0+1x70")],
        },
    ]
}
