//! Against a real Redis.

use std::time::Instant;

use identity::clock::{Clock as _, ManualClock};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;
use testkit::eventually;
use watched::Look;

use super::*;
use crate::cache::LocalCache;
use crate::cache::key::CacheKey;
use crate::cache::local::MAX_SILENCE;
use crate::error::{ExchangeError, Kind};
use crate::outcome::DownstreamToken;
use crate::testing::{NOW, RedisServer, RedisWay, cache_keys};

mod faults;
mod forgeries;
mod purges;

const SECRET: &str = "eyJ.a-secret-token.sig";
/// A busy machine is not an outage.
const UNUSABLE: &str = "broker_redis_unusable_total";
const PATIENCE: Duration = Duration::from_secs(10);

/// A replica: its memory, and its view of the shared cache.
pub(super) struct Replica {
    pub(super) shared: Arc<SharedCache>,
    local: Arc<LocalCache>,
    clock: Arc<ManualClock>,
    keeper: JoinHandle<()>,
    telemetry: telemetry::Metrics,
    dir: TempDir,
}

impl Replica {
    fn new(server: &RedisServer) -> Self {
        Self::with_keys(server, &cache_keys("k1", 1))
    }

    fn with_keys(server: &RedisServer, keys: &str) -> Self {
        Self::at(&server.url(), keys)
    }

    fn at(url: &str, keys: &str) -> Self {
        Self::waiting(url, keys, PATIENCE)
    }

    /// One that waits for so long for one answer of Redis.
    fn waiting(url: &str, keys: &str, timeout: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key_file = dir.path().join("keys.toml");
        std::fs::write(&key_file, keys).unwrap();
        let settings = SharedCacheSettings {
            url: url.parse().unwrap(),
            password_file: None,
            key_file,
            timeout,
            ca_file: None,
        };
        let clock = Arc::new(ManualClock::at(NOW));
        let telemetry = telemetry::Metrics::new("test").unwrap();
        let metrics = Metrics::new(&telemetry.meter("test"));
        let shared = SharedCache::new(&settings, Arc::<ManualClock>::clone(&clock), metrics).unwrap();
        let local = Arc::new(LocalCache::new(1024 * 1024, |_| {}));
        local.out_of_contact();
        let keeper = tokio::spawn(Arc::clone(&shared).keep(Arc::clone(&local)));
        Self { shared, local, clock, keeper, telemetry, dir }
    }

    pub(super) async fn up(server: &RedisServer) -> Self {
        let replica = Self::new(server);
        replica.is_up().await;
        // As if it had looked who there is for long.
        replica.shared.members().resume(NOW - members::REMEMBERED_FOR);
        replica
    }

    /// Waits until both know, and serve with, each other.
    async fn know_each_other(&self, other: &Self) {
        let knows = |one: &Self, other: &Self| {
            let counted = one.shared.members().heartbeat(NOW).counted;
            counted.iter().any(|(id, _)| *id == other.shared.replica)
                && one.shared.members().is_counted(one.clock.now())
        };
        eventually("both know each other", async || knows(self, other) && knows(other, self)).await;
    }

    async fn is_up(&self) {
        eventually("the link is up", async || self.shared.is_up()).await;
    }

    /// Looks for an outcome, as one who has not waited yet.
    async fn claim(&self, place: &Place) -> Claim {
        self.shared.claim(place, &mut Wait::begin()).await
    }

    async fn granted(&self, place: &Place) -> Ticket {
        match self.claim(place).await {
            Claim::Granted(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    /// Leaves a token at a place, and waits until it is there.
    async fn leaves(&self, place: &Place) {
        let ticket = self.granted(place).await;
        self.shared.finish(ticket, &token(), Some(terms()));
        self.finds(place).await;
    }

    async fn finds(&self, place: &Place) -> DownstreamToken {
        let mut found = None;
        eventually("the outcome is there", async || {
            if let Claim::Found(outcome) = self.claim(place).await {
                found = Some(outcome.outcome.unwrap());
            }
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    async fn remembers(&self, place: &Place) {
        self.local.put(*place, token(), terms(), NOW, self.local.asked(NOW)).await;
    }

    /// Whether its operator can see that somebody else writes to Redis.
    fn reports_forgery(&self) -> bool {
        let metrics = self.telemetry.render();
        metrics.lines().any(|line| line.starts_with(UNUSABLE) && line.contains(r#"cause="forged""#))
    }

    async fn holds(&self, place: &Place) -> bool {
        self.local.get(place, self.clock.now()).await.is_some()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

fn place(user: u8, name: &str) -> Place {
    Place { key: CacheKey::of(&[&[user], name.as_bytes()]), user: UserKey::from_bytes([user; 32]) }
}

#[expect(clippy::unnecessary_wraps, reason = "an outcome is what the cache holds")]
fn token() -> Outcome {
    Ok(DownstreamToken::sample(SECRET, NOW + SignedDuration::from_mins(75)))
}

fn terms() -> Terms {
    Terms { fresh_until: NOW + SignedDuration::from_mins(30), refresh_at: None }
}

#[tokio::test]
async fn what_one_replica_leaves_another_finds_at_that_place_only() {
    let server = RedisServer::start();
    let (a, b) = (Replica::up(&server).await, Replica::up(&server).await);
    a.leaves(&place(1, "x")).await;

    assert_eq!(b.finds(&place(1, "x")).await.access_token.expose_secret(), SECRET);
    for other in [place(2, "x"), place(1, "y")] {
        b.granted(&other).await;
    }
}

#[tokio::test]
async fn one_replica_gets_an_outcome_and_the_others_wait_for_it() {
    let server = RedisServer::start();
    let (a, b) = (Replica::up(&server).await, Replica::up(&server).await);
    let ticket = a.granted(&place(1, "x")).await;
    assert!(matches!(b.claim(&place(1, "x")).await, Claim::Taken));
    assert!(matches!(b.shared.claim_anew(&place(1, "x")).await, Claim::Taken));

    a.shared.finish(ticket, &token(), Some(terms()));
    b.finds(&place(1, "x")).await;

    let ticket = a.granted(&place(1, "y")).await;
    let outage = Err(ExchangeError::from(Kind::IdentityProviderUnavailable { retry_after: None }));
    a.shared.finish(ticket, &outage, Some(terms()));
    eventually("b has its turn", async || matches!(b.claim(&place(1, "y")).await, Claim::Granted(_))).await;
}

#[tokio::test]
async fn after_an_outage_nobody_waits_for_anybody() {
    let server = RedisServer::start();
    let (a, b) = (Replica::up(&server).await, Replica::up(&server).await);
    let mine = place(1, "x");
    let outage = Err(ExchangeError::from(Kind::IdentityProviderUnavailable { retry_after: None }));
    a.shared.finish(a.granted(&mine).await, &outage, Some(terms()));
    let mut first = None;
    eventually("b has its turn", async || {
        if let Claim::Granted(ticket) = b.claim(&mine).await {
            first = Some(ticket);
        }
        first.is_some()
    })
    .await;
    // Side by side, and what the first of them gets is everybody's.
    let second = a.granted(&mine).await;
    b.shared.finish(first.unwrap(), &token(), Some(terms()));
    a.finds(&mine).await;
    a.shared.finish(second, &outage, Some(terms()));
    a.finds(&mine).await;
    assert!(
        !a.reports_forgery() && !b.reports_forgery(),
        "the mark of an outage is no lease that somebody made up"
    );
}

#[tokio::test]
async fn a_token_that_was_challenged_does_not_come_back() {
    let server = RedisServer::start();
    let (a, b) = (Replica::up(&server).await, Replica::up(&server).await);
    let mine = place(1, "x");
    let token = |text: &str| Ok(DownstreamToken::sample(text, NOW + SignedDuration::from_mins(75)));
    let before = a.granted(&mine).await;
    let challenged = b.shared.forget(&mine).await.unwrap();
    a.shared.finish(before, &token("the challenged one"), Some(terms()));
    time::sleep(Duration::from_millis(100)).await;
    assert!(matches!(a.claim(&mine).await, Claim::Taken), "the better one is waited for");

    let late = b.shared.forget(&mine).await.unwrap();
    b.shared.finish(challenged, &token("challenged once more"), Some(terms()));
    b.shared.finish(late, &token("the new one"), Some(terms()));

    assert_eq!(a.finds(&mine).await.access_token.expose_secret(), "the new one");
    // Refused, the turn is given back.
    let refused = b.shared.forget(&mine).await.unwrap();
    b.shared.finish(refused, &Err(Kind::AppOnlyToken.into()), None);
    eventually("a has its turn", async || matches!(a.claim(&mine).await, Claim::Granted(_))).await;
}

#[tokio::test]
async fn a_replica_that_dies_is_waited_for_only_as_long_as_its_lease() {
    let server = RedisServer::start();
    let (a, b) = (Replica::up(&server).await, Replica::up(&server).await);
    let ticket = a.granted(&place(1, "x")).await;
    // Dropped without a word: nobody prolongs the lease any more.
    drop(ticket);
    let started = Instant::now();
    eventually("b has its turn", async || matches!(b.claim(&place(1, "x")).await, Claim::Granted(_))).await;
    assert!(started.elapsed() < LEASE + Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_lease_is_prolonged_while_the_exchange_takes_its_time() {
    let server = RedisServer::start();
    let (a, b) = (Replica::up(&server).await, Replica::up(&server).await);
    let ticket = a.granted(&place(1, "x")).await;
    // More than once, and for one who waits: whose lease it is, is known.
    let until = Instant::now() + LEASE + RENEW_EVERY * 2;
    let mut wait = Wait::begin();
    while Instant::now() < until {
        assert!(matches!(b.shared.claim(&place(1, "x"), &mut wait).await, Claim::Taken));
        time::sleep(Duration::from_millis(100)).await;
    }
    drop(ticket);
}

#[tokio::test]
async fn clocks_a_little_apart_lengthen_no_life() {
    let server = RedisServer::start();
    let (a, b) = (Replica::up(&server).await, Replica::up(&server).await);
    a.leaves(&place(1, "x")).await;
    for (behind, usable) in [(30, true), (70, false)] {
        b.clock.advance(SignedDuration::from_secs(-behind));
        match (b.claim(&place(1, "x")).await, usable) {
            (Claim::Found(found), true) => {
                assert_eq!(found.terms.fresh_until, b.clock.now() + MAX_LIFE);
            }
            (Claim::Granted(_), false) => {}
            other => panic!("{behind}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn nothing_in_redis_can_be_read() {
    let server = RedisServer::start();
    let a = Replica::up(&server).await;
    let mine = place(7, "x");
    a.leaves(&mine).await;
    a.shared.purge(&mine.user).await;
    a.leaves(&mine).await;

    let keys: Vec<Vec<u8>> = server.run(&[b"KEYS", b"*"]);
    assert!(keys.len() >= 5, "entry, generation, log, confirmations and replicas");
    for key in keys {
        let dump: Vec<u8> = server.run(&[b"DUMP", &key]);
        for hidden in [SECRET.as_bytes(), &[7; 32], &mine.key.as_bytes()[..], b"access_token", b"fresh_until"]
        {
            let contains = |bytes: &[u8]| bytes.windows(hidden.len()).any(|window| window == hidden);
            assert!(!contains(&dump) && !contains(&key), "{}", String::from_utf8_lossy(&key));
        }
    }
}

#[tokio::test]
async fn keys_are_rotated_without_a_miss() {
    let server = RedisServer::start();
    let a = Replica::up(&server).await;
    a.leaves(&place(1, "x")).await;
    let both = format!("{}{}", cache_keys("k2", 2), cache_keys("k1", 1).lines().last().unwrap());
    let b = Replica::with_keys(&server, &both);
    b.is_up().await;
    b.finds(&place(1, "x")).await;
    b.leaves(&place(1, "y")).await;
    // One that does not have the new key yet gets its own.
    drop(a.granted(&place(1, "y")).await);

    std::fs::write(a.dir.path().join("keys.toml"), &both).unwrap();
    while a.shared.keys.look() != Look::Replaced {}
    eventually("a opens it too", async || matches!(a.claim(&place(1, "y")).await, Claim::Found(_))).await;
}

#[tokio::test]
async fn names_do_not_change_while_a_replica_runs() {
    let server = RedisServer::start();
    let (a, b) = (Replica::up(&server).await, Replica::up(&server).await);
    let mine = place(1, "x");
    b.remembers(&mine).await;
    let file = b.dir.path().join("keys.toml");
    let keys = cache_keys("k1", 1);
    let (_, others) = keys.split_once('\n').unwrap();
    let other_names = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [7; 32]);
    std::fs::write(&file, format!("names = \"{other_names}\"\n{others}")).unwrap();
    assert_eq!([b.shared.keys.look(), b.shared.keys.look()], [Look::Pending, Look::Kept]);

    assert_eq!(a.shared.purge(&mine.user).await, Purged::By(NOW));

    assert!(!b.holds(&mine).await, "it hears of purges");
    std::fs::write(&file, keys).unwrap();
    while b.shared.keys.look() != Look::Replaced {}
}
