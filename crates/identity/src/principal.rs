//! Who is calling, once every rule held.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::claims::Claims;
use crate::ids::{ClientId, ObjectId, TenantId};
use crate::scope::ScopeSet;

/// What a text takes beyond its letters: pointer, length and capacity, and the allocator's rounding.
const TEXT_OVERHEAD: usize = size_of::<String>() + 24;

/// A caller whose token was proved. Only [`Validator`](crate::Validator) can build one, so holding a `Principal`
/// is holding the proof. Cheap to clone.
///
/// A user is `tenant` + `oid`, never a name or an e-mail address: those change hands (Microsoft: "Validate claims").
#[derive(Clone, Debug)]
pub struct Principal(Arc<Proved>);

#[derive(Debug)]
struct Proved {
    tenant: TenantId,
    oid: ObjectId,
    client: ClientId,
    app_only: bool,
    scopes: ScopeSet,
    roles: BTreeSet<String>,
    acrs: Vec<String>,
    capabilities: Vec<String>,
    token_id: Option<String>,
    not_before: Timestamp,
    expires_at: Timestamp,
}

impl Principal {
    /// Builds the principal of proved claims.
    pub(crate) fn new(claims: Claims, oid: ObjectId, client: ClientId, app_only: bool) -> Self {
        Self(Arc::new(Proved {
            tenant: claims.tid,
            oid,
            client,
            app_only,
            scopes: claims.scopes.unwrap_or_default(),
            roles: claims.roles.unwrap_or_default().into_iter().collect(),
            acrs: claims.acrs,
            capabilities: claims.capabilities,
            token_id: claims.uti,
            not_before: claims.nbf,
            expires_at: claims.exp,
        }))
    }

    /// The tenant: `tid`.
    pub fn tenant(&self) -> TenantId {
        self.0.tenant
    }

    /// The user, or the service principal of an app-only token: `oid`.
    pub fn oid(&self) -> ObjectId {
        self.0.oid
    }

    /// The client application that asked for the token: `azp` or `appid`.
    pub fn client(&self) -> ClientId {
        self.0.client
    }

    /// Whether there is no user in the token.
    pub fn is_app_only(&self) -> bool {
        self.0.app_only
    }

    /// What the client may ask in the user's name: `scp`.
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.scopes
    }

    /// What the person, or the application, may do: `roles`.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.0.roles
    }

    /// The Conditional Access authentication contexts the sign-in satisfied: `acrs`.
    pub fn acrs(&self) -> &[String] {
        &self.0.acrs
    }

    /// What the client says it can handle, for example `cp1` (claims challenges): `xms_cc`.
    pub fn capabilities(&self) -> &[String] {
        &self.0.capabilities
    }

    /// The token's own identifier, to find it in Entra's sign-in logs: `uti`.
    pub fn token_id(&self) -> Option<&str> {
        self.0.token_id.as_deref()
    }

    /// When the token's life begins: `nbf`.
    pub(crate) fn not_before(&self) -> Timestamp {
        self.0.not_before
    }

    /// When the token expires: `exp`.
    pub fn expires_at(&self) -> Timestamp {
        self.0.expires_at
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn footprint(&self) -> usize {
        let Proved { scopes, roles, acrs, capabilities, token_id, .. } = &*self.0;
        let texts = scopes.iter().chain(roles.iter().map(String::as_str));
        let texts = texts.chain(acrs.iter().chain(capabilities).chain(token_id).map(String::as_str));
        size_of::<Proved>() + texts.map(|text| text.len() + TEXT_OVERHEAD).sum::<usize>()
    }
}
