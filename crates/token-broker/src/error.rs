//! Why an exchange is refused: one type for cache, Entra ID client and service. It speaks the words of the
//! contract, and knows no gRPC.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use proto::status::{Block, Reason};

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

    /// The reason in the contract's words.
    pub fn reason(&self) -> Reason {
        match self.kind {
            Kind::InvalidRequest(_) => Reason::InvalidRequest,
            Kind::UnknownResource => Reason::UnknownResource,
            Kind::InvalidToken { .. } => Reason::InvalidToken,
            Kind::AppOnlyToken => Reason::AppOnlyToken,
            Kind::BlockedByPolicy { .. } => Reason::BlockedByPolicy,
            Kind::ClaimsChallenge { .. } => Reason::ClaimsChallenge,
            Kind::ConsentRequired { .. } => Reason::ConsentRequired,
            Kind::IdentityProviderUnavailable { .. } => Reason::IdentityProviderUnavailable,
            Kind::Overloaded => Reason::Overloaded,
            Kind::PurgeIncomplete => Reason::PurgeIncomplete,
            Kind::AuditUnavailable => Reason::AuditUnavailable,
            Kind::BrokerMisconfigured => Reason::BrokerMisconfigured,
        }
    }

    /// The code of this refusal, the same string everywhere.
    pub fn code(&self) -> &'static str {
        self.reason().as_str()
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
            Kind::BlockedByPolicy { cause } => blocked(*cause),
            Kind::ClaimsChallenge { .. } => "the user must satisfy Conditional Access in a new sign-in",
            Kind::ConsentRequired { permission } => {
                return write!(f, "consent to {permission} was never granted");
            }
            Kind::IdentityProviderUnavailable { .. } => "Microsoft Entra ID cannot be reached or throttles",
            Kind::Overloaded => "too many exchanges at the same time; try again shortly",
            Kind::PurgeIncomplete => "this replica has purged the user; the others cannot be told just now",
            Kind::AuditUnavailable => "the broker records each call before it is made, and cannot at present",
            Kind::BrokerMisconfigured => "the token broker is misconfigured; its operator must act",
        };
        f.write_str(text)
    }
}

impl std::error::Error for ExchangeError {}

const fn blocked(cause: Block) -> &'static str {
    match cause {
        Block::Policy => "a policy of the organization blocks this access; a retry cannot help",
        Block::Device => "a policy of the organization asks for another device or another application",
        Block::NotAssigned => "the user is not assigned to the application, which requires assignment",
        Block::Account => "the user's account is disabled or does not exist in the tenant",
        Block::Locked => "the user's account is locked for a time, or was used from an address of attackers",
        Block::HomeTenant => "the user's own directory does not let them into this one",
        Block::ResourceTenant => "this directory does not let guests of the user's directory in",
    }
}

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
    /// The call cannot be recorded, so it is not made.
    AuditUnavailable,
    /// The broker's credential or registration is wrong.
    BrokerMisconfigured,
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
