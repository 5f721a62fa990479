//! Azure Resource Manager with Cost Management behind it: who calls is proven first, then the path decides.
//!
//! Paths are matched without regard to case, as in life.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::response::{IntoResponse, Response};
use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode, Uri};
use uuid::Uuid;

use self::auth::Caller;
use self::benefits::report::Report;
use self::benefits::reservations::Listed;
use self::benefits::{lots, recommendations, report, reservations, utilization};
use self::budgets::Provider;
use self::errors::ArmError;
use self::query::QueryScope;
use self::request::{ArmRequest, CostScope};
use self::state::State;
use crate::counters::bump;
use crate::faults::{Answering, Endpoint, Foreign, Strike};

pub(crate) mod agreement;
pub(crate) mod auth;
pub(crate) mod benefits;
pub(crate) mod budgets;
pub(crate) mod consumption;
pub(crate) mod cost_details;
pub(crate) mod costs;
pub(crate) mod dimensions;
pub(crate) mod errors;
pub(crate) mod management_groups;
pub(crate) mod odata;
pub(crate) mod permissions;
pub(crate) mod query;
pub(crate) mod raw;
pub(crate) mod refusals;
pub(crate) mod request;
pub(crate) mod role_assignments;
pub(crate) mod state;
pub(crate) mod subscriptions;
pub(crate) mod throttle;

/// Versions every route here understands; Azure lists its own per resource type.
const API_VERSIONS: &[&str] = &[
    "2016-06-01",
    "2018-05-31",
    "2019-01-01",
    "2019-10-01",
    "2019-11-01",
    "2020-01-01",
    "2020-05-01",
    "2020-06-01",
    "2021-01-01",
    "2021-04-01",
    "2021-10-01",
    "2022-01-01",
    "2022-04-01",
    "2022-05-01",
    "2022-09-01",
    "2022-10-01",
    "2022-12-01",
    "2023-03-01",
    "2023-04-01",
    "2023-08-01",
    "2023-11-01",
    "2024-08-01",
    "2025-03-01",
    "2026-06-01",
];

/// The ARM listener.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new().fallback(handle).layer(DefaultBodyLimit::max(1 << 20)).with_state(state)
}

async fn handle(
    Shared(state): Shared<Arc<State>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    state.world.counters.add(|counts| counts.arm_requests += 1);
    let mut response = match strike(&state, uri.path()).await {
        Some(strike) => struck(strike, uri.path()),
        None => answer(&state, &method, &uri, &headers, &body)
            .unwrap_or_else(|error| error.saying(&state.world.config.written).into_response()),
    };
    if response.extensions().get::<Foreign>().is_none() {
        stamp(&state, &headers, response.headers_mut());
    }
    response
}

/// What hits a request before it is looked at.
async fn strike(state: &State, path: &str) -> Option<Strike> {
    let faults = &state.world.faults;
    match faults.strike(Endpoint::Arm).await {
        None if path.to_ascii_lowercase().ends_with("/microsoft.authorization/permissions") => {
            faults.strike(Endpoint::Permissions).await
        }
        strike => strike,
    }
}

fn answer(
    state: &State,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, ArmError> {
    let caller = auth::authenticate(&state.world, headers)?;
    state.world.counters.add(|counts| bump(&mut counts.arm_by_person, caller.name()));
    let query = uri.query().unwrap_or_default().as_bytes();
    let parameters =
        url::form_urlencoded::parse(query).map(|(k, v)| (k.to_ascii_lowercase(), v.into_owned())).collect();
    let request = ArmRequest { method, uri, headers, parameters, body };
    check_api_version(&request)?;
    route(state, &caller, &request)
}

fn route(state: &State, caller: &Caller, request: &ArmRequest<'_>) -> Result<Response, ArmError> {
    // Microsoft's libraries encode the colon of a billing account.
    let path = request::decoded(request.uri.path());
    let path = path.as_str();
    let lower = path.to_ascii_lowercase();
    let segments: Vec<&str> = lower.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        ["subscriptions"] => {
            count(state, "subscriptions");
            if let Some(answer) = state.world.faults.take_odd_answer(Answering::Subscriptions) {
                return Ok(answer.response());
            }
            return subscriptions::list(state, caller, request);
        }
        ["subscriptions", id] => {
            count(state, "subscriptions/read");
            return subscriptions::get(state, caller, id);
        }
        _ => {}
    }
    // A scope may hold a `providers` of its own; the last one is the operation's.
    let at = lower.rfind("/providers/").ok_or_else(|| ArmError::not_found(path))?;
    let (scope, operation) = (&path[..at], &lower[at + "/providers/".len()..]);
    let operation: Vec<&str> = operation.split('/').filter(|segment| !segment.is_empty()).collect();
    match (operation.as_slice(), request.method == Method::GET) {
        (["microsoft.management", "managementgroups", id, "descendants"], true) if scope.is_empty() => {
            count(state, "Microsoft.Management/managementGroups/descendants");
            management_groups::descendants(state, caller, id, request)
        }
        (["microsoft.authorization", operation @ ..], _) => {
            authorization(state, caller, scope, operation, request)
        }
        (["microsoft.costmanagement", operation @ ..], _) => {
            cost_management(state, caller, scope, operation, request)
        }
        (["microsoft.consumption", "tags"], true) => {
            count(state, "Microsoft.Consumption/tags");
            consumption::tags(state, caller, &QueryScope::parse(scope, &state.subscriptions)?)
        }
        (["microsoft.consumption", "lots"], true) => {
            count(state, "Microsoft.Consumption/lots");
            lots::list(state, caller, &QueryScope::parse(scope, &state.subscriptions)?, request)
        }
        (["microsoft.consumption", "events"], true) => {
            count(state, "Microsoft.Consumption/events");
            lots::events(state, caller, &QueryScope::parse(scope, &state.subscriptions)?, request)
        }
        (["microsoft.consumption", "reservationsummaries"], true) => {
            count(state, "Microsoft.Consumption/reservationSummaries");
            of_reservations(state, caller, scope, Listed::Summaries, request)
        }
        (["microsoft.consumption", "reservationdetails"], true) => {
            count(state, "Microsoft.Consumption/reservationDetails");
            of_reservations(state, caller, scope, Listed::Details, request)
        }
        (["microsoft.consumption", "budgets", name @ ..], true) => {
            count(state, "Microsoft.Consumption/budgets");
            let scope = QueryScope::parse(scope, &state.subscriptions)?;
            of_budgets(state, caller, (&scope, Provider::Consumption), name, request)
        }
        _ => Err(ArmError::not_found(path)),
    }
}

fn authorization(
    state: &State,
    caller: &Caller,
    scope: &str,
    operation: &[&str],
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    let scope = CostScope::parse(scope, &state.subscriptions)?;
    match (operation, request.method) {
        (["roledefinitions"], &Method::GET) => role_assignments::definitions(caller, &scope, request),
        (["roleassignments", name], &Method::PUT) => {
            role_assignments::create(state, caller, &scope, name, request)
        }
        (["permissions"], &Method::GET) => {
            count(state, "Microsoft.Authorization/permissions");
            permissions::list(state, caller, &scope)
        }
        _ => Err(ArmError::not_found(request.uri.path())),
    }
}

fn cost_management(
    state: &State,
    caller: &Caller,
    scope: &str,
    operation: &[&str],
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    if let (Some(order), ["benefitutilizationsummaries"], &Method::GET) = (
        order_in(scope, "microsoft.billingbenefits", ["savingsplanorders", "savingsplans"]),
        operation,
        request.method,
    ) {
        count(state, "Microsoft.CostManagement/benefitUtilizationSummaries");
        return utilization::of_order(state, caller, order, request);
    }
    let named = QueryScope::parse(scope, &state.subscriptions)?;
    if let Some(answer) = state.world.faults.take_odd_answer(Answering::CostManagement) {
        return Ok(answer.response());
    }
    if let Some(kind) = operation.first().and_then(|name| state.world.faults.take_cost_refusal(name)) {
        count(state, "Microsoft.CostManagement, refused");
        return Ok(refusals::response(&kind, &named));
    }
    match (operation, request.method) {
        (["query"], _) => {
            count(state, "Microsoft.CostManagement/query");
            query::handle(state, caller, &named, request)
        }
        (["forecast"], _) => {
            count(state, "Microsoft.CostManagement/forecast");
            query::forecast::handle(state, caller, &named, request)
        }
        (["dimensions"], &Method::GET) => {
            count(state, "Microsoft.CostManagement/dimensions");
            dimensions::list(state, caller, &named, request)
        }
        (["benefitutilizationsummaries"], &Method::GET) => {
            count(state, "Microsoft.CostManagement/benefitUtilizationSummaries");
            utilization::list(state, caller, &named, request)
        }
        (["benefitrecommendations"], &Method::GET) => {
            count(state, "Microsoft.CostManagement/benefitRecommendations");
            recommendations::list(state, caller, &named, request)
        }
        (["budgets", name @ ..], &Method::GET) => {
            count(state, "Microsoft.CostManagement/budgets");
            of_budgets(state, caller, (&named, Provider::CostManagement), name, request)
        }
        (["generatebenefitutilizationsummariesreport"], &Method::POST) => {
            count(state, "Microsoft.CostManagement/generateBenefitUtilizationSummariesReport");
            report::generate(state, caller, &named, Report::Utilization, request)
        }
        (["generatereservationdetailsreport"], &Method::POST) => {
            count(state, "Microsoft.CostManagement/generateReservationDetailsReport");
            report::generate(state, caller, &named, Report::Reservations, request)
        }
        (
            ["benefitutilizationsummariesoperationresults" | "reservationdetailsoperationresults", operation],
            &Method::GET,
        ) => report::poll(state, caller, operation, request),
        (["generatecostdetailsreport"], &Method::POST) => {
            count(state, "Microsoft.CostManagement/generateCostDetailsReport");
            cost_details::generate(state, caller, named, request)
        }
        (["costdetailsoperationresults", operation], &Method::GET) => {
            count(state, "Microsoft.CostManagement/costDetailsOperationResults");
            cost_details::poll(state, caller, &named, operation, request)
        }
        _ => Err(ArmError::not_found(request.uri.path())),
    }
}

/// The ids of an order and of what is in it, where the path is one of theirs.
fn order_in<'a>(
    path: &'a str,
    provider: &str,
    [orders, members]: [&str; 2],
) -> Option<(&'a str, Option<&'a str>)> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let is = |at: usize, word: &str| segments.get(at).is_some_and(|one| one.eq_ignore_ascii_case(word));
    let is_order = is(0, "providers") && is(1, provider) && is(2, orders);
    match segments.as_slice() {
        [_, _, _, order] if is_order => Some((order, None)),
        [_, _, _, order, _, own] if is_order && is(4, members) => Some((order, Some(own))),
        _ => None,
    }
}

fn of_reservations(
    state: &State,
    caller: &Caller,
    scope: &str,
    listed: Listed,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    if let Some(order) = order_in(scope, "microsoft.capacity", ["reservationorders", "reservations"]) {
        return reservations::of_order(state, caller, order, listed, request);
    }
    reservations::list(state, caller, &QueryScope::parse(scope, &state.subscriptions)?, listed, request)
}

/// The list, or the one that is named.
fn of_budgets(
    state: &State,
    caller: &Caller,
    place: (&QueryScope, Provider),
    name: &[&str],
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    match name {
        [] => budgets::list(state, caller, place, request),
        [name] => budgets::get(state, caller, place, name, request),
        _ => Err(ArmError::not_found(request.uri.path())),
    }
}

fn check_api_version(request: &ArmRequest<'_>) -> Result<(), ArmError> {
    let version = request.parameter("api-version").filter(|version| !version.is_empty());
    let version = version.ok_or_else(ArmError::missing_api_version)?;
    if API_VERSIONS.contains(&version.trim_end_matches("-preview")) {
        return Ok(());
    }
    Err(ArmError::invalid_api_version(version, API_VERSIONS))
}

fn count(state: &State, operation: &str) {
    state.world.counters.add(|counts| bump(&mut counts.arm_by_operation, operation));
}

/// A fault's answer. Cost Management's 429 carries its own header, and `Retry-After` only elsewhere.
fn struck(strike: Strike, path: &str) -> Response {
    let is_cost = path.to_ascii_lowercase().contains("microsoft.costmanagement");
    let status = StatusCode::from_u16(strike.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let error = match strike.status {
        429 if is_cost => ArmError::too_many_requests(),
        429 => {
            ArmError::new(status, "SubscriptionRequestsThrottled", "Number of requests exceeded the limit.")
        }
        403 => {
            let message = "The client does not have authorization to perform the action over the scope.";
            ArmError::new(status, "AuthorizationFailed", message)
        }
        504 => ArmError::new(status, "GatewayTimeout", "The gateway did not receive a response in time."),
        _ => ArmError::new(status, "ServiceUnavailable", "The service is temporarily unavailable."),
    };
    let mut response = error.into_response();
    if let Some(seconds) = strike.retry_after {
        let own = HeaderName::from_static("x-ms-ratelimit-microsoft.costmanagement-entity-retry-after");
        let name = if is_cost && strike.status == 429 { own } else { RETRY_AFTER };
        response.headers_mut().insert(name, seconds.into());
    }
    response
}

/// Headers on every answer of ARM.
fn stamp(state: &State, request: &HeaderMap, response: &mut HeaderMap) {
    let id = Uuid::new_v4().to_string();
    let texts = [
        ("x-ms-request-id", id.clone()),
        ("x-ms-correlation-request-id", id.clone()),
        (
            "x-ms-routing-request-id",
            format!("WESTEUROPE:{}:{id}", state.world.clock.now().strftime("%Y%m%dT%H%M%SZ")),
        ),
        ("x-content-type-options", "nosniff".to_owned()),
        ("cache-control", "no-cache".to_owned()),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.insert(HeaderName::from_static(name), value);
        }
    }
    if let Some(client) = request.get("x-ms-client-request-id") {
        response.insert(HeaderName::from_static("x-ms-client-request-id"), client.clone());
    }
}
