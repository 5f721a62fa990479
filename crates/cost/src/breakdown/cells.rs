//! Rows of equal groups, date and currency as one sum.

use std::collections::HashMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::chunks::Chunks;
use super::groups::{Groups, Keys};
use crate::money::Sum;
use crate::money::{AmountOverflow, Currency, Money};

/// What is added up: one cell for each combination of group values, date and currency, in the order they were first met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cells {
    groups: Groups,
    places: HashMap<(u32, Option<Date>, Currency), usize>,
    sums: Chunks<Cell>,
}

/// One of the sums. An answer may have 200 000, so it is kept small.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) cost: Sum,
    /// Of no meaning where a part has no figure.
    beside: Sum,
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
            Some(figure) if cell.has_beside => cell.beside.add(signed(figure))?,
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
                Some(more) if held.has_beside => held.beside.join(more)?,
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

    /// How many there are at most.
    pub(crate) fn len(&self) -> usize {
        self.sums.len()
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
        let place = *self.places.entry((group, date, currency)).or_insert(self.sums.len());
        if place == self.sums.len() {
            let zero = Sum::default();
            let (cost, beside) = (zero, zero);
            self.sums.push(Cell { cost, beside, group, date, currency, has_beside: true, lessened: false });
        }
        self.sums.get_mut(place)
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
        self.sums.get(*self.places.get(&(group, date, currency))?)
    }

    pub(crate) fn keys(&self, cell: &Cell) -> Keys {
        self.groups.keys(cell.group)
    }
}

impl Cell {
    /// What was summed beside the cost; `None` where a part has no figure.
    pub(crate) fn beside(&self) -> Option<Sum> {
        self.has_beside.then_some(self.beside)
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
