//! Whether anybody gets in at all: our service principal, and who must be assigned to it.

use super::found::{Found, View};
use crate::preflight::graph::Standing;
use crate::preflight::untold::Untold;

/// AADSTS numbers of an application that the tenant does not have, or that is disabled, of one that is either (Microsoft
/// documents 70001 both ways), and of a tenant that is not.
const NO_APPLICATION: &[u32] = &[700_016, 700_011];
const DISABLED: &[u32] = &[7_000_112];
const NO_APPLICATION_OR_DISABLED: &[u32] = &[70_001];
const NO_TENANT: &[u32] = &[90_002, 900_023];

/// Our service principal exists and is enabled.
pub(super) fn service_principal(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let (subject, id) = ("the API's service principal", view.expected.client_id);
    let absent = |detail: String| {
        let fix = format!(
            "Check AZURE_CLIENT_ID and AZURE_TENANT_ID, then create it: `az ad sp create --id {id}`."
        );
        vec![Found::missing(subject, detail, fix)]
    };
    let disabled = |detail: &str| {
        let fix = format!("Enable it: `az ad sp update --id {id} --set accountEnabled=true`.");
        vec![Found::missing(subject, detail, fix)]
    };
    if let Standing::Refused { number: Some(number) } = view.tenant.standing {
        if NO_APPLICATION.contains(&number) {
            return Ok(absent(format!("the tenant has no application {id} (AADSTS{number})")));
        }
        if NO_APPLICATION_OR_DISABLED.contains(&number) {
            return Ok(absent(format!(
                "the tenant has no application {id}, or it is disabled (AADSTS{number})"
            )));
        }
        if DISABLED.contains(&number) {
            return Ok(disabled("it is disabled: nobody gets a token for it or through it"));
        }
        if NO_TENANT.contains(&number) {
            return Ok(absent(format!("there is no tenant {} (AADSTS{number})", view.expected.tenant)));
        }
    }
    match view.tenant.principal.as_ref() {
        Ok(Some(principal)) if principal.account_enabled == Some(false) => {
            Ok(disabled("it is disabled: nobody gets a token for it or through it"))
        }
        Ok(Some(principal)) => {
            Ok(vec![Found::granted(subject, format!("{}, enabled", principal.display_name))])
        }
        // Whoever has a token has a service principal: Graph is behind.
        Ok(None) if view.tenant.standing == Standing::Accepted => {
            Err(Untold::Unavailable("Entra ID knows it, Microsoft Graph does not yet".to_owned()))
        }
        Ok(None) => Ok(absent(format!("the tenant has no application {id}"))),
        Err(untold) => Err(untold.clone()),
    }
}

/// Whether people must be assigned, and somebody is. That they must is a choice; that nobody is, an oversight.
pub(super) fn user_assignment(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let subject = "who may sign in";
    let principal = view.tenant.principal.as_ref().map_err(Clone::clone)?.as_ref();
    let Some(principal) = principal else {
        return Err(Untold::Unavailable("there is no service principal to be assigned to".to_owned()));
    };
    if !principal.app_role_assignment_required {
        return Ok(vec![Found::granted(subject, "everybody in the tenant: no assignment is required")]);
    }
    let assigned = view.tenant.assigned.as_ref().map_err(Clone::clone)?;
    let people = assigned.items.iter().filter(|one| one.principal_type != "ServicePrincipal").count();
    if people > 0 || !assigned.complete {
        let detail = "assignment is required: whoever is not assigned is refused with AADSTS50105";
        return Ok(vec![Found::granted(subject, detail)]);
    }
    let detail =
        "assignment is required, and no user or group is assigned: every sign-in fails with AADSTS50105";
    let fix = format!(
        "Assign users or groups to {} under Enterprise applications, or set \"Assignment required?\" to No.",
        principal.display_name
    );
    Ok(vec![Found::missing(subject, detail, fix)])
}
