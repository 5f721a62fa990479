//! Azure's error answers, read into [`Error`]. The table in here is the one place that knows Azure's codes.
//!
//! Source: <https://learn.microsoft.com/azure/cost-management-billing/costs/cost-management-error-codes>

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde::Deserialize;

use super::Error;
use crate::challenge::ClaimsChallenge;
use crate::foreign::visible;

/// Makes the error that a code stands for.
type Meaning = fn(Box<AzureError>) -> Error;

/// What Azure's codes mean. Upper and lower case do not matter; a code may come with any status.
const MEANINGS: &[(&str, Meaning)] = &[
    ("AccountCostDisabled", Error::CostDataDisabled),
    ("AuthenticationFailed", Error::TokenRejected),
    ("AuthorizationFailed", Error::NoAccess),
    ("BadRequest", Error::QueryRefused),
    ("BillingAccessDenied", Error::NoAccess),
    ("BillingSubscriptionNotFound", Error::SubscriptionNotFound),
    ("DepartmentCostDisabled", Error::CostDataDisabled),
    ("DisallowedOperation", Error::SubscriptionTypeNotSupported),
    ("ExpiredAuthenticationToken", Error::TokenRejected),
    ("IndirectCostDisabled", Error::CostDataDisabled),
    ("InvalidAuthenticationToken", Error::TokenRejected),
    ("InvalidAuthenticationTokenAudience", Error::TokenRejected),
    ("InvalidAuthenticationTokenTenant", Error::WrongTenant),
    ("InvalidSubscriptionId", Error::SubscriptionNotFound),
    ("NotFound", Error::NotFound),
    ("RBACAccessDenied", Error::NoAccess),
    ("ResourceGroupNotFound", Error::ResourceGroupNotFound),
    ("SubscriptionNotFound", Error::SubscriptionNotFound),
    ("SubscriptionTypeNotSupported", Error::SubscriptionTypeNotSupported),
];

/// The most characters of a code or an id of Azure's.
const MOST_CODE: usize = 80;
/// The most characters kept of a message.
const MOST_MESSAGE: usize = 2_000;

/// What Azure said about a refusal.
#[derive(Clone, PartialEq, Eq)]
pub struct AzureError {
    /// The HTTP status.
    pub status: u16,
    /// Azure's own code, such as `RBACAccessDenied`, reduced to what a line of a log may hold.
    pub code: Option<String>,
    message: Option<String>,
    /// The id under which Azure's support finds the request, reduced likewise.
    pub request_id: Option<String>,
}

impl AzureError {
    fn new(status: StatusCode, headers: &HeaderMap, body: Option<ErrorBody>) -> Self {
        let body = body.unwrap_or_default();
        Self {
            status: status.as_u16(),
            code: body.code.as_deref().and_then(reduced),
            message: body.message.filter(|message| !message.is_empty()).map(cut),
            request_id: request_id(headers),
        }
    }

    /// Azure's own message, letter by letter, up to 2,000 of them. It may name the caller, so it is in neither `Display`
    /// nor `Debug`; and people may have written in it, so [`visible`] comes before any text that is read.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }
}

impl fmt::Display for AzureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, ", {code}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request id {id}")?;
        }
        Ok(())
    }
}

/// By hand: the message may name people, and `Debug` ends up in logs.
impl fmt::Debug for AzureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureError")
            .field("status", &self.status)
            .field("code", &self.code)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// What a status other than 2xx of Azure Resource Manager means. `wait` is what its headers ask for.
pub(crate) fn from_answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    wait: Option<Duration>,
    default_wait: Duration,
) -> Error {
    let azure = Box::new(AzureError::new(status, headers, ErrorBody::read(body)));
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Error::Throttled { retry_after: wait.unwrap_or(default_wait), azure };
    }
    if status.is_server_error() {
        return Error::AzureUnavailable { retry_after: wait, azure };
    }
    if status == StatusCode::UNAUTHORIZED {
        return unauthorized(headers, azure);
    }
    match meaning(&azure) {
        Some(error) => error(azure),
        None => from_status(status, azure),
    }
}

/// What a report's own `error` means, which comes inside a 200.
pub(crate) fn from_report(headers: &HeaderMap, body: Option<ErrorBody>) -> Error {
    let azure = Box::new(AzureError::new(StatusCode::OK, headers, body));
    meaning(&azure).unwrap_or(Error::ReportFailed)(azure)
}

/// Cost Management answers 401 where it means "no role assignment" (`RBACAccessDenied`, no `WWW-Authenticate`).
/// Only a 401 with a challenge is about the token.
fn unauthorized(headers: &HeaderMap, azure: Box<AzureError>) -> Error {
    if let Some(ClaimsChallenge { claims }) = ClaimsChallenge::find(headers) {
        return Error::ClaimsChallenge { claims, azure };
    }
    match meaning(&azure) {
        Some(error) => error(azure),
        None if headers.contains_key(WWW_AUTHENTICATE) => Error::TokenRejected(azure),
        None => Error::NoAccess(azure),
    }
}

fn meaning(azure: &AzureError) -> Option<Meaning> {
    let code = azure.code.as_deref()?;
    MEANINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, error)| *error)
}

/// For codes that are not in the table.
fn from_status(status: StatusCode, azure: Box<AzureError>) -> Error {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Error::QueryRefused(azure),
        StatusCode::FORBIDDEN => Error::NoAccess(azure),
        StatusCode::NOT_FOUND => Error::NotFound(azure),
        _ => Error::UnexpectedStatus(azure),
    }
}

/// ARM's envelope, `{"error":{"code","message",…}}`.
#[derive(Default, Deserialize)]
pub(crate) struct ErrorBody {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl ErrorBody {
    fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            error: ErrorBody,
        }
        serde_json::from_slice::<Envelope>(body).ok().map(|envelope| envelope.error)
    }
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-ms-request-id", "x-ms-correlation-request-id"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .and_then(reduced)
}

fn reduced(text: &str) -> Option<String> {
    Some(visible(text, MOST_CODE)).filter(|text| !text.is_empty())
}

fn cut(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(MOST_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests;
