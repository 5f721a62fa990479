//! Everything that can go wrong, with one stable code each and the words a person can act on.
//!
//! `Display` and `Debug` end up in logs: they hold no token, no report link and no text of Azure's that names
//! people. Azure's own words are in [`Error::azure`], for the caller whose request it was.

use std::time::Duration;

pub use azure::AzureError;
pub(crate) use azure::{from_answer, from_inside};
pub(crate) use body::ErrorBody;

use crate::invalid::InvalidQuery;
use crate::money::AmountOverflow;
use crate::quota::Quota;

mod advice;
mod azure;
mod body;
mod made;
mod meanings;
mod valid_values;

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
    /// Azure builds no report of this offer.
    #[error("azure builds no report of the offer ({0})")]
    NoReportOfOffer(Box<AzureError>),
    /// Cost Management has nothing about this subscription yet: it is new.
    #[error("cost management has no data of the subscription yet ({0})")]
    NoDataYet(Box<AzureError>),
    /// The subscription is not registered for Cost Management.
    #[error("the subscription is not registered for cost management ({0})")]
    ProviderNotRegistered(Box<AzureError>),
    /// The subscription is switched off.
    #[error("the subscription is disabled ({0})")]
    SubscriptionDisabled(Box<AzureError>),
    /// The subscription belongs to another directory than the token.
    #[error("the token is from another directory than the subscription ({0})")]
    WrongTenant(Box<AzureError>),
    /// Too many requests, and the wait Azure asks for does not fit into this call.
    #[error("azure asks to slow down: wait {} s ({azure})", retry_after.as_secs())]
    Throttled {
        /// How long to wait before asking again.
        retry_after: Duration,
        /// What its headers say of the quotas.
        quota: Box<Quota>,
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
    /// Azure is in trouble, or what stands between; retries within the deadline did not help.
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
    /// Azure took too long, and says so.
    #[error("azure took too long ({0})")]
    TookTooLong(Box<AzureError>),
    /// The call took longer than it may.
    #[error("azure did not answer within {} s", .0.as_secs())]
    DeadlineExceeded(Duration),
    /// Azure has no forecast: the data that it is made of does not do.
    #[error("azure could not make the forecast ({0})")]
    ForecastFailed(Box<AzureError>),
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
    /// The storage no longer hands out a file of the report: its link has ended.
    #[error("the link to a report file has ended ({0})")]
    ReportLinkExpired(Box<AzureError>),
    /// The report's files are not what one table was cut into.
    #[error("the report is damaged: {what}")]
    DamagedReport {
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is no such column. The names are the caller's and Azure's, and not for a log.
    #[error("the report has no such column")]
    UnknownColumn {
        /// The name that was asked for.
        name: String,
        /// The names that are most like it.
        near: Vec<String>,
    },
    /// A value that the form of the file cannot hold as it is. It is never rounded.
    #[error("the value of a column in row {row} does not fit")]
    InexactValue {
        /// The column.
        column: String,
        /// The row, counted from 1 behind the header.
        row: u64,
    },
    /// The file that an export is written into takes no more.
    #[error("the export cannot be written: {0}")]
    Unwritable(#[source] std::io::Error),
    /// The thread that writes an export ended without a word.
    #[error("the thread that wrote the export is gone")]
    WriterEnded,
    /// The answer is larger than this call may fetch.
    #[error("the answer has {bytes} bytes or more; the limit is {limit}")]
    TooLarge {
        /// The size as far as it is known.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The answer is larger than Azure hands out.
    #[error("the answer is too large for azure ({0})")]
    TooLargeForAzure(Box<AzureError>),
    /// The answer has more parts than this call may fetch.
    #[error("the answer has more than {limit} {what}")]
    TooMany {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// There are more subscriptions than a list may have.
    #[error("there are more than {limit} subscriptions")]
    TooManySubscriptions {
        /// The limit.
        limit: u64,
    },
    /// Azure began a list and could not continue it. What came is not the whole, so none of it is used.
    #[error("azure's list does not go on: {what}{}", of(azure.as_deref()))]
    Incomplete {
        /// What became of it.
        what: &'static str,
        /// The answer that did not lead on.
        azure: Option<Box<AzureError>>,
    },
    /// A link in Azure's answer leads elsewhere; it was not followed and the token not sent.
    #[error("a link in azure's answer ({what}) leads to an untrusted place: {}{}", host.as_deref().unwrap_or("no address"), of(azure.as_deref()))]
    UntrustedLink {
        /// What the link was for.
        what: &'static str,
        /// Its host, if it has one. Never the whole link: a report link is a secret.
        host: Option<String>,
        /// The answer it stood in.
        azure: Option<Box<AzureError>>,
    },
    /// The answer is not what Azure documents.
    #[error("unexpected answer: {what}{}", of(azure.as_deref()))]
    UnexpectedResponse {
        /// What is wrong with it. Free of links and people.
        what: &'static str,
        /// Which answer it was.
        azure: Option<Box<AzureError>>,
    },
    /// A status that has no meaning here.
    #[error("unexpected answer ({0})")]
    UnexpectedStatus(Box<AzureError>),
}

/// Which answer it was, for a line of a log.
fn of(azure: Option<&AzureError>) -> String {
    azure.map(|azure| format!(" ({azure})")).unwrap_or_default()
}

impl Error {
    /// The error's stable name: the same in logs, metrics and answers.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidQuery(_) | Self::QueryRefused(_) | Self::UnknownColumn { .. } => "invalid_query",
            Self::NoAccess(_) => "no_access",
            Self::SubscriptionNotFound(_) => "subscription_not_found",
            Self::ResourceGroupNotFound(_) => "resource_group_not_found",
            Self::NotFound(_) => "not_found",
            Self::CostDataDisabled(_) => "cost_data_disabled",
            Self::SubscriptionTypeNotSupported(_) => "subscription_type_not_supported",
            Self::NoReportOfOffer(_) => "no_report_of_offer",
            Self::NoDataYet(_) => "no_data_yet",
            Self::ProviderNotRegistered(_) => "provider_not_registered",
            Self::SubscriptionDisabled(_) => "subscription_disabled",
            Self::WrongTenant(_) => "wrong_tenant",
            Self::Throttled { .. } => "throttled",
            Self::ClaimsChallenge { .. } => "claims_challenge",
            Self::TokenRejected(_) | Self::MalformedToken => "token_rejected",
            Self::AzureUnavailable { .. } | Self::Unreachable(_) => "azure_unavailable",
            Self::DeadlineExceeded(_) | Self::TookTooLong(_) => "azure_timeout",
            Self::ForecastFailed(_) => "forecast_failed",
            Self::ReportFailed(_) => "report_failed",
            Self::ReportNotReady { .. } => "report_not_ready",
            Self::ReportLinkExpired(_) => "report_link_expired",
            Self::DamagedReport { .. } => "report_damaged",
            Self::InexactValue { .. } => "export_value",
            Self::Unwritable(_) | Self::WriterEnded => "export_unwritable",
            Self::TooLarge { .. }
            | Self::TooLargeForAzure(_)
            | Self::TooMany { .. }
            | Self::TooManySubscriptions { .. } => "too_large",
            Self::Incomplete { .. } => "answer_incomplete",
            Self::UntrustedLink { .. } => "untrusted_link",
            Self::UnexpectedResponse { .. } | Self::UnexpectedStatus(_) => "unexpected_response",
        }
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

    /// What Azure itself said, or which of its answers could not be read. For the caller whose request it was: the message
    /// may name that person.
    pub fn azure(&self) -> Option<&AzureError> {
        match self {
            Self::QueryRefused(azure)
            | Self::NoAccess(azure)
            | Self::SubscriptionNotFound(azure)
            | Self::ResourceGroupNotFound(azure)
            | Self::NotFound(azure)
            | Self::CostDataDisabled(azure)
            | Self::SubscriptionTypeNotSupported(azure)
            | Self::NoReportOfOffer(azure)
            | Self::NoDataYet(azure)
            | Self::ProviderNotRegistered(azure)
            | Self::SubscriptionDisabled(azure)
            | Self::WrongTenant(azure)
            | Self::Throttled { azure, .. }
            | Self::ClaimsChallenge { azure, .. }
            | Self::TokenRejected(azure)
            | Self::AzureUnavailable { azure, .. }
            | Self::TookTooLong(azure)
            | Self::ForecastFailed(azure)
            | Self::ReportFailed(azure)
            | Self::ReportLinkExpired(azure)
            | Self::TooLargeForAzure(azure)
            | Self::UnexpectedStatus(azure) => Some(azure),
            Self::Incomplete { azure, .. }
            | Self::UntrustedLink { azure, .. }
            | Self::UnexpectedResponse { azure, .. } => azure.as_deref(),
            _ => None,
        }
    }
}

/// Whole seconds: rounded up, at least one.
fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl From<AmountOverflow> for Error {
    fn from(_: AmountOverflow) -> Self {
        Self::unexpected("amounts too large to add up")
    }
}
