//! All replicas' memory of outcomes, in Redis: what one has exchanged, none exchanges again.
//!
//! Redis is trusted with nothing. Values are sealed and bound to their place; names tell nothing; what comes back is
//! checked like anything from outside. It may be slow, full, flushed, restarted or gone: then a replica goes on by
//! itself, as if this level were not there.
//!
//! Each user has a *generation*, a random number that every entry of that user is bound to. A purge draws a new one;
//! one that Redis has lost is drawn anew. Either way the entries of before do not open any more: what is lost leads
//! to another exchange, never to a token that should be gone.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use identity::clock::SharedClock;
use jiff::{SignedDuration, Timestamp};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult};
use tokio::task::JoinHandle;
use tokio::time::{self, Instant};
use uuid::Uuid;

use super::local::FENCE;
use super::terms::MAX_LIFE;
use super::{Place, Terms, UserKey};
use crate::error::ExchangeError;
use crate::metrics::Metrics;
use crate::outcome::Outcome;
use lease::{Lease, Owner};
use link::{Down, Link};
use members::Members;
use names::Names;
use purge_log::{Entry, Nonce, Position};
use scripts::{CLAIM, FINISH, FORGET, RENEW};
use seal::{KeyFileError, OpenError};
use watched::{WatchError, Watched};

pub(crate) use lease::Wait;
pub(crate) use seal::SealingKeys;
pub use settings::{RedisUrl, RedisUrlError, SharedCacheSettings};

#[cfg(test)]
mod capacity;
mod heartbeat;
mod keeper;
mod lease;
mod link;
mod members;
mod names;
mod purge_log;
mod record;
mod scripts;
mod seal;
mod settings;
#[cfg(test)]
mod tests;

/// How long a lease lasts that nobody prolongs: how long a replica that was killed is waited for.
const LEASE: Duration = Duration::from_secs(3);
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// More than an exchange takes: a lease that nobody gives back must end.
const MAX_RENEWALS: u32 = 30;
/// How long an outage that one replica met has the others not wait for each other, but ask side by side.
const OUTAGE_MARK: Duration = Duration::from_secs(2);
/// How long a generation is kept after the last entry under it.
const GENERATION: Duration = Duration::from_secs(3600);
/// How far the clocks of two replicas may be apart.
const MAX_CLOCK_DISTANCE: SignedDuration = SignedDuration::from_secs(60);
/// Purges remembered that Redis did not take: as many as the log holds.
const MAX_UNTOLD: usize = 10_000;
/// How long a purge waits for the other replicas to confirm.
const CONFIRM_WITHIN: Duration = Duration::from_secs(2);
const CONFIRM_EVERY: Duration = Duration::from_millis(20);

type Generation = [u8; 16];

/// What Redis holds for all replicas.
pub(crate) struct SharedCache {
    link: Link,
    keys: Arc<Watched<SealingKeys>>,
    untold: Mutex<HashSet<UserKey>>,
    replica: Uuid,
    members: Mutex<Members>,
    clock: SharedClock,
    metrics: Metrics,
}

/// What a look at an entry brought.
#[derive(Debug)]
pub(crate) enum Claim {
    /// There is an outcome.
    Found(Found),
    /// There is none, and it is this replica's turn to get one; after an outage everybody's.
    Granted(Ticket),
    /// There is none, and another replica is getting one.
    Taken,
    /// Redis cannot tell.
    Down,
}

/// An outcome that another replica left.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) outcome: Outcome,
    pub(crate) terms: Terms,
}

/// The right to get an outcome, and to leave it for the others. Prolonged until it is used or dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    place: Place,
    generation: Generation,
    /// Nobody, where it is everybody's turn.
    owner: Option<Owner>,
    renewal: Option<JoinHandle<()>>,
}

/// How far a purge has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purged {
    /// It holds on every replica from that time on.
    By(Timestamp),
    /// The other replicas may never hear of it.
    Incomplete,
}

impl SharedCache {
    /// A cache that is not connected yet: that is [`SharedCache::keep`]'s.
    ///
    /// # Errors
    /// [`SharedCacheError`] names the setting.
    pub(crate) fn new(
        settings: &SharedCacheSettings,
        clock: SharedClock,
        metrics: Metrics,
    ) -> Result<Arc<Self>, SharedCacheError> {
        let begun_with = OnceLock::new();
        let keys = Watched::load("cache keys", vec![settings.key_file.clone()], move |contents| {
            let keys = SealingKeys::parse(&contents[0])?;
            let names = keys.name(&[b"names"]);
            // Under other names this replica would share nothing, and hear of no purge.
            if *begun_with.get_or_init(|| names.clone()) != names {
                return Err(KeyFileError::NamesChanged.into());
            }
            Ok(keys)
        })?;
        keys.observe(metrics.meter(), telemetry::names::BROKER_FILES_STALE);
        let link = Link::new(settings.clone(), metrics.clone())?;
        let replica = Uuid::new_v4();
        let members = Mutex::new(Members::new(replica, clock.now()));
        Ok(Arc::new(Self { link, keys, untold: Mutex::default(), replica, members, clock, metrics }))
    }

    /// Whether Redis answers.
    pub(crate) fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// Looks for an outcome at `place`. Where there is none, the first to look is to get one. Another replica is waited for
    /// as long as it prolongs its lease.
    pub(crate) async fn claim(self: &Arc<Self>, place: &Place, wait: &mut Wait) -> Claim {
        let looked = match self.look(place, None).await {
            // What is there does not open, or is stale by this clock: get another one.
            Ok(Looked { unusable: true, .. }) => return self.claim_anew(place).await,
            Ok(looked) => looked,
            Err(Down) => return Claim::Down,
        };
        let in_the_way = looked.held.as_deref().filter(|held| looked.found.is_none() && !held.is_empty());
        if let Some(held) = in_the_way
            && wait.sees(self.lease(place, held), Instant::now())
        {
            return self.claimed(place, self.look(place, Some(held)).await);
        }
        self.claimed(place, Ok(looked))
    }

    /// Takes the turn to get another outcome though there is one.
    pub(crate) async fn claim_anew(self: &Arc<Self>, place: &Place) -> Claim {
        let looked = self.try_claim(place, true, None).await;
        self.claimed(place, looked.map(|looked| Looked { found: None, ..looked }))
    }

    /// Leaves an outcome for the other replicas, if its turn has not been taken away, and gives the turn back; without
    /// `terms` only that. Whoever got the outcome need not wait.
    pub(crate) fn finish(self: &Arc<Self>, mut ticket: Ticket, outcome: &Outcome, terms: Option<Terms>) {
        let now = self.clock.now();
        let names = self.names();
        let entry = terms.and_then(|terms| self.entry(&ticket.place, &ticket.generation, outcome, terms));
        let life = terms.map_or(0, |terms| milliseconds_until(terms.fresh_until, now));
        let outage = outcome.as_ref().is_err_and(ExchangeError::is_outage);
        let mark = if outage { milliseconds(OUTAGE_MARK) } else { 0 };
        let renewal = ticket.renewal.take();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let mut script = FINISH.prepare_invoke();
            script
                .key(names.entry(&ticket.place))
                .key(names.generation(&ticket.place.user))
                .key(names.lease(&ticket.place))
                .arg(ticket.owner.as_ref().map_or(&[][..], |owner| owner))
                .arg(&ticket.generation[..])
                .arg(milliseconds(GENERATION))
                .arg(entry.unwrap_or_default())
                .arg(life.max(1))
                .arg(mark);
            let stored: Result<bool, Down> =
                shared.link.ask("store", async |connection| script.invoke_async(connection).await).await;
            if let Some(renewal) = renewal {
                renewal.abort();
            }
            tracing::debug!(?stored, "outcome left for the other replicas");
        });
    }

    /// Deletes what stands at `place`, for it is known to be worth nothing, and so is what another replica is getting. The
    /// ticket is to leave something better; there is none where Redis cannot be reached.
    pub(crate) async fn forget(self: &Arc<Self>, place: &Place) -> Option<Ticket> {
        let names = self.names();
        let (lease, fresh) = (Lease::new(self.clock.now().as_millisecond())?, new_random::<16>()?);
        let mut script = FORGET.prepare_invoke();
        script
            .key(names.entry(place))
            .key(names.generation(&place.user))
            .key(names.lease(place))
            .arg(&fresh[..])
            .arg(milliseconds(GENERATION))
            .arg(lease.write(&self.keys.current(), place))
            .arg(milliseconds(LEASE));
        let generation: Vec<u8> =
            self.link.ask("forget", async |connection| script.invoke_async(connection).await).await.ok()?;
        let generation = generation.try_into().ok()?;
        Some(self.ticket(place, generation, Some(lease)))
    }

    /// Tells every replica to drop what it holds of a user.
    pub(crate) async fn purge(&self, user: &UserKey) -> Purged {
        let Ok((position, nonce)) = self.announce(user).await else {
            self.tell_later(*user);
            return Purged::Incomplete;
        };
        let confirmed = time::timeout(CONFIRM_WITHIN, self.confirmed(&nonce)).await.unwrap_or(false);
        let now = self.clock.now();
        if confirmed {
            return Purged::By(now);
        }
        let names = self.names();
        let held = self
            .link
            .ask("purge", async |connection| purge_log::holds(connection, &names, position).await)
            .await;
        match held {
            // Whoever has not confirmed, or is not known, will have stopped serving by then.
            Ok(true) => Purged::By(now.saturating_add(FENCE).unwrap_or(now)),
            _ => Purged::Incomplete,
        }
    }

    /// Follows the key file. Never returns.
    pub(crate) async fn follow_keys(&self) {
        Arc::clone(&self.keys).follow().await;
    }

    fn names(&self) -> Names {
        Names::new(self.keys.current())
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease that stands at a place, if a broker made it.
    fn lease(&self, place: &Place, held: &[u8]) -> Option<Lease> {
        let lease = Lease::read(&self.keys.current(), place, held);
        if lease.is_none() {
            self.report_forged("a lease", 1);
        }
        lease
    }

    /// Looks for an outcome, and takes the turn where there is neither one nor another's lease, or only the lease that is
    /// to be `taken_over`.
    async fn look(&self, place: &Place, taken_over: Option<&[u8]>) -> Result<Looked, Down> {
        self.try_claim(place, false, taken_over).await
    }

    async fn try_claim(&self, place: &Place, anew: bool, taken_over: Option<&[u8]>) -> Result<Looked, Down> {
        let (names, keys) = (self.names(), self.keys.current());
        let lease = Lease::new(self.clock.now().as_millisecond()).ok_or(Down)?;
        let fresh: Generation = new_random().ok_or(Down)?;
        let mut script = CLAIM.prepare_invoke();
        script
            .key(names.entry(place))
            .key(names.generation(&place.user))
            .key(names.lease(place))
            .arg(lease.write(&keys, place))
            .arg(milliseconds(LEASE))
            .arg(&fresh[..])
            .arg(milliseconds(GENERATION))
            .arg(u8::from(anew))
            .arg(taken_over.unwrap_or_default());
        let (generation, entry, held): (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>) =
            self.link.ask("claim", async |connection| script.invoke_async(connection).await).await?;
        let generation = generation.try_into().map_err(|_| Down)?;
        let found = entry.as_deref().and_then(|entry| self.open(place, &generation, entry));
        let unusable = entry.is_some() && found.is_none();
        Ok(Looked { generation, found, unusable, lease, held })
    }

    fn claimed(self: &Arc<Self>, place: &Place, looked: Result<Looked, Down>) -> Claim {
        let Ok(Looked { generation, found, lease, held, .. }) = looked else { return Claim::Down };
        match (found, held) {
            (Some(found), _) => Claim::Found(found),
            (None, None) => Claim::Granted(self.ticket(place, generation, Some(lease))),
            (None, Some(mark)) if mark.is_empty() => Claim::Granted(self.ticket(place, generation, None)),
            (None, Some(_)) => Claim::Taken,
        }
    }

    fn ticket(self: &Arc<Self>, place: &Place, generation: Generation, lease: Option<Lease>) -> Ticket {
        let renewal = lease.map(|lease| tokio::spawn(Arc::clone(self).renew(*place, lease)));
        Ticket { place: *place, generation, owner: lease.map(|lease| lease.owner), renewal }
    }

    /// Prolongs a lease for as long as an exchange may take.
    async fn renew(self: Arc<Self>, place: Place, mut lease: Lease) {
        let name = self.names().lease(&place);
        for _ in 0..MAX_RENEWALS {
            time::sleep(RENEW_EVERY).await;
            lease = lease.prolonged(self.clock.now().as_millisecond());
            let mut script = RENEW.prepare_invoke();
            script
                .key(&name)
                .arg(&lease.owner)
                .arg(lease.write(&self.keys.current(), &place))
                .arg(milliseconds(LEASE));
            let ours = self.link.ask("renew", async |connection| script.invoke_async(connection).await).await;
            if ours == Ok(false) {
                return;
            }
        }
    }

    /// Somebody else writes to this Redis.
    fn report_forged(&self, what: &str, count: usize) {
        if count > 0 {
            self.metrics.unusable_entry(OpenError::Forged.as_str());
            tracing::debug!(what, count, "no broker wrote what stands in Redis");
        }
    }

    fn entry(
        &self,
        place: &Place,
        generation: &Generation,
        outcome: &Outcome,
        terms: Terms,
    ) -> Option<Vec<u8>> {
        let record = record::write(outcome, terms)?;
        let envelope = self.keys.current().seal(&context(place, generation), &record)?;
        let mut entry = generation.to_vec();
        entry.extend_from_slice(&envelope);
        Some(entry)
    }

    /// Opens an entry and looks at it as at anything from outside.
    fn open(&self, place: &Place, generation: &Generation, entry: &[u8]) -> Option<Found> {
        let envelope = entry.get(generation.len()..)?;
        let plaintext = match self.keys.current().open(&context(place, generation), envelope) {
            Ok(plaintext) => plaintext,
            Err(error) => {
                self.metrics.unusable_entry(error.as_str());
                return None;
            }
        };
        let (outcome, terms) = record::read(&plaintext)?;
        let now = self.clock.now();
        let left = terms.fresh_until.duration_since(now);
        let fresh = left > SignedDuration::ZERO && left <= MAX_LIFE + MAX_CLOCK_DISTANCE;
        fresh.then_some(Found { outcome, terms: terms.within(MAX_LIFE, now) })
    }

    /// Remembers a purge that Redis did not take. Until it has, this replica does without Redis: what stands there
    /// may be what was purged.
    fn tell_later(&self, user: UserKey) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        if untold.len() < MAX_UNTOLD {
            untold.insert(user);
        } else {
            tracing::error!("too many purges during one outage of Redis: repeat those that were incomplete");
        }
        self.link.give_up();
    }

    async fn announce(&self, user: &UserKey) -> Result<(Position, Nonce), Down> {
        self.link.ask("purge", async |connection| self.announce_on(connection, user).await).await
    }

    async fn announce_on(
        &self,
        connection: &mut MultiplexedConnection,
        user: &UserKey,
    ) -> RedisResult<(Position, Nonce)> {
        let unsealed = || RedisError::from((redis::ErrorKind::Client, "the purge could not be sealed"));
        let generation: Generation = new_random().ok_or_else(unsealed)?;
        let entry = Entry::new(*user).ok_or_else(unsealed)?;
        let envelope = purge_log::seal(&self.keys.current(), &entry).ok_or_else(unsealed)?;
        let names = self.names();
        let life = milliseconds(GENERATION);
        let position = purge_log::append(connection, &names, &envelope, user, &generation, life).await?;
        Ok((position, entry.nonce))
    }

    /// Waits until every replica that was heard of lately has confirmed. Tells whether those are all who may serve.
    async fn confirmed(&self, nonce: &Nonce) -> bool {
        let (names, keys) = (self.names(), self.keys.current());
        loop {
            let ask =
                async |connection: &mut _| purge_log::confirmations(connection, &names, &keys, nonce).await;
            if let Ok((who, forged)) = self.link.ask("purge", ask).await {
                self.report_forged("confirmations of a purge", forged);
                let confirmed = self.members().confirmed(|replica| who.contains(replica), self.clock.now());
                if confirmed.by_those_heard {
                    return confirmed.by_all;
                }
            }
            time::sleep(CONFIRM_EVERY).await;
        }
    }
}

impl fmt::Debug for SharedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCache")
            .field("link", &self.link)
            .field("replica", &self.replica)
            .finish_non_exhaustive()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Not prolonged any more, the lease ends by itself.
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}

/// A shared cache that cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedCacheError {
    /// The key file.
    #[error("the file of BROKER_CACHE_KEY_FILE cannot be used")]
    Keys(#[from] WatchError),
    /// The authorities.
    #[error("BROKER_REDIS_CA_FILE `{}` cannot be read, or holds no PEM certificate", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
    },
}

/// What a claim brought, before anything is made of it.
struct Looked {
    generation: Generation,
    found: Option<Found>,
    unusable: bool,
    /// What this one holds if it is its turn.
    lease: Lease,
    /// The lease that somebody else has, or a mark.
    held: Option<Vec<u8>>,
}

/// What an entry is bound to.
fn context<'a>(place: &'a Place, generation: &'a Generation) -> [&'a [u8]; 4] {
    [b"entry", place.key.as_bytes(), place.user.as_bytes(), generation]
}

fn new_random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn milliseconds_until(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(then.duration_since(now).as_millis()).unwrap_or(0)
}
