//! The layer in front of MCP: nothing reaches a tool before the caller is proved and the policy has decided.
//!
//! It reads the body. Headers alone (`Mcp-Method`, `Mcp-Name`) are a bypass, because clients of the older
//! protocol do not send them and the server would ignore them. A refusal raised later, while a tool runs, leaves
//! through here as well: answers are JSON, so nothing has been sent before the tool is done.

use std::sync::Arc;
use std::time::Duration;

use audit::Audit;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use identity::clock::SharedClock;
use identity::{BearerToken, ClientId, ObjectId, Principal, TenantId, ValidationError, Validator};
use tokio::time::Instant;

use self::batch::answer_all;
use crate::audited;
use crate::caller::Caller;
use crate::calls::Calls;
use crate::metrics::Instruments;
use crate::policy::{Denied, Policies};
use crate::rate::RateLimits;
use crate::refusal::{Asked, Refusal, Refusals, Render, RequestFault};
use crate::rpc::{self, Fault, Id, Kind, Message};

mod batch;
#[cfg(test)]
mod tests;

/// How much is read of a body that nobody will use.
const DRAINED_BYTES: usize = 64 * 1024;
/// How long that may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);
/// How long a body may take to arrive. The largest that is taken needs 70 kbit/s.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// What the layer decides with.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) validator: Validator,
    pub(crate) policies: Policies,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) rates: RateLimits<(TenantId, ObjectId)>,
    pub(crate) calls: Calls,
    pub(crate) clock: SharedClock,
    pub(crate) instruments: Instruments,
    pub(crate) audit: Audit,
    pub(crate) max_body_bytes: usize,
    pub(crate) timeout: Duration,
    /// The clients that may call; empty where every client may.
    pub(crate) clients: Arc<[ClientId]>,
    /// The methods that the server behind this layer has.
    pub(crate) methods: &'static [&'static str],
}

/// Why a request does not reach MCP.
enum Stop {
    /// The caller, or the request as HTTP.
    Refused(Refusal),
    /// A tool's own: its call has had its line in the log and its records.
    Recorded(Refusal),
    /// The message.
    Fault(Fault),
}

impl<T: Into<Refusal>> From<T> for Stop {
    fn from(refusal: T) -> Self {
        Self::Refused(refusal.into())
    }
}

/// The middleware.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut asked = Asked::by(request.headers());
    let mut person = None;
    let admitted = guard.admit(request, next, &mut asked, &mut person);
    let outcome = tokio::time::timeout(guard.timeout, admitted).await;
    match outcome.unwrap_or(Err(Refusal::DeadlineExceeded.into())) {
        Ok(response) => response,
        Err(Stop::Fault(fault)) => {
            guard.instruments.refused(fault.code());
            tracing::info!(error.type = fault.code(), "no such message");
            fault.response()
        }
        Err(Stop::Refused(refusal)) => {
            tracing::info!(error.type = refusal.code(), "refused");
            audited::refused(&guard.audit, person.as_ref(), None, &refusal);
            guard.refuse(&refusal, &asked)
        }
        Err(Stop::Recorded(refusal)) => guard.refuse(&refusal, &asked),
    }
}

impl Guard {
    /// Counts a refusal, and makes it an answer.
    pub(crate) fn refuse(&self, refusal: &Refusal, asked: &Asked) -> Response {
        self.instruments.refused(&refusal.code());
        refusal.render(&self.refusals, asked)
    }

    /// Has a request answered. `person` is who asks, once they are proved and within their limit.
    async fn admit(
        &self,
        mut request: Request,
        next: Next,
        asked: &mut Asked,
        person: &mut Option<Principal>,
    ) -> Result<Response, Stop> {
        let caller = match self.identify(request.method(), request.headers(), person).await {
            Ok(caller) => caller,
            Err(refusal) => {
                drain(request).await;
                return Err(refusal.into());
            }
        };
        // Nobody behind this line needs the header, and what does not have it cannot leak it.
        request.headers_mut().remove(header::AUTHORIZATION);
        let (mut parts, body) = request.into_parts();
        let body = self.read(body).await?;
        parts.headers.insert(header::ACCEPT, ACCEPTED_BY_MCP);
        parts.extensions.insert(caller.clone());
        let response = match rpc::Body::read(&body, &parts.headers).map_err(Stop::Fault)? {
            rpc::Body::One(message) => {
                asked.id = Some(message.id.value());
                self.decide(&message, &caller)?;
                let body = message.rewritten.unwrap_or(body.clone());
                let answer = next.run(Request::from_parts(parts, Body::from(body)));
                self.run(&caller, message.id, answer).await?
            }
            rpc::Body::Batch(messages) => answer_all(self, &messages, &parts, &caller, &next).await?,
        };
        match caller.refused() {
            // It is the outcome of a call that was let through.
            Some(refusal) => Err(Stop::Recorded(refusal.clone())),
            None => Ok(response),
        }
    }

    /// Awaits the answer to a request, unless its sender ends it.
    async fn run(
        &self,
        caller: &Caller,
        id: Id,
        answer: impl Future<Output = Response>,
    ) -> Result<Response, Stop> {
        let response = self.calls.run(&caller.assertion, &id.value(), answer).await;
        response.ok_or_else(|| Stop::Fault(Fault::cancelled(id)))
    }

    /// Who asks, if this person may ask anything at all, in a way that can be answered.
    async fn identify(
        &self,
        method: &Method,
        headers: &HeaderMap,
        person: &mut Option<Principal>,
    ) -> Result<Caller, Refusal> {
        let caller = self.know(headers, person).await?;
        if method != Method::POST {
            return Err(RequestFault::MethodNotAllowed.into());
        }
        if !rpc::accepts_json(headers) {
            return Err(RequestFault::NotAcceptable.into());
        }
        if !rpc::is_json(headers) {
            return Err(RequestFault::NotJson.into());
        }
        Ok(caller)
    }

    /// Who asks, if this person may ask anything at all. `person` is them once they are proved and within their limit.
    pub(crate) async fn know(
        &self,
        headers: &HeaderMap,
        person: &mut Option<Principal>,
    ) -> Result<Caller, Refusal> {
        let caller = self.authenticate(headers).await?;
        if caller.principal.is_app_only() {
            return Err(Refusal::AppOnlyToken);
        }
        if !self.clients.is_empty() && !self.clients.contains(&caller.principal.client()) {
            return Err(Refusal::ClientNotAllowed { client: caller.principal.client() });
        }
        // Before anything else is done for this person: what costs nothing to ask must cost something to repeat.
        self.rates.admit(&caller.principal, self.clock.now())?;
        *person = Some(caller.principal.clone());
        Ok(caller)
    }

    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let assertion = bearer(headers)?;
        match self.validator.validate(&assertion).await {
            Ok(principal) => Ok(Caller::new(principal, assertion, Instant::now() + self.timeout)),
            Err(ValidationError::Invalid(invalid)) => Err(Refusal::invalid(invalid)),
            Err(_) => Err(Refusal::IdentityProviderUnavailable { retry_after: None }),
        }
    }

    /// Lets a message through if it asks for what there is, and the policy allows this caller to.
    fn decide(&self, message: &Message, caller: &Caller) -> Result<(), Stop> {
        match &message.kind {
            Kind::Call { tool } => {
                let policy = self.policies.current();
                // Every tool has an entry, so what has none is not a tool.
                if policy.rule(tool).is_none() {
                    return Err(Stop::Fault(Fault::unknown_tool(message.id.clone())));
                }
                policy.decide(tool, &caller.principal).map_err(|denied| self.denied(caller, tool, denied))
            }
            Kind::Request { method } if !self.methods.contains(&method.as_str()) => {
                Err(Stop::Fault(Fault::unknown_method(message.id.clone(), message.era)))
            }
            Kind::Cancelled { request } => {
                self.calls.end(&caller.assertion, request);
                Ok(())
            }
            Kind::Request { .. } | Kind::Notification | Kind::Response => Ok(()),
        }
    }

    fn denied(&self, caller: &Caller, tool: &str, denied: Denied) -> Stop {
        let refusal = Refusal::from(denied);
        audited::refused(&self.audit, Some(&caller.principal), Some(tool), &refusal);
        Stop::Recorded(refusal)
    }

    async fn read(&self, body: Body) -> Result<Bytes, RequestFault> {
        let limit = self.max_body_bytes;
        match tokio::time::timeout(BODY_DEADLINE, Limited::new(body, limit).collect()).await {
            Err(_) => Err(RequestFault::BodyTimeout),
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(RequestFault::BodyTooLarge { limit }),
            // The client went away while sending, or sent what is not HTTP: an empty body is not JSON.
            Ok(Err(_)) => Ok(Bytes::new()),
        }
    }
}

/// What rmcp wants to see in every request. What the client accepts has been looked at, and the answer is JSON anyhow.
const ACCEPTED_BY_MCP: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// Reads a small body to its end. With a body left unread, hyper closes the connection without a word in the answer,
/// and a client that sends its next request on it, as OAuth clients do after a 401, finds it gone.
async fn drain(request: Request) {
    // Who waits to be asked for the body is not asked: reading would send "100 Continue" (RFC 9110 section 10.1.1).
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    let small = Limited::new(request.into_body(), DRAINED_BYTES).collect();
    // What is longer or slower is not worth the wait: the connection closes.
    let _ = tokio::time::timeout(DRAIN_DEADLINE, small).await;
}

/// The token of the one `Authorization: Bearer` header (RFC 6750 section 2.1; the scheme's case does not matter,
/// RFC 9110 section 11.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Result<BearerToken, Refusal> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return Err(Refusal::MissingBearer);
    };
    let text = value.to_str().map_err(|_| Refusal::MissingBearer)?;
    let (scheme, token) = text.split_once(' ').ok_or(Refusal::MissingBearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::MissingBearer);
    }
    BearerToken::parse(token.trim()).map_err(Refusal::invalid)
}
