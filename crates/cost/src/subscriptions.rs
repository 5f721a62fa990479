//! The subscriptions a token can see. A subscription is in the list if the person has any role on it; whether
//! they may read its costs is another matter.
//!
//! <https://learn.microsoft.com/rest/api/resources/subscriptions/list>

use secrecy::SecretString;
use tracing::field::Empty;
use uuid::Uuid;

pub use search::NameSearch;

use crate::client::Client;
use crate::client::observed;
use crate::error::Error;
use crate::scope::SubscriptionId;

mod list;
mod search;

/// A subscription, as Azure Resource Manager lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The name people gave it. Empty where Azure sends none.
    pub display_name: String,
    /// Whether it is in use.
    pub state: SubscriptionState,
    /// The directory it is managed from.
    pub tenant_id: Option<Uuid>,
    /// The directory it belongs to, where that is another: that of a customer, with Azure Lighthouse.
    pub home_tenant_id: Option<Uuid>,
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
    /// Azure sends none: <https://github.com/Azure/azure-cli/issues/5136>.
    Unknown,
    /// A state that this crate does not know.
    Other(String),
}

impl SubscriptionState {
    /// The state in Azure's word; "unknown" where there is none.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Enabled => "Enabled",
            Self::Warned => "Warned",
            Self::PastDue => "PastDue",
            Self::Disabled => "Disabled",
            Self::Deleted => "Deleted",
            Self::Unknown => "unknown",
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
            "" => Self::Unknown,
            _ => Self::Other(state),
        }
    }
}

impl Client {
    /// The subscriptions of the token's directory on which its owner has any role, each once; all pages.
    ///
    /// # Errors
    /// [`Error::TooManySubscriptions`] beyond [`crate::Settings::most_subscriptions`]: half a list is not a list.
    pub async fn subscriptions(&self, token: &SecretString) -> Result<Vec<Subscription>, Error> {
        let span = tracing::info_span!("cost.subscriptions", pages = Empty, rows = Empty, status = Empty, error.type = Empty);
        observed(span, async {
            let mut found = Vec::new();
            self.list_subscriptions(token, |page| {
                found.extend(page);
                false
            })
            .await?;
            Ok(found)
        })
        .await
    }

    /// Looks for a subscription by its name, page by page; the pages behind the one it stands on are not read.
    pub async fn subscriptions_named(&self, token: &SecretString, name: &str) -> Result<NameSearch, Error> {
        let span = tracing::info_span!("cost.subscriptions", pages = Empty, rows = Empty, status = Empty, error.type = Empty);
        observed(span, async {
            let mut search = NameSearch::new(name);
            search.whole = self.list_subscriptions(token, |page| search.look_at(page)).await?;
            Ok(search)
        })
        .await
    }
}
