//! Why an exchange is refused: one type for cache, Entra ID client and service. Knows no gRPC.

use std::{fmt, sync::Arc, time::Duration};

/// A refused or failed exchange.
///
/// Cheap to clone, because one failure answers every caller that waited for it. Its texts may be shown to a
/// caller: they hold no internals and nothing that Entra ID wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeError {
    kind: Kind,
    evidence: Option<Arc<Evidence>>,
}

impl ExchangeError {
    /// What is wrong.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Where to look in Entra ID's logs, if Entra ID was asked.
    pub fn evidence(&self) -> Option<&Evidence> {
        self.evidence.as_deref()
    }

    /// The code of this refusal, the same string everywhere.
    pub fn code(&self) -> &'static str {
        match self.kind {
            Kind::InvalidRequest(_) => "invalid_request",
            Kind::UnknownResource => "unknown_resource",
            Kind::InvalidToken { .. } => "invalid_token",
            Kind::AppOnlyToken => "app_only_token",
            Kind::BlockedByPolicy { .. } => "blocked_by_policy",
            Kind::ClaimsChallenge { .. } => "claims_challenge",
            Kind::ConsentRequired { .. } => "consent_required",
            Kind::IdentityProviderUnavailable { .. } => "identity_provider_unavailable",
            Kind::Overloaded => "overloaded",
            Kind::PurgeIncomplete => "purge_incomplete",
            Kind::BrokerMisconfigured => "broker_misconfigured",
        }
    }

    pub(crate) fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = Some(Arc::new(evidence));
        self
    }

    /// Replaces the wait that an unavailable identity provider asked for.
    pub(crate) fn with_retry_after(mut self, delay: Duration) -> Self {
        if let Kind::IdentityProviderUnavailable { retry_after } = &mut self.kind {
            *retry_after = Some(delay);
        }
        self
    }

    /// About how many bytes it takes beside itself.
    pub(crate) fn footprint(&self) -> usize {
        let text = match &self.kind {
            Kind::InvalidToken { text, .. } => text.len(),
            Kind::ClaimsChallenge { claims } => claims.len(),
            Kind::ConsentRequired { permission } => permission.len(),
            _ => 0,
        };
        let evidence = self.evidence.as_deref().map_or(0, |evidence| {
            let part = |part: &Option<String>| part.as_ref().map_or(0, String::len);
            size_of::<Evidence>() + part(&evidence.correlation_id) + part(&evidence.trace_id)
        });
        text + evidence
    }

    /// Whether it tells of the moment or of this replica, and nothing of the user.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self.kind, Kind::IdentityProviderUnavailable { .. } | Kind::BrokerMisconfigured)
    }

    pub(crate) fn unavailable() -> Self {
        Kind::IdentityProviderUnavailable { retry_after: None }.into()
    }
}

impl From<Kind> for ExchangeError {
    fn from(kind: Kind) -> Self {
        Self { kind, evidence: None }
    }
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.kind {
            Kind::InvalidRequest(what) => what,
            Kind::UnknownResource => "no downstream resource of that name is configured",
            Kind::InvalidToken { text, .. } => text.as_ref(),
            Kind::AppOnlyToken => "the token is an application's own: there is no user to act on behalf of",
            Kind::BlockedByPolicy { cause } => cause.text(),
            Kind::ClaimsChallenge { .. } => "the user must satisfy Conditional Access in a new sign-in",
            Kind::ConsentRequired { permission } => {
                return write!(f, "consent to {permission} was never granted");
            }
            Kind::IdentityProviderUnavailable { .. } => "Microsoft Entra ID cannot be reached or throttles",
            Kind::Overloaded => "too many exchanges at the same time; try again shortly",
            Kind::PurgeIncomplete => "this replica has purged the user; the others cannot be told just now",
            Kind::BrokerMisconfigured => "the token broker is misconfigured; its operator must act",
        };
        f.write_str(text)
    }
}

impl std::error::Error for ExchangeError {}

/// What is wrong with an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A field is missing or malformed; the text says which.
    InvalidRequest(&'static str),
    /// No downstream resource of that name.
    UnknownResource,
    /// The assertion fails a check, here or at Entra ID.
    InvalidToken {
        /// Which check: `expired`, `wrong_audience`, `session_revoked`, …
        reason: &'static str,
        /// In words.
        text: Arc<str>,
    },
    /// No user in the assertion.
    AppOnlyToken,
    /// A policy forbids it, and a retry cannot help.
    BlockedByPolicy {
        /// Which kind of policy: it tells who can mend it.
        cause: Block,
    },
    /// The user must satisfy more.
    ClaimsChallenge {
        /// The claims request, a JSON object as Entra ID sent it.
        claims: Arc<str>,
    },
    /// A permission was never granted.
    ConsentRequired {
        /// The permission's name.
        permission: Arc<str>,
    },
    /// Entra ID is out of reach or throttles.
    IdentityProviderUnavailable {
        /// How long to wait, where that is known.
        retry_after: Option<Duration>,
    },
    /// More exchanges under way than there may be.
    Overloaded,
    /// The other replicas may never hear of a purge.
    PurgeIncomplete,
    /// The broker's credential or registration is wrong.
    BrokerMisconfigured,
}

/// What blocks a user. Each has somebody else who can mend it, and no new sign-in does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Conditional Access, security defaults or risk.
    Policy,
    /// Conditional Access wants another device or another application.
    Device,
    /// The application requires assignment, and the user has none.
    NotAssigned,
    /// The account is disabled, or not in the tenant.
    Account,
    /// The account is locked for a time, or came from an address of attackers.
    Locked,
    /// The user's own directory does not let them into this one.
    HomeTenant,
    /// This directory does not let guests of theirs in.
    ResourceTenant,
}

impl Block {
    /// Every one.
    pub(crate) const ALL: [Self; 7] = [
        Self::Policy,
        Self::Device,
        Self::NotAssigned,
        Self::Account,
        Self::Locked,
        Self::HomeTenant,
        Self::ResourceTenant,
    ];

    /// The block of that name.
    pub(crate) fn from_str(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|block| block.as_str() == name)
    }

    /// The name on the wire: metadata `cause`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Device => "device",
            Self::NotAssigned => "not_assigned",
            Self::Account => "account",
            Self::Locked => "locked",
            Self::HomeTenant => "home_tenant",
            Self::ResourceTenant => "resource_tenant",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Policy => "a policy of the organization blocks this access; a retry cannot help",
            Self::Device => "a policy of the organization asks for another device or another application",
            Self::NotAssigned => "the user is not assigned to the application, which requires assignment",
            Self::Account => "the user's account is disabled or does not exist in the tenant",
            Self::Locked => {
                "the user's account is locked for a time, or was used from an address of attackers"
            }
            Self::HomeTenant => "the user's own directory does not let them into this one",
            Self::ResourceTenant => "this directory does not let guests of the user's directory in",
        }
    }
}

/// What Entra ID said to find the sign-in in its logs by. Each part is checked for form before it gets here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The error number, without its `AADSTS`.
    pub aadsts: Option<u32>,
    /// The request's `client-request-id`, a GUID.
    pub correlation_id: Option<String>,
    /// Entra ID's own trace id, a GUID.
    pub trace_id: Option<String>,
}
