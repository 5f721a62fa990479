//! Rows of equal groups, date and currency as one sum.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::groups::{Groups, Keys};
use crate::chunks::Chunks;
use crate::money::Sum;
use crate::money::{AmountOverflow, Currency, Money};

/// What is added up: one cell for each combination of group values, date and currency, in the order they were first met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cells {
    groups: Groups,
    /// Where the sum of a key is, by the key's hash; the key itself is in the sum.
    places: HashTable<u32>,
    sums: Chunks<Cell>,
    state: RandomState,
}

/// What makes rows one.
type Key = (u32, Option<Date>, Currency);

/// One of the sums. An answer may have 200 000, so it is kept small.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) cost: Sum,
    /// None is nothing. Of no meaning where a part has no figure. Apart: most answers have no second sum.
    beside: Option<Box<Sum>>,
    group: u32,
    pub(crate) date: Option<Date>,
    pub(crate) currency: Currency,
    has_beside: bool,
    /// Whether something was taken off.
    lessened: bool,
}

/// What is added to a cell, or taken off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) date: Option<Date>,
    pub(crate) cost: Money,
    pub(crate) beside: Option<Decimal>,
    /// Whether it is taken off.
    pub(crate) taken: bool,
}

impl Cells {
    pub(crate) fn add<'a>(
        &mut self,
        values: impl Iterator<Item = &'a str> + Clone,
        figures: Figures,
    ) -> Result<(), AmountOverflow> {
        let Figures { date, cost, beside, taken } = figures;
        let Some(cell) = self.cell(values, date, cost.currency) else { return Ok(()) };
        let signed = |amount: Decimal| if taken { -amount } else { amount };
        cell.lessened |= taken;
        cell.cost.add(signed(cost.amount))?;
        match beside {
            Some(figure) if cell.has_beside => cell.beside.get_or_insert_default().add(signed(figure))?,
            Some(_) => {}
            None => cell.has_beside = false,
        }
        Ok(())
    }

    /// Adds the cells that are left of others.
    pub(crate) fn join(&mut self, more: &Self) -> Result<(), AmountOverflow> {
        for cell in more.iter() {
            let keys = more.keys(cell);
            let Some(held) = self.cell(values(&keys), cell.date, cell.currency) else { continue };
            held.cost.join(cell.cost)?;
            match cell.beside() {
                Some(more) if held.has_beside => held.beside.get_or_insert_default().join(more)?,
                Some(_) => {}
                None => held.has_beside = false,
            }
        }
        Ok(())
    }

    /// The cells that are left. Of which all was taken off, nothing is.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Cell> {
        self.sums.iter().filter(|cell| cell.is_left())
    }

    /// The same, each with its group values; what only finds them is let go of first.
    pub(crate) fn into_left(self) -> impl Iterator<Item = (Keys, Cell)> {
        let Self { groups, sums, .. } = self;
        sums.into_iter().filter(Cell::is_left).map(move |cell| (groups.keys(cell.group), cell))
    }

    /// The cell of a key, which may be new.
    fn cell<'a>(
        &mut self,
        values: impl Iterator<Item = &'a str> + Clone,
        date: Option<Date>,
        currency: Currency,
    ) -> Option<&mut Cell> {
        let group = self.groups.number(values);
        let key = (group, date, currency);
        let place = match self.place(key) {
            Some(known) => known,
            None => self.begin(key),
        };
        self.sums.get_mut(place)
    }

    fn place(&self, key: Key) -> Option<usize> {
        let is_it = |place: &u32| self.sums.get(*place as usize).is_some_and(|cell| cell.key() == key);
        self.places.find(self.state.hash_one(Some(key)), is_it).map(|place| *place as usize)
    }

    /// Makes the cell of a key that has none.
    fn begin(&mut self, key: Key) -> usize {
        let (place, (group, date, currency)) = (self.sums.len(), key);
        let (cost, beside) = (Sum::default(), None);
        self.sums.push(Cell { cost, beside, group, date, currency, has_beside: true, lessened: false });
        let Self { places, sums, state, .. } = self;
        let hash = |place: &u32| state.hash_one(sums.get(*place as usize).map(Cell::key));
        // Rows are bounded, and far fewer.
        places.insert_unique(state.hash_one(Some(key)), u32::try_from(place).unwrap_or(u32::MAX), hash);
        place
    }

    /// The cell of a key, if it is left.
    pub(crate) fn find<'a>(
        &self,
        values: &(impl Iterator<Item = &'a str> + Clone),
        date: Option<Date>,
        currency: Currency,
    ) -> Option<&Cell> {
        self.held(values, date, currency).filter(|cell| cell.is_left())
    }

    /// What was summed beside the cost of a key, also where all of it was taken off again.
    pub(crate) fn beside<'a>(
        &self,
        values: &(impl Iterator<Item = &'a str> + Clone),
        date: Option<Date>,
        currency: Currency,
    ) -> Option<Sum> {
        self.held(values, date, currency)?.beside()
    }

    /// The cell of a key, left or not.
    fn held<'a>(
        &self,
        values: &(impl Iterator<Item = &'a str> + Clone),
        date: Option<Date>,
        currency: Currency,
    ) -> Option<&Cell> {
        let group = self.groups.find(values)?;
        self.sums.get(self.place((group, date, currency))?)
    }

    pub(crate) fn keys(&self, cell: &Cell) -> Keys {
        self.groups.keys(cell.group)
    }
}

impl Cell {
    /// What was summed beside the cost; `None` where a part has no figure.
    pub(crate) fn beside(&self) -> Option<Sum> {
        self.has_beside.then(|| self.beside.as_deref().copied().unwrap_or_default())
    }

    fn key(&self) -> Key {
        (self.group, self.date, self.currency)
    }

    fn is_left(&self) -> bool {
        let none = Sum::default();
        let nothing = self.cost == none && self.beside().is_none_or(|beside| beside == none);
        !(self.lessened && nothing)
    }
}

/// Values as the sums take them.
pub(crate) fn values(keys: &[Option<String>]) -> impl Iterator<Item = &str> + Clone {
    keys.iter().map(|key| key.as_deref().unwrap_or_default())
}
