//! How the rest of the crate makes errors, and what it adds to them on their way out.

use std::time::Duration;

use super::meanings::Advice;
use super::{AzureError, Error};

/// What stands between this server and Azure answered in its place.
const BETWEEN: Advice = Advice {
    happened: "The answer was not Azure's: something in between, such as a proxy, a firewall or a network rule, answered in \
               its place.",
    next: "Ask again in a minute; if it repeats, whoever runs this server must let it reach Azure over the network.",
};

impl Error {
    /// An answer that cannot be read. Which answer it was is added by [`Self::in_answer`].
    pub(crate) const fn unexpected(what: &'static str) -> Self {
        Self::UnexpectedResponse { what, azure: None }
    }

    /// A list that does not go on.
    pub(crate) const fn incomplete(what: &'static str) -> Self {
        Self::Incomplete { what, azure: None }
    }

    /// Azure in trouble, without a word on how long.
    pub(crate) const fn unavailable(azure: Box<AzureError>) -> Self {
        Self::AzureUnavailable { retry_after: None, azure }
    }

    /// The same about a report that Azure lost: what its answer says of places is not about the scope.
    #[must_use]
    pub(crate) fn of_report(self) -> Self {
        match self {
            Self::NotFound(mut azure)
            | Self::SubscriptionNotFound(mut azure)
            | Self::ResourceGroupNotFound(mut azure)
            | Self::UnexpectedStatus(mut azure) => {
                azure.advice = None;
                Self::ReportFailed(azure)
            }
            other => other,
        }
    }

    /// An answer of somebody else: Azure's have a request id, and its errors are JSON.
    /// <https://github.com/Azure/azure-cli/issues/33744>
    pub(crate) fn not_azure(mut azure: Box<AzureError>) -> Self {
        azure.advice = Some(BETWEEN);
        Self::unavailable(azure)
    }

    /// The same with the wait that Azure asks for.
    #[must_use]
    pub(crate) fn with_wait(self, wait: Option<Duration>) -> Self {
        match self {
            Self::AzureUnavailable { azure, retry_after } => {
                Self::AzureUnavailable { retry_after: wait.or(retry_after), azure }
            }
            other => other,
        }
    }

    /// The same with the answer that it is about, unless it has one.
    #[must_use]
    pub(crate) fn in_answer(self, answer: impl FnOnce() -> AzureError) -> Self {
        match self {
            Self::UnexpectedResponse { what, azure: None } => {
                Self::UnexpectedResponse { what, azure: Some(Box::new(answer())) }
            }
            Self::UntrustedLink { what, host, azure: None } => {
                Self::UntrustedLink { what, host, azure: Some(Box::new(answer())) }
            }
            Self::Incomplete { what, azure: None } => {
                Self::Incomplete { what, azure: Some(Box::new(answer())) }
            }
            other => other,
        }
    }

    /// The same, met after so many pages. Once there was one, Azure has answered the question itself: what it says now is about
    /// its own link.
    #[must_use]
    pub(crate) fn after_pages(self, pages: u32) -> Self {
        match self {
            first if pages == 0 => first,
            Self::QueryRefused(azure)
            | Self::NoAccess(azure)
            | Self::SubscriptionNotFound(azure)
            | Self::ResourceGroupNotFound(azure)
            | Self::NotFound(azure)
            | Self::CostDataDisabled(azure)
            | Self::SubscriptionTypeNotSupported(azure)
            | Self::NoDataYet(azure)
            | Self::TooLargeForAzure(azure)
            | Self::UnexpectedStatus(azure) => {
                Self::Incomplete { what: "a further page was refused", azure: Some(azure) }
            }
            // An error page of a web server, where the link is longer than it takes:
            // https://github.com/Azure/azure-cli/issues/33770
            Self::AzureUnavailable { azure, .. } if azure.advice == Some(BETWEEN) && azure.status < 500 => {
                Self::Incomplete {
                    what: "a further page was answered by no service of Azure's",
                    azure: Some(azure),
                }
            }
            other => other,
        }
    }
}
