//! What stands in which column of Azure's report: <https://learn.microsoft.com/azure/cost-management-billing/automate/understand-usage-details-fields>.
//! Enterprise and Customer Agreements name and case columns differently, so a name is looked up whatever its case.

use crate::table::Kind;

/// The columns that are more than text, in the spelling of either agreement. What is not in here is text.
const KNOWN: &[(&str, Kind)] = &[
    ("cost", Kind::Decimal),
    ("costInBillingCurrency", Kind::Decimal),
    ("costInPricingCurrency", Kind::Decimal),
    ("costInUsd", Kind::Decimal),
    ("effectivePrice", Kind::Decimal),
    ("exchangeRatePricingToBilling", Kind::Decimal),
    ("paygCostInBillingCurrency", Kind::Decimal),
    ("paygCostInUsd", Kind::Decimal),
    ("payGPrice", Kind::Decimal),
    ("quantity", Kind::Decimal),
    ("unitPrice", Kind::Decimal),
    ("billingPeriodEndDate", Kind::Date),
    ("billingPeriodStartDate", Kind::Date),
    ("date", Kind::Date),
    ("exchangeRateDate", Kind::Date),
    ("servicePeriodEndDate", Kind::Date),
    ("servicePeriodStartDate", Kind::Date),
];

/// The columns of a Customer Agreement's report, for a file of no report at all.
#[rustfmt::skip]
pub(super) const OF_NO_REPORT: &[&str] = &[
    "invoiceId", "previousInvoiceId", "billingAccountId", "billingAccountName", "billingProfileId", "billingProfileName",
    "invoiceSectionId", "invoiceSectionName", "resellerName", "resellerMpnId", "costCenter", "billingPeriodEndDate",
    "billingPeriodStartDate", "servicePeriodEndDate", "servicePeriodStartDate", "date", "serviceFamily", "productOrderId",
    "productOrderName", "consumedService", "meterId", "meterName", "meterCategory", "meterSubCategory", "meterRegion",
    "ProductId", "ProductName", "SubscriptionId", "subscriptionName", "publisherType", "publisherId", "publisherName",
    "resourceGroupName", "ResourceId", "resourceLocation", "location", "effectivePrice", "quantity", "unitOfMeasure",
    "chargeType", "billingCurrency", "pricingCurrency", "costInBillingCurrency", "costInPricingCurrency", "costInUsd",
    "paygCostInBillingCurrency", "paygCostInUsd", "exchangeRatePricingToBilling", "exchangeRateDate",
    "isAzureCreditEligible", "serviceInfo1", "serviceInfo2", "additionalInfo", "tags", "PayGPrice", "frequency", "term",
    "reservationId", "reservationName", "pricingModel", "unitPrice", "costAllocationRuleName", "benefitId", "benefitName",
    "provider",
];

/// What stands in a column of this name.
pub(super) fn kind(name: &str) -> Kind {
    let known = KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map_or(Kind::Text, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_agreements_have_their_columns_known() {
        for name in ["CostInBillingCurrency", "costInBillingCurrency", "PayGPrice", "Quantity", "UnitPrice"] {
            assert_eq!(kind(name), Kind::Decimal, "{name}");
        }
        for name in ["Date", "date", "BillingPeriodStartDate", "billingPeriodEndDate"] {
            assert_eq!(kind(name), Kind::Date, "{name}");
        }
        for name in ["Tags", "AdditionalInfo", "Term", "isAzureCreditEligible", "SomethingNew"] {
            assert_eq!(kind(name), Kind::Text, "{name}");
        }
    }
}
