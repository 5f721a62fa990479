//! Keeps the connection to Redis, and this replica up to date with the log of purges.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, RedisResult};
use tokio::time;

use super::SharedCache;
use super::heartbeat::Heartbeat;
use super::purge_log::{self, BEAT_EVERY, Entry, News, Position, Saying};
use crate::cache::UserKey;
use crate::cache::local::{FENCE, LocalCache};

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
    /// Names in the list of replicas that are to go.
    worthless: Vec<Vec<u8>>,
    /// Whether this replica's heartbeat was left there.
    written_down: bool,
}

/// What outlasts a connection.
struct Contact {
    /// When the log was last read.
    at: Timestamp,
    /// Whether every other replica that lives counted this one.
    counted: bool,
}

/// Connections made in vain since the last good one.
struct Tries {
    pause: Duration,
    /// The trouble that the operator was told of last.
    told: Option<String>,
}

impl Tries {
    fn new() -> Self {
        Self { pause: MIN_PAUSE, told: None }
    }

    /// After a connection that held for so long: the pause before the next one, and whether to tell of this trouble, which
    /// is once for each kind, not once for each try.
    fn failed(&mut self, held_for: Duration, trouble: &str) -> (Duration, bool) {
        if held_for > GOOD_FOR {
            *self = Self::new();
        }
        let is_news = self.told.as_deref() != Some(trouble);
        self.told = Some(trouble.to_owned());
        let pause = self.pause;
        self.pause = (pause * 2).min(MAX_PAUSE);
        (pause, is_news)
    }
}

impl SharedCache {
    /// Keeps the connection, and `local`, which begins out of contact, up to date with the log of purges. Never returns.
    pub(crate) async fn keep(self: Arc<Self>, local: Arc<LocalCache>) {
        let mut contact = Contact { at: Timestamp::UNIX_EPOCH, counted: false };
        let mut tries = Tries::new();
        loop {
            let started = time::Instant::now();
            let error = self.serve(&local, &mut contact).await;
            self.link.down();
            let trouble = format!("{:?}", error.kind());
            let (pause, is_news) = tries.failed(started.elapsed(), &trouble);
            if is_news {
                tracing::warn!(
                    kind = trouble,
                    code = error.code(),
                    "the shared cache cannot be used: this replica goes on by itself, and tries again"
                );
            }
            time::sleep(pause).await;
        }
    }

    /// Says that this replica is none of those any more whom a purge is confirmed by. It serves nothing from memory from then on, and
    /// [`SharedCache::keep`] must have ended.
    pub(crate) async fn leave(&self, local: &LocalCache) {
        local.out_of_contact();
        let (names, keys) = (self.names(), self.keys.current());
        let last = Heartbeat { left: true, ..self.members().heartbeat(self.clock.now()) };
        let leave =
            async |connection: &mut _| purge_log::leave(connection, &names, &keys, self.replica, &last).await;
        let left = self.link.ask("leave", leave).await;
        tracing::debug!(left = left.is_ok(), "off the list of replicas");
    }

    /// Makes a connection and keeps it in use until it breaks.
    async fn serve(&self, local: &LocalCache, contact: &mut Contact) -> RedisError {
        let mut connection = match self.link.connect().await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        let mut reader = Reader { known: local.purged_users(), ..Reader::default() };
        loop {
            let asked_at = self.clock.now();
            if asked_at.duration_since(contact.at).abs() > FENCE {
                // Purges may have come and gone in that time, and replicas.
                local.clear();
                self.members().resume(asked_at);
                reader = Reader { known: local.purged_users(), ..Reader::default() };
                contact.at = asked_at;
            }
            match self.read_on(&mut connection, local, &mut reader, asked_at).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => return error,
            }
            self.stay_in_contact(local, contact, asked_at);
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

    /// Notes that the log was read. Whether that has others count on this replica is for them to say.
    fn stay_in_contact(&self, local: &LocalCache, contact: &mut Contact, asked_at: Timestamp) {
        let counted = self.members().is_counted(asked_at);
        if counted && !contact.counted {
            // Meanwhile others may have said of a purge that it holds, without this one.
            local.clear();
        }
        *contact = Contact { at: asked_at, counted };
        if counted {
            local.in_contact(asked_at);
        } else {
            local.out_of_contact();
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

    /// Reads the next part of the log, and who there is. Tells whether to go on at once.
    async fn read_on(
        &self,
        connection: &mut MultiplexedConnection,
        local: &LocalCache,
        reader: &mut Reader,
        asked_at: Timestamp,
    ) -> RedisResult<bool> {
        let (names, keys) = (self.names(), self.keys.current());
        // Who there is must be known before anybody is told of this one: they would find that it does not count them.
        let begins = reader.position.is_none();
        let saying = Saying {
            replica: self.replica,
            heartbeat: (!begins).then(|| self.members().heartbeat(asked_at)),
            position: reader.position.unwrap_or_default(),
            worthless: std::mem::take(&mut reader.worthless),
        };
        let beat =
            async |connection: &mut _| purge_log::beat(connection, &names, &keys, &saying, asked_at).await;
        let mut news = self.link.ask_on("beat", connection, beat).await?;
        self.members().look(&news.heartbeats, asked_at);
        if news.others {
            // Whom this one does not understand it cannot ask.
            self.members().resume(asked_at);
        }
        reader.worthless = std::mem::take(&mut news.worthless);
        self.report_forged("heartbeats", news.forged);
        if news.unknown && reader.written_down {
            // Redis has lost its memory, and with it the log: read it anew, and say again what is missing.
            *reader = Reader { known: local.purged_users(), ..Reader::default() };
            return Ok(true);
        }
        reader.written_down = !begins;
        let caught_up = reader.position.is_none_or(|_| !reader.known.is_empty()) && !news.more;
        take_to_heart(local, &news, self.clock.now());
        let confirm = async |connection: &mut _| {
            let purged = news.purged.iter().flatten();
            purge_log::confirm(connection, &names, &keys, self.replica, purged).await
        };
        self.link.ask_on("confirm", connection, confirm).await?;
        reader.named.extend(news.purged.iter().flatten().map(|entry| entry.user));
        reader.position = Some(news.position);
        if caught_up {
            for user in std::mem::take(&mut reader.known) {
                if !reader.named.contains(&user) {
                    self.announce_on(connection, &user).await?;
                }
            }
            reader.named = HashSet::new();
        }
        // To read at once what there is more, and to be written down.
        Ok(news.more || begins)
    }
}

fn take_to_heart(local: &LocalCache, news: &News, now: Timestamp) {
    let unreadable = news.purged.iter().filter(|entry| entry.is_none()).count();
    if unreadable > 0 {
        tracing::warn!(unreadable, "entries in the log of purges do not open: everything held is dropped");
        local.clear();
    }
    for Entry { user, .. } in news.purged.iter().flatten() {
        local.purge(*user, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redis_that_is_gone_is_asked_less_and_less_often_and_told_of_once() {
        let mut tries = Tries::new();
        let mut told = 0;
        let pauses: Vec<_> = (0..8)
            .map(|_| {
                let (pause, is_news) = tries.failed(Duration::ZERO, "Io");
                told += u32::from(is_news);
                pause.as_millis()
            })
            .collect();
        assert_eq!((&pauses[..], told), (&[100, 200, 400, 800, 1600, 3200, 5000, 5000][..], 1));
        assert_eq!(tries.failed(Duration::ZERO, "AuthenticationFailed"), (MAX_PAUSE, true));
        assert_eq!(tries.failed(GOOD_FOR, "AuthenticationFailed"), (MAX_PAUSE, false));
        let more = GOOD_FOR + Duration::from_millis(1);
        assert_eq!(tries.failed(more, "AuthenticationFailed"), (MIN_PAUSE, true), "it was a good one");
    }
}
