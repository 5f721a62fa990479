use std::path::PathBuf;

use identity::cloud::Cloud;
use rcgen::{CertificateParams, SanType};
use tempfile::TempDir;

use super::*;
use crate::consumers::Transport;
use crate::resource::Resources;
use crate::testing;

/// A door for the consumers of a file.
pub(in crate::connections) struct Entrance {
    pub(in crate::connections) door: Arc<Door>,
    file: PathBuf,
    _dir: TempDir,
}

impl Entrance {
    pub(in crate::connections) fn new(transport: Transport, bounds: [usize; 3], text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("consumers.toml");
        std::fs::write(&file, text).unwrap();
        let meter = telemetry::Metrics::new("test").unwrap().meter("test");
        let resources = Resources::of(Cloud::AzureCloud).unwrap();
        let consumers = Consumers::load(Some(&file), transport, &resources, &meter).unwrap();
        let door = Arc::new(Door::bounded(Arc::new(consumers), &meter, bounds));
        Self { door, file, _dir: dir }
    }

    pub(in crate::connections) fn mutual_tls(bounds: [usize; 3]) -> Self {
        Self::new(Transport::MutualTls, bounds, CONSUMERS)
    }

    /// Has another consumers file in force.
    pub(in crate::connections) fn change(&self, text: &str) {
        std::fs::write(&self.file, text).unwrap();
        self.door.consumers.look_again();
    }
}

pub(in crate::connections) const CONSUMERS: &str = r#"
[consumers.a]
sans = ["dns:a.test", "dns:a2.test"]
resources = ["arm"]
[consumers.b]
sans = ["dns:b.test"]
resources = ["arm"]
"#;

/// A peer with a certificate of its own, of these DNS names.
pub(in crate::connections) fn peer(names: &[&str]) -> Peer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names =
        names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect();
    Peer::of_certificate(params.self_signed(&testing::ec_key()).unwrap().der()).unwrap()
}

#[test]
fn there_are_so_many_places_and_each_is_given_back() {
    let Entrance { door, .. } = &Entrance::mutual_tls([3, 3, 3]);
    let mut places: Vec<_> = (0..3).map(|_| door.enter(&peer(&["a.test"])).unwrap()).collect();
    assert!(matches!(door.enter(&peer(&["b.test"])), Err(Refused::Full)));
    places.pop();
    assert!(door.enter(&peer(&["b.test"])).is_ok());
}

#[test]
fn one_consumer_cannot_take_the_room_of_the_others() {
    let Entrance { door, .. } = &Entrance::mutual_tls([8, 2, 2]);
    // It is counted as the consumer it is, by whichever of its names.
    let mut places = vec![door.enter(&peer(&["a.test"])).unwrap()];
    places.push(door.enter(&peer(&["A2.test", "elsewhere.test"])).unwrap());
    assert!(matches!(door.enter(&peer(&["a.test", "a2.test"])), Err(Refused::PeerFull)));
    assert!(door.enter(&peer(&["b.test"])).is_ok(), "somebody else");

    places.pop();
    assert!(door.enter(&peer(&["a2.test"])).is_ok(), "its place is given back");
    drop(places);
    assert!(door.holders.counts().is_empty(), "nothing is kept of who went away");
}

#[test]
fn all_who_are_no_consumer_share_a_few_places() {
    let Entrance { door, .. } = &Entrance::mutual_tls([8, 8, 3]);
    let mut strangers: Vec<_> =
        (0..40).map(|number| door.enter(&peer(&[&format!("n{}.test", number % 4)]))).collect();
    strangers.extend([door.enter(&peer(&[])), door.enter(&peer(&["a.test", "b.test"]))]);
    assert_eq!(strangers.iter().flatten().filter(|place| place.is_strangers()).count(), 3);
    assert!(strangers[3..].iter().all(|refused| matches!(refused, Err(Refused::StrangersFull))));
    let consumers: Vec<_> = (0..5).map(|_| door.enter(&peer(&["a.test"])).unwrap()).collect();
    assert!(consumers.iter().all(|place| !place.is_strangers()));
}

#[test]
fn who_becomes_a_consumer_has_its_place_and_the_strangers_have_theirs_back() {
    let entrance = Entrance::mutual_tls([8, 1, 1]);
    let door = &entrance.door;
    let late = peer(&["late.test"]);
    let mut place = door.enter(&late).unwrap();
    assert!(!door.recognise(&late, &mut place) && place.is_strangers());

    entrance.change(&CONSUMERS.replace("b.test", "late.test"));
    assert!(door.recognise(&late, &mut place) && !place.is_strangers());

    assert!(matches!(door.enter(&late), Err(Refused::PeerFull)));
    let mut stranger = door.enter(&peer(&["b.test"])).unwrap();
    assert!(stranger.is_strangers());
    // One who finds no room as the consumer it is stays where it is.
    entrance.change(&CONSUMERS.replace("\"dns:b.test\"", "\"dns:late.test\", \"dns:b.test\""));
    assert!(!door.recognise(&peer(&["b.test"]), &mut stranger) && stranger.is_strangers());
}

#[test]
fn users_count_as_the_consumers_they_are() {
    let text = "[consumers.a]\nuids = [7, 9]\nresources = [\"arm\"]";
    let Entrance { door, .. } = &Entrance::new(Transport::Socket, [8, 2, 1], text);
    let places: Vec<_> =
        [7, 9, 7, 8, 8].map(|uid| door.enter(&Peer::User { uid, own: false })).into_iter().collect();
    assert!(matches!(places[..], [Ok(_), Ok(_), Err(Refused::PeerFull), Ok(_), Err(Refused::StrangersFull)]));
}

#[test]
fn the_peers_of_loopback_cannot_be_told_apart_and_share_all_there_is() {
    let text = "[consumers.a]\nloopback = true\nresources = [\"arm\"]";
    let Entrance { door, .. } = &Entrance::new(Transport::Loopback, [4, 1, 1], text);
    let places: Vec<_> = (0..4).map(|_| door.enter(&Peer::Loopback).unwrap()).collect();
    assert!(matches!(door.enter(&Peer::Loopback), Err(Refused::Full)));
    drop(places);
}

#[test]
fn who_finds_no_room_takes_none_of_its_own() {
    let Entrance { door, .. } = &Entrance::mutual_tls([1, 1, 1]);
    let place = door.enter(&peer(&["b.test"])).unwrap();
    assert!(matches!(door.enter(&peer(&["a.test"])), Err(Refused::Full)));
    drop(place);
    assert!(door.enter(&peer(&["a.test"])).is_ok());
}
