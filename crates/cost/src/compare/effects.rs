//! The change of a group's cost, taken apart meter by meter.

use rust_decimal::Decimal;

use crate::breakdown::Cell;
use crate::money::{AmountOverflow, Exact};

/// Cost and quantity of a meter in one period: usage that has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Priced {
    cost: Decimal,
    quantity: Decimal,
}

impl Priced {
    /// `None` where nothing was used, or nobody knows how much: a cost without a quantity is no usage.
    fn of(cell: Option<&Cell>) -> Result<Option<Self>, AmountOverflow> {
        let Some((cell, quantity)) = cell.and_then(|cell| Some((cell, cell.beside()?))) else {
            return Ok(None);
        };
        let (cost, quantity) = (cell.cost.amount()?, quantity.amount()?);
        Ok((!quantity.is_zero()).then_some(Self { cost, quantity }))
    }
}

/// What the usage of one meter, or of several, did to the cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// More or less was used.
    pub(crate) usage: Decimal,
    /// It was dearer or cheaper.
    pub(crate) rate: Decimal,
}

impl Effects {
    /// Of one meter.
    pub(crate) fn of(before: Option<&Cell>, after: Option<&Cell>) -> Result<Self, AmountOverflow> {
        let (before, after) = (Priced::of(before)?, Priced::of(after)?);
        let (Some(old), Some(new)) = (before, after) else {
            // New or gone: no second price to compare with.
            let cost = |priced: Option<Priced>| priced.map_or(Decimal::ZERO, |priced| priced.cost);
            return Ok(Self { usage: less(cost(after), cost(before))?, rate: Decimal::ZERO });
        };
        let usage = usage_effect(old, new)?;
        Ok(Self { usage, rate: less(less(new.cost, old.cost)?, usage)? })
    }

    pub(crate) fn add(&mut self, more: Self) -> Result<(), AmountOverflow> {
        let sum =
            |held: Decimal, more| held.checked_add(more).map(|sum| sum.normalize()).ok_or(AmountOverflow);
        self.usage = sum(self.usage, more.usage)?;
        self.rate = sum(self.rate, more.rate)?;
        Ok(())
    }
}

/// `(q1 - q0) * (p0 + p1) / 2`: the split of the midpoint, which depends on no order and leaves no residue.
fn usage_effect(before: Priced, after: Priced) -> Result<Decimal, AmountOverflow> {
    let price = |priced: Priced| Exact::from(priced.cost).by(priced.quantity.into());
    let more = Exact::from(after.quantity).minus(before.quantity.into());
    let mean = price(before).zip(price(after)).and_then(|(old, new)| old.plus(new).by(2.into()));
    // Neither quantity is zero.
    mean.map_or(Ok(Decimal::ZERO), |mean| more.times(mean).rounded())
}

pub(crate) fn less(amount: Decimal, by: Decimal) -> Result<Decimal, AmountOverflow> {
    amount.checked_sub(by).map(|left| left.normalize()).ok_or(AmountOverflow)
}
