//! The people of the tenant and the subscriptions they may see. Fixed at start: RBAC here is plain data.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::billing::MANAGEMENT_GROUPS;
use super::contoso::{
    BIG_SUBSCRIPTION, DEV_SUBSCRIPTION, FACTORY_SUBSCRIPTION, LAB_SUBSCRIPTION, PROD_SUBSCRIPTION,
    RETAIL_SUBSCRIPTION,
};
use crate::jwt;

/// The delegated scope every user may consent to.
pub(crate) const SCOPE_READ: &str = "cost.read";
/// The delegated scope that needs an administrator's consent.
pub(crate) const SCOPE_EXPORT: &str = "cost.export";
/// The app role of the API.
pub(crate) const ROLE_EXPORTER: &str = "Cost.Exporter";

/// Someone who can sign in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Short name, unique in the emulator: `alice`.
    pub(crate) name: String,
    /// Object id in the resource tenant.
    pub(crate) oid: String,
    pub(crate) display_name: String,
    pub(crate) upn: String,
    /// Home identity provider; guests only.
    pub(crate) idp: Option<String>,
    /// Ids of the subscriptions this person has a role on.
    pub(crate) subscriptions: Vec<String>,
    /// Ids of the management groups this person has a role on.
    pub(crate) groups: Vec<&'static str>,
    /// Billing accounts this person may read, with all their parts.
    pub(crate) billing_accounts: Vec<&'static str>,
    /// App roles of the API assigned to this person.
    pub(crate) roles: Vec<&'static str>,
    /// Scopes of the API consented for this person and the public client at start.
    pub(crate) consented: Vec<&'static str>,
}

impl Person {
    /// Whether any role on the subscription is assigned.
    pub(crate) fn may_see(&self, subscription: &str) -> bool {
        self.subscriptions.iter().any(|own| own.eq_ignore_ascii_case(subscription))
    }

    /// `sub`: pairwise, another value for each client application, stable over restarts.
    pub(crate) fn pairwise_subject(&self, client_id: &str) -> String {
        let name = format!("{}/{client_id}", self.oid);
        let half = |salt: &str| Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{salt}{name}").as_bytes());
        jwt::encode([half("a").as_bytes().as_slice(), half("b").as_bytes()].concat())
    }
}

/// No person has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no person called {0}")]
pub struct UnknownPerson(pub String);

/// Everyone, found by name and by object id.
#[derive(Debug)]
pub(crate) struct People {
    all: Vec<Arc<Person>>,
    by_name: HashMap<String, Arc<Person>>,
    by_oid: HashMap<String, Arc<Person>>,
}

impl People {
    /// The six named people and `extra` generated ones.
    #[cfg(test)]
    pub(crate) fn new(extra: usize) -> Self {
        Self::with_alice_over(0, extra)
    }

    /// The six named people and `extra` generated ones; alice has a role on the subscriptions of the first `seen` of them.
    pub(crate) fn with_alice_over(seen: usize, extra: usize) -> Self {
        let mut named = named();
        for alice in named.iter_mut().filter(|person| person.name == "alice") {
            alice.subscriptions.extend((1..=seen.min(extra)).map(generated_subscription));
        }
        let all: Vec<_> = named.into_iter().chain((1..=extra).map(generated)).map(Arc::new).collect();
        let by_name = all.iter().map(|p| (p.name.clone(), Arc::clone(p))).collect();
        let by_oid = all.iter().map(|p| (p.oid.clone(), Arc::clone(p))).collect();
        Self { all, by_name, by_oid }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Person>> {
        self.all.iter()
    }

    /// By short name, user principal name, or object id: whatever a `login_hint` may hold.
    pub(crate) fn find(&self, hint: &str) -> Option<Arc<Person>> {
        let found = self.by_name.get(hint).or_else(|| self.by_oid.get(hint));
        found.or_else(|| self.all.iter().find(|p| p.upn.eq_ignore_ascii_case(hint))).cloned()
    }

    pub(crate) fn by_oid(&self, oid: &str) -> Option<&Arc<Person>> {
        self.by_oid.get(oid)
    }
}

fn named() -> Vec<Person> {
    let both = || vec![PROD_SUBSCRIPTION.to_owned(), DEV_SUBSCRIPTION.to_owned()];
    let prod = || vec![PROD_SUBSCRIPTION.to_owned()];
    let everything = || {
        let all = [
            PROD_SUBSCRIPTION,
            DEV_SUBSCRIPTION,
            FACTORY_SUBSCRIPTION,
            LAB_SUBSCRIPTION,
            RETAIL_SUBSCRIPTION,
            BIG_SUBSCRIPTION,
        ];
        all.map(str::to_owned).to_vec()
    };
    let dev = || vec![DEV_SUBSCRIPTION.to_owned()];
    let person = |name: &str, oid: &str, display: &str, subscriptions| Person {
        name: name.to_owned(),
        oid: oid.to_owned(),
        display_name: display.to_owned(),
        upn: format!("{name}@contoso.com"),
        idp: None,
        subscriptions,
        groups: Vec::new(),
        billing_accounts: Vec::new(),
        roles: Vec::new(),
        consented: vec![SCOPE_READ],
    };
    vec![
        Person {
            roles: vec![ROLE_EXPORTER],
            consented: vec![SCOPE_READ, SCOPE_EXPORT],
            ..person("alice", "a11ce000-0000-4000-8000-000000000001", "Alice Abel", both())
        },
        person("bob", "b0b00000-0000-4000-8000-000000000002", "Bob Berg", dev()),
        person("carol", "ca401000-0000-4000-8000-000000000003", "Carol Costa", Vec::new()),
        person("dave", "da4e0000-0000-4000-8000-000000000004", "Dave Dunn", prod()),
        Person {
            upn: "erin_fabrikam.com#EXT#@contoso.onmicrosoft.com".to_owned(),
            idp: Some("https://sts.windows.net/99998888-7777-6666-5555-444433332222/".to_owned()),
            ..person("erin", "e4140000-0000-4000-8000-000000000005", "Erin Eide (Fabrikam)", dev())
        },
        Person {
            groups: MANAGEMENT_GROUPS.iter().map(|group| group.id).collect(),
            billing_accounts: vec!["8611537", "11112222:22223333_2019-05-31"],
            ..person("frank", "f4a40000-0000-4000-8000-000000000006", "Frank Fuchs", everything())
        },
    ]
}

/// `person-0007` owns subscription 20000000-0000-4000-8000-000000000007 and sees no other.
fn generated(number: usize) -> Person {
    Person {
        name: format!("person-{number:04}"),
        oid: format!("f0000000-0000-4000-8000-{number:012}"),
        display_name: format!("Person {number:04}"),
        upn: format!("person-{number:04}@contoso.com"),
        idp: None,
        subscriptions: vec![generated_subscription(number)],
        groups: Vec::new(),
        billing_accounts: Vec::new(),
        roles: vec![ROLE_EXPORTER],
        consented: vec![SCOPE_READ, SCOPE_EXPORT],
    }
}

/// The one subscription of the generated person with this number.
pub(crate) fn generated_subscription(number: usize) -> String {
    format!("20000000-0000-4000-8000-{number:012}")
}

#[cfg(test)]
mod tests {
    use super::People;
    use crate::tenant::contoso::{DEV_SUBSCRIPTION, PROD_SUBSCRIPTION};

    #[test]
    fn rbac_is_per_person() {
        let people = People::new(2);
        let bob = people.find("bob@contoso.com").unwrap();
        assert!(bob.may_see(DEV_SUBSCRIPTION) && !bob.may_see(PROD_SUBSCRIPTION));
        let (first, second) = (people.find("person-0001").unwrap(), people.find("person-0002").unwrap());
        assert!(!first.may_see(&second.subscriptions[0]));
        assert_ne!(first.pairwise_subject("a"), first.pairwise_subject("b"));
    }
}
