//! The names and ids in a scope. Each is one path segment, whatever is in it.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::invalid::InvalidQuery;

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

/// A name as it was given. What it may hold depends on whose name it is.
macro_rules! name {
    ($(#[$about:meta])* $name:ident, $refused:ident, $longest:literal, $allowed:expr) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidQuery;

            fn from_str(text: &str) -> Result<Self, InvalidQuery> {
                let length = text.chars().count();
                // A name of full stops alone would be a step in the path; the rule on the last character covers it.
                if length == 0 || length > $longest || text.ends_with('.') || !text.chars().all($allowed) {
                    return Err(InvalidQuery::$refused);
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A resource group's name.
    /// Rules: <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>
    ResourceGroupName, BadResourceGroup, 90,
    |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')')
}

name! {
    /// A management group's id, which is not its display name.
    /// Rules: <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>
    ManagementGroupId, BadManagementGroup, 90,
    |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '(' | ')')
}

name! {
    /// An id of billing: of an account, a profile, a section, a department. Ids of Customer Agreements hold `:` and `_`.
    BillingId, BadBillingId, 128,
    |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_could_leave_the_scope() {
        for name in ["", ".", "..", "a.", "a/b", "a%2fb", "a?b", "a#b", "a b", "a\\b", "a\n"] {
            assert_eq!(name.parse::<ResourceGroupName>(), Err(InvalidQuery::BadResourceGroup), "{name}");
            assert_eq!(name.parse::<ManagementGroupId>(), Err(InvalidQuery::BadManagementGroup), "{name}");
            assert_eq!(name.parse::<BillingId>(), Err(InvalidQuery::BadBillingId), "{name}");
        }
        for id in ["", "x", "{10000000-0000-4000-8000-000000000001}", "10000000000040008000000000000001"] {
            assert_eq!(id.parse::<SubscriptionId>(), Err(InvalidQuery::BadSubscription), "{id}");
        }
    }

    fn is_one_segment(name: &str) -> bool {
        let mut url = url::Url::parse("https://management.azure.com/").unwrap();
        url.path_segments_mut().unwrap().pop_if_empty().push(name).push("end");
        url.path_segments().unwrap().count() == 2 && url.query().is_none() && url.fragment().is_none()
    }

    proptest! {
        #[test]
        fn a_name_that_passes_is_one_path_segment(text in "\\PC{0,20}") {
            for passed in [
                text.parse::<ResourceGroupName>().map(|name| name.to_string()),
                text.parse::<ManagementGroupId>().map(|name| name.to_string()),
                text.parse::<BillingId>().map(|name| name.to_string()),
            ].into_iter().flatten() {
                prop_assert!(is_one_segment(&passed), "{}", passed);
            }
        }
    }
}
