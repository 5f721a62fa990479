//! The list, page by page. ARM has sent pages of 50 (<https://github.com/Azure/azure-powershell/issues/3181>), so what is
//! bounded is the number of subscriptions, not of pages; a page is forgotten once it was looked at.

use std::collections::HashSet;

use reqwest::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use tracing::Span;
use uuid::Uuid;

use super::{Subscription, SubscriptionState};
use crate::client::Client;
use crate::client::{Answer, ArmRequest};
use crate::error::Error;
use crate::json;
use crate::pages::Pages;
use crate::scope::{Scope, SubscriptionId};

const API_VERSION: &str = "2022-12-01";
/// The most pages without an entry that is new: a list that goes on for ever without one has gone astray.
const MOST_EMPTY_PAGES: u32 = 40;

impl Client {
    /// Shows every page to `look` until it says that it has seen enough. Whether the list was read to its end.
    pub(super) async fn list_subscriptions(
        &self,
        token: &SecretString,
        mut look: impl FnMut(Vec<Subscription>) -> bool,
    ) -> Result<bool, Error> {
        let deadline = self.deadline();
        let mut url = self.endpoint(["subscriptions"], &[("api-version", API_VERSION)]);
        let mut pages = Pages::starting_at(&url);
        let mut known = Known::default();
        loop {
            let asked = self.arm(ArmRequest::get(&url, "/subscriptions"), token, deadline).await;
            let answer = asked.map_err(|error| error.after_pages(known.pages))?;
            let page = Page::read(&answer)?;
            let enough = look(known.new_of(page.value, self.settings().most_subscriptions)?);
            Span::current().record("pages", known.pages).record("rows", known.ids.len());
            let Some(next) = page.next_link.filter(|link| !link.trim().is_empty()) else { return Ok(true) };
            if enough {
                return Ok(false);
            }
            let follow = self.arm_link(&next, "next page of subscriptions").and_then(|next| {
                pages.follow(&next)?;
                known.moves_on()?;
                Ok(next)
            });
            url = follow.map_err(|error| error.in_answer(|| answer.described()))?;
        }
    }
}

/// What was in the list so far: one subscription can be there twice, by a role and by a delegation.
/// <https://github.com/microsoft/vscode-azureresourcegroups/issues/869>
#[derive(Default)]
struct Known {
    ids: HashSet<SubscriptionId>,
    pages: u32,
    empty_pages: u32,
}

impl Known {
    fn new_of(&mut self, items: Vec<Option<Item>>, most: usize) -> Result<Vec<Subscription>, Error> {
        let entries = items.len();
        let subscriptions = items.into_iter().flatten().filter_map(Item::subscription);
        let new: Vec<_> = subscriptions.filter(|subscription| self.ids.insert(subscription.id)).collect();
        if self.ids.len() > most {
            return Err(Error::TooManySubscriptions { limit: most as u64 });
        }
        self.pages += 1;
        self.empty_pages = if new.is_empty() { self.empty_pages + 1 } else { 0 };
        tracing::trace!(entries, new = new.len(), "a page of subscriptions");
        Ok(new)
    }

    fn moves_on(&self) -> Result<(), Error> {
        if self.empty_pages < MOST_EMPTY_PAGES {
            return Ok(());
        }
        Err(Error::incomplete("page after page has nothing new"))
    }
}

/// Every member is optional in the specification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default, deserialize_with = "json::or_default")]
    value: Vec<Option<Item>>,
    #[serde(default, deserialize_with = "json::text")]
    next_link: Option<String>,
}

impl Page {
    fn read(answer: &Answer) -> Result<Self, Error> {
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Self { value: Vec::new(), next_link: None });
        }
        let page: Self = answer.read("a list of subscriptions in another form")?;
        if page.value.is_empty() && page.next_link.is_none() {
            answer.refusal_inside()?;
        }
        Ok(page)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default, deserialize_with = "json::parsed")]
    subscription_id: Option<Uuid>,
    #[serde(default, deserialize_with = "json::parsed")]
    id: Option<Scope>,
    #[serde(default, deserialize_with = "json::text")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    state: Option<String>,
    #[serde(default, deserialize_with = "json::parsed")]
    tenant_id: Option<Uuid>,
    #[serde(default, deserialize_with = "json::parsed")]
    home_tenant_id: Option<Uuid>,
    #[serde(default, deserialize_with = "json::lenient")]
    subscription_policies: Option<Policies>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policies {
    #[serde(default, deserialize_with = "json::text")]
    quota_id: Option<String>,
}

impl Item {
    /// `None` without an id: it could be neither shown nor asked for.
    fn subscription(self) -> Option<Subscription> {
        let id = self
            .subscription_id
            .map(SubscriptionId::from)
            .or(self.id.and_then(|scope| scope.subscription()))?;
        Some(Subscription {
            id,
            display_name: self.display_name.unwrap_or_default(),
            state: SubscriptionState::from(self.state.unwrap_or_default()),
            tenant_id: self.tenant_id,
            home_tenant_id: self.home_tenant_id,
            quota_id: self.subscription_policies.and_then(|policies| policies.quota_id),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn scalar() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[a-z0-9/-]{0,8}".prop_map(Value::from),
            Just(json!("10000000-0000-4000-8000-000000000001")),
            Just(json!([1])),
            Just(json!({"quotaId": null})),
        ]
    }

    proptest! {
        #[test]
        fn no_member_of_an_entry_costs_the_others(members in proptest::collection::hash_map(
            prop_oneof!["subscriptionId", "id", "displayName", "state", "tenantId", "homeTenantId", "subscriptionPolicies", "tags"],
            scalar(), 0..8,
        )) {
            let odd = Value::Object(members.into_iter().collect());
            let good = json!({"subscriptionId": "20000000-0000-4000-8000-000000000002", "displayName": "Good"});
            let body = json!({"value": [odd, good]}).to_string();
            let answer = Answer { status: StatusCode::OK, headers: reqwest::header::HeaderMap::new(), body: body.into() };
            let found = Known::default().new_of(Page::read(&answer).unwrap().value, 9).unwrap();
            prop_assert_eq!(found.last().unwrap().display_name.as_str(), "Good");
        }
    }
}
