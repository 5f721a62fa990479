//! Who looks at costs sees what is known at that moment.

use jiff::Timestamp;
use jiff::civil::Date;

use super::arrival;
use super::inheritance::{Inheritance, Switches};
use crate::clock::utc_day;

/// The moment of looking, and the settings that rows were made with.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(super) now: Timestamp,
    pub(super) switches: Switches,
}

impl View {
    /// At that moment, without inherited tags.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { now, switches: Switches::default() }
    }

    /// The same settings at another moment.
    pub(crate) fn moved(&self, now: Timestamp) -> Self {
        Self { now, switches: self.switches.clone() }
    }

    /// Switches tag inheritance, now.
    pub(crate) fn switch(&mut self, to: Inheritance) {
        self.switches.switch(self.now, to);
    }

    /// The setting of tag inheritance.
    pub(crate) fn inheritance(&self) -> Inheritance {
        self.switches.last()
    }

    /// A text that changes whenever rows can: with each update of the costs, and with each switch.
    pub(crate) fn version(&self) -> String {
        format!("{} {}", arrival::update(self.now), self.switches.count())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The last day of which all usage is known.
    pub(crate) fn complete_until(&self) -> Date {
        arrival::complete_until(self.now)
    }

    /// The day of looking, in UTC.
    pub(crate) fn today(&self) -> Date {
        utc_day(self.now)
    }
}
