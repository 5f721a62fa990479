//! The layer in front of every route: one host that this server is known by, fields within bounds, and which pages of
//! other origins a browser may let call.
//!
//! Browsers ask before they call (Fetch, "CORS-preflight fetch"), and ask without a token: so the answer comes before
//! anything is proved. It opens nothing: every call still carries a token of its own. This module must not know what is
//! served behind it.

use std::sync::Arc;

use audit::Audit;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, header};
use axum::middleware::Next;

use self::names::{Host, Origin};
use crate::audited;
use crate::listen::MAX_FIELD_BYTES;
use crate::refusal::{Asked, Refusal, Refusals, Render, RequestFault};

mod names;
#[cfg(test)]
mod tests;

/// What a page may send beside that where exports are fetched: conditions and ranges.
const FIELDS_OF_EXPORTS: [&str; 4] = ["if-match", "if-none-match", "if-range", "range"];
/// What a page may send. Parameters that a tool asks to see in fields come as `mcp-param-…` (MCP 2026-07-28).
const FIELDS: [&str; 9] = [
    "accept",
    "authorization",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "traceparent",
];
/// What a page may read of an answer, besides what every page may: where to sign in, and when to come back.
const EXPOSED: &str = "WWW-Authenticate, Retry-After";
/// And of an export's, which part it is and whether it is whole.
const EXPOSED_OF_EXPORTS: &str =
    "WWW-Authenticate, Retry-After, Accept-Ranges, Content-Disposition, Content-Range, ETag, Repr-Digest";
/// How long a browser need not ask again, in seconds. Browsers take two hours at most.
const MAX_AGE: &str = "7200";

/// What this server is known by.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The paths of MCP. All else that is served is public, but what stands below that of exports.
    pub(crate) paths: Vec<String>,
    /// The path below which exports are fetched.
    pub(crate) exports: String,
    /// Each `host` or `host:port`.
    pub(crate) hosts: Vec<String>,
    /// Pages that may call: each an origin, or one with `*` for its port.
    pub(crate) origins: Vec<String>,
}

/// What the layer decides with.
#[derive(Debug)]
pub(crate) struct Front {
    paths: Vec<String>,
    exports: String,
    hosts: Vec<Host>,
    origins: Vec<Origin>,
    refusals: Arc<Refusals>,
    audit: Audit,
}

/// Which pages may call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pages {
    /// No page asks.
    None,
    /// Any page: what is public.
    Any,
    /// This origin, as it wrote itself.
    Of(HeaderValue),
}

impl Front {
    pub(crate) fn new(settings: Settings, refusals: Arc<Refusals>, audit: Audit) -> Self {
        Self {
            paths: settings.paths,
            exports: settings.exports,
            hosts: settings.hosts.iter().filter_map(|host| Host::allowed(host)).collect(),
            origins: settings.origins.iter().filter_map(|origin| Origin::allowed(origin)).collect(),
            refusals,
            audit,
        }
    }

    /// Whether the request may go on, and which page it comes from.
    fn look(&self, uri: &Uri, headers: &HeaderMap) -> Result<Pages, RequestFault> {
        if size(headers) > MAX_FIELD_BYTES {
            return Err(RequestFault::FieldsTooLarge);
        }
        let host = one_host(uri, headers)?;
        if !self.is_export(uri) && !self.paths.iter().any(|path| path == uri.path()) {
            return Ok(Pages::Any);
        }
        if !self.hosts.iter().any(|allowed| allowed.admits(&host)) {
            return Err(RequestFault::HostNotAllowed);
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(Pages::None),
            (Some(origin), None) if self.admits(origin) => Ok(Pages::Of(origin.clone())),
            _ => Err(RequestFault::OriginNotAllowed),
        }
    }

    fn is_export(&self, uri: &Uri) -> bool {
        uri.path().strip_prefix(&self.exports).is_some_and(|id| id.starts_with('/'))
    }

    fn admits(&self, origin: &HeaderValue) -> bool {
        let origin = origin.to_str().ok().and_then(Origin::of_header);
        origin.is_some_and(|origin| self.origins.iter().any(|allowed| allowed.admits(&origin)))
    }
}

/// The middleware.
pub(crate) async fn front(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response<Body> {
    let pages = match front.look(request.uri(), request.headers()) {
        Ok(pages) => pages,
        Err(fault) => return refuse(&front, fault, &request),
    };
    let is_export = front.is_export(request.uri());
    let mut response = match preflight(&request, is_export) {
        Some(wanted) if pages != Pages::None => {
            permission(if is_export || pages == Pages::Any { "GET, HEAD" } else { "POST" }, &wanted)
        }
        _ => next.run(request).await,
    };
    open(&pages, if is_export { EXPOSED_OF_EXPORTS } else { EXPOSED }, response.headers_mut());
    response
}

fn refuse(front: &Front, fault: RequestFault, request: &Request) -> Response<Body> {
    let refusal = Refusal::from(fault);
    audited::turned_away(&front.audit, &refusal);
    tracing::info!(error.type = refusal.code(), "refused");
    refusal.render(&front.refusals, &Asked::by(request.headers()))
}

/// What all fields take together.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// The host that was asked for, where all that name one agree.
fn one_host(uri: &Uri, headers: &HeaderMap) -> Result<Authority, RequestFault> {
    let mut fields = headers.get_all(header::HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (None, _) => None,
        (Some(host), None) => {
            Some(Authority::try_from(host.as_bytes()).map_err(|_| RequestFault::AmbiguousHost)?)
        }
        _ => return Err(RequestFault::AmbiguousHost),
    };
    let host = match (field, uri.authority()) {
        (Some(field), Some(target)) if names::differ(&field, target, uri.scheme_str()) => {
            return Err(RequestFault::AmbiguousHost);
        }
        (Some(field), _) => field,
        (None, Some(target)) => target.clone(),
        (None, None) => return Err(RequestFault::AmbiguousHost),
    };
    // A user name before the host is how one host is dressed up as another.
    if host.as_str().contains('@') { Err(RequestFault::AmbiguousHost) } else { Ok(host) }
}

/// The fields that a page wants to send, if the request is a browser's question whether it may.
fn preflight(request: &Request, is_export: bool) -> Option<Vec<String>> {
    let headers = request.headers();
    let asks = request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    let wanted = wanted.unwrap_or_default().split(',').map(|name| name.trim().to_ascii_lowercase());
    asks.then(|| wanted.filter(|name| may_be_sent(name, is_export)).collect())
}

fn may_be_sent(name: &str, is_export: bool) -> bool {
    FIELDS.contains(&name)
        || is_export && FIELDS_OF_EXPORTS.contains(&name)
        || name.strip_prefix("mcp-param-").is_some_and(|_| HeaderName::from_bytes(name.as_bytes()).is_ok())
}

fn permission(methods: &'static str, wanted: &[String]) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    if let Ok(fields) = HeaderValue::try_from(wanted.join(", ")) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, fields);
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    response
}

/// Lets a page read the answer, be it a refusal: without that it learns neither where to sign in nor what is wrong.
fn open(pages: &Pages, exposed: &'static str, headers: &mut HeaderMap) {
    if *pages != Pages::Any {
        // What is sent to a page differs from what is sent to all others, and caches must know.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let origin = match pages {
        Pages::None => return,
        Pages::Any => HeaderValue::from_static("*"),
        Pages::Of(origin) => origin.clone(),
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
}
