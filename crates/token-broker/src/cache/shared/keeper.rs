//! Keeps the connection to Redis, and this replica up to date with the log of purges.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use redis::{ErrorKind, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::time;

use super::{
    SharedCache,
    purge_log::{self, BEAT_EVERY, News, Position},
};
use crate::cache::{
    UserKey,
    local::{FENCE, LocalCache},
};

const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// A connection that held for so long was a good one.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// A reader of the log.
#[derive(Default)]
struct Reader {
    /// Nothing was read yet: whatever stands in the log is news.
    position: Option<Position>,
    /// Whom this replica knows to be purged since before it began to read.
    known: Vec<UserKey>,
    /// Whom the log names.
    named: HashSet<UserKey>,
}

impl SharedCache {
    /// Keeps the connection, and `local`, which begins out of contact, up to date with the log of purges. Never returns.
    pub(crate) async fn keep(self: Arc<Self>, local: Arc<LocalCache>) {
        let (mut contact, mut pause, mut told) = (Timestamp::UNIX_EPOCH, MIN_PAUSE, None);
        loop {
            let started = time::Instant::now();
            let error = self.serve(&local, &mut contact).await;
            self.link.down();
            if started.elapsed() > GOOD_FOR {
                (pause, told) = (MIN_PAUSE, None);
            }
            // Once for each kind of trouble, not once for each try.
            let trouble = format!("{:?}", error.kind());
            if told.as_ref() != Some(&trouble) {
                tracing::warn!(
                    kind = trouble,
                    code = error.code(),
                    "the shared cache cannot be used: this replica goes on by itself, and tries again"
                );
                told = Some(trouble);
            }
            time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    /// Takes this replica off the list of those a purge is confirmed by. It serves nothing from memory from then on, and
    /// [`SharedCache::keep`] must have ended.
    pub(crate) async fn leave(&self, local: &LocalCache) {
        local.out_of_contact();
        let names = self.names();
        let leave = async |connection: &mut _| purge_log::leave(connection, &names, &self.replica).await;
        let left = self.link.ask("leave", leave).await;
        tracing::debug!(left = left.is_ok(), "off the list of replicas");
    }

    /// Makes a connection and keeps it in use until it breaks.
    async fn serve(&self, local: &LocalCache, contact: &mut Timestamp) -> RedisError {
        let mut connection = match self.link.connect().await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        let mut reader = Reader { known: local.purged_users(), ..Reader::default() };
        loop {
            let asked_at = self.clock.now();
            if asked_at.duration_since(*contact).abs() > FENCE {
                // Purges may have come and gone in that time.
                local.clear();
                *contact = asked_at;
            }
            match self.read_on(&mut connection, local, &mut reader).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => return error,
            }
            *contact = asked_at;
            local.in_contact(asked_at);
            if !self.link.is_up()
                && let Err(error) = self.put_to_use(&mut connection).await
            {
                return error;
            }
            tokio::select! {
                () = time::sleep(BEAT_EVERY) => {}
                () = self.link.broke() => return (ErrorKind::Io, "a call had no answer in time").into(),
            }
        }
    }

    /// Puts a connection to use, once Redis knows of every purge.
    async fn put_to_use(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        while let Some(user) = self.next_untold_or_up(connection) {
            if let Err(error) = self.announce_on(connection, &user).await {
                self.tell_later(user);
                return Err(error);
            }
        }
        tracing::info!("the shared cache is in use");
        Ok(())
    }

    /// A purge that Redis is to be told of; if there is none, the connection is in use before there is another one.
    fn next_untold_or_up(&self, connection: &MultiplexedConnection) -> Option<UserKey> {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(user) = untold.iter().next().copied() else {
            self.link.up(connection.clone());
            return None;
        };
        untold.remove(&user);
        Some(user)
    }

    /// Reads the next part of the log. Tells whether to go on at once.
    async fn read_on(
        &self,
        connection: &mut MultiplexedConnection,
        local: &LocalCache,
        reader: &mut Reader,
    ) -> RedisResult<bool> {
        let (names, keys) = (self.names(), self.keys.current());
        let position = reader.position.unwrap_or_default();
        let news = self
            .link
            .ask_on("beat", connection, async |connection| {
                purge_log::beat(connection, &names, &keys, &self.replica, position).await
            })
            .await?;
        if news.unknown && reader.position.is_some() {
            // Redis has lost its memory, and with it the log: read it anew, and say again what is missing.
            *reader = Reader { known: local.purged_users(), ..Reader::default() };
            return Ok(true);
        }
        let caught_up = reader.position.is_none_or(|_| !reader.known.is_empty()) && !news.more;
        take_to_heart(local, &news, self.clock.now());
        reader.named.extend(news.purged.iter().flatten());
        reader.position = Some(news.position);
        if caught_up {
            for user in std::mem::take(&mut reader.known) {
                if !reader.named.contains(&user) {
                    self.announce_on(connection, &user).await?;
                }
            }
            reader.named = HashSet::new();
        }
        // To say at once how far the log was read: somebody waits for it.
        Ok(news.more || !news.purged.is_empty())
    }
}

fn take_to_heart(local: &LocalCache, news: &News, now: Timestamp) {
    let unreadable = news.purged.iter().filter(|user| user.is_none()).count();
    if unreadable > 0 {
        tracing::warn!(unreadable, "entries in the log of purges do not open: everything held is dropped");
        local.clear();
    }
    for user in news.purged.iter().flatten() {
        local.purge(*user, now);
    }
}
