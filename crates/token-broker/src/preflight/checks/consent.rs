//! Consent: of our API at the resources it calls, and of the clients at our API.
//!
//! A grant names service principals by object id, never by application id. Pre-authorized clients have no grant.

use url::Url;
use uuid::Uuid;

use super::found::{Found, View};
use crate::preflight::expected::Downstream;
use crate::preflight::graph::{Consent, Grant, Listed, ServicePrincipal};
use crate::preflight::settings::KnownClient;
use crate::preflight::tenant::Client;
use crate::preflight::untold::{Part, Untold};
use crate::preflight::well_known;

pub(super) const NO_CLIENTS: Untold = Untold::NotSet {
    setting: "PREFLIGHT_CLIENT_IDS",
    to: "the application ids of the clients in use, separated by commas",
};

/// How a scope is consented to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// For everyone.
    Everyone,
    /// For so many users.
    Some(usize),
    /// Not at all.
    Nobody,
}

/// Our API may call each downstream resource in every user's name: the consent without which no exchange works.
///
/// Consent of single users is not enough here: the API has no page on which the others could be asked.
pub(super) fn downstream(view: &View<'_>) -> Vec<Found> {
    let parts = view.expected.downstream.iter().zip(&view.tenant.downstream);
    parts.map(|(wanted, resource)| one_resource(view, wanted, resource)).collect()
}

/// Each known client may ask for each scope that it is to have.
pub(super) fn clients(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    if view.expected.clients.is_empty() {
        view.tenant.application.as_ref().map_err(Clone::clone)?;
        return Err(NO_CLIENTS);
    }
    let pairs = view.expected.clients.iter().zip(&view.tenant.clients);
    Ok(pairs.flat_map(|(known, client)| one_client(view, known, client)).collect())
}

fn one_resource(view: &View<'_>, wanted: &Downstream, resource: &Part<Option<ServicePrincipal>>) -> Found {
    let subject = format!("{} may call {}", view.tenant.api_name(), wanted.permission);
    let resource = match resource {
        Ok(Some(resource)) if resource.account_enabled == Some(false) => {
            let detail =
                "its service principal is disabled in this tenant: every exchange fails with AADSTS500014";
            return Found::missing(subject, detail, enable(resource));
        }
        Ok(Some(resource)) => resource.id,
        Ok(None) => {
            let detail = "the tenant has no service principal of this resource";
            let fix = format!(
                "Create it, then consent: `az ad sp create --id {}`.",
                well_known::api(&wanted.identifier).unwrap_or(&wanted.identifier)
            );
            return Found::missing(subject, detail, fix);
        }
        Err(untold) => return Found::unknown(subject, untold),
    };
    let grants = match &view.tenant.grants {
        Ok(grants) => grants,
        Err(untold) => return Found::unknown(subject, untold),
    };
    let url = || consent_url(view, view.expected.client_id, &view.tenant.principal, &wanted.scope);
    let fix = || {
        format!(
            "Let an administrator consent: open the URL, or run `az ad app permission grant --id {} --api {} \
             --scope {}`.",
            view.expected.client_id,
            well_known::api(&wanted.identifier).unwrap_or(&wanted.identifier),
            wanted.name.as_deref().unwrap_or("<permission>")
        )
    };
    match extent(grants, resource, wanted.name.as_deref()) {
        Ok(Extent::Everyone) => Found::granted(subject, "consented for everyone"),
        Ok(Extent::Some(users)) if is_asked_with_a_client(view) => {
            let detail = format!(
                "consented for {}; the others are asked at a client that the API knows",
                people(users)
            );
            Found::granted(subject, detail)
        }
        Ok(Extent::Some(users)) => {
            let detail =
                format!("consented for {} only: everybody else's calls fail with AADSTS65001", people(users));
            Found::missing(subject, detail, fix()).at(url())
        }
        Ok(Extent::Nobody) => {
            let detail = "never consented: every exchange fails with AADSTS65001";
            Found::missing(subject, detail, fix()).at(url())
        }
        Err(untold) => Found::unknown(subject, &untold),
    }
}

/// Whether the API has clients at which users are asked for its own permissions too (`knownClientApplications`).
fn is_asked_with_a_client(view: &View<'_>) -> bool {
    let application = view.tenant.application.as_ref().ok().and_then(Option::as_ref);
    application.is_some_and(|application| !application.api.known_client_applications.is_empty())
}

fn enable(principal: &ServicePrincipal) -> String {
    format!("Enable it: `az ad sp update --id {} --set accountEnabled=true`.", principal.id)
}

fn one_client(view: &View<'_>, known: &KnownClient, client: &Client) -> Vec<Found> {
    if let Ok(Some(principal)) = &client.principal
        && principal.account_enabled == Some(false)
    {
        let detail = "it is disabled in this tenant: sign-ins at it fail with AADSTS7000112";
        return vec![Found::missing(client_name(client), detail, enable(principal))];
    }
    known.scopes.iter().map(|scope| one_scope(view, known, client, scope)).collect()
}

fn one_scope(view: &View<'_>, known: &KnownClient, client: &Client, scope: &str) -> Found {
    let name = client_name(client);
    let subject = format!("{name} may ask for {scope}");
    let pre_authorized = pre_authorized(view, client, scope);
    if pre_authorized == Ok(true) {
        return Found::granted(subject, "pre-authorized: nobody is asked");
    }
    let api = match &view.tenant.principal {
        Ok(Some(api)) => Ok(api.id),
        Ok(None) => Err(Untold::Unavailable("the API has no service principal".to_owned())),
        Err(untold) => Err(untold.clone()),
    };
    let extent = api.and_then(|api| extent(client.grants.as_ref().map_err(Clone::clone)?, api, Some(scope)));
    let found = match (extent, pre_authorized) {
        (Ok(Extent::Everyone), _) => return Found::granted(subject, "consented for everyone"),
        (Ok(Extent::Some(users)), _) => {
            let others = if view.expected.is_admin_scope(scope) {
                "an administrator must consent for the others"
            } else {
                "the others are asked at their first sign-in"
            };
            return Found::granted(subject, format!("consented for {} only; {others}", people(users)));
        }
        (Ok(Extent::Nobody), Ok(_)) => {
            let pre_authorize = format!("pre-authorize {} for {scope} under \"Expose an API\"", client.id);
            if client.principal == Ok(None) {
                let detail = "the tenant does not know this client, and it is not pre-authorized";
                let fix = format!("Correct PREFLIGHT_CLIENT_IDS, or {pre_authorize}.");
                return Found::missing(subject, detail, fix);
            }
            let detail = "never consented, and not pre-authorized";
            let fix = format!("Let an administrator open the URL and consent, or {pre_authorize}.");
            Found::missing(subject, detail, fix)
        }
        (Err(untold), _) | (_, Err(untold)) => return Found::unknown(subject, &untold),
    };
    let scopes: Vec<_> = known.scopes.iter().map(|scope| qualified(view, scope)).collect();
    found.at(consent_url(view, client.id, &client.principal, &scopes.join(" ")))
}

/// For whom `scope` (any, if none is named) of `resource` is consented to.
///
/// # Errors
/// When nothing was found in a list that is not all.
fn extent(grants: &Listed<Grant>, resource: Uuid, scope: Option<&str>) -> Result<Extent, Untold> {
    let covers = |grant: &&Grant| grant.is_about(resource) && scope.is_none_or(|scope| grant.covers(scope));
    let covering: Vec<_> = grants.items.iter().filter(covers).collect();
    if covering.iter().any(|grant| grant.consent_type == Consent::AllPrincipals) {
        return Ok(Extent::Everyone);
    }
    if !grants.complete {
        return Err(Untold::Unavailable("there are too many grants to read them all".to_owned()));
    }
    match covering.iter().filter(|grant| grant.consent_type == Consent::Principal).count() {
        0 => Ok(Extent::Nobody),
        users => Ok(Extent::Some(users)),
    }
}

/// Whether the client needs no consent for `scope`. Of another tenant's application this is nowhere to be seen.
fn pre_authorized(view: &View<'_>, client: &Client, scope: &str) -> Result<bool, Untold> {
    let application = match &view.tenant.application {
        Ok(Some(application)) => application,
        Ok(None) => return Err(Untold::Elsewhere),
        Err(untold) => return Err(untold.clone()),
    };
    let api = &application.api;
    let Some(id) = api.scope_id(scope) else {
        // Nobody can be asked for what is not offered, so that this says nothing of the client.
        return Err(Untold::Follows {
            text: "the application does not offer this scope, so nothing can be said of the client",
            from: "scopes",
        });
    };
    let ours = api.pre_authorized_applications.iter().filter(|one| one.is(*client.id.as_uuid()));
    Ok(ours.into_iter().any(|one| one.has(id)))
}

pub(super) fn client_name(client: &Client) -> String {
    let seen = client.principal.as_ref().ok().and_then(Option::as_ref).map(|sp| sp.display_name.as_str());
    let name = seen.filter(|name| !name.is_empty()).or_else(|| well_known::client(client.id));
    name.map_or_else(|| format!("the client {}", client.id), str::to_owned)
}

/// A scope as it is asked for: after the configured prefix, else the first identifier URI, else the client id.
fn qualified(view: &View<'_>, scope: &str) -> String {
    let application = view.tenant.application.as_ref().ok().and_then(Option::as_ref);
    let first = application.and_then(|application| application.identifier_uris.first());
    let id = view.expected.client_id.to_string();
    let prefix = view.expected.scope_prefix.as_ref().or(first).unwrap_or(&id);
    format!("{prefix}/{scope}")
}

/// Where an administrator consents for `client` (Microsoft: "Admin consent on the Microsoft identity platform").
///
/// Version 2.0 of that page takes scopes, and insists on a registered redirect URI. An API often has none: then it is
/// version 1.0, which asks for all that the registration lists, and ends with AADSTS500113 once consent is given.
fn consent_url(
    view: &View<'_>,
    client: identity::ClientId,
    principal: &Part<Option<ServicePrincipal>>,
    scopes: &str,
) -> String {
    let mut url: Url = view.expected.authority.clone();
    let registered = principal.as_ref().ok().and_then(Option::as_ref).and_then(|sp| sp.reply_urls.first());
    let version = if registered.is_some() { "/v2.0" } else { "" };
    url.set_path(&format!("/{}{version}/adminconsent", view.expected.tenant));
    url.query_pairs_mut().append_pair("client_id", &client.to_string());
    if let Some(registered) = registered {
        url.query_pairs_mut().append_pair("scope", scopes).append_pair("redirect_uri", registered);
    }
    url.into()
}

fn people(number: usize) -> String {
    if number == 1 { "1 user".to_owned() } else { format!("{number} users") }
}
