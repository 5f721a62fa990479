//! What the costs are asked for. A scope becomes path segments and nothing else, so no text of a caller can
//! steer a request to another resource.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::invalid::InvalidQuery;

/// A subscription or one of its resource groups.
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
}

impl Scope {
    /// The subscription the scope lies in.
    pub const fn subscription(&self) -> SubscriptionId {
        match self {
            Self::Subscription(subscription) | Self::ResourceGroup { subscription, .. } => *subscription,
        }
    }

    /// The scope as path segments, not yet percent-encoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        let mut segments = vec!["subscriptions".to_owned(), self.subscription().to_string()];
        if let Self::ResourceGroup { name, .. } = self {
            segments.extend(["resourceGroups".to_owned(), name.to_string()]);
        }
        segments
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
        match segments[..] {
            [subscriptions, id] if subscriptions.eq_ignore_ascii_case("subscriptions") => {
                Ok(Self::Subscription(id.parse()?))
            }
            [subscriptions, id, groups, name]
                if subscriptions.eq_ignore_ascii_case("subscriptions")
                    && groups.eq_ignore_ascii_case("resourceGroups") =>
            {
                Ok(Self::ResourceGroup { subscription: id.parse()?, name: name.parse()? })
            }
            _ => Err(InvalidQuery::BadScope),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments().join("/"))
    }
}

/// A subscription's GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(Uuid);

impl SubscriptionId {
    /// The id as a GUID.
    pub const fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl From<Uuid> for SubscriptionId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl FromStr for SubscriptionId {
    type Err = InvalidQuery;

    /// Takes the hyphenated form only: braces, `urn:uuid:` and bare digits are not what Azure shows anywhere.
    fn from_str(text: &str) -> Result<Self, InvalidQuery> {
        const HYPHENATED: usize = 36;
        if text.len() != HYPHENATED {
            return Err(InvalidQuery::BadSubscription);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidQuery::BadSubscription)
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A resource group's name.
/// Rules: <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceGroupName(String);

impl ResourceGroupName {
    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ResourceGroupName {
    type Err = InvalidQuery;

    fn from_str(text: &str) -> Result<Self, InvalidQuery> {
        const LONGEST: usize = 90;
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')');
        let length = text.chars().count();
        // A name of full stops alone would be a step in the path; the rule on the last character covers it.
        if length == 0 || length > LONGEST || text.ends_with('.') || !text.chars().all(allowed) {
            return Err(InvalidQuery::BadResourceGroup);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ResourceGroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROD: &str = "10000000-0000-4000-8000-000000000001";

    #[test]
    fn reads_arm_scopes() {
        let subscription: Scope = format!("/subscriptions/{PROD}").parse().unwrap();
        assert_eq!(subscription, Scope::Subscription(PROD.parse().unwrap()));
        let group: Scope = format!("Subscriptions/{PROD}/resourcegroups/rg_(1).a-b").parse().unwrap();
        assert_eq!(group.to_string(), format!("subscriptions/{PROD}/resourceGroups/rg_(1).a-b"));
        assert_eq!(group.subscription().to_string(), PROD);
    }

    #[test]
    fn refuses_what_could_leave_the_scope() {
        for text in
            ["", "/", "subscriptions", "subscriptions/..", "providers/Microsoft.Billing", "//subscriptions/x"]
        {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
        for name in ["", ".", "..", "a.", "a/b", "a%2fb", "a?b", "a#b", "a b", "a\\b", "a\n"] {
            assert_eq!(name.parse::<ResourceGroupName>(), Err(InvalidQuery::BadResourceGroup), "{name}");
        }
        for id in ["", "x", "{10000000-0000-4000-8000-000000000001}", "10000000000040008000000000000001"] {
            assert_eq!(id.parse::<SubscriptionId>(), Err(InvalidQuery::BadSubscription), "{id}");
        }
    }

    proptest! {
        #[test]
        fn a_name_that_passes_is_one_path_segment(text in "\\PC{0,20}") {
            if let Ok(name) = text.parse::<ResourceGroupName>() {
                let mut url = url::Url::parse("https://management.azure.com/").unwrap();
                url.path_segments_mut().unwrap().pop_if_empty().push(name.as_str()).push("end");
                prop_assert_eq!(url.path_segments().unwrap().count(), 2);
                prop_assert!(url.query().is_none() && url.fragment().is_none());
            }
        }
    }
}
