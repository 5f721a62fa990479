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

impl fmt::Debug for ScopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
