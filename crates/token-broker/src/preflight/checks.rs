//! What the tenant must be like: one table of checks, each a pure function of what was seen and what is expected.
//!
//! A check that cannot see what it needs says so and never guesses. Nothing here asks anybody.

use telemetry::report::Finding;

use super::expected::Expectations;
use super::tenant::Tenant;
use super::untold::Untold;
use found::{Found, View};

mod access;
mod consent;
mod found;
mod pre_authorization;
mod proof;
mod redirects;
mod registration;

/// A check.
pub(crate) struct Check {
    /// The stable name, in reports, metrics and the contract.
    pub(crate) name: &'static str,
    /// What is looked at, for a report that cannot tell more.
    about: &'static str,
    look: fn(&View<'_>) -> Result<Vec<Found>, Untold>,
}

/// Every check, in the order to mend them in: first what keeps the others from being told.
pub(crate) const CHECKS: &[Check] = &[
    Check { name: "clock", about: "this machine's clock", look: proof::clock },
    Check {
        name: "service_principal",
        about: "the API's service principal",
        look: access::service_principal,
    },
    Check { name: "credential", about: "the broker's credential", look: proof::credential },
    Check { name: "token_version", about: "version of access tokens", look: registration::token_version },
    Check { name: "identifier_uris", about: "identifier URIs", look: registration::identifier_uris },
    Check { name: "audiences", about: "audiences", look: registration::audiences },
    Check { name: "optional_claims", about: "optional claims", look: registration::optional_claims },
    Check { name: "scopes", about: "the policy's scopes", look: registration::scopes },
    Check { name: "app_roles", about: "the policy's app roles", look: registration::app_roles },
    Check {
        name: "pre_authorization",
        about: "clients that nobody is asked for",
        look: pre_authorization::of_admin_scopes,
    },
    Check {
        name: "own_redirect_uris",
        about: "whether the API's registration is a client's too",
        look: redirects::own,
    },
    Check { name: "user_assignment", about: "who may sign in", look: access::user_assignment },
    Check {
        name: "downstream_consent",
        about: "the API's consent",
        look: |view| Ok(consent::downstream(view)),
    },
    Check { name: "client_redirect_uris", about: "the clients' redirect URIs", look: redirects::clients },
    Check { name: "client_consent", about: "the clients' consent", look: consent::clients },
];

/// Runs every check.
pub(crate) fn judge(tenant: &Tenant, expected: &Expectations) -> Vec<Finding> {
    let view = View { tenant, expected };
    let run = |check: &Check| {
        let found = (check.look)(&view).unwrap_or_else(|why| vec![Found::unknown(check.about, &why)]);
        found.into_iter().map(|found| finding(check.name, found)).collect::<Vec<_>>()
    };
    CHECKS.iter().flat_map(run).collect()
}

fn finding(name: &str, found: Found) -> Finding {
    let finding = Finding::new(name, found.subject, found.outcome, found.detail, found.fix);
    match found.url {
        Some(url) => finding.at(url),
        None => finding,
    }
}

#[cfg(test)]
mod tests;
