//! Redirect URIs: the platform of each decides how the code that is sent there can be redeemed, and whose they are decides
//! whether a token can be refreshed.
//!
//! MCP clients are public: they have no secret. Only "Mobile and desktop applications" redeems a code without one, for
//! https addresses too; "Allow public client flows" does not change that.

use super::consent;
use super::found::{Found, View};
use crate::preflight::graph::ClientRegistration;
use crate::preflight::tenant::Client;
use crate::preflight::untold::Untold;
use crate::preflight::well_known;

const MOVE_IT: &str = "Take it away there and add it to \"Mobile and desktop applications\", under Authentication of the client's registration";

/// The API's registration is not a client's. Most clients refresh without `scope`; where client and API are one, Entra ID
/// takes that for a token for the application itself.
pub(super) fn own(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let id = view.expected.client_id;
    let application = view.tenant.application.as_ref().map_err(Clone::clone)?;
    let application = application.as_ref().ok_or(Untold::Elsewhere)?;
    let public = [&application.public_client, &application.spa];
    let uris: Vec<_> = public.iter().flat_map(|platform| &platform.redirect_uris).collect();
    let fix = "Register each client by itself (docs/clients.md) and take the redirect URIs of \"Mobile and desktop applications\" and \"Single-page application\" off the API's registration, under Authentication.";
    let why = "a client that signs in with it gets AADSTS90009, or a token without scopes, as soon as it refreshes without `scope`, as most clients do";
    let of_uri = |uri: &&String| {
        let detail = format!("is a public client's redirect URI on the API's own registration: {why}");
        Found::missing(uri.as_str(), detail, fix)
    };
    let mut found: Vec<_> = uris.iter().map(of_uri).collect();
    if view.expected.clients.iter().any(|client| client.id == id) {
        let detail = format!("PREFLIGHT_CLIENT_IDS names the API itself: {why}");
        found.push(Found::missing(format!("the client {id}"), detail, fix));
    }
    if found.is_empty() {
        found.push(Found::granted(
            "the API's registration",
            "is not a client's: it has no public redirect URI",
        ));
    }
    Ok(found)
}

/// Each known client can redeem a code at each of its redirect URIs. The subject begins with the URI.
pub(super) fn clients(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    if view.expected.clients.is_empty() {
        view.tenant.application.as_ref().map_err(Clone::clone)?;
        return Err(consent::NO_CLIENTS);
    }
    Ok(view.tenant.clients.iter().flat_map(one_client).collect())
}

fn one_client(client: &Client) -> Vec<Found> {
    let name = consent::client_name(client);
    let subject = format!("redirect URIs of {name}");
    if well_known::client(client.id).is_some() {
        return vec![Found::granted(subject, "are Microsoft's own to register")];
    }
    let registration = match &client.registration {
        Ok(Some(registration)) => registration,
        Ok(None) => return vec![Found::unknown(subject, &Untold::ClientElsewhere)],
        Err(untold) => return vec![Found::unknown(subject, untold)],
    };
    let found = uris(registration, &name);
    if found.is_empty() {
        let detail = "it has none: each sign-in fails with AADSTS50011 or AADSTS500113";
        let fix = "Add the client's redirect URI (docs/clients.md) to \"Mobile and desktop applications\", under Authentication of its registration.";
        return vec![Found::missing(subject, detail, fix)];
    }
    found
}

fn uris(registration: &ClientRegistration, name: &str) -> Vec<Found> {
    let ClientRegistration { public_client, spa, web, .. } = registration;
    let of = |uri: &String| format!("{uri} of {name}");
    let mobile = public_client.redirect_uris.iter().map(|uri| {
        Found::granted(of(uri), "Mobile and desktop applications: a code is redeemed without a secret")
    });
    let web_uris = web.redirect_uris.iter().map(|uri| {
        if registration.has_secret() {
            return Found::granted(of(uri), "Web: a code is redeemed with the client's secret");
        }
        let detail = "is of the platform Web, and the client has no secret: every code that is sent there fails with AADSTS7000218";
        Found::missing(of(uri), detail, format!("{MOVE_IT}; or give the client a secret."))
    });
    // Beside others it may be meant: for a client that is a page in a browser.
    let others = !public_client.redirect_uris.is_empty() || !web.redirect_uris.is_empty();
    let spa = spa.redirect_uris.iter().map(move |uri| {
        if others {
            return Found::granted(of(uri), "Single-page application: for a client that is a page in a browser, and no other");
        }
        let detail = "is of the platform Single-page application: unless a page in a browser redeems the code, it fails with AADSTS9002327";
        Found::missing(of(uri), detail, format!("{MOVE_IT}."))
    });
    mobile.chain(web_uris).chain(spa).collect()
}
