//! One request to Azure: headers, deadline, bounds, retries. What is asked and what the answer means is the
//! business of the other modules.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tracing::{Span, field};
use url::Url;
use uuid::Uuid;

pub(crate) use answer::Answer;
pub(crate) use download::{Download, Resume};
pub(crate) use exchange::Deadline;
pub use settings::{ReportBounds, Settings};

use crate::error::Error;
use crate::error::from_answer;
use crate::focus::OpenData;
use crate::links::{self, BlobHost};
use crate::turns::Turns;
use crate::usage::Usage;
use exchange::Target;
use traced::Place;

mod answer;
mod download;
mod exchange;
mod settings;
mod traced;

/// The bucket that requests are counted in. Without it they share one bucket with every other nameless tool of
/// the directory: <https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation>.
const CLIENT_TYPE: (HeaderName, HeaderValue) = (
    HeaderName::from_static("clienttype"),
    HeaderValue::from_static(concat!("mcp-cost-server/", env!("CARGO_PKG_VERSION"))),
);
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// Azure Cost Management. Cheap to clone; holds no token.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
    usage: Usage,
}

#[derive(Clone, Debug)]
struct Inner {
    http: reqwest::Client,
    arm: Url,
    blob_hosts: Vec<BlobHost>,
    settings: Settings,
    clock: Clock,
    observer: Observer,
    turns: Turns,
    open_data: OpenData,
}

impl Client {
    /// A client of the Azure Resource Manager at `arm`, such as `https://management.azure.com/`.
    ///
    /// `http` must not follow redirects: links are checked before they are followed, and a redirect would slip
    /// past the check. `blob_hosts` are the hosts that report files may be fetched from: `*.blob.core.windows.net`
    /// stands for every name below it, `localhost:1234` for one host and port.
    pub fn new(http: reqwest::Client, arm: Url, blob_hosts: Vec<String>) -> Self {
        let blob_hosts = blob_hosts.into_iter().map(|pattern| BlobHost::new(&pattern)).collect();
        let (settings, clock, observer) = (Settings::default(), Clock::default(), Observer::default());
        let (turns, open_data) = (Turns::default(), OpenData::default());
        let inner = Inner { http, arm, blob_hosts, settings, clock, observer, turns, open_data };
        Self { inner: Arc::new(inner), usage: Usage::default() }
    }

    /// The same client with other bounds.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { inner: Arc::new(Inner { settings, ..(*self.inner).clone() }), ..self }
    }

    /// The same client with a clock, for an answer that names the moment to ask again but not the one it was sent at. Without
    /// one such a wait is taken for one that is not named.
    #[must_use]
    pub fn with_clock(self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { inner: Arc::new(Inner { clock: Clock(Some(Arc::new(now))), ..(*self.inner).clone() }), ..self }
    }

    /// The same client with somebody who looks at each request that was sent, and must not take long.
    #[must_use]
    pub fn with_observer(self, look: impl Fn(&Sent<'_>) + Send + Sync + 'static) -> Self {
        Self {
            inner: Arc::new(Inner { observer: Observer(Some(Arc::new(look))), ..(*self.inner).clone() }),
            ..self
        }
    }

    /// The same client with other names of regions, services and units for FOCUS than the small table of our own.
    #[must_use]
    pub fn with_open_data(self, open_data: OpenData) -> Self {
        Self { inner: Arc::new(Inner { open_data, ..(*self.inner).clone() }), ..self }
    }

    /// The same client, whose calls are counted in `usage`.
    #[must_use]
    pub fn counted_in(&self, usage: &Usage) -> Self {
        Self { inner: Arc::clone(&self.inner), usage: usage.clone() }
    }

    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    fn tell(&self, sent: &Sent<'_>) {
        if let Some(look) = &self.inner.observer.0 {
            look(sent);
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Who may encode: one count for all clones.
    pub(crate) fn turns(&self) -> Turns {
        self.inner.turns.clone()
    }

    pub(crate) fn open_data(&self) -> &OpenData {
        &self.inner.open_data
    }

    /// The time a call that starts now may take.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.inner.settings.deadline)
    }

    /// The address of a resource below ARM. Segments are percent-encoded.
    pub(crate) fn endpoint(
        &self,
        segments: impl IntoIterator<Item = impl AsRef<str>>,
        query: &[(&str, &str)],
    ) -> Url {
        let mut url = self.inner.arm.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url.query_pairs_mut().clear().extend_pairs(query);
        url
    }

    pub(crate) fn arm_link(&self, link: &str, what: &'static str) -> Result<Url, Error> {
        links::to_arm(link, &self.inner.arm, what)
    }

    /// A link of a header: it may be relative to `asked`.
    pub(crate) fn arm_link_from(&self, asked: &Url, link: &str, what: &'static str) -> Result<Url, Error> {
        links::to_arm_from(asked, link, &self.inner.arm, what)
    }

    pub(crate) fn blob_link(&self, link: &str) -> Result<Url, Error> {
        links::to_blob(link, &self.inner.blob_hosts)
    }

    /// The own time, if there is a clock.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.inner.clock.0.as_ref().map(|now| now())
    }

    /// Asks Azure Resource Manager as the token's owner. Every answer but 2xx is an error.
    pub(crate) async fn arm(
        &self,
        request: ArmRequest<'_>,
        token: &SecretString,
        deadline: Deadline,
    ) -> Result<Answer, Error> {
        let headers = request.headers(token)?;
        let build = |id: Uuid| {
            let builder = self.inner.http.request(request.method.clone(), request.url.clone());
            let builder = builder.headers(headers.clone()).header(CLIENT_REQUEST_ID, id.to_string());
            match request.body {
                Some(body) => builder.body(body.clone()),
                None => builder,
            }
        };
        let answer = self
            .send((request.target, request.place()), build, self.inner.settings.most_body_bytes, deadline)
            .await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let (quota, Answer { status, headers, body }) = (answer.quota(self.now()), &answer);
        Err(from_answer(*status, headers, body, quota, self.inner.settings.throttled_wait))
    }
}

/// A request that was sent, and what came: what may be counted of it.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// The method.
    pub method: &'a str,
    /// The path with its ids left out.
    pub template: &'static str,
    /// The host: Azure's, or for a report file that of the storage as it is configured.
    pub server: &'a str,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The code of the error if there was none.
    pub error: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
}

/// Looks at each request that was sent.
#[derive(Clone, Default)]
struct Observer(Option<Arc<Look>>);

type Look = dyn Fn(&Sent<'_>) + Send + Sync;

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "None" })
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
#[derive(Clone)]
pub(crate) struct ArmRequest<'a> {
    method: Method,
    url: &'a Url,
    template: &'static str,
    body: Option<&'a Bytes>,
    target: Target,
}

impl<'a> ArmRequest<'a> {
    /// `template` is the path with its ids left out.
    pub(crate) const fn get(url: &'a Url, template: &'static str) -> Self {
        Self { method: Method::GET, url, template, body: None, target: Target::Arm }
    }

    /// Asks for the state of a report.
    pub(crate) const fn poll(url: &'a Url, template: &'static str) -> Self {
        Self { method: Method::GET, url, template, body: None, target: Target::Polling }
    }

    /// `body` is JSON.
    pub(crate) const fn post(url: &'a Url, template: &'static str, body: &'a Bytes) -> Self {
        Self { method: Method::POST, url, template, body: Some(body), target: Target::Arm }
    }

    /// The same where requests are counted and whoever asks keeps the count: a 429 is theirs to wait for.
    pub(crate) fn metered(self) -> Self {
        Self { target: Target::Metered, ..self }
    }

    fn place(&self) -> Place<'_> {
        Place { method: &self.method, url: self.url, template: self.template }
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
