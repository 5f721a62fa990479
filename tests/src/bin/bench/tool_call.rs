//! The tools over MCP: who is asked, what, and what the answer must be.

use std::cell::Cell;

use anyhow::{Context, ensure};
use bytes::Bytes;
use e2e::{Caller, Era};
use emulator::PROD_SUBSCRIPTION;
use futures::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper_util::rt::TokioIo;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::load::Target;

/// A question to both servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The costs of the last full month: they change no more while this runs.
    CostByService,
    /// The subscriptions: a small answer, so that what is not Azure's weighs more.
    ListSubscriptions,
    /// The costs of the last full month by service, by the tool for any question.
    CostQuery,
    /// The same with a word that does not exist: all is proved and decided, and nothing is looked for.
    WrongCostQuery,
    /// What each resource of a subscription cost on each of the first 25 days of the last full month.
    Resources(&'static str),
}

impl Question {
    /// The tool that answers it.
    pub(crate) fn tool(self) -> &'static str {
        match self {
            Self::CostByService => "cost_by_service",
            Self::ListSubscriptions => "list_subscriptions",
            Self::CostQuery | Self::WrongCostQuery | Self::Resources(_) => "cost_query",
        }
    }

    /// The days of [`Self::CostByService`]: those of the last full month.
    pub(crate) fn days(today: Date) -> [Date; 2] {
        let to = today.first_of_month().saturating_sub(1.day());
        [to.first_of_month(), to]
    }

    fn arguments(self, today: Date) -> Value {
        match self {
            Self::CostByService => {
                let [from, to] = Self::days(today);
                json!({"subscription": PROD_SUBSCRIPTION, "from": from, "to": to})
            }
            Self::ListSubscriptions => json!({}),
            Self::CostQuery => {
                json!({"scopes": [PROD_SUBSCRIPTION], "period": "last_month", "group_by": ["ServiceName"]})
            }
            Self::WrongCostQuery => {
                json!({"scopes": [PROD_SUBSCRIPTION], "period": "last_month", "granularity": "hourly"})
            }
            Self::Resources(subscription) => {
                let month = today.first_of_month().saturating_sub(1.day()).first_of_month();
                let to = month.saturating_add(24.days());
                json!({"scopes": [subscription], "from": month, "to": to, "granularity": "daily", "group_by": ["ResourceId"]})
            }
        }
    }

    /// Whether the tool has a word to correct.
    fn is_wrong(self) -> bool {
        self == Self::WrongCostQuery
    }
}

/// A server, the message it is sent, and the answer it gave.
pub(crate) struct ToolCall {
    address: String,
    /// One for each person, sent in turn.
    requests: Vec<Request<Full<Bytes>>>,
    next: Cell<usize>,
    document: Value,
    answer: Bytes,
}

impl ToolCall {
    /// Asks once, on the day `today`, which also warms the server's caches.
    ///
    /// # Errors
    /// When the answer is a refusal, or an error where none is meant.
    pub(crate) async fn new(
        url: &str,
        token: Option<&str>,
        question: Question,
        era: Era,
        today: Date,
    ) -> anyhow::Result<Self> {
        let params = json!({"name": question.tool(), "arguments": question.arguments(today)});
        let mut prepared = Caller::new(url).in_era(era).prepared("tools/call", params);
        if let Some(token) = token {
            prepared = prepared.bearer_auth(token);
        }
        let request = lean(&prepared.try_clone().context("the body is text")?.build()?)?;
        let answer = Caller::send(prepared).await;
        let is_right = answer.status == 200 && answer.is_tool_error() == question.is_wrong();
        ensure!(is_right, "{url} answers {}", answer.text);
        let (requests, next) = (vec![request], Cell::new(0));
        let (document, answer) = (answer.document, answer.text.into());
        Ok(Self { address: address(url), requests, next, document, answer })
    }

    /// The same of these people, in turn.
    ///
    /// # Errors
    /// When a token is none that a header can hold.
    pub(crate) fn of(mut self, tokens: &[String]) -> anyhow::Result<Self> {
        let first = self.requests.first().context("one is there from the start")?.clone();
        let of_one = |token: &String| {
            let mut request = first.clone();
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?);
            anyhow::Ok(request)
        };
        self.requests = tokens.iter().map(of_one).collect::<anyhow::Result<_>>()?;
        self.next.set(0);
        Ok(self)
    }

    /// Asks once for each person: after this all caches are warm.
    ///
    /// # Errors
    /// At the first call that fails.
    pub(crate) async fn warm(&self, callers: usize) -> anyhow::Result<()> {
        let ask_on = |mut connection| async move {
            while self.next.get() < self.requests.len() {
                self.ask(&mut connection).await?;
            }
            anyhow::Ok(())
        };
        try_join_all(self.connect(callers).await?.into_iter().map(ask_on)).await?;
        Ok(())
    }

    /// How long an answer is.
    pub(crate) fn answer_bytes(&self) -> usize {
        self.answer.len()
    }

    /// What it says to people.
    pub(crate) fn said(&self) -> &str {
        self.document["result"]["content"][0]["text"].as_str().unwrap_or_default()
    }

    /// What both servers must agree on: what each service cost and all together, or which subscriptions there are.
    pub(crate) fn essence(&self) -> Value {
        let data = &self.document["result"]["structuredContent"];
        let of_each = |list: &str, fields: [&str; 2]| -> Value {
            let items = data[list].as_array().into_iter().flatten();
            items.map(|item| json!([item[fields[0]], item[fields[1]]])).collect()
        };
        json!([
            data["totals"],
            of_each("services", ["name", "cost"]),
            of_each("subscriptions", ["id", "name"])
        ])
    }
}

impl Target for ToolCall {
    type Connection = SendRequest<Full<Bytes>>;

    async fn connect(&self, callers: usize) -> anyhow::Result<Vec<Self::Connection>> {
        connect(&self.address, callers).await
    }

    async fn ask(&self, connection: &mut Self::Connection) -> anyhow::Result<()> {
        connection.ready().await?;
        let turn = self.next.get();
        self.next.set(turn + 1);
        let request = self.requests.get(turn % self.requests.len()).context("one for each person")?;
        let response = connection.send_request(request.clone()).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        ensure!(
            self.answer == answer,
            "another answer than before, {status}: {}",
            String::from_utf8_lossy(&answer).chars().take(500).collect::<String>()
        );
        Ok(())
    }
}

/// Host and port of a server's URL.
pub(crate) fn address(url: &str) -> String {
    url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned()
}

/// Connections over HTTP/1.1, one for each caller.
///
/// # Errors
/// When the server takes none.
pub(crate) async fn connect(address: &str, callers: usize) -> anyhow::Result<Vec<SendRequest<Full<Bytes>>>> {
    let mut connections = Vec::new();
    for _ in 0..callers {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; what goes wrong, the sender tells.
        tokio::spawn(connection);
        connections.push(sender);
    }
    Ok(connections)
}

/// The request as the lean client sends it: no more headers than it must.
///
/// # Errors
/// When it has no body of text.
pub(crate) fn lean(request: &reqwest::Request) -> anyhow::Result<Request<Full<Bytes>>> {
    let body = request.body().and_then(reqwest::Body::as_bytes).context("the body is text")?;
    let host = request.url().authority();
    let mut built =
        Request::post(request.url().path()).header("host", host).body(Full::from(body.to_vec()))?;
    built.headers_mut().extend(request.headers().clone());
    Ok(built)
}
