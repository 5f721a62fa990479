//! A row of FOCUS, from a line of one of the two reports.

use std::borrow::Cow;

use super::Source;
use super::charge::{Charge, Kind, Model, PURCHASE, SPEND, TAX, USAGE};
use super::input::{Agreement, In, Input, unread};
use super::number::{self, Number};
use super::open_data::{OpenData, Region, Service};
use super::scratch::Scratch;
use super::unit::Unit;
use crate::error::Error;
use crate::table::Cell;

/// What the columns of a row are made of.
pub(super) struct Row<'a> {
    pub(super) input: Input<'a>,
    pub(super) open: &'a OpenData,
    pub(super) scratch: &'a Scratch,
    pub(super) unit: &'a Unit,
    pub(super) source: Source,
    pub(super) charge: &'static Charge,
    pub(super) model: &'static Model,
    /// Id and kind of the commitment that covers it or that is bought.
    pub(super) commitment: Option<(&'a str, &'static Kind)>,
    quantity: Option<Number>,
}

type Made<'a> = Result<Cell<'a>, Error>;

const ZERO: Cell<'static> = Cell::Decimal(Cow::Borrowed("0"));

impl<'a> Row<'a> {
    pub(super) fn of(
        input: Input<'a>,
        source: Source,
        open: &'a OpenData,
        scratch: &'a Scratch,
        unit: &'a Unit,
    ) -> Result<Self, Error> {
        let mut charge = Charge::of(input.text(In::ChargeType));
        let model = Model::of(input.text(In::PricingModel));
        let mut quantity = input.number(In::Quantity)?;
        if source == Source::Actual && charge.category == USAGE {
            // What was used is counted by the amortized report; this is money beside it.
            (charge, quantity) = (Charge::adjustment(), None);
        }
        let commitment = match (input.some(In::BenefitId), input.some(In::ReservationId)) {
            (Some(id), _) => Kind::of(id).map(|kind| (id, kind)),
            // Before savings plans there were no benefits.
            (None, Some(id)) => Some((id, Kind::reservation())),
            (None, None) => None,
        };
        Ok(Self { input, open, scratch, unit, source, charge, model, commitment, quantity })
    }

    /// What was billed: of a commitment the purchase, which the actual report alone has; of all else the charge itself.
    pub(super) fn billed(&self) -> Made<'a> {
        match self.source {
            Source::Amortized if self.model.is_committed => Ok(ZERO),
            Source::Amortized | Source::Actual => self.cost(),
        }
    }

    /// What it comes to with commitments spread over their term: what the amortized report says.
    pub(super) fn effective(&self) -> Made<'a> {
        match self.source {
            Source::Amortized => self.cost(),
            Source::Actual => Ok(ZERO),
        }
    }

    fn cost(&self) -> Made<'a> {
        let text = self.input.text(In::Cost);
        number::plain(text).map(Cell::Decimal).ok_or_else(|| unread(In::Cost))
    }

    /// The same in the currency of prices.
    pub(super) fn effective_in_pricing_currency(&self) -> Made<'a> {
        match (self.input.agreement, self.source) {
            (Agreement::Customer, Source::Amortized) => self.input.amount(In::CostInPricingCurrency),
            _ => self.effective(),
        }
    }

    pub(super) fn billing_currency(&self) -> &'a str {
        self.input.text(In::BillingCurrency)
    }

    pub(super) fn pricing_currency(&self) -> &'a str {
        self.input.some(In::PricingCurrency).unwrap_or_else(|| self.billing_currency())
    }

    /// A price of the report in the billing currency.
    fn price(&self, input: In) -> Result<Option<Number>, Error> {
        let Some(price) = self.input.number(input)? else { return Ok(None) };
        if self.pricing_currency().eq_ignore_ascii_case(self.billing_currency()) {
            return Ok(Some(price));
        }
        Ok(Some(match self.input.number(In::ExchangeRate)? {
            Some(rate) => price.times(&rate),
            None => price,
        }))
    }

    pub(super) fn list_unit_price(&self) -> Made<'a> {
        Ok(self.or_nothing(self.price(In::PaygPrice)?))
    }

    pub(super) fn contracted_unit_price(&self) -> Made<'a> {
        Ok(self.or_nothing(self.price(In::UnitPrice)?))
    }

    /// A price in the currency of prices.
    pub(super) fn raw_price(&self, input: In) -> Made<'a> {
        Ok(self.or_nothing(self.input.number(input)?))
    }

    /// FOCUS wants a price of usage and purchases: where Azure has none its own file says 0, and so does this. Elsewhere a 0 of
    /// Azure's means that there is none.
    fn or_nothing(&self, price: Option<Number>) -> Cell<'a> {
        match price {
            _ if self.charge.category == TAX => Cell::Null,
            Some(price) if self.charge.is_priced() || !price.is_zero() => decimal(&price, 1),
            None if self.charge.is_priced() => ZERO,
            Some(_) | None => Cell::Null,
        }
    }

    /// Customers are told; an enterprise's is calculated.
    pub(super) fn list_cost(&self) -> Made<'a> {
        if self.input.agreement == Agreement::Customer && self.charge.is_priced() {
            let told = self.input.amount(In::PaygCost)?;
            return Ok(if told == Cell::Null { ZERO } else { told });
        }
        self.cost_by(In::PaygPrice)
    }

    pub(super) fn contracted_cost(&self) -> Made<'a> {
        self.cost_by(In::UnitPrice)
    }

    /// Price times quantity. What has no price, such as a tax or a credit, cost what was billed.
    fn cost_by(&self, price: In) -> Made<'a> {
        if !self.charge.is_priced() {
            return self.billed();
        }
        Ok(match (self.price(price)?, &self.quantity) {
            (Some(price), Some(quantity)) => decimal(&price.times(quantity), self.unit.block),
            _ => ZERO,
        })
    }

    /// In blocks of the unit.
    pub(super) fn pricing_quantity(&self) -> Cell<'a> {
        let quantity = self.quantity.as_ref().filter(|_| self.charge.category != TAX);
        quantity.map_or(Cell::Null, |quantity| decimal(quantity, self.unit.block))
    }

    pub(super) fn pricing_unit(&self) -> Cell<'a> {
        let is_priced = self.quantity.is_some() && self.charge.category != TAX;
        if is_priced { text(&self.unit.name) } else { Cell::Null }
    }

    pub(super) fn consumed(&self) -> bool {
        self.charge.consumes && self.quantity.is_some()
    }

    pub(super) fn pricing_category(&self) -> Cell<'a> {
        let bought = self.charge.category == PURCHASE && self.model.is_committed;
        match self.charge.category {
            TAX => Cell::Null,
            // Buying a commitment is no use of it.
            _ if bought => fixed("Standard"),
            _ if self.model.category == "Other" && !self.charge.is_priced() => Cell::Null,
            _ => fixed(self.model.category),
        }
    }

    /// A savings plan is used by money, a reservation by what it reserves. How much a purchase reserves over its term is not told.
    pub(super) fn commitment_quantity(&self) -> Made<'a> {
        match self.commitment {
            Some(_) if self.charge.category != PURCHASE && self.charge.status.is_none() => Ok(Cell::Null),
            Some((_, kind)) if kind.category == SPEND => self.cost(),
            Some(_) if self.charge.status.is_some() => self.input.amount(In::Quantity),
            _ => Ok(Cell::Null),
        }
    }

    pub(super) fn commitment_unit(&self) -> Made<'a> {
        Ok(match (self.commitment, self.commitment_quantity()?) {
            (_, Cell::Null) | (None, _) => Cell::Null,
            (Some((_, kind)), _) if kind.category == SPEND => text(self.billing_currency()),
            (Some(_), _) => text(&self.unit.name),
        })
    }

    pub(super) fn region(&self) -> Option<&'a Region> {
        self.open.region(&self.scratch.region)
    }

    pub(super) fn service(&self) -> Option<&'a Service> {
        self.scratch.services().find_map(|key| self.open.service(key))
    }

    /// As the open data calls it, else its meter, its product, or who made it.
    pub(super) fn service_name(&self) -> Cell<'a> {
        if let Some(name) = self.service().and_then(|service| service.name.as_deref()) {
            return text(name);
        }
        let inputs = [
            In::MeterCategory,
            In::MeterSubcategory,
            In::ConsumedService,
            In::PublisherName,
            In::ProductName,
        ];
        inputs.into_iter().find_map(|input| self.input.known(input)).map_or(fixed("Azure"), text)
    }

    /// The last name of the id, where the report has none.
    pub(super) fn resource_name(&self) -> Cell<'a> {
        let Some(id) = self.input.some(In::ResourceId) else { return Cell::Null };
        let last = || id.rsplit('/').find(|part| !part.is_empty());
        self.input.known(In::ResourceName).or_else(last).map_or(Cell::Null, text)
    }
}

/// A number by the size of a block.
pub(super) fn decimal<'a>(number: &Number, block: u64) -> Cell<'a> {
    Cell::Decimal(Cow::Owned(number.by(block)))
}

pub(super) fn text(text: &str) -> Cell<'_> {
    Cell::Text(Cow::Borrowed(text))
}

pub(super) fn fixed<'a>(text: &'static str) -> Cell<'a> {
    Cell::Text(Cow::Borrowed(text))
}
