//! What the costs are asked for. A scope becomes path segments and nothing else, so no text of a caller can
//! steer a request to another resource.

use std::fmt;
use std::str::FromStr;

pub use names::{BillingId, ManagementGroupId, ResourceGroupName, SubscriptionId};

use crate::invalid::InvalidQuery;

mod names;

/// A place that Cost Management has costs of.
///
/// Subscriptions, resource groups and management groups are read with Azure RBAC; billing scopes with the roles of the billing
/// account. <https://learn.microsoft.com/azure/cost-management-billing/costs/understand-work-scopes>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// Everything in a subscription.
    Subscription(SubscriptionId),
    /// One resource group of it.
    ResourceGroup {
        /// The subscription the group belongs to.
        subscription: SubscriptionId,
        /// The group.
        name: ResourceGroupName,
    },
    /// All subscriptions below a management group.
    ManagementGroup(ManagementGroupId),
    /// A billing account, or a part of one.
    Billing {
        /// The account: an enrolment's number, or an id with `:` and `_`.
        account: BillingId,
        /// Which part of it.
        part: BillingPart,
    },
}

/// The part of a billing account that is meant. Which there are depends on the agreement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BillingPart {
    /// All of it.
    Whole,
    /// A department of an enrolment (EA).
    Department(BillingId),
    /// An enrolment account (EA).
    EnrollmentAccount(BillingId),
    /// A billing profile (MCA).
    Profile(BillingId),
    /// An invoice section of a billing profile (MCA).
    InvoiceSection {
        /// The profile it belongs to.
        profile: BillingId,
        /// The section.
        section: BillingId,
    },
    /// A partner's customer (MPA).
    Customer(BillingId),
}

impl Scope {
    /// The subscription the scope lies in, if it lies in one.
    pub const fn subscription(&self) -> Option<SubscriptionId> {
        match self {
            Self::Subscription(subscription) | Self::ResourceGroup { subscription, .. } => {
                Some(*subscription)
            }
            Self::ManagementGroup(_) | Self::Billing { .. } => None,
        }
    }

    /// What kind of place it is: one word, for a span.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Subscription(_) => "subscription",
            Self::ResourceGroup { .. } => "resource_group",
            Self::ManagementGroup(_) => "management_group",
            Self::Billing { part, .. } => match part {
                BillingPart::Whole => "billing_account",
                BillingPart::Department(_) => "department",
                BillingPart::EnrollmentAccount(_) => "enrollment_account",
                BillingPart::Profile(_) => "billing_profile",
                BillingPart::InvoiceSection { .. } => "invoice_section",
                BillingPart::Customer(_) => "customer",
            },
        }
    }

    /// The scope as path segments, not yet percent-encoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        let segments = |parts: &[&dyn fmt::Display]| parts.iter().map(ToString::to_string).collect();
        match self {
            Self::Subscription(id) => segments(&[&"subscriptions", id]),
            Self::ResourceGroup { subscription, name } => {
                segments(&[&"subscriptions", subscription, &"resourceGroups", name])
            }
            Self::ManagementGroup(id) => {
                segments(&[&"providers", &"Microsoft.Management", &"managementGroups", id])
            }
            Self::Billing { account, part } => {
                let mut all: Vec<String> =
                    segments(&[&"providers", &"Microsoft.Billing", &"billingAccounts", account]);
                all.extend(part.segments());
                all
            }
        }
    }
}

impl BillingPart {
    fn segments(&self) -> Vec<String> {
        let parts: &[&dyn fmt::Display] = match self {
            Self::Whole => &[],
            Self::Department(id) => &[&"departments", id],
            Self::EnrollmentAccount(id) => &[&"enrollmentAccounts", id],
            Self::Profile(id) => &[&"billingProfiles", id],
            Self::InvoiceSection { profile, section } => {
                &[&"billingProfiles", profile, &"invoiceSections", section]
            }
            Self::Customer(id) => &[&"customers", id],
        };
        parts.iter().map(ToString::to_string).collect()
    }

    /// The rest of a billing scope's path, its keywords in small letters.
    fn read(keywords: &[&str], rest: &[&str]) -> Result<Self, InvalidQuery> {
        Ok(match (keywords, rest) {
            ([], []) => Self::Whole,
            (["departments", _], [_, id]) => Self::Department(id.parse()?),
            (["enrollmentaccounts", _], [_, id]) => Self::EnrollmentAccount(id.parse()?),
            (["billingprofiles", _], [_, id]) => Self::Profile(id.parse()?),
            (["billingprofiles", _, "invoicesections", _], [_, profile, _, section]) => {
                Self::InvoiceSection { profile: profile.parse()?, section: section.parse()? }
            }
            (["customers", _], [_, id]) => Self::Customer(id.parse()?),
            _ => return Err(InvalidQuery::BadScope),
        })
    }
}

impl From<SubscriptionId> for Scope {
    fn from(subscription: SubscriptionId) -> Self {
        Self::Subscription(subscription)
    }
}

impl FromStr for Scope {
    type Err = InvalidQuery;

    /// Reads an ARM scope, with or without the slash in front; ARM's keywords ignore case.
    fn from_str(text: &str) -> Result<Self, InvalidQuery> {
        let segments: Vec<&str> = text.strip_prefix('/').unwrap_or(text).split('/').collect();
        let small: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
        let small: Vec<&str> = small.iter().map(String::as_str).collect();
        match (&small[..], &segments[..]) {
            (["subscriptions", _], [_, id]) => Ok(Self::Subscription(id.parse()?)),
            (["subscriptions", _, "resourcegroups", _], [_, id, _, name]) => {
                Ok(Self::ResourceGroup { subscription: id.parse()?, name: name.parse()? })
            }
            (["providers", "microsoft.management", "managementgroups", _], [_, _, _, id]) => {
                Ok(Self::ManagementGroup(id.parse()?))
            }
            (
                ["providers", "microsoft.billing", "billingaccounts", _, keywords @ ..],
                [_, _, _, account, rest @ ..],
            ) => {
                let part = BillingPart::read(keywords, rest)?;
                Ok(Self::Billing { account: account.parse()?, part })
            }
            _ => Err(InvalidQuery::BadScope),
        }
    }
}

impl fmt::Display for Scope {
    /// The path, with the slash in front that Azure shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.segments().join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROD: &str = "10000000-0000-4000-8000-000000000001";

    #[test]
    fn reads_arm_scopes() {
        let subscription: Scope = format!("/subscriptions/{PROD}").parse().unwrap();
        assert_eq!(subscription, Scope::Subscription(PROD.parse().unwrap()));
        let group: Scope = format!("Subscriptions/{PROD}/resourcegroups/rg_(1).a-b").parse().unwrap();
        assert_eq!(group.to_string(), format!("/subscriptions/{PROD}/resourceGroups/rg_(1).a-b"));
        assert_eq!(group.subscription().unwrap().to_string(), PROD);
    }

    /// Forms and ids of Microsoft's specification and examples:
    /// <https://github.com/Azure/azure-rest-api-specs/tree/main/specification/cost-management>.
    #[test]
    fn every_form_is_read_and_written() {
        const MCA: &str = "/providers/Microsoft.Billing/billingAccounts/12345:6789_2019-05-31";
        for (kind, text) in [
            ("subscription", format!("/subscriptions/{PROD}")),
            ("resource_group", format!("/subscriptions/{PROD}/resourceGroups/rg-web")),
            ("management_group", "/providers/Microsoft.Management/managementGroups/MyMgId".to_owned()),
            ("billing_account", "/providers/Microsoft.Billing/billingAccounts/100".to_owned()),
            ("department", "/providers/Microsoft.Billing/billingAccounts/100/departments/123".to_owned()),
            (
                "enrollment_account",
                "/providers/Microsoft.Billing/billingAccounts/100/enrollmentAccounts/456".to_owned(),
            ),
            ("billing_account", MCA.to_owned()),
            ("billing_profile", format!("{MCA}/billingProfiles/13579")),
            ("invoice_section", format!("{MCA}/billingProfiles/13579/invoiceSections/9876")),
            ("customer", format!("{MCA}/customers/5678")),
        ] {
            let scope: Scope = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((scope.kind(), scope.to_string()), (kind, text.clone()));
            assert_eq!(text.to_uppercase().parse::<Scope>().unwrap().kind(), kind, "{text}");
        }
    }

    #[test]
    fn refuses_what_could_leave_the_scope() {
        for text in [
            "",
            "/",
            "subscriptions",
            "subscriptions/..",
            "providers/Microsoft.Billing",
            "//subscriptions/x",
            "/providers/Microsoft.Management/managementGroups/..",
            "/providers/Microsoft.Management/managementGroups/a/b",
            "/providers/Microsoft.Billing/billingAccounts/..",
            "/providers/Microsoft.Billing/billingAccounts/1/billingProfiles",
            "/providers/Microsoft.Billing/billingAccounts/1/billingProfiles/..",
            "/providers/Microsoft.Billing/billingAccounts/1/invoiceSections/2",
            "/providers/Microsoft.Billing/billingAccounts/1/customers/a%2fb",
        ] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }
}
