//! One request to Azure: headers, deadline, bounds, retries. What is asked and what the answer means is the
//! business of the other modules.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Span, field};
use url::Url;
use uuid::Uuid;

use crate::error::from_answer;
use crate::links::{self, BlobHost};
use crate::{Error, retry};

/// How often a request is tried before its refusal is passed on.
const MOST_TRIES: u32 = 3;

/// The bucket that requests are counted in. Without it they share one bucket with every other nameless tool of
/// the directory: <https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation>.
const CLIENT_TYPE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("clienttype"),
    HeaderValue::from_static(concat!("mcp-cost-server/", env!("CARGO_PKG_VERSION"))),
);
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// Azure Cost Management. Cheap to clone; holds no token.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    arm: Url,
    blob_hosts: Vec<BlobHost>,
    settings: Settings,
}

/// The bounds of every call.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a call may take altogether: all pages, all retries. 30 s.
    pub deadline: Duration,
    /// The most bytes of one answer, after decompression. 16 MiB.
    pub most_body_bytes: u64,
    /// The most pages of one list or query. 40.
    pub most_pages: u32,
    /// The most rows of one query. 100 000.
    pub most_rows: usize,
    /// The wait after a 429 that names none, as Cost Management sometimes does. 10 s: its shortest window.
    pub throttled_wait: Duration,
    /// The wait after a 503 or 504 that names none. 1 s.
    pub unavailable_wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            most_body_bytes: 16 * 1024 * 1024,
            most_pages: 40,
            most_rows: 100_000,
            throttled_wait: Duration::from_secs(10),
            unavailable_wait: Duration::from_secs(1),
        }
    }
}

impl Client {
    /// A client of the Azure Resource Manager at `arm`, such as `https://management.azure.com/`.
    ///
    /// `http` must not follow redirects: links are checked before they are followed, and a redirect would slip
    /// past the check. `blob_hosts` are the hosts that report files may be fetched from: `*.blob.core.windows.net`
    /// stands for every name below it, `localhost:1234` for one host and port.
    pub fn new(http: reqwest::Client, arm: Url, blob_hosts: Vec<String>) -> Self {
        let blob_hosts = blob_hosts.into_iter().map(|pattern| BlobHost::new(&pattern)).collect();
        Self(Arc::new(Inner { http, arm, blob_hosts, settings: Settings::default() }))
    }

    /// The same client with other bounds.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        let Inner { http, arm, blob_hosts, .. } = &*self.0;
        let (http, arm, blob_hosts) = (http.clone(), arm.clone(), blob_hosts.clone());
        Self(Arc::new(Inner { http, arm, blob_hosts, settings }))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The time a call that starts now may take.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.0.settings.deadline)
    }

    /// The address of a resource below ARM. Segments are percent-encoded.
    pub(crate) fn endpoint(
        &self,
        segments: impl IntoIterator<Item = impl AsRef<str>>,
        query: &[(&str, &str)],
    ) -> Url {
        let mut url = self.0.arm.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url.query_pairs_mut().clear().extend_pairs(query);
        url
    }

    pub(crate) fn arm_link(&self, link: &str, what: &'static str) -> Result<Url, Error> {
        links::to_arm(link, &self.0.arm, what)
    }

    pub(crate) fn blob_link(&self, link: &str) -> Result<Url, Error> {
        links::to_blob(link, &self.0.blob_hosts)
    }

    /// Asks Azure Resource Manager as the token's owner. Every answer but 2xx is an error.
    pub(crate) async fn arm(
        &self,
        request: ArmRequest<'_>,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<Answer, Error> {
        let headers = request.headers(token)?;
        let build = || {
            let builder =
                self.0.http.request(request.method.clone(), request.url.clone()).headers(headers.clone());
            let builder = builder.header(CLIENT_REQUEST_ID, Uuid::new_v4().to_string());
            match request.body {
                Some(body) => builder.body(body.clone()),
                None => builder,
            }
        };
        let answer = self.send(build, self.0.settings.most_body_bytes, deadline).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let Answer { status, headers, body } = &answer;
        Err(from_answer(*status, headers, body, answer.asked_wait(), self.0.settings.throttled_wait))
    }

    /// Fetches a report file. Its link is the permission: no token goes along.
    pub(crate) async fn blob(&self, url: &Url, most_bytes: u64, deadline: Deadline) -> Result<Bytes, Error> {
        let answer = self.send(|| self.0.http.get(url.clone()), most_bytes, deadline).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            // The storage's own errors say nothing about the person's rights: the link was Azure's.
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                let (status, headers) = (StatusCode::SERVICE_UNAVAILABLE, &answer.headers);
                Err(from_answer(status, headers, &[], answer.asked_wait(), self.0.settings.throttled_wait))
            }
            _ => Err(Error::UnexpectedResponse { what: "the storage did not hand out the report file" }),
        }
    }

    /// Sends until there is an answer that waiting does not change, or no time or try is left.
    ///
    /// All requests of this crate read: sending one again is safe, POST or not.
    async fn send(
        &self,
        build: impl Fn() -> reqwest::RequestBuilder,
        most_bytes: u64,
        deadline: Deadline,
    ) -> Result<Answer, Error> {
        let mut tries = 1;
        loop {
            let answer = deadline.bound(exchange(build(), most_bytes)).await??;
            Span::current().record("status", answer.status.as_u16());
            let Some(wait) = self.wait_before_retry(&answer) else { return Ok(answer) };
            if tries == MOST_TRIES || !deadline.has(wait) {
                return Ok(answer);
            }
            tracing::debug!(
                status = answer.status.as_u16(),
                wait_ms = wait.as_millis(),
                tries,
                "azure asks to wait"
            );
            sleep(wait).await;
            tries += 1;
        }
    }

    /// How long to wait before trying again; `None` if that would not help.
    fn wait_before_retry(&self, answer: &Answer) -> Option<Duration> {
        let default = match answer.status {
            StatusCode::TOO_MANY_REQUESTS => self.0.settings.throttled_wait,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => self.0.settings.unavailable_wait,
            _ => return None,
        };
        Some(answer.asked_wait().unwrap_or(default))
    }
}

/// A request to Azure Resource Manager.
pub(crate) struct ArmRequest<'a> {
    method: Method,
    url: &'a Url,
    body: Option<&'a Bytes>,
}

impl<'a> ArmRequest<'a> {
    pub(crate) const fn get(url: &'a Url) -> Self {
        Self { method: Method::GET, url, body: None }
    }

    /// `body` is JSON.
    pub(crate) const fn post(url: &'a Url, body: &'a Bytes) -> Self {
        Self { method: Method::POST, url, body: Some(body) }
    }

    fn headers(&self, token: &SecretString) -> Result<HeaderMap, Error> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|_| Error::MalformedToken)?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([(AUTHORIZATION, bearer), (ACCEPT, JSON), CLIENT_TYPE]);
        if self.body.is_some() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        Ok(headers)
    }
}

/// An answer with its whole body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The wait its headers ask for.
    pub(crate) fn asked_wait(&self) -> Option<Duration> {
        retry::retry_after(&self.headers, retry::sent_at(&self.headers))
    }
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

    async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        timeout_at(self.end, work).await.map_err(|_| Error::DeadlineExceeded(self.allowed))
    }
}

/// One request and its answer. The body is counted as it arrives, after decompression: a length in a header is
/// a claim, and absent when it is compressed.
async fn exchange(request: reqwest::RequestBuilder, most_bytes: u64) -> Result<Answer, Error> {
    let mut response = request.send().await.map_err(unreachable)?;
    let too_large = |bytes| Error::TooLarge { bytes, limit: most_bytes };
    if let Some(bytes) = response.content_length().filter(|bytes| *bytes > most_bytes) {
        return Err(too_large(bytes));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        let bytes = (body.len() + chunk.len()) as u64;
        if bytes > most_bytes {
            return Err(too_large(bytes));
        }
        body.extend_from_slice(&chunk);
    }
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    Ok(Answer { status, headers, body: body.freeze() })
}

/// The address goes: that of a report file is a secret.
fn unreachable(error: reqwest::Error) -> Error {
    Error::Unreachable(error.without_url())
}

/// Runs a call in its span and notes there how it failed.
pub(crate) async fn observed<T>(
    span: Span,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let result = tracing::Instrument::instrument(call, span.clone()).await;
    if let Err(error) = &result {
        span.record("error.type", field::display(error.code()));
    }
    result
}
