//! Azure's refusals, read into [`Error`]. What they mean is in the table of `meanings`.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use super::meanings::{self, Advice};
use super::{Error, ErrorBody, valid_values};
use crate::challenge::ClaimsChallenge;
use crate::foreign::visible;
use crate::quota::Quota;

/// The most characters of a code or an id of Azure's.
const MOST_CODE: usize = 80;
/// The most characters kept of a message.
const MOST_MESSAGE: usize = 2_000;

/// An answer of Azure's that is an error, or that could not be read.
#[derive(Clone, PartialEq, Eq)]
pub struct AzureError {
    /// The HTTP status.
    pub status: u16,
    /// Azure's own code, such as `RBACAccessDenied`, reduced to what a line of a log may hold.
    pub code: Option<String>,
    message: Option<String>,
    valid_values: Vec<String>,
    /// The id under which Azure's support finds the request, reduced likewise.
    pub request_id: Option<String>,
    /// What the table says of it.
    pub(super) advice: Option<Advice>,
}

impl AzureError {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: Option<ErrorBody>) -> Self {
        let body = body.unwrap_or_default();
        Self {
            status: status.as_u16(),
            code: body.code.as_deref().and_then(reduced),
            valid_values: body.message.as_deref().map(valid_values::in_message).unwrap_or_default(),
            message: body.message.filter(|message| !message.is_empty()).map(cut),
            request_id: request_id(headers),
            advice: None,
        }
    }

    /// Azure's own message, letter by letter, up to 2,000 of them. It may name the caller, so it is in neither `Display`
    /// nor `Debug`; and people may have written in it, so [`visible`] comes before any text that is read.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The names that would have been right, where Azure lists them: the dimensions of this agreement. All of them, also
    /// where the message was cut.
    pub fn valid_values(&self) -> &[String] {
        &self.valid_values
    }

    pub(super) const fn advice(&self) -> Option<Advice> {
        self.advice
    }

    /// The error that the table has for this, if it has one.
    fn meant(mut self: Box<Self>) -> Result<Error, Box<Self>> {
        let Some(row) = meanings::of(&self) else { return Err(self) };
        tracing::debug!(azure = %self, source = row.source, "a refusal that is known");
        self.advice = Some(row.advice);
        Ok((row.error)(self))
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

/// What a status other than 2xx of Azure Resource Manager means. `quota` is what its headers say, the wait included.
pub(crate) fn from_answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    quota: Quota,
    default_wait: Duration,
) -> Error {
    let wait = quota.waits.longest();
    let body = ErrorBody::read(body);
    let is_azures = body.is_some();
    let azure = Box::new(AzureError::new(status, headers, body));
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Error::Throttled { retry_after: wait.unwrap_or(default_wait), quota: Box::new(quota), azure };
    }
    if status == StatusCode::UNAUTHORIZED && headers.contains_key(WWW_AUTHENTICATE) {
        return challenged(headers, azure);
    }
    if !is_azures && azure.request_id.is_none() {
        return Error::not_azure(azure).with_wait(wait);
    }
    azure.meant().unwrap_or_else(from_status).with_wait(wait)
}

/// An error inside an answer of another kind: a report's own, or one that comes with a 200. `unknown` makes the error for a
/// code that is not in the table.
pub(crate) fn from_inside(
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<ErrorBody>,
    unknown: fn(Box<AzureError>) -> Error,
) -> Error {
    Box::new(AzureError::new(status, headers, body)).meant().unwrap_or_else(unknown)
}

/// Cost Management answers 401 where it means "no role assignment" (`RBACAccessDenied`, no `WWW-Authenticate`).
/// Only a 401 with a challenge is about the token, unless its code says otherwise.
fn challenged(headers: &HeaderMap, azure: Box<AzureError>) -> Error {
    if let Some(ClaimsChallenge { claims }) = ClaimsChallenge::find(headers) {
        return Error::ClaimsChallenge { claims, azure };
    }
    let by_code = azure.code.as_deref().is_some_and(meanings::knows_code);
    if by_code { azure.meant().unwrap_or_else(Error::TokenRejected) } else { Error::TokenRejected(azure) }
}

/// For statuses that are not in the table.
fn from_status(azure: Box<AzureError>) -> Error {
    if azure.status >= 500 { Error::unavailable(azure) } else { Error::UnexpectedStatus(azure) }
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
