//! What an entry takes in a real Redis. `make bench` runs it in release.

use futures::{StreamExt as _, stream};

use super::tests::Replica;
use super::*;
use crate::cache::key::CacheKey;
use crate::outcome::DownstreamToken;
use crate::testing::{NOW, RedisServer};

const ENTRIES: u64 = 100_000;
const TOKEN_BYTES: usize = 1843;

#[tokio::test]
#[ignore = "takes a while; `make bench` runs it"]
async fn entries_take_what_is_documented() {
    let server = RedisServer::start();
    let replica = Replica::up(&server).await;
    let memory = || -> u64 {
        let info: String = server.run(&[b"INFO", b"memory"]);
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
        line.parse().unwrap()
    };
    let token = Ok(DownstreamToken::sample(&"t".repeat(TOKEN_BYTES), NOW + MAX_LIFE * 2));
    let terms = Terms { fresh_until: NOW + MAX_LIFE, refresh_at: None };
    let before = memory();
    let started = Instant::now();
    stream::iter(0..ENTRIES)
        .for_each_concurrent(64, async |number| {
            let mut user = [0; 32];
            user[..8].copy_from_slice(&number.to_le_bytes());
            let place = Place { key: CacheKey::of(&[&user]), user: UserKey::from_bytes(user) };
            let Claim::Granted(ticket) = replica.shared.claim(&place, &mut Wait::begin()).await else {
                panic!("no turn")
            };
            replica.shared.finish(ticket, &token, Some(terms));
        })
        .await;
    // Each user has an entry and a generation; leases have gone.
    while server.run::<u64>(&[b"DBSIZE"]) != 2 * ENTRIES + 1 {
        time::sleep(Duration::from_millis(20)).await;
    }
    let grown = memory() - before;
    println!("{ENTRIES} users with a token of {TOKEN_BYTES} bytes each, left in {:.1?}", started.elapsed());
    println!("Redis says {} bytes a user", grown / ENTRIES);
    assert!((2_000..3_500).contains(&(grown / ENTRIES)), "docs/shared-cache.md says otherwise");
}
