//! How much of the usage that a commitment can cover is covered by one.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::breakdown::{Cells, values};
use crate::caseless;
use crate::money::{AmountOverflow, Currency, Exact, Sum};
use crate::query::Grouping;
use crate::question::Condition;

pub(super) const OF_AMORTIZED_ONLY: &str =
    "in actual costs what a commitment covers costs nothing: ask with metric amortized";
pub(super) const NOT_IN_AGREEMENT: &str =
    "the scope's agreement has no PricingModel and ChargeType to tell it by";
const NOTHING_TO_COVER: &str = "no usage that a commitment could cover";

/// The charges that have a quantity and a price. All others are purchases, refunds, taxes, roundings.
const PRICED: [&str; 3] = ["Usage", "UnusedReservation", "UnusedSavingsPlan"];

/// What has a quantity and a price: usage, and what was paid for and not used.
pub(crate) fn priced(charge_type: Grouping) -> Condition {
    Condition { by: charge_type, values: PRICED.map(str::to_owned).to_vec() }
}

/// Usage alone: what was not used covers nothing.
pub(crate) fn usage(charge_type: Grouping) -> Condition {
    Condition { by: charge_type, values: vec![PRICED[0].to_owned()] }
}

/// Usage by how it was paid. Spot capacity is neither: no commitment applies to it.
#[derive(Clone, Copy, Debug, Default)]
struct Paid {
    committed: Sum,
    on_demand: Sum,
}

/// The coverage of each currency, of usage by pricing model.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<Currency, Paid>);

impl Coverage {
    pub(crate) fn of(cells: &Cells) -> Result<Self, AmountOverflow> {
        let mut coverage = Self::default();
        for cell in cells.iter() {
            let keys = cells.keys(cell);
            let model: String = values(&keys).map(caseless::small).collect();
            let paid = coverage.0.entry(cell.currency).or_default();
            match model.as_str() {
                "reservation" | "savingsplan" => paid.committed.join(cell.cost)?,
                "ondemand" => paid.on_demand.join(cell.cost)?,
                _ => {}
            }
        }
        Ok(coverage)
    }

    /// Committed against committed and on-demand usage.
    pub(crate) fn ratio(&self, currency: Currency) -> Result<Result<Decimal, &'static str>, AmountOverflow> {
        let Some(paid) = self.0.get(&currency) else { return Ok(Err(NOTHING_TO_COVER)) };
        let committed = Exact::from(paid.committed.amount()?);
        let all = committed.clone().plus(paid.on_demand.amount()?.into());
        committed.by(all).map_or(Ok(Err(NOTHING_TO_COVER)), |ratio| ratio.rounded().map(Ok))
    }
}
