//! How many connections there may be: in all, and of one address. Where there is no room the one that does the least
//! gives way: before any other, one that never asked for anything; never one whose request is being answered.
//!
//! Places are given before anything is known of a peer, for a handshake costs as much as a connection.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, UpDownCounter};
use telemetry::names;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::clients::{Asking, Clients};
use super::pace::Pace;
use crate::proxies::Proxies;

/// How often the log says that there is no room.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) in_all: usize,
    /// Of one address, or of one network of IPv6 addresses (/64, which is what one host is given). Loopback and listed
    /// proxies have no limit of their own: they bring everybody's connections. Of a listed proxy's clients each may have so
    /// many requests under way.
    pub(crate) of_one: usize,
}

/// The connections there are.
#[derive(Debug)]
pub(crate) struct Places {
    limits: Limits,
    proxies: Proxies,
    clients: Arc<Clients>,
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
    /// Whether it is a listed proxy's.
    of_proxy: bool,
    pace: Pace,
    /// Cancelled when the connection is to make room.
    leave: CancellationToken,
}

impl Places {
    pub(crate) fn new(limits: Limits, proxies: Proxies, meter: &Meter) -> Arc<Self> {
        let open = meter
            .i64_up_down_counter(names::GATEWAY_CONNECTIONS)
            .with_description("Open connections of MCP clients")
            .build();
        let refused = meter
            .u64_counter(names::GATEWAY_CONNECTIONS_REFUSED)
            .with_description("Connections not let in, or ended to make room, by cause")
            .build();
        let clients = Clients::new(limits.of_one);
        Arc::new(Self { limits, proxies, clients, seats: Mutex::default(), open, refused })
    }

    /// A place for a connection from `address`, if it is let in, and there is one or somebody gives way.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let (source, of_proxy) = (source(address), self.proxies.contain(address));
        let mut seats = self.seats();
        if !self.proxies.admit(address) {
            self.turn_away(&mut seats, address);
            return None;
        }
        let own = seats.of_source.get(&source).copied().unwrap_or(0);
        if own >= self.limits.of_one && !source.is_loopback() && !of_proxy {
            self.make_room(&mut seats, "address_full", |seat| seat.source == source)?;
        } else if seats.taken.len() >= self.limits.in_all {
            self.make_room(&mut seats, "full", |_| true)?;
        }
        let seat = Arc::new(Seat {
            source,
            of_proxy,
            pace: Pace::start(Instant::now()),
            leave: CancellationToken::new(),
        });
        seats.last += 1;
        let id = seats.last;
        seats.taken.insert(id, Arc::clone(&seat));
        *seats.of_source.entry(source).or_default() += 1;
        drop(seats);
        self.open.add(1, &[]);
        Some(Place { id, seat, places: Arc::clone(self) })
    }

    /// Somebody comes past the proxies: nothing that they would say in plain text is read.
    fn turn_away(&self, seats: &mut Seats, address: IpAddr) {
        self.count("not_a_proxy");
        if seats.is_to_be_told() {
            tracing::warn!(
                %address,
                "a connection was closed unread: TLS ends at a proxy, and GATEWAY_TRUSTED_PROXIES does not list this address"
            );
        }
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

/// The address that a request counts for: of IPv6 the network (/64). Travels in the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asker(pub(crate) IpAddr);

/// A client has too many requests under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooMany;

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

    /// Who a request counts for: the client that a listed proxy passes it on for, or else whoever is connected.
    pub(super) fn asker(&self, headers: &HeaderMap) -> Asker {
        let client = self.seat.of_proxy.then(|| self.places.proxies.client(headers)).flatten();
        Asker(client.map_or(self.seat.source, source))
    }

    /// Counts a request for the client that a listed proxy passes it on for, until what is returned is dropped; nothing
    /// where it is nobody's.
    ///
    /// # Errors
    /// That client has too many under way.
    pub(super) fn asks(&self, headers: &HeaderMap) -> Result<Option<Asking>, TooMany> {
        let client = self.seat.of_proxy.then(|| self.places.proxies.client(headers)).flatten();
        let Some(client) = client else { return Ok(None) };
        let asking = self.places.clients.enter(source(client));
        asking.map(Some).ok_or_else(|| {
            self.places.count("address_full");
            TooMany
        })
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
    use crate::proxies::ProxyArgs;

    fn places(in_all: usize, of_one: usize) -> Arc<Places> {
        let meter = telemetry::Metrics::new("test").unwrap().meter("test");
        Places::new(Limits { in_all, of_one }, Proxies::default(), &meter)
    }

    fn behind(of_one: usize, proxies: &ProxyArgs) -> Arc<Places> {
        let meter = telemetry::Metrics::new("test").unwrap().meter("test");
        Places::new(Limits { in_all: 100, of_one }, Proxies::new(proxies), &meter)
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

    #[test]
    fn where_tls_ends_at_a_proxy_nobody_comes_past_it_and_it_has_no_limit_of_its_own() {
        let trusted_proxies = vec!["10.1.0.0/16".parse().unwrap()];
        let places = behind(1, &ProxyArgs { tls_ends_at_proxy: true, trusted_proxies });
        assert!(places.enter(address("192.0.2.1")).is_none());
        let all: Vec<_> = (0..5).map(|_| places.enter(address("10.1.0.9")).unwrap()).collect();
        assert!(!all.iter().any(left));
        assert!(places.enter(address("127.0.0.1")).is_some(), "this machine's own");
    }

    #[test]
    fn requests_are_counted_for_the_client_that_a_listed_proxy_names_and_for_nobody_elses() {
        let trusted_proxies = vec!["10.1.0.0/16".parse().unwrap()];
        let places = behind(1, &ProxyArgs { tls_ends_at_proxy: false, trusted_proxies });
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "198.51.100.4".parse().unwrap());
        let proxy = places.enter(address("10.1.0.9")).unwrap();
        let first = proxy.asks(&headers).unwrap();
        assert!(first.is_some());
        assert!(proxy.asks(&headers).is_err(), "one at a time");
        assert!(proxy.asks(&HeaderMap::new()).unwrap().is_none(), "of nobody");
        let stranger = places.enter(address("192.0.2.1")).unwrap();
        assert!(stranger.asks(&headers).unwrap().is_none(), "who is no listed proxy says nothing of others");
        drop(first);
        assert!(proxy.asks(&headers).unwrap().is_some());
        assert_eq!(proxy.asker(&headers), Asker(address("198.51.100.4")));
        assert_eq!(proxy.asker(&HeaderMap::new()), Asker(address("10.1.0.9")));
        assert_eq!(stranger.asker(&headers), Asker(address("192.0.2.1")));
    }
}
