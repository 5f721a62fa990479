//! The cost details report: 202, polls, and a manifest of blobs behind signed links.
//!
//! <https://learn.microsoft.com/azure/cost-management-billing/automate/get-small-usage-datasets-on-demand>

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION, RETRY_AFTER};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use self::layout::Extent;
use self::layout::Layout;
use self::order::Order;
use self::report::Made;
pub(crate) use self::report::{Report, Reports};
use super::auth::Caller;
use super::errors::ArmError;
use super::query::QueryScope;
use super::request::ArmRequest;
use super::state::State;
use super::throttle;
use crate::sas;

mod columns;
mod csv;
mod layout;
mod order;
mod report;
#[cfg(test)]
mod tests;

/// Orders a report: 202 with `Location` and `Retry-After`; 422 for an offer that Azure builds none of.
pub(crate) fn generate(
    state: &State,
    caller: &Caller,
    scope: QueryScope,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    scope.authorize_details(caller)?;
    if scope.is_pay_as_you_go() {
        return Err(ArmError::unsupported_offer());
    }
    let headers = throttle::admit(state, caller, scope.path(), request, 1)?;
    let body: Value = serde_json::from_slice(request.body).map_err(|_| order::invalid())?;
    let order = Order::read(&body)?;
    let (basis, days) = (order.basis()?, order.days(scope.agreement(), state.world.today())?);
    let (view, rows_per_blob) = (state.view(), state.world.config.report_rows_per_blob);
    let faults = state.world.faults.settings().reports;
    let report = Report {
        is_compressed: faults.compressed,
        odd_header: faults.odd_header,
        owner: caller.oid().to_owned(),
        polls_left: state.world.config.report_polls,
        request: body,
        ..Report::of(Made { scope, basis, days, view, rows_per_blob })
    };
    report.make();
    let operation = Uuid::new_v4().to_string();
    let mut response = accepted(state, &report, &operation, request);
    state.reports().0.insert(operation, report);
    response.headers_mut().extend(headers);
    Ok(response)
}

/// Answers a poll: 202 until the report is complete, then 200 with the manifest.
pub(crate) fn poll(
    state: &State,
    caller: &Caller,
    scope: &QueryScope,
    operation: &str,
    request: &ArmRequest<'_>,
) -> Result<Response, ArmError> {
    scope.authorize_details(caller)?;
    let report = {
        let mut reports = state.reports();
        if state.world.faults.take_report_fault(|faults| &mut faults.forgotten) {
            reports.0.remove(operation);
        }
        let report = reports.0.get_mut(operation).filter(|report| report.owner == caller.oid());
        let report = report.ok_or_else(|| ArmError::not_found(request.uri.path()))?;
        if report.polls_left > 0 {
            report.polls_left -= 1;
            return Ok(accepted(state, report, operation, request));
        }
        report.clone()
    };
    let Some(layout) = report.layout() else { return Ok(accepted(state, &report, operation, request)) };
    if state.world.faults.take_report_fault(|faults| &mut faults.failed) {
        return Ok(Json(failed(&report, operation)).into_response());
    }
    Ok(Json(manifest(state, &report, layout, operation, request)).into_response())
}

fn manifest(
    state: &State,
    report: &Report,
    layout: &Layout,
    operation: &str,
    request: &ArmRequest<'_>,
) -> Value {
    let blobs = layout.blobs.iter().enumerate().map(|(at, blob)| {
        json!({"blobLink": state.links.sign(&state.world, operation, at), "byteCount": blob.bytes})
    });
    let total: u64 = layout.blobs.iter().map(|blob| blob.bytes).sum();
    let valid_till = state.world.clock.now() + sas::LINK_LIFETIME;
    json!({
        "id": id(report, operation),
        "name": operation,
        "status": if layout.blobs.is_empty() { "NoDataFound" } else { "Completed" },
        "manifest": {
            "manifestVersion": request.parameter("api-version").unwrap_or_default(), "dataFormat": "Csv",
            "blobCount": layout.blobs.len(), "byteCount": total, "compressData": report.is_compressed,
            "blobs": blobs.collect::<Vec<_>>(),
            "requestContext": {
                "requestScope": report.scope.path().trim_start_matches('/'), "requestBody": report.request,
            },
        },
        "validTill": valid_till.to_string(),
    })
}

/// What is said of a report that could not be made.
fn failed(report: &Report, operation: &str) -> Value {
    json!({
        "id": id(report, operation), "name": operation, "status": "Failed",
        "error": {"code": "InternalServerError", "message": "The report could not be generated. Please try again."},
    })
}

fn id(report: &Report, operation: &str) -> String {
    let path = report.scope.path().trim_start_matches('/');
    format!("{path}/providers/Microsoft.CostManagement/costDetailsOperationResults/{operation}")
}

fn accepted(state: &State, report: &Report, operation: &str, request: &ArmRequest<'_>) -> Response {
    let (arm, id) = (&state.world.endpoints.arm, id(report, operation));
    let location = format!("{arm}/{id}?api-version={}", request.parameter("api-version").unwrap_or_default());
    let mut response = StatusCode::ACCEPTED.into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response.headers_mut().insert(RETRY_AFTER, state.world.config.report_retry_after.into());
    response
}
