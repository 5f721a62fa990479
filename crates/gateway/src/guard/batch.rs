//! Several messages at once, which version 2025-03-26 of MCP asks servers to take and later ones do not know.
//!
//! Each is decided, counted and answered by itself. A refusal refuses them all: what it tells the client to do stands
//! in the head of the answer, of which there is one.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::value::RawValue;

use super::{Guard, Stop};
use crate::caller::Caller;
use crate::rpc::{Fault, Id, Kind, Message};

/// How many messages of one batch are worked on at once.
const AT_ONCE: usize = 4;
/// The longest answer to one message.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// Answers each message in turn.
pub(super) async fn answer_all(
    guard: &Guard,
    messages: &[&RawValue],
    parts: &Parts,
    caller: &Caller,
    next: &Next,
) -> Result<Response<Body>, Stop> {
    let answers: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(position, raw)| answer(guard, position, raw, parts, caller, next).boxed())
        .collect();
    let answers: Vec<Option<String>> = stream::iter(answers).buffered(AT_ONCE).try_collect().await?;
    let answers: Vec<String> = answers.into_iter().flatten().collect();
    if answers.is_empty() {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::ACCEPTED;
        return Ok(response);
    }
    let mut response = Response::new(Body::from(format!("[{}]", answers.join(","))));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The answer to one message; none to a notification.
async fn answer(
    guard: &Guard,
    position: usize,
    raw: &RawValue,
    parts: &Parts,
    caller: &Caller,
    next: &Next,
) -> Result<Option<String>, Stop> {
    let message = match Message::read(raw, &parts.headers) {
        Ok(message) => message,
        Err(fault) => return Ok(Some(fault.json())),
    };
    // The request as a whole was counted once already.
    if position > 0 {
        guard.rates.admit(&caller.principal, guard.clock.now())?;
    }
    if matches!(&message.kind, Kind::Request { method } if method == "initialize") {
        return Ok(Some(Fault::initialize_in_batch(message.id).json()));
    }
    match guard.decide(&message, caller) {
        Ok(()) => {}
        Err(Stop::Fault(fault)) => return Ok(Some(fault.json())),
        Err(refused) => return Err(refused),
    }
    let id = message.id;
    let body = message.rewritten.map_or_else(|| Body::from(raw.get().to_owned()), Body::from);
    let answer = next.clone().run(Request::from_parts(parts.clone(), body));
    match guard.run(caller, id.clone(), answer).await {
        Ok(response) => Ok(text_of(response, id).await),
        Err(Stop::Fault(fault)) => Ok(Some(fault.json())),
        Err(refused) => Err(refused),
    }
}

async fn text_of(response: Response<Body>, id: Id) -> Option<String> {
    if response.status() == StatusCode::ACCEPTED {
        return None;
    }
    let body = to_bytes(response.into_body(), MAX_ANSWER_BYTES).await.unwrap_or_default();
    let text =
        String::from_utf8(body.into()).ok().filter(|text| serde_json::from_str::<&RawValue>(text).is_ok());
    Some(text.unwrap_or_else(|| Fault::internal(id).json()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_is_none_or_too_long_is_told_as_our_fault() {
        let text = async |body: String| text_of(Response::new(Body::from(body)), Id::none()).await;
        let of_length = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        let internal = Some(Fault::internal(Id::none()).json());
        assert_eq!(text(of_length(4_194_304)).await, Some(of_length(4_194_304)));
        assert_eq!(text(of_length(4_194_305)).await, internal);
        assert_eq!(text("no JSON".to_owned()).await, internal);
        let mut accepted = Response::new(Body::empty());
        *accepted.status_mut() = StatusCode::ACCEPTED;
        assert_eq!(text_of(accepted, Id::none()).await, None);
    }
}
