//! The chain: each record holds its number, the hash of the one before, and a hash over its own bytes.
//!
//! `{"v":1,"chain":…,"seq":7,"prev":"…",…,"hash":"…"}`: `hash` is the SHA-256 of all that stands before `,"hash":"`, to
//! the byte. So nobody has to write a record again to check it, and no other spelling of the same JSON passes.

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::head::Head;
use crate::record::{Body, VERSION};

/// What stands before the hash of a record.
pub(crate) const HASH_MARK: &str = r#","hash":""#;
/// `prev` of the first record.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// The longest record, its end of line included: what writers of container logs take in one piece.
pub(crate) const MAX_RECORD_BYTES: usize = 8 * 1024;

/// One process's chain, as it grows.
#[derive(Debug)]
pub(crate) struct Chain {
    id: Uuid,
    service: &'static str,
    next: u64,
    prev: String,
}

#[derive(Serialize)]
struct Record<'a> {
    v: u8,
    chain: Uuid,
    seq: u64,
    prev: &'a str,
    time: Timestamp,
    service: &'static str,
    #[serde(flatten)]
    body: &'a Body,
}

impl Chain {
    /// A chain that nobody else has.
    pub(crate) fn new(service: &'static str) -> Self {
        Self { id: Uuid::new_v4(), service, next: 0, prev: NOTHING.to_owned() }
    }

    /// Appends the next record to `lines`.
    ///
    /// # Errors
    /// If it cannot be written as JSON, or would be too long; then the chain has not grown.
    pub(crate) fn seal(
        &mut self,
        time: Timestamp,
        body: &Body,
        lines: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let (seq, prev) = (self.next, self.prev.as_str());
        let record = Record { v: VERSION, chain: self.id, seq, prev, time, service: self.service, body };
        let mut line = serde_json::to_vec(&record)?;
        line.pop(); // The brace comes back behind the hash.
        let hash = hash(&line);
        line.extend_from_slice(HASH_MARK.as_bytes());
        line.extend_from_slice(hash.as_bytes());
        line.extend_from_slice(b"\"}\n");
        if line.len() > MAX_RECORD_BYTES {
            return Err(SealError::TooLong);
        }
        (self.next, self.prev) = (seq + 1, hash);
        lines.extend_from_slice(&line);
        Ok(())
    }

    /// The last record, if there is one.
    pub(crate) fn head(&self) -> Option<Head> {
        let seq = self.next.checked_sub(1)?;
        Some(Head { chain: self.id, seq, hash: self.prev.clone() })
    }
}

/// A record that cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    /// It is not JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is too long.
    #[error("a record is longer than 8 KiB")]
    TooLong,
}

/// What a line says of its place, where the line is as it was written.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) chain: Uuid,
    pub(crate) seq: u64,
    pub(crate) prev: String,
    pub(crate) kind: String,
    pub(crate) hash: String,
    after_chain: Option<Uuid>,
    after_seq: Option<u64>,
    after_hash: Option<String>,
}

impl Sealed {
    /// Reads a line without its end, if it is a record whose hash fits.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let mark = HASH_MARK.as_bytes();
        let at = line.windows(mark.len()).rposition(|window| window == mark)?;
        let (body, rest) = line.split_at(at);
        let stated = rest.strip_prefix(mark)?.strip_suffix(b"\"}")?;
        if stated != hash(body).as_bytes() {
            return None;
        }
        serde_json::from_slice(line).ok()
    }

    /// The place of this record.
    pub(crate) fn head(&self) -> Head {
        Head { chain: self.chain, seq: self.seq, hash: self.hash.clone() }
    }

    /// The record that it was written behind, if it began a chain behind another.
    pub(crate) fn after(&self) -> Option<Head> {
        let (chain, seq, hash) = (self.after_chain?, self.after_seq?, self.after_hash.clone()?);
        Some(Head { chain, seq, hash })
    }

    /// Whether it follows on the record with this hash.
    pub(crate) fn follows(&self, hash: &str) -> bool {
        self.prev == hash
    }

    /// Whether it may begin a chain.
    pub(crate) fn follows_nothing(&self) -> bool {
        self.prev == NOTHING
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{Call, Outcome, Person};
    use crate::text::Text;

    fn outcome(words: &[String]) -> Body {
        let word = |place: usize| words[place % words.len()].as_str();
        let person = Person { tenant: Uuid::max(), oid: Uuid::max(), client: Some(Uuid::max()) };
        let what = Call::new("tools/call").by(person).tool(word(0)).resource(word(1)).of_consumer(word(2));
        let what = what.subscription(Some(Uuid::max())).trace(Some(word(3)));
        let outcome = Outcome::new(word(4)).bytes(Some(u64::MAX)).rows(Some(u64::MAX));
        let outcome = outcome.requests(words.iter().map(String::as_str));
        Body::Outcome { call: u64::MAX, what, outcome, ms: u64::MAX }
    }

    proptest! {
        #[test]
        fn whatever_it_says_a_record_is_one_short_line_that_fits_its_hash(
            words in proptest::collection::vec(any::<String>(), 1..40),
            stretch in 1_usize..200,
        ) {
            let words: Vec<_> = words.iter().map(|word| word.repeat(stretch)).collect();
            let (mut chain, mut line) = (Chain::new("gateway"), Vec::new());
            chain.seal(Timestamp::MAX, &outcome(&words), &mut line).unwrap();
            prop_assert!(line.len() <= MAX_RECORD_BYTES, "{}", line.len());
            prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
            let sealed = Sealed::read(line.strip_suffix(b"\n").unwrap()).unwrap();
            prop_assert_eq!(sealed.head(), chain.head().unwrap());
        }

        #[test]
        fn no_byte_of_a_record_can_be_another_one(at in any::<prop::sample::Index>(), other in 1_u8..=255) {
            let (mut chain, mut line) = (Chain::new("gateway"), Vec::new());
            chain.seal(Timestamp::UNIX_EPOCH, &outcome(&["x".to_owned()]), &mut line).unwrap();
            line.pop();
            let at = at.index(line.len());
            line[at] ^= other;
            prop_assert!(Sealed::read(&line).is_none(), "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn the_longest_record_there_can_be_is_written() {
        let worst = "\"".repeat(10_000);
        let (mut chain, mut line) = (Chain::new("token-broker"), Vec::new());
        chain.seal(Timestamp::MAX, &outcome(&vec![worst; 20]), &mut line).unwrap();
        assert!(line.len() > 4096, "{}: nothing was tried", line.len());
    }

    #[test]
    fn records_follow_each_other_and_the_first_follows_nothing() {
        let (mut chain, mut lines) = (Chain::new("gateway"), Vec::new());
        assert_eq!(chain.head(), None);
        let start = Body::Start { version: Text::new("1"), config: Text::new("c"), after: None };
        for body in [start, Body::End {}] {
            chain.seal(Timestamp::UNIX_EPOCH, &body, &mut lines).unwrap();
        }
        let lines: Vec<_> = lines.split(|byte| *byte == b'\n').filter_map(Sealed::read).collect();
        assert!(lines[0].follows_nothing() && lines[1].follows(&lines[0].hash));
        assert_eq!([lines[0].seq, lines[1].seq], [0, 1]);
        assert_eq!([lines[0].kind.as_str(), lines[1].kind.as_str()], ["start", "end"]);
    }
}
