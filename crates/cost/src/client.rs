//! One request to Azure: headers, deadline, bounds, retries. What is asked and what the answer means is the
//! business of the other modules.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MATCH, RANGE,
};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tracing::{Span, field};
use url::Url;
use uuid::Uuid;

pub(crate) use answer::Answer;
pub(crate) use exchange::Deadline;
pub use settings::Settings;

use crate::error::Error;
use crate::error::from_answer;
use crate::links::{self, BlobHost};
use exchange::{Partial, Target};

mod answer;
mod exchange;
mod settings;

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

#[derive(Clone, Debug)]
struct Inner {
    http: reqwest::Client,
    arm: Url,
    blob_hosts: Vec<BlobHost>,
    settings: Settings,
    clock: Clock,
}

impl Client {
    /// A client of the Azure Resource Manager at `arm`, such as `https://management.azure.com/`.
    ///
    /// `http` must not follow redirects: links are checked before they are followed, and a redirect would slip
    /// past the check. `blob_hosts` are the hosts that report files may be fetched from: `*.blob.core.windows.net`
    /// stands for every name below it, `localhost:1234` for one host and port.
    pub fn new(http: reqwest::Client, arm: Url, blob_hosts: Vec<String>) -> Self {
        let blob_hosts = blob_hosts.into_iter().map(|pattern| BlobHost::new(&pattern)).collect();
        let (settings, clock) = (Settings::default(), Clock::default());
        Self(Arc::new(Inner { http, arm, blob_hosts, settings, clock }))
    }

    /// The same client with other bounds.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self(Arc::new(Inner { settings, ..(*self.0).clone() }))
    }

    /// The same client with a clock, for an answer that names the moment to ask again but not the one it was sent at. Without
    /// one such a wait is taken for one that is not named.
    #[must_use]
    pub fn with_clock(self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { clock: Clock(Some(Arc::new(now))), ..(*self.0).clone() }))
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

    /// A link of a header: it may be relative to `asked`.
    pub(crate) fn arm_link_from(&self, asked: &Url, link: &str, what: &'static str) -> Result<Url, Error> {
        links::to_arm_from(asked, link, &self.0.arm, what)
    }

    pub(crate) fn blob_link(&self, link: &str) -> Result<Url, Error> {
        links::to_blob(link, &self.0.blob_hosts)
    }

    /// The own time, if there is a clock.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.0.clock.0.as_ref().map(|now| now())
    }

    /// Asks Azure Resource Manager as the token's owner. Every answer but 2xx is an error.
    pub(crate) async fn arm(
        &self,
        request: ArmRequest<'_>,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<Answer, Error> {
        let headers = request.headers(token)?;
        let build = |_: &Partial| {
            let builder =
                self.0.http.request(request.method.clone(), request.url.clone()).headers(headers.clone());
            let builder = builder.header(CLIENT_REQUEST_ID, Uuid::new_v4().to_string());
            match request.body {
                Some(body) => builder.body(body.clone()),
                None => builder,
            }
        };
        let answer = self.send(request.target, build, self.0.settings.most_body_bytes, deadline).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let Answer { status, headers, body } = &answer;
        Err(from_answer(
            *status,
            headers,
            body,
            answer.asked_wait(self.now()),
            self.0.settings.throttled_wait,
        ))
    }

    /// Fetches a report file. Its link is the permission: no token goes along. Where the connection breaks, the rest is
    /// asked for.
    pub(crate) async fn blob(&self, url: &Url, most_bytes: u64, deadline: Deadline) -> Result<Bytes, Error> {
        const PLAIN: HeaderValue = HeaderValue::from_static("identity");
        let build = |partial: &Partial| {
            let builder = self.0.http.get(url.clone()).header(ACCEPT_ENCODING, PLAIN);
            let Some(range) = partial.range() else { return builder };
            match partial.etag() {
                Some(etag) => builder.header(RANGE, range).header(IF_MATCH, etag),
                None => builder.header(RANGE, range),
            }
        };
        let answer = self.send(Target::Blob, build, most_bytes, deadline).await?;
        let described = || Box::new(answer.described());
        match answer.status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(answer.body),
            // The storage's own errors say nothing about the person's rights: the link was Azure's, for a while.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
                Err(Error::ReportLinkExpired(described()))
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Error::unavailable(described()).with_wait(answer.asked_wait(self.now())))
            }
            _ => Err(Error::unexpected("the storage did not hand out the report file")
                .in_answer(|| answer.described())),
        }
    }
}

/// Tells the time.
#[derive(Clone, Default)]
struct Clock(Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock" } else { "None" })
    }
}

/// A request to Azure Resource Manager.
pub(crate) struct ArmRequest<'a> {
    method: Method,
    url: &'a Url,
    body: Option<&'a Bytes>,
    target: Target,
}

impl<'a> ArmRequest<'a> {
    pub(crate) const fn get(url: &'a Url) -> Self {
        Self { method: Method::GET, url, body: None, target: Target::Arm }
    }

    /// Asks for the state of a report.
    pub(crate) const fn poll(url: &'a Url) -> Self {
        Self { method: Method::GET, url, body: None, target: Target::Polling }
    }

    /// `body` is JSON.
    pub(crate) const fn post(url: &'a Url, body: &'a Bytes) -> Self {
        Self { method: Method::POST, url, body: Some(body), target: Target::Arm }
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
