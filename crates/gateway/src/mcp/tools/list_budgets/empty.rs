//! Why there are no budgets, and where else they may be.

use cost::Scope;
use serde::Serialize;

/// Why there are none.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Empty {
    /// `no_budgets`, or `none_left` behind those that were skipped.
    reason: &'static str,
    /// The same in words, with what to do.
    pub(super) detail: String,
}

impl Empty {
    /// Nothing is listed at these scopes.
    pub(super) fn no_budgets(scopes: &[Scope]) -> Self {
        let mut said = vec![
            "Nobody made a budget there; budgets are made in the portal, under Cost Management.".to_owned(),
        ];
        let group = scopes.iter().find_map(|scope| match scope {
            Scope::ResourceGroup { subscription, .. } => Some(*subscription),
            _ => None,
        });
        if let Some(subscription) = group {
            said.push(format!(
                "The subscription of the resource group may have some: ask for {subscription}."
            ));
        }
        if scopes.iter().any(|scope| matches!(scope, Scope::Subscription(_))) {
            said.push("Those of the subscription's resource groups would be here.".to_owned());
        }
        said.push(
            "Those of management groups, billing accounts, billing profiles and invoice sections are listed at these alone: name one in \
             scopes, if you have a role there."
                .to_owned(),
        );
        Self { reason: "no_budgets", detail: said.join(" ") }
    }

    /// The list ends before what was asked for.
    pub(super) fn none_left(total: usize) -> Self {
        let detail =
            format!("There are {total} budgets, and all of them were skipped: ask with a smaller skip.");
        Self { reason: "none_left", detail }
    }
}
