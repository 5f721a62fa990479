//! How many connections there may be: in all, and of one consumer, so that none of them can take the room of the others.
//!
//! Every certificate of the client authorities may connect, a consumer's or not. Strangers share a few seats,
//! and for a short while only: long enough to be told why, and to become one when the consumers file changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, UpDownCounter};
use telemetry::names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::consumers::{Consumers, InvalidCertificate, Peer};

/// Connections at the same time. A consumer needs one, or a few.
const MAX_CONNECTIONS: usize = 4096;
/// Connections of one consumer at the same time: a quarter.
const MAX_CONNECTIONS_OF_ONE: usize = MAX_CONNECTIONS / 4;
/// Connections of all strangers together: of peers that are not consumers.
const MAX_CONNECTIONS_OF_STRANGERS: usize = 64;

/// Counts who is in and who was not let in.
pub(super) struct Door {
    consumers: Arc<Consumers>,
    seats: Arc<Semaphore>,
    holders: Arc<Holders>,
    open: UpDownCounter<i64>,
    refused: Counter<u64>,
}

impl Door {
    pub(super) fn new(consumers: Arc<Consumers>, meter: &Meter) -> Self {
        let bounds = [MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ONE, MAX_CONNECTIONS_OF_STRANGERS];
        Self::bounded(consumers, meter, bounds)
    }

    fn bounded(consumers: Arc<Consumers>, meter: &Meter, [in_all, of_one, of_strangers]: [usize; 3]) -> Self {
        Self {
            consumers,
            seats: Arc::new(Semaphore::new(in_all)),
            holders: Arc::new(Holders { of_one, of_strangers, counts: Mutex::default() }),
            open: meter.i64_up_down_counter(names::BROKER_CONNECTIONS).build(),
            refused: meter.u64_counter(names::BROKER_CONNECTIONS_REFUSED).build(),
        }
    }

    /// Lets a connection in, if there is room. Only who finished the handshake takes a seat.
    ///
    /// # Errors
    /// [`Refused`] says whose room is full.
    pub(super) fn enter(&self, peer: &Peer) -> Result<Seat, Refused> {
        let holder = self.holder(peer);
        let is_strangers = holder == Holder::Stranger;
        let own = self.holders.enter(holder)?;
        let permit = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| Refused::Full)?;
        self.open.add(1, &[]);
        Ok(Seat { open: self.open.clone(), is_strangers, own, _permit: permit })
    }

    /// Looks again who has a stranger's seat. If that is a consumer by now, and has room, the seat is its.
    pub(super) fn recognise(&self, peer: &Peer, seat: &mut Seat) -> bool {
        let holder = self.holder(peer);
        if holder == Holder::Stranger {
            return false;
        }
        let Ok(own) = self.holders.enter(holder) else { return false };
        (seat.own, seat.is_strangers) = (own, false);
        true
    }

    fn holder(&self, peer: &Peer) -> Holder {
        match (self.consumers.name_of(peer), peer) {
            (None, _) => Holder::Stranger,
            // Nobody can be told from another there.
            (Some(_), Peer::Loopback) => Holder::Everybody,
            (Some(consumer), _) => Holder::Consumer(consumer),
        }
    }

    pub(super) fn refuse(&self, refused: &Refused) {
        self.refused.add(1, &[KeyValue::new(names::CAUSE, refused.cause())]);
        tracing::debug!(cause = refused.cause(), error = %refused, "connection refused");
    }
}

/// A seat among the connections, which is free again when this is dropped.
pub(super) struct Seat {
    open: UpDownCounter<i64>,
    is_strangers: bool,
    own: OwnSeat,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// Whether it is one of the strangers'.
    pub(super) fn is_strangers(&self) -> bool {
        self.is_strangers
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.add(-1, &[]);
    }
}

/// By whom a connection counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Consumer(Arc<str>),
    /// All strangers count as one.
    Stranger,
    /// Whoever there is: in all only.
    Everybody,
}

/// How many connections each holder has. Who has none is not there, so this is bounded as connections are.
struct Holders {
    of_one: usize,
    of_strangers: usize,
    counts: Mutex<HashMap<Holder, usize>>,
}

impl Holders {
    fn enter(self: &Arc<Self>, holder: Holder) -> Result<OwnSeat, Refused> {
        let (most, full) = match holder {
            Holder::Consumer(_) => (self.of_one, Refused::PeerFull),
            Holder::Stranger => (self.of_strangers, Refused::StrangersFull),
            Holder::Everybody => (usize::MAX, Refused::Full),
        };
        let mut counts = self.counts();
        let count = counts.entry(holder.clone()).or_default();
        if *count >= most {
            return Err(full);
        }
        *count += 1;
        drop(counts);
        Ok(OwnSeat { holders: Arc::clone(self), holder })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Holder, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat among those of one holder.
struct OwnSeat {
    holders: Arc<Holders>,
    holder: Holder,
}

impl Drop for OwnSeat {
    fn drop(&mut self) {
        let mut counts = self.holders.counts();
        if let Some(count) = counts.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.holder);
            }
        }
    }
}

/// Why a connection was not let in.
#[derive(Debug)]
pub(super) enum Refused {
    Handshake(io::Error),
    Slow,
    Certificate(InvalidCertificate),
    Full,
    PeerFull,
    StrangersFull,
}

impl Refused {
    const fn cause(&self) -> &'static str {
        match self {
            Self::Handshake(_) => "handshake",
            Self::Slow => "slow",
            Self::Certificate(_) => "certificate",
            Self::Full => "full",
            Self::PeerFull => "peer_full",
            Self::StrangersFull => "strangers_full",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => error.fmt(f),
            Self::Slow => f.write_str("the handshake took too long"),
            Self::Certificate(error) => error.fmt(f),
            Self::Full => f.write_str("there is no room for another connection"),
            Self::PeerFull => f.write_str("this consumer has as many connections as one may have"),
            Self::StrangersFull => {
                f.write_str("peers that are not consumers have as many connections as they may have together")
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
