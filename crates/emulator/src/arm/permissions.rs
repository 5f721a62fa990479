//! What the caller may do on a subscription or a resource group.
//!
//! <https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource-group>

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::auth::Caller;
use super::errors::ArmError;
use super::request::CostScope;
use super::state::State;
use super::throttle;

/// The actions of each role that the caller has there. Who has none is refused.
pub(crate) fn list(state: &State, caller: &Caller, scope: &CostScope) -> Result<Response, ArmError> {
    let headers = throttle::admit_read(state, caller, &scope.subscription.id)?;
    let roles = caller.roles_on(&scope.subscription.id, scope.resource_group.as_deref());
    if roles.is_empty() {
        let action = "Microsoft.Authorization/permissions/read";
        return Err(ArmError::authorization_failed(caller.display(), caller.oid(), action, &scope.path()));
    }
    if let Some(group) = scope.resource_group.as_deref()
        && !scope.subscription.has_group(group)
    {
        return Err(ArmError::resource_group_not_found(group));
    }
    let value: Vec<Value> = roles
        .iter()
        .map(|role| {
            json!({"actions": role.actions, "notActions": role.not_actions, "dataActions": [],
                   "notDataActions": []})
        })
        .collect();
    let mut response = Json(json!({"value": value})).into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}
