//! Microsoft Graph, read with the broker's own credential.
//!
//! Every request has a deadline, every answer and every collection a bound; redirects are not followed, and a page is
//! only followed to Graph itself, since the token goes along. This module must not know what is looked for.

use std::sync::Arc;
use std::time::Duration;

use identity::clock::SharedClock;
use identity::outbound::{read_bounded, retry_after};
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::{self, Instant};
use url::Url;
use uuid::Uuid;

use super::settings::GraphSettings;
use super::untold::{Part, Untold};
use crate::entra::Entra;
pub(crate) use objects::{
    AppRole, Application, Assignment, ClientRegistration, Consent, FederatedCredential, Grant, KeyCredential,
    OfApplication, PermissionScope, ServicePrincipal,
};
pub(crate) use sign_in::{SignIn, Standing};

mod objects;
mod sign_in;

/// How long one request may take.
const REQUEST_DEADLINE: Duration = Duration::from_secs(8);
/// How often one request is sent, where Graph throttles or fails by itself.
const ATTEMPTS: u32 = 3;
/// The longest pause that Graph may ask for within one look; else the look ends without this part.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A pause where Graph names none.
const PAUSE: Duration = Duration::from_millis(500);
/// A service principal with hundreds of permissions takes about 1 MiB.
const MAX_ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// Pages of one collection. At Graph's 100 objects each, 2,000 grants of one client.
const MAX_PAGES: usize = 20;

/// Microsoft Graph, and who gets tokens for it.
pub(crate) struct Graph {
    http: Client,
    settings: GraphSettings,
    entra: Arc<Entra>,
    clock: SharedClock,
}

impl Graph {
    /// Asks nobody yet.
    pub(crate) fn new(http: Client, settings: GraphSettings, entra: Arc<Entra>, clock: SharedClock) -> Self {
        Self { http, settings, entra, clock }
    }
}

/// A token for Graph, and until when it may be used.
pub(crate) struct Session<'a> {
    graph: &'a Graph,
    token: Arc<SecretString>,
    deadline: Instant,
}

/// Some or all of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    /// Whether these are all of them.
    pub(crate) complete: bool,
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalBody,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(default)]
    code: String,
}

impl Session<'_> {
    /// The object of an application's in `collection`, or `None` if there is none. `permission` is the one that it takes.
    pub(crate) async fn of_application<T: DeserializeOwned + OfApplication>(
        &self,
        collection: &str,
        id: &str,
        query: &str,
        permission: &'static str,
    ) -> Part<Option<T>> {
        let path = format!("{collection}(appId='{id}')");
        let Some(body) = self.get(self.url(&path, query), permission).await? else { return Ok(None) };
        let object: T = read(&body)?;
        let is_asked_for = Uuid::parse_str(id).is_ok_and(|id| id == object.app_id());
        is_asked_for.then_some(Some(object)).ok_or_else(not_understood)
    }

    /// A collection, up to a bound.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
        permission: &'static str,
    ) -> Part<Listed<T>> {
        let (mut url, mut items) = (self.url(path, query), Vec::new());
        for _ in 0..MAX_PAGES {
            let missing = || Untold::Unavailable(format!("Microsoft Graph knows no {path}"));
            let body = self.get(url, permission).await?.ok_or_else(missing)?;
            let page: Page<T> = read(&body)?;
            items.extend(page.value);
            let Some(next) = page.next else { return Ok(Listed { items, complete: true }) };
            url = self.next(&next)?;
        }
        Ok(Listed { items, complete: false })
    }

    fn url(&self, path: &str, query: &str) -> Url {
        let mut url = self.graph.settings.origin.clone();
        url.set_path(&format!("v1.0/{path}"));
        url.set_query((!query.is_empty()).then_some(query));
        url
    }

    /// The next page, if it is Graph's own: the token goes with the request.
    fn next(&self, link: &str) -> Part<Url> {
        let url = Url::parse(link).ok().filter(|url| url.origin() == self.graph.settings.origin.origin());
        url.ok_or_else(|| Untold::Unavailable("Microsoft Graph's next page is at another host".to_owned()))
    }

    async fn get(&self, url: Url, permission: &'static str) -> Part<Option<Vec<u8>>> {
        let mut attempt = 1;
        loop {
            let until = self.deadline.min(Instant::now() + REQUEST_DEADLINE);
            let asked = time::timeout_at(until, self.attempt(url.clone())).await;
            let (status, pause, body) = asked.map_err(|_| no_answer("in time"))??;
            match status {
                status if status.is_success() => return Ok(Some(body)),
                StatusCode::NOT_FOUND => return Ok(None),
                StatusCode::FORBIDDEN => return Err(Untold::Forbidden { permission }),
                StatusCode::UNAUTHORIZED => {
                    return Err(Untold::Unavailable("Microsoft Graph does not accept the token".to_owned()));
                }
                status if !may_pass(status) => return Err(refused(status, &body)),
                _ => {}
            }
            let wait = pause.unwrap_or(PAUSE * attempt);
            let in_time = wait <= LONGEST_PAUSE && Instant::now() + wait < self.deadline;
            if attempt == ATTEMPTS || !in_time {
                return Err(overloaded(status, pause));
            }
            attempt += 1;
            time::sleep(wait).await;
        }
    }

    async fn attempt(&self, url: Url) -> Part<(StatusCode, Option<Duration>, Vec<u8>)> {
        let sent = self
            .graph
            .http
            .get(url)
            .bearer_auth(self.token.expose_secret())
            .header("accept", "application/json")
            .send();
        let response = sent.await.map_err(|_| no_answer("at all"))?;
        let (status, pause) = (response.status(), retry_after(&response, self.graph.clock.now()));
        let body = read_bounded(response, MAX_ANSWER_BYTES).await;
        Ok((status, pause, body.map_err(|error| Untold::Unavailable(format!("Microsoft Graph: {error}")))?))
    }
}

/// Reads an object or a page. Both are JSON objects: serde would take a list for the members in their order.
fn read<T: DeserializeOwned>(body: &[u8]) -> Part<T> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(not_understood());
    }
    serde_json::from_slice(body).map_err(|_| not_understood())
}

fn not_understood() -> Untold {
    Untold::Unavailable("Microsoft Graph's answer cannot be understood".to_owned())
}

/// Statuses that a later attempt may not meet again.
fn may_pass(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

fn no_answer(how: &str) -> Untold {
    Untold::Unavailable(format!("Microsoft Graph does not answer {how}"))
}

fn overloaded(status: StatusCode, pause: Option<Duration>) -> Untold {
    let asked = pause.map(|pause| format!(" and asks to wait {} s", pause.as_secs())).unwrap_or_default();
    let text = match status {
        StatusCode::TOO_MANY_REQUESTS => format!("Microsoft Graph throttles (429){asked}"),
        _ => format!("Microsoft Graph is out of order ({}){asked}", status.as_u16()),
    };
    Untold::Throttled { text, pause }
}

fn refused(status: StatusCode, body: &[u8]) -> Untold {
    let code = serde_json::from_slice(body).map(|refusal: Refusal| refusal.error.code).unwrap_or_default();
    let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
    Untold::Unavailable(format!("Microsoft Graph answers {} {code}", status.as_u16()).trim_end().to_owned())
}
