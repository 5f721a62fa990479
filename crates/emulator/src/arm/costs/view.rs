//! Who looks at costs sees what is known at that moment.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::inheritance::{Inheritance, Switches};
use super::planted::{NothingToPlant, Planted, Plants};
use super::{Subscriptions, arrival};
use crate::clock::utc_day;

/// The moment of looking, and the settings that rows were made with.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(super) now: Timestamp,
    pub(super) switches: Switches,
    /// Whether what is not used of a commitment is charged at billing scopes alone.
    unused_above: bool,
    pub(super) plants: Arc<Plants>,
}

impl View {
    /// At that moment, without inherited tags and with nothing planted.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { now, switches: Switches::default(), unused_above: false, plants: Arc::default() }
    }

    /// The same settings at another moment.
    pub(crate) fn moved(&self, now: Timestamp) -> Self {
        Self { now, ..self.clone() }
    }

    /// The same, with what is not used of a commitment at billing scopes alone, or with the subscription that bought it. Which of
    /// the two the service does with a shared one is not known.
    pub(crate) fn with_unused_above(self, unused_above: bool) -> Self {
        Self { unused_above, ..self }
    }

    pub(crate) fn has_unused_above(&self) -> bool {
        self.unused_above
    }

    /// Switches tag inheritance, now.
    pub(crate) fn switch(&mut self, to: Inheritance) {
        self.switches.switch(self.now, to);
    }

    /// The setting of tag inheritance.
    pub(crate) fn inheritance(&self) -> Inheritance {
        self.switches.last()
    }

    /// Plants these causes, and no others.
    pub(crate) fn plant(&mut self, orders: Vec<Planted>, all: &Subscriptions) -> Result<(), NothingToPlant> {
        self.plants = self.plants.next(orders, all)?;
        Ok(())
    }

    /// What is planted.
    pub(crate) fn planted(&self) -> Vec<Planted> {
        self.plants.orders()
    }

    /// A text that changes whenever rows can: with each update of the costs, and with each switch.
    pub(crate) fn version(&self) -> String {
        format!("{} {} {}", arrival::update(self.now), self.switches.count(), self.plants.number())
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
