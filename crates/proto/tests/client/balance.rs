//! Several brokers behind one name: which of them calls go to.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use testkit::{Authority, eventually};
use token_broker_proto::client::{Client, Resolve, Resolving};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tonic::Code;

use crate::support::{Answer, Files, Scripted, client, config, exchange, mutual_tls};

const FOR_EVER: Duration = Duration::from_secs(3600);
/// Of a change of addresses calls know within this time.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);

/// A name service of the test's own.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<Vec<SocketAddr>>>);

impl Names {
    fn set(&self, addresses: &[SocketAddr]) {
        *self.0.lock().unwrap() = addresses.to_vec();
    }

    fn client(&self, address: &str) -> Client {
        Client::new(config(address).with_resolver(Arc::new(self.clone()))).unwrap()
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str, port: u16) -> Resolving {
        assert_eq!((host, port), ("localhost", 50051));
        let found = self.0.lock().unwrap().clone();
        Box::pin(std::future::ready(if found.is_empty() {
            Err(io::Error::other("no such name"))
        } else {
            Ok(found)
        }))
    }
}

const NAME: &str = "http://localhost:50051";

/// A broker on an address of its own, which is killed when this is dropped.
struct Replica {
    broker: Scripted,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Replica {
    fn start(script: fn(usize) -> Answer) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let broker = Scripted::new(script);
        Self { address: broker.serve_in(&runtime), broker, runtime: Some(runtime) }
    }

    fn well() -> Self {
        Self::start(|_| Answer::Token)
    }

    fn calls(&self) -> usize {
        self.broker.asked().len()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Calls one after the other until this is so, none of which may fail. How many there were.
async fn calls_until(client: &Client, within: Duration, holds: impl Fn() -> bool) -> usize {
    let (limit, mut calls) = (Instant::now() + within, 0);
    while !holds() {
        assert!(Instant::now() < limit, "not within {within:?}");
        exchange(client).await.unwrap();
        calls += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    calls
}

#[tokio::test]
async fn calls_spread_over_every_address_of_the_name() {
    let (replicas, names) = ([Replica::well(), Replica::well(), Replica::well()], Names::default());
    names.set(&replicas.each_ref().map(|replica| replica.address));
    let client = names.client(NAME);
    calls_until(&client, KNOWN_WITHIN, || replicas.iter().all(|replica| replica.calls() > 0)).await;
    let before = replicas.each_ref().map(Replica::calls);
    for _ in 0..30 {
        exchange(&client).await.unwrap();
    }
    for (replica, before) in replicas.iter().zip(before) {
        assert_eq!(replica.calls() - before, 10, "evenly");
    }
}

#[tokio::test]
async fn an_address_that_is_added_gets_calls_and_one_that_is_taken_away_gets_none() {
    let ([first, second, third], names) =
        ([Replica::well(), Replica::well(), Replica::well()], Names::default());
    names.set(&[first.address, second.address]);
    let client = names.client(NAME);
    calls_until(&client, KNOWN_WITHIN, || first.calls() > 0 && second.calls() > 0).await;

    names.set(&[second.address, third.address]);
    calls_until(&client, KNOWN_WITHIN, || third.calls() > 0).await;
    let before = first.calls();
    for _ in 0..20 {
        exchange(&client).await.unwrap();
    }
    assert_eq!(first.calls(), before, "it is left at the same look");

    // A name service that answers nothing for a while takes nobody away.
    names.set(&[]);
    let until = Instant::now() + Duration::from_secs(6);
    calls_until(&client, KNOWN_WITHIN, || Instant::now() > until).await;
}

#[tokio::test]
async fn a_dead_one_is_left_at_once_and_costs_no_call() {
    let ([dying, living], names) = ([Replica::well(), Replica::well()], Names::default());
    names.set(&[dying.address, living.address]);
    let client = names.client(NAME);
    calls_until(&client, KNOWN_WITHIN, || dying.calls() > 0 && living.calls() > 0).await;

    drop(dying);
    let begun = Instant::now();
    for _ in 0..100 {
        exchange(&client).await.unwrap();
    }
    // One call at most meets it, and pauses a tenth of a second before it goes elsewhere.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_that_answers_nothing_gets_one_call_and_no_more() {
    let ([silent, living], names) = ([Replica::start(|_| Answer::Never), Replica::well()], Names::default());
    names.set(&[silent.address, living.address]);
    let client = names.client(NAME).with_deadline(Duration::from_secs(60));
    let mut callers = JoinSet::new();
    while silent.calls() == 0 {
        let client = client.clone();
        let caller = callers.spawn(async move { exchange(&client).await.map(|_| ()) });
        eventually("it is answered, or waits", async || caller.is_finished() || silent.calls() > 0).await;
    }
    for _ in 0..50 {
        exchange(&client).await.unwrap();
    }
    assert_eq!(silent.calls(), 1);
    callers.abort_all();
}

#[tokio::test]
async fn a_name_without_an_address_is_told_and_waited_for() {
    let (replica, names) = (Replica::well(), Names::default());
    let client = names.client(NAME);
    let error = exchange(&client).await.unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::Unavailable, None));
    assert!(error.message().contains("the name localhost cannot be looked up: no such name"), "{error}");

    names.set(&[replica.address]);
    eventually("it is found", async || exchange(&client).await.is_ok()).await;
}

#[tokio::test]
async fn plain_text_goes_nowhere_but_to_loopback_whatever_the_name_says() {
    let names = Names::default();
    names.set(&["192.0.2.1:50051".parse().unwrap()]);
    let error = exchange(&names.client(NAME)).await.unwrap_err();
    assert!(error.message().contains("plain text is for loopback only"), "{error}");
}

/// One address that spreads *connections* in turn over backends, as a ClusterIP does.
async fn spreading(backends: Arc<Mutex<Vec<SocketAddr>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut caller, _) = listener.accept().await.unwrap();
            let backend = {
                let backends = backends.lock().unwrap();
                backends[turn % backends.len()]
            };
            tokio::spawn(async move {
                let mut server = TcpStream::connect(backend).await.unwrap();
                let _ended = copy_bidirectional(&mut caller, &mut server).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn behind_one_address_for_several_brokers_the_added_ones_get_their_share_within_half_a_minute() {
    let (servers, callers) = (Authority::new(), Authority::new());
    let brokers: Vec<_> = (0..3).map(|_| Scripted::new(|_| Answer::Token)).collect();
    let mut all = Vec::new();
    for broker in &brokers {
        all.push(broker.serve_with(mutual_tls(&servers, &callers, FOR_EVER)).await.parse().unwrap());
    }
    let backends = Arc::new(Mutex::new(vec![all[0]]));
    let (files, names) = (Files::new(), Names::default());
    files.write("ca.crt", &servers.pem());
    files.identity(&callers.issue("me.internal"));
    names.set(&[spreading(Arc::clone(&backends)).await]);
    let settings =
        config("https://localhost:50051").with_tls(files.tls()).with_resolver(Arc::new(names.clone()));
    let client = Client::new(settings).unwrap();
    exchange(&client).await.unwrap();

    *backends.lock().unwrap() = all;
    // Of the calls of each second, each broker has a fifth at least, in the end.
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let before: Vec<_> = brokers.iter().map(|broker| broker.asked().len()).collect();
        let second = Instant::now() + Duration::from_secs(1);
        let calls = calls_until(&client, KNOWN_WITHIN, || Instant::now() > second).await;
        let shares: BTreeMap<_, _> = brokers
            .iter()
            .zip(before)
            .map(|(broker, before)| broker.asked().len() - before)
            .enumerate()
            .collect();
        if shares.values().all(|share| share * 5 >= calls) {
            return;
        }
        assert!(Instant::now() < limit, "of {calls}: {shares:?}");
    }
}

#[tokio::test]
async fn a_literal_address_is_reached_without_a_name_service() {
    let broker = Scripted::new(|_| Answer::Token);
    exchange(&client(&broker.serve().await)).await.unwrap();
}
