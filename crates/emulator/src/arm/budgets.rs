//! Budgets: what people plan to spend, and what the last daily evaluation says of it. Both providers have them, under one form.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/budgets>

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use self::evaluated::Evaluated;
use super::auth::Caller;
use super::errors::ArmError;
use super::query::{QueryScope, number};
use super::request::ArmRequest;
use super::state::State;
use super::throttle;

pub(crate) use self::kept::{Budget, Budgets, Provider};
pub use self::order::BudgetError;

mod evaluated;
mod kept;
mod order;
mod window;

/// The budgets of a scope, page by page; a subscription's list has those of its resource groups too, under whatever name.
pub(crate) fn list(
    state: &State,
    caller: &Caller,
    (scope, provider): (&QueryScope, Provider),
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    scope.authorize(caller)?;
    let category = category(request)?;
    let start = match request.parameter("$skiptoken") {
        Some(token) => token.parse().map_err(|_| ArmError::bad_request("The skip token is invalid."))?,
        None => 0,
    };
    let headers = admit(state, caller, (scope, provider), request)?;
    let is_wanted = |budget: &&Budget| {
        budget.is_listed_at(scope.path())
            && budget.shows_at(provider, state.world.config.budgets_are_shared)
            && category.is_none_or(|wanted| wanted.eq_ignore_ascii_case(&budget.category))
    };
    let all = state.budgets();
    let found: Vec<&Budget> = all.iter().filter(is_wanted).collect();
    let size = state.world.config.budgets_page.max(1);
    let value: Vec<Value> = found
        .iter()
        .skip(start)
        .take(size)
        .map(|budget| described(state, budget, provider))
        .collect::<Result<_, _>>()?;
    let mut body = json!({"value": value});
    if start + size < found.len() {
        body["nextLink"] = next_link(state, (scope, provider), request, start + size).into();
    }
    let mut response = Json(body).into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}

/// One budget by its name. One of a resource group is no budget of the subscription.
pub(crate) fn get(
    state: &State,
    caller: &Caller,
    (scope, provider): (&QueryScope, Provider),
    name: &str,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    scope.authorize(caller)?;
    let headers = admit(state, caller, (scope, provider), request)?;
    let all = state.budgets();
    let is_it = |budget: &&Budget| {
        budget.is_of(scope.path())
            && budget.shows_at(provider, state.world.config.budgets_are_shared)
            && budget.name.eq_ignore_ascii_case(name)
    };
    let budget = all.iter().find(is_it).ok_or_else(|| {
        let message = format!("The budget '{name}' could not be found.");
        ArmError::new(StatusCode::NOT_FOUND, "404", message)
    })?;
    let mut response = Json(described(state, budget, provider)?).into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}

/// Each provider counts by itself.
fn admit(
    state: &State,
    caller: &Caller,
    (scope, provider): (&QueryScope, Provider),
    request: &ArmRequest<'_>,
) -> Result<HeaderMap, ArmError> {
    match provider {
        Provider::CostManagement => throttle::admit(state, caller, scope.path(), request, 1),
        Provider::Consumption => throttle::admit_consumption(state, scope.path()).map(|()| HeaderMap::new()),
    }
}

/// The one category that is asked for.
fn category<'a>(request: &'a ArmRequest<'_>) -> Result<Option<&'a str>, ArmError> {
    let Some(filter) = request.parameter("$filter") else { return Ok(None) };
    let value = filter.trim().strip_prefix("properties/category eq '");
    let value = value.and_then(|rest| rest.strip_suffix('\''));
    let known =
        value.filter(|value| kept::CATEGORIES.iter().any(|category| category.eq_ignore_ascii_case(value)));
    known.map(Some).ok_or_else(|| ArmError::bad_request("Invalid query parameter: $filter."))
}

fn next_link(
    state: &State,
    (scope, provider): (&QueryScope, Provider),
    request: &ArmRequest<'_>,
    start: usize,
) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("api-version", request.parameter("api-version").unwrap_or_default());
    if let Some(filter) = request.parameter("$filter") {
        query.append_pair("$filter", filter);
    }
    query.append_pair("$skiptoken", &start.to_string());
    let (arm, path, provider) = (&state.world.endpoints.arm, scope.path(), provider.name());
    format!("{arm}{path}/providers/{provider}/budgets?{}", query.finish())
}

/// A budget as the service shows it: what people ordered, and what the last evaluation found.
fn described(state: &State, budget: &Budget, provider: Provider) -> Result<Value, ArmError> {
    let provider = provider.name();
    let mut properties = budget.properties();
    let scope = QueryScope::parse(&budget.scope, &state.subscriptions)?;
    if let Some(Evaluated { spend, forecast, unit }) = evaluated::of(budget, &scope, &state.view()) {
        let spend = spend.map(number);
        properties["currentSpend"] = json!({"amount": spend, "unit": unit});
        if let Some(forecast) = forecast {
            properties["forecastSpend"] = json!({"amount": number(forecast), "unit": unit});
        }
    }
    Ok(json!({
        "id": format!("{}/providers/{provider}/budgets/{}", budget.scope, budget.name),
        "name": budget.name,
        "type": format!("{provider}/budgets"),
        "eTag": budget.etag(),
        "properties": properties,
    }))
}
