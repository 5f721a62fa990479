//! A heartbeat as a broker of long ago would have left it, made anew from what it is said to hold: nothing here is the code
//! under test.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use testkit::RedisServer;

/// As if a replica that knew of all others for years had just left in good order: whoever looks from `now` on knows who
/// there is. Under the names of [`testkit::cache_keys`]; tells whether there is a list to write it on.
pub(crate) fn vouch_for_the_list(server: &RedisServer, now: Timestamp) -> bool {
    let lists: Vec<Vec<u8>> = server.run(&[b"KEYS", b"*:replicas"]);
    let [list] = &lists[..] else { return false };
    let id = [0xfe; 16];
    let mut said = vec![1, 1];
    said.extend_from_slice(&now.as_millisecond().to_be_bytes());
    said.extend_from_slice(&0_i64.to_be_bytes());
    let tag = tag_of(&[b"heartbeat", &id, &said]);
    said.extend_from_slice(tag.as_ref());
    server.run::<i64>(&[b"HSET", list, "fe".repeat(16).as_bytes(), &said]);
    true
}

/// Whether each replica that is there has read that.
pub(crate) fn is_vouched_for(server: &RedisServer) -> bool {
    let lists: Vec<Vec<u8>> = server.run(&[b"KEYS", b"*:replicas"]);
    let said = lists.iter().flat_map(|list| server.run::<Vec<Vec<u8>>>(&[b"HVALS", list]));
    said.into_iter().all(|said| said[1] == 1 || said[10..18] == [0; 8])
}

/// A broker's tag, as RFC 2104 and the key file make it.
fn tag_of(what: &[&[u8]]) -> hmac::Tag {
    let signed = |key: &[u8], what: &[&[u8]]| {
        let mut bytes = Vec::new();
        for part in what {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &bytes)
    };
    signed(signed(&[0; 32], &[b"tags"]).as_ref(), what)
}
