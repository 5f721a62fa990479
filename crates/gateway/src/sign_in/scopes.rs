//! The scopes that a client may ask for, written as Entra ID needs them: bare ones it takes for Microsoft Graph's.

use super::Facade;
use super::fault::Fault;
use super::settings::Client;

/// Scopes of OpenID Connect that are passed on: who signs in, and whether they are asked again.
pub(super) const OPENID: [&str; 3] = ["openid", "profile", "offline_access"];

impl Facade {
    /// What is asked for in the end, in full. Where a client names none of this API, those that its entry gives it, or else
    /// the base scopes.
    ///
    /// # Errors
    /// One that this client cannot have here.
    pub(super) fn scopes(&self, client: &Client, asked: Option<&str>) -> Result<String, Fault> {
        let refusals = &self.parts.refusals;
        let policy = refusals.policies.current();
        let prefix = format!("{}/", refusals.scope_prefix);
        let (mut of_api, mut openid) = (Vec::new(), Vec::new());
        for scope in asked.unwrap_or_default().split(' ').filter(|scope| !scope.is_empty()) {
            if OPENID.contains(&scope) {
                openid.push(scope.to_owned());
                continue;
            }
            let bare = scope.strip_prefix(&prefix).unwrap_or(scope);
            if !policy.known().any(|known| known == bare) || !client.may_ask_for(bare) {
                return Err(Fault::ForeignScope);
            }
            of_api.push(bare.to_owned());
        }
        if of_api.is_empty() {
            of_api = client.scopes().unwrap_or(policy.base_scopes()).to_vec();
        }
        let mut all: Vec<_> =
            refusals.qualified(&of_api).split(' ').map(str::to_owned).chain(openid).collect();
        let mut seen = std::collections::HashSet::new();
        all.retain(|scope| seen.insert(scope.clone()));
        Ok(all.join(" "))
    }

    /// What a refresh that names no scope asks for. Without any, Entra ID refuses where client and API are one (AADSTS90009);
    /// with more than everybody has consented to, it refuses too (AADSTS65001). And a new refresh token, as before.
    pub(super) fn scopes_of_refresh(&self) -> String {
        format!("{} offline_access", self.parts.refusals.base_scopes())
    }
}
