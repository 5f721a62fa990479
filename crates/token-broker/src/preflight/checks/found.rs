//! What a check looks at, and what it found.

use telemetry::report::Outcome;

use crate::preflight::expected::Expectations;
use crate::preflight::tenant::Tenant;
use crate::preflight::untold::Untold;

/// What a check looks at.
pub(crate) struct View<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) expected: &'a Expectations,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(super) subject: String,
    pub(super) outcome: Outcome,
    pub(super) detail: String,
    pub(super) fix: String,
    pub(super) url: Option<String>,
}

impl Found {
    /// It is as it must be.
    pub(super) fn granted(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(subject, Outcome::Ok, detail, "")
    }

    /// It is not, and this mends it.
    pub(super) fn missing(
        subject: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::new(subject, Outcome::Missing, detail, fix)
    }

    /// It cannot be told.
    pub(super) fn unknown(subject: impl Into<String>, why: &Untold) -> Self {
        Self::new(subject, Outcome::Unknown, why.detail(), why.fix())
    }

    /// Anything else.
    pub(super) fn new(
        subject: impl Into<String>,
        outcome: Outcome,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { subject: subject.into(), outcome, detail: detail.into(), fix: fix.into(), url: None }
    }

    /// With where it is mended.
    pub(super) fn at(mut self, url: String) -> Self {
        self.url = Some(url);
        self
    }
}
