//! What Prometheus works out once for several alerts, by its naming convention: level, metric, operations.

use std::sync::LazyLock;

use telemetry::names;

use crate::expression::{Only, count_of, list, matchers};

/// An expression that is stored under a name.
pub(crate) struct Recording {
    pub(crate) name: &'static str,
    pub(crate) expr: String,
    /// Its labels.
    pub(crate) by: &'static [&'static str],
}

/// Refusals that no person can mend: a fault of ours, of Entra ID or of the set-up.
pub(crate) const OWN_FAULTS: Only<'_> = &[(
    names::ERROR_TYPE,
    "=~",
    "audit_unavailable|broker_misconfigured|broker_unavailable|identity_provider_unavailable",
)];
/// Where the token broker asks, by path; everything else is asked of Azure.
const ENTRA: &str = "/{tenant}/oauth2/v2.0/token";
/// Azure's own faults, and that it throttles.
const FAULTS: &str = "5..|429";

pub(crate) static RECORDINGS: LazyLock<Vec<Recording>> = LazyLock::new(|| {
    vec![
        Recording {
            name: "gateway:own_faults:ratio_rate5m",
            expr: format!(
                "sum({}) / sum({})",
                rate(names::GATEWAY_REFUSALS, OWN_FAULTS),
                rate(names::HTTP_SERVER_REQUEST_DURATION, &[])
            ),
            by: &[],
        },
        Recording {
            name: "gateway:tool_duration_seconds:p95_rate5m",
            expr: format!(
                "histogram_quantile(0.95, sum by (le, {}) ({}))",
                list(&[names::TOOL_NAME]),
                rate(names::GATEWAY_TOOL_DURATION, &[]).replace("_count", "_bucket")
            ),
            by: &[names::TOOL_NAME],
        },
        outside("entra:faults:ratio_rate5m", "="),
        outside("azure:faults:ratio_rate5m", "!="),
    ]
});

/// Share of requests that failed where it is not the request's fault.
fn outside(name: &'static str, operator: &str) -> Recording {
    let here = (names::URL_TEMPLATE, operator, ENTRA);
    let faults = [here, (names::HTTP_RESPONSE_STATUS_CODE, "=~", FAULTS)];
    // Without an answer there is no status, but a word for what was wrong.
    let unanswered = [here, (names::HTTP_RESPONSE_STATUS_CODE, "=", ""), (names::ERROR_TYPE, "!=", "")];
    let [faults, unanswered, all] =
        [&faults[..], &unanswered, &[here]].map(|only| rate(names::HTTP_CLIENT_REQUEST_DURATION, only));
    Recording { name, expr: format!("sum({faults} or {unanswered}) / sum({all})"), by: &[] }
}

fn rate(name: &str, only: Only<'_>) -> String {
    let braces = if only.is_empty() { String::new() } else { format!("{{{}}}", matchers(only)) };
    format!("rate({}{braces}[5m])", count_of(name))
}
