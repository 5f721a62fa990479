//! What was seen of the tenant: a snapshot, each part of it known or untold. Judging it is not done here.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use identity::ClientId;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::expected::{Expectations, Named};
use super::graph::{
    Application, Assignment, ClientRegistration, FederatedCredential, Grant, Graph, Listed, ServicePrincipal,
    Session, SignIn, Standing,
};
use super::settings::KnownClient;
use super::untold::{Part, Untold};
use crate::credential::Own;

/// The application permission that reads service principals and applications.
pub(crate) const READ_APPLICATIONS: &str = "Application.Read.All";
/// The application permission that reads grants.
pub(crate) const READ_GRANTS: &str = "DelegatedPermissionGrant.Read.All";

/// Clients that are asked about at the same time.
const MAX_CONCURRENT: usize = 4;

const APPLICATIONS: &str = "applications";
const OWN_PRINCIPAL: &str = "$select=id,appId,displayName,accountEnabled,appRoleAssignmentRequired,appRoles,\
                             oauth2PermissionScopes,replyUrls,keyCredentials";
const OWN_APPLICATION: &str =
    "$select=id,appId,displayName,identifierUris,appRoles,api,optionalClaims,keyCredentials,publicClient,spa";
const OTHER_PRINCIPAL: &str = "$select=id,appId,displayName,accountEnabled,replyUrls";
const CLIENT_APPLICATION: &str = "$select=id,appId,publicClient,spa,web,passwordCredentials,keyCredentials";

/// What was seen.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) at: Timestamp,
    /// What Entra ID says of the application.
    pub(crate) standing: Standing,
    /// How far this machine's clock is ahead of Entra ID's.
    pub(crate) clock_ahead: Part<SignedDuration>,
    /// What the broker proves itself with.
    pub(crate) own: Part<Own>,
    /// Our service principal.
    pub(crate) principal: Part<Option<ServicePrincipal>>,
    /// Our application; `None` if it is another tenant's.
    pub(crate) application: Part<Option<Application>>,
    /// Tokens that the application trusts; not asked for where the broker has a certificate.
    pub(crate) federated: Part<Listed<FederatedCredential>>,
    /// Who is assigned to our service principal; not asked for where nobody needs to be.
    pub(crate) assigned: Part<Listed<Assignment>>,
    /// Consent to what we ask for.
    pub(crate) grants: Part<Listed<Grant>>,
    /// The resources that we ask for, in the order of the expectations.
    pub(crate) downstream: Vec<Part<Option<ServicePrincipal>>>,
    /// The clients that ask for us, in the order of the expectations.
    pub(crate) clients: Vec<Client>,
}

/// A client that asks for us.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) principal: Part<Option<ServicePrincipal>>,
    pub(crate) grants: Part<Listed<Grant>>,
    /// Its registration; `None` if it is another tenant's.
    pub(crate) registration: Part<Option<ClientRegistration>>,
}

impl Tenant {
    /// Looks at everything that is expected of the tenant, until `deadline`.
    pub(crate) async fn look(
        graph: &Graph,
        expected: &Expectations,
        at: Timestamp,
        deadline: Instant,
    ) -> Self {
        let SignIn { standing, clock_ahead, own, session } = graph.sign_in(deadline).await;
        let session = match session {
            Ok(session) => session,
            Err(untold) => return Self::untold(expected, at, standing, clock_ahead, own, &untold),
        };
        let id = expected.client_id.to_string();
        // Made first: a closure inside the stream would have to hold for every lifetime.
        let resources: Vec<_> =
            expected.downstream.iter().map(|of| session.principal(&of.named, OTHER_PRINCIPAL)).collect();
        let clients: Vec<_> = expected.clients.iter().map(|client| session.client(client.id)).collect();
        let resources = stream::iter(resources).buffered(MAX_CONCURRENT).collect::<Vec<_>>();
        let clients = stream::iter(clients).buffered(MAX_CONCURRENT).collect::<Vec<_>>();
        let ours = async {
            let principal = session.principal(&Named::Id(id.clone()), OWN_PRINCIPAL).await;
            let grants = session.grants(&principal).await;
            let assigned = session.assigned(&principal).await;
            (principal, grants, assigned)
        };
        let federated = async {
            match own {
                Ok(Own::Federated { .. }) => {
                    let path = format!("{APPLICATIONS}(appId='{id}')/federatedIdentityCredentials");
                    session.list(&path, "", READ_APPLICATIONS).await
                }
                _ => Ok(Listed::default()),
            }
        };
        let registration = session.of_application(APPLICATIONS, &id, OWN_APPLICATION, READ_APPLICATIONS);
        let ((principal, grants, assigned), application, federated, downstream, clients) =
            tokio::join!(ours, registration, federated, resources, clients);
        Self {
            at,
            standing,
            clock_ahead,
            own,
            principal,
            application,
            federated,
            assigned,
            grants,
            downstream,
            clients,
        }
    }

    /// A tenant of which nothing can be seen.
    pub(crate) fn untold(
        expected: &Expectations,
        at: Timestamp,
        standing: Standing,
        clock_ahead: Part<SignedDuration>,
        own: Part<Own>,
        why: &Untold,
    ) -> Self {
        let client = |known: &KnownClient| Client {
            id: known.id,
            principal: Err(why.clone()),
            grants: Err(why.clone()),
            registration: Err(why.clone()),
        };
        Self {
            at,
            standing,
            clock_ahead,
            own,
            principal: Err(why.clone()),
            application: Err(why.clone()),
            federated: Err(why.clone()),
            assigned: Err(why.clone()),
            grants: Err(why.clone()),
            downstream: expected.downstream.iter().map(|_| Err(why.clone())).collect(),
            clients: expected.clients.iter().map(client).collect(),
        }
    }

    /// Our application's name.
    pub(crate) fn api_name(&self) -> &str {
        let principal = self.principal.as_ref().ok().and_then(Option::as_ref).map(|sp| &sp.display_name);
        let application =
            self.application.as_ref().ok().and_then(Option::as_ref).map(|app| &app.display_name);
        let name = principal.into_iter().chain(application).find(|name| !name.is_empty());
        name.map_or("the API", String::as_str)
    }

    /// How long it was asked to wait before the next look.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let standing = match &self.standing {
            Standing::Untold(untold) => Some(untold),
            _ => None,
        };
        let mut untold: Vec<_> = standing.into_iter().collect();
        untold.extend(self.principal.as_ref().err());
        untold.extend(self.application.as_ref().err());
        untold.extend(self.grants.as_ref().err());
        untold.extend(self.downstream.iter().filter_map(|part| part.as_ref().err()));
        untold.extend(self.clients.iter().filter_map(|client| client.grants.as_ref().err()));
        untold.extend(self.clients.iter().filter_map(|client| client.registration.as_ref().err()));
        let pause = |untold: &&Untold| match untold {
            Untold::Throttled { pause, .. } => *pause,
            _ => None,
        };
        untold.iter().filter_map(pause).max()
    }
}

impl Session<'_> {
    async fn principal(&self, named: &Named, select: &str) -> Part<Option<ServicePrincipal>> {
        const PRINCIPALS: &str = "servicePrincipals";
        match named {
            Named::Id(id) => self.of_application(PRINCIPALS, id, select, READ_APPLICATIONS).await,
            Named::Uri(uri) => {
                let name = uri.replace('\'', "''");
                let query = format!("$filter=servicePrincipalNames/any(n:n eq '{name}')&{select}");
                // Of a name, there is one in a tenant.
                let found: Listed<ServicePrincipal> =
                    self.list(PRINCIPALS, &query, READ_APPLICATIONS).await?;
                Ok(found.items.into_iter().next())
            }
        }
    }

    async fn client(&self, id: ClientId) -> Client {
        let name = id.to_string();
        let consented = async {
            let principal = self.principal(&Named::Id(name.clone()), OTHER_PRINCIPAL).await;
            let grants = self.grants(&principal).await;
            (principal, grants)
        };
        let registration = self.of_application(APPLICATIONS, &name, CLIENT_APPLICATION, READ_APPLICATIONS);
        let ((principal, grants), registration) = tokio::join!(consented, registration);
        Client { id, principal, grants, registration }
    }

    /// What was consented to for a client. Without a service principal there can be nothing.
    async fn grants(&self, of: &Part<Option<ServicePrincipal>>) -> Part<Listed<Grant>> {
        match of {
            Ok(Some(principal)) => {
                let query = format!("$filter=clientId eq '{}'", principal.id);
                self.list("oauth2PermissionGrants", &query, READ_GRANTS).await
            }
            Ok(None) => Ok(Listed { items: Vec::new(), complete: true }),
            Err(untold) => Err(untold.clone()),
        }
    }

    async fn assigned(&self, to: &Part<Option<ServicePrincipal>>) -> Part<Listed<Assignment>> {
        match to {
            Ok(Some(principal)) if principal.app_role_assignment_required => {
                let path = format!("servicePrincipals/{}/appRoleAssignedTo", principal.id);
                self.list(&path, "", READ_APPLICATIONS).await
            }
            Ok(_) => Ok(Listed::default()),
            Err(untold) => Err(untold.clone()),
        }
    }
}
