//! Pre-authorized clients: nobody is asked for consent there, an administrator no more than anybody else.

use std::collections::BTreeSet;

use telemetry::report::Outcome;

use super::found::{Found, View};
use super::registration::application;
use crate::preflight::graph::Application;
use crate::preflight::untold::Untold;
use crate::preflight::well_known;

/// A scope that is for administrators to decide on is decided already where a client is pre-authorized for it: everybody who
/// uses that client has it. An app role limits them still.
///
/// By Microsoft's documents
/// (<https://learn.microsoft.com/entra/identity-platform/permissions-consent-overview#preauthorization>). How a live tenant treats
/// a scope of the type Admin was not seen, so that this is never more than a doubt.
pub(super) fn of_admin_scopes(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let application = application(view)?;
    let open = view.expected.admin_scopes.iter().filter(|scope| !view.expected.is_with_role(scope));
    let doubts: Vec<_> = open.filter_map(|scope| doubt(application, scope)).collect();
    if doubts.is_empty() {
        let subject = "clients that nobody is asked for";
        return Ok(vec![Found::granted(subject, "none has a scope that is for administrators to decide on")]);
    }
    Ok(doubts)
}

fn doubt(application: &Application, scope: &str) -> Option<Found> {
    let id = application.api.scope_id(scope)?;
    let clients: BTreeSet<_> = application
        .api
        .pre_authorized_applications
        .iter()
        .filter(|one| one.has(id))
        .map(|one| name(&one.app_id))
        .collect();
    if clients.is_empty() {
        return None;
    }
    let clients = clients.into_iter().collect::<Vec<_>>().join(", ");
    let subject = format!("{scope} at {clients}");
    let detail = "pre-authorized, though it is for administrators to decide: nobody is asked there, so everybody who uses it has \
                  the scope";
    let fix = format!(
        "Take {scope} out of \"Authorized client applications\" under \"Expose an API\", or decide by app role: name one under \
         `roles` for each tool of {scope} in the policy."
    );
    Some(Found::new(subject, Outcome::Unknown, detail, fix))
}

fn name(app_id: &str) -> String {
    let known = app_id.parse().ok().and_then(well_known::client);
    known.map_or_else(|| app_id.to_owned(), str::to_owned)
}
