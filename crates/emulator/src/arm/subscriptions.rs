//! `GET /subscriptions`: those the caller has a role on, paged, and one of them alone.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::Method;
use serde_json::{Value, json};

use super::auth::Caller;
use super::costs::Subscription;
use super::errors::ArmError;
use super::request::ArmRequest;
use super::state::State;
use super::throttle;
use crate::tenant::contoso::TENANT_ID;

/// One page; `$skiptoken` is where it starts.
pub(crate) fn list(state: &State, caller: &Caller, request: &ArmRequest<'_>) -> Result<Response, ArmError> {
    if request.method != Method::GET {
        return Err(ArmError::not_found(request.uri.path()));
    }
    let headers = throttle::admit_read(state, caller, "")?;
    let start: usize = match request.parameter("$skiptoken") {
        Some(token) => token.parse().map_err(|_| ArmError::bad_request("The skip token is invalid."))?,
        None => 0,
    };
    let page = state.world.config.subscriptions_page.max(1);
    let visible: Vec<_> = state.subscriptions.iter().filter(|one| caller.may_see(&one.id)).collect();
    let value: Vec<Value> = visible.iter().skip(start).take(page).map(|one| describe(one)).collect();
    let mut body = json!({"value": value, "count": {"type": "Total", "value": visible.len()}});
    if start + page < visible.len() {
        let version = request.parameter("api-version").unwrap_or_default();
        let next = start + page;
        let link =
            format!("{}/subscriptions?api-version={version}&%24skiptoken={next}", state.world.endpoints.arm);
        body["nextLink"] = link.into();
    }
    let mut response = Json(body).into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}

/// One subscription.
pub(crate) fn get(state: &State, caller: &Caller, id: &str) -> Result<Response, ArmError> {
    let subscription = state.subscriptions.find(id).ok_or_else(|| ArmError::subscription_not_found(id))?;
    if !caller.may_see(id) {
        let action = "Microsoft.Resources/subscriptions/read";
        let scope = format!("/subscriptions/{id}");
        return Err(ArmError::authorization_failed(caller.display(), caller.oid(), action, &scope));
    }
    Ok(Json(describe(&subscription)).into_response())
}

fn describe(subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "tags": {"environment": subscription.environment},
        "subscriptionId": subscription.id,
        "tenantId": TENANT_ID,
        "displayName": subscription.display_name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": subscription.agreement.quota_id(),
            "spendingLimit": "Off",
        },
    })
}
