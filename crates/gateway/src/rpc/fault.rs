//! The answer to what is not a message, or asks for what does not exist: a JSON-RPC error of fixed words.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use telemetry::http::ErrorType;

use super::Era;

/// The longest id that is sent back.
const MAX_ID_BYTES: usize = 256;

/// A message's id, as it came (JSON-RPC 2.0 section 4; MCP: a string or an integer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id(Option<String>);

impl Id {
    /// What has no id.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// The id of a message, if it has one.
    ///
    /// # Errors
    /// For one that MCP does not know. The answer still carries it where a client could tell its question by it.
    pub(super) fn of(raw: Option<&RawValue>) -> Result<Self, Fault> {
        let Some(raw) = raw.map(RawValue::get) else { return Ok(Self::none()) };
        let fault = |id, text| Err(Fault::invalid_request(id, text));
        if raw.len() > MAX_ID_BYTES {
            return fault(Self::none(), "`id` is longer than 256 bytes");
        }
        let id = Self(Some(raw.to_owned()));
        if raw.parse::<i64>().is_ok() || raw.starts_with('"') {
            return Ok(id);
        }
        let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        fault(
            if is_number { id } else { Self::none() },
            "`id` must be a string, or an integer of at most 64 bits",
        )
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The id as JSON, null where there is none.
    pub(crate) fn value(&self) -> Value {
        self.0.as_deref().and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or(Value::Null)
    }

    /// The id letter by letter.
    fn raw(&self) -> &str {
        self.0.as_deref().unwrap_or("null")
    }
}

/// A JSON-RPC error (JSON-RPC 2.0 section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    id: Id,
    status: StatusCode,
    rpc_code: i32,
    /// The same string in metrics.
    code: &'static str,
    text: String,
}

impl Fault {
    /// The body is not JSON. The text says where, and nothing of what stands there.
    pub(super) fn no_json(error: &serde_json::Error) -> Self {
        let text = format!("the body is not JSON: see line {}, column {}", error.line(), error.column());
        Self { id: Id::none(), status: StatusCode::BAD_REQUEST, rpc_code: -32700, code: "parse_error", text }
    }

    pub(super) fn invalid_request(id: Id, text: &str) -> Self {
        Self {
            id,
            status: StatusCode::BAD_REQUEST,
            rpc_code: -32600,
            code: "invalid_request",
            text: text.into(),
        }
    }

    /// Said with 200: it is an answer to a request that was understood.
    pub(super) fn invalid_params(id: Id, text: &str) -> Self {
        Self { id, status: StatusCode::OK, rpc_code: -32602, code: "invalid_params", text: text.into() }
    }

    /// There is no such tool. Its name is not repeated: it is the caller's, and may be anything.
    pub(crate) fn unknown_tool(id: Id) -> Self {
        let text = "there is no tool of this name; tools/list names them all";
        Self { code: "unknown_tool", ..Self::invalid_params(id, text) }
    }

    /// The handshake stands for itself (MCP 2025-03-26, "Lifecycle").
    pub(crate) fn initialize_in_batch(id: Id) -> Self {
        Self::invalid_request(id, "`initialize` must not be part of a batch")
    }

    /// There is no such method.
    pub(crate) fn unknown_method(id: Id, era: Era) -> Self {
        let status = match era {
            Era::Legacy => StatusCode::OK,
            Era::Modern => StatusCode::NOT_FOUND,
        };
        let text = "this server has no such method".to_owned();
        Self { id, status, rpc_code: -32601, code: "unknown_method", text }
    }

    /// The client ended the request. The standard wants no answer to it, HTTP does; and nothing went wrong.
    pub(crate) fn cancelled(id: Id) -> Self {
        let (code, text) = (telemetry::names::OUTCOME_CANCELLED, "the client ended this request".to_owned());
        Self { id, status: StatusCode::OK, rpc_code: -32005, code, text }
    }

    /// No answer, where there must be one: the text says nothing of why.
    pub(crate) fn internal(id: Id) -> Self {
        let text = "the message could not be answered".to_owned();
        Self { id, status: StatusCode::INTERNAL_SERVER_ERROR, rpc_code: -32603, code: "internal", text }
    }

    /// The code, the same string in metrics and logs.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The error as JSON.
    pub(crate) fn json(&self) -> String {
        let error = json!({"code": self.rpc_code, "message": self.text, "data": {"code": self.code}});
        // The id goes back as it came, to the letter.
        format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, self.id.raw())
    }

    /// The error as a response.
    pub(crate) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.json()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.extensions_mut().insert(ErrorType(self.code.into()));
        response
    }
}
