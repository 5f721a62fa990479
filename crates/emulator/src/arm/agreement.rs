//! The agreements that Azure is bought under, and what each of them can be grouped and filtered by.

/// How a subscription was bought. It decides what Cost Management knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// An enrolment (EA).
    Enterprise,
    /// A Microsoft Customer Agreement (MCA).
    Customer,
    /// Pay-as-you-go, which the service calls "WebDirect".
    PayAsYouGo,
}

impl Agreement {
    /// `subscriptionPolicies.quotaId`; MCA has that of EA.
    /// <https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data>
    pub(crate) fn quota_id(self) -> &'static str {
        match self {
            Self::Enterprise | Self::Customer => "EnterpriseAgreement_2014-09-01",
            Self::PayAsYouGo => "PayAsYouGo_2014-09-01",
        }
    }

    /// How Microsoft's pages call it for short.
    pub(crate) fn short_name(self) -> &'static str {
        match self {
            Self::Enterprise => "EA",
            Self::Customer => "MCA",
            Self::PayAsYouGo => "PAYG",
        }
    }

    /// The dimensions, in the order in which the service lists them.
    pub(crate) fn dimensions(self) -> &'static [&'static str] {
        match self {
            Self::Enterprise => ENTERPRISE,
            Self::Customer => CUSTOMER,
            Self::PayAsYouGo => PAY_AS_YOU_GO,
        }
    }
}

/// As answered in <https://github.com/Azure/azure-rest-api-specs/issues/32810>.
const ENTERPRISE: &[&str] = &[
    "ResourceGroup",
    "ResourceGroupName",
    "ResourceLocation",
    "ConsumedService",
    "ResourceType",
    "ResourceId",
    "MeterId",
    "BillingMonth",
    "MeterCategory",
    "MeterSubcategory",
    "Meter",
    "AccountName",
    "DepartmentName",
    "SubscriptionId",
    "SubscriptionName",
    "ServiceName",
    "ServiceTier",
    "EnrollmentAccountName",
    "BillingAccountId",
    "ResourceGuid",
    "BillingPeriod",
    "InvoiceNumber",
    "ChargeType",
    "PublisherType",
    "ReservationId",
    "ReservationName",
    "Frequency",
    "PartNumber",
    "CostAllocationRuleName",
    "MarkupRuleName",
    "PricingModel",
    "BenefitId",
    "BenefitName",
];

/// As answered in <https://github.com/mivano/azure-cost-cli/issues/25>.
const CUSTOMER: &[&str] = &[
    "ResourceGroup",
    "ResourceGroupName",
    "ResourceType",
    "ResourceId",
    "ResourceLocation",
    "SubscriptionId",
    "SubscriptionName",
    "MeterCategory",
    "MeterSubcategory",
    "Meter",
    "ServiceFamily",
    "UnitOfMeasure",
    "PartNumber",
    "BillingAccountName",
    "BillingProfileId",
    "BillingProfileName",
    "InvoiceSection",
    "InvoiceSectionId",
    "InvoiceSectionName",
    "Product",
    "ResourceGuid",
    "ChargeType",
    "ServiceName",
    "ProductOrderId",
    "ProductOrderName",
    "PublisherType",
    "ReservationId",
    "ReservationName",
    "Frequency",
    "InvoiceId",
    "PricingModel",
    "CostAllocationRuleName",
    "MarkupRuleName",
    "BillingMonth",
    "Provider",
    "BenefitId",
    "BenefitName",
    "CustomerTenantId",
    "CustomerTenantDomainName",
    "ResellerMPNId",
    "PartnerEarnedCreditApplied",
    "CustomerName",
    "PartnerName",
];

/// What the other two have in common, and `MeterId` and `ConsumedService`, without what is an agreement's own: no answer of the
/// service was found for this one.
const PAY_AS_YOU_GO: &[&str] = &[
    "ResourceGroup",
    "ResourceGroupName",
    "ResourceLocation",
    "ConsumedService",
    "ResourceType",
    "ResourceId",
    "MeterId",
    "BillingMonth",
    "MeterCategory",
    "MeterSubcategory",
    "Meter",
    "SubscriptionId",
    "SubscriptionName",
    "ServiceName",
    "ChargeType",
    "PublisherType",
    "Frequency",
    "PricingModel",
];
