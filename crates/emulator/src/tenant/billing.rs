//! Contoso's management groups and billing scopes. Who may read which is with the people.

use super::contoso::{
    BIG_SUBSCRIPTION, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION,
    RETAIL_SUBSCRIPTION,
};

/// A management group and the subscriptions below it, at any depth.
#[derive(Debug)]
pub(crate) struct ManagementGroup {
    pub(crate) id: &'static str,
    /// The group that it lies in.
    pub(crate) parent: Option<&'static str>,
    pub(crate) subscriptions: &'static [&'static str],
}

/// The groups: all of Contoso, its factory, and one where nothing is.
pub(crate) const MANAGEMENT_GROUPS: &[ManagementGroup] = &[
    ManagementGroup {
        id: "contoso",
        parent: None,
        subscriptions: &[
            PROD_SUBSCRIPTION,
            DEV_SUBSCRIPTION,
            FACTORY_SUBSCRIPTION,
            LAB_SUBSCRIPTION,
            RETAIL_SUBSCRIPTION,
        ],
    },
    ManagementGroup {
        id: "contoso-factory",
        parent: Some("contoso"),
        subscriptions: &[FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION],
    },
    ManagementGroup { id: "contoso-empty", parent: Some("contoso"), subscriptions: &[] },
];

/// A billing scope, by its path behind `billingAccounts/`, and the subscriptions that are paid there.
#[derive(Debug)]
pub(crate) struct BillingScope {
    pub(crate) path: &'static str,
    pub(crate) is_enterprise: bool,
    pub(crate) subscriptions: &'static [&'static str],
}

/// The enrolment, and the Customer Agreement with its profile and two sections.
pub(crate) const BILLING_SCOPES: &[BillingScope] = &[
    enterprise("8611537"),
    enterprise("8611537/departments/84819"),
    enterprise("8611537/enrollmentAccounts/266517"),
    customer("11112222:22223333_2019-05-31", OF_THE_PROFILE),
    customer("11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD", OF_THE_PROFILE),
    customer(
        "11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD/invoiceSections/EEEE-FFFF-GGG-HHH",
        &[PROD_SUBSCRIPTION, RETAIL_SUBSCRIPTION, BIG_SUBSCRIPTION],
    ),
    customer(
        "11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD/invoiceSections/IIII-JJJJ-KKK-LLL",
        &[DEV_SUBSCRIPTION],
    ),
];

const OF_THE_PROFILE: &[&str] = &[PROD_SUBSCRIPTION, DEV_SUBSCRIPTION, RETAIL_SUBSCRIPTION, BIG_SUBSCRIPTION];

const fn enterprise(path: &'static str) -> BillingScope {
    BillingScope { path, is_enterprise: true, subscriptions: &[FACTORY_SUBSCRIPTION] }
}

const fn customer(path: &'static str, subscriptions: &'static [&'static str]) -> BillingScope {
    BillingScope { path, is_enterprise: false, subscriptions }
}
