//! Columns that FOCUS does not have, as Microsoft's own file calls them.

use super::How::{Amount, By, Known, Moment, Same, Yes};
use super::{Rule, rule, some};
use crate::focus::Source;
use crate::focus::input::In;
use crate::focus::json::object;
use crate::focus::row::{decimal, fixed};
use crate::table::Cell;
use crate::table::Kind::{Boolean, Decimal, Text, Timestamp};

pub(super) const RULES: &[Rule] = &[
    rule("x_AccountId", Text, "AccountId (EA)", Known(In::AccountId)),
    rule("x_AccountName", Text, "AccountName (EA)", Known(In::AccountName)),
    rule("x_AccountOwnerId", Text, "AccountOwnerId (EA)", Known(In::AccountOwnerId)),
    rule(
        "x_AmortizationClass",
        Text,
        "Principal for actual rows, Amortized Charge for a commitment's amortized rows",
        By(|row| match row.source {
            Source::Actual => fixed("Principal"),
            Source::Amortized if row.model.is_committed => fixed("Amortized Charge"),
            Source::Amortized => Cell::Null,
        }),
    ),
    rule("x_BillingAccountId", Text, "BillingAccountId", Same(In::BillingAccountId)),
    rule("x_BillingAccountName", Text, "BillingAccountName", Same(In::BillingAccountName)),
    rule("x_BillingExchangeRate", Decimal, "ExchangeRatePricingToBilling (MCA)", Amount(In::ExchangeRate)),
    rule("x_BillingExchangeRateDate", Timestamp, "ExchangeRateDate (MCA)", Moment(In::ExchangeRateDate, 0)),
    rule("x_BillingProfileId", Text, "BillingProfileId", Same(In::BillingProfileId)),
    rule("x_BillingProfileName", Text, "BillingProfileName", Same(In::BillingProfileName)),
    rule("x_CostAllocationRuleName", Text, "CostAllocationRuleName", Same(In::CostAllocationRule)),
    rule("x_CostCenter", Text, "CostCenter", Same(In::CostCenter)),
    rule("x_CustomerId", Text, "CustomerTenantId (partners)", Same(In::CustomerTenant)),
    rule("x_CustomerName", Text, "CustomerName (partners)", Same(In::CustomerName)),
    rule("x_EffectiveUnitPrice", Decimal, "EffectivePrice", Amount(In::EffectivePrice)),
    rule("x_InvoiceIssuerId", Text, "PartnerTenantId (partners)", Same(In::PartnerTenant)),
    rule("x_InvoiceSectionId", Text, "InvoiceSectionId", Known(In::InvoiceSectionId)),
    rule("x_InvoiceSectionName", Text, "InvoiceSectionName", Known(In::InvoiceSectionName)),
    rule(
        "x_PricingBlockSize",
        Decimal,
        "the number in UnitOfMeasure",
        By(|row| decimal(&row.unit.block.into(), 1)),
    ),
    rule("x_PricingUnitDescription", Text, "UnitOfMeasure", Known(In::UnitOfMeasure)),
    rule("x_PublisherCategory", Text, "PublisherType", Same(In::PublisherType)),
    rule("x_PublisherId", Text, "PublisherId", Same(In::PublisherId)),
    rule("x_ResellerId", Text, "ResellerMpnId", Same(In::ResellerMpnId)),
    rule("x_ResellerName", Text, "ResellerName", Same(In::ResellerName)),
    rule("x_ResourceGroupName", Text, "EA: ResourceGroup; MCA: ResourceGroupName", Same(In::ResourceGroup)),
    rule("x_ResourceType", Text, "ResourceId: its type", By(|row| some(&row.scratch.resource_type))),
    rule("x_ServicePeriodEnd", Timestamp, "ServicePeriodEndDate and 1 day", Moment(In::ServicePeriodEnd, 1)),
    rule("x_ServicePeriodStart", Timestamp, "ServicePeriodStartDate", Moment(In::ServicePeriodStart, 0)),
    rule(
        "x_SkuDetails",
        Text,
        "AdditionalInfo as a JSON object",
        By(|row| object(row.input.text(In::AdditionalInfo)).map_or(Cell::Null, Cell::Text)),
    ),
    rule("x_SkuIsCreditEligible", Boolean, "IsAzureCreditEligible", Yes(In::IsCreditEligible)),
    rule("x_SkuMeterCategory", Text, "MeterCategory", Same(In::MeterCategory)),
    rule("x_SkuMeterId", Text, "MeterId", Same(In::MeterId)),
    rule("x_SkuMeterName", Text, "MeterName", Same(In::MeterName)),
    rule("x_SkuMeterSubcategory", Text, "MeterSubCategory", Same(In::MeterSubcategory)),
    rule("x_SkuOfferId", Text, "OfferId (EA)", Same(In::OfferId)),
    rule("x_SkuOrderId", Text, "ProductOrderId", Same(In::ProductOrderId)),
    rule("x_SkuOrderName", Text, "ProductOrderName", Same(In::ProductOrderName)),
    rule("x_SkuPartNumber", Text, "PartNumber (EA)", Same(In::PartNumber)),
    rule("x_SkuPlanName", Text, "PlanName (EA)", Same(In::PlanName)),
    rule("x_SkuRegion", Text, "MeterRegion", Same(In::MeterRegion)),
    rule("x_SkuServiceFamily", Text, "ServiceFamily", Same(In::ServiceFamily)),
    rule("x_SkuTerm", Text, "Term", Same(In::Term)),
];
