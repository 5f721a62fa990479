//! A raw usage row: a charge of one day, with all that is known of it.

use jiff::civil::Date;

use super::line::{Charge, Line};
use super::{Subscription, View, arrival};

/// What one unit of a currency is in USD, in per cent. Microsoft's own conversion, at rates that never change here.
const USD_PERCENT: [(&str, i64); 4] = [("EUR", 108), ("USD", 100), ("CHF", 112), ("GBP", 127)];

/// What kind of charge it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ChargeType {
    Usage,
    Purchase,
    Refund,
    UnusedReservation,
    UnusedSavingsPlan,
}

/// How the price came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PricingModel {
    OnDemand,
    Reservation,
    SavingsPlan,
    Spot,
}

/// A row. Amounts are in 10^-8.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) date: Date,
    pub(crate) subscription: &'a Subscription,
    pub(crate) line: &'a Line,
    pub(crate) charge_type: ChargeType,
    pub(crate) pricing_model: PricingModel,
    /// The reservation or savings plan that it is of.
    pub(crate) commitment: Option<&'a Line>,
    pub(crate) quantity: i64,
    pub(crate) unit_price: i64,
    pub(crate) cost: i64,
    /// Whether the month is final.
    pub(crate) is_final: bool,
    /// Which of the tags are inherited, if any.
    pub(super) inherits: super::Inheritance,
}

/// What all rows of a month have in common that are alike but for their amounts: every column depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RowKind {
    line: *const Line,
    charge_type: ChargeType,
    pricing_model: PricingModel,
    month: Date,
}

impl Row<'_> {
    pub(crate) fn kind(&self) -> RowKind {
        RowKind {
            line: std::ptr::from_ref(self.line),
            charge_type: self.charge_type,
            pricing_model: self.pricing_model,
            month: self.date.first_of_month(),
        }
    }

    /// The cost in USD.
    pub(crate) fn usd(&self) -> i64 {
        let percent = USD_PERCENT.iter().find(|(currency, _)| *currency == self.line.currency);
        self.cost * percent.map_or(100, |(_, percent)| *percent) / 100
    }

    /// The meter's id: each region has its own.
    pub(crate) fn meter_id(&self) -> &'static str {
        &self.line.meter.id
    }

    pub(crate) fn charge_type(&self) -> &'static str {
        match self.charge_type {
            ChargeType::Usage => "Usage",
            ChargeType::Purchase => "Purchase",
            ChargeType::Refund => "Refund",
            ChargeType::UnusedReservation => "UnusedReservation",
            ChargeType::UnusedSavingsPlan => "UnusedSavingsPlan",
        }
    }

    pub(crate) fn pricing_model(&self) -> &'static str {
        match self.pricing_model {
            PricingModel::OnDemand => "OnDemand",
            PricingModel::Reservation => "Reservation",
            PricingModel::SavingsPlan => "SavingsPlan",
            PricingModel::Spot => "Spot",
        }
    }

    /// Whether it is a part of a commitment that nobody used.
    pub(crate) fn is_unused(&self) -> bool {
        matches!(self.charge_type, ChargeType::UnusedReservation | ChargeType::UnusedSavingsPlan)
    }

    pub(crate) fn is_marketplace(&self) -> bool {
        matches!(self.line.charge, Charge::Marketplace | Charge::MarketplacePurchase)
    }

    pub(crate) fn publisher_type(&self) -> &'static str {
        if self.is_marketplace() { "Marketplace" } else { "Azure" }
    }

    pub(crate) fn frequency(&self) -> &'static str {
        match self.charge_type {
            ChargeType::Purchase => "Recurring",
            ChargeType::Refund => "OneTime",
            ChargeType::Usage | ChargeType::UnusedReservation | ChargeType::UnusedSavingsPlan => "UsageBased",
        }
    }

    /// Id and name of the reservation; empty if it is of none.
    pub(crate) fn reservation(&self) -> (String, &str) {
        match self.commitment.filter(|line| line.charge == Charge::Reservation) {
            Some(line) => (line.benefit_guid(), &line.name),
            None => Default::default(),
        }
    }

    /// Id and name of the reservation or savings plan; empty if it is of none.
    pub(crate) fn benefit(&self) -> (String, &str) {
        let Some(line) = self.commitment else { return Default::default() };
        let (order, own) = (line.order_id(), line.benefit_guid());
        let id = match line.charge {
            Charge::SavingsPlan => {
                format!("/providers/microsoft.billingbenefits/savingsplanorders/{order}/savingsplans/{own}")
            }
            _ => format!("/providers/microsoft.capacity/reservationorders/{order}/reservations/{own}"),
        };
        (id, &line.name)
    }

    /// The value of a tag, inherited ones included. Keys are compared without regard to case.
    pub(crate) fn tag(&self, key: &str) -> Option<&str> {
        let own = self.line.tags.iter().find(|(own, _)| own.eq_ignore_ascii_case(key));
        let own = own.map(|(_, value)| value.as_str());
        let inherited = self.container_tag(key);
        if self.inherits.prefer_container_tags { inherited.or(own) } else { own.or(inherited) }
    }

    /// All tags with their values, own ones first.
    pub(crate) fn tags(&self) -> Vec<(&str, &str)> {
        let own = self.line.tags.iter().map(|(key, _)| *key);
        let mut keys: Vec<&str> = Vec::new();
        for key in own.chain(self.container_tags().map(|(key, _)| key)) {
            if !keys.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                keys.push(key);
            }
        }
        keys.into_iter().filter_map(|key| Some((key, self.tag(key)?))).collect()
    }

    /// Whether the tag's value is not the resource's own.
    pub(super) fn inherits_tag(&self, key: &str) -> bool {
        let has_own = self.line.tags.iter().any(|(own, _)| own.eq_ignore_ascii_case(key));
        self.container_tag(key).is_some() && (!has_own || self.inherits.prefer_container_tags)
    }

    fn container_tag(&self, key: &str) -> Option<&'static str> {
        self.container_tags().find(|(own, _)| own.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }

    /// What is inherited: the resource group's before the subscription's.
    fn container_tags(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let group = self.subscription.group_tags.get(self.line.group.to_ascii_lowercase().as_str());
        let group = group.into_iter().flatten().copied();
        let enabled = self.inherits.enabled;
        group.chain(self.subscription.tags()).filter(move |_| enabled)
    }
}

/// What all rows of a day in a subscription have in common.
pub(super) fn settings(day: Date, view: &View) -> (bool, super::Inheritance) {
    (arrival::is_final(day, view.now), view.switches.of(day, view.now))
}
