//! How many connections there may be: in all, and of one address. Where there is no room the one that does the least
//! gives way: before any other, one that never asked for anything; never one whose request is being answered.
//!
//! Places are given before anything is known of a peer, for a handshake costs as much as a connection.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, UpDownCounter};
use telemetry::names;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pace::Pace;

/// How often the log says that there is no room.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) in_all: usize,
    /// Of one address, or of one network of IPv6 addresses (/64, which is what one host is given). Loopback has no limit
    /// of its own: behind it stands a proxy with everybody's connections.
    pub(crate) of_one: usize,
}

/// The connections there are.
#[derive(Debug)]
pub(crate) struct Places {
    limits: Limits,
    seats: Mutex<Seats>,
    open: UpDownCounter<i64>,
    refused: Counter<u64>,
}

#[derive(Debug, Default)]
struct Seats {
    last: u64,
    taken: HashMap<u64, Arc<Seat>>,
    of_source: HashMap<IpAddr, usize>,
    told: Option<Instant>,
}

#[derive(Debug)]
struct Seat {
    source: IpAddr,
    pace: Pace,
    /// Cancelled when the connection is to make room.
    leave: CancellationToken,
}

impl Places {
    pub(crate) fn new(limits: Limits, meter: &Meter) -> Arc<Self> {
        let open = meter
            .i64_up_down_counter(names::GATEWAY_CONNECTIONS)
            .with_description("Open connections of MCP clients")
            .build();
        let refused = meter
            .u64_counter(names::GATEWAY_CONNECTIONS_REFUSED)
            .with_description("Connections not let in, or ended to make room, by cause")
            .build();
        Arc::new(Self { limits, seats: Mutex::default(), open, refused })
    }

    /// A place for a connection from `address`, if there is one or somebody gives way.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let source = source(address);
        let mut seats = self.seats();
        let own = seats.of_source.get(&source).copied().unwrap_or(0);
        if own >= self.limits.of_one && !source.is_loopback() {
            self.make_room(&mut seats, "address_full", |seat| seat.source == source)?;
        } else if seats.taken.len() >= self.limits.in_all {
            self.make_room(&mut seats, "full", |_| true)?;
        }
        let seat =
            Arc::new(Seat { source, pace: Pace::start(Instant::now()), leave: CancellationToken::new() });
        seats.last += 1;
        let id = seats.last;
        seats.taken.insert(id, Arc::clone(&seat));
        *seats.of_source.entry(source).or_default() += 1;
        drop(seats);
        self.open.add(1, &[]);
        Some(Place { id, seat, places: Arc::clone(self) })
    }

    /// The system has no descriptor for another connection: somebody gives way.
    pub(super) fn no_descriptors(&self) {
        let _ = self.make_room(&mut self.seats(), "descriptors", |_| true);
    }

    /// A connection could not be used; `cause` is one of a few words.
    pub(super) fn count(&self, cause: &'static str) {
        self.refused.add(1, &[KeyValue::new(names::CAUSE, cause)]);
    }

    /// Ends the connection that waits, among those `of` which one must go. `None` where all are being answered.
    fn make_room(&self, seats: &mut Seats, cause: &'static str, of: impl Fn(&Seat) -> bool) -> Option<()> {
        self.count(cause);
        let gone = seats.idlest(of);
        if seats.is_to_be_told() {
            let (connections, made_room) = (seats.taken.len(), gone.is_some());
            tracing::warn!(
                cause,
                connections,
                made_room,
                "no room for another connection: the one that waits longest makes room, or the new one is closed"
            );
        }
        let gone = gone?;
        let seat = seats.give_back(gone)?;
        seat.leave.cancel();
        Some(())
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // Nothing under this lock can panic half-way, so a poisoned one still holds sound data.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    /// The connection that can be spared: one without a request so far before one that had some, and then the one that
    /// has waited longest.
    fn idlest(&self, of: impl Fn(&Seat) -> bool) -> Option<u64> {
        let candidates = self.taken.iter().filter(|(_, seat)| of(seat));
        let waiting = candidates.filter_map(|(id, seat)| Some((seat.pace.waits()?, *id)));
        waiting.min().map(|(_, id)| id)
    }

    fn give_back(&mut self, id: u64) -> Option<Arc<Seat>> {
        let seat = self.taken.remove(&id)?;
        if let Some(count) = self.of_source.get_mut(&seat.source) {
            *count -= 1;
            if *count == 0 {
                self.of_source.remove(&seat.source);
            }
        }
        Some(seat)
    }

    fn is_to_be_told(&mut self) -> bool {
        let now = Instant::now();
        let due = self.told.is_none_or(|told| now.duration_since(told) >= TELL_EVERY);
        if due {
            self.told = Some(now);
        }
        due
    }
}

/// Who a connection counts for.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let network = u128::from(v6) & (u128::MAX << 64);
            Ipv6Addr::from(network).into()
        }
        other => other,
    }
}

/// A connection's place, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    id: u64,
    seat: Arc<Seat>,
    places: Arc<Places>,
}

impl Place {
    /// What the connection is doing.
    pub(super) fn pace(&self) -> &Pace {
        &self.seat.pace
    }

    /// Resolves when the connection is to make room.
    pub(super) async fn is_to_leave(&self) {
        self.seat.leave.cancelled().await;
    }

    /// The connection could not be used; `cause` is one of a few words.
    pub(super) fn failed(&self, cause: &'static str) {
        self.places.count(cause);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.open.add(-1, &[]);
        // Who made room has given it back already.
        let _ = self.places.seats().give_back(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(in_all: usize, of_one: usize) -> Arc<Places> {
        let meter = telemetry::Metrics::new("test").unwrap().meter("test");
        Places::new(Limits { in_all, of_one }, &meter)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn left(place: &Place) -> bool {
        place.seat.leave.is_cancelled()
    }

    #[test]
    fn a_place_is_given_back_and_nothing_is_kept_of_who_went() {
        let places = places(1, 1);
        let place = places.enter(address("192.0.2.1")).unwrap();
        place.pace().request_begins();
        assert!(places.enter(address("192.0.2.2")).is_none(), "the only one is being answered");
        drop(place);
        drop(places.enter(address("192.0.2.2")).unwrap());
        assert!(places.seats().taken.is_empty() && places.seats().of_source.is_empty());
    }

    #[test]
    fn who_never_asked_gives_way_first_then_who_waits_longest_and_nobody_who_is_answered() {
        let places = places(4, 4);
        let now = Instant::now();
        let seat = |n: u8| places.enter(address(&format!("192.0.2.{n}"))).unwrap();
        let (answered, idle, idle_longer, silent) = (seat(1), seat(2), seat(3), seat(4));
        answered.pace().request_begins();
        for (place, ended) in
            [(&idle, now + Duration::from_secs(2)), (&idle_longer, now + Duration::from_secs(1))]
        {
            place.pace().request_begins();
            place.pace().request_ends(ended);
        }
        let gone = |n: u8| {
            // Being answered at once, so that it is not the next to go.
            let place = places.enter(address(&format!("192.0.2.{n}")));
            place.inspect(|place| place.pace().request_begins())
        };
        let first = gone(5);
        assert!(first.is_some() && left(&silent) && !left(&idle_longer));
        let second = gone(6);
        assert!(second.is_some() && left(&idle_longer) && !left(&idle));
        let third = gone(7);
        assert!(third.is_some() && left(&idle) && !left(&answered));
        assert!(gone(8).is_none(), "all are being answered");
    }

    #[test]
    fn one_address_makes_room_among_its_own_connections_only() {
        let places = places(100, 2);
        let other = places.enter(address("192.0.2.9")).unwrap();
        let own: Vec<_> = (0..3).map(|_| places.enter(address("192.0.2.1")).unwrap()).collect();
        assert_eq!(own.iter().filter(|place| left(place)).count(), 1);
        assert!(!left(&other));
        for place in &own {
            place.pace().request_begins();
        }
        assert!(places.enter(address("192.0.2.1")).is_none(), "its two are being answered");
        assert!(places.enter(address("192.0.2.2")).is_some());
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_loopback_has_only_the_limit_of_all() {
        let places = places(100, 1);
        let first = places.enter(address("2001:db8::1")).unwrap();
        let _second = places.enter(address("2001:db8::2")).unwrap();
        assert!(left(&first));
        let mapped = places.enter(address("192.0.2.1")).unwrap();
        let _same = places.enter(address("::ffff:192.0.2.1")).unwrap();
        assert!(left(&mapped));
        for loopback in ["127.0.0.1", "::1"] {
            let all: Vec<_> = (0..5).map(|_| places.enter(address(loopback)).unwrap()).collect();
            assert!(!all.iter().any(left), "{loopback}");
        }
    }
}
