//! Consent: delegated permission grants, the same objects Graph lists and the token endpoint obeys.

use std::collections::BTreeSet;

use super::contoso::{API_CLIENT_ID, ARM_APP_ID, PUBLIC_CLIENT_ID};
use super::ids::object_id;
use super::people::People;
use crate::jwt;

/// One `oauth2PermissionGrant`. Applications are named by application id here and by object id on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) client: String,
    pub(crate) resource: String,
    /// `None`: consented for everyone (`AllPrincipals`).
    pub(crate) principal: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
}

impl Grant {
    /// Graph's opaque id of the grant.
    pub(crate) fn id(&self) -> String {
        let who = self.principal.as_deref().unwrap_or("all");
        jwt::encode(format!(
            "{}/{}/{who}",
            object_id("grant", &self.client),
            object_id("grant", &self.resource)
        ))
    }

    /// Whether it is about this client, this resource, and (also) this person.
    fn applies(&self, client: &str, resource: &str, oid: &str) -> bool {
        self.client == client
            && self.resource == resource
            && self.principal.as_deref().is_none_or(|principal| principal == oid)
    }
}

/// All grants of the tenant.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    all: Vec<Grant>,
}

impl Grants {
    /// An administrator granted the API access to ARM for everyone; each person consented to their own scopes.
    pub(crate) fn initial(people: &People) -> Self {
        let mut grants = Self::default();
        grants.add(API_CLIENT_ID, ARM_APP_ID, None, &["user_impersonation"]);
        for person in people.iter() {
            grants.add(PUBLIC_CLIENT_ID, API_CLIENT_ID, Some(&person.oid), &person.consented);
        }
        grants
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.all.iter()
    }

    /// Adds scopes, to the one grant there is per client, resource and principal.
    pub(crate) fn add(
        &mut self,
        client: &str,
        resource: &str,
        principal: Option<&str>,
        scopes: &[impl AsRef<str>],
    ) {
        let scopes = scopes.iter().map(|scope| scope.as_ref().to_owned());
        let existing = self
            .all
            .iter_mut()
            .find(|g| g.client == client && g.resource == resource && g.principal.as_deref() == principal);
        if let Some(grant) = existing {
            grant.scopes.extend(scopes);
            return;
        }
        self.all.push(Grant {
            client: client.to_owned(),
            resource: resource.to_owned(),
            principal: principal.map(str::to_owned),
            scopes: scopes.collect(),
        });
    }

    /// Removes scopes; all of them if none is named. A grant without scopes vanishes.
    pub(crate) fn remove(
        &mut self,
        client: &str,
        resource: &str,
        principal: Option<&str>,
        scopes: &[impl AsRef<str>],
    ) {
        for grant in &mut self.all {
            if grant.client == client && grant.resource == resource && grant.principal.as_deref() == principal
            {
                if scopes.is_empty() {
                    grant.scopes.clear();
                }
                grant.scopes.retain(|have| !scopes.iter().any(|s| have.eq_ignore_ascii_case(s.as_ref())));
            }
        }
        self.all.retain(|grant| !grant.scopes.is_empty());
    }

    /// Every scope the client may use on the resource for this person.
    pub(crate) fn granted(&self, client: &str, resource: &str, oid: &str) -> BTreeSet<String> {
        let applying = self.all.iter().filter(|grant| grant.applies(client, resource, oid));
        applying.flat_map(|grant| grant.scopes.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Grants;
    use crate::tenant::contoso::{API_CLIENT_ID, ARM_APP_ID, PUBLIC_CLIENT_ID};
    use crate::tenant::people::People;

    #[test]
    fn grants_are_per_principal_or_for_all() {
        let people = People::new(0);
        let mut grants = Grants::initial(&people);
        let (alice, bob) = (&people.find("alice").unwrap().oid, &people.find("bob").unwrap().oid);
        let granted = |g: &Grants, oid: &str| g.granted(PUBLIC_CLIENT_ID, API_CLIENT_ID, oid).len();
        assert_eq!((granted(&grants, alice), granted(&grants, bob)), (2, 1));

        grants.add(PUBLIC_CLIENT_ID, API_CLIENT_ID, None, &["cost.export"]);
        assert_eq!(granted(&grants, bob), 2);

        let none: [&str; 0] = [];
        grants.remove(API_CLIENT_ID, ARM_APP_ID, None, &none);
        assert!(grants.granted(API_CLIENT_ID, ARM_APP_ID, bob).is_empty());
    }
}
