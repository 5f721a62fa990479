//! The log of purges, by which a purge reaches every replica.
//!
//! It is a Redis stream that every replica reads four times a second, with a heartbeat at each look. An entry names the
//! user under seal, and holds a nonce that nobody else knows. Whoever has dropped the user's tokens confirms with a tag
//! over the nonce and its own id: so nobody can confirm who has not read the entry, nor for another replica. A replica
//! that cannot look stops serving from its memory what is older than [`FENCE`], so a purge holds everywhere by then, also
//! where nobody can be told.
//!
//! That a purge holds at once is said only where it is proved: everybody who may serve anything of before is known
//! ([`Members`]), and each of them has confirmed.
//!
//! [`FENCE`]: crate::cache::local::FENCE
//! [`Members`]: super::members::Members

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use uuid::Uuid;

use super::heartbeat::{Heartbeat, Unheard};
use super::members::{MAX_MEMBERS, is_remembered};
use super::names::Names;
use super::new_random;
use super::scripts::BEAT;
use super::seal::SealingKeys;
use crate::cache::UserKey;
use crate::cache::terms::MAX_LIFE;
/// How often the log is looked at.
pub(super) const BEAT_EVERY: Duration = Duration::from_millis(250);
/// Entries read at once.
const PAGE: usize = 1000;
/// Purges the log holds, about; and none that is older than any entry could be.
const MAX_LENGTH: usize = 10_000;
const CONTEXT: &[&[u8]] = &[b"purge"];
/// How long confirmations are kept: longer than anybody waits for them.
const CONFIRMATIONS_MS: usize = 30_000;

/// What only those know of a purge who have read its entry.
pub(super) type Nonce = [u8; 16];

/// A purge as the log has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) user: UserKey,
    /// What to confirm it by.
    pub(super) nonce: Nonce,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    milliseconds: u64,
    number: u64,
}

impl FromStr for Position {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (milliseconds, number) = text.split_once('-').unwrap_or((text, "0"));
        Ok(Self { milliseconds: milliseconds.parse()?, number: number.parse()? })
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.number)
    }
}

/// What one look brought.
pub(super) struct News {
    /// Redis did not know this replica, or not how far it has read: it is new, was silent for long, or Redis has lost its
    /// memory, all of it or the end of it.
    pub(super) unknown: bool,
    /// What brokers said.
    pub(super) heartbeats: Vec<(Uuid, Heartbeat)>,
    /// Whether there are brokers who are not understood.
    pub(super) others: bool,
    /// Under whose names nothing stands that is worth anything, and how many of these no broker can have written.
    pub(super) worthless: Vec<Vec<u8>>,
    pub(super) forged: usize,
    /// Whom to purge; `None` for an entry that does not open.
    pub(super) purged: Vec<Option<Entry>>,
    /// How far the log was read.
    pub(super) position: Position,
    /// Whether there may be more.
    pub(super) more: bool,
}

impl News {
    fn take_in(&mut self, keys: &SealingKeys, name: Vec<u8>, bytes: &[u8], now: Timestamp) {
        let heard = replica(&name).ok_or(Unheard::Forged);
        match heard.and_then(|replica| Ok((replica, Heartbeat::read(keys, replica, bytes)?))) {
            Ok((_, heartbeat)) if !is_remembered(heartbeat.said_at, now) => self.worthless.push(name),
            Ok(heard) => self.heartbeats.push(heard),
            Err(Unheard::OfAnotherVersion) => self.others = true,
            Err(Unheard::Forged) => {
                self.forged += 1;
                self.worthless.push(name);
            }
        }
    }
}

/// What to say with a look.
pub(super) struct Saying {
    pub(super) replica: Uuid,
    /// `None` looks only.
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) position: Position,
    /// Names in the list of replicas under which nothing stands that is worth anything.
    pub(super) worthless: Vec<Vec<u8>>,
}

/// Looks once at the log, from a position on, and at who there is.
pub(super) async fn beat(
    connection: &mut MultiplexedConnection,
    names: &Names,
    keys: &SealingKeys,
    saying: &Saying,
    now: Timestamp,
) -> RedisResult<News> {
    type Fields = HashMap<Vec<u8>, Vec<u8>>;
    type Entries = Vec<(String, Vec<Vec<u8>>)>;
    let heartbeat = saying.heartbeat.as_ref().map(|heartbeat| heartbeat.write(keys, saying.replica));
    let mut script = BEAT.prepare_invoke();
    script
        .key(names.log())
        .key(names.replicas())
        .arg(field(saying.replica))
        .arg(heartbeat.unwrap_or_default())
        .arg(saying.position.to_string())
        .arg(PAGE)
        .arg((MAX_LIFE * 2).as_millis())
        .arg(MAX_MEMBERS);
    for worthless in &saying.worthless {
        script.arg(worthless);
    }
    let (unknown, replicas, entries): (bool, Fields, Entries) = script.invoke_async(connection).await?;
    let more = entries.len() == PAGE;
    let read = entries.last().and_then(|(id, _)| id.parse().ok()).unwrap_or(saying.position);
    let purged = entries.iter().map(|(_, fields)| open(keys, fields)).collect();
    let mut news = News {
        unknown,
        heartbeats: Vec::new(),
        others: false,
        worthless: Vec::new(),
        forged: 0,
        purged,
        position: read,
        more,
    };
    for (name, bytes) in replicas {
        news.take_in(keys, name, &bytes, now);
    }
    Ok(news)
}

/// Leaves a last heartbeat.
pub(super) async fn leave(
    connection: &mut MultiplexedConnection,
    names: &Names,
    keys: &SealingKeys,
    replica: Uuid,
    last: &Heartbeat,
) -> RedisResult<()> {
    redis::cmd("HSET")
        .arg(names.replicas())
        .arg(field(replica))
        .arg(last.write(keys, replica))
        .query_async(connection)
        .await
}

/// Writes a purge into the log, and gives the user a new generation, in one step.
pub(super) async fn append(
    connection: &mut MultiplexedConnection,
    names: &Names,
    envelope: &[u8],
    user: &UserKey,
    generation: &[u8],
    generation_ms: u64,
) -> RedisResult<Position> {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    pipeline.cmd("SET").arg(names.generation(user)).arg(generation).arg("PX").arg(generation_ms).ignore();
    pipeline
        .cmd("XADD")
        .arg(names.log())
        .arg("MAXLEN")
        .arg("~")
        .arg(MAX_LENGTH)
        .arg("*")
        .arg("p")
        .arg(envelope);
    let (id,): (String,) = pipeline.query_async(connection).await?;
    id.parse().map_err(|_| (redis::ErrorKind::UnexpectedReturnType, "an entry's id is not an id").into())
}

/// Seals a purge for the log.
pub(super) fn seal(keys: &SealingKeys, entry: &Entry) -> Option<Vec<u8>> {
    keys.seal(CONTEXT, &[&entry.user.as_bytes()[..], &entry.nonce].concat())
}

impl Entry {
    pub(super) fn new(user: UserKey) -> Option<Self> {
        Some(Self { user, nonce: new_random()? })
    }
}

/// Says that `replica` holds nothing any more of those who were purged.
pub(super) async fn confirm(
    connection: &mut MultiplexedConnection,
    names: &Names,
    keys: &SealingKeys,
    replica: Uuid,
    purged: impl Iterator<Item = &Entry>,
) -> RedisResult<()> {
    let mut pipeline = redis::pipe();
    for Entry { nonce, .. } in purged {
        let list = names.confirmations(nonce);
        let tag = keys.tag(&confirmation(nonce, &replica));
        pipeline.cmd("HSET").arg(&list).arg(field(replica)).arg(tag).ignore();
        pipeline.cmd("PEXPIRE").arg(&list).arg(CONFIRMATIONS_MS).ignore();
    }
    if pipeline.is_empty() { Ok(()) } else { pipeline.query_async(connection).await }
}

/// Who has confirmed a purge, and how many said so who cannot have.
pub(super) async fn confirmations(
    connection: &mut MultiplexedConnection,
    names: &Names,
    keys: &SealingKeys,
    nonce: &Nonce,
) -> RedisResult<(Vec<Uuid>, usize)> {
    type Fields = HashMap<Vec<u8>, Vec<u8>>;
    let said: Fields = redis::cmd("HGETALL").arg(names.confirmations(nonce)).query_async(connection).await?;
    let who = said.iter().filter_map(|(name, tag)| {
        let replica = replica(name)?;
        keys.is_tagged(&confirmation(nonce, &replica), tag).then_some(replica)
    });
    let who: Vec<_> = who.collect();
    let forged = said.len() - who.len();
    Ok((who, forged))
}

/// Whether the log still holds an entry.
pub(super) async fn holds(
    connection: &mut MultiplexedConnection,
    names: &Names,
    position: Position,
) -> RedisResult<bool> {
    let id = position.to_string();
    let found: Vec<redis::Value> =
        redis::cmd("XRANGE").arg(names.log()).arg(&id).arg(&id).query_async(connection).await?;
    Ok(!found.is_empty())
}

fn confirmation<'a>(nonce: &'a Nonce, replica: &'a Uuid) -> [&'a [u8]; 3] {
    [b"confirmed", nonce, replica.as_bytes()]
}

fn open(keys: &SealingKeys, fields: &[Vec<u8>]) -> Option<Entry> {
    let [_, envelope] = fields else { return None };
    let purge = keys.open(CONTEXT, envelope).ok()?;
    let (user, nonce) = purge.split_first_chunk::<32>()?;
    Some(Entry { user: UserKey::from_bytes(*user), nonce: nonce.try_into().ok()? })
}

/// A replica's name in a list. There is one way to write it.
fn field(replica: Uuid) -> String {
    replica.simple().to_string()
}

fn replica(field_name: &[u8]) -> Option<Uuid> {
    let replica = Uuid::try_parse_ascii(field_name).ok()?;
    (field(replica).as_bytes() == field_name).then_some(replica)
}
