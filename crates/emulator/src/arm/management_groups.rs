//! What lies below a management group, at any depth.
//!
//! <https://learn.microsoft.com/rest/api/managementgroups/management-groups/get-descendants>

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::auth::Caller;
use super::errors::ArmError;
use super::request::ArmRequest;
use super::state::State;
use super::throttle;
use crate::tenant::billing::{MANAGEMENT_GROUPS, ManagementGroup};

/// One page; `$skiptoken` is where it starts.
pub(crate) fn descendants(
    state: &State,
    caller: &Caller,
    id: &str,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    let path = format!("/providers/Microsoft.Management/managementGroups/{id}");
    let group = MANAGEMENT_GROUPS.iter().find(|group| group.id.eq_ignore_ascii_case(id));
    // Who may not see a group is not told whether there is one.
    let group = group.filter(|group| caller.may_see_group(group.id)).ok_or_else(|| {
        let action = "Microsoft.Management/managementGroups/descendants/read";
        ArmError::authorization_failed(caller.display(), caller.oid(), action, &path)
    })?;
    let headers = throttle::admit_read(state, caller, "")?;
    let invalid = |_| ArmError::bad_request("The skip token is invalid.");
    let start = request.parameter("$skiptoken").map_or(Ok(0), str::parse).map_err(invalid)?;
    let top = request.parameter("$top").and_then(|top| top.parse().ok()).unwrap_or(usize::MAX);
    let size = top.clamp(1, state.world.config.subscriptions_page.max(1));
    let all: Vec<Value> = below(group, state);
    let value: Vec<&Value> = all.iter().skip(start).take(size).collect();
    let mut body = json!({"value": value});
    if start + size < all.len() {
        let version = request.parameter("api-version").unwrap_or_default();
        let arm = &state.world.endpoints.arm;
        let next = start + size;
        body["nextLink"] =
            format!("{arm}{path}/descendants?api-version={version}&%24skiptoken={next}").into();
    }
    let mut response = Json(body).into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}

fn below(group: &ManagementGroup, state: &State) -> Vec<Value> {
    let inner = || MANAGEMENT_GROUPS.iter().filter(|inner| inner.parent == Some(group.id));
    let groups = inner().map(|inner| {
        let path = format!("/providers/Microsoft.Management/managementGroups/{}", inner.id);
        described(&path, "Microsoft.Management/managementGroups", inner.id, inner.id, group.id)
    });
    let subscriptions = group.subscriptions.iter().filter_map(|id| state.subscriptions.find(id));
    let subscriptions = subscriptions.map(|one| {
        let parent = inner().find(|inner| inner.subscriptions.contains(&one.id.as_str()));
        let parent = parent.map_or(group.id, |parent| parent.id);
        described(&format!("/subscriptions/{}", one.id), "/subscriptions", &one.id, &one.display_name, parent)
    });
    groups.chain(subscriptions).collect()
}

fn described(id: &str, kind: &str, name: &str, display_name: &str, parent: &str) -> Value {
    let parent = format!("/providers/Microsoft.Management/managementGroups/{parent}");
    json!({"id": id, "type": kind, "name": name,
           "properties": {"displayName": display_name, "parent": {"id": parent}}})
}
