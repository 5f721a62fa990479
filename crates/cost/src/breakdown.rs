//! Costs as a question wanted them: each figure exact, each group once.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

pub(crate) use cells::{Cell, Cells, Figures, values};
pub(crate) use groups::{Groups, Keys};
pub(crate) use rolled::{Rolled, Used};

use crate::caseless;
use crate::chunks::Chunks;
use crate::error::Error;
use crate::money::Sum;
use crate::money::{AmountOverflow, Currency, Money, Totals};

mod cells;
mod groups;
mod rolled;

/// The costs of a question, of one scope or of several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// One for each day or month, currency and group.
    pub lines: Chunks<Line>,
    /// How many rows Azure sent without a figure, which are in no sum.
    pub without_figure: u64,
}

/// A line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The values of the groups, in the order of the question's grouping. `None`: the cost has none, such as a tag. Shared by all
    /// lines of the group.
    pub keys: Arc<[Option<String>]>,
    /// The day, or the month's first day.
    pub date: Option<Date>,
    /// The cost, exact.
    pub cost: Money,
    /// How much was used.
    pub quantity: Quantity,
    /// The cost in US dollars, by Microsoft's own conversion; `None` where it was not asked for or a part of it is missing.
    pub usd: Option<Decimal>,
}

/// How much was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Quantity {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// So much, of one meter. Boxed: most lines of a large answer have none.
    Of(Box<OfOneMeter>),
    /// The line is of several meters, or of one that is counted in several units: their quantities have no sum.
    SeveralMeters,
    /// The question is split in two ways besides the meter: how many meters a line has cannot be asked.
    NotAskable,
    /// Azure has no figure for a part of it.
    NoFigure,
}

/// How much of one meter was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfOneMeter {
    /// The meter.
    pub meter: Option<String>,
    /// The quantity, exact.
    pub amount: Decimal,
    /// What it is counted in, where the agreement says.
    pub unit: Option<String>,
}

/// The dearest groups of each currency, and what is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranked {
    /// The lines of the groups that stay: currency by currency, the dearest group first, each group's lines by date.
    pub lines: Vec<Line>,
    /// What was left out, per currency.
    pub other: Vec<Other>,
}

/// Groups that were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Their currency.
    pub currency: Currency,
    /// How many groups.
    pub groups: usize,
    /// What they cost together, exact.
    pub amount: Decimal,
}

impl Breakdown {
    /// The costs of several scopes as one: lines of equal keys, date and currency are added up.
    pub fn merged(parts: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        let mut parts = parts.into_iter().peekable();
        let first = parts.next().unwrap_or_default();
        if parts.peek().is_none() {
            // Nothing is equal in one alone, and a large one need not be there twice.
            return Ok(first);
        }
        let mut rolled = Rolled::default();
        let mut without_figure = 0;
        for part in std::iter::once(first).chain(parts) {
            without_figure += part.without_figure;
            for line in part.lines {
                rolled.add_line(line)?;
            }
        }
        Ok(Self { lines: rolled.lines()?, without_figure })
    }

    /// The sum of each currency.
    pub fn totals(&self) -> Result<Totals, Error> {
        Ok(Totals::of(self.lines.iter().map(|line| line.cost))?)
    }

    /// The sum of each day or month and currency, by date, then currency.
    pub fn totals_by_date(&self) -> Result<Vec<(Date, Money)>, Error> {
        let mut sums: BTreeMap<(Date, Currency), Sum> = BTreeMap::new();
        for line in &self.lines {
            let Some(date) = line.date else { continue };
            sums.entry((date, line.cost.currency)).or_default().add(line.cost.amount)?;
        }
        let total = |((date, currency), sum): ((Date, Currency), Sum)| {
            Ok((date, Money::new(sum.amount()?, currency)))
        };
        sums.into_iter().map(total).collect()
    }

    /// The `top` dearest groups of each currency, over all their dates. Groups of equal amount stand in the order of their names.
    pub fn ranked(&self, top: usize) -> Result<Ranked, Error> {
        let groups = self.by_group()?;
        let mut ranked = Ranked::default();
        let mut place: usize = 0;
        let mut other = Sum::default();
        for (index, group) in groups.iter().enumerate() {
            if place < top {
                ranked.lines.extend(group.lines.iter().map(|line| (*line).clone()));
            } else {
                other.add(group.amount)?;
            }
            place += 1;
            if groups.get(index + 1).is_none_or(|next| next.currency != group.currency) {
                if let Some(groups) = place.checked_sub(top).filter(|groups| *groups > 0) {
                    ranked.other.push(Other { currency: group.currency, groups, amount: other.amount()? });
                }
                (place, other) = (0, Sum::default());
            }
        }
        Ok(ranked)
    }

    /// The groups of each currency, the dearest first, each with its lines by date.
    fn by_group(&self) -> Result<Vec<Group<'_>>, AmountOverflow> {
        let mut numbers = Groups::default();
        let mut places: HashMap<(Currency, u32), usize> = HashMap::new();
        let mut found: Vec<(Sum, Vec<&Line>)> = Vec::new();
        for line in &self.lines {
            let key = (line.cost.currency, numbers.number(values(&line.keys)));
            let place = *places.entry(key).or_insert(found.len());
            if place == found.len() {
                found.push((Sum::default(), Vec::new()));
            }
            let Some((sum, lines)) = found.get_mut(place) else { continue };
            sum.add(line.cost.amount)?;
            lines.push(line);
        }
        let mut groups: Vec<Group<'_>> =
            found.into_iter().filter_map(|(sum, lines)| Group::of(sum, lines)).collect::<Result<_, _>>()?;
        groups.sort_by(|a, b| {
            (a.currency, Reverse(a.amount), &a.name).cmp(&(b.currency, Reverse(b.amount), &b.name))
        });
        Ok(groups)
    }
}

/// The lines of a group in one currency.
struct Group<'a> {
    currency: Currency,
    amount: Decimal,
    name: Vec<String>,
    lines: Vec<&'a Line>,
}

impl<'a> Group<'a> {
    fn of(sum: Sum, mut lines: Vec<&'a Line>) -> Option<Result<Self, AmountOverflow>> {
        lines.sort_by_key(|line| line.date);
        let first = lines.first()?;
        let (currency, name) = (first.cost.currency, sort_name(&first.keys));
        Some(sum.amount().map(|amount| Self { currency, amount, name, lines }))
    }
}

/// By what groups of equal amount are put in order: their values in small letters, none before any.
fn sort_name(keys: &[Option<String>]) -> Vec<String> {
    values(keys).map(caseless::small).collect()
}

#[cfg(test)]
mod tests;
