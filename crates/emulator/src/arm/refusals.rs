//! Refusals of Cost Management that a test orders, in the words that were reported of it.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use uuid::Uuid;

use super::errors::ArmError;
use super::query::QueryScope;
use crate::faults::CostRefusalKind;

/// Where each was met: `cost-management-error-codes` of Microsoft's pages, and issues.
const BLOCKED: &str = "Request blocked. Your request to this resource has been denied. Please access this resource from the \
                       Cost Analysis blade on the Azure Portal.";
const ACCOUNT: &str = "Access to cost data has been disabled for account admins. Please query for usage (Quantity dimension) \
                       and contact the billing account admin. 'AO View Charges' must be enabled on the billing account.";
const DEPARTMENT: &str = "Access to cost data has been disabled for department admins. 'DA View Charges' must be enabled on \
                          the billing account.";
const INDIRECT: &str = "Access to cost data has been disabled because your partner has not published prices.";
const TIMEOUT: &str = "The gateway did not receive a response from 'Microsoft.CostManagement' within the specified time \
                       period.";

/// The answer of that kind.
pub(crate) fn response(kind: &CostRefusalKind, scope: &QueryScope) -> Response {
    let said = |status, code, message: String| ArmError::new(status, code, message).into_response();
    let with_id = |message: &str| format!("{message} (Request ID: {})", Uuid::new_v4());
    match kind {
        CostRefusalKind::RequestBlocked => said(StatusCode::UNAUTHORIZED, "401", BLOCKED.to_owned()),
        CostRefusalKind::AccessDenied => ArmError::rbac_access_denied().into_response(),
        CostRefusalKind::NotAcceptable => StatusCode::NOT_ACCEPTABLE.into_response(),
        CostRefusalKind::ReportTooLarge => {
            let message = with_id("The report is larger than 2 GB.");
            said(StatusCode::PAYLOAD_TOO_LARGE, "413", message)
        }
        CostRefusalKind::UnsupportedOffer => ArmError::unsupported_offer().into_response(),
        CostRefusalKind::FailedDependency => {
            let message = with_id("One or more errors occurred while the cost data was prepared.");
            said(StatusCode::FAILED_DEPENDENCY, "FailedDependency", message)
        }
        CostRefusalKind::Internal => ArmError::internal().into_response(),
        CostRefusalKind::NotSupported => {
            let (id, offer) = (scope.path().rsplit('/').next().unwrap_or_default(), "MS-AZR-0036P");
            let message = format!(
                "Cost management data is not supported for subscription(s) {id} with offer id(s) {offer}."
            );
            said(StatusCode::NOT_FOUND, "NotFound", with_id(&message))
        }
        CostRefusalKind::AccountCostDisabled => {
            said(StatusCode::BAD_REQUEST, "AccountCostDisabled", with_id(ACCOUNT))
        }
        CostRefusalKind::DepartmentCostDisabled => {
            said(StatusCode::BAD_REQUEST, "DepartmentCostDisabled", with_id(DEPARTMENT))
        }
        CostRefusalKind::IndirectCostDisabled => {
            said(StatusCode::BAD_REQUEST, "IndirectCostDisabled", with_id(INDIRECT))
        }
        CostRefusalKind::GatewayTimeout => {
            said(StatusCode::GATEWAY_TIMEOUT, "GatewayTimeout", TIMEOUT.to_owned())
        }
        CostRefusalKind::TooManyRequests(waits) => {
            let mut response = ArmError::too_many_requests().into_response();
            let named = waits.iter().filter_map(|(kind, wait)| Some((header(kind)?, wait)));
            let valued = named.filter_map(|(name, wait)| Some((name, HeaderValue::from_str(wait).ok()?)));
            response.headers_mut().extend(valued);
            response
        }
    }
}

/// The header that tells of a wait of this kind.
fn header(kind: &str) -> Option<HeaderName> {
    match kind.to_ascii_lowercase().as_str() {
        "retry-after" => Some(http::header::RETRY_AFTER),
        kind => format!("x-ms-ratelimit-microsoft.costmanagement-{kind}-retry-after").parse().ok(),
    }
}
