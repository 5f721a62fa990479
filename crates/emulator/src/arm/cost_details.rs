//! The cost details report: 202, polls, and a manifest of blobs behind signed links.
//!
//! <https://learn.microsoft.com/azure/cost-management-billing/automate/get-small-usage-datasets-on-demand>

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION, RETRY_AFTER};
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use self::csv::part;
use super::agreement::Agreement;
use super::auth::Caller;
use super::costs::{Basis, View, Wanted};
use super::errors::ArmError;
use super::query::{QueryScope, day};
use super::request::{ArmRequest, CostScope};
use super::state::State;
use super::throttle;
use crate::bounded::Bounded;
use crate::sas;

mod csv;

const MOST_REPORTS: usize = 10_000;

/// A report that was ordered. Its rows are generated when a blob is read.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) scope: CostScope,
    pub(crate) basis: Basis,
    pub(crate) start: Date,
    pub(crate) end: Date,
    owner: String,
    polls_left: u32,
    request: Value,
}

impl Report {
    /// Its rows, as they are to be seen.
    pub(crate) fn wanted<'a>(&self, view: &'a View) -> Wanted<'a> {
        Wanted { from: self.start, to: self.end, basis: self.basis, view }
    }
}

/// The reports ordered so far.
#[derive(Debug)]
pub(crate) struct Reports(Bounded<Report>);

impl Default for Reports {
    fn default() -> Self {
        Self(Bounded::new(MOST_REPORTS))
    }
}

impl Reports {
    pub(crate) fn get(&self, operation: &str) -> Option<Report> {
        self.0.get(operation).cloned()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    metric: Option<String>,
    time_period: Option<Period>,
}

#[derive(Debug, Deserialize)]
struct Period {
    start: String,
    end: String,
}

/// Orders a report: 202 with `Location` and `Retry-After`; 422 for an offer that Azure builds none of.
pub(crate) fn generate(
    state: &State,
    caller: &Caller,
    scope: &CostScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    authorize(caller, scope)?;
    if scope.subscription.agreement == Agreement::PayAsYouGo {
        return Err(ArmError::unsupported_offer());
    }
    let headers = throttle::admit(state, caller, &scope.path(), request, 1)?;
    let body: Value =
        serde_json::from_slice(request.body).map_err(|_| ArmError::bad_request("The body is not JSON."))?;
    let order: Order = serde_json::from_value(body.clone()).map_err(ArmError::bad_request)?;
    let basis = match order.metric.as_deref() {
        None | Some("ActualCost") => Basis::Actual,
        Some("AmortizedCost") => Basis::Amortized,
        Some(other) => return Err(ArmError::bad_request(format!("Invalid metric '{other}'."))),
    };
    let (start, end) = period(order.time_period.as_ref(), state.world.today())?;
    let operation = Uuid::new_v4().to_string();
    let report = Report {
        scope: scope.clone(),
        basis,
        start,
        end,
        owner: caller.oid().to_owned(),
        polls_left: state.world.config.report_polls,
        request: body,
    };
    state.reports().0.insert(operation.clone(), report);
    let mut response =
        accepted(state, scope, &operation, request.parameter("api-version").unwrap_or_default());
    response.headers_mut().extend(headers);
    Ok(response)
}

/// Answers a poll: 202 until the report is complete, then 200 with the manifest.
pub(crate) fn poll(
    state: &State,
    caller: &Caller,
    scope: &CostScope,
    operation: &str,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    authorize(caller, scope)?;
    let version = request.parameter("api-version").unwrap_or_default();
    let report = {
        let mut reports = state.reports();
        let report = reports.0.get_mut(operation).filter(|report| report.owner == caller.oid());
        let report = report.ok_or_else(|| ArmError::not_found(request.uri.path()))?;
        if report.polls_left > 0 {
            report.polls_left -= 1;
            return Ok(accepted(state, scope, operation, version));
        }
        report.clone()
    };
    Ok(Json(manifest(state, &report, operation, version)).into_response())
}

fn manifest(state: &State, report: &Report, operation: &str, version: &str) -> Value {
    let view = state.view();
    let rows = QueryScope::from(report.scope.clone()).rows(report.wanted(&view)).count();
    let parts = rows.div_ceil(state.world.config.report_rows_per_blob.max(1));
    let blobs: Vec<Value> = (0..parts)
        .map(|at| {
            let bytes = part(report, &view, at, state.world.config.report_rows_per_blob).len();
            json!({"blobLink": state.links.sign(&state.world, operation, at), "byteCount": bytes})
        })
        .collect();
    let total: u64 = blobs.iter().filter_map(|blob| blob["byteCount"].as_u64()).sum();
    let path = format!(
        "{}/providers/Microsoft.CostManagement/costDetailsOperationResults/{operation}",
        report.scope.path()
    );
    let valid_till = state.world.clock.now() + sas::LINK_LIFETIME;
    json!({
        "id": path.trim_start_matches('/'),
        "name": operation,
        "status": if parts == 0 { "NoDataFound" } else { "Completed" },
        "manifest": {
            "manifestVersion": version, "dataFormat": "Csv", "blobCount": parts, "byteCount": total,
            "compressData": false, "blobs": blobs,
            "requestContext": {
                "requestScope": report.scope.path().trim_start_matches('/'), "requestBody": report.request,
            },
        },
        "validTill": valid_till.to_string(),
    })
}

fn accepted(state: &State, scope: &CostScope, operation: &str, version: &str) -> Response {
    let location = format!(
        "{}{}/providers/Microsoft.CostManagement/costDetailsOperationResults/{operation}?api-version={version}",
        state.world.endpoints.arm,
        scope.path()
    );
    let mut response = StatusCode::ACCEPTED.into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response.headers_mut().insert(RETRY_AFTER, state.world.config.report_retry_after.into());
    response
}

fn authorize(caller: &Caller, scope: &CostScope) -> Result<(), ArmError> {
    if caller.may_read_costs(&scope.subscription.id, scope.resource_group.as_deref()) {
        return Ok(());
    }
    let action = "Microsoft.CostManagement/generateCostDetailsReport/action";
    Err(ArmError::authorization_failed(caller.display(), caller.oid(), action, &scope.path()))
}

/// At most one month, at most 13 months back; default the current month.
fn period(period: Option<&Period>, today: Date) -> Result<(Date, Date), ArmError> {
    let Some(period) = period else { return Ok((today.first_of_month(), today)) };
    let (start, end) = (day(&period.start)?, day(&period.end)?);
    let month_later = start.checked_add(1.month()).unwrap_or(end);
    let oldest = today.checked_sub(13.months()).unwrap_or(start);
    if start > end || end > month_later {
        return Err(ArmError::bad_request(
            "The time period must be at most one month, its start before its end.",
        ));
    }
    if start < oldest {
        return Err(ArmError::bad_request("The start date must be within the last 13 months."));
    }
    Ok((start, end))
}
