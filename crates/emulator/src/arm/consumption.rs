//! The older provider: the tags of a scope's costs.
//!
//! <https://learn.microsoft.com/rest/api/consumption/tags/get>

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::ToSpan as _;
use serde_json::{Value, json};

use super::auth::Caller;
use super::costs::{Basis, Wanted};
use super::dimensions::distinct;
use super::errors::ArmError;
use super::query::QueryScope;
use super::state::State;
use super::throttle;

/// The keys as people spelled them, each with its values: 200, or 204 where nothing is tagged.
pub(crate) fn tags(state: &State, caller: &Caller, scope: &QueryScope) -> Result<Response, ArmError> {
    scope.authorize(caller)?;
    throttle::admit_consumption(state, scope.path())?;
    let view = state.view();
    let to = view.today();
    let wanted = Wanted { from: to.saturating_sub(31.days()), to, basis: Basis::Actual, view: &view };
    let rows = distinct(scope.rows(wanted));
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for (key, value) in rows.iter().flat_map(|row| row.tags()) {
        match found.iter_mut().find(|(known, _)| *known == key) {
            Some((_, values)) if values.contains(&value) => {}
            Some((_, values)) => values.push(value),
            None => found.push((key, vec![value])),
        }
    }
    if found.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let tags: Vec<Value> =
        found.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let id = format!("{}/providers/Microsoft.Consumption/tags", scope.path().trim_start_matches('/'));
    Ok(Json(json!({
        "id": id, "name": "tags", "type": "Microsoft.Consumption/tags", "eTag": null,
        "properties": {"tags": tags, "nextLink": null, "previousLink": null},
    }))
    .into_response())
}
