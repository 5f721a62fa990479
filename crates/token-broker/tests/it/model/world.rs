//! Two replicas, a pretend Entra ID, and people with their assertions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use identity::clock::{Clock, ManualClock, SharedClock};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use telemetry::Metrics;
use token_broker::Broker;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use super::BUSY_SHARE;
use super::ledger::{Issue, Ledger, Moment};
use super::rng::Rng;
use super::rules::SKEW;
use testkit::{KeyAndCert, NOW, RedisServer, RedisWay, cache_keys, key_and_cert};

use crate::support::{Entra, Fields};

/// Signing keys there are; the run rolls from one to the next.
const SIGNING_KEYS: usize = 4;

const ROLL_EVERY: SignedDuration = SignedDuration::from_mins(25);

/// How Entra ID answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mood {
    Good,
    Down,
    Throttling,
    Refusing,
}

/// All there is.
pub(super) struct World {
    pub(super) entra: Entra,
    pub(super) replicas: Vec<Replica>,
    pub(super) clock: ManualClock,
    /// The second replica's way to Redis.
    pub(super) way: RedisWay,
    /// Held by each call; whoever holds it for writing knows that none is under way.
    pub(super) gate: RwLock<()>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) users: u64,
    /// The first so many users are busy.
    pub(super) busy: u64,
    /// Calls there are to be, and calls made.
    pub(super) calls: u64,
    pub(super) done: AtomicU64,
    mood: Arc<AtomicU8>,
    keys: Vec<(EncodingKey, KeyAndCert)>,
    /// How often the signing key was changed.
    rolls: AtomicU64,
    people: Vec<[Mutex<Option<Assertion>>; 2]>,
    sessions: AtomicU64,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

/// One of the two brokers.
pub(super) struct Replica {
    pub(super) broker: Arc<Broker>,
    pub(super) key_file: PathBuf,
    keeper: JoinHandle<()>,
}

/// A user's token for the API.
#[derive(Clone)]
pub(super) struct Assertion {
    pub(super) text: Arc<str>,
    pub(super) session: u64,
    pub(super) expires_at: Timestamp,
    /// The number of the key it is signed with.
    key: u64,
}

/// A clock that is ahead of another one.
#[derive(Debug)]
struct Ahead(ManualClock, SignedDuration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.0.now() + self.1
    }
}

impl World {
    pub(super) async fn new(users: u64, calls: u64, redis: &RedisServer, seed: u64) -> Self {
        let entra = Entra::start().await;
        entra.forget_requests();
        let keys: Vec<_> =
            (0..SIGNING_KEYS).map(|_| key_and_cert()).map(|key| (encoding(&key), key)).collect();
        entra.publish(&[("key-0", &keys[0].1), ("key-1", &keys[1].1)]);
        let clock = ManualClock::at(NOW);
        let way = RedisWay::to(redis);
        let replicas = [(SignedDuration::ZERO, redis.url()), (SKEW, way.url())];
        let replicas = replicas
            .map(|(ahead, url)| {
                let clock: SharedClock = Arc::new(Ahead(clock.clone(), ahead));
                replica(&entra, &url, &clock)
            })
            .into();
        let (ledger, mood) = (Arc::new(Ledger::default()), Arc::new(AtomicU8::new(Mood::Good as u8)));
        answer(&entra, &ledger, &mood, &clock, Rng::new(seed, u64::MAX));
        Self {
            entra,
            replicas,
            clock,
            way,
            gate: RwLock::default(),
            ledger,
            users,
            busy: users / BUSY_SHARE,
            calls,
            done: AtomicU64::new(0),
            mood,
            keys,
            rolls: AtomicU64::new(0),
            people: (0..users).map(|_| Default::default()).collect(),
            sessions: AtomicU64::new(0),
            counts: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment { order: self.ledger.next(), at: self.clock.now() }
    }

    pub(super) fn count(&self, what: &'static str) {
        *self.counts.lock().unwrap().entry(what).or_default() += 1;
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap().clone()
    }

    pub(super) fn mood(&self, mood: Mood) {
        let ill = |mood: u8| mood == Mood::Down as u8 || mood == Mood::Throttling as u8;
        if ill(mood as u8) {
            self.ledger.trouble_begins(self.clock.now());
        }
        let before = self.mood.swap(mood as u8, Ordering::SeqCst);
        if ill(before) {
            // What was asked before may be answered a little later.
            self.ledger.trouble_ends(self.clock.now());
        }
    }

    /// Signs with another key from now on. It is published beside the last and the next one; the one before these is
    /// withdrawn.
    pub(super) fn roll_signing_key_if_it_is_time(&self) {
        // For minutes after each, by the documented bound, the new key may be unknown: no run is to consist of that.
        if self.ledger.rolled_within(ROLL_EVERY, self.clock.now()) {
            return;
        }
        let new = self.rolls.load(Ordering::SeqCst) + 1;
        let published = [new - 1, new, new + 1].map(|key| (format!("key-{key}"), &self.key(key).1));
        self.entra.publish(&published.each_ref().map(|(kid, key)| (kid.as_str(), *key)));
        self.ledger.roll(self.clock.now());
        self.rolls.store(new, Ordering::SeqCst);
        self.count("signing key rolled");
    }

    /// Whether an assertion's key is not published any more.
    pub(super) fn is_withdrawn(&self, assertion: &Assertion) -> bool {
        self.rolls.load(Ordering::SeqCst) > assertion.key + 1
    }

    /// An assertion of a user: the one of last time, or a new one if it has expired (or nearly so, or a bit).
    pub(super) fn assertion(&self, user: u32, slot: usize, rng: &mut Rng) -> Assertion {
        let mut held = self.people[user as usize][slot].lock().unwrap();
        let now = self.clock.now();
        let late = SignedDuration::from_secs(i64::try_from(rng.within(0, 240)).unwrap() - 120);
        let usable =
            held.as_ref().is_some_and(|held| now < held.expires_at + late) && rng.within(0, 2000) > 0;
        if !usable {
            *held = Some(self.sign(user, rng));
        }
        held.clone().unwrap()
    }

    fn sign(&self, user: u32, rng: &mut Rng) -> Assertion {
        let session = self.sessions.fetch_add(1, Ordering::SeqCst);
        let expires_at =
            self.clock.now() + SignedDuration::from_mins(i64::try_from(rng.within(8, 100)).unwrap());
        let mut claims = self.entra.claims(&oid(user));
        claims["exp"] = json!(expires_at.as_second());
        claims["uti"] = json!(format!("session-{session}"));
        let key = self.rolls.load(Ordering::SeqCst);
        let header = Header { kid: Some(format!("key-{key}")), ..Header::new(Algorithm::RS256) };
        let text = jsonwebtoken::encode(&header, &claims, &self.key(key).0).unwrap();
        Assertion { text: text.into(), session, expires_at, key }
    }

    fn key(&self, number: u64) -> &(EncodingKey, KeyAndCert) {
        &self.keys[usize::try_from(number).unwrap() % SIGNING_KEYS]
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

pub(super) fn oid(user: u32) -> String {
    format!("00000000-0000-4000-8000-{user:012x}")
}

fn replica(entra: &Entra, redis_url: &str, clock: &SharedClock) -> Replica {
    let key_file = entra.dir.path().join(format!("keys-{}.toml", uuid::Uuid::new_v4()));
    std::fs::write(&key_file, cache_keys("k1", 1)).unwrap();
    let keys = key_file.display().to_string();
    let config =
        entra.config(&["--redis-url", redis_url, "--cache-key-file", &keys, "--redis-timeout", "2000"]);
    let broker = Arc::new(Broker::new(&config, clock, Metrics::new("token-broker").unwrap()).unwrap());
    let kept = Arc::clone(&broker);
    Replica { broker, key_file, keeper: tokio::spawn(async move { kept.keep_up_to_date().await }) }
}

fn encoding(key: &KeyAndCert) -> EncodingKey {
    EncodingKey::from_rsa_pem(key.key.serialize_pem().as_bytes()).unwrap()
}

/// Has Entra ID answer by its mood, and note what it answered.
fn answer(entra: &Entra, ledger: &Arc<Ledger>, mood: &Arc<AtomicU8>, clock: &ManualClock, rng: Rng) {
    let (ledger, mood, clock, rng) = (Arc::clone(ledger), Arc::clone(mood), clock.clone(), Mutex::new(rng));
    entra.answer(move |fields| {
        let asked = Moment { order: ledger.next(), at: clock.now() };
        let chance = rng.lock().unwrap().next();
        let mood = mood.load(Ordering::SeqCst);
        if mood == Mood::Down as u8 {
            return busy(503, chance.is_multiple_of(2).then_some(chance % 7));
        }
        if mood == Mood::Throttling as u8 {
            return busy(429, Some(chance % 20));
        }
        let (user, session) = whose(&fields["assertion"]);
        let refused = if mood == Mood::Refusing as u8 { 30 } else { 1 };
        if chance % 100 < refused {
            return refuse(&ledger, session, asked.at, chance / 100);
        }
        grant(&ledger, fields, user, session, asked, chance / 100)
    });
}

fn grant(
    ledger: &Ledger,
    fields: &Fields,
    user: u32,
    session: u64,
    asked: Moment,
    chance: u64,
) -> (StatusCode, HeaderMap, Value) {
    let life = 240 + chance % 5000;
    let token = ledger.issue(Issue {
        user,
        session,
        scope: fields["scope"].clone(),
        claims: fields.get("claims").cloned().unwrap_or_default(),
        asked,
        expires_at: asked.at + SignedDuration::from_secs(i64::try_from(life).unwrap()),
    });
    let mut body = json!({"token_type": "Bearer", "expires_in": life, "access_token": token});
    if chance.is_multiple_of(3) {
        body["refresh_in"] = json!(life / 2);
    }
    (StatusCode::OK, HeaderMap::new(), body)
}

fn refuse(ledger: &Ledger, session: u64, at: Timestamp, chance: u64) -> (StatusCode, HeaderMap, Value) {
    let claims = r#"{"access_token":{"polids":{"essential":true,"values":["x"]}}}"#;
    let (code, body) = match chance % 4 {
        0 => ("invalid_token", json!({"error": "invalid_grant", "error_codes": [50173]})),
        1 => ("blocked_by_policy", json!({"error": "invalid_grant", "error_codes": [53003]})),
        2 => ("consent_required", json!({"error": "invalid_grant", "error_codes": [65001]})),
        _ => {
            ("claims_challenge", json!({"error": "invalid_grant", "error_codes": [50076], "claims": claims}))
        }
    };
    ledger.refuse(session, code, at);
    (StatusCode::BAD_REQUEST, HeaderMap::new(), body)
}

fn busy(status: u16, retry_after: Option<u64>) -> (StatusCode, HeaderMap, Value) {
    let mut headers = HeaderMap::new();
    if let Some(seconds) = retry_after {
        headers.insert("retry-after", seconds.into());
    }
    (StatusCode::from_u16(status).unwrap(), headers, json!({"error": "temporarily_unavailable"}))
}

/// User and session of an assertion.
fn whose(assertion: &str) -> (u32, u64) {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    let user = u32::from_str_radix(claims["oid"].as_str().unwrap().rsplit('-').next().unwrap(), 16).unwrap();
    (user, claims["uti"].as_str().unwrap().trim_start_matches("session-").parse().unwrap())
}
