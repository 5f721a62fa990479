//! Rows of equal groups, date and currency as one sum.

use std::collections::HashMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::groups::{Groups, Keys};
use crate::money::Sum;
use crate::money::{AmountOverflow, Currency, Money};

/// What is added up: one cell for each combination of group values, date and currency, in the order they were first met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cells {
    groups: Groups,
    places: HashMap<(usize, Option<Date>, Currency), usize>,
    sums: Vec<Cell>,
}

/// One of the sums.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) group: usize,
    pub(crate) date: Option<Date>,
    pub(crate) currency: Currency,
    pub(crate) cost: Sum,
    /// `None` where a part has no figure.
    pub(crate) beside: Option<Sum>,
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
        match (&mut cell.beside, beside) {
            (Some(sum), Some(figure)) => sum.add(signed(figure))?,
            _ => cell.beside = None,
        }
        Ok(())
    }

    /// Adds the cells that are left of others.
    pub(crate) fn join(&mut self, more: &Self) -> Result<(), AmountOverflow> {
        for cell in more.iter() {
            let keys = more.keys(cell);
            let Some(held) = self.cell(values(&keys), cell.date, cell.currency) else { continue };
            held.cost.join(cell.cost)?;
            match (&mut held.beside, cell.beside) {
                (Some(sum), Some(more)) => sum.join(more)?,
                _ => held.beside = None,
            }
        }
        Ok(())
    }

    /// The cells that are left. Of which all was taken off, nothing is.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Cell> {
        self.sums.iter().filter(|cell| cell.is_left())
    }

    /// How many there are at most.
    pub(crate) const fn len(&self) -> usize {
        self.sums.len()
    }

    /// Makes room for more, which may turn out to be of known keys.
    pub(crate) fn reserve(&mut self, rows: usize) {
        self.sums.reserve(rows);
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
            self.sums.push(Cell { group, date, currency, cost: zero, beside: Some(zero), lessened: false });
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
        self.held(values, date, currency)?.beside
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
    fn is_left(&self) -> bool {
        let none = Sum::default();
        let nothing = self.cost == none && self.beside.is_none_or(|beside| beside == none);
        !(self.lessened && nothing)
    }
}

/// Values as the sums take them.
pub(crate) fn values(keys: &[Option<String>]) -> impl Iterator<Item = &str> + Clone {
    keys.iter().map(|key| key.as_deref().unwrap_or_default())
}
