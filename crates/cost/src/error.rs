//! Everything that can go wrong, with one stable code each and the words a person can act on.
//!
//! `Display` and `Debug` end up in logs: they hold no token, no report link and no text of Azure's that names
//! people. Azure's own words are in [`Error::azure`], for the caller whose request it was.

mod azure;

use std::time::Duration;

pub use azure::AzureError;
pub(crate) use azure::{ErrorBody, from_answer, from_report};

use crate::{AmountOverflow, InvalidQuery};

/// Why there are no costs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The question itself is wrong; Azure was not asked.
    #[error("the question cannot be asked: {0}")]
    InvalidQuery(#[from] InvalidQuery),
    /// Azure found the question wrong.
    #[error("azure refused the question ({0})")]
    QueryRefused(Box<AzureError>),
    /// No role assignment that lets this person read the costs. Cost Management says so with a 401
    /// (`RBACAccessDenied`), ARM with a 403: neither is about the token.
    #[error("azure refused access ({0})")]
    NoAccess(Box<AzureError>),
    /// No such subscription for this person; ARM hides those of other directories the same way.
    #[error("no such subscription ({0})")]
    SubscriptionNotFound(Box<AzureError>),
    /// No such resource group.
    #[error("no such resource group ({0})")]
    ResourceGroupNotFound(Box<AzureError>),
    /// Something else does not exist.
    #[error("azure found nothing there ({0})")]
    NotFound(Box<AzureError>),
    /// The billing side has switched off the view of costs.
    #[error("cost data is switched off ({0})")]
    CostDataDisabled(Box<AzureError>),
    /// Cost Management does not cover this type of subscription.
    #[error("the subscription's type is not supported ({0})")]
    SubscriptionTypeNotSupported(Box<AzureError>),
    /// The subscription belongs to another directory than the token.
    #[error("the token is from another directory than the subscription ({0})")]
    WrongTenant(Box<AzureError>),
    /// Too many requests, and the wait Azure asks for does not fit into this call.
    #[error("azure asks to slow down: wait {} s ({azure})", retry_after.as_secs())]
    Throttled {
        /// How long to wait before asking again.
        retry_after: Duration,
        /// What Azure said.
        azure: Box<AzureError>,
    },
    /// Conditional Access wants more than the token proves.
    #[error("azure wants further claims in the token ({azure})")]
    ClaimsChallenge {
        /// The claims to ask Entra for: a JSON object, decoded, as Azure wrote it.
        claims: String,
        /// What Azure said.
        azure: Box<AzureError>,
    },
    /// Azure does not take the token.
    #[error("azure rejected the token ({0})")]
    TokenRejected(Box<AzureError>),
    /// The token cannot stand in a header, so it was not sent.
    #[error("the token holds characters that no token has")]
    MalformedToken,
    /// Azure is in trouble; retries within the deadline did not help.
    #[error("azure is unavailable ({azure})")]
    AzureUnavailable {
        /// How long Azure asks to wait, if it says.
        retry_after: Option<Duration>,
        /// What Azure said.
        azure: Box<AzureError>,
    },
    /// The connection failed.
    #[error("azure cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The call took longer than it may.
    #[error("azure did not answer within {} s", .0.as_secs())]
    DeadlineExceeded(Duration),
    /// The report failed at Azure.
    #[error("azure could not build the report ({0})")]
    ReportFailed(Box<AzureError>),
    /// The report is not ready in the time this call may take.
    #[error("the report was not ready after {polls} polls")]
    ReportNotReady {
        /// How often it was asked for.
        polls: u32,
        /// How long Azure asks to wait before asking again.
        retry_after: Duration,
    },
    /// The report's files are not what one table was cut into.
    #[error("the report is damaged: {what}")]
    DamagedReport {
        /// What is wrong with it.
        what: &'static str,
    },
    /// The answer is larger than this call may fetch.
    #[error("the answer has {bytes} bytes or more; the limit is {limit}")]
    TooLarge {
        /// The size as far as it is known.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The answer has more parts than this call may fetch.
    #[error("the answer has more than {limit} {what}")]
    TooMany {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A link in Azure's answer leads elsewhere; it was not followed and the token not sent.
    #[error("a link in azure's answer ({what}) leads to an untrusted place: {}", host.as_deref().unwrap_or("no address"))]
    UntrustedLink {
        /// What the link was for.
        what: &'static str,
        /// Its host, if it has one. Never the whole link: a report link is a secret.
        host: Option<String>,
    },
    /// The answer is not what Azure documents.
    #[error("unexpected answer: {what}")]
    UnexpectedResponse {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A status that has no meaning here.
    #[error("unexpected answer ({0})")]
    UnexpectedStatus(Box<AzureError>),
}

impl Error {
    /// The error's stable name: the same in logs, metrics and answers.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidQuery(_) | Self::QueryRefused(_) => "invalid_query",
            Self::NoAccess(_) => "no_access",
            Self::SubscriptionNotFound(_) => "subscription_not_found",
            Self::ResourceGroupNotFound(_) => "resource_group_not_found",
            Self::NotFound(_) => "not_found",
            Self::CostDataDisabled(_) => "cost_data_disabled",
            Self::SubscriptionTypeNotSupported(_) => "subscription_type_not_supported",
            Self::WrongTenant(_) => "wrong_tenant",
            Self::Throttled { .. } => "throttled",
            Self::ClaimsChallenge { .. } => "claims_challenge",
            Self::TokenRejected(_) | Self::MalformedToken => "token_rejected",
            Self::AzureUnavailable { .. } | Self::Unreachable(_) => "azure_unavailable",
            Self::DeadlineExceeded(_) => "azure_timeout",
            Self::ReportFailed(_) => "report_failed",
            Self::ReportNotReady { .. } => "report_not_ready",
            Self::DamagedReport { .. } => "report_damaged",
            Self::TooLarge { .. } | Self::TooMany { .. } => "too_large",
            Self::UntrustedLink { .. } => "untrusted_link",
            Self::UnexpectedResponse { .. } | Self::UnexpectedStatus(_) => "unexpected_response",
        }
    }

    /// What happened and what to do next, for the person who asked.
    pub fn detail(&self) -> String {
        let advice = match self {
            Self::InvalidQuery(reason) => return format!("Azure was not asked: {reason}."),
            Self::TooLarge { limit, .. } => {
                return format!(
                    "The answer is larger than {limit} bytes. Ask for a shorter period or a smaller scope, such as \
                     one resource group."
                );
            }
            Self::TooMany { what, limit } => {
                return format!(
                    "The answer has more than {limit} {what}. Ask for a shorter period or a smaller scope."
                );
            }
            Self::DamagedReport { what } => {
                return format!(
                    "The report that Azure built is damaged: {what}. None of it was taken. Ask again: Azure builds it anew."
                );
            }
            Self::Throttled { retry_after, .. } => {
                return format!(
                    "Azure limits how often costs can be read, for all tools of the directory together. Ask again in \
                     {} seconds.",
                    seconds(*retry_after)
                );
            }
            Self::ReportNotReady { retry_after, .. } => {
                return format!(
                    "Azure is still building the report. Ask again in {} seconds, or for a shorter period.",
                    seconds(*retry_after)
                );
            }
            other => other.advice(),
        };
        advice.to_owned()
    }

    /// How long to wait before the same question can succeed, if it is a matter of time.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } | Self::ReportNotReady { retry_after, .. } => {
                Some(*retry_after)
            }
            Self::AzureUnavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The same in whole seconds: rounded up, at least one, for whoever comes back a moment early is refused again. Texts say
    /// this number.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after().map(seconds)
    }

    /// What Azure itself said. For the caller whose request it was: the message may name that person.
    pub fn azure(&self) -> Option<&AzureError> {
        match self {
            Self::QueryRefused(azure)
            | Self::NoAccess(azure)
            | Self::SubscriptionNotFound(azure)
            | Self::ResourceGroupNotFound(azure)
            | Self::NotFound(azure)
            | Self::CostDataDisabled(azure)
            | Self::SubscriptionTypeNotSupported(azure)
            | Self::WrongTenant(azure)
            | Self::Throttled { azure, .. }
            | Self::ClaimsChallenge { azure, .. }
            | Self::TokenRejected(azure)
            | Self::AzureUnavailable { azure, .. }
            | Self::ReportFailed(azure)
            | Self::UnexpectedStatus(azure) => Some(azure),
            _ => None,
        }
    }

    /// The advice that needs no numbers.
    const fn advice(&self) -> &'static str {
        match self {
            Self::QueryRefused(_) => {
                "Azure does not understand the question. Check the names of dimensions and tags, and the period."
            }
            Self::NoAccess(_) => {
                "Your Azure account may not read these costs. Ask the subscription's owner for the role Cost Management \
                 Reader (or Reader) on this scope. A role given just now takes some minutes to count."
            }
            Self::SubscriptionNotFound(_) => {
                "Azure knows no such subscription in this directory. Check the id against the list of subscriptions."
            }
            Self::ResourceGroupNotFound(_) => "The subscription has no such resource group. Check its name.",
            Self::NotFound(_) => {
                "Azure found nothing at this scope. Check the subscription and the resource group."
            }
            Self::CostDataDisabled(_) => {
                "The view of costs is switched off for this subscription. The billing account's administrator can switch \
                 it on: 'AO view charges' or 'DA view charges' for an Enterprise Agreement, the Azure usage policy for a \
                 Customer Agreement, the partner for a subscription bought from one."
            }
            Self::SubscriptionTypeNotSupported(_) => {
                "Cost Management does not cover this type of subscription. Its costs are in the billing portal only."
            }
            Self::WrongTenant(_) => {
                "The subscription belongs to another directory than the one you signed in to. Sign in to that directory."
            }
            Self::ClaimsChallenge { .. } => {
                "Your organisation's Conditional Access policy asks for more than this sign-in proved, such as \
                 multi-factor authentication. Sign in again and complete it."
            }
            Self::TokenRejected(_) | Self::MalformedToken => {
                "Azure rejected the access token. Sign in again."
            }
            Self::AzureUnavailable { .. } | Self::Unreachable(_) => {
                "Azure Cost Management cannot be reached at the moment. Ask again in a minute."
            }
            Self::DeadlineExceeded(_) => {
                "Azure took too long to answer. Ask for a shorter period, a smaller scope or fewer groupings."
            }
            Self::ReportFailed(_) => {
                "Azure could not build the cost details report. They exist for Enterprise and Customer Agreements only, \
                 at most one month at a time."
            }
            Self::UntrustedLink { .. } => {
                "Azure's answer points to a place this server does not trust, so it was not followed. Tell the server's \
                 operator."
            }
            _ => "Azure answered in a way this server does not understand. Tell the server's operator.",
        }
    }
}

fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl From<AmountOverflow> for Error {
    fn from(_: AmountOverflow) -> Self {
        Self::UnexpectedResponse { what: "amounts too large to add up" }
    }
}
