//! How far usage is covered and commitments are used, of amortized costs by pricing model and charge type.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::CommitmentKind;
use crate::breakdown::Breakdown;
use crate::caseless;
use crate::error::Error;
use crate::money::{AmountOverflow, Currency, Exact, Sum};

const NOTHING_TO_COVER: &str = "no usage that a commitment could cover";
const NOTHING_COMMITTED: &str = "no reservation or savings plan is charged here";

/// The commitments of one currency. `committed_cost`, `unused_cost`, `on_demand_cost` of the whole and `other_cost` add up to all
/// amortized costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The currency.
    pub currency: Currency,
    /// Of both kinds together.
    pub whole: CommittedFigures,
    /// Of each kind that is charged.
    pub by_kind: Vec<(CommitmentKind, CommittedFigures)>,
    /// Everything else: usage of spare capacity, purchases, refunds, taxes.
    pub other_cost: Decimal,
}

/// How far something is covered, and used. Quotients have 10 decimals, half to even.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedFigures {
    /// Committed usage against it and all usage on demand. The error is the reason why not.
    pub coverage: Result<Decimal, &'static str>,
    /// What was used of what was paid for. The error is the reason why not.
    pub utilization: Result<Decimal, &'static str>,
    /// The usage that commitments paid for.
    pub committed_cost: Decimal,
    /// The usage on demand, without spare capacity; of all, also where the rest is of one kind.
    pub on_demand_cost: Decimal,
    /// What was paid for and nobody used.
    pub unused_cost: Decimal,
}

/// Reads the answer to [`super::commitment_question`], of one scope or of several, by currency.
///
/// # Errors
/// Sums that no decimal holds.
pub fn committed(costs: &Breakdown) -> Result<Vec<Committed>, Error> {
    let mut sums: BTreeMap<Currency, Sums> = BTreeMap::new();
    for line in &costs.lines {
        let key = |place: usize| line.keys.get(place).and_then(Option::as_deref).map(caseless::small);
        let (model, charge) = (key(0).unwrap_or_default(), key(1).unwrap_or_default());
        sums.entry(line.cost.currency).or_default().of(&model, &charge).add(line.cost.amount)?;
    }
    let told = sums.into_iter().map(|(currency, sums)| sums.told(currency));
    Ok(told.collect::<Result<_, AmountOverflow>>()?)
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    kinds: [Kind; 2],
    on_demand: Sum,
    other: Sum,
}

#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    used: Sum,
    unused: Sum,
}

impl Sums {
    /// The sum that a cost of this model and charge belongs to; both in small letters.
    fn of(&mut self, model: &str, charge: &str) -> &mut Sum {
        let [reservation, savings_plan] = &mut self.kinds;
        match (charge, model) {
            ("unusedreservation", _) => &mut reservation.unused,
            ("unusedsavingsplan", _) => &mut savings_plan.unused,
            ("usage", "reservation") => &mut reservation.used,
            ("usage", "savingsplan") => &mut savings_plan.used,
            ("usage", "ondemand") => &mut self.on_demand,
            _ => &mut self.other,
        }
    }

    fn told(self, currency: Currency) -> Result<Committed, AmountOverflow> {
        let [mut whole, more] = self.kinds;
        whole.used.join(more.used)?;
        whole.unused.join(more.unused)?;
        let nothing = Sum::default();
        let charged = CommitmentKind::ALL.into_iter().zip(self.kinds);
        let charged = charged.filter(|(_, kind)| kind.used != nothing || kind.unused != nothing);
        let by_kind = charged.map(|(kind, sums)| Ok((kind, sums.figures(self.on_demand)?)));
        Ok(Committed {
            currency,
            whole: whole.figures(self.on_demand)?,
            by_kind: by_kind.collect::<Result<_, AmountOverflow>>()?,
            other_cost: self.other.amount()?,
        })
    }
}

impl Kind {
    fn figures(self, on_demand: Sum) -> Result<CommittedFigures, AmountOverflow> {
        let (used, unused, on_demand) = (self.used.amount()?, self.unused.amount()?, on_demand.amount()?);
        Ok(CommittedFigures {
            coverage: part(used, on_demand)?.ok_or(NOTHING_TO_COVER),
            utilization: part(used, unused)?.ok_or(NOTHING_COMMITTED),
            committed_cost: used,
            on_demand_cost: on_demand,
            unused_cost: unused,
        })
    }
}

/// What an amount is of itself and another; `None` of nothing.
fn part(of: Decimal, other: Decimal) -> Result<Option<Decimal>, AmountOverflow> {
    let all = Exact::from(of).plus(other.into());
    Exact::from(of).by(all).map(Exact::rounded).transpose()
}
