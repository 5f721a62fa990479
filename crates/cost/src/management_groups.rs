//! The subscriptions below a management group, at any depth.
//!
//! <https://learn.microsoft.com/rest/api/managementgroups/management-groups/get-descendants>

use secrecy::SecretString;
use serde::Deserialize;
use tracing::Span;
use tracing::field::Empty;

use crate::client::{ArmRequest, Client, observed};
use crate::error::Error;
use crate::json;
use crate::pages::Pages;
use crate::scope::{ManagementGroupId, Scope, SubscriptionId};

const API_VERSION: &str = "2020-05-01";
const TEMPLATE: &str = "/providers/Microsoft.Management/managementGroups/{id}/descendants";

impl Client {
    /// The subscriptions below a management group, as the token's owner sees them; all pages. It takes no quota of Cost
    /// Management's, and another right than its costs do.
    ///
    /// # Errors
    /// [`Error::TooManySubscriptions`] beyond [`crate::Settings::most_subscriptions`]: half a list is not a list.
    pub async fn subscriptions_below(
        &self,
        token: &SecretString,
        group: &ManagementGroupId,
    ) -> Result<Vec<SubscriptionId>, Error> {
        let span = tracing::info_span!("cost.subscriptions", pages = Empty, rows = Empty, status = Empty, error.type = Empty);
        observed(span, self.list_below(token, group)).await
    }

    async fn list_below(
        &self,
        token: &SecretString,
        group: &ManagementGroupId,
    ) -> Result<Vec<SubscriptionId>, Error> {
        let deadline = self.deadline();
        let mut segments = Scope::ManagementGroup(group.clone()).segments();
        segments.push("descendants".to_owned());
        let mut url = self.endpoint(segments, &[("api-version", API_VERSION)]);
        let mut pages = Pages::starting_at(&url);
        let (mut found, mut read) = (Vec::new(), 0);
        loop {
            let asked = self.arm(ArmRequest::get(&url, TEMPLATE), token, deadline).await;
            let answer = asked.map_err(|error| error.after_pages(read))?;
            let page: Page = answer.read("a list of descendants in another form")?;
            found.extend(page.value.into_iter().flatten().filter_map(Entry::subscription));
            read += 1;
            Span::current().record("pages", read).record("rows", found.len());
            if found.len() > self.settings().most_subscriptions {
                return Err(Error::TooManySubscriptions { limit: self.settings().most_subscriptions as u64 });
            }
            let Some(next) = page.next_link.filter(|link| !link.trim().is_empty()) else { return Ok(found) };
            if read == self.settings().most_pages {
                return Err(Error::incomplete("more pages than a list may have"));
            }
            let follow = self.arm_link(&next, "next page of descendants").and_then(|next| {
                pages.follow(&next)?;
                Ok(next)
            });
            url = follow.map_err(|error| error.in_answer(|| answer.described()))?;
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default, deserialize_with = "json::or_default")]
    value: Vec<Option<Entry>>,
    #[serde(default, deserialize_with = "json::text")]
    next_link: Option<String>,
}

/// A group or a subscription.
#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "json::text")]
    id: Option<String>,
}

impl Entry {
    fn subscription(self) -> Option<SubscriptionId> {
        match self.id?.parse() {
            Ok(Scope::Subscription(id)) => Some(id),
            _ => None,
        }
    }
}
