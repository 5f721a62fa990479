//! Sums of several meters or scopes as one line, with a quantity only where that is of one meter.

use std::collections::HashMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::groups::{Groups, Keys};
use super::{Line, OfOneMeter, Quantity, values};
use crate::caseless;
use crate::chunks::Chunks;
use crate::money::Sum;
use crate::money::{AmountOverflow, Currency, Money};

/// Lines under way: one for each combination of group values, date and currency.
#[derive(Debug, Default)]
pub(crate) struct Rolled {
    groups: Groups,
    places: HashMap<(u32, Option<Date>, Currency), usize>,
    sums: Chunks<LineSum>,
}

#[derive(Debug)]
struct LineSum {
    keys: Keys,
    date: Option<Date>,
    currency: Currency,
    cost: Sum,
    quantity: Used,
    /// `None` where a part has none.
    usd: Option<Sum>,
}

/// How much was used, under way.
#[derive(Clone, Debug)]
pub(crate) enum Used {
    /// Of one meter.
    Of { meter: Option<String>, unit: Option<String>, amount: Sum },
    /// Anything that is no figure: what comes later says more.
    Without(Quantity),
}

impl Rolled {
    /// Adds what a line is to have.
    pub(crate) fn add<'a>(
        &mut self,
        keys: impl Iterator<Item = &'a str> + Clone,
        date: Option<Date>,
        cost: Money,
        quantity: Used,
        usd: Option<Decimal>,
    ) -> Result<(), AmountOverflow> {
        let group = self.groups.number(keys);
        let place = *self.places.entry((group, date, cost.currency)).or_insert(self.sums.len());
        if let Some(sum) = self.sums.get_mut(place) {
            return sum.add(cost.amount, quantity, usd);
        }
        let (mut amount, mut in_usd) = (Sum::default(), None);
        amount.add(cost.amount)?;
        if let Some(figure) = usd {
            in_usd.insert(Sum::default()).add(figure)?;
        }
        let (keys, currency) = (self.groups.keys(group), cost.currency);
        self.sums.push(LineSum { keys, date, currency, cost: amount, quantity, usd: in_usd });
        Ok(())
    }

    /// Adds a line of another breakdown.
    pub(super) fn add_line(&mut self, line: Line) -> Result<(), AmountOverflow> {
        let quantity = match line.quantity {
            Quantity::Of(of) => Used::of(of.meter, of.unit, of.amount)?,
            other => Used::Without(other),
        };
        self.add(values(&line.keys), line.date, line.cost, quantity, line.usd)
    }

    pub(crate) fn lines(self) -> Result<Chunks<Line>, AmountOverflow> {
        let line = |sum: LineSum| {
            let quantity = match sum.quantity {
                Used::Of { meter, unit, amount } => {
                    Quantity::Of(Box::new(OfOneMeter { meter, unit, amount: amount.amount()? }))
                }
                Used::Without(quantity) => quantity,
            };
            Ok(Line {
                keys: sum.keys,
                date: sum.date,
                cost: Money::new(sum.cost.amount()?, sum.currency),
                quantity,
                usd: sum.usd.map(|usd| usd.amount()).transpose()?,
            })
        };
        self.sums.into_iter().map(line).collect()
    }
}

impl LineSum {
    fn add(&mut self, cost: Decimal, quantity: Used, usd: Option<Decimal>) -> Result<(), AmountOverflow> {
        self.cost.add(cost)?;
        match (&mut self.usd, usd) {
            (Some(sum), Some(figure)) => sum.add(figure)?,
            _ => self.usd = None,
        }
        self.quantity.add(quantity)
    }
}

impl Used {
    pub(crate) fn of(
        meter: Option<String>,
        unit: Option<String>,
        amount: Decimal,
    ) -> Result<Self, AmountOverflow> {
        let mut sum = Sum::default();
        sum.add(amount)?;
        Ok(Self::Of { meter, unit, amount: sum })
    }

    fn add(&mut self, more: Self) -> Result<(), AmountOverflow> {
        match (&mut *self, more) {
            (Self::Of { meter, unit, amount }, Self::Of { meter: other, unit: its, amount: more })
                if same(meter.as_deref(), other.as_deref()) && same(unit.as_deref(), its.as_deref()) =>
            {
                amount.add(more.amount()?)
            }
            (Self::Of { .. }, Self::Of { .. }) => {
                *self = Self::Without(Quantity::SeveralMeters);
                Ok(())
            }
            (held, more) => {
                if rank(&more) > rank(held) {
                    *held = more;
                }
                Ok(())
            }
        }
    }
}

/// Where two parts differ in what they lack, the whole lacks what weighs more.
const fn rank(quantity: &Used) -> u8 {
    match quantity {
        Used::Without(Quantity::NotAsked) => 0,
        Used::Of { .. } | Used::Without(Quantity::Of(_)) => 1,
        Used::Without(Quantity::NoFigure) => 2,
        Used::Without(Quantity::SeveralMeters) => 3,
        Used::Without(Quantity::NotAskable) => 4,
    }
}

fn same(one: Option<&str>, other: Option<&str>) -> bool {
    caseless::same(one.unwrap_or_default(), other.unwrap_or_default())
}
