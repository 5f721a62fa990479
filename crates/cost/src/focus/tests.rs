use std::collections::BTreeMap;

use super::{Converter, OpenData, Source};
use crate::error::Error;
use crate::table::Cell;

mod conformance;
mod page;
mod sums;

/// A line of a report: by column, all others are empty.
pub(super) type Line = BTreeMap<&'static str, String>;

/// The columns of a report of an enterprise (2024-08-01) and of a customer (2023-12-01-preview), as Microsoft's pages have them.
pub(super) const ENTERPRISE: &str = "InvoiceSectionName,AccountName,AccountOwnerId,SubscriptionId,SubscriptionName,ResourceGroup,\
    ResourceLocation,Date,ProductName,MeterCategory,MeterSubCategory,MeterId,MeterName,MeterRegion,UnitOfMeasure,Quantity,\
    EffectivePrice,CostInBillingCurrency,CostCenter,ConsumedService,ResourceId,Tags,OfferId,AdditionalInfo,ServiceInfo1,\
    ServiceInfo2,ResourceName,ReservationId,ReservationName,UnitPrice,ProductOrderId,ProductOrderName,Term,PublisherType,\
    PublisherName,ChargeType,Frequency,PricingModel,AvailabilityZone,BillingAccountId,BillingAccountName,BillingCurrencyCode,\
    BillingPeriodStartDate,BillingPeriodEndDate,BillingProfileId,BillingProfileName,InvoiceSectionId,IsAzureCreditEligible,\
    PartNumber,PayGPrice,PlanName,ServiceFamily,CostAllocationRuleName,benefitId,benefitName";
pub(super) const CUSTOMER: &str = "invoiceId,previousInvoiceId,billingAccountId,billingAccountName,billingProfileId,\
    billingProfileName,invoiceSectionId,invoiceSectionName,resellerName,resellerMpnId,costCenter,billingPeriodEndDate,\
    billingPeriodStartDate,servicePeriodEndDate,servicePeriodStartDate,date,serviceFamily,productOrderId,productOrderName,\
    consumedService,meterId,meterName,meterCategory,meterSubCategory,meterRegion,ProductId,ProductName,SubscriptionId,\
    subscriptionName,publisherType,publisherId,publisherName,resourceGroupName,ResourceId,resourceLocation,location,\
    effectivePrice,quantity,unitOfMeasure,chargeType,billingCurrency,pricingCurrency,costInBillingCurrency,\
    costInPricingCurrency,costInUsd,paygCostInBillingCurrency,paygCostInUsd,exchangeRatePricingToBilling,exchangeRateDate,\
    isAzureCreditEligible,serviceInfo1,serviceInfo2,additionalInfo,tags,PayGPrice,frequency,term,reservationId,\
    reservationName,pricingModel,unitPrice,costAllocationRuleName,benefitId,benefitName,provider";

/// A line of usage on demand, with some cells otherwise.
pub(super) fn usage(other: &[(&'static str, &str)]) -> Line {
    let mut line: Line = [
        ("date", "10/31/2026"),
        ("billingperiodstartdate", "10/01/2026"),
        ("billingperiodenddate", "10/31/2026"),
        ("chargetype", "Usage"),
        ("pricingmodel", "OnDemand"),
        ("frequency", "UsageBased"),
        ("billingcurrency", "EUR"),
        ("billingcurrencycode", "EUR"),
        ("pricingcurrency", "EUR"),
        ("quantity", "250"),
        ("unitofmeasure", "100 Hours"),
        ("costinbillingcurrency", "12.50"),
        ("costinpricingcurrency", "12.50"),
        ("paygcostinbillingcurrency", "15"),
        ("paygprice", "6"),
        ("unitprice", "5"),
        ("billingaccountid", "1234567"),
        ("billingaccountname", "Contoso"),
        ("billingprofileid", "AAAA-BBBB"),
        ("billingprofilename", "Contoso profile"),
        ("subscriptionid", "00000000-0000-0000-0000-00000000000a"),
        ("subscriptionname", "Contoso Prod"),
        ("resourceid", "/subscriptions/0a/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/VM1"),
        ("resourcelocation", "westeurope"),
        ("consumedservice", "Microsoft.Compute"),
        ("metercategory", "Virtual Machines"),
        ("metername", "D4s v5"),
        ("productname", "Virtual Machines Dsv5 Series - D4s v5 - EU West"),
        ("productid", "DZH318Z0BQ4L"),
        ("publishername", "Microsoft"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    line.extend(other.iter().map(|(name, value)| (*name, (*value).to_owned())));
    line
}

pub(super) fn record(header: &str, line: &Line) -> Vec<String> {
    let cell = |name: &str| line.get(name.to_ascii_lowercase().as_str()).cloned().unwrap_or_default();
    header.split(',').map(cell).collect()
}

pub(super) fn converter(header: &str) -> Converter {
    Converter::new(header.split(','), &OpenData::default()).unwrap()
}

/// The cells that are something, as text, by column.
pub(super) type Written = BTreeMap<&'static str, String>;

pub(super) fn written(cells: Vec<Cell<'_>>) -> Written {
    assert_eq!(cells.len(), Converter::columns().len());
    let text = |cell| {
        Some(match cell {
            Cell::Null => return None,
            Cell::Text(text) | Cell::Decimal(text) => text.into_owned(),
            Cell::Timestamp(moment) => moment.to_string(),
            Cell::Date(day) => day.to_string(),
            Cell::Boolean(yes) => yes.to_string(),
        })
    };
    let named = Converter::columns().iter().zip(cells);
    named.filter_map(|(column, cell)| Some((static_name(column), text(cell)?))).collect()
}

fn static_name(column: &'static crate::table::Column) -> &'static str {
    &column.name
}

pub(super) fn row(header: &str, line: &Line, source: Source) -> Option<Written> {
    let cells = record(header, line);
    converter(header).row(|at| &cells[at], source).unwrap().map(written)
}

fn amortized(header: &str, other: &[(&'static str, &str)]) -> Written {
    row(header, &usage(other), Source::Amortized).unwrap()
}

#[track_caller]
fn holds(row: &Written, expected: &[(&str, &str)]) {
    for (column, value) in expected {
        assert_eq!(row.get(column).map_or("", String::as_str), *value, "{column}");
    }
}

const RESERVATION: &str = "/providers/Microsoft.Capacity/reservationOrders/o/reservations/r";
const SAVINGS_PLAN: &str = "/providers/Microsoft.BillingBenefits/savingsPlanOrders/o/savingsPlans/s";

#[test]
fn usage_of_both_agreements_becomes_one_form() {
    let same = [
        ("BilledCost", "12.50"),
        ("EffectiveCost", "12.50"),
        ("BillingCurrency", "EUR"),
        ("BillingPeriodStart", "2026-10-01T00:00:00Z"),
        ("BillingPeriodEnd", "2026-11-01T00:00:00Z"),
        ("ChargePeriodStart", "2026-10-31T00:00:00Z"),
        ("ChargePeriodEnd", "2026-11-01T00:00:00Z"),
        ("ChargeCategory", "Usage"),
        ("ChargeClass", ""),
        ("ChargeFrequency", "Usage-Based"),
        ("CommitmentDiscountId", ""),
        ("CommitmentDiscountStatus", ""),
        ("ConsumedQuantity", "250"),
        ("ConsumedUnit", "Hours"),
        ("ContractedCost", "12.5"),
        ("ContractedUnitPrice", "5"),
        ("ListCost", "15"),
        ("ListUnitPrice", "6"),
        ("PricingCategory", "Standard"),
        ("PricingQuantity", "2.5"),
        ("PricingUnit", "Hours"),
        ("x_PricingBlockSize", "100"),
        ("RegionId", "westeurope"),
        ("RegionName", "West Europe"),
        ("ResourceId", "/subscriptions/0a/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm1"),
        ("ResourceName", "VM1"),
        ("ResourceType", "Virtual machine"),
        ("x_ResourceType", "microsoft.compute/virtualmachines"),
        ("ServiceCategory", "Compute"),
        ("ServiceName", "Virtual Machines"),
        ("ServiceSubcategory", "Virtual Machines"),
        ("SubAccountId", "00000000-0000-0000-0000-00000000000a"),
        ("SubAccountType", "Subscription"),
        ("InvoiceIssuerName", "Microsoft"),
        ("ProviderName", "Microsoft"),
        ("PublisherName", "Microsoft"),
    ];
    let (enterprise, customer) = (amortized(ENTERPRISE, &[]), amortized(CUSTOMER, &[]));
    holds(&enterprise, &same);
    holds(&customer, &same);
    holds(
        &enterprise,
        &[("BillingAccountId", "1234567"), ("BillingAccountType", "Billing Account"), ("SkuId", "")],
    );
    holds(
        &customer,
        &[
            ("BillingAccountId", "AAAA-BBBB"),
            ("BillingAccountType", "Billing Profile"),
            ("SkuId", "DZH318Z0BQ4L"),
            ("SkuMeter", "D4s v5"),
        ],
    );
}

#[test]
fn a_commitment_is_billed_when_bought_and_effective_when_used() {
    for (model, benefit, unused, category, kind) in [
        ("Reservation", RESERVATION, "UnusedReservation", "Usage", "Reservation"),
        ("SavingsPlan", SAVINGS_PLAN, "UnusedSavingsPlan", "Spend", "Savings Plan"),
    ] {
        let of = |other: &[(&'static str, &str)]| {
            let mut line =
                usage(&[("pricingmodel", model), ("benefitid", benefit), ("benefitname", "prod-vms")]);
            line.extend(other.iter().map(|(name, value)| (*name, (*value).to_owned())));
            line
        };
        for header in [ENTERPRISE, CUSTOMER] {
            let used = row(header, &of(&[]), Source::Amortized).unwrap();
            holds(
                &used,
                &[
                    ("BilledCost", "0"),
                    ("EffectiveCost", "12.50"),
                    ("PricingCategory", "Committed"),
                    ("CommitmentDiscountId", benefit),
                    ("CommitmentDiscountName", "prod-vms"),
                    ("CommitmentDiscountStatus", "Used"),
                    ("CommitmentDiscountCategory", category),
                    ("CommitmentDiscountType", kind),
                    ("ConsumedQuantity", "250"),
                    ("x_AmortizationClass", "Amortized Charge"),
                ],
            );
            let unused = row(header, &of(&[("chargetype", unused)]), Source::Amortized).unwrap();
            holds(
                &unused,
                &[
                    ("BilledCost", "0"),
                    ("EffectiveCost", "12.50"),
                    ("ChargeCategory", "Usage"),
                    ("CommitmentDiscountStatus", "Unused"),
                    ("ConsumedQuantity", ""),
                    ("ConsumedUnit", ""),
                    ("PricingQuantity", "2.5"),
                ],
            );
            let bought = of(&[("chargetype", "Purchase"), ("frequency", "Recurring")]);
            let bought = row(header, &bought, Source::Actual).unwrap();
            holds(
                &bought,
                &[
                    ("BilledCost", "12.50"),
                    ("EffectiveCost", "0"),
                    ("ChargeCategory", "Purchase"),
                    ("ChargeFrequency", "Recurring"),
                    ("CommitmentDiscountId", benefit),
                    ("CommitmentDiscountStatus", ""),
                    ("PricingCategory", "Standard"),
                    ("ConsumedQuantity", ""),
                    ("x_AmortizationClass", "Principal"),
                ],
            );
            let refund = row(
                header,
                &of(&[("chargetype", "Refund"), ("costinbillingcurrency", "-3")]),
                Source::Actual,
            );
            let expected =
                [("BilledCost", "-3"), ("ChargeCategory", "Purchase"), ("ChargeClass", "Correction")];
            holds(&refund.unwrap(), &expected);
            // Usage that it covers costs nothing where the purchase was billed, and is in the amortized report.
            assert_eq!(row(header, &of(&[("costinbillingcurrency", "0")]), Source::Actual), None);
        }
    }
}

#[test]
fn what_no_commitment_covers_is_taken_of_one_report() {
    for charge in ["Usage", "Purchase", "Refund", "Tax", "Credit", "RoundingAdjustment"] {
        let line = usage(&[("chargetype", charge)]);
        assert_eq!(row(CUSTOMER, &line, Source::Actual), None, "{charge}");
        holds(
            &row(CUSTOMER, &line, Source::Amortized).unwrap(),
            &[("BilledCost", "12.50"), ("EffectiveCost", "12.50")],
        );
    }
}

#[test]
fn prices_of_another_currency_are_converted_by_the_reports_rate() {
    let row =
        amortized(CUSTOMER, &[("pricingcurrency", "USD"), ("exchangeratepricingtobilling", "0.92592593")]);
    holds(
        &row,
        &[
            ("ListUnitPrice", "5.55555558"),
            ("ContractedUnitPrice", "4.62962965"),
            ("ContractedCost", "11.574074125"),
            ("PricingCurrency", "USD"),
            ("PricingCurrencyListUnitPrice", "6"),
            ("PricingCurrencyContractedUnitPrice", "5"),
        ],
    );
}

#[test]
fn a_cell_that_cannot_be_read_is_named_and_not_shown() {
    for (column, value) in
        [("costinbillingcurrency", "12,50 secret"), ("date", "secret"), ("quantity", "secret")]
    {
        let cells = record(CUSTOMER, &usage(&[(column, value)]));
        let mut converter = converter(CUSTOMER);
        let error = converter.row(|at| &cells[at], Source::Amortized).unwrap_err();
        let Error::DamagedReport { what } = &error else { panic!("{error}") };
        assert!(what.to_ascii_lowercase().contains(column), "{what}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}
