//! Faults on a switch: outages, delays and throttling per endpoint, challenges out of the blue, loop detection.
//!
//! A fault is data. The control API and the Rust handle change the same settings.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use cost_refusal::{CostRefusal, CostRefusalKind};
pub use forecast_form::ForecastForm;
pub(crate) use odd_answer::Foreign;
pub use odd_answer::{Answering, OddAnswer};
pub use reports::ReportFaults;

mod cost_refusal;
mod forecast_form;
mod odd_answer;
mod reports;

/// What can be made to fail. Everything off is `FaultSettings::default()`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultSettings {
    /// Entra's token endpoint.
    pub token_endpoint: EndpointFault,
    /// Entra's key documents.
    pub jwks: EndpointFault,
    /// Entra's discovery documents.
    pub discovery: EndpointFault,
    /// Azure Resource Manager and Cost Management.
    pub arm: EndpointFault,
    /// What ARM says that a caller may do (`Microsoft.Authorization/permissions`).
    pub permissions: EndpointFault,
    /// Microsoft Graph.
    pub graph: EndpointFault,
    /// Blob storage.
    pub blob: EndpointFault,
    /// Tokens of the managed identity: 410 while it is updated, 404 as well, 429, 500.
    pub metadata: EndpointFault,
    /// Entra answers AADSTS50196 to a request that failed this often within five minutes.
    pub loop_detection_after: Option<u32>,
    /// Entra words its refusals as no document has them: `suberror` is null where there is none, numbers are strings,
    /// `claims` is an object and no string.
    pub odd_refusals: bool,
    /// How ARM words the challenge to a token whose session was revoked.
    pub cae_dialect: CaeDialect,
    /// A challenge ARM answers with although nothing is wrong with the token.
    pub arm_challenge: Option<ArmChallenge>,
    /// What Cost Management refuses with, in its own words.
    pub cost_refusal: Option<CostRefusal>,
    /// An answer of Azure's, letter by letter.
    pub odd_answer: Option<OddAnswer>,
    /// How Cost Management's forecast answers where that was seen in more than one way.
    pub forecast: ForecastForm,
    /// Reports of cost details.
    pub reports: ReportFaults,
    /// Billing scopes list quantities that are included free of charge among their benefits: the specification has that kind, with
    /// another member for its figure, and no example of it.
    pub included_quantities: bool,
}

/// A fault of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointFault {
    /// Answer this status and not what was asked for; 429 and 503 are worded as the endpoint words them.
    pub status: Option<u16>,
    /// `Retry-After` in seconds, sent with `status`.
    pub retry_after: Option<u32>,
    /// Wait this long first.
    pub delay_ms: u64,
    /// Never answer: the caller's deadline has to end it.
    pub hang: bool,
    /// Affect this many requests, then none. Default: until switched off.
    pub times: Option<u32>,
}

impl EndpointFault {
    /// An outage: 503 until switched off.
    pub fn outage() -> Self {
        Self { status: Some(503), ..Self::default() }
    }

    /// Throttling: 429 with `Retry-After` for the next `times` requests.
    pub fn throttled(retry_after: u32, times: u32) -> Self {
        Self { status: Some(429), retry_after: Some(retry_after), times: Some(times), ..Self::default() }
    }

    /// Every answer comes late.
    pub fn slow(delay: Duration) -> Self {
        Self { delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), ..Self::default() }
    }

    /// No answer at all.
    pub fn hanging() -> Self {
        Self { hang: true, ..Self::default() }
    }

    fn is_off(&self) -> bool {
        self.times == Some(0) || (self.status.is_none() && self.delay_ms == 0 && !self.hang)
    }
}

/// The two ways Azure words a continuous access evaluation challenge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaeDialect {
    /// `error="invalid_token", error_description="User session has been revoked", claims=…` (ARM).
    #[default]
    InvalidToken,
    /// `realm="", …, error="insufficient_claims", claims=…` (Graph and newer ARM).
    InsufficientClaims,
    /// The IP policy's wording, with unpadded base64.
    IpPolicy,
}

/// A challenge that ARM answers with for the next calls of a person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmChallenge {
    /// Short name of the person; default everyone.
    #[serde(default)]
    pub person: Option<String>,
    /// The decoded claims, e.g. `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`.
    #[serde(default)]
    pub claims: Value,
    /// The complete `WWW-Authenticate` value, instead of one made from `claims`: for hostile headers.
    #[serde(default)]
    pub header: Option<String>,
    /// How many calls; default until switched off.
    #[serde(default)]
    pub times: Option<u32>,
    /// Challenge only tokens that do not carry what `claims` asks for (`acrs` values).
    #[serde(default)]
    pub until_satisfied: bool,
}

/// Which endpoint a request reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Token,
    Jwks,
    Discovery,
    Arm,
    Permissions,
    Graph,
    Blob,
    Metadata,
}

/// A fault that hit a request and must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u32>,
}

/// The switches. Reading them costs one atomic load while everything is off.
#[derive(Debug, Default)]
pub struct Faults {
    any: AtomicBool,
    settings: RwLock<FaultSettings>,
    failures: Mutex<HashMap<String, (i64, u32)>>,
}

impl Faults {
    /// Replaces all settings.
    pub fn set(&self, settings: FaultSettings) {
        self.update(|current| *current = settings);
    }

    /// Changes some settings.
    pub fn update(&self, change: impl FnOnce(&mut FaultSettings)) {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut settings);
        self.any.store(*settings != FaultSettings::default(), Ordering::Release);
    }

    /// Switches everything off, and forgets failures counted for loop detection.
    pub fn clear(&self) {
        self.set(FaultSettings::default());
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The settings as they are now.
    pub fn settings(&self) -> FaultSettings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits and hangs as the endpoint's fault says; returns what must be answered, if anything.
    pub(crate) async fn strike(&self, endpoint: Endpoint) -> Option<Strike> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let fault = self.take(endpoint)?;
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
        if fault.hang {
            std::future::pending::<()>().await;
        }
        fault.status.map(|status| Strike { status, retry_after: fault.retry_after })
    }

    /// The challenge ARM must answer to this person with, if one is switched on.
    pub(crate) fn take_arm_challenge(&self, person: &str, contexts: &[String]) -> Option<ArmChallenge> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let challenge = settings.arm_challenge.as_mut()?;
        let concerns = challenge.person.as_deref().is_none_or(|name| name == person);
        let wanted = challenge.claims["access_token"]["acrs"]["value"].as_str();
        let satisfied =
            challenge.until_satisfied && wanted.is_some_and(|id| contexts.iter().any(|c| c == id));
        if !concerns || satisfied || challenge.times == Some(0) {
            return None;
        }
        challenge.times = challenge.times.map(|times| times - 1);
        Some(challenge.clone())
    }

    /// What that part of Azure must answer with, if it is switched on.
    pub(crate) fn take_odd_answer(&self, of: Answering) -> Option<OddAnswer> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let answer =
            settings.odd_answer.as_mut().filter(|answer| answer.of == of && answer.times != Some(0))?;
        answer.times = answer.times.map(|times| times - 1);
        Some(answer.clone())
    }

    /// What Cost Management must refuse the operation with, if it is switched on.
    pub(crate) fn take_cost_refusal(&self, operation: &str) -> Option<CostRefusalKind> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let refusal = settings.cost_refusal.as_mut()?;
        refusal.take(operation).then(|| refusal.kind.clone())
    }

    /// Whether that fault of reports hits; if so, it is one less.
    pub(crate) fn take_report_fault(&self, named: impl FnOnce(&mut ReportFaults) -> &mut u32) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let left = named(&mut settings.reports);
        let hits = *left > 0;
        *left = left.saturating_sub(1);
        hits
    }

    /// Counts a failure of the request `key`; whether it is now a loop.
    pub(crate) fn is_loop(&self, key: &str, now: i64) -> bool {
        const WINDOW_SECONDS: i64 = 300;
        const MOST_KEYS: usize = 10_000;
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let Some(limit) = self.settings().loop_detection_after else { return false };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_KEYS {
            failures.clear();
        }
        let entry = failures.entry(key.to_owned()).or_insert((now, 0));
        if now - entry.0 > WINDOW_SECONDS {
            *entry = (now, 0);
        }
        entry.1 += 1;
        entry.1 > limit
    }

    fn take(&self, endpoint: Endpoint) -> Option<EndpointFault> {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        let fault = match endpoint {
            Endpoint::Token => &mut settings.token_endpoint,
            Endpoint::Jwks => &mut settings.jwks,
            Endpoint::Discovery => &mut settings.discovery,
            Endpoint::Arm => &mut settings.arm,
            Endpoint::Permissions => &mut settings.permissions,
            Endpoint::Graph => &mut settings.graph,
            Endpoint::Blob => &mut settings.blob,
            Endpoint::Metadata => &mut settings.metadata,
        };
        if fault.is_off() {
            return None;
        }
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.clone())
    }
}

/// An outage of a document: a plain status, as the load balancer in front would answer.
pub(crate) fn struck(strike: Strike) -> Response {
    let status = StatusCode::from_u16(strike.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = (status, "Service unavailable").into_response();
    if let Some(seconds) = strike.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, EndpointFault, Faults};

    #[tokio::test]
    async fn a_fault_ends_after_its_number_of_requests() {
        let faults = Faults::default();
        faults.update(|settings| settings.arm = EndpointFault::throttled(7, 2));
        for _ in 0..2 {
            let strike = faults.strike(Endpoint::Arm).await.unwrap();
            assert_eq!((strike.status, strike.retry_after), (429, Some(7)));
        }
        assert_eq!(faults.strike(Endpoint::Arm).await, None);
        assert_eq!(faults.strike(Endpoint::Token).await, None);
    }

    #[test]
    fn loops_are_counted_per_request_and_forgotten() {
        let faults = Faults::default();
        faults.update(|settings| settings.loop_detection_after = Some(2));
        assert!(!faults.is_loop("a", 0) && !faults.is_loop("a", 1));
        assert!(faults.is_loop("a", 2));
        assert!(!faults.is_loop("b", 2));
        assert!(!faults.is_loop("a", 400));
    }
}
