//! Causes of odd costs, planted on a switch: what changes in Contoso from one day to another, and nothing without it.

use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::catalogue;
use super::line::{Charge, Line, seed};
use super::{Subscription, Subscriptions};

/// A change of what a subscription runs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// The id of the subscription.
    pub subscription: String,
    /// The name of the resource, as it stands at the end of its id; of a commitment that of its reservation or savings plan.
    pub resource: String,
    /// The first day.
    pub from: Date,
    /// The last day. Default: it lasts.
    #[serde(default)]
    pub to: Option<Date>,
    /// What happens.
    pub cause: PlantedCause,
}

/// What happens to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlantedCause {
    /// There is another one like it, in the same group, so many per cent as large.
    NewResource {
        /// Per cent.
        percent: i64,
    },
    /// It is put on another meter, where the same use costs so many per cent.
    Resize {
        /// The key of the service in the catalogue.
        to: String,
        /// Per cent.
        percent: i64,
    },
    /// Its price is so many per cent; it is used as before.
    PriceChange {
        /// Per cent.
        percent: i64,
    },
    /// The commitment covers nothing any more, as after a move to another size: it is paid for and unused, and what it covered is
    /// paid on demand.
    CoverageLost,
    /// It is used so many per cent as much.
    Traffic {
        /// Per cent.
        percent: i64,
    },
}

/// A cause that there is nothing for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing of Contoso can have this cause: {0:?}")]
pub struct NothingToPlant(pub Planted);

/// All that is planted.
#[derive(Debug, Default)]
pub(crate) struct Plants {
    /// Which planting it is.
    number: u64,
    all: Vec<Plant>,
}

#[derive(Debug)]
struct Plant {
    order: Planted,
    /// What is charged beside what there is.
    line: Option<Line>,
}

/// What becomes of a line on a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) used_percent: i64,
    pub(super) price_percent: i64,
    /// Whether it is charged at all.
    pub(super) is_charged: bool,
    /// Whether a commitment covers what it should.
    pub(super) covers: bool,
}

impl Change {
    /// All stays as it is.
    pub(super) const NONE: Self =
        Self { used_percent: 100, price_percent: 100, is_charged: true, covers: true };
}

impl Plants {
    /// The next planting after this one.
    pub(crate) fn next(
        &self,
        orders: Vec<Planted>,
        all: &Subscriptions,
    ) -> Result<Arc<Self>, NothingToPlant> {
        let plant = |order: Planted| Plant::of(order, all);
        let all = orders.into_iter().map(plant).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { number: self.number + 1, all }))
    }

    pub(crate) fn orders(&self) -> Vec<Planted> {
        self.all.iter().map(|plant| plant.order.clone()).collect()
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The lines that a subscription has on a day beside its own.
    pub(super) fn lines<'a>(
        &'a self,
        subscription: &'a Subscription,
        day: Date,
    ) -> impl Iterator<Item = &'a Line> {
        let here = self.all.iter().filter(move |plant| plant.is_on(&subscription.id, day));
        here.filter_map(|plant| plant.line.as_ref())
    }

    /// What becomes of one of its own lines.
    pub(super) fn change(&self, subscription: &Subscription, line: &Line, day: Date) -> Change {
        let mut change = Change::NONE;
        let is_its = |plant: &&Plant| plant.order.resource == line.name && plant.is_on(&subscription.id, day);
        for plant in self.all.iter().filter(is_its) {
            match plant.order.cause {
                PlantedCause::NewResource { .. } => {}
                PlantedCause::Resize { .. } => change.is_charged = false,
                PlantedCause::PriceChange { percent } => change.price_percent = percent,
                PlantedCause::CoverageLost => change.covers = false,
                PlantedCause::Traffic { percent } => change.used_percent = percent,
            }
        }
        change
    }
}

impl Plant {
    fn of(order: Planted, all: &Subscriptions) -> Result<Self, NothingToPlant> {
        let found = all.find(&order.subscription);
        let found = found.as_ref().and_then(|one| one.lines.iter().find(|line| line.name == order.resource));
        let is_covering = |line: &Line| matches!(line.charge, Charge::Reservation | Charge::SavingsPlan);
        let line = match (&order.cause, found) {
            (PlantedCause::CoverageLost, Some(line)) if is_covering(line) => Ok(None),
            (PlantedCause::CoverageLost, _) | (_, None) => Err(()),
            (_, Some(line)) if line.charge != Charge::Usage => Err(()),
            (PlantedCause::NewResource { percent }, Some(line)) => Ok(Some(another(line, *percent))),
            (PlantedCause::Resize { to, percent }, Some(line)) => {
                let daily = line.daily * percent / 100;
                catalogue::resized(line, to).map(|line| Some(Line { daily, ..line })).ok_or(())
            }
            (PlantedCause::PriceChange { .. } | PlantedCause::Traffic { .. }, Some(_)) => Ok(None),
        };
        match line {
            Ok(line) => Ok(Self { order, line }),
            Err(()) => Err(NothingToPlant(order)),
        }
    }

    fn is_on(&self, subscription: &str, day: Date) -> bool {
        self.order.subscription.eq_ignore_ascii_case(subscription)
            && day >= self.order.from
            && self.order.to.is_none_or(|to| day <= to)
    }
}

fn another(line: &Line, percent: i64) -> Line {
    let name = format!("{}-new", line.name);
    Line { seed: seed(&name), daily: line.daily * percent / 100, name, ..line.clone() }
}

#[cfg(test)]
mod tests;
