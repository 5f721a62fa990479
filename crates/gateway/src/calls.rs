//! Requests under way, so that whoever sent one can end it: `notifications/cancelled` of MCP 2025-11-25 and before (since
//! 2026-07-28 a client closes the connection, which ends a request of any era).
//!
//! The notification names the request by its id, and ids are unique within a session only. This server has none: what
//! stands for the session is the access token, to the letter. A notification reaches nobody else's request, and where one
//! token has two requests of that id under way it ends neither, for there is no telling which is meant. It reaches this
//! instance alone; the standard allows a server to ignore the rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use identity::BearerToken;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// The most requests that can be ended this way. Those beyond run as long as they take.
const MOST_REQUESTS: usize = 10_000;
/// The longest id that is remembered, in bytes of JSON. Clients count, or send a UUID.
const LONGEST_ID: usize = 64;

/// The requests under way. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<HashMap<Key, Running>>>);

/// The digest of the token and the id as JSON: `1` and `"1"` are two.
type Key = ([u8; 32], String);

/// The requests of one key.
#[derive(Debug, Default)]
struct Running {
    requests: usize,
    end: CancellationToken,
}

impl Calls {
    /// Awaits the answer to a request; `None` if its sender ends it first. What was done for it is dropped then.
    pub(crate) async fn run<T>(
        &self,
        assertion: &BearerToken,
        id: &Value,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let Some(entry) = self.enter(assertion, id) else { return Some(answer.await) };
        tokio::select! {
            biased;
            () = entry.end.cancelled() => None,
            answer = answer => Some(answer),
        }
    }

    /// Ends the one request of this token that has this id.
    pub(crate) fn end(&self, assertion: &BearerToken, id: &Value) {
        let Some(key) = key(assertion, id) else { return };
        if let Some(running) = self.lock().get_mut(&key).filter(|running| running.requests == 1) {
            // Whoever comes with the same id while this one ends is another request.
            std::mem::take(&mut running.end).cancel();
        }
    }

    fn enter(&self, assertion: &BearerToken, id: &Value) -> Option<UnderWay<'_>> {
        let key = key(assertion, id)?;
        let mut all = self.lock();
        if all.len() >= MOST_REQUESTS && !all.contains_key(&key) {
            return None;
        }
        let running = all.entry(key.clone()).or_default();
        running.requests += 1;
        Some(UnderWay { calls: self, key, end: running.end.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(assertion: &BearerToken, id: &Value) -> Option<Key> {
    // What is not an id, or a very long one, is not even copied.
    let id = match id {
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.len() <= LONGEST_ID => id.to_string(),
        _ => return None,
    };
    (id.len() <= LONGEST_ID).then(|| (assertion.digest(), id))
}

/// A request under way, until it is dropped.
struct UnderWay<'a> {
    calls: &'a Calls,
    key: Key,
    end: CancellationToken,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut all = self.calls.lock();
        if let Some(running) = all.get_mut(&self.key) {
            running.requests -= 1;
            if running.requests == 0 {
                all.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use serde_json::json;

    use super::*;

    fn token(text: &str) -> BearerToken {
        BearerToken::parse(text).unwrap()
    }

    /// Whether the request is ended by what `act` does. The request is under way when it acts.
    async fn is_ended(calls: &Calls, of: &BearerToken, id: Value, act: impl FnOnce()) -> bool {
        let request = calls.run(of, &id, pending::<()>());
        tokio::select! {
            biased;
            ended = request => ended.is_none(),
            () = async { act(); tokio::task::yield_now().await; tokio::task::yield_now().await } => false,
        }
    }

    #[tokio::test]
    async fn a_request_is_ended_by_its_own_token_and_id_alone() {
        let (calls, own, other) = (Calls::default(), token("a.b.c"), token("a.b.d"));
        for (token, id, expected) in [
            (&own, json!(7), true),
            (&own, json!("7"), false),
            (&own, json!(8), false),
            (&own, json!(null), false),
            (&own, json!([7]), false),
            (&other, json!(7), false),
        ] {
            let ended = is_ended(&calls, &own, json!(7), || calls.end(token, &id)).await;
            assert_eq!(ended, expected, "{id} of {token:?}");
        }
        assert!(is_ended(&calls, &own, json!("a\"b"), || calls.end(&own, &json!("a\"b"))).await);
        assert!(calls.lock().is_empty(), "nothing is remembered of a request that is over");
    }

    #[tokio::test]
    async fn of_two_with_one_id_neither_is_ended() {
        let (calls, own) = (Calls::default(), token("a.b.c"));
        let second = calls.enter(&own, &json!(1)).unwrap();
        assert!(!is_ended(&calls, &own, json!(1), || calls.end(&own, &json!(1))).await);
        assert!(!second.end.is_cancelled());
        // Left alone it can be ended; and who comes next with the id is not ended with it.
        calls.end(&own, &json!(1));
        assert!(second.end.is_cancelled());
        assert!(!is_ended(&calls, &own, json!(1), || ()).await);
        drop(second);
        assert!(calls.lock().is_empty());
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded() {
        let (calls, own) = (Calls::default(), token("a.b.c"));
        assert!(calls.enter(&own, &json!("x".repeat(LONGEST_ID))).is_none());
        let entries: Vec<_> = (0..MOST_REQUESTS).map(|id| calls.enter(&own, &json!(id)).unwrap()).collect();
        assert!(calls.enter(&own, &json!("one more")).is_none());
        assert_eq!(calls.run(&own, &json!("one more"), async { 5 }).await, Some(5));
        drop(entries);
        assert!(calls.enter(&own, &json!("one more")).is_some());
    }
}
