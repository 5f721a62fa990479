//! One request and its answer, and whether to send it again.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bytes::BytesMut;
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::traced::{Asked, Place};
use super::{Answer, Client};
use crate::error::Error;
use crate::error::{AzureError, ErrorBody};

/// How often a request is tried before its refusal is passed on.
const MOST_TRIES: u32 = 3;

/// Who is asked, where it makes a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Azure Resource Manager.
    Arm,
    /// What counts against the quotas of Cost Management. Who has its turn when is not this crate's business, so neither is the
    /// wait after a 429.
    Metered,
    /// The state of a report: <https://github.com/Azure/azure-sdk-for-python/issues/34096> answers 406 now and then.
    Polling,
}

/// The moment a call must be over.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    allowed: Duration,
    end: Instant,
}

impl Deadline {
    pub(crate) fn after(allowed: Duration) -> Self {
        Self { allowed, end: Instant::now() + allowed }
    }

    /// Whether there is time for this wait and something after it.
    pub(crate) fn has(&self, wait: Duration) -> bool {
        wait < self.end.saturating_duration_since(Instant::now())
    }

    pub(super) async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        timeout_at(self.end, work).await.map_err(|_| Error::DeadlineExceeded(self.allowed))
    }
}

impl Client {
    /// Sends until there is an answer that waiting does not change, or no time or try is left.
    ///
    /// All requests of this crate read: sending one again is safe, POST or not.
    pub(super) async fn send(
        &self,
        (target, place): (Target, Place<'_>),
        build: impl Fn(Uuid) -> reqwest::RequestBuilder,
        most_bytes: u64,
        deadline: Deadline,
    ) -> Result<Answer, Error> {
        let mut tries = 1;
        loop {
            let id = Uuid::new_v4();
            let request = build(id);
            self.usage().sent();
            let asked = Asked::now(self, place, id, tries - 1);
            let exchanged = exchange(request, most_bytes).instrument(asked.span.clone());
            let exchanged = deadline.bound(exchanged).await.inspect_err(|late| asked.failed(late))?;
            let (pause, outcome) = match exchanged {
                Ok(answer) => {
                    asked.answered(answer.status, &answer.headers);
                    self.usage().answered(&answer.headers);
                    Span::current().record("status", answer.status.as_u16());
                    (self.pause_after(&answer, target, tries), Ok(answer))
                }
                Err(Failed::Broken(error)) => (Some(self.growing(tries)), Err(unreachable(error))),
                Err(Failed::Undecodable(answer)) => {
                    let error = Error::unexpected("a body that cannot be decompressed");
                    (None, Err(error.in_answer(|| *answer)))
                }
                Err(Failed::For(error)) => (None, Err(error)),
            };
            if let Err(error) = &outcome {
                asked.failed(error);
            }
            let Some(pause) = pause.filter(|pause| tries < MOST_TRIES && deadline.has(*pause)) else {
                return outcome;
            };
            let status = outcome.ok().map(|answer| answer.status.as_u16());
            tracing::debug!(status, pause_ms = pause.as_millis(), tries, "azure is asked once more");
            sleep(pause).await;
            tries += 1;
        }
    }

    /// How long to wait before trying again; `None` if that would not help.
    fn pause_after(&self, answer: &Answer, target: Target, tries: u32) -> Option<Duration> {
        let settings = self.settings();
        let default = match answer.status {
            StatusCode::TOO_MANY_REQUESTS if target == Target::Metered => return None,
            StatusCode::TOO_MANY_REQUESTS => settings.throttled_wait,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => settings.unavailable_wait,
            StatusCode::REQUEST_TIMEOUT | StatusCode::BAD_GATEWAY => self.growing(tries),
            StatusCode::CONFLICT if is_busy(answer) => self.growing(tries),
            StatusCode::NOT_ACCEPTABLE if target == Target::Polling => self.growing(tries),
            _ => return None,
        };
        Some(answer.asked_wait(self.now()).unwrap_or(default))
    }

    /// A short pause, longer each time: what broke is often the first connection after a long rest.
    /// <https://github.com/Azure/azure-cli/issues/31459>
    fn growing(&self, tries: u32) -> Duration {
        self.settings().broken_pause.saturating_mul(1 << (tries - 1))
    }
}

/// <https://github.com/webdevops/azure-resourcemanager-exporter/issues/90>
fn is_busy(answer: &Answer) -> bool {
    let message = ErrorBody::read(&answer.body).and_then(ErrorBody::into_message).unwrap_or_default();
    message.to_lowercase().contains("too many connections")
}

/// Why there is no answer.
enum Failed {
    /// The connection broke, or there was none.
    Broken(reqwest::Error),
    /// The body is not compressed as its header says.
    Undecodable(Box<AzureError>),
    For(Error),
}

/// One request and its answer. The body is counted as it arrives, after decompression: a length in a header is
/// a claim, and absent when it is compressed.
async fn exchange(request: reqwest::RequestBuilder, most_bytes: u64) -> Result<Answer, Failed> {
    let mut response = request.send().await.map_err(Failed::Broken)?;
    let too_large = |bytes| Failed::For(Error::TooLarge { bytes, limit: most_bytes });
    if let Some(bytes) = response.content_length().filter(|bytes| *bytes > most_bytes) {
        return Err(too_large(bytes));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(error, &response))? {
        let bytes = (body.len() + chunk.len()) as u64;
        if bytes > most_bytes {
            return Err(too_large(bytes));
        }
        body.extend_from_slice(&chunk);
    }
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    Ok(Answer { status, headers, body: body.freeze() })
}

fn failed(error: reqwest::Error, response: &Response) -> Failed {
    if is_undecodable(&error) {
        return Failed::Undecodable(Box::new(described(response)));
    }
    Failed::Broken(error)
}

/// The HTTP client has one kind of error for a body that breaks off and one that cannot be decompressed; the cause tells.
pub(super) fn is_undecodable(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)) {
            return true;
        }
        cause = error.source();
    }
    false
}

pub(super) fn described(response: &Response) -> AzureError {
    AzureError::new(response.status(), response.headers(), None)
}

/// The address goes: that of a report file is a secret.
pub(super) fn unreachable(error: reqwest::Error) -> Error {
    Error::Unreachable(error.without_url())
}
