//! An answer of Azure's as a whole, and what it is where it cannot be read.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::error::Error;
use crate::error::{AzureError, ErrorBody, from_inside};
use crate::quota::Quota;
use crate::{json, retry};

/// An answer with its whole body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The wait its headers ask for. `now` is the own clock.
    pub(crate) fn asked_wait(&self, now: Option<Timestamp>) -> Option<Duration> {
        retry::retry_after(&self.headers, now)
    }

    /// What its headers say of the quotas.
    pub(crate) fn quota(&self, now: Option<Timestamp>) -> Quota {
        Quota::read(&self.headers, now)
    }

    /// Which answer it is: status and request id.
    pub(crate) fn described(&self) -> AzureError {
        AzureError::new(self.status, &self.headers, None)
    }

    /// Reads the body.
    ///
    /// # Errors
    /// `what` is what is wrong with it, unless it is not Azure's at all: a proxy's page has no request id and is not JSON.
    pub(crate) fn read<'a, T: Deserialize<'a>>(&'a self, what: &'static str) -> Result<T, Error> {
        json::read(&self.body).ok_or_else(|| {
            let described = Box::new(self.described());
            let text = json::unmarked(&self.body).trim_ascii_start();
            if described.request_id.is_none() && !text.starts_with(b"{") && !text.starts_with(b"[") {
                return Error::not_azure(described);
            }
            Error::UnexpectedResponse { what, azure: Some(described) }
        })
    }

    /// The error inside an answer that should be none: some of Azure's services send theirs with a 200.
    pub(crate) fn refusal_inside(&self) -> Result<(), Error> {
        match ErrorBody::read(&self.body) {
            Some(body) => Err(from_inside(self.status, &self.headers, Some(body), Error::UnexpectedStatus)),
            None => Ok(()),
        }
    }
}
