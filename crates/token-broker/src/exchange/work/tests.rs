use identity::clock::ManualClock;
use identity::outbound::{OutboundArgs, OutboundError};
use tempfile::TempDir;
use testkit::eventually;

use super::*;
use crate::application::Application;
use crate::cache::{CacheKey, LocalCache, SharedCacheSettings, UserKey};
use crate::credential::{Credential, CredentialConfig};
use crate::error::Kind;
use crate::testing::{self, NOW, RedisServer, cache_keys};

/// An Entra ID that takes connections and says nothing.
struct Silent {
    work: Work,
    _listener: std::net::TcpListener,
    dir: TempDir,
}

impl Silent {
    fn with_deadline(deadline: Duration) -> Result<Self, OutboundError> {
        let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let certificate = dir.path().join("app.pem");
        std::fs::write(&certificate, testing::key_and_cert().pem()).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let id = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
        let application = Application {
            tenant: id.parse().unwrap(),
            client_id: id.parse().unwrap(),
            authority: authority.parse().unwrap(),
            token_exchange_audience: String::new(),
        };
        let settings = CredentialConfig::Certificate { path: certificate, password_file: None };
        let clock: SharedClock = Arc::new(ManualClock::at(NOW));
        let metrics = Metrics::new(&opentelemetry::global::meter("test"));
        let entra = Entra::new(
            OutboundArgs::default().client()?,
            &application,
            Arc::new(Credential::load(&settings, &application, &clock).unwrap()),
            Vec::new(),
            Arc::clone(&clock),
            metrics.clone(),
        );
        let caches = Caches { local: Arc::new(LocalCache::new(1024 * 1024, |_| {})), shared: None };
        let work = Work { deadline, ..Work::new(caches, Arc::new(entra), clock, metrics) };
        Ok(Self { work, _listener: listener, dir })
    }
}

fn job() -> Job {
    let place = Place { key: CacheKey::of(&[b"x"]), user: UserKey::from_bytes([1; 32]) };
    Job {
        place,
        plain: place,
        assertion: BearerToken::parse("a.b.c").unwrap(),
        assertion_expires_at: NOW + SignedDuration::from_mins(60),
        resource: Resource { name: "arm".into(), scope: "s".into(), permission: "p".into() },
        claims: None,
        admission: None,
    }
}

#[tokio::test]
async fn work_ends_in_time_with_a_reason_that_is_remembered_for_a_moment() {
    let silent = Silent::with_deadline(Duration::from_millis(300)).unwrap();
    let started = Instant::now();
    for _ in 0..20 {
        let (outcome, _) = silent.work.clone().first(job()).await;
        assert!(matches!(outcome.unwrap_err().kind(), Kind::IdentityProviderUnavailable { .. }));
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}: Entra ID is asked once", started.elapsed());
}

#[tokio::test]
async fn a_refresh_that_takes_too_long_leaves_the_token() {
    let silent = Silent::with_deadline(Duration::from_millis(100)).unwrap();
    let (job, local) = (job(), Arc::clone(&silent.work.caches.local));
    let (place, token) = (job.place, crate::outcome::DownstreamToken::sample("t", job.assertion_expires_at));
    let terms = Terms { fresh_until: NOW + SignedDuration::from_mins(5), refresh_at: Some(NOW) };
    local.put(place, Ok(token), terms, NOW, local.asked(NOW)).await;
    assert!(silent.work.clone().refresh(job).await.0.is_err());
    let hit = local.get(&place, NOW).await.unwrap();
    assert!(hit.outcome.is_ok() && !hit.is_due(NOW));
}

/// A cache that this one shares with others.
async fn shared(server: &RedisServer, silent: &Silent) -> Arc<SharedCache> {
    let key_file = silent.dir.path().join("keys.toml");
    std::fs::write(&key_file, cache_keys("k1", 1)).unwrap();
    let settings = SharedCacheSettings {
        url: server.url().parse().unwrap(),
        password_file: None,
        key_file,
        timeout: Duration::from_secs(10),
        ca_file: None,
    };
    let (clock, metrics) = (Arc::clone(&silent.work.clock), silent.work.metrics.clone());
    let shared = SharedCache::new(&settings, clock, metrics).unwrap();
    tokio::spawn(Arc::clone(&shared).keep(Arc::clone(&silent.work.caches.local)));
    eventually("Redis answers", async || shared.is_up()).await;
    shared
}

#[tokio::test]
async fn a_refresh_takes_what_another_has_refreshed_and_nothing_that_is_due_itself() {
    let (server, silent) = (RedisServer::start(), Silent::with_deadline(Duration::from_secs(1)).unwrap());
    let shared = shared(&server, &silent).await;
    let fresh_until = NOW + SignedDuration::from_mins(30);
    for (name, refresh_at, is_taken) in [
        ("soon", Some(NOW + SignedDuration::from_secs(1)), true),
        ("never", None, true),
        ("now", Some(NOW), false),
    ] {
        let place = Place { key: CacheKey::of(&[name.as_bytes()]), user: UserKey::from_bytes([1; 32]) };
        let claim = async || shared.claim(&place, &mut Wait::begin()).await;
        let Claim::Granted(ticket) = claim().await else { panic!("nobody else is at it") };
        let token = crate::outcome::DownstreamToken::sample("t", fresh_until);
        shared.finish(ticket, &Ok(token), Some(Terms { fresh_until, refresh_at }));
        eventually("the other has left it", async || matches!(claim().await, Claim::Found(_))).await;

        let job = Job { place, ..job() };
        let asked = silent.work.caches.local.asked(NOW);
        match silent.work.turn_to_refresh(&job, asked, &shared).await {
            Turn::Done(outcome) => assert!(is_taken && outcome.is_ok(), "{name}"),
            Turn::Ours(ticket) => assert!(!is_taken && ticket.is_some(), "{name}"),
            Turn::Theirs => panic!("{name}"),
        }
    }
}

#[tokio::test]
async fn looks_become_rarer() {
    let (started, mut pause) = (Instant::now(), LOOK_AFTER);
    let mut pauses = Vec::new();
    for _ in 0..5 {
        pause = look_after(pause).await;
        pauses.push(pause.as_millis());
    }
    assert_eq!(pauses, [50, 100, 200, 250, 250]);
    assert!(started.elapsed() >= Duration::from_millis((25 + 50 + 100 + 200 + 250) / 2));
    assert!((0..100).all(|_| (pause / 2..=pause).contains(&about(pause))));
}
