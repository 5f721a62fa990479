//! FOCUS 1.2's columns (<https://focus.finops.org/focus-specification/v1-2/>): of which form a value is, and where there is none.

use Nulls::{Allowed, Iff, Never, UnlessCommitted, UnlessConsumed, UnlessPriced, UnlessUsageOf, Without};
use Type::{Currency, Decimal, Json, Moment, NotNegative, OneOf, Text};

pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    pub(super) nulls: Nulls,
}

#[derive(Clone, Copy)]
pub(super) enum Type {
    Text,
    OneOf(&'static [&'static str]),
    Decimal,
    NotNegative,
    Moment,
    Currency,
    Json,
}

#[derive(Clone, Copy)]
pub(super) enum Nulls {
    Never,
    Allowed,
    /// Exactly where another column is.
    Iff(&'static str),
    /// Where another column is, and elsewhere at will.
    Without(&'static str),
    /// Not for usage and purchases that correct nothing; always for taxes.
    UnlessPriced,
    /// Not for usage, unless it corrects; always for all else and for what is unused.
    UnlessConsumed,
    /// Not for usage of this; always without it.
    UnlessUsageOf(&'static str),
    /// Not for usage and purchases of a commitment, unless they correct; always for all else.
    UnlessCommitted,
}

const fn column(name: &'static str, kind: Type, nulls: Nulls) -> Column {
    Column { name, kind, nulls }
}

pub(super) const COLUMNS: &[Column] = &[
    column("AvailabilityZone", Text, Allowed),
    column("BilledCost", Decimal, Never),
    column("BillingAccountId", Text, Never),
    column("BillingAccountName", Text, Allowed),
    column("BillingAccountType", Text, Iff("BillingAccountId")),
    column("BillingCurrency", Currency, Never),
    column("BillingPeriodEnd", Moment, Never),
    column("BillingPeriodStart", Moment, Never),
    column("CapacityReservationId", Text, Allowed),
    column("CapacityReservationStatus", OneOf(&["Used", "Unused"]), Iff("CapacityReservationId")),
    column("ChargeCategory", OneOf(&["Usage", "Purchase", "Tax", "Credit", "Adjustment"]), Never),
    column("ChargeClass", OneOf(&["Correction"]), Allowed),
    column("ChargeDescription", Text, Allowed),
    column("ChargeFrequency", OneOf(&["One-Time", "Recurring", "Usage-Based"]), Never),
    column("ChargePeriodEnd", Moment, Never),
    column("ChargePeriodStart", Moment, Never),
    column("CommitmentDiscountCategory", OneOf(&["Spend", "Usage"]), Iff("CommitmentDiscountId")),
    column("CommitmentDiscountId", Text, Allowed),
    column("CommitmentDiscountName", Text, Without("CommitmentDiscountId")),
    column("CommitmentDiscountQuantity", Decimal, UnlessCommitted),
    column("CommitmentDiscountStatus", OneOf(&["Used", "Unused"]), UnlessUsageOf("CommitmentDiscountId")),
    column("CommitmentDiscountType", Text, Iff("CommitmentDiscountId")),
    column("CommitmentDiscountUnit", Text, UnlessCommitted),
    column("ConsumedQuantity", Decimal, UnlessConsumed),
    column("ConsumedUnit", Text, Iff("ConsumedQuantity")),
    column("ContractedCost", Decimal, Never),
    column("ContractedUnitPrice", NotNegative, UnlessPriced),
    column("EffectiveCost", Decimal, Never),
    column("InvoiceId", Text, Allowed),
    column("InvoiceIssuerName", Text, Never),
    column("ListCost", Decimal, Never),
    column("ListUnitPrice", NotNegative, UnlessPriced),
    column("PricingCategory", OneOf(&["Standard", "Dynamic", "Committed", "Other"]), UnlessPriced),
    column("PricingCurrency", Currency, Never),
    column("PricingCurrencyContractedUnitPrice", NotNegative, UnlessPriced),
    column("PricingCurrencyEffectiveCost", Decimal, Never),
    column("PricingCurrencyListUnitPrice", NotNegative, UnlessPriced),
    column("PricingQuantity", Decimal, UnlessPriced),
    column("PricingUnit", Text, Iff("PricingQuantity")),
    column("ProviderName", Text, Never),
    column("PublisherName", Text, Never),
    column("RegionId", Text, Allowed),
    column("RegionName", Text, Iff("RegionId")),
    column("ResourceId", Text, Allowed),
    column("ResourceName", Text, Iff("ResourceId")),
    column("ResourceType", Text, Iff("ResourceId")),
    column("ServiceCategory", OneOf(CATEGORIES), Never),
    column("ServiceName", Text, Never),
    column("ServiceSubcategory", Text, Never),
    column("SkuId", Text, UnlessPriced),
    column("SkuMeter", Text, Without("SkuId")),
    column("SkuPriceDetails", Json, Without("SkuPriceId")),
    column("SkuPriceId", Text, UnlessPriced),
    column("SubAccountId", Text, Allowed),
    column("SubAccountName", Text, Without("SubAccountId")),
    column("SubAccountType", Text, Iff("SubAccountId")),
    column("Tags", Json, Allowed),
];

const CATEGORIES: &[&str] = &[
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Multicloud",
    "Networking",
    "Security",
    "Storage",
    "Web",
    "Other",
];

pub(super) const SUBCATEGORIES: &[(&str, &[&str])] = &[
    (
        "AI and Machine Learning",
        &[
            "AI Platforms",
            "Bots",
            "Generative AI",
            "Machine Learning",
            "Natural Language Processing",
            "Other (AI and Machine Learning)",
        ],
    ),
    (
        "Analytics",
        &[
            "Analytics Platforms",
            "Business Intelligence",
            "Data Processing",
            "Search",
            "Streaming Analytics",
            "Other (Analytics)",
        ],
    ),
    ("Business Applications", &["Productivity and Collaboration", "Other (Business Applications)"]),
    (
        "Compute",
        &[
            "Containers",
            "End User Computing",
            "Quantum Compute",
            "Serverless Compute",
            "Virtual Machines",
            "Other (Compute)",
        ],
    ),
    (
        "Databases",
        &[
            "Caching",
            "Data Warehouses",
            "Ledger Databases",
            "NoSQL Databases",
            "Relational Databases",
            "Time Series Databases",
            "Other (Databases)",
        ],
    ),
    (
        "Developer Tools",
        &[
            "Developer Platforms",
            "Continuous Integration and Deployment",
            "Development Environments",
            "Source Code Management",
            "Quality Assurance",
            "Other (Developer Tools)",
        ],
    ),
    ("Identity", &["Identity and Access Management", "Other (Identity)"]),
    ("Integration", &["API Management", "Messaging", "Workflow Orchestration", "Other (Integration)"]),
    ("Internet of Things", &["IoT Analytics", "IoT Platforms", "Other (Internet of Things)"]),
    (
        "Management and Governance",
        &[
            "Architecture",
            "Compliance",
            "Cost Management",
            "Data Governance",
            "Disaster Recovery",
            "Endpoint Management",
            "Observability",
            "Support",
            "Other (Management and Governance)",
        ],
    ),
    ("Media", &["Content Creation", "Gaming", "Media Streaming", "Mixed Reality", "Other (Media)"]),
    ("Migration", &["Data Migration", "Resource Migration", "Other (Migration)"]),
    ("Mobile", &["Other (Mobile)"]),
    ("Multicloud", &["Multicloud Integration", "Other (Multicloud)"]),
    (
        "Networking",
        &[
            "Application Networking",
            "Content Delivery",
            "Network Connectivity",
            "Network Infrastructure",
            "Network Routing",
            "Network Security",
            "Other (Networking)",
        ],
    ),
    (
        "Security",
        &[
            "Secret Management",
            "Security Posture Management",
            "Threat Detection and Response",
            "Other (Security)",
        ],
    ),
    (
        "Storage",
        &[
            "Backup Storage",
            "Block Storage",
            "File Storage",
            "Object Storage",
            "Storage Platforms",
            "Other (Storage)",
        ],
    ),
    ("Web", &["Application Platforms", "Other (Web)"]),
    ("Other", &["Other (Other)"]),
];
