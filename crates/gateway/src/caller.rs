//! The proved caller of a request, on the way from the guard to the tools, and the refusal on its way back.
//!
//! This module must not know how a caller is proved, nor what is called.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use identity::{BearerToken, Principal};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::refusal::Refusal;

/// The proved caller of a request. Travels to the tools in the request's extensions.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) assertion: BearerToken,
    /// When the request must be answered.
    pub(crate) deadline: Instant,
    refusal: Arc<OnceLock<Refusal>>,
}

impl Caller {
    pub(crate) fn new(principal: Principal, assertion: BearerToken, deadline: Instant) -> Self {
        Self { principal, assertion, deadline, refusal: Arc::default() }
    }

    /// How long the sign-in still lasts.
    pub(crate) fn signed_in_for(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.principal.expires_at().duration_since(now)).unwrap_or_default()
    }

    /// Refuses the request from within a tool. The first refusal stands.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        let _ = self.refusal.set(refusal);
    }

    /// What a tool refused the request with.
    pub(crate) fn refused(&self) -> Option<&Refusal> {
        self.refusal.get()
    }
}
