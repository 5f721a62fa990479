//! The layer in front of MCP: nothing reaches a tool before the caller is proved and the policy has decided.
//!
//! It reads the body. Headers alone (`Mcp-Method`, `Mcp-Name`) are a bypass, because clients of the older
//! protocol do not send them and the server would ignore them. A refusal raised later, while a tool runs, leaves
//! through here as well: answers are JSON, so nothing has been sent before the tool is done.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use identity::clock::SharedClock;
use identity::{BearerToken, Principal, ValidationError, Validator};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::mcp::is_tool;
use crate::metrics::Instruments;
use crate::policy::Policy;
use crate::rate::RateLimits;
use crate::refusal::{Asked, Refusal, Refusals, Render};

/// How much is read of a body that nobody will use.
const DRAINED_BYTES: usize = 64 * 1024;
/// How long that may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);

/// What the layer decides with.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) validator: Validator,
    pub(crate) policy: Arc<Policy>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) rates: RateLimits,
    pub(crate) clock: SharedClock,
    pub(crate) instruments: Instruments,
    pub(crate) max_body_bytes: usize,
    pub(crate) timeout: Duration,
}

/// The proved caller of a request. Travels to the tools in the request's extensions.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) assertion: BearerToken,
    /// When the request must be answered.
    pub(crate) deadline: Instant,
    refusal: Arc<OnceLock<Refusal>>,
}

impl Caller {
    fn new(principal: Principal, assertion: BearerToken, deadline: Instant) -> Self {
        Self { principal, assertion, deadline, refusal: Arc::default() }
    }

    /// Refuses the request from within a tool. The first refusal stands.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        let _ = self.refusal.set(refusal);
    }
}

/// The middleware.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut asked = Asked::by(request.headers());
    let outcome = tokio::time::timeout(guard.timeout, guard.admit(request, next, &mut asked)).await;
    match outcome.unwrap_or(Err(Refusal::DeadlineExceeded)) {
        Ok(response) => response,
        Err(refusal) => {
            let code = refusal.code();
            guard.instruments.refused(&code);
            tracing::info!(error.type = code, "refused");
            refusal.render(&guard.refusals, &asked)
        }
    }
}

impl Guard {
    async fn admit(&self, mut request: Request, next: Next, asked: &mut Asked) -> Result<Response, Refusal> {
        let caller = match self.authenticate(request.headers()).await {
            Ok(caller) => caller,
            Err(refusal) => {
                drain(request.into_body()).await;
                return Err(refusal);
            }
        };
        // Nobody behind this line needs the header, and what does not have it cannot leak it.
        request.headers_mut().remove(header::AUTHORIZATION);
        let mut request = self.authorize(&caller, request, asked).await?;
        request.extensions_mut().insert(caller.clone());
        let response = next.run(request).await;
        match caller.refusal.get() {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(response),
        }
    }

    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let assertion = bearer(headers)?;
        match self.validator.validate(&assertion).await {
            Ok(principal) => Ok(Caller::new(principal, assertion, Instant::now() + self.timeout)),
            Err(ValidationError::Invalid(invalid)) => Err(Refusal::invalid(invalid)),
            Err(_) => Err(Refusal::IdentityProviderUnavailable { retry_after: None }),
        }
    }

    /// Lets the request through if it calls no tool, or one that the policy allows this caller.
    async fn authorize(
        &self,
        caller: &Caller,
        request: Request,
        asked: &mut Asked,
    ) -> Result<Request, Refusal> {
        if request.method() != Method::POST {
            return Ok(request);
        }
        let (parts, body) = request.into_parts();
        let body = self.read(body).await?;
        // What is no JSON-RPC request calls nothing: MCP answers it.
        if let Ok(message) = serde_json::from_slice::<Message>(&body) {
            asked.id = message.id;
            if let Some(tool) = message.params.filter(|_| message.method == "tools/call").map(|p| p.name) {
                self.decide(&tool, caller)?;
            }
        }
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    fn decide(&self, tool: &Value, caller: &Caller) -> Result<(), Refusal> {
        match tool.as_str() {
            // Unknown and hidden look alike: MCP answers that there is no such tool.
            Some(tool) if is_tool(tool) => {
                self.policy.decide(tool, &caller.principal)?;
                self.rates.admit(&caller.principal, self.clock.now())
            }
            _ => Ok(()),
        }
    }

    async fn read(&self, body: Body) -> Result<Bytes, Refusal> {
        let limit = self.max_body_bytes;
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge { limit }),
            // The client went away while sending; nobody reads this answer.
            Err(_) => Ok(Bytes::new()),
        }
    }
}

/// Reads a small body to its end. With a body left unread, hyper closes the connection without a word in the answer,
/// and a client that sends its next request on it, as OAuth clients do after a 401, finds it gone.
async fn drain(body: Body) {
    let small = Limited::new(body, DRAINED_BYTES).collect();
    // What is longer or slower is not worth the wait: the connection closes.
    let _ = tokio::time::timeout(DRAIN_DEADLINE, small).await;
}

/// As much of a JSON-RPC message as the policy needs. Unknown members are MCP's business; a member that stands
/// twice makes this fail, and MCP refuses it too.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    name: Value,
}

/// The token of the one `Authorization: Bearer` header (RFC 6750 section 2.1; the scheme's case does not matter,
/// RFC 9110 section 11.1).
fn bearer(headers: &HeaderMap) -> Result<BearerToken, Refusal> {
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

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|v| (header::AUTHORIZATION, HeaderValue::from_str(v).unwrap())).collect()
    }

    #[test]
    fn exactly_one_bearer_token_is_a_token() {
        assert_eq!(bearer(&headers(&["bearer a.b.c"])).unwrap().expose(), "a.b.c");
        for bad in [&[][..], &["Bearer a.b.c", "Bearer a.b.c"], &["Basic a"], &["Bearer"], &["a.b.c"]] {
            assert_eq!(bearer(&headers(bad)).unwrap_err(), Refusal::MissingBearer, "{bad:?}");
        }
        for bad in ["Bearer ", "Bearer a b", "Bearer a,b"] {
            assert_eq!(bearer(&headers(&[bad])).unwrap_err().code(), "invalid_token", "{bad}");
        }
    }

    #[test]
    fn a_message_tells_its_tool_wherever_it_stands() {
        let message: Message =
            serde_json::from_str(r#"{"params":{"arguments":{},"name":"x"},"method":"tools/call","id":1}"#)
                .unwrap();
        assert_eq!(message.params.unwrap().name, "x");
        for twice in [
            r#"{"method":"ping","method":"tools/call"}"#,
            r#"{"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        ] {
            assert!(serde_json::from_str::<Message>(twice).is_err(), "{twice}");
        }
    }
}
