//! The words a person can act on: what happened, and a step that there is.

use super::meanings::Advice;
use super::{AzureError, Error, seconds};
use crate::foreign::visible;

/// The most characters of a column's name that are told.
const MOST_NAME: usize = 80;

impl Error {
    /// What happened and what to do next, for the person who asked.
    pub fn detail(&self) -> String {
        if let Self::AzureUnavailable { retry_after: Some(wait), azure } = self {
            let happened = azure.advice.map_or(UNAVAILABLE, |advice| advice.happened);
            return format!("{happened} Ask again in {} seconds.", seconds(*wait));
        }
        // The table knows more than the kind of error; but a list that does not go on is about itself.
        let told =
            self.azure().and_then(AzureError::advice).filter(|_| !matches!(self, Self::Incomplete { .. }));
        if let Some(Advice { happened, next }) = told {
            return format!("{happened} {next}");
        }
        self.counted().unwrap_or_else(|| self.fixed().to_owned())
    }

    /// What has a number or a reason in it.
    fn counted(&self) -> Option<String> {
        Some(match self {
            Self::InvalidQuery(reason) => format!("Azure was not asked: {reason}."),
            Self::UnknownColumn { name, near } => format!(
                "The report has no column `{}`; near it are: {}.",
                visible(name, MOST_NAME),
                near.iter().map(|name| visible(name, MOST_NAME)).collect::<Vec<_>>().join(", ")
            ),
            Self::InexactValue { column, row } => format!(
                "The value of {} in row {row} of Azure's report cannot be written exactly: numbers have up to 14 digits before \
                 and 24 behind the point. None of it was kept. Ask for csv, which has every cell as Azure wrote it, or leave \
                 that column out with `columns`.",
                visible(column, MOST_NAME)
            ),
            Self::TooLarge { limit, .. } => {
                format!("The answer is larger than {limit} bytes. Ask for a shorter period.")
            }
            Self::TooMany { what, limit } => {
                format!("The answer has more than {limit} {what}. Ask for a shorter period.")
            }
            Self::TooManySubscriptions { limit } => {
                format!(
                    "You see more than {limit} subscriptions. Ask by a subscription's id instead of its name."
                )
            }
            Self::DamagedReport { what } => format!(
                "The report that Azure built is damaged: {what}. None of it was taken. Ask again: Azure builds it anew."
            ),
            Self::Incomplete { what, .. } => format!(
                "Azure began the answer and could not continue its own list: {what}. None of it was taken, for it would be a \
                 part. Ask again; if it repeats, ask for a shorter period."
            ),
            Self::Throttled { retry_after, .. } => format!(
                "Azure limits how often costs can be read, for all tools of the directory together. Ask again in {} seconds.",
                seconds(*retry_after)
            ),
            Self::ReportNotReady { retry_after, .. } => format!(
                "Azure is still building the report. Ask again in {} seconds, or for a shorter period.",
                seconds(*retry_after)
            ),
            _ => return None,
        })
    }

    /// What needs neither, for errors that no row of the table made.
    const fn fixed(&self) -> &'static str {
        match self {
            Self::ClaimsChallenge { .. } => {
                "Your organisation's Conditional Access policy asks for more than this sign-in proved, such as \
                 multi-factor authentication. Sign in again and complete it."
            }
            Self::TokenRejected(_) | Self::MalformedToken => {
                "Azure rejected the access token. Sign in again."
            }
            Self::AzureUnavailable { .. } => {
                "Azure Cost Management is unavailable at the moment. Ask again in a minute."
            }
            Self::Unreachable(_) => {
                "Azure Cost Management cannot be reached at the moment; several tries did not help. Ask again in a minute."
            }
            Self::DeadlineExceeded(_) => "Azure took too long to answer. Ask for a shorter period.",
            Self::ReportFailed(_) => {
                "Azure could not build the cost details report. They exist for Enterprise and Customer Agreements only, \
                 at most one month at a time. Ask for fewer days, or for sums instead, such as costs by service."
            }
            Self::ReportLinkExpired(_) => {
                "The storage no longer hands out the report file: its link has ended. Ask again: Azure gives a new link."
            }
            Self::Unwritable(_) | Self::WriterEnded => {
                "This server could not write the export: none of it was kept. Ask for fewer days; if it repeats, tell the \
                 server's operator, whose log has the reason."
            }
            Self::UntrustedLink { .. } => {
                "Azure's answer points to a place this server does not trust, so it was not followed. Tell the server's \
                 operator, with the request id."
            }
            _ => {
                "Azure answered in a way this server does not understand. Tell the server's operator, with the request id: \
                 the server's log has the reason."
            }
        }
    }
}

const UNAVAILABLE: &str = "Azure Cost Management is unavailable at the moment.";
