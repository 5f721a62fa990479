//! The columns of Azure's report, found once by name and read by place. Agreements name and case them differently: `date` and
//! `Date`, `resourceGroupName` and `ResourceGroup` (<https://github.com/finopsfoundation/focus_converters/issues/331>).

use std::collections::HashMap;

use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan as _};

use super::number;
use super::number::Number;
use crate::caseless::small;
use crate::day;
use crate::error::Error;
use crate::table::Cell;

macro_rules! inputs {
    ($($field:ident: $first:literal $(, $other:literal)*;)+) => {
        /// A column of the report.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum In { $($field,)+ }

        /// What a column is called, by agreement and age of the report; and what is said where it is missing or cannot be read.
        const NAMES: &[Name] = &[$(Name {
            all: &[$first $(, $other)*],
            missing: concat!("it has no column ", $first),
            unread: concat!("a cell of its column ", $first, " cannot be read"),
        },)+];
    };
}

struct Name {
    all: &'static [&'static str],
    missing: &'static str,
    unread: &'static str,
}

inputs! {
    AccountId: "AccountId";
    AccountName: "AccountName";
    AccountOwnerId: "AccountOwnerId";
    AdditionalInfo: "AdditionalInfo";
    AvailabilityZone: "AvailabilityZone";
    BenefitId: "BenefitId";
    BenefitName: "BenefitName";
    BillingAccountId: "BillingAccountId";
    BillingAccountName: "BillingAccountName";
    BillingCurrency: "BillingCurrency", "BillingCurrencyCode";
    BillingPeriodEnd: "BillingPeriodEndDate";
    BillingPeriodStart: "BillingPeriodStartDate";
    BillingProfileId: "BillingProfileId";
    BillingProfileName: "BillingProfileName";
    ChargeType: "ChargeType";
    ConsumedService: "ConsumedService";
    Cost: "CostInBillingCurrency", "Cost";
    CostAllocationRule: "CostAllocationRuleName";
    CostCenter: "CostCenter";
    CostInPricingCurrency: "CostInPricingCurrency";
    CustomerName: "CustomerName";
    CustomerTenant: "CustomerTenantId";
    Date: "Date", "UsageDate";
    EffectivePrice: "EffectivePrice";
    ExchangeRate: "ExchangeRatePricingToBilling", "ExchangeRate";
    ExchangeRateDate: "ExchangeRateDate";
    Frequency: "Frequency";
    InvoiceId: "InvoiceId";
    InvoiceSectionId: "InvoiceSectionId";
    InvoiceSectionName: "InvoiceSectionName", "InvoiceSection";
    IsCreditEligible: "IsAzureCreditEligible";
    MeterCategory: "MeterCategory";
    MeterId: "MeterId";
    MeterName: "MeterName", "Meter";
    MeterRegion: "MeterRegion";
    MeterSubcategory: "MeterSubCategory";
    OfferId: "OfferId";
    PartNumber: "PartNumber";
    PartnerName: "PartnerName";
    PartnerTenant: "PartnerTenantId";
    PaygCost: "PaygCostInBillingCurrency";
    PaygPrice: "PayGPrice";
    PlanName: "PlanName";
    PricingCurrency: "PricingCurrency", "PricingCurrencyCode";
    PricingModel: "PricingModel";
    ProductId: "ProductId";
    ProductName: "ProductName", "Product";
    ProductOrderId: "ProductOrderId";
    ProductOrderName: "ProductOrderName";
    PublisherId: "PublisherId";
    PublisherName: "PublisherName";
    PublisherType: "PublisherType";
    Quantity: "Quantity", "UsageQuantity";
    ReservationId: "ReservationId";
    ReservationName: "ReservationName";
    ResellerMpnId: "ResellerMpnId";
    ResellerName: "ResellerName";
    ResourceGroup: "ResourceGroupName", "ResourceGroup";
    ResourceId: "ResourceId", "InstanceId", "InstanceName";
    ResourceLocation: "ResourceLocation", "Location", "ResourceLocationNormalized";
    ResourceName: "ResourceName";
    ServiceFamily: "ServiceFamily";
    ServicePeriodEnd: "ServicePeriodEndDate";
    ServicePeriodStart: "ServicePeriodStartDate";
    SubscriptionId: "SubscriptionId", "SubscriptionGuid";
    SubscriptionName: "SubscriptionName";
    Tags: "Tags";
    Term: "Term";
    UnitOfMeasure: "UnitOfMeasure";
    UnitPrice: "UnitPrice";
}

/// Without these there is no row of FOCUS: what it cost, when, in which currency and billing period, and what kind of charge it is.
const NEEDED: [In; 9] = [
    In::Cost,
    In::Date,
    In::BillingCurrency,
    In::BillingPeriodStart,
    In::BillingPeriodEnd,
    In::ChargeType,
    In::PricingModel,
    In::Quantity,
    In::UnitOfMeasure,
];

/// Whose report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// Enterprise Agreement: all in the billing currency.
    Enterprise,
    /// Microsoft Customer Agreement, and that of partners: prices may be in another currency than bills.
    Customer,
}

/// Where each column stands.
#[derive(Debug)]
pub(super) struct Layout {
    at: Vec<Option<usize>>,
    agreement: Agreement,
}

impl Layout {
    pub(super) fn of<'h>(header: impl IntoIterator<Item = &'h str>) -> Result<Self, Error> {
        let mut places = HashMap::new();
        for (at, name) in header.into_iter().enumerate() {
            places.entry(small(name.trim_start_matches('\u{feff}').trim())).or_insert(at);
        }
        let place = |name: &Name| name.all.iter().find_map(|name| places.get(&small(name)).copied());
        let at: Vec<_> = NAMES.iter().map(place).collect();
        if let Some(missing) = NEEDED.into_iter().find(|needed| at[*needed as usize].is_none()) {
            return Err(Error::DamagedReport { what: NAMES[missing as usize].missing });
        }
        // An enterprise's report has neither: it is priced in the currency in which it is billed.
        let priced_apart = [In::ExchangeRate, In::CostInPricingCurrency];
        let agreement = if priced_apart.iter().any(|input| at[*input as usize].is_some()) {
            Agreement::Customer
        } else {
            Agreement::Enterprise
        };
        Ok(Self { at, agreement })
    }
}

/// A line of the report.
pub(super) struct Input<'a> {
    pub(super) agreement: Agreement,
    /// In the order of [`NAMES`]; empty where the report has no such column.
    cells: [&'a str; NAMES.len()],
}

impl<'a> Input<'a> {
    /// `cell` is the line's at a place.
    pub(super) fn of(layout: &Layout, cell: impl Fn(usize) -> &'a str) -> Self {
        let mut cells = [""; NAMES.len()];
        for (held, at) in cells.iter_mut().zip(&layout.at) {
            *held = at.map(&cell).unwrap_or_default();
        }
        Self { agreement: layout.agreement, cells }
    }

    pub(super) fn text(&self, input: In) -> &'a str {
        self.cells[input as usize]
    }

    /// The cell, where something stands in it.
    pub(super) fn some(&self, input: In) -> Option<&'a str> {
        Some(self.text(input)).filter(|text| !text.is_empty())
    }

    /// The same without what Azure writes for nothing: `-2` and `Unassigned`
    /// (<https://learn.microsoft.com/cloud-computing/finops/focus/conformance-summary>).
    pub(super) fn known(&self, input: In) -> Option<&'a str> {
        const NOTHING: [&str; 3] = ["-2", "Unassigned", "Not applicable"];
        self.some(input).filter(|text| !NOTHING.iter().any(|nothing| text.eq_ignore_ascii_case(nothing)))
    }

    /// The account that bills: agreements call it differently.
    pub(super) fn by_agreement(&self, enterprise: In, customer: In) -> Option<&'a str> {
        let input = match self.agreement {
            Agreement::Enterprise => enterprise,
            Agreement::Customer => customer,
        };
        self.some(input)
    }

    pub(super) fn number(&self, input: In) -> Result<Option<Number>, Error> {
        self.some(input).map(|text| Number::read(text).ok_or_else(|| unread(input))).transpose()
    }

    /// An amount to the last digit.
    pub(super) fn amount(&self, input: In) -> Result<Cell<'a>, Error> {
        let Some(text) = self.some(input) else { return Ok(Cell::Null) };
        number::plain(text).map(Cell::Decimal).ok_or_else(|| unread(input))
    }

    /// The first moment of a day, `days` later.
    pub(super) fn moment(&self, input: In, days: i64) -> Result<Option<Timestamp>, Error> {
        let Some(text) = self.some(input) else { return Ok(None) };
        moment(text, days).map(Some).ok_or_else(|| unread(input))
    }
}

pub(super) fn unread(input: In) -> Error {
    Error::DamagedReport { what: NAMES[input as usize].unread }
}

fn moment(text: &str, days: i64) -> Option<Timestamp> {
    let (day, _) = day::read(text)?;
    let date = day.checked_add(days.days()).ok()?;
    Offset::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_both_agreements_write_them() {
        for (text, expected) in [
            ("10/31/2026", "2026-10-31T00:00:00Z"),
            ("1/5/2026", "2026-01-05T00:00:00Z"),
            ("2026-10-31", "2026-10-31T00:00:00Z"),
            ("2026-10-31T00:00:00Z", "2026-10-31T00:00:00Z"),
            ("10/31/2026 00:00:00", "2026-10-31T00:00:00Z"),
        ] {
            assert_eq!(moment(text, 0).unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(moment("12/31/2026", 1).unwrap().to_string(), "2027-01-01T00:00:00Z");
        for text in ["", "31/10/2026", "2026-13-01", "10/31/26", "soon", "2026-10"] {
            assert_eq!(moment(text, 0), None, "{text}");
        }
    }

    #[test]
    fn a_column_that_is_needed_is_named_where_it_is_missing() {
        let header = ["\u{feff}date", "COSTINBILLINGCURRENCY", "billingCurrencyCode"];
        let error = Layout::of(header).unwrap_err();
        assert!(
            matches!(error, Error::DamagedReport { what: "it has no column BillingPeriodStartDate" }),
            "{error}"
        );
    }
}
