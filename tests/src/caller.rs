//! An MCP client that hides nothing: it sends one JSON-RPC message and keeps status, headers and document.

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, ClientBuilder, RequestBuilder};
use serde_json::{Value, json};

/// Which protocol a message is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25 and before: no headers about the message.
    Legacy,
    /// 2026-07-28: method and name in headers, metadata in each request.
    Modern,
}

/// Sends messages to one MCP endpoint.
#[derive(Clone, Debug)]
pub struct Caller {
    http: Client,
    url: String,
    era: Era,
}

impl Caller {
    /// A caller of `url`, over a client that does no more than it is told.
    pub fn new(url: impl Into<String>) -> Self {
        Self { http: plain_client(), url: url.into(), era: Era::Legacy }
    }

    /// The same caller, writing in another era.
    #[must_use]
    pub fn in_era(&self, era: Era) -> Self {
        Self { era, ..self.clone() }
    }

    /// The same caller, over HTTP/2 without TLS and a connection of its own.
    #[must_use]
    pub fn over_http2(&self) -> Self {
        Self { http: client(ClientBuilder::http2_prior_knowledge), ..self.clone() }
    }

    /// The endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Status and body of a plain GET.
    ///
    /// # Panics
    /// If nothing answers.
    pub async fn get(&self, url: &str) -> (u16, String) {
        let response = self.http.get(url).send().await.expect("the address answers");
        (response.status().as_u16(), response.text().await.expect("the answer is whole"))
    }

    /// Fetches what stands beside MCP, such as an export, with a token or without, and with these fields.
    ///
    /// # Panics
    /// If nothing answers, or the answer is cut off.
    pub async fn fetch(&self, token: Option<&str>, url: &str, fields: &[(&str, &str)]) -> Fetched {
        let mut request = self.http.get(url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("the address answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.expect("the answer is whole").to_vec();
        Fetched { status, headers, bytes }
    }

    /// Calls a tool.
    ///
    /// # Panics
    /// If the endpoint does not answer.
    pub async fn call(&self, token: &str, tool: &str, arguments: Value) -> Answer {
        self.request(Some(token), "tools/call", json!({"name": tool, "arguments": arguments})).await
    }

    /// Calls `cost_export`, and asks again with its id until the export is no longer being made.
    ///
    /// # Panics
    /// If the endpoint does not answer.
    pub async fn export(&self, token: &str, arguments: Value) -> Answer {
        let mut answer = self.call(token, "cost_export", arguments).await;
        while answer.data()["status"] == "running" {
            let again = json!({"export_id": answer.data()["export_id"]});
            answer = self.call(token, "cost_export", again).await;
        }
        answer
    }

    /// Sends a request, with or without a token.
    ///
    /// # Panics
    /// If the endpoint does not answer.
    pub async fn request(&self, token: Option<&str>, method: &str, params: Value) -> Answer {
        let request = self.prepared(method, params);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Self::send(request).await
    }

    /// A request that a test may still spoil.
    pub fn prepared(&self, method: &str, mut params: Value) -> RequestBuilder {
        let mut request = self
            .http
            .post(&self.url)
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json");
        if self.era == Era::Modern {
            request = request.header("MCP-Protocol-Version", "2026-07-28").header("Mcp-Method", method);
            if let Some(name) = params["name"].as_str() {
                request = request.header("Mcp-Name", name);
            }
            for (name, value) in [
                ("protocolVersion", json!("2026-07-28")),
                ("clientCapabilities", json!({})),
                ("clientInfo", json!({"name": "e2e", "version": "1"})),
            ] {
                params["_meta"][format!("io.modelcontextprotocol/{name}")] = value;
            }
        }
        request.body(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string())
    }

    /// A request of any method, for a test that dresses it up.
    pub fn requesting(&self, method: reqwest::Method, url: &str) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a prepared request.
    ///
    /// # Panics
    /// If the endpoint does not answer.
    pub async fn send(request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("the endpoint answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("the answer is whole");
        let document = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, text, document }
    }
}

/// What was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The fields.
    pub headers: HeaderMap,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Fetched {
    /// The code of a refusal; empty where it is none.
    pub fn code(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON, or null.
    pub document: Value,
}

impl Answer {
    /// The `WWW-Authenticate` header, or nothing.
    pub fn challenge(&self) -> &str {
        self.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The code of a refusal, or of a JSON-RPC error.
    pub fn code(&self) -> &str {
        let of_rpc = &self.document["error"]["data"]["code"];
        self.document["code"].as_str().or(of_rpc.as_str()).unwrap_or_default()
    }

    /// The reason of an invalid token.
    pub fn reason(&self) -> &str {
        self.document["reason"].as_str().unwrap_or_default()
    }

    /// What a tool answered, for programs.
    pub fn data(&self) -> &Value {
        &self.document["result"]["structuredContent"]
    }

    /// What a tool answered, for people.
    pub fn readable(&self) -> &str {
        self.document["result"]["content"][0]["text"].as_str().unwrap_or_default()
    }

    /// Whether a tool says that it failed.
    pub fn is_tool_error(&self) -> bool {
        self.document["result"]["isError"] == true
    }
}

/// A client for loopback: no proxy, no redirects.
fn plain_client() -> Client {
    client(std::convert::identity)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the caller speaks plain HTTP to loopback, which outgoing clients refuse"
)]
fn client(adapt: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    adapt(builder).build().expect("a client without TLS needs nothing")
}
