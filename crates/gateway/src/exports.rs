//! Exports: files of costs that people asked for, kept sealed until they fetch them or their time is over.
//!
//! | module | what it holds |
//! |---|---|
//! | `place` | the directory, one for each process |
//! | `seal` | how chunks are sealed, and what does not open |
//! | `sealed` | one file and the room it takes |
//! | `draft` | an export while it is written |
//! | `shelf` | what exports there are, and whose |
//! | `fault` | why an export is not kept |
//! | `door` | `GET /exports/{id}`: who is let in, and in which order that is asked |
//! | `conditions`, `answer`, `sending` | which bytes, under which fields, and how they get there |
//! | `links` | links that work once |
//!
//! This module must not know where costs come from, nor how they are written down.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::{self, SecureRandom as _};
use identity::clock::SharedClock;
use jiff::Timestamp;
use opentelemetry::metrics::Meter;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use self::id::Maker;
use self::links::Links;
use self::metrics::Instruments;
use self::place::Place;
use self::sealed::{Room, Sealed};
use self::shelf::{Export, Shelf};
use crate::engine::Person;

pub(crate) use door::{Vouch, routes};
pub(crate) use draft::Draft;
pub(crate) use fault::ExportFault;
pub(crate) use id::ExportId;
pub use place::PlaceError;
pub(crate) use sending::LONGEST;
pub use settings::{ExportArgs, ExportSettings, FocusDataError};

mod answer;
mod conditions;
mod door;
mod draft;
mod fault;
mod id;
mod links;
mod metrics;
mod place;
mod seal;
mod sealed;
mod sending;
mod settings;
mod shelf;
#[cfg(test)]
mod tests;

/// How often exports that have expired are deleted. They are handed out no more from the very moment.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// The exports of this process. Clones share them.
#[derive(Clone)]
pub struct Exports(Arc<Store>);

struct Store {
    settings: ExportSettings,
    maker: Maker,
    place: Arc<Place>,
    room: Arc<Room>,
    shelf: Shelf,
    links: Links,
    clock: SharedClock,
    instruments: Instruments,
    /// Where exports are fetched, without a slash at the end.
    url: String,
}

/// What is said of an export when it is finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// The format, by the name that the tool gives it.
    pub(crate) format: &'static str,
    /// Its media type.
    pub(crate) media_type: &'static str,
    /// What the file is called where it is saved.
    pub(crate) file_name: String,
    pub(crate) rows: u64,
}

/// An export that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) id: ExportId,
    /// In bytes, as it is handed out.
    pub(crate) size: u64,
    /// In hexadecimal.
    pub(crate) sha256: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) about: About,
}

impl Exports {
    /// Makes the place that `settings` name, and deletes what killed processes left there. `url` is where exports are fetched.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) fn start(
        settings: ExportSettings,
        url: String,
        clock: SharedClock,
        meter: &Meter,
    ) -> Result<Self, PlaceError> {
        let store = Store {
            place: Arc::new(Place::open(settings.dir.as_deref())?),
            maker: Maker::new().ok_or(PlaceError::NoRandomness)?,
            room: Arc::new(Room::new(settings.bytes)),
            shelf: Shelf::default(),
            links: Links::default(),
            instruments: Instruments::new(meter),
            settings,
            clock,
            url,
        };
        let exports = Self(Arc::new(store));
        exports.observe(meter);
        Ok(exports)
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> &ExportSettings {
        &self.0.settings
    }

    /// An id for an export that is going to be made here.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn new_id(&self) -> Result<ExportId, ExportFault> {
        ExportId::new(self.0.maker).ok_or(ExportFault::Unavailable)
    }

    /// Whether the export of this id, if there is or was one, is another process's: another replica's, or one's from before it
    /// was started anew.
    pub(crate) fn is_elsewhere(&self, id: ExportId) -> bool {
        id.maker != self.0.maker
    }

    /// Begins an export of this person. It counts as one of theirs from now on.
    ///
    /// # Errors
    /// When they have as many as they may, or nothing can be written.
    pub(crate) fn begin(&self, person: &Person, id: ExportId) -> Result<Draft, ExportFault> {
        let Store { settings, shelf, room, place, .. } = &*self.0;
        self.sweep();
        let seat = shelf.seat(*person, id, settings.count, self.now());
        let begun = seat.and_then(|seat| Ok((seat, Sealed::create(id, room, place)?)));
        let (seat, sealed) = begun.map_err(|fault| self.told(fault))?;
        Ok(Draft::new(self.clone(), seat, sealed))
    }

    /// An export of this person that is ready. Those of others are not there.
    pub(crate) fn find(&self, person: &Person, id: ExportId) -> Option<Kept> {
        Some(self.export(person, id)?.kept.clone())
    }

    /// The exports of this person that are ready, those first that expire last.
    pub(crate) fn list(&self, person: &Person) -> Vec<Kept> {
        let now = self.now();
        let mut all: Vec<_> = self.0.shelf.of(*person).iter().map(|export| export.kept.clone()).collect();
        all.retain(|kept| kept.expires_at > now);
        all.sort_by(|one, other| other.expires_at.cmp(&one.expires_at).then(one.sha256.cmp(&other.sha256)));
        all
    }

    /// The whole of an export, for what is answered inline. Reading blocks: it is for a thread of its own.
    ///
    /// # Errors
    /// When it is not there, or the file is not what was written.
    pub(crate) fn read(&self, person: &Person, id: ExportId) -> Result<Vec<u8>, ExportFault> {
        let export = self.export(person, id).ok_or(ExportFault::Unavailable)?;
        let size = export.kept.size;
        let mut whole = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        for number in 0..seal::chunks(size) {
            let chunk = export.sealed.read(number, size);
            whole.extend_from_slice(&chunk.map_err(|error| sealed::failed(&error))?);
        }
        Ok(whole)
    }

    /// A link to an export of this person that works once, for whoever has it; `None` where there are no links, or no such
    /// export.
    pub(crate) fn link(&self, person: &Person, id: ExportId) -> Option<String> {
        let life = self.0.settings.link?;
        let secret = self.0.links.make(self.find(person, id)?.id, self.now(), life)?;
        Some(format!("{}?once={secret}", self.url(id)))
    }

    /// Where an export is fetched.
    pub(crate) fn url(&self, id: ExportId) -> String {
        format!("{}/{id}", self.0.url)
    }

    /// Deletes what has expired, from time to time, for ever.
    pub(crate) async fn tend(self) {
        let mut ticks = interval(SWEEP_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let exports = self.clone();
            // Deleting a large file takes a while. It fails only where this process ends.
            let _ = spawn_blocking(move || exports.sweep()).await;
        }
    }

    /// Deletes what has expired. Who reads it reads on to the end.
    pub(crate) fn sweep(&self) {
        for export in self.0.shelf.expired(self.now()) {
            export.sealed.delete();
        }
    }

    /// Deletes everything: the service ends.
    pub(crate) async fn close(&self) {
        let exports = self.clone();
        let _ = spawn_blocking(move || {
            exports.0.shelf.clear();
            exports.0.place.clear();
        })
        .await;
    }

    fn export(&self, person: &Person, id: ExportId) -> Option<Arc<Export>> {
        self.ready(id).filter(|export| export.person == *person)
    }

    /// An export that is ready and not over, whoever asks.
    fn ready(&self, id: ExportId) -> Option<Arc<Export>> {
        self.0.shelf.get(id).filter(|export| export.kept.expires_at > self.now())
    }

    fn link_works(&self, id: ExportId, secret: &str) -> bool {
        self.0.links.works(id, secret, self.now())
    }

    fn take_link(&self, id: ExportId, secret: &str) -> bool {
        self.0.links.take(id, secret, self.now())
    }

    fn instruments(&self) -> Instruments {
        self.0.instruments.clone()
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// When an export that is finished now expires.
    fn expiry(&self) -> Timestamp {
        self.now().saturating_add(self.0.settings.ttl).unwrap_or(Timestamp::MAX)
    }

    /// Counts a fault, and adds what is known of when to come back.
    fn told(&self, fault: ExportFault) -> ExportFault {
        self.0.instruments.refused(fault.code());
        match fault {
            ExportFault::NoRoom { .. } => {
                ExportFault::NoRoom { retry_in_seconds: self.0.shelf.next_expiry(self.now()) }
            }
            other => other,
        }
    }
}

impl fmt::Debug for Exports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exports").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// Bytes that nobody guesses; `None` where the system has none.
fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}
