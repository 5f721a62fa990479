//! The table: Azure's messages, codes and statuses; our error, sentence and next step; where it was met.

use super::{Advice, Error, Row};

const CODES: &str =
    "https://learn.microsoft.com/azure/cost-management-billing/costs/cost-management-error-codes";
const ARM: &str =
    "https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors";
const HTTP: &str = "https://www.rfc-editor.org/rfc/rfc9110#section-15";

/// In order: the first row that fits counts.
pub(super) static ROWS: &[Row] = &[
    // By message.
    Row::says(
        &["unsupported request. offer type"],
        Error::NoReportOfOffer,
        NO_DETAILS,
        "https://github.com/microsoft/finops-toolkit/issues/1005",
    ),
    Row::says(
        &["the offer * is not supported"],
        Error::SubscriptionTypeNotSupported,
        OFFER,
        "https://github.com/JulianHayward/Azure-MG-Sub-Governance-Reporting/issues/49",
    ),
    Row::says(
        &["offer types. offerid", "valid offer type", "offertype: none"],
        Error::SubscriptionTypeNotSupported,
        OFFER,
        "https://github.com/mivano/azure-cost-cli/issues/24, https://github.com/Azure/azure-powershell/issues/17485",
    ),
    Row::says(
        &["doesn't have valid * offer type", "not supported for subscription(s)"],
        Error::SubscriptionTypeNotSupported,
        OFFER,
        "https://github.com/Azure/azqr/issues/674, https://github.com/meshcloud/collie-cli/issues/11",
    ),
    Row::says(
        &["getazuresubscriptionsbyid returns null or empty"],
        Error::NoDataYet,
        NEW,
        "https://github.com/JulianHayward/AzAPICall/issues/58",
    ),
    Row::says(
        &["too many connections"],
        Error::unavailable,
        BUSY,
        "https://github.com/webdevops/azure-resourcemanager-exporter/issues/90",
    )
    .with_status(&[409]),
    Row::says(
        &["does not have any valid subscriptions"],
        Error::SubscriptionTypeNotSupported,
        EMPTY_GROUP,
        "https://github.com/JulianHayward/Azure-MG-Sub-Governance-Reporting/issues/67",
    ),
    Row::says(
        &["request blocked. your request to this resource has been denied"],
        Error::NoAccess,
        PORTAL_ONLY,
        "https://github.com/Azure/AKS/issues/4417",
    ),
    // By code.
    Row::code(
        &["AccountCostDisabled", "DepartmentCostDisabled", "IndirectCostDisabled"],
        Error::CostDataDisabled,
        SWITCHED_OFF,
        CODES,
    ),
    Row::code(
        &["SubscriptionCostDisabled"],
        Error::CostDataDisabled,
        SWITCHED_OFF,
        "https://github.com/JulianHayward/AzAPICall",
    ),
    Row::code(
        &["SubscriptionTypeNotSupported", "DisallowedOperation"],
        Error::SubscriptionTypeNotSupported,
        OFFER,
        CODES,
    ),
    Row::code(
        &["DisallowedProvider"],
        Error::SubscriptionTypeNotSupported,
        OFFER,
        "https://github.com/microsoft/AzureUsageAndBillingPortal/issues/36",
    ),
    Row::code(&["AuthorizationFailed"], Error::NoAccess, NO_ROLE, ARM),
    Row::code(&["RBACAccessDenied", "BillingAccessDenied"], Error::NoAccess, NO_ROLE, CODES),
    Row::code(
        &[
            "AuthenticationFailed",
            "ExpiredAuthenticationToken",
            "InvalidAuthenticationToken",
            "InvalidAuthenticationTokenAudience",
        ],
        Error::TokenRejected,
        SIGN_IN,
        ARM,
    ),
    Row::code(&["InvalidAuthenticationTokenTenant"], Error::WrongTenant, OTHER_DIRECTORY, ARM),
    Row::code(
        &["SubscriptionNotFound", "InvalidSubscriptionId", "BillingSubscriptionNotFound"],
        Error::SubscriptionNotFound,
        WRONG_ID,
        ARM,
    ),
    Row::code(&["ResourceGroupNotFound"], Error::ResourceGroupNotFound, WRONG_GROUP, ARM),
    Row::code(
        &["MissingSubscriptionRegistration"],
        Error::ProviderNotRegistered,
        NOT_REGISTERED,
        "https://github.com/nforgeio/neonKUBE/issues/1670",
    ),
    Row::code(
        &["ReadOnlyDisabledSubscription"],
        Error::SubscriptionDisabled,
        DISABLED,
        "https://github.com/microsoft/microsoft-foundry-for-vscode/issues/190",
    ),
    Row::code(&["NotFound"], Error::NotFound, NOTHING, CODES),
    Row::code(&["BadRequest"], Error::QueryRefused, QUESTION, CODES),
    // By status.
    Row::status(&[400, 422], Error::QueryRefused, QUESTION, CODES),
    Row::status(&[401, 403], Error::NoAccess, NO_ROLE, "https://github.com/Azure/azqr/issues/277"),
    Row::status(&[404], Error::NotFound, NOTHING, HTTP),
    Row::status(
        &[413],
        Error::TooLargeForAzure,
        TOO_LARGE,
        "https://learn.microsoft.com/rest/api/cost-management/generate-detailed-cost-report",
    ),
    Row::status(
        &[424],
        Error::ForecastFailed,
        NO_FORECAST,
        "https://github.com/mivano/azure-cost-cli/issues/24",
    ),
    Row::status(&[504], Error::TookTooLong, TOOK_TOO_LONG, CODES),
    Row::status(&[408, 502, 503], Error::unavailable, OUTAGE, HTTP),
    Row::status(
        &[406],
        Error::unavailable,
        BUSY,
        "https://github.com/Azure/azure-sdk-for-python/issues/34096",
    ),
    Row::status(
        &[500],
        Error::unavailable,
        FAILED,
        "https://github.com/Azure/azure-rest-api-specs/issues/9561, https://github.com/Azure/azure-cli/issues/8245",
    ),
];

const OFFER: Advice = Advice {
    happened: "Cost Management does not cover the offer behind this subscription, such as Sponsorship, Visual Studio, free \
               trials and some subscriptions of partners.",
    next: "Its costs are in the billing portal only; nothing that is asked or granted here changes that.",
};
const EMPTY_GROUP: Advice = Advice {
    happened: "No subscription below this management group has an offer that Cost Management adds up at a group.",
    next: "Ask for the subscriptions by their ids, or for the billing account.",
};
const PORTAL_ONLY: Advice = Advice {
    happened: "Azure shows this to its own portal only; signing in again or another role changes nothing.",
    next: "Open Cost Analysis in the portal, or ask here for the costs of the resource group.",
};
const NO_DETAILS: Advice = Advice {
    happened: "Azure builds cost details for Enterprise and Customer Agreements only, not for the offer behind this \
               subscription.",
    next: "Ask cost_query for sums: Azure gives the details of this offer by exports into a storage account only.",
};
const NEW: Advice = Advice {
    happened: "The subscription is there, but Cost Management has no data of it yet.",
    next: "That takes up to 48 hours after its creation: ask again then.",
};
const SWITCHED_OFF: Advice = Advice {
    happened: "The view of costs is switched off for this subscription.",
    next: "The billing account's administrator can switch it on: 'AO view charges' or 'DA view charges' for an Enterprise \
           Agreement, the Azure usage policy for a Customer Agreement, the partner for a subscription bought from one.",
};
const NO_ROLE: Advice = Advice {
    happened: "Your Azure account may not read these costs.",
    next: "Ask the subscription's owner for the role Cost Management Reader (or Reader) on this scope. A role given just now \
           takes some minutes to count.",
};
const SIGN_IN: Advice = Advice { happened: "Azure rejected the access token.", next: "Sign in again." };
const OTHER_DIRECTORY: Advice = Advice {
    happened: "The subscription belongs to another directory than the one you signed in to.",
    next: "Sign in to that directory.",
};
const WRONG_ID: Advice = Advice {
    happened: "Azure knows no such subscription in this directory.",
    next: "Check the id against the list of subscriptions.",
};
const WRONG_GROUP: Advice =
    Advice { happened: "The subscription has no such resource group.", next: "Check its name." };
const NOTHING: Advice = Advice {
    happened: "Azure found nothing at this scope.",
    next: "Check the id against the list of subscriptions. A subscription of the last 48 hours may have no data yet.",
};
const NOT_REGISTERED: Advice = Advice {
    happened: "The subscription is not registered for Cost Management.",
    next: "An owner must register Microsoft.CostManagement (in the portal: the subscription, Resource providers); then ask again.",
};
const DISABLED: Advice = Advice {
    happened: "The subscription is disabled.",
    next: "Its owner or billing administrator can reactivate it; until then its costs are in the billing portal.",
};
const QUESTION: Advice = Advice {
    happened: "Azure does not take the question as it was asked.",
    next: "What Azure says names the reason; where it is the period, ask for a shorter one.",
};
const TOO_LARGE: Advice = Advice {
    happened: "The answer is larger than Azure hands out at once.",
    next: "Ask for a shorter period.",
};
const NO_FORECAST: Advice = Advice {
    happened: "Azure has no forecast of these costs: those that it would be made of do not do.",
    next: "Ask for the costs so far; a forecast may be there tomorrow.",
};
const TOOK_TOO_LONG: Advice =
    Advice { happened: "Azure took too long over the question.", next: "Ask for a shorter period." };
const OUTAGE: Advice = Advice {
    happened: "Azure Cost Management is unavailable at the moment; several tries did not help.",
    next: "Ask again in a minute.",
};
const BUSY: Advice = Advice {
    happened: "Azure is busy with other requests for this subscription; several tries did not help.",
    next: "Ask again in a minute.",
};
const FAILED: Advice = Advice {
    happened: "Azure Cost Management failed at this question.",
    next: "Ask again later or for a shorter period; if it repeats, give the request id to Azure's support.",
};
