//! What Cost Management refuses with, on a switch: in its own words, and with waits of all kinds.
//!
//! Must not know how an answer is made of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A refusal of Cost Management's next operations. The caller is proven first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostRefusal {
    /// What is wrong.
    pub kind: CostRefusalKind,
    /// The one operation that it hits, such as `query` or `costDetailsOperationResults`. Default: all.
    #[serde(default)]
    pub operation: Option<String>,
    /// How many operations; default until switched off.
    #[serde(default)]
    pub times: Option<u32>,
}

impl CostRefusal {
    /// Of that kind, until switched off.
    pub fn of(kind: CostRefusalKind) -> Self {
        Self { kind, operation: None, times: None }
    }

    /// Whether it hits the operation; if so, it is one less.
    pub(super) fn take(&mut self, operation: &str) -> bool {
        let hits = self.operation.as_deref().is_none_or(|named| named.eq_ignore_ascii_case(operation));
        if !hits || self.times == Some(0) {
            return false;
        }
        self.times = self.times.map(|times| times - 1);
        true
    }
}

/// A refusal that was reported of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostRefusalKind {
    /// 401 without a challenge: namespace costs are the portal's alone.
    RequestBlocked,
    /// 401 without a challenge: no role has the operation. A role may have some of Cost Management's, and not others.
    AccessDenied,
    /// 406, without a body, now and then on polling.
    NotAcceptable,
    /// 413: a report above 2 GB.
    ReportTooLarge,
    /// 422: an offer without cost details.
    UnsupportedOffer,
    /// 424: what the answer is made of has failed.
    FailedDependency,
    /// 500 with the code "500".
    Internal,
    /// 404: no cost data for the subscription's offer.
    NotSupported,
    /// 400: "view charges" is off for account owners.
    AccountCostDisabled,
    /// 400: the same for departments.
    DepartmentCostDisabled,
    /// 400: a partner has not published prices.
    IndirectCostDisabled,
    /// 504: too much was asked for.
    GatewayTimeout,
    /// 429 with these waits, letter by letter, by kind: `entity`, `qpu`, `tenant`, `client`, `clienttype` are Cost Management's
    /// headers, `retry-after` is HTTP's own. Without any, nothing is said of when to come back.
    TooManyRequests(BTreeMap<String, String>),
}
