//! Entra ID: discovery, keys, sign-in and the token endpoint. `facts` for its shapes are Microsoft's pages and captures.
//!
//! The issuer of v2 tokens is `{authority}/{tid}/v2.0`; `{authority}/{tid}/` stands in for `https://sts.windows.net/{tid}/`
//! as the issuer of v1 tokens, since clients must find everything below one local authority.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use http::StatusCode;

use self::state::State;
use crate::tenant::contoso::{CONSUMERS_TENANT_ID, TENANT_DOMAIN, TENANT_ID};
use crate::world::World;

pub(crate) mod authorize;
pub(crate) mod client;
pub(crate) mod client_assertion;
pub(crate) mod discovery;
pub(crate) mod errors;
pub(crate) mod federated;
pub(crate) mod form;
pub(crate) mod issue;
pub(crate) mod mint;
pub(crate) mod obo;
pub(crate) mod scopes;
pub(crate) mod state;
pub(crate) mod token;
pub(crate) mod user_tokens;
pub(crate) mod verify;

/// Routes of the Entra listener.
pub(crate) fn router(world: Arc<World>) -> Router {
    let documents = Router::new()
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::v2))
        .route("/{tenant}/.well-known/openid-configuration", get(discovery::v1))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys_v2))
        .route("/{tenant}/discovery/keys", get(discovery::keys_v1))
        .with_state(Arc::clone(&world));
    Router::new()
        .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::authorize).post(authorize::submit))
        .route("/{tenant}/oauth2/v2.0/token", post(token::v2))
        .route("/{tenant}/oauth2/token", post(token::v1))
        .fallback(async || StatusCode::NOT_FOUND)
        .with_state(Arc::new(State::new(world)))
        .merge(documents)
}

/// Which tenant a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TenantName {
    /// The one tenant there is, by id or by domain.
    Contoso,
    /// `common` or `organizations`: any tenant.
    Any,
}

impl TenantName {
    /// `None` for a tenant that does not exist.
    pub(crate) fn parse(segment: &str) -> Option<Self> {
        match segment {
            _ if segment.eq_ignore_ascii_case(TENANT_ID) || segment.eq_ignore_ascii_case(TENANT_DOMAIN) => {
                Some(Self::Contoso)
            }
            "common" | "organizations" => Some(Self::Any),
            _ => None,
        }
    }
}

impl World {
    /// The issuer of v2 tokens of `tenant`.
    pub(crate) fn issuer_v2(&self, tenant: &str) -> String {
        format!("{}/{tenant}/v2.0", self.endpoints.authority)
    }

    /// The issuer of v1 tokens of `tenant`, with the trailing slash `sts.windows.net` has.
    pub(crate) fn issuer_v1(&self, tenant: &str) -> String {
        format!("{}/{tenant}/", self.endpoints.authority)
    }

    /// The literal issuer of the key that only personal accounts use.
    pub(crate) fn consumers_issuer(&self) -> String {
        self.issuer_v2(CONSUMERS_TENANT_ID)
    }
}
