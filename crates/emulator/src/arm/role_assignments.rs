//! Roles on subscriptions: the built-in ones, and giving one to somebody.
//!
//! <https://learn.microsoft.com/rest/api/authorization/role-assignments/create>

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::auth::Caller;
use super::errors::ArmError;
use super::request::{ArmRequest, CostScope};
use super::state::State;
use crate::tenant::directory::{AzureRole, BUILT_IN, BuiltIn};

/// `GET …/roleDefinitions?$filter=roleName eq '…'`. Whoever sees the subscription sees its roles.
pub(crate) fn definitions(
    caller: &Caller,
    scope: &CostScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    if !caller.may_see(&scope.subscription.id) {
        return Err(refused(caller, "Microsoft.Authorization/roleDefinitions/read", scope));
    }
    let filter = request.parameter("$filter");
    let name = filter.map(|filter| {
        let name = filter.trim().strip_prefix("roleName eq '").and_then(|rest| rest.strip_suffix('\''));
        name.ok_or_else(|| ArmError::bad_request("The filter is not supported."))
    });
    let name = name.transpose()?;
    let matching =
        BUILT_IN.iter().filter(|role| name.is_none_or(|name| role.name.eq_ignore_ascii_case(name)));
    let shown = matching.map(|role| {
        json!({
            "id": definition_id(scope, role.id), "name": role.id, "type": "Microsoft.Authorization/roleDefinitions",
            "properties": {"roleName": role.name, "type": "BuiltInRole", "description": role.name,
                           "assignableScopes": ["/"], "permissions": []},
        })
    });
    Ok(Json(json!({"value": shown.collect::<Vec<Value>>()})).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    properties: Properties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    role_definition_id: String,
    principal_id: String,
    principal_type: Option<String>,
}

/// `PUT …/roleAssignments/{name}`.
pub(crate) fn create(
    state: &State,
    caller: &Caller,
    scope: &CostScope,
    name: &str,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    if !caller.may_give_roles(&scope.subscription.id) {
        return Err(refused(caller, "Microsoft.Authorization/roleAssignments/write", scope));
    }
    if scope.resource_group.is_some() {
        return Err(ArmError::bad_request("Roles on resource groups are not emulated."));
    }
    let name = Uuid::parse_str(name).map_err(|_| {
        let message =
            format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID.");
        ArmError::new(StatusCode::BAD_REQUEST, "InvalidRoleAssignmentId", message)
    })?;
    let order: Order = serde_json::from_slice(request.body).map_err(|_| {
        ArmError::new(StatusCode::BAD_REQUEST, "InvalidRequestContent", "The request content was invalid.")
    })?;
    let Properties { role_definition_id, principal_id, principal_type } = order.properties;
    let asked = role_definition_id.rsplit('/').next().and_then(|id| Uuid::parse_str(id).ok());
    let role = asked.and_then(BuiltIn::of).ok_or_else(|| {
        let message = format!("The specified role definition with ID '{role_definition_id}' does not exist.");
        ArmError::new(StatusCode::NOT_FOUND, "RoleDefinitionDoesNotExist", message)
    })?;
    if !exists(state, &principal_id, principal_type.as_deref()) {
        let message =
            format!("Principal {principal_id} does not exist in the directory of this subscription.");
        return Err(ArmError::new(StatusCode::BAD_REQUEST, "PrincipalNotFound", message));
    }
    let given = AzureRole { principal: principal_id, below: scope.subscription.id.clone(), role: role.id };
    let roles = &mut state.world.tenant.directory_mut().azure_roles;
    if roles.contains(&given) {
        let message = "The role assignment already exists.";
        return Err(ArmError::new(StatusCode::CONFLICT, "RoleAssignmentExists", message));
    }
    let body = json!({
        "id": format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", scope.path()),
        "name": name, "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": definition_id(scope, role.id), "principalId": given.principal,
            "principalType": principal_type.unwrap_or_else(|| "User".to_owned()), "scope": scope.path(),
        },
    });
    roles.push(given);
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// A principal of the kind that is said. Without a kind Azure takes it for a person's.
fn exists(state: &State, id: &str, kind: Option<&str>) -> bool {
    match kind.unwrap_or("User") {
        "User" => state.world.tenant.people.by_oid(id).is_some(),
        "ServicePrincipal" => {
            let directory = state.world.tenant.directory();
            directory.applications.iter().any(|app| app.installed && app.service_principal_id() == id)
        }
        _ => false,
    }
}

fn definition_id(scope: &CostScope, role: Uuid) -> String {
    format!(
        "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{role}",
        scope.subscription.id
    )
}

fn refused(caller: &Caller, action: &'static str, scope: &CostScope) -> ArmError {
    ArmError::authorization_failed(caller.display(), caller.oid(), action, &scope.path())
}
