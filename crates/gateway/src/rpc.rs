//! What a JSON-RPC message says, as far as it must be known before the policy decides; and the answers to messages that
//! are none.
//!
//! rmcp takes a message apart again. What it would answer with a status and a text that no client expects, or with the
//! caller's own words, is answered here, by fixed texts: [`Fault`]. What only it understands goes to it unread.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

pub(crate) use fault::{Fault, Id};

mod fault;
#[cfg(test)]
mod tests;

/// The first version of the protocol in which every request carries its own metadata.
const MODERN: &str = "2026-07-28";
/// The one version in which several messages may come at once. It is also what a request without a version means.
const WITH_BATCHES: &str = "2025-03-26";
/// The most messages that are taken at once.
pub(crate) const MAX_BATCH: usize = 32;

/// Which rules of the protocol a request follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// `initialize` clients: errors come with status 200.
    Legacy,
    /// Requests that stand for themselves: a method that does not exist is a 404.
    Modern,
}

/// A message, or several.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    One(Message),
    Batch(Vec<&'a RawValue>),
}

/// A message that is well-formed.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: Id,
    pub(crate) era: Era,
    pub(crate) kind: Kind,
    /// The message as it goes on, where that is not what came.
    pub(crate) rewritten: Option<Bytes>,
}

/// What a message wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A tool called by name.
    Call { tool: String },
    /// Another method.
    Request { method: String },
    /// What asks for no answer.
    Notification,
    /// The sender no longer waits for the answer to a request of theirs.
    Cancelled { request: Value },
    /// The client's answer to a question of the server's.
    Response,
}

impl<'a> Body<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Fault`] is the answer.
    pub(crate) fn read(bytes: &'a [u8], headers: &HeaderMap) -> Result<Self, Fault> {
        let raw: &RawValue = serde_json::from_slice(bytes).map_err(|error| Fault::no_json(&error))?;
        if !raw.get().starts_with('[') {
            return Message::read(raw, headers).map(Self::One);
        }
        let messages: Vec<&RawValue> =
            serde_json::from_str(raw.get()).map_err(|error| Fault::no_json(&error))?;
        match messages.len() {
            _ if !may_batch(headers) => Err(Fault::invalid_request(
                Id::none(),
                "one message at a time: batches ended with version 2025-06-18 of MCP",
            )),
            0 => Err(Fault::invalid_request(Id::none(), "the batch is empty")),
            many if many > MAX_BATCH => Err(Fault::invalid_request(
                Id::none(),
                "the batch holds more than 32 messages; send fewer at once",
            )),
            _ => Ok(Self::Batch(messages)),
        }
    }
}

/// The members of a message. One that stands twice makes this fail: the parties on the way would each believe another.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    /// There, if only as null, or not there.
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl<'a> Members<'a> {
    fn read(text: &'a str) -> Result<Self, Fault> {
        let members = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
        let what = "a message is an object, in which no member stands twice";
        members.ok_or_else(|| Fault::invalid_request(Id::none(), what))
    }
}

fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// [`Fault`] is the answer, with the message's own id where it has one.
    pub(crate) fn read(raw: &RawValue, headers: &HeaderMap) -> Result<Self, Fault> {
        let members = Members::read(raw.get())?;
        let id = Id::of(members.id)?;
        let fault = |text| Fault::invalid_request(id.clone(), text);
        if members.jsonrpc.map(RawValue::get) != Some("\"2.0\"") {
            return Err(fault("`jsonrpc` must be \"2.0\""));
        }
        let Some(method) = members.method else {
            let answers = members.result.is_some() || members.error.is_some();
            let kind = answers.then_some(Kind::Response).ok_or_else(|| fault("`method` is missing"))?;
            return Ok(Self { id, era: era(headers, None), kind, rewritten: None });
        };
        let Ok(method) = serde_json::from_str::<String>(method.get()) else {
            return Err(fault("`method` must be a string"));
        };
        if id.is_none() {
            let kind = notification(&method, members.params);
            return Ok(Self { id, era: era(headers, None), kind, rewritten: None });
        }
        let params = Params::read(members.params, &id)?;
        let era = era(headers, params.version());
        let (kind, params) = params.of(&method, era, &id)?;
        let rewritten = params.map(|params| rewritten(&id, &method, &params));
        Ok(Self { id, era, kind, rewritten })
    }
}

/// What a notification says. One that says nothing useful is not a fault: there is nobody to tell.
fn notification(method: &str, params: Option<&RawValue>) -> Kind {
    let params =
        params.filter(|_| method == "notifications/cancelled").and_then(|raw| strict_object(raw.get()));
    match params.and_then(|mut params| params.remove("requestId")) {
        Some(request) => Kind::Cancelled { request },
        None => Kind::Notification,
    }
}

/// The message again, where its parameters were set right.
fn rewritten(id: &Id, method: &str, params: &Map<String, Value>) -> Bytes {
    json!({"jsonrpc": "2.0", "id": id.value(), "method": method, "params": params}).to_string().into()
}

/// Parameters, as an object.
struct Params(Option<Map<String, Value>>);

impl Params {
    fn read(raw: Option<&RawValue>, id: &Id) -> Result<Self, Fault> {
        match raw.map(RawValue::get) {
            None | Some("null") => Ok(Self(None)),
            Some(text) => match strict_object(text) {
                Some(params) => Ok(Self(Some(params))),
                None => Err(Fault::invalid_params(id.clone(), "`params` must be an object")),
            },
        }
    }

    fn version(&self) -> Option<&str> {
        self.0.as_ref()?.get("_meta")?.get("io.modelcontextprotocol/protocolVersion")?.as_str()
    }

    /// What is asked, and the parameters where they had to be set right.
    fn of(self, method: &str, era: Era, id: &Id) -> Result<(Kind, Option<Map<String, Value>>), Fault> {
        let invalid = |text: &'static str| Fault::invalid_params(id.clone(), text);
        let mut params = self.0.unwrap_or_default();
        let mut changed = false;
        let kind = match method {
            "tools/call" => {
                let Some(Value::String(tool)) = params.get("name") else {
                    return Err(invalid("`name` must be a string: the name of a tool"));
                };
                let tool = tool.clone();
                changed |= object(&mut params, "arguments").map_err(|()| {
                    invalid("`arguments` must be an object (not a text that holds one): the tool's input")
                })?;
                Kind::Call { tool }
            }
            "prompts/get" => {
                if !params.get("name").is_some_and(Value::is_string) {
                    return Err(invalid("`name` must be a string: the name of a prompt"));
                }
                changed |= object(&mut params, "arguments")
                    .map_err(|()| invalid("`arguments` must be an object: a text for each argument"))?;
                Kind::Request { method: method.to_owned() }
            }
            "resources/read" => {
                if !params.get("uri").is_some_and(Value::is_string) {
                    return Err(invalid("`uri` must be a string: that of a resource"));
                }
                Kind::Request { method: method.to_owned() }
            }
            "completion/complete" => {
                let text = |of: &str, member: &str| {
                    params.get(of).and_then(|of| of.get(member)).is_some_and(Value::is_string)
                };
                if !text("ref", "type") || !(text("ref", "name") || text("ref", "uri")) {
                    return Err(invalid("`ref` must be an object with `type` (ref/prompt) and `name`"));
                }
                if !text("argument", "name") || !text("argument", "value") {
                    return Err(invalid(
                        "`argument` must be an object with `name` and `value`, both strings",
                    ));
                }
                Kind::Request { method: method.to_owned() }
            }
            // The newer protocol has no such method, whatever its parameters: that is for MCP to say.
            "initialize" if era == Era::Legacy => {
                if !params.get("protocolVersion").is_some_and(Value::is_string) {
                    return Err(invalid("`protocolVersion` must be a string"));
                }
                changed |= object(&mut params, "capabilities")
                    .map_err(|()| invalid("`capabilities` must be an object"))?;
                let client = params.get("clientInfo");
                let named = |member| client.and_then(|c| c.get(member)).is_some_and(Value::is_string);
                if !params.contains_key("capabilities") {
                    return Err(invalid("`capabilities` is missing: an object, {} if there are none"));
                }
                if !named("name") || !named("version") {
                    return Err(invalid("`clientInfo` must be an object with `name` and `version`"));
                }
                Kind::Request { method: method.to_owned() }
            }
            _ => Kind::Request { method: method.to_owned() },
        };
        Ok((kind, changed.then_some(params)))
    }
}

/// Makes a member that must be an object one. An empty array is how PHP writes an empty object; null is one left out.
/// Whether it was changed.
fn object(params: &mut Map<String, Value>, name: &str) -> Result<bool, ()> {
    match params.get(name) {
        None | Some(Value::Object(_)) => Ok(false),
        Some(Value::Null) => Ok(params.remove(name).is_some()),
        Some(Value::Array(items)) if items.is_empty() => {
            Ok(params.insert(name.to_owned(), json!({})).is_some())
        }
        Some(_) => Err(()),
    }
}

/// An object in which no member stands twice, at the top or in `_meta`: what is decided by must be what is done.
fn strict_object(text: &str) -> Option<Map<String, Value>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow, default, rename = "requestId")]
        #[expect(dead_code, reason = "read so that a second one is an error")]
        request_id: Option<&'a RawValue>,
        #[serde(borrow, default)]
        #[expect(dead_code, reason = "read so that a second one is an error")]
        name: Option<&'a RawValue>,
        #[serde(borrow, default)]
        #[expect(dead_code, reason = "read so that a second one is an error")]
        arguments: Option<&'a RawValue>,
        #[serde(borrow, default, rename = "_meta")]
        #[expect(dead_code, reason = "read so that a second one is an error")]
        meta: Option<&'a RawValue>,
    }
    serde_json::from_str::<Named>(text).ok()?;
    serde_json::from_str(text).ok()
}

fn era(headers: &HeaderMap, of_message: Option<&str>) -> Era {
    let version = of_message.or_else(|| version(headers));
    if version.is_some_and(|version| version >= MODERN) { Era::Modern } else { Era::Legacy }
}

fn may_batch(headers: &HeaderMap) -> bool {
    version(headers).is_none_or(|version| version == WITH_BATCHES)
}

fn version(headers: &HeaderMap) -> Option<&str> {
    headers.get("mcp-protocol-version")?.to_str().ok()
}

/// The media types that a client accepts, by its `Accept` headers (RFC 9110 section 12.5.1). None at all is any.
pub(crate) fn accepts_json(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all("accept")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    ranges.peek().is_none() || ranges.any(takes_json)
}

fn takes_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let refused = parts.any(|parameter| {
        let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
        weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
    });
    !refused && ["application/json", "application/*", "*/*"].contains(&media_type.as_str())
}

/// Whether the body is said to be JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get("content-type").and_then(|value| value.to_str().ok()).map(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        Cow::from(essence.to_ascii_lowercase())
    });
    media_type.as_deref() == Some("application/json")
}
