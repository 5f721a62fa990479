//! One million tokens: what they take, and whether the cache knows. `make bench` runs it in release.

use std::hint::black_box;

use super::*;
use crate::testing::NOW;

const ENTRIES: u64 = 1_000_000;
/// About the length of a user's token for Azure Resource Manager.
const TOKEN_BYTES: usize = 1843;
const LOOKS: u64 = 1_000_000;

fn place(number: u64) -> Place {
    let bytes = number.to_le_bytes();
    let mut user = [0; 32];
    user[..8].copy_from_slice(&bytes);
    Place { key: CacheKey::of(&[&bytes]), user: UserKey::from_bytes(user) }
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
#[tokio::test]
#[ignore = "takes 2.5 GiB and half a minute; `make bench` runs it"]
async fn a_million_tokens_take_what_the_cache_says() {
    let cache = LocalCache::new(u64::MAX, |_| {});
    let token = "t".repeat(TOKEN_BYTES);
    let terms = Terms { fresh_until: NOW + MAX_LIFE, refresh_at: Some(NOW) };
    let before = resident();
    let started = Instant::now();
    for number in 0..ENTRIES {
        let outcome = Ok(DownstreamToken::sample(&token, NOW + MAX_LIFE * 2));
        cache.put(place(number), outcome, terms, NOW, cache.asked(NOW)).await;
    }
    let filled = started.elapsed();
    cache.entries.run_pending_tasks().await;
    assert_eq!(cache.len(), ENTRIES);
    let (grown, weighed) = (resident() - before, cache.bytes());

    let mut nanoseconds = Vec::with_capacity(10_000);
    let started = Instant::now();
    for look in 0..LOOKS {
        // A stride that meets them all, in an order that no cache line helps.
        let place = place(look * 611_953 % ENTRIES);
        let one = Instant::now();
        assert!(black_box(cache.get(&place, NOW).await).is_some());
        if look % (LOOKS / 10_000) == 0 {
            nanoseconds.push(one.elapsed().as_nanos());
        }
    }
    let looked = started.elapsed();
    nanoseconds.sort_unstable();

    let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    println!("{ENTRIES} tokens of {TOKEN_BYTES} bytes, put in {filled:.1?}");
    println!("resident memory grew by {:.0} MiB: {} bytes an entry", mib(grown), grown / ENTRIES);
    println!("the cache says {:.0} MiB: {} bytes an entry", mib(weighed), weighed / ENTRIES);
    println!(
        "a look: {:.2} µs with the naming of the place, p50 {} ns, p99 {} ns",
        looked.as_secs_f64() * 1e6 / LOOKS as f64,
        nanoseconds[5_000],
        nanoseconds[9_900],
    );
    let honest = weighed as f64 / grown as f64;
    assert!((0.9..=1.1).contains(&honest), "ENTRY_OVERHEAD_BYTES is wrong: {honest:.2} of what it takes");
}
