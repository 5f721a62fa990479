//! A Redis as it is run in earnest: TLS with an authority of its own, an ACL user, a password in a file.

use std::net::TcpListener;

use proto::v1::TokenSource;
use telemetry::testing::Captured;
use testkit::{Authority, RedisServer, cache_keys, eventually};

use crate::support::{ALICE, Broker, Entra};

const PASSWORD: &str = "correct-horse-battery-staple";
/// No more rights than docs/shared-cache.md names.
const RIGHTS: [&str; 8] = [
    "~token-broker:*",
    "-@all",
    "+@read",
    "+@write",
    "+@scripting",
    "+@transaction",
    "+@connection",
    "+time",
];

/// A Redis that speaks TLS to user `broker`, and its URL.
fn server(entra: &Entra, authority: &Authority) -> (RedisServer, String) {
    let file = |name: &str, text: &str| {
        let path = entra.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = authority.issue("localhost").pems();
    let (certificate, key, ca) =
        (file("redis.pem", &certificate), file("redis.key", &key), file("redis-ca.pem", &authority.pem()));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let password = format!(">{PASSWORD}");
    let mut flags = vec!["--tls-port", &port, "--tls-cert-file", &certificate, "--tls-key-file", &key];
    flags.extend(["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"]);
    flags.extend(["--user", "broker", "on", &password]);
    flags.extend(RIGHTS);
    (RedisServer::start_with(&flags), format!("rediss://broker@localhost:{port}"))
}

async fn broker(entra: &Entra, url: &str, password: &str) -> Broker {
    let file = |name: &str, text: &str| {
        let path = entra.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (keys, password) = (file("keys.toml", &cache_keys("k1", 1)), file("password", password));
    let ca = entra.dir.path().join("trusted.pem").display().to_string();
    let flags = ["--redis-url", url, "--cache-key-file", &keys, "--redis-password-file", &password];
    let more = ["--redis-timeout", "10000", "--redis-ca-file", &ca];
    // Without the last two, the system's authorities.
    let more = if std::path::Path::new(&ca).exists() { &more[..] } else { &more[..2] };
    Broker::start_with(entra.config(&[&flags[..], more].concat())).await
}

/// Trusts an authority for Redis, and for nothing else.
fn trust(entra: &Entra, authority: &Authority) {
    std::fs::write(entra.dir.path().join("trusted.pem"), authority.pem()).unwrap();
}

async fn is_up(broker: &Broker) -> bool {
    let metrics = broker.admin("/metrics").await;
    metrics.lines().any(|line| line.starts_with("broker_redis_up") && line.ends_with(" 1"))
}

#[tokio::test]
async fn tls_and_a_user_of_few_rights_are_enough() {
    let (entra, authority) = (Entra::start().await, Authority::new());
    let (_server, url) = server(&entra, &authority);
    trust(&entra, &authority);
    let (a, b) = (broker(&entra, &url, PASSWORD).await, broker(&entra, &url, PASSWORD).await);
    for broker in [&a, &b] {
        broker.shares().await;
    }
    let assertion = entra.token(ALICE);
    assert_eq!(a.exchange(&assertion).await.unwrap().source(), TokenSource::Entra);
    assert_eq!(b.exchange(&assertion).await.unwrap().source(), TokenSource::Cache);
    assert_eq!(entra.count(), 1);
    let request = proto::v1::PurgeUserRequest {
        tenant_id: crate::support::TENANT.to_owned(),
        user_oid: ALICE.to_owned(),
    };
    b.client.clone().purge_user(request).await.unwrap();
    assert_eq!(a.exchange(&assertion).await.unwrap().source(), TokenSource::Entra);
}

#[tokio::test]
async fn with_a_wrong_password_it_goes_on_without_and_says_so_once() {
    let logs = Captured::install("info");
    let (entra, authority) = (Entra::start().await, Authority::new());
    let (server, url) = server(&entra, &authority);
    trust(&entra, &authority);
    let broker = broker(&entra, &url, "wrong-horse").await;
    let refused = || {
        let errors: String = server.run(&[b"INFO", b"errorstats"]);
        let count = errors.lines().find_map(|line| line.strip_prefix("errorstat_WRONGPASS:count="));
        count.map_or(0, |count| count.trim().parse::<u32>().unwrap())
    };
    eventually("it has tried a few times", async || refused() >= 3).await;
    assert!(!is_up(&broker).await);
    assert_eq!(broker.exchange(&entra.token(ALICE)).await.unwrap().source(), TokenSource::Entra);
    let text = logs.logs();
    assert_eq!(text.matches("the shared cache cannot be used").count(), 1, "{text}");
    assert!(!text.contains("wrong-horse"));

    // The file is read at each connect.
    std::fs::write(entra.dir.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    eventually("the new password is in use", async || is_up(&broker).await).await;
}

#[tokio::test]
async fn a_redis_of_an_authority_that_is_not_for_it_gets_nothing() {
    let (entra, authority) = (Entra::start().await, Authority::new());
    let (server, url) = server(&entra, &authority);
    // The authority of Entra ID is none of Redis.
    let path = entra.dir.path().join("ca.pem");
    let both = std::fs::read_to_string(&path).unwrap() + &authority.pem();
    std::fs::write(path, both).unwrap();
    let broker = broker(&entra, &url, PASSWORD).await;
    assert_eq!(broker.exchange(&entra.token(ALICE)).await.unwrap().source(), TokenSource::Entra);
    assert!(!is_up(&broker).await);
    let keys: Vec<String> = server.run(&[b"KEYS", b"*"]);
    assert!(keys.is_empty());
}
