//! The log of purges, by which a purge reaches every replica.
//!
//! It is a Redis stream that every replica reads four times a second. With each look a replica says how far it has
//! read, so whoever purges can tell when all of them know. A replica that cannot look stops serving from its memory
//! what is older than [`FENCE`], so a purge holds everywhere by then, also where nobody can be told. An entry names the
//! user under seal.
//!
//! That a purge holds at once is said only where it is proved: everybody who may serve anything of before is on the list
//! of replicas, and each of them has read so far. A replica stays on the list for longer than it may serve without
//! contact ([`MAX_SILENCE`]), and before its first contact it serves nothing. Where Redis has lost the list, that time
//! must have passed since.

use std::{str::FromStr, time::Duration};

use jiff::SignedDuration;
use redis::{RedisResult, aio::MultiplexedConnection};

use super::{
    names::Names,
    scripts::{BEAT, LEAVE, READ},
    seal::SealingKeys,
};
use crate::cache::{
    UserKey,
    local::{FENCE, MAX_SILENCE},
    terms::MAX_LIFE,
};

/// How often the log is looked at.
pub(super) const BEAT_EVERY: Duration = Duration::from_millis(250);
/// How long a replica stays on the list that is not heard of: longer than it serves anything, by either clock.
const LISTED_FOR: SignedDuration = SignedDuration::from_mins(MAX_SILENCE.as_mins() + 1);
/// Entries read at once.
const PAGE: usize = 1000;
/// Purges the log holds, about; and none that is older than any entry could be.
const MAX_LENGTH: usize = 10_000;
const CONTEXT: &[&[u8]] = &[b"purge"];

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
    /// Whom to purge; `None` for an entry that does not open.
    pub(super) purged: Vec<Option<UserKey>>,
    /// How far the log was read.
    pub(super) position: Position,
    /// Whether there may be more.
    pub(super) more: bool,
}

/// Looks at the log once, from `position` on.
pub(super) async fn beat(
    connection: &mut MultiplexedConnection,
    names: &Names,
    keys: &SealingKeys,
    replica: &str,
    position: Position,
) -> RedisResult<News> {
    type Entries = Vec<(String, Vec<Vec<u8>>)>;
    let (unknown, entries): (bool, Entries) = BEAT
        .key(names.log())
        .key(names.replicas_seen())
        .key(names.replicas_read())
        .key(names.replicas_since())
        .arg(replica)
        .arg(position.to_string())
        .arg(LISTED_FOR.as_millis())
        .arg(PAGE)
        .arg((MAX_LIFE * 2).as_millis())
        .invoke_async(connection)
        .await?;
    let more = entries.len() == PAGE;
    let read = entries.last().and_then(|(id, _)| id.parse().ok()).unwrap_or(position);
    let purged = entries.iter().map(|(_, fields)| open(keys, fields)).collect();
    Ok(News { unknown, purged, position: read, more })
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
    id.parse().map_err(|_| (redis::ErrorKind::UnexpectedReturnType, "an entry's id is no id").into())
}

/// Seals a user's key for the log.
pub(super) fn seal(keys: &SealingKeys, user: &UserKey) -> Option<Vec<u8>> {
    keys.seal(CONTEXT, user.as_bytes())
}

/// What is known of the replicas' reading.
pub(super) struct Reading {
    /// Every replica that was heard of lately has read so far: to wait longer brings nothing.
    pub(super) done: bool,
    /// Everybody has read so far who may serve anything of before.
    pub(super) complete: bool,
}

/// Whether the replicas have read up to `position`.
pub(super) async fn reading(
    connection: &mut MultiplexedConnection,
    names: &Names,
    position: Position,
) -> RedisResult<Reading> {
    type Replicas = Vec<(i128, String)>;
    let (listed_for, replicas): (Option<i128>, Replicas) = READ
        .key(names.replicas_seen())
        .key(names.replicas_read())
        .key(names.replicas_since())
        .invoke_async(connection)
        .await?;
    let has_read = |read: &str| read.parse().is_ok_and(|read: Position| read >= position);
    let none_is_missing = listed_for.is_some_and(|listed_for| listed_for >= LISTED_FOR.as_millis());
    Ok(Reading {
        done: replicas.iter().all(|(silence, read)| *silence > FENCE.as_millis() || has_read(read)),
        complete: none_is_missing && replicas.iter().all(|(_, read)| has_read(read)),
    })
}

/// Takes a replica off the list.
pub(super) async fn leave(
    connection: &mut MultiplexedConnection,
    names: &Names,
    replica: &str,
) -> RedisResult<()> {
    LEAVE.key(names.replicas_seen()).key(names.replicas_read()).arg(replica).invoke_async(connection).await
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

fn open(keys: &SealingKeys, fields: &[Vec<u8>]) -> Option<UserKey> {
    let [_, envelope] = fields else { return None };
    let user = keys.open(CONTEXT, envelope).ok()?;
    Some(UserKey::from_bytes(user.as_slice().try_into().ok()?))
}
