//! Steady load of many people over every way there is, each answer held against whoever called.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use e2e::processes::Processes;
use identity::clock::{Clock as _, SystemClock};
use proto::BrokerError;
use proto::v1::ExchangeRequest;
use proto::v1::token_broker_client::TokenBrokerClient;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

pub(super) const PEOPLE: usize = 24;
/// No token is served in its last minutes: what is served has so much left, or more.
pub(super) const MARGIN: Duration = Duration::from_secs(5 * 60);
/// How long a token of this run is served.
pub(super) const SERVED_FOR: Duration = Duration::from_secs(15);
/// Assertions of each person: a new one is a first call, and comes now and then.
const ASSERTIONS: usize = 25;
/// Calls with one assertion before the next is taken.
const CALLS_EACH: usize = 12;
/// What counts as well: so many good answers each way, and no bad one, for so long.
const WELL_TIMES: usize = 5;
const WELL_FOR: Duration = Duration::from_secs(2);
const WELL_WITHIN: Duration = Duration::from_secs(60);
const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// Somebody who calls.
struct Person {
    oid: String,
    subscription: String,
    assertions: Vec<String>,
    calls: AtomicUsize,
}

/// A way to call.
#[derive(Clone)]
enum Way {
    Broker(usize, TokenBrokerClient<Channel>),
    Gateway(Client, String),
}

/// What one call came to.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) began: Instant,
    pub(super) ended: Instant,
    /// `broker 1`, `broker 2` or `gateway`.
    pub(super) way: String,
    /// `ok`, the code of a refusal, or `unreachable`.
    pub(super) kind: String,
}

/// Load that goes on until it is stopped.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    callers: JoinSet<()>,
}

impl Load {
    pub(super) async fn start(stack: &Processes) -> Self {
        let people = Arc::new(people(stack).await);
        let mut ways: Vec<_> = stack
            .broker_urls()
            .into_iter()
            .enumerate()
            .map(|(number, url)| {
                let channel = Endpoint::from_shared(url).unwrap().connect_timeout(Duration::from_secs(2));
                Way::Broker(number + 1, TokenBrokerClient::new(channel.connect_lazy()))
            })
            .collect();
        ways.push(Way::Gateway(client(), stack.public_url()));
        let (stop, outcomes) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let mut callers = JoinSet::new();
        for number in 0..PEOPLE {
            let (people, ways) = (Arc::clone(&people), ways.clone());
            let (stop, outcomes) = (Arc::clone(&stop), Arc::clone(&outcomes));
            callers.spawn(async move {
                for turn in number.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let outcome = call(&people[number], &ways[turn % ways.len()]).await;
                    outcomes.lock().unwrap().push(outcome);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
        Self { stop, outcomes, callers }
    }

    /// Waits until every way has answered well, and no way badly, for a while.
    pub(super) async fn all_well(&self) {
        let deadline = Instant::now() + WELL_WITHIN;
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut lately: BTreeMap<(String, bool), usize> = BTreeMap::new();
            for outcome in self.outcomes.lock().unwrap().iter().rev() {
                if outcome.ended.elapsed() < WELL_FOR {
                    *lately.entry((outcome.way.clone(), outcome.kind == "ok")).or_default() += 1;
                }
            }
            if lately.len() == 3 && lately.iter().all(|((_, well), count)| *well && *count >= WELL_TIMES) {
                return;
            }
            assert!(Instant::now() < deadline, "not well within {WELL_WITHIN:?}: {lately:?}");
        }
    }

    pub(super) async fn stop(mut self) -> Vec<Outcome> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.outcomes.lock().unwrap())
    }
}

async fn people(stack: &Processes) -> Vec<Person> {
    let known = stack.control().people().await.unwrap();
    let mut people = Vec::new();
    for number in 1..=PEOPLE {
        let name = format!("person-{number:04}");
        let person = known.iter().find(|person| person["name"] == *name).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut assertions = Vec::new();
        for _ in 0..ASSERTIONS {
            assertions.push(stack.control().token(&name, json!({})).await.unwrap());
        }
        people.push(Person {
            oid: text(&person["oid"]),
            subscription: text(&person["subscriptions"][0]),
            assertions,
            calls: AtomicUsize::new(0),
        });
    }
    people
}

async fn call(person: &Person, way: &Way) -> Outcome {
    let number = person.calls.fetch_add(1, Ordering::SeqCst);
    let assertion = &person.assertions[number / CALLS_EACH % ASSERTIONS];
    let began = Instant::now();
    let (way, kind) = match way {
        Way::Broker(number, client) => {
            (format!("broker {number}"), exchange(person, client, assertion).await)
        }
        Way::Gateway(http, url) => ("gateway".to_owned(), list(person, http, url, assertion).await),
    };
    Outcome { began, ended: Instant::now(), way, kind }
}

async fn exchange(person: &Person, client: &TokenBrokerClient<Channel>, assertion: &str) -> String {
    let request = ExchangeRequest {
        assertion: assertion.to_owned(),
        resource: "arm".to_owned(),
        claims: String::new(),
    };
    let mut client = client.clone();
    let began = SystemClock.now();
    let call = client.exchange(request);
    match tokio::time::timeout(CALL_DEADLINE, call).await.expect("an answer within its deadline") {
        Ok(answer) => {
            let answer = answer.into_inner();
            let claims = claims(&answer.access_token);
            assert_eq!(claims["oid"], *person.oid, "somebody else's token");
            // It was served after the call began. What it says of itself is what the broker says of it, by whole seconds.
            let said = answer.expires_at.unwrap().seconds;
            for end in [said, claims["exp"].as_i64().unwrap()] {
                let left = end - began.as_second();
                let least = i64::try_from(MARGIN.as_secs()).unwrap() - 2;
                assert!(left >= least, "served past its life: {left} s were left");
            }
            "ok".to_owned()
        }
        Err(status) => kind(&status),
    }
}

/// What stands in a token, as the emulator wrote it.
fn claims(token: &str) -> Value {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn kind(status: &Status) -> String {
    match BrokerError::from_status(status).reason() {
        Some(reason) => reason.as_str().to_lowercase(),
        None => "unreachable".to_owned(),
    }
}

async fn list(person: &Person, http: &Client, url: &str, assertion: &str) -> String {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "list_subscriptions", "arguments": {}}});
    let request = http
        .post(url)
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .bearer_auth(assertion)
        .body(message.to_string());
    let Ok(response) = request.send().await else { return "unreachable".to_owned() };
    let status = response.status();
    let Ok(text) = response.text().await else { return "unreachable".to_owned() };
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if !status.is_success() {
        return answer["code"].as_str().unwrap_or("no code").to_owned();
    }
    let content = &answer["result"]["structuredContent"];
    if answer["result"]["isError"] == true {
        return format!("azure: {}", content["code"].as_str().unwrap_or("no code"));
    }
    let seen = content["subscriptions"].as_array().expect("a list of subscriptions");
    assert!(seen.len() == 1 && seen[0]["id"] == *person.subscription, "somebody else's: {text}");
    "ok".to_owned()
}

#[expect(clippy::disallowed_methods, reason = "plain HTTP on loopback, which outgoing clients refuse")]
fn client() -> Client {
    Client::builder().no_proxy().timeout(CALL_DEADLINE).build().unwrap()
}
