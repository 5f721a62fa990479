//! Which application the broker is, and in which tenant: what credential, token endpoint and preflight have in common.

use std::fmt;

use identity::{ClientId, TenantId};
use url::Url;

/// The API's application, in its tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct Application {
    /// Tenant whose users are served.
    pub tenant: TenantId,
    /// The API's application: it acts on behalf of the users.
    pub client_id: ClientId,
    /// Issues tokens.
    pub authority: Url,
    /// Audience of a federated credential in this cloud.
    pub token_exchange_audience: String,
}

impl Application {
    /// The tenant's token endpoint, which is the audience of client assertions too.
    pub fn token_endpoint(&self) -> Url {
        let mut url = self.authority.clone();
        url.set_path(&format!("/{}/oauth2/v2.0/token", self.tenant));
        url
    }
}

/// May be logged. A URL is shown as it is written.
impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("tenant", &self.tenant)
            .field("client_id", &self.client_id)
            .field("authority", &self.authority.as_str())
            .field("token_exchange_audience", &self.token_exchange_audience)
            .finish()
    }
}
