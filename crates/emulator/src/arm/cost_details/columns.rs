//! The columns of a cost details file. Agreements name, spell and choose them differently.
//!
//! <https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/cost-usage-details-ea> (2024-08-01),
//! <https://learn.microsoft.com/azure/cost-management-billing/dataset-schema/cost-usage-details-mca>

use std::borrow::Cow;

use jiff::civil::Date;
use serde_json::Value;

use crate::arm::agreement::Agreement;
use crate::arm::costs::{Row, decimal};

/// A column's name, and its value of a row.
pub(super) type Column = (&'static str, for<'a> fn(&'a Row<'a>) -> Cow<'a, str>);

/// The columns of an agreement's file.
pub(super) fn of(agreement: Agreement) -> &'static [Column] {
    match agreement {
        Agreement::Enterprise => ENTERPRISE,
        Agreement::Customer | Agreement::PayAsYouGo => CUSTOMER,
    }
}

const CUSTOMER: &[Column] = &[
    ("invoiceId", |row| row.dimension("InvoiceId").into()),
    ("previousInvoiceId", nothing),
    ("billingAccountId", |_| "11112222:22223333_2019-05-31".into()),
    ("billingAccountName", |_| "Contoso".into()),
    ("billingProfileId", |_| "AAAA-BBBB-CCC-DDD".into()),
    ("billingProfileName", |_| "Contoso".into()),
    ("invoiceSectionId", |row| row.subscription.section.0.into()),
    ("invoiceSectionName", |row| row.subscription.section.1.into()),
    ("resellerName", nothing),
    ("resellerMpnId", nothing),
    ("costCenter", nothing),
    ("billingPeriodEndDate", last_of_month),
    ("billingPeriodStartDate", first_of_month),
    ("servicePeriodEndDate", date),
    ("servicePeriodStartDate", date),
    ("date", date),
    ("serviceFamily", |row| row.line.service.family.into()),
    ("productOrderId", nothing),
    ("productOrderName", |_| "Azure plan".into()),
    ("consumedService", |row| row.line.service.provider.into()),
    ("meterId", |row| row.meter_id().into()),
    ("meterName", |row| row.line.service.meter.into()),
    ("meterCategory", |row| row.line.service.name.into()),
    ("meterSubCategory", |row| row.line.service.sub_category.into()),
    ("meterRegion", |row| row.line.region.name.into()),
    ("ProductId", |_| "DZH318Z0BQ4L".into()),
    ("ProductName", |row| row.dimension("Product").into()),
    ("SubscriptionId", |row| row.subscription.id.as_str().into()),
    ("subscriptionName", |row| row.subscription.display_name.as_str().into()),
    ("publisherType", |row| row.publisher_type().into()),
    ("publisherId", nothing),
    ("publisherName", publisher),
    ("resourceGroupName", |row| row.line.group.as_str().into()),
    ("ResourceId", resource_id),
    ("resourceLocation", |row| row.line.region.location.into()),
    ("location", |row| row.line.region.name.into()),
    ("effectivePrice", price),
    ("quantity", quantity),
    ("unitOfMeasure", |row| row.line.service.unit.into()),
    ("chargeType", |row| row.charge_type().into()),
    ("billingCurrency", currency),
    ("pricingCurrency", currency),
    ("costInBillingCurrency", cost),
    ("costInPricingCurrency", cost),
    ("costInUsd", usd),
    ("paygCostInBillingCurrency", cost),
    ("paygCostInUsd", usd),
    ("exchangeRatePricingToBilling", |row| {
        if row.line.currency == "USD" { "1" } else { "0.92592593" }.into()
    }),
    ("exchangeRateDate", first_of_month),
    ("isAzureCreditEligible", credit_eligible),
    ("serviceInfo1", nothing),
    ("serviceInfo2", nothing),
    ("additionalInfo", nothing),
    ("tags", |row| format!("{{{}}}", members(row)).into()),
    ("PayGPrice", price),
    ("frequency", |row| row.frequency().into()),
    ("term", nothing),
    ("reservationId", |row| row.reservation().0.into()),
    ("reservationName", reservation_name),
    ("pricingModel", |row| row.pricing_model().into()),
    ("unitPrice", price),
    ("costAllocationRuleName", nothing),
    ("benefitId", |row| row.benefit().0.into()),
    ("benefitName", benefit_name),
    ("provider", |row| row.publisher_type().into()),
];

const ENTERPRISE: &[Column] = &[
    ("InvoiceSectionName", |row| row.dimension("DepartmentName").into()),
    ("AccountName", |row| row.dimension("AccountName").into()),
    ("AccountOwnerId", |_| "frank@contoso.com".into()),
    ("SubscriptionId", |row| row.subscription.id.as_str().into()),
    ("SubscriptionName", |row| row.subscription.display_name.as_str().into()),
    ("ResourceGroup", |row| row.line.group.as_str().into()),
    ("ResourceLocation", |row| row.line.region.location.into()),
    ("Date", date),
    ("ProductName", |row| row.dimension("Product").into()),
    ("MeterCategory", |row| row.line.service.name.into()),
    ("MeterSubCategory", |row| row.line.service.sub_category.into()),
    ("MeterId", |row| row.meter_id().into()),
    ("MeterName", |row| row.line.service.meter.into()),
    ("MeterRegion", |row| row.line.region.name.into()),
    ("UnitOfMeasure", |row| row.line.service.unit.into()),
    ("Quantity", quantity),
    ("EffectivePrice", price),
    ("CostInBillingCurrency", cost),
    ("CostCenter", nothing),
    ("ConsumedService", |row| row.line.service.provider.into()),
    ("ResourceId", resource_id),
    ("Tags", |row| members(row).into()),
    ("OfferId", |_| "MS-AZR-0017P".into()),
    ("AdditionalInfo", nothing),
    ("ServiceInfo1", nothing),
    ("ServiceInfo2", nothing),
    ("ResourceName", |row| row.line.name.as_str().into()),
    ("ReservationId", |row| row.reservation().0.into()),
    ("ReservationName", reservation_name),
    ("UnitPrice", price),
    ("ProductOrderId", nothing),
    ("ProductOrderName", nothing),
    ("Term", nothing),
    ("PublisherType", |row| row.publisher_type().into()),
    ("PublisherName", publisher),
    ("ChargeType", |row| row.charge_type().into()),
    ("Frequency", |row| row.frequency().into()),
    ("PricingModel", |row| row.pricing_model().into()),
    ("AvailabilityZone", nothing),
    ("BillingAccountId", |row| row.dimension("BillingAccountId").into()),
    ("BillingAccountName", |_| "Contoso Factory".into()),
    ("BillingCurrencyCode", currency),
    ("BillingPeriodStartDate", first_of_month),
    ("BillingPeriodEndDate", last_of_month),
    ("BillingProfileId", |row| row.dimension("BillingAccountId").into()),
    ("BillingProfileName", |_| "Contoso Factory".into()),
    ("InvoiceSectionId", nothing),
    ("IsAzureCreditEligible", credit_eligible),
    ("PartNumber", |row| row.line.meter.part_number.as_str().into()),
    ("PayGPrice", price),
    ("PlanName", nothing),
    ("ServiceFamily", |row| row.line.service.family.into()),
    ("CostAllocationRuleName", nothing),
    ("benefitId", |row| row.benefit().0.into()),
    ("benefitName", benefit_name),
];

fn nothing<'a>(_: &'a Row<'a>) -> Cow<'a, str> {
    "".into()
}

fn date<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    american(row.date)
}

fn first_of_month<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    american(row.date.first_of_month())
}

fn last_of_month<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    american(row.date.last_of_month())
}

fn american(day: Date) -> Cow<'static, str> {
    format!("{:02}/{:02}/{:04}", day.month(), day.day(), day.year()).into()
}

fn resource_id<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    row.line.id(&row.subscription.id).into()
}

fn publisher<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    if row.is_marketplace() { "Contoso Observability Inc." } else { "Microsoft" }.into()
}

fn credit_eligible<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    if row.is_marketplace() { "False" } else { "True" }.into()
}

fn currency<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    row.line.currency.into()
}

fn price<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    decimal(row.unit_price).into()
}

fn quantity<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    decimal(row.quantity).into()
}

fn cost<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    decimal(row.cost).into()
}

fn usd<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    decimal(row.usd()).into()
}

fn reservation_name<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    row.reservation().1.into()
}

fn benefit_name<'a>(row: &'a Row<'a>) -> Cow<'a, str> {
    row.benefit().1.into()
}

/// Tags as members of a JSON object. The braces around them are in the file of a Customer Agreement, and not in that of an
/// enrolment: <https://learn.microsoft.com/cloud-computing/finops/focus/convert>.
fn members(row: &Row<'_>) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let members = row.tags().into_iter().map(|(key, value)| format!("{}: {}", text(key), text(value)));
    let members: Vec<_> = members.collect();
    members.join(",")
}
