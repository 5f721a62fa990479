//! How many connections there may be: in all, and of one peer, so that none of them can take the room of the others.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Meter, UpDownCounter},
};
use telemetry::names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::consumers::{InvalidCertificate, Peer, PeerIdentity};

/// Connections at the same time. A consumer needs one, or a few.
const MAX_CONNECTIONS: usize = 4096;
/// Connections of one peer at the same time: a quarter. Every certificate of the client authorities may connect, a
/// consumer's or not, and a connection stands for an hour: one holder must not shut the consumers out.
const MAX_CONNECTIONS_OF_ONE: usize = MAX_CONNECTIONS / 4;

/// Counts who is in and who was not let in.
pub(super) struct Door {
    places: Arc<Semaphore>,
    peers: Arc<Peers>,
    open: UpDownCounter<i64>,
    refused: Counter<u64>,
}

impl Door {
    pub(super) fn new(meter: &Meter) -> Self {
        Self::bounded(meter, MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ONE)
    }

    fn bounded(meter: &Meter, in_all: usize, of_one: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(in_all)),
            peers: Arc::new(Peers { of_one, counts: Mutex::default() }),
            open: meter.i64_up_down_counter(names::BROKER_CONNECTIONS).build(),
            refused: meter.u64_counter(names::BROKER_CONNECTIONS_REFUSED).build(),
        }
    }

    /// Lets a connection in, if there is room. Only who finished the handshake takes a place.
    ///
    /// # Errors
    /// [`Refused`] says whose room there is none of.
    pub(super) fn enter(&self, peer: &Peer) -> Result<Place, Refused> {
        let own = peer.identity().map(|identity| self.peers.enter(identity)).transpose()?;
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refused::Full)?;
        self.open.add(1, &[]);
        Ok(Place { open: self.open.clone(), _own: own, _permit: permit })
    }

    pub(super) fn refuse(&self, refused: &Refused) {
        self.refused.add(1, &[KeyValue::new(names::CAUSE, refused.cause())]);
        tracing::debug!(cause = refused.cause(), error = %refused, "connection refused");
    }
}

/// A place among the connections, which is free again when this is dropped.
pub(super) struct Place {
    open: UpDownCounter<i64>,
    _own: Option<OwnPlace>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.add(-1, &[]);
    }
}

/// How many connections each peer has. Who has none is not there, so this is bounded as connections are.
struct Peers {
    of_one: usize,
    counts: Mutex<HashMap<PeerIdentity, usize>>,
}

impl Peers {
    fn enter(self: &Arc<Self>, identity: PeerIdentity) -> Result<OwnPlace, Refused> {
        let mut counts = self.counts();
        let count = counts.entry(identity.clone()).or_default();
        if *count >= self.of_one {
            return Err(Refused::PeerFull);
        }
        *count += 1;
        drop(counts);
        Ok(OwnPlace { peers: Arc::clone(self), identity })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<PeerIdentity, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those of one peer.
struct OwnPlace {
    peers: Arc<Peers>,
    identity: PeerIdentity,
}

impl Drop for OwnPlace {
    fn drop(&mut self) {
        let mut counts = self.peers.counts();
        if let Some(count) = counts.get_mut(&self.identity) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.identity);
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
}

impl Refused {
    const fn cause(&self) -> &'static str {
        match self {
            Self::Handshake(_) => "handshake",
            Self::Slow => "slow",
            Self::Certificate(_) => "certificate",
            Self::Full => "full",
            Self::PeerFull => "peer_full",
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
            Self::PeerFull => f.write_str("this peer has as many connections as one may have"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::CertificateParams;

    use super::*;
    use crate::testing;

    fn door(in_all: usize, of_one: usize) -> Door {
        let meter = telemetry::Metrics::new("test").unwrap().meter("test");
        Door::bounded(&meter, in_all, of_one)
    }

    /// A peer with a certificate of its own, of these DNS names.
    fn peer(names: &[&str]) -> Peer {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&testing::ec_key()).unwrap();
        Peer::of_certificate(certificate.der()).unwrap()
    }

    #[test]
    fn there_are_so_many_places_and_each_is_given_back() {
        let door = door(3, 3);
        let mut places: Vec<_> = (0..3).map(|_| door.enter(&Peer::Loopback).unwrap()).collect();
        assert!(matches!(door.enter(&Peer::Loopback), Err(Refused::Full)));
        places.pop();
        assert!(door.enter(&Peer::Loopback).is_ok());
    }

    #[test]
    fn one_peer_cannot_take_the_room_of_the_others() {
        let door = door(8, 2);
        // Another certificate with the same names is the same peer, in whatever order they stand.
        let mut places = vec![door.enter(&peer(&["a.test", "b.test"])).unwrap()];
        places.push(door.enter(&peer(&["B.test", "a.test"])).unwrap());
        assert!(matches!(door.enter(&peer(&["a.test", "b.test"])), Err(Refused::PeerFull)));
        assert!(door.enter(&peer(&["a.test"])).is_ok(), "somebody else");
        // Those without a name share theirs, and users have one each.
        let nameless: Vec<_> = (0..3).map(|_| door.enter(&peer(&[]))).collect();
        assert!(matches!(nameless[..], [Ok(_), Ok(_), Err(Refused::PeerFull)]));
        let users: Vec<_> =
            [7, 7, 7, 8].map(|uid| door.enter(&Peer::User { uid, own: false })).into_iter().collect();
        assert!(matches!(users[..], [Ok(_), Ok(_), Err(Refused::PeerFull), Ok(_)]));

        places.pop();
        assert!(door.enter(&peer(&["a.test", "b.test"])).is_ok(), "its place is given back");
        drop((places, nameless, users));
        assert!(door.peers.counts().is_empty(), "nothing is kept of who went away");
    }

    #[test]
    fn the_peers_of_loopback_cannot_be_told_apart_and_share_all_there_is() {
        let door = door(4, 1);
        let places: Vec<_> = (0..4).map(|_| door.enter(&Peer::Loopback).unwrap()).collect();
        assert!(matches!(door.enter(&Peer::Loopback), Err(Refused::Full)));
        drop(places);
    }

    #[test]
    fn who_finds_no_room_takes_none_of_its_own() {
        let door = door(1, 1);
        let place = door.enter(&Peer::Loopback).unwrap();
        assert!(matches!(door.enter(&peer(&["a.test"])), Err(Refused::Full)));
        drop(place);
        assert!(door.enter(&peer(&["a.test"])).is_ok());
    }
}
