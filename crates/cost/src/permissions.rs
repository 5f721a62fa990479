//! Whether the token's owner may read the costs of a scope, asked without a query unit: Azure Resource Manager lists what a
//! caller may do. It knows roles only, and not whether the billing side shows costs.
//!
//! <https://learn.microsoft.com/rest/api/authorization/permissions>

use reqwest::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use tracing::field::Empty;

use crate::client::{Answer, ArmRequest, Client, observed};
use crate::error::Error;
use crate::json;
use crate::pages::Pages;
use crate::scope::Scope;

const API_VERSION: &str = "2022-04-01";
const TEMPLATE: &str = "/{scope}/providers/Microsoft.Authorization/permissions";
/// What reading costs is called: the action that Cost Management names where it refuses.
const READ_COSTS: &str = "Microsoft.CostManagement/query/read";
/// The most pages of the list.
const MOST_PAGES: u32 = 20;

impl Client {
    /// Whether a role of the token's owner lets them read the costs of this subscription or resource group.
    ///
    /// `None` for scopes where it cannot be asked: those of billing have roles of their own, and of a management group ARM does
    /// not list it.
    ///
    /// # Errors
    /// Where Azure does not say. Who has no role at all is refused the list, or told that there is no such thing: that is `false`.
    pub async fn may_read_costs(&self, token: &SecretString, scope: &Scope) -> Result<Option<bool>, Error> {
        if scope.subscription().is_none() {
            return Ok(None);
        }
        let kind = scope.kind();
        let span =
            tracing::info_span!("cost.permissions", scope.kind = kind, status = Empty, error.type = Empty);
        match observed(span, self.permissions(token, scope)).await {
            Err(
                Error::NoAccess(_)
                | Error::SubscriptionNotFound(_)
                | Error::ResourceGroupNotFound(_)
                | Error::NotFound(_),
            ) => Ok(Some(false)),
            other => other.map(Some),
        }
    }

    async fn permissions(&self, token: &SecretString, scope: &Scope) -> Result<bool, Error> {
        let deadline = self.deadline();
        let mut segments = scope.segments();
        segments.extend(["providers", "Microsoft.Authorization", "permissions"].map(str::to_owned));
        let mut url = self.endpoint(segments, &[("api-version", API_VERSION)]);
        let mut pages = Pages::starting_at(&url);
        for _ in 0..MOST_PAGES {
            let answer = self.arm(ArmRequest::get(&url, TEMPLATE), token, deadline).await?;
            let list = List::read(&answer)?;
            if list.value.iter().flatten().any(|permission| permission.allows(READ_COSTS)) {
                return Ok(true);
            }
            let Some(next) = list.next_link.filter(|link| !link.trim().is_empty()) else { return Ok(false) };
            url = self.arm_link(&next, "next page of permissions")?;
            pages.follow(&url)?;
        }
        Err(Error::TooMany { what: "pages of permissions", limit: MOST_PAGES.into() })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    #[serde(default, deserialize_with = "json::or_default")]
    value: Vec<Option<Permission>>,
    #[serde(default, deserialize_with = "json::text")]
    next_link: Option<String>,
}

impl List {
    fn read(answer: &Answer) -> Result<Self, Error> {
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Self { value: Vec::new(), next_link: None });
        }
        answer.read("a list of permissions in another form")
    }
}

/// What one role grants. What it takes away it takes from its own grant, not from that of another role.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Permission {
    #[serde(default, deserialize_with = "json::or_default")]
    actions: Vec<Option<String>>,
    #[serde(default, deserialize_with = "json::or_default")]
    not_actions: Vec<Option<String>>,
}

impl Permission {
    fn allows(&self, action: &str) -> bool {
        let any = |patterns: &[Option<String>]| {
            patterns.iter().flatten().any(|pattern| matches(pattern.trim(), action))
        };
        any(&self.actions) && !any(&self.not_actions)
    }
}

/// Whether a pattern stands for an action: a star is anything, slashes included; upper and lower case do not matter.
/// <https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions-format>
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_case_does_not_matter() {
        for (pattern, expected) in [
            ("*", true),
            ("*/read", true),
            ("Microsoft.CostManagement/*", true),
            ("Microsoft.CostManagement/*/read", true),
            ("microsoft.costmanagement/QUERY/read", true),
            ("Microsoft.CostManagement/query/*", true),
            ("Microsoft.*/query/*ad", true),
            ("", false),
            ("*/write", false),
            ("*/action", false),
            ("Microsoft.CostManagement/query", false),
            ("Microsoft.CostManagement/query/read/more", false),
            ("Microsoft.Consumption/*", false),
            ("Microsoft.CostManagement/*/query/read", false),
            ("*read*read", false),
        ] {
            assert_eq!(matches(pattern, READ_COSTS), expected, "{pattern}");
        }
    }

    #[test]
    fn what_a_role_takes_away_is_taken_from_that_role_alone() {
        let permission = |actions: &[&str], not: &[&str]| Permission {
            actions: actions.iter().map(|action| Some((*action).to_owned())).collect(),
            not_actions: not.iter().map(|action| Some((*action).to_owned())).collect(),
        };
        let all = permission(&["*"], &["Microsoft.CostManagement/*"]);
        assert!(!all.allows(READ_COSTS));
        let roles = [all, permission(&["Microsoft.CostManagement/*/read"], &[])];
        assert!(roles.iter().any(|role| role.allows(READ_COSTS)));
        assert!(!permission(&[], &[]).allows(READ_COSTS));
    }
}
