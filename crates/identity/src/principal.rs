//! Who is calling, once every rule held.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::claims::Claims;
use crate::ids::{ClientId, ObjectId, TenantId};
use crate::scope::ScopeSet;

/// A caller whose token was proved. Only [`Validator`](crate::Validator) can build one, so holding a `Principal`
/// is holding the proof.
///
/// A user is `tenant` + `oid`, never a name or an e-mail address: those change hands (Microsoft: "Validate claims").
#[derive(Clone, Debug)]
pub struct Principal {
    tenant: TenantId,
    oid: ObjectId,
    client: ClientId,
    app_only: bool,
    scopes: ScopeSet,
    roles: BTreeSet<String>,
    acrs: Vec<String>,
    capabilities: Vec<String>,
    token_id: Option<String>,
    expires_at: Timestamp,
}

impl Principal {
    /// Builds the principal of proved claims.
    pub(crate) fn new(claims: Claims, oid: ObjectId, client: ClientId, app_only: bool) -> Self {
        Self {
            tenant: claims.tid,
            oid,
            client,
            app_only,
            scopes: claims.scopes.unwrap_or_default(),
            roles: claims.roles.unwrap_or_default().into_iter().collect(),
            acrs: claims.acrs,
            capabilities: claims.capabilities,
            token_id: claims.uti,
            expires_at: claims.exp,
        }
    }

    /// The tenant: `tid`.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The user, or the service principal of an app-only token: `oid`.
    pub fn oid(&self) -> ObjectId {
        self.oid
    }

    /// The client application that asked for the token: `azp` or `appid`.
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// Whether there is no user in the token.
    pub fn is_app_only(&self) -> bool {
        self.app_only
    }

    /// What the client may ask in the user's name: `scp`.
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// What the person, or the application, may do: `roles`.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.roles
    }

    /// The Conditional Access authentication contexts the sign-in satisfied: `acrs`.
    pub fn acrs(&self) -> &[String] {
        &self.acrs
    }

    /// What the client says it can handle, for example `cp1` (claims challenges): `xms_cc`.
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// The token's own identifier, to find it in Entra's sign-in logs: `uti`.
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// When the token expires: `exp`.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}
