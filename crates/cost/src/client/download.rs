//! A report file as it comes, for files that are too large to be held. One try: whoever reads it knows how far it came, and
//! goes on from there.

use bytes::Bytes;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_MATCH, RANGE,
};
use reqwest::{Method, Response, StatusCode};
use tracing::Instrument as _;
use url::Url;
use uuid::Uuid;

use super::exchange::{Deadline, described, is_undecodable, unreachable};
use super::traced::{Asked, Place};
use super::{CLIENT_REQUEST_ID, Client};
use crate::error::Error;
use crate::retry;

/// Where to go on in a file, and in which version of it.
#[derive(Clone)]
pub(crate) struct Resume {
    pub(crate) at: u64,
    pub(crate) etag: HeaderValue,
}

/// A file that is coming.
pub(crate) struct Download {
    response: Response,
    client: Client,
    /// The place in the file of the next byte that comes.
    at: u64,
}

impl Client {
    /// Begins to fetch a report file, or goes on with it. Its link is the permission: no token goes along.
    ///
    /// # Errors
    /// [`Error::ReportLinkExpired`] where the storage hands it out no more, [`Error::DamagedReport`] where it is another file now.
    pub(crate) async fn download(&self, url: &Url, resume: Option<&Resume>) -> Result<Download, Error> {
        const PLAIN: HeaderValue = HeaderValue::from_static("identity");
        let id = Uuid::new_v4();
        let request = self.inner.http.get(url.clone()).header(ACCEPT_ENCODING, PLAIN);
        let request = request.header(CLIENT_REQUEST_ID, id.to_string());
        let request = match resume {
            Some(Resume { at, etag }) => request.header(RANGE, format!("bytes={at}-")).header(IF_MATCH, etag),
            None => request,
        };
        let place = Place { method: &Method::GET, url, template: "/{container}/{blob}" };
        self.usage().sent();
        let asked = Asked::now(self, place, id, 0);
        let sent = async { request.send().await.map_err(unreachable) };
        let sent = self.deadline().bound(sent).instrument(asked.span.clone()).await;
        let response = sent.flatten().inspect_err(|error| asked.failed(error))?;
        asked.answered(response.status(), response.headers());
        let at = self.begins(&response, resume)?;
        Ok(Download { response, client: self.clone(), at })
    }

    /// The place of the first byte that an answer brings.
    fn begins(&self, response: &Response, resume: Option<&Resume>) -> Result<u64, Error> {
        const ANOTHER: Error = Error::DamagedReport { what: "a file became another while it was fetched" };
        let known = || Box::new(described(response));
        match (response.status(), resume) {
            // The whole, whether it was asked for or not: it must be of the version that was begun.
            (StatusCode::OK, Some(begun)) if response.headers().get(ETAG) != Some(&begun.etag) => {
                Err(ANOTHER)
            }
            (StatusCode::OK, _) => Ok(0),
            (StatusCode::PARTIAL_CONTENT, Some(begun)) if is_part(response.headers(), begun) => Ok(begun.at),
            (StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => Err(ANOTHER),
            // The storage's own errors say nothing about the person's rights: the link was Azure's, for a while.
            (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE, _) => {
                Err(Error::ReportLinkExpired(known()))
            }
            (status, _) if is_trouble(status) => {
                let wait = retry::retry_after(response.headers(), self.now());
                Err(Error::unavailable(known()).with_wait(wait))
            }
            _ => Err(Error::unexpected("the storage did not hand out the report file")
                .in_answer(|| described(response))),
        }
    }
}

/// Whether an answer is the part that was asked for, of the same version where it names one.
fn is_part(headers: &HeaderMap, begun: &Resume) -> bool {
    first_byte(headers) == Some(begun.at) && headers.get(ETAG).is_none_or(|etag| *etag == begun.etag)
}

/// The first of the bytes that an answer has: `bytes 20-99/100` (RFC 9110 §14.4).
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes ")?;
    range.split_once('-')?.0.parse().ok()
}

fn is_trouble(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

impl Download {
    /// The place in the file of the next byte.
    pub(crate) const fn at(&self) -> u64 {
        self.at
    }

    /// The version of the file, if it can be gone on with: a weak one says nothing of bytes (RFC 9110 §8.8.1), and what was
    /// decompressed on the way has no place in the file. The HTTP client takes the length away there.
    pub(crate) fn version(&self) -> Option<&HeaderValue> {
        let etag = self.response.headers().get(ETAG).filter(|etag| !etag.as_bytes().starts_with(b"W/"));
        etag.filter(|_| self.is_plain())
    }

    /// Whether what comes are the bytes of the file itself.
    pub(crate) fn is_plain(&self) -> bool {
        self.response.headers().contains_key(CONTENT_LENGTH)
    }

    /// What comes next. A connection on which nothing comes for as long as a call may take is a broken one.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let deadline: Deadline = self.client.deadline();
        let next = deadline.bound(self.response.chunk()).await?;
        let next = next.map_err(|error| {
            if is_undecodable(&error) {
                Error::DamagedReport { what: "a file cannot be decompressed" }
            } else {
                unreachable(error)
            }
        })?;
        self.at += next.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Ok(next)
    }
}
