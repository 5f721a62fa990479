//! `GET` and `HEAD` of an export: beside MCP, with the caller's own token, and by the same rules as a call of the tool.
//!
//! The order is what tells nobody anything: who asks, whether the policy lets them, a record of that, whether the broker still
//! exchanges for this very token; and only then whether there is such an export. One that is another's is not there.

use std::sync::Arc;

use audit::{Call, Decided, Outcome, Unavailable};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::Response;
use axum::routing::get;
use futures::future::BoxFuture;
use identity::{BearerToken, Principal};
use telemetry::names;
use url::form_urlencoded;

use super::answer::{self, tag};
use super::conditions::{Wanted, wanted};
use super::sending::{Lanes, Sending};
use super::shelf::Export;
use super::{ExportId, Exports};
use crate::audited;
use crate::engine::Person;
use crate::guard::Guard;
use crate::listen::Asker;
use crate::rate::RateLimits;
use crate::refusal::{Asked, Refusal, RequestFault};

/// The tool that makes exports: who may call it may fetch.
const TOOL: &str = "cost_export";
/// What is recorded: that somebody fetches with their token, or with a link.
const FETCH: &str = "exports/get";
const FETCH_BY_LINK: &str = "exports/link";
/// What a link carries its secret in.
const ONCE: &str = "once";
/// Requests with a link of one address in a minute.
const LINKS_PER_MINUTE: u32 = 60;

/// Whether the broker exchanges for this token now.
pub(crate) type Vouch = Arc<dyn Fn(BearerToken) -> BoxFuture<'static, Result<(), Refusal>> + Send + Sync>;

/// What exports are handed out by.
struct Door {
    exports: Exports,
    guard: Guard,
    vouch: Vouch,
    lanes: Lanes,
    askers: RateLimits<Asker>,
}

/// The route, below `path`.
pub(crate) fn routes(exports: Exports, guard: Guard, vouch: Vouch, path: &str) -> Router {
    let askers = RateLimits::new(LINKS_PER_MINUTE);
    let door = Door { exports, guard, vouch, lanes: Lanes::default(), askers };
    Router::new().route(&format!("{path}/{{id}}"), get(fetch)).with_state(Arc::new(door))
}

/// What a request is, of what the answer depends on.
struct Ask {
    parts: Parts,
    /// `None` where what was asked for is no id at all.
    id: Option<ExportId>,
}

async fn fetch(State(door): State<Arc<Door>>, request: Request) -> Response {
    let asked = Asked::by(request.headers());
    // As it was asked for: an id needs no escapes, and what has some is none.
    let id = request.uri().path().rsplit('/').next().and_then(|id| id.parse().ok());
    let ask = Ask { parts: request.into_parts().0, id };
    let answered = match door.secret(&ask.parts) {
        Some(secret) => tokio::time::timeout(door.guard.timeout, door.by_link(&ask, &secret)).await,
        None => tokio::time::timeout(door.guard.timeout, door.by_token(&ask)).await,
    };
    match answered.unwrap_or(Err(Refusal::DeadlineExceeded)) {
        Ok(response) => response,
        Err(refusal) => {
            tracing::info!(error.type = refusal.code(), "refused");
            door.guard.refuse(&refusal, &asked)
        }
    }
}

impl Door {
    /// The secret of a link, where there are links, and no token, which says more.
    fn secret(&self, parts: &Parts) -> Option<String> {
        self.exports.settings().link?;
        if parts.headers.contains_key(header::AUTHORIZATION) {
            return None;
        }
        let query = parts.uri.query()?;
        form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == ONCE)
            .map(|(_, value)| value.into_owned())
    }

    async fn by_token(&self, ask: &Ask) -> Result<Response, Refusal> {
        let mut principal = None;
        let known = self.guard.know(&ask.parts.headers, &mut principal).await;
        let refused = |refusal: Refusal, tool| {
            audited::refused_as(FETCH, &self.guard.audit, principal.as_ref(), tool, &refusal);
            refusal
        };
        let caller = known.map_err(|refusal| refused(refusal, None))?;
        let policy = self.guard.policies.current();
        let decided = policy.decide(TOOL, &caller.principal);
        decided.map_err(|denied| refused(denied.into(), Some(TOOL)))?;
        let recorded = self.record(audited::call(FETCH, &caller.principal, TOOL, None)).await?;
        let vouched = (self.vouch)(caller.assertion.clone()).await;
        let person = person(&caller.principal);
        let found = vouched.and_then(|()| self.find(ask.id, |export| export.person == person));
        let Parts { method, headers, .. } = &ask.parts;
        let wants = |export: &Export| wanted(method, headers, &tag(&export.kept), export.kept.size);
        self.hand_out(method, found, recorded, wants, true)
    }

    /// The whole, once. The broker is not asked: whoever made the link was vouched for then.
    async fn by_link(&self, ask: &Ask, secret: &str) -> Result<Response, Refusal> {
        let (exports, audit) = (&self.exports, &self.guard.audit);
        let turned_away = |refusal: Refusal| {
            audited::turned_away(audit, &refusal);
            refusal
        };
        // Without a listener there is one address.
        let asker = ask.parts.extensions.get().copied();
        let asker = asker.unwrap_or(Asker(std::net::Ipv4Addr::UNSPECIFIED.into()));
        let counted = self.askers.count(asker, self.guard.clock.now());
        counted.map_err(|retry_after| turned_away(Refusal::RateLimited { retry_after }))?;
        let export = self.find(ask.id, |export| exports.link_works(export.kept.id, secret));
        let export = export.map_err(turned_away)?;
        let recorded = self.record(audited::of_person(FETCH_BY_LINK, export.person, TOOL)).await?;
        // Who only looks at it does not use it up.
        let is_used = ask.parts.method != Method::GET || exports.take_link(export.kept.id, secret);
        let found = is_used.then_some(export).ok_or_else(|| RequestFault::ExportNotFound.into());
        self.hand_out(&ask.parts.method, found, recorded, |_| Wanted::Whole, false)
    }

    async fn record(&self, call: Call) -> Result<Decided, Refusal> {
        self.guard.audit.decide(call).await.map_err(|Unavailable| Refusal::AuditUnavailable)
    }

    /// The export that is asked for, if it is theirs who ask. Another's, one that is over and one that never was are the same.
    fn find(
        &self,
        id: Option<ExportId>,
        is_theirs: impl FnOnce(&Export) -> bool,
    ) -> Result<Arc<Export>, Refusal> {
        let id = id.ok_or(RequestFault::ExportNotFound)?;
        if self.exports.is_elsewhere(id) {
            return Err(RequestFault::ExportElsewhere.into());
        }
        let export = self.exports.ready(id).filter(|export| is_theirs(export));
        export.ok_or_else(|| RequestFault::ExportNotFound.into())
    }

    /// The answer of what was found, and the end of the record: where there is a body, when that is sent.
    fn hand_out(
        &self,
        method: &Method,
        found: Result<Arc<Export>, Refusal>,
        recorded: Decided,
        wants: impl FnOnce(&Export) -> Wanted,
        ranges: bool,
    ) -> Result<Response, Refusal> {
        let end = |recorded: Decided, code: &str| recorded.end(Outcome::new(code));
        let export = match found {
            Ok(export) => export,
            Err(refusal) => {
                end(recorded, &refusal.code());
                return Err(refusal);
            }
        };
        let (head, bytes) = answer::head(&export.kept, wants(&export), ranges);
        if *method == Method::HEAD || bytes.is_empty() {
            end(recorded, names::OUTCOME_OK);
            return Ok(head);
        }
        let Some(lane) = self.lanes.enter(export.person) else {
            let refusal = Refusal::from(RequestFault::TooManyDownloads);
            end(recorded, &refusal.code());
            return Err(refusal);
        };
        let instruments = self.exports.instruments();
        let sending = Sending { export, bytes, lane, recorded, instruments };
        Ok(head.map(|_| sending.body()))
    }
}

fn person(principal: &Principal) -> Person {
    (principal.tenant(), principal.oid())
}
