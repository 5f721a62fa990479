//! Service principals, delegated permission grants and app role assignments.

use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::{GraphError, Written, bad_request, shape};
use crate::graph::{lookup, objects};
use crate::tenant::directory::Holder;
use crate::tenant::grants::Grant;
use crate::world::World;

/// `POST /servicePrincipals`.
pub(super) fn install(world: &World, _: &[&str], body: &Value) -> Result<Written, GraphError> {
    shape::service_principal(body)?;
    let app_id = text(body, "appId");
    let mut directory = world.tenant.directory_mut();
    let Some(app) = directory.application(app_id) else {
        let message = format!(
            "The appId '{app_id}' of the service principal does not reference a valid application object."
        );
        return Err(GraphError::new(StatusCode::BAD_REQUEST, "NoBackingApplicationObject", message));
    };
    if app.installed {
        let message = format!(
            "The service principal cannot be created, updated, or restored because the service principal name {app_id} is \
             already in use."
        );
        return Err(conflict(message));
    }
    directory.change(app.app_id, |app| {
        app.installed = true;
        app.enabled = body["accountEnabled"] != false;
    });
    let app = directory.application(app.app_id).ok_or_else(|| GraphError::not_found(app_id))?;
    Ok(Written::Created(objects::service_principal(&app)))
}

/// `POST /oauth2PermissionGrants`. All ids are of service principals, none of applications.
pub(super) fn grant(world: &World, _: &[&str], body: &Value) -> Result<Written, GraphError> {
    shape::grant(body)?;
    let mut directory = world.tenant.directory_mut();
    let client = lookup::by_id(&directory, text(body, "clientId"))?;
    let resource = lookup::by_id(&directory, text(body, "resourceId"))?;
    let principal = body["principalId"].as_str();
    let principal = match text(body, "consentType") {
        "AllPrincipals" if principal.is_none() => None,
        "Principal" => {
            let known = principal.and_then(|oid| world.tenant.people.by_oid(oid));
            let known = known.ok_or_else(|| GraphError::not_found(principal.unwrap_or_default()))?;
            Some(known.oid.clone())
        }
        _ => return Err(bad_request("Property consentType is invalid.")),
    };
    let same = |grant: &Grant| {
        grant.client == client.app_id && grant.resource == resource.app_id && grant.principal == principal
    };
    if directory.grants.iter().any(same) {
        return Err(conflict("Permission entry already exists."));
    }
    let scopes: Vec<&str> = text(body, "scope").split_ascii_whitespace().collect();
    directory.grants.add(client.app_id, resource.app_id, principal.as_deref(), &scopes);
    let written = directory
        .grants
        .iter()
        .find(|grant| same(grant))
        .map(|grant| objects::grant_object(&directory, grant, world.tenant.graph().scope_text));
    written.map(Written::Created).ok_or_else(|| bad_request("Property scope is invalid."))
}

/// `POST /servicePrincipals/{id}/appRoleAssignments` of the one that gets the role, `…/appRoleAssignedTo` of the resource.
pub(super) fn assign(world: &World, segments: &[&str], body: &Value) -> Result<Written, GraphError> {
    shape::assignment(body)?;
    let mut directory = world.tenant.directory_mut();
    let named = lookup::service_principal_of(&directory, segments)?;
    let resource = lookup::by_id(&directory, text(body, "resourceId"))?;
    let principal = text(body, "principalId");
    let named_in_body =
        if segments.last() == Some(&"appRoleAssignments") { principal } else { text(body, "resourceId") };
    if named.service_principal_id() != named_in_body {
        return Err(bad_request(
            "The id of the object in the request URL and that in the body do not match.",
        ));
    }
    let role = Uuid::parse_str(text(body, "appRoleId")).unwrap_or_default();
    let Some(role) = resource.roles.iter().find(|offered| offered.id == role && offered.enabled) else {
        let message =
            format!("Permission being assigned was not found on application '{}'.", resource.app_id);
        return Err(bad_request(message));
    };
    let holder = match world.tenant.people.by_oid(principal) {
        Some(person) => Holder::Person(person.oid.clone(), person.display_name.clone()),
        None => Holder::Application(lookup::by_id(&directory, principal)?),
    };
    if !role.members.iter().any(|of| of == holder.member_type()) {
        return Err(bad_request(format!(
            "Permission being assigned is not for members of type {}.",
            holder.member_type()
        )));
    }
    if !directory.assign(resource.app_id, role.id, &holder) {
        return Err(bad_request("Permission being assigned already exists on the object"));
    }
    Ok(Written::Created(objects::assignment(&resource, role.id, principal, holder.name(), holder.kind())))
}

fn conflict(message: impl Into<String>) -> GraphError {
    GraphError::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message)
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}
