//! Whose answers and turns these are, and of what.

use std::fmt;
use std::sync::Arc;

use cost::Scope;
use identity::{ObjectId, TenantId};

/// A person: their id means something within their directory only.
pub(crate) type Person = (TenantId, ObjectId);

/// A scope as Azure counts it: upper and lower case do not matter.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ScopeKey(Arc<str>);

impl From<&Scope> for ScopeKey {
    fn from(scope: &Scope) -> Self {
        Self(scope.to_string().to_ascii_lowercase().into())
    }
}

impl ScopeKey {
    /// The same scope where Azure's older provider of costs counts its requests: not together with the newer one's.
    pub(crate) fn of_the_older_provider(scope: &Scope) -> Self {
        Self(format!("consumption {}", Self::from(scope).0).into())
    }
}

impl fmt::Debug for ScopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Azure counts them as one: <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules>.
    #[test]
    fn a_scope_is_the_same_in_any_case() {
        let of = |group: &str| {
            let scope = format!("/subscriptions/10000000-0000-4000-8000-00000000000a/resourceGroups/{group}");
            ScopeKey::from(&scope.parse::<Scope>().unwrap())
        };
        assert_eq!(of("rg-Web"), of("RG-WEB"));
        assert_ne!(of("rg-web"), of("rg-web2"));
    }
}
