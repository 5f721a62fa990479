//! A pretend metadata service of this machine: tokens of managed identities over plain HTTP, as the tests steer it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use testkit::NOW;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const IDENTITY: &str = "55556666-ffff-7777-aaaa-8888bbbb9999";

/// What was asked: path, query, headers.
pub(crate) type Asked = (String, HashMap<String, String>, HeaderMap);

pub(crate) struct Metadata {
    pub(crate) origin: String,
    state: Arc<Stub>,
}

struct Stub {
    answer: Mutex<(StatusCode, Value)>,
    asked: Mutex<Vec<Asked>>,
}

impl Metadata {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Stub { answer: Mutex::new(granted("identity-token")), asked: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { origin, state }
    }

    /// Gives out this token from now on, for an hour.
    pub(crate) fn grant(&self, token: &str) {
        *self.state.answer.lock().unwrap() = granted(token);
    }

    /// Refuses like this from now on.
    pub(crate) fn refuse(&self, status: u16, body: Value) {
        *self.state.answer.lock().unwrap() = (StatusCode::from_u16(status).unwrap(), body);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }
}

fn granted(token: &str) -> (StatusCode, Value) {
    let body = json!({
        "access_token": token, "client_id": IDENTITY, "expires_in": "3600", "ext_expires_in": "3600",
        "expires_on": (NOW.as_second() + 3600).to_string(), "not_before": NOW.as_second().to_string(),
        "resource": "api://AzureADTokenExchange", "token_type": "Bearer",
    });
    (StatusCode::OK, body)
}

async fn answer(
    State(stub): State<Arc<Stub>>,
    uri: Uri,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    stub.asked.lock().unwrap().push((uri.path().to_owned(), query, headers));
    let (status, body) = stub.answer.lock().unwrap().clone();
    (status, Json(body)).into_response()
}
