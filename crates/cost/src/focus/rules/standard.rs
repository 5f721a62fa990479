//! FOCUS's columns, in its order.

use super::How::{By, Fixed, Known, Moment, Null, Same, Try};
use super::{Rule, rule, some};
use crate::focus::charge::{TAX, frequency};
use crate::focus::input::{Agreement, In};
use crate::focus::json::object;
use crate::focus::row::{Row, fixed, text};
use crate::table::Cell;
use crate::table::Kind::{Decimal, Text, Timestamp};

#[expect(clippy::redundant_closure_for_method_calls, reason = "a method is of one lifetime, a rule of all")]
pub(super) const RULES: &[Rule] = &[
    rule("AvailabilityZone", Text, "AvailabilityZone (EA)", Known(In::AvailabilityZone)),
    rule(
        "BilledCost",
        Decimal,
        "CostInBillingCurrency; 0 for amortized rows of a commitment",
        Try(|row| row.billed()),
    ),
    rule(
        "BillingAccountId",
        Text,
        "EA: BillingAccountId; MCA: BillingProfileId",
        By(|row| row.input.by_agreement(In::BillingAccountId, In::BillingProfileId).map_or(Cell::Null, text)),
    ),
    rule(
        "BillingAccountName",
        Text,
        "EA: BillingAccountName; MCA: BillingProfileName",
        By(|row| {
            row.input.by_agreement(In::BillingAccountName, In::BillingProfileName).map_or(Cell::Null, text)
        }),
    ),
    rule(
        "BillingAccountType",
        Text,
        "EA: Billing Account; MCA: Billing Profile",
        By(|row| {
            fixed(match row.input.agreement {
                Agreement::Enterprise => "Billing Account",
                Agreement::Customer => "Billing Profile",
            })
        }),
    ),
    rule("BillingCurrency", Text, "EA: BillingCurrencyCode; MCA: BillingCurrency", Same(In::BillingCurrency)),
    rule("BillingPeriodEnd", Timestamp, "BillingPeriodEndDate and 1 day", Moment(In::BillingPeriodEnd, 1)),
    rule("BillingPeriodStart", Timestamp, "BillingPeriodStartDate", Moment(In::BillingPeriodStart, 0)),
    rule("CapacityReservationId", Text, "null", Null),
    rule("CapacityReservationStatus", Text, "null", Null),
    rule(
        "ChargeCategory",
        Text,
        "ChargeType: Unused… is Usage, Refund is Purchase, others are Adjustment",
        By(|row| fixed(row.charge.category)),
    ),
    rule(
        "ChargeClass",
        Text,
        "ChargeType: Correction for a Refund",
        By(|row| row.charge.class.map_or(Cell::Null, fixed)),
    ),
    rule("ChargeDescription", Text, "ProductName", Known(In::ProductName)),
    rule(
        "ChargeFrequency",
        Text,
        "Frequency",
        By(|row| fixed(frequency(row.input.text(In::Frequency), row.charge))),
    ),
    rule("ChargePeriodEnd", Timestamp, "Date and 1 day", Moment(In::Date, 1)),
    rule("ChargePeriodStart", Timestamp, "Date", Moment(In::Date, 0)),
    rule(
        "CommitmentDiscountCategory",
        Text,
        "BenefitId: Usage of a reservation, Spend of a savings plan",
        By(|row| row.commitment.map_or(Cell::Null, |(_, kind)| fixed(kind.category))),
    ),
    rule(
        "CommitmentDiscountId",
        Text,
        "BenefitId, else ReservationId",
        By(|row| row.commitment.map_or(Cell::Null, |(id, _)| text(id))),
    ),
    rule("CommitmentDiscountName", Text, "BenefitName, else ReservationName", By(commitment_name)),
    rule(
        "CommitmentDiscountQuantity",
        Decimal,
        "Quantity of a reservation, cost of a savings plan",
        Try(|row| row.commitment_quantity()),
    ),
    rule(
        "CommitmentDiscountStatus",
        Text,
        "ChargeType: Unused…, else Used for usage",
        By(|row| row.commitment.and(row.charge.status).map_or(Cell::Null, fixed)),
    ),
    rule(
        "CommitmentDiscountType",
        Text,
        "BenefitId: Reservation or Savings Plan",
        By(|row| row.commitment.map_or(Cell::Null, |(_, kind)| fixed(kind.name))),
    ),
    rule(
        "CommitmentDiscountUnit",
        Text,
        "UnitOfMeasure of a reservation, currency of a savings plan",
        Try(|row| row.commitment_unit()),
    ),
    rule(
        "ConsumedQuantity",
        Decimal,
        "Quantity, for Usage only",
        Try(|row| if row.consumed() { row.input.amount(In::Quantity) } else { Ok(Cell::Null) }),
    ),
    rule(
        "ConsumedUnit",
        Text,
        "UnitOfMeasure without its number, for Usage only",
        By(|row| if row.consumed() { text(&row.unit.name) } else { Cell::Null }),
    ),
    rule(
        "ContractedCost",
        Decimal,
        "UnitPrice × PricingQuantity, in the billing currency",
        Try(|row| row.contracted_cost()),
    ),
    rule(
        "ContractedUnitPrice",
        Decimal,
        "UnitPrice, in the billing currency",
        Try(|row| row.contracted_unit_price()),
    ),
    rule("EffectiveCost", Decimal, "CostInBillingCurrency; 0 for actual rows", Try(|row| row.effective())),
    rule("InvoiceId", Text, "InvoiceId (MCA)", Known(In::InvoiceId)),
    rule(
        "InvoiceIssuerName",
        Text,
        "PartnerName, else Microsoft",
        By(|row| row.input.known(In::PartnerName).map_or(fixed("Microsoft"), text)),
    ),
    rule(
        "ListCost",
        Decimal,
        "MCA: PaygCostInBillingCurrency; EA: PayGPrice × PricingQuantity",
        Try(|row| row.list_cost()),
    ),
    rule("ListUnitPrice", Decimal, "PayGPrice, in the billing currency", Try(|row| row.list_unit_price())),
    rule(
        "PricingCategory",
        Text,
        "PricingModel: OnDemand is Standard, Spot is Dynamic, a commitment's use is Committed",
        By(|row| row.pricing_category()),
    ),
    rule(
        "PricingCurrency",
        Text,
        "PricingCurrency, else the billing currency",
        By(|row| text(row.pricing_currency())),
    ),
    rule("PricingCurrencyContractedUnitPrice", Decimal, "UnitPrice", Try(|row| row.raw_price(In::UnitPrice))),
    rule(
        "PricingCurrencyEffectiveCost",
        Decimal,
        "EA: EffectiveCost; MCA: CostInPricingCurrency; 0 for actual rows",
        Try(|row| row.effective_in_pricing_currency()),
    ),
    rule("PricingCurrencyListUnitPrice", Decimal, "PayGPrice", Try(|row| row.raw_price(In::PaygPrice))),
    rule(
        "PricingQuantity",
        Decimal,
        "Quantity ÷ the number in UnitOfMeasure",
        By(|row| row.pricing_quantity()),
    ),
    rule("PricingUnit", Text, "UnitOfMeasure without its number", By(|row| row.pricing_unit())),
    rule("ProviderName", Text, "Microsoft", Fixed("Microsoft")),
    rule(
        "PublisherName",
        Text,
        "PublisherName, else Microsoft",
        By(|row| row.input.known(In::PublisherName).map_or(fixed("Microsoft"), text)),
    ),
    rule("RegionId", Text, "ResourceLocation, by open data", By(region_id)),
    rule("RegionName", Text, "ResourceLocation, by open data", By(region_name)),
    rule("ResourceId", Text, "ResourceId in small letters", By(|row| some(&row.scratch.resource))),
    rule(
        "ResourceName",
        Text,
        "EA: ResourceName; MCA: the last part of ResourceId",
        By(|row| row.resource_name()),
    ),
    rule(
        "ResourceType",
        Text,
        "ResourceId, by open data",
        By(|row| {
            some(row.open.resource_type(&row.scratch.resource_type).unwrap_or(&row.scratch.resource_type))
        }),
    ),
    rule(
        "ServiceCategory",
        Text,
        "ConsumedService, ResourceId, MeterCategory, by open data",
        By(|row| row.service().map_or(fixed("Other"), |service| text(&service.category))),
    ),
    rule(
        "ServiceName",
        Text,
        "ConsumedService, ResourceId, by open data; else MeterCategory",
        By(|row| row.service_name()),
    ),
    rule(
        "ServiceSubcategory",
        Text,
        "ConsumedService, ResourceId, MeterCategory, by open data",
        By(|row| row.service().map_or(fixed("Other (Other)"), |service| text(&service.subcategory))),
    ),
    rule("SkuId", Text, "MCA: ProductId", By(sku)),
    rule("SkuMeter", Text, "MeterName, where there is a SkuId", By(sku_meter)),
    rule("SkuPriceDetails", Text, "null", Null),
    rule("SkuPriceId", Text, "null", Null),
    rule("SubAccountId", Text, "SubscriptionId", Known(In::SubscriptionId)),
    rule(
        "SubAccountName",
        Text,
        "SubscriptionName",
        By(|row| {
            if row.input.known(In::SubscriptionId).is_some() {
                row.input.known(In::SubscriptionName).map_or(Cell::Null, text)
            } else {
                Cell::Null
            }
        }),
    ),
    rule(
        "SubAccountType",
        Text,
        "Subscription, where there is one",
        By(|row| row.input.known(In::SubscriptionId).map_or(Cell::Null, |_| fixed("Subscription"))),
    ),
    rule(
        "Tags",
        Text,
        "Tags as a JSON object",
        By(|row| object(row.input.text(In::Tags)).map_or(Cell::Null, Cell::Text)),
    ),
];

fn commitment_name<'a>(row: &Row<'a>) -> Cell<'a> {
    if row.commitment.is_none() {
        return Cell::Null;
    }
    let name = match row.input.known(In::BenefitName) {
        None => row.input.known(In::ReservationName),
        name => name,
    };
    name.map_or(Cell::Null, text)
}

fn region_id<'a>(row: &Row<'a>) -> Cell<'a> {
    row.region().map_or_else(|| some(&row.scratch.region), |region| text(&region.id))
}

fn region_name<'a>(row: &Row<'a>) -> Cell<'a> {
    match row.region() {
        Some(region) => text(&region.name),
        None => row.input.known(In::ResourceLocation).map_or(Cell::Null, text),
    }
}

fn sku<'a>(row: &Row<'a>) -> Cell<'a> {
    let sku = row.input.known(In::ProductId).filter(|_| row.charge.category != TAX);
    sku.map_or(Cell::Null, text)
}

fn sku_meter<'a>(row: &Row<'a>) -> Cell<'a> {
    if sku(row) == Cell::Null {
        return Cell::Null;
    }
    row.input.known(In::MeterName).map_or(Cell::Null, text)
}
