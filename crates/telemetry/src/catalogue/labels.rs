//! The labels that several metrics have, and what their values are.

use super::words::{AZURE, REASONS, REFUSED};
use super::{label, underscored};
use crate::names::{self, OUTCOME_CANCELLED, OUTCOME_ERROR, OUTCOME_OK};

/// A label, and the values that it may have.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its name in [`names`].
    pub name: &'static str,
    pub(super) values: &'static [Values],
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
    /// Clients of the sign-in facade's file.
    Client,
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

impl Label {
    /// Its name in Prometheus' text.
    pub fn prometheus(&self) -> String {
        underscored(self.name)
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

pub(super) const TOOL: Label = label(names::TOOL_NAME, &[Values::Each("", Given::Tool)]);
pub(super) const CONSUMER: Label = label(names::CONSUMER, &[Values::Each("", Given::Consumer)]);
pub(super) const RESOURCE: Label = label(names::RESOURCE, &[Values::Each("", Given::Resource)]);
pub(super) const OUTCOME: Label =
    label(names::OUTCOME, &[Values::Words(&[OUTCOME_CANCELLED, OUTCOME_ERROR, OUTCOME_OK])]);
/// Where nobody can leave.
pub(super) const WORKED: Label = label(names::OUTCOME, &[Values::Words(&[OUTCOME_ERROR, OUTCOME_OK])]);
pub(super) const STATUS: Label = label(names::HTTP_RESPONSE_STATUS_CODE, &[Values::Statuses]);
pub(super) const RPC_SYSTEM: Label = label(names::RPC_SYSTEM_NAME, &[Values::Words(&["grpc"])]);
pub(super) const REASON: Label = label(names::ERROR_TYPE, &[Values::Words(REASONS)]);
pub(super) const RPC_STATUS: Label = label(
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
pub(super) const REFUSALS: &[Values] = &[
    Values::Words(REFUSED),
    Values::Each("missing_scope:", Given::Scope),
    Values::Each("missing_role:", Given::Role),
];
/// Codes that a tool call can end with.
pub(super) const OF_TOOLS: &[Values] = &[
    Values::Words(REFUSED),
    Values::Each("missing_scope:", Given::Scope),
    Values::Each("missing_role:", Given::Role),
    Values::Words(AZURE),
    Values::Words(&["invalid_arguments", "invalid_period", "subscription_ambiguous"]),
];
/// Codes of HTTP requests; a status where a server's fault has no code.
pub(super) const OF_REQUESTS: &[Values] = &[
    Values::Words(REFUSED),
    Values::Each("missing_scope:", Given::Scope),
    Values::Each("missing_role:", Given::Role),
    Values::Statuses,
];
/// What runs, by its version.
pub(super) const BUILD: &[Label] = &[label(names::VERSION, &[Values::Words(&[env!("CARGO_PKG_VERSION")])])];
