//! The subscriptions a token can see. A subscription is in the list if the person has any role on it; whether
//! they may read its costs is another matter.
//!
//! <https://learn.microsoft.com/rest/api/resources/subscriptions/list>

use secrecy::SecretString;
use serde::Deserialize;
use tracing::field::Empty;
use uuid::Uuid;

use crate::client::{ArmRequest, observed};
use crate::{Client, Error, SubscriptionId};

const API_VERSION: &str = "2022-12-01";

/// A subscription, as Azure Resource Manager lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The name people gave it.
    pub display_name: String,
    /// Whether it is in use.
    pub state: SubscriptionState,
    /// The directory it belongs to.
    pub tenant_id: Option<Uuid>,
    /// The offer behind it, such as `EnterpriseAgreement_2014-09-01`. It hints at whether Cost Management covers it.
    pub quota_id: Option<String>,
}

/// The state of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// In use.
    Enabled,
    /// In use, with a warning.
    Warned,
    /// A payment is missing.
    PastDue,
    /// Switched off.
    Disabled,
    /// Deleted, but not yet gone.
    Deleted,
    /// A state that this crate does not know.
    Other(String),
}

impl SubscriptionState {
    /// The state in Azure's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Enabled => "Enabled",
            Self::Warned => "Warned",
            Self::PastDue => "PastDue",
            Self::Disabled => "Disabled",
            Self::Deleted => "Deleted",
            Self::Other(state) => state,
        }
    }
}

impl From<String> for SubscriptionState {
    fn from(state: String) -> Self {
        match state.as_str() {
            "Enabled" => Self::Enabled,
            "Warned" => Self::Warned,
            "PastDue" => Self::PastDue,
            "Disabled" => Self::Disabled,
            "Deleted" => Self::Deleted,
            _ => Self::Other(state),
        }
    }
}

impl Client {
    /// The subscriptions of the token's directory on which its owner has any role; all pages.
    ///
    /// # Errors
    /// [`Error::TooMany`] if there are more pages than [`crate::Settings::most_pages`]: half a list is no list.
    pub async fn subscriptions(&self, token: &SecretString) -> Result<Vec<Subscription>, Error> {
        let span = tracing::info_span!("cost.subscriptions", pages = Empty, rows = Empty, status = Empty, error.type = Empty);
        observed(span, self.subscription_pages(token)).await
    }

    async fn subscription_pages(&self, token: &SecretString) -> Result<Vec<Subscription>, Error> {
        let deadline = self.deadline();
        let most_pages = self.settings().most_pages;
        let mut url = self.endpoint(["subscriptions"], &[("api-version", API_VERSION)]);
        let mut found = Vec::new();
        for pages in 1..=most_pages {
            let answer = self.arm(ArmRequest::get(&url), token, deadline).await?;
            let page: Page = serde_json::from_slice(&answer.body)
                .map_err(|_| Error::UnexpectedResponse { what: "a list of subscriptions in another form" })?;
            found.extend(page.value.into_iter().map(Subscription::from));
            let Some(next) = page.next_link.filter(|link| !link.is_empty()) else {
                tracing::Span::current().record("pages", pages).record("rows", found.len());
                return Ok(found);
            };
            url = self.arm_link(&next, "next page of subscriptions")?;
        }
        Err(Error::TooMany { what: "pages of subscriptions", limit: most_pages.into() })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    value: Vec<Item>,
    next_link: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    subscription_id: Uuid,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    state: String,
    tenant_id: Option<Uuid>,
    subscription_policies: Option<Policies>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policies {
    quota_id: Option<String>,
}

impl From<Item> for Subscription {
    fn from(item: Item) -> Self {
        Self {
            id: item.subscription_id.into(),
            display_name: item.display_name,
            state: item.state.into(),
            tenant_id: item.tenant_id,
            quota_id: item.subscription_policies.and_then(|policies| policies.quota_id),
        }
    }
}
